//! What holds of every log, wherever it is: each backend runs these on logs of its own.

use std::thread;

use proptest::prelude::*;

use super::{Durability, Log, Position, Readable, Record, Topic};

/// What is done to a log.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Append(Topic, Vec<u8>),
    Flush,
    Reopen,
    Read(prop::sample::Index),
    Get(prop::sample::Index),
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let topic = (1_u8..7).prop_map(|number| Topic::from_number(number).unwrap());
    let size = prop_oneof![8 => 0_usize..100, 1 => 0_usize..3_000];
    let payload = size.prop_flat_map(|size| prop::collection::vec(any::<u8>(), size));
    prop_oneof![
        10 => (topic, payload).prop_map(|(topic, payload)| Operation::Append(topic, payload)),
        1 => Just(Operation::Flush),
        1 => Just(Operation::Reopen),
        2 => any::<prop::sample::Index>().prop_map(Operation::Read),
        2 => any::<prop::sample::Index>().prop_map(Operation::Get),
    ]
}

/// Whatever is done, it is a list of records: `open` opens the same log again, and it ends where it ended.
pub(crate) fn is_a_list<L: Log>(open: impl Fn() -> L, operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let mut log = open();
    let mut list: Vec<Record> = Vec::new();
    let mut durable = 0;
    for operation in operations {
        match operation {
            Operation::Append(topic, payload) => {
                let position = log.append(topic, &payload).unwrap();
                prop_assert_eq!(position, Position(list.len() as u64));
                list.push(Record { position, topic, payload });
            }
            Operation::Flush => {
                durable = list.len();
                prop_assert_eq!(log.flush().unwrap(), Position(durable as u64));
            }
            Operation::Reopen => {
                durable = list.len();
                drop(log);
                log = open();
                let now = log.durability().borrow().clone();
                prop_assert_eq!(now, Durability::Until { end: Position(durable as u64) });
            }
            Operation::Read(from) => {
                let from = from.index(list.len() + 2);
                let records = read(&log, from as u64);
                prop_assert!(from + records.len() >= durable);
                prop_assert_eq!(&records[..], list.get(from..from + records.len()).unwrap_or_default());
            }
            Operation::Get(position) => {
                let position = position.index(list.len() + 2);
                let record = log.get(Position(position as u64)).unwrap();
                prop_assert!(record.is_some() || position >= durable);
                prop_assert!(record.is_none() || record.as_ref() == list.get(position));
            }
        }
    }
    Ok(())
}

/// Threads get positions in the order of the log, and others read meanwhile; who hears of a record can read it.
pub(crate) fn is_one_order(log: &impl Log) {
    const THREADS: u64 = 4;
    const EACH: u64 = 2_000;
    let mut given: Vec<(Position, Vec<u8>)> = thread::scope(|scope| {
        let append = |thread: u64| {
            let payloads = (0..EACH).map(move |number| format!("{thread} {number}").into_bytes());
            // Half of them are pushed by who comes after.
            let append = |payload: &[u8]| match payload.len() % 2 {
                0 => log.append(Topic::Event, payload).unwrap(),
                _ => log.put(Topic::Event, payload).unwrap(),
            };
            let given = payloads.map(|payload| (append(&payload), payload)).collect::<Vec<_>>();
            log.push();
            given
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || append(thread))).collect();
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while seen < THREADS * EACH {
                let Durability::Until { end } = *log.durability().borrow() else { panic!("it failed") };
                for record in read(log, seen) {
                    assert_eq!(record.position, Position(seen));
                    seen += 1;
                }
                assert!(end <= Position(seen), "{end} is durable but cannot be read");
            }
        });
        reader.join().unwrap();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    given.sort();
    let read: Vec<_> = read(log, 0).into_iter().map(|record| (record.position, record.payload)).collect();
    assert_eq!(given, read);
    assert_eq!(read.len() as u64, THREADS * EACH);
}

/// All records from a position on.
pub(crate) fn read(log: &impl Readable, from: u64) -> Vec<Record> {
    log.read(Position(from)).unwrap().map(Result::unwrap).collect()
}
