//! On a real broker: where there is no Java, they say so and pass.

#[path = "../../../../tests/support/kafka.rs"]
mod broker;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use proptest::test_runner::{Config, TestRunner};
use rdkafka::message::{Headers, Message as _};

use self::broker::Broker;
use super::client::{Reading, from_offset};
use super::*;
use crate::Timestamp;
use crate::log::suite;

/// One for all tests; each has topics of its own.
fn broker() -> Option<&'static Broker> {
    static BROKER: OnceLock<Option<Broker>> = OnceLock::new();
    BROKER.get_or_init(Broker::start).as_ref()
}

/// The settings of a log that nobody else has.
fn new_log(broker: &Broker, query: &str) -> Settings {
    static LOGS: AtomicU64 = AtomicU64::new(0);
    let number = LOGS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let address = Address::parse(&format!("kafka://{}/log-{number}{query}", broker.address())).unwrap();
    Settings::new(address, BTreeMap::new()).unwrap()
}

/// Tells others of decisions: as they are, by their first byte.
fn outlet() -> Outlet {
    Box::new(|_, topic, payload, _| {
        let outgoing =
            Outgoing { stream: Stream::Decisions, key: payload.iter().take(1).copied().collect(), value: payload.to_vec() };
        Ok((topic == Topic::Decision).then_some(outgoing))
    })
}

fn open(settings: &Settings) -> KafkaLog {
    KafkaLog::open(settings.clone(), outlet(), Arc::default()).unwrap()
}

fn clients(settings: &Settings) -> Clients {
    Clients { settings: settings.clone(), figures: Arc::default() }
}

/// A producer of others.
fn produce(settings: &Settings, topic: &str, messages: &[Option<&[u8]>]) {
    use rdkafka::producer::BaseRecord;
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &settings.address.brokers).set("message.max.bytes", "20000000");
    let producer: rdkafka::producer::BaseProducer = config.create().unwrap();
    for message in messages {
        let record = BaseRecord::<[u8], [u8]>::to(topic);
        let record = message.iter().fold(record, |record, message| record.payload(message));
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

fn make_topic(settings: &Settings, topic: &str, partitions: i32, message_bytes: &str) {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &settings.address.brokers);
    let admin: rdkafka::admin::AdminClient<_> = config.create().unwrap();
    let new = rdkafka::admin::NewTopic::new(topic, partitions, rdkafka::admin::TopicReplication::Fixed(1));
    let new = new.set("max.message.bytes", message_bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let made = runtime.block_on(admin.create_topics([&new], &rdkafka::admin::AdminOptions::new())).unwrap();
    made[0].as_ref().unwrap();
}

/// The key, the value, and the headers of a message.
type Found = (Vec<u8>, Vec<u8>, Vec<(String, String)>);

/// Every committed message of a topic.
fn messages(settings: &Settings, topic: &str) -> Vec<Found> {
    use rdkafka::consumer::Consumer;
    let consumer: Reading = clients(settings).reader(&[]).unwrap();
    let partitions = clients(settings).partitions(&consumer, topic).unwrap();
    let mut found = Vec::new();
    for partition in 0..partitions {
        consumer.assign(&from_offset(topic, partition, rdkafka::Offset::Beginning).unwrap()).unwrap();
        loop {
            match consumer.poll(Duration::from_secs(10)) {
                Some(Ok(message)) => {
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
                    let headers = headers.map(|header| (header.key.to_owned(), text(header.value))).collect();
                    let bytes = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
                    found.push((bytes(message.key()), bytes(message.payload()), headers));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    found
}

/// Who is refused may hear of it before everybody else does.
fn until_failed(log: &KafkaLog) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !matches!(*log.durability().borrow(), Durability::Failed { .. }) {
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_log_is_a_list() {
    let Some(broker) = broker() else { return };
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    let operations = proptest::collection::vec(suite::operation(), 1..40);
    let is_a_list = |operations| {
        let settings = new_log(broker, "");
        suite::is_a_list(|| open(&settings), operations)
    };
    runner.run(&operations, is_a_list).unwrap();
}

#[test]
fn threads_get_positions_in_one_order_and_read_meanwhile() {
    let Some(broker) = broker() else { return };
    suite::is_one_order(&open(&new_log(broker, "")));
}

#[test]
fn a_position_is_found_among_marks_and_what_was_aborted() {
    const RECORDS: u64 = 12_000;
    let Some(broker) = broker() else { return };
    let settings = new_log(broker, "");
    let log = open(&settings);
    let payload = |number: u64| format!("record {number}").into_bytes();
    for number in 0..RECORDS {
        // Transactions of one record and of thousands, and some that come to nothing.
        log.put(Topic::Event, &payload(number)).unwrap();
        if number < 200 || number.is_multiple_of(1_500) {
            log.flush().unwrap();
        }
    }
    let end = log.flush().unwrap();
    assert_eq!(end, Position(RECORDS));
    drop(log);
    abort(&settings, 3_000);
    let log = open(&settings);
    log.append(Topic::Label, b"after").unwrap();
    log.flush().unwrap();

    let read = KafkaReader::open(settings.clone()).unwrap();
    assert_eq!(read.refresh().unwrap(), Position(RECORDS + 1));
    for number in [RECORDS - 1, 0, 199, 200, 5_000, 11_000, 1_500, 3, 7_777, 5_001] {
        assert_eq!(read.get(Position(number)).unwrap().unwrap().payload, payload(number), "record {number}");
        let found: Vec<_> = read.read(Position(number)).unwrap().take(3).map(|record| record.unwrap().position.0).collect();
        assert_eq!(found, (number..(number + 3).min(RECORDS + 1)).collect::<Vec<_>>());
    }
    assert_eq!(read.get(Position(RECORDS)).unwrap().unwrap().payload, b"after");
    assert_eq!(read.get(Position(RECORDS + 1)).unwrap(), None);
    assert_eq!(suite::read(&read, 0).len() as u64, RECORDS + 1);
}

/// Writes so many messages into the journal as the log itself does, and aborts them.
fn abort(settings: &Settings, messages: usize) {
    use rdkafka::producer::BaseRecord;
    let clients = clients(settings);
    let writer = clients.writer().unwrap();
    writer.init_transactions(OPENING).unwrap();
    writer.begin_transaction().unwrap();
    let journal = settings.address.journal();
    for _ in 0..messages {
        let record = BaseRecord::to(&journal).partition(0).key(&[0_u8][..]).payload(&b"nothing"[..]);
        writer.send(record).map_err(|(error, _)| error).unwrap();
    }
    while writer.in_flight_count() > 0 {
        writer.poll(Duration::from_millis(1));
    }
    writer.abort_transaction(OPENING).unwrap();
}

#[test]
fn who_was_taken_over_writes_nothing_more() {
    let Some(broker) = broker() else { return };
    let settings = new_log(broker, "");
    let old = open(&settings);
    old.append(Topic::Event, b"of the old one").unwrap();
    old.flush().unwrap();
    let new = open(&settings);
    assert_eq!(*new.durability().borrow(), Durability::Until { end: Position(1) });
    old.append(Topic::Event, b"too late").unwrap();
    let error = old.flush().unwrap_err();
    assert!(error.to_string().contains("another riskflow has taken over the log"), "{error}");
    until_failed(&old);
    assert!(matches!(&*old.durability().borrow(), Durability::Failed { end: Position(1), .. }));
    assert!(old.append(Topic::Event, b"more").is_err());

    assert_eq!(new.append(Topic::Event, b"of the new one").unwrap(), Position(1));
    new.flush().unwrap();
    let payloads: Vec<_> = suite::read(&new, 0).into_iter().map(|record| record.payload).collect();
    assert_eq!(payloads, [&b"of the old one"[..], b"of the new one"]);
    assert_eq!(suite::read(&old, 0).len(), 1, "what was durable before can be read");
}

#[test]
fn what_came_of_messages_and_how_far_was_read_are_one_transaction() {
    let Some(broker) = broker() else { return };
    let settings = new_log(broker, "?events=in&group=readers");
    make_topic(&settings, "in", 2, "20000000");
    produce(&settings, "in", &[Some(b"one"), Some(b"two"), Some(b"three"), None, Some(&[b'x'; 10 << 20])]);
    let log = open(&settings);
    // Five messages are there, and whoever begins again without a transaction gets them again.
    for _ in 0..2 {
        assert_eq!(arrived(&mut log.source().unwrap(), 5).len(), 5);
    }
    let mut source = log.source().unwrap();
    for (place, payload) in arrived(&mut source, 5) {
        if (1..100).contains(&payload.len()) {
            log.put(Topic::Event, &payload).unwrap();
            log.put(Topic::Decision, &payload).unwrap();
            log.settle(place);
        } else {
            let (field, reason, at) = (None, format!("has {} bytes", payload.len()), Timestamp::from_micros(0));
            log.reject(Letter { place, field, reason, at }).unwrap();
        }
    }
    log.flush().unwrap();
    assert_eq!(log.figures().lag().iter().map(|(_, _, lag)| lag).sum::<u64>(), 0);
    let mut decisions: Vec<_> =
        messages(&settings, &settings.address.decisions()).into_iter().map(|(_, value, _)| value).collect();
    decisions.sort();
    assert_eq!(decisions, [&b"one"[..], b"three", b"two"]);
    let mut letters = messages(&settings, &settings.address.dead_letters());
    letters.sort_by_key(|(_, value, _)| value.len());
    assert_eq!(letters.len(), 2);
    for (key, value, headers) in &letters {
        let value: serde_json::Value = serde_json::from_slice(value).unwrap();
        let reason = value["reason"].as_str().unwrap();
        assert!(key.is_empty() && ["has 0 bytes", "has 10485760 bytes"].contains(&reason), "{value}");
        let header = |name: &str| headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!((header("topic"), header("reason").as_str()), ("in".to_owned(), reason));
        assert_eq!((value["partition"].to_string(), value["offset"].to_string()), (header("partition"), header("offset")));
    }
    assert_eq!(log.figures().dead_letters.load(std::sync::atomic::Ordering::Relaxed), 2);

    // The next one goes on behind them.
    drop(log);
    let log = open(&settings);
    produce(&settings, "in", &[Some(b"four")]);
    let arrived = arrived(&mut log.source().unwrap(), 1);
    assert_eq!(arrived[0].1, b"four");
    assert_eq!(suite::read(&log, 0).len(), 6);
}

/// So many messages of a source.
fn arrived(source: &mut Source, count: usize) -> Vec<(Place, Vec<u8>)> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut arrived = Vec::new();
    while arrived.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} came", arrived.len());
        if let Some(message) = source.next(Duration::from_millis(100)).unwrap() {
            arrived.push((message.place, message.payload().to_vec()));
        }
    }
    assert!(source.next(Duration::from_millis(100)).unwrap().is_none(), "more than {count} came");
    arrived
}

#[test]
fn one_instance_is_active_and_another_takes_over() {
    let Some(broker) = broker() else { return };
    let settings = new_log(broker, "");
    let first = Membership::join(settings.clone(), None).unwrap();
    until("the first is active", || *first.seat().borrow() == Seat::Active);
    let second = Membership::join(settings, None).unwrap();
    let looked = Instant::now();
    while looked.elapsed() < Duration::from_secs(3) {
        assert_eq!((&*first.seat().borrow(), &*second.seat().borrow()), (&Seat::Active, &Seat::StandingBy));
        thread::park_timeout(Duration::from_millis(100));
    }
    drop(first);
    until("the second is active", || *second.seat().borrow() == Seat::Active);
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn what_the_cluster_refuses_is_said_in_time() {
    let Some(broker) = broker() else { return };
    let check = |settings: Settings, expect: &[&str]| {
        let since = Instant::now();
        let error = match KafkaLog::open(settings, outlet(), Arc::default()).and_then(|log| log.source().map(|_| ())) {
            Ok(()) => panic!("it was not refused: {expect:?}"),
            Err(error) => error.to_string(),
        };
        assert!(since.elapsed() < Duration::from_secs(40), "{:?}: {error}", since.elapsed());
        for part in expect {
            assert!(error.contains(part), "{error}\nlacks {part}");
        }
    };
    check(new_log(broker, "?events=nobody-made-it"), &["cannot use topic nobody-made-it", "Unknown topic"]);
    let with = |brokers: String, properties: &[(&str, &str)]| {
        let mut settings = new_log(broker, "");
        settings.address.brokers = brokers;
        settings.client = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings
    };
    check(with("127.0.0.1:9".to_owned(), &[]), &["cannot reach the cluster at kafka://127.0.0.1:9", "Connection refused"]);
    check(with(broker.address(), &[("linger", "1")]), &["No such configuration property: \"linger\""]);
    let user = |password| {
        [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "ada"),
            ("sasl.password", password),
        ]
    };
    check(with(broker.sasl_address(), &user("wrong")), &["cannot reach the cluster", "Authentication failed"]);
    check(with(broker.sasl_address(), &[]), &["cannot reach the cluster"]);
    let right = with(broker.sasl_address(), &user("s3cret"));
    assert_eq!(open(&right).append(Topic::Event, b"in").unwrap(), Position(0));
}

#[test]
fn what_a_topic_does_not_take_is_said_with_its_name_and_nothing_is_durable() {
    let Some(broker) = broker() else { return };
    let settings = new_log(broker, "");
    let decisions = settings.address.decisions();
    make_topic(&settings, &decisions, 1, "1000");
    let log = open(&settings);
    // What cannot be made smaller.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let payload: Vec<u8> = (0..5_000).map(|_| noise()).collect();
    log.append(Topic::Decision, &payload).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let trouble = loop {
        assert!(Instant::now() < deadline, "nothing was said");
        match log.trouble() {
            Some(trouble) => break trouble,
            None => std::thread::park_timeout(Duration::from_millis(20)),
        }
    };
    assert!(trouble.contains(&format!("topic {decisions}")) && trouble.contains("too large"), "{trouble}");
    assert_eq!(*log.durability().borrow(), Durability::Until { end: Position(0) });
    log.fail("the test is over".to_owned());
    let told = Instant::now();
    drop(log);
    assert!(told.elapsed() < Duration::from_secs(15), "after {:?}", told.elapsed());
}
