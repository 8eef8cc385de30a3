//! Where records, dead letters and offsets wait for the committer: bounded, under one mutex. To put is to copy; it waits only while the
//! buffer is full. It never touches the network.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::{Error, Position, Record, Topic};
use super::source::{Letter, Place};
use super::{MAX_RECORD_BYTES, SourcePartition};

/// What a record costs beside its payload.
const RECORD_OVERHEAD: usize = 64;

pub(super) struct Intake {
    limit: usize,
    state: Mutex<State>,
    /// The committer waits here for work.
    work: Condvar,
    /// Callers wait here for room in the buffer, or for a transaction.
    progress: Condvar,
}

struct State {
    batch: Batch,
    /// The position that the next record gets.
    next: Position,
    /// How many batches were taken, and how many of them are committed.
    taken: u64,
    committed: u64,
    /// Somebody wants what waits to become durable.
    wanted: bool,
    closing: bool,
    failed: Option<String>,
    /// Up to where partitions were read, as it was noted last.
    read_to: BTreeMap<SourcePartition, i64>,
}

/// What goes into one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The position of the first record.
    pub(super) first: Position,
    /// Payloads, one after another.
    bytes: Vec<u8>,
    /// Of each record its topic and where its payload ends.
    records: Vec<(Topic, usize)>,
    /// Messages that are no events.
    pub(super) letters: Vec<Letter>,
    /// Up to where partitions were read, and everything in them is in this or an earlier batch.
    pub(super) offsets: BTreeMap<SourcePartition, i64>,
    /// How many messages that was.
    pub(super) messages: u64,
}

/// What the committer is to do.
pub(super) enum Task {
    /// Commit this.
    Commit(Batch),
    /// Nothing for now.
    Idle,
    /// End.
    End,
}

impl Batch {
    fn at(first: Position) -> Self {
        Self { first, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.letters.is_empty() && self.offsets.is_empty()
    }

    /// What it takes of the buffer.
    fn size(&self) -> usize {
        self.bytes.len() + RECORD_OVERHEAD * (self.records.len() + self.letters.len())
    }

    /// What its records take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + RECORD_OVERHEAD * self.records.len()
    }

    /// The record of a position; `None` where it is in another batch.
    pub(super) fn record(&self, position: Position) -> Option<Record> {
        let place = usize::try_from(position.0.checked_sub(self.first.0)?).ok()?;
        let (topic, end) = *self.records.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.records[before].1);
        Some(Record { position, topic, payload: self.bytes[start..end].to_vec() })
    }

    /// One after its last record.
    pub(super) fn end(&self) -> Position {
        Position(self.first.0 + self.records.len() as u64)
    }

    /// Its records in order.
    pub(super) fn records(&self) -> impl Iterator<Item = (Position, Topic, &[u8])> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|(_, end)| *end));
        let numbered = self.records.iter().zip(starts).zip(self.first.0..);
        numbered.map(|(((topic, end), start), number)| (Position(number), *topic, &self.bytes[start..*end]))
    }
}

impl Intake {
    pub(super) fn new(limit: usize, next: Position) -> Self {
        let state = State {
            batch: Batch::at(next),
            next,
            taken: 0,
            committed: 0,
            wanted: false,
            closing: false,
            failed: None,
            read_to: BTreeMap::new(),
        };
        Self { limit, state: Mutex::new(state), work: Condvar::new(), progress: Condvar::new() }
    }

    /// Copies a record into the buffer, when there is room.
    pub(super) fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, Error> {
        if payload.len() > MAX_RECORD_BYTES {
            return Err(Error::TooLarge { bytes: payload.len(), limit: MAX_RECORD_BYTES });
        }
        let mut state = self.room(RECORD_OVERHEAD + payload.len())?;
        let position = state.next;
        state.next = position.next();
        state.batch.bytes.extend_from_slice(payload);
        let end = state.batch.bytes.len();
        state.batch.records.push((topic, end));
        Ok(position)
    }

    /// Notes that everything up to and with a message was put.
    pub(super) fn settle(&self, place: Place) {
        let mut state = self.lock();
        // What it settles may have gone with the failure.
        if state.failed.is_none() {
            state.settle(place);
        }
    }

    /// Notes where a partition is read from, which settles nothing.
    pub(super) fn begin(&self, partition: SourcePartition, offset: i64) {
        self.lock().read_to.insert(partition, offset);
    }

    /// Has it written once more how far each partition was read.
    pub(super) fn repeat(&self) {
        let mut state = self.lock();
        if state.failed.is_none() {
            let read_to = state.read_to.clone();
            state.batch.offsets.extend(read_to);
            self.want(&mut state);
        }
    }

    /// Takes a message that is no event, which settles it.
    pub(super) fn reject(&self, letter: Letter) -> Result<(), Error> {
        let mut state = self.room(RECORD_OVERHEAD)?;
        state.settle(letter.place);
        state.batch.letters.push(letter);
        Ok(())
    }

    /// The state once so many bytes more have room; a record over the limit goes into an empty buffer.
    fn room(&self, bytes: usize) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.lock();
        while state.failed.is_none() && !state.batch.is_empty() && state.batch.size() + bytes > self.limit {
            self.want(&mut state);
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match &state.failed {
            Some(reason) => Err(Error::Stopped { reason: reason.clone() }),
            None => Ok(state),
        }
    }

    /// Lets the committer know that there is work.
    pub(super) fn push(&self) {
        let mut state = self.lock();
        if !state.batch.is_empty() {
            self.want(&mut state);
        }
    }

    /// Whether half of the buffer is free; so it is, too, where a record is refused at once.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.failed.is_some() || state.batch.size() <= self.limit / 2
    }

    /// Waits until everything that was put before is committed; the position that comes next.
    pub(super) fn flush(&self) -> Result<Position, Error> {
        let mut state = self.lock();
        let end = state.next;
        let last = state.taken + u64::from(!state.batch.is_empty());
        if last > state.taken {
            self.want(&mut state);
        }
        while state.committed < last {
            if let Some(reason) = &state.failed {
                return Err(Error::Stopped { reason: reason.clone() });
            }
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(end)
    }

    /// Lets the committer commit what is left, and end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// For the committer: waits at most so long for work.
    pub(super) fn take(&self, patience: Duration) -> Task {
        let is_idle = |state: &mut State| !(state.wanted || state.closing);
        let waited = self.work.wait_timeout_while(self.lock(), patience, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_idle(&mut state) {
            return Task::Idle;
        }
        state.wanted = false;
        if state.batch.is_empty() || state.failed.is_some() {
            return if state.closing { Task::End } else { Task::Idle };
        }
        let next = Batch::at(state.next);
        let batch = std::mem::replace(&mut state.batch, next);
        state.taken += 1;
        drop(state);
        self.progress.notify_all();
        Task::Commit(batch)
    }

    /// For the committer: the batch that was taken first of those that are not committed is.
    pub(super) fn committed(&self) {
        self.lock().committed += 1;
        self.progress.notify_all();
    }

    /// Takes no more, and lets go of everyone who waits.
    pub(super) fn fail(&self, reason: String) {
        let mut state = self.lock();
        // What is thrown away counts as taken, and is never committed.
        state.taken += u64::from(!state.batch.is_empty());
        state.batch = Batch::at(state.next);
        state.failed.get_or_insert(reason);
        self.progress.notify_all();
    }

    fn want(&self, state: &mut State) {
        if !std::mem::replace(&mut state.wanted, true) {
            self.work.notify_one();
        }
    }

    /// Nothing can panic between two changes that belong together, so that the state is whole even after a panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn settle(&mut self, place: Place) {
        self.batch.offsets.insert(place.partition, place.offset + 1);
        self.batch.messages += 1;
        self.read_to.insert(place.partition, place.offset + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn place(offset: i64) -> Place {
        Place { partition: SourcePartition { topic: 0, partition: 2 }, offset }
    }

    fn taken(intake: &Intake) -> Batch {
        match intake.take(NOW) {
            Task::Commit(batch) => batch,
            Task::Idle | Task::End => panic!("there is work"),
        }
    }

    #[test]
    fn a_batch_has_what_was_put_and_offsets_of_it_or_of_before() {
        let intake = Intake::new(10_000, Position(7));
        assert!(matches!(intake.take(NOW), Task::Idle));
        assert_eq!(intake.put(Topic::Event, b"one").unwrap(), Position(7));
        intake.settle(place(40));
        assert!(matches!(intake.take(NOW), Task::Idle), "nobody has pushed");
        assert_eq!(intake.put(Topic::Decision, b"").unwrap(), Position(8));
        intake.settle(place(41));
        intake.push();
        let batch = taken(&intake);
        let records: Vec<_> = batch.records().collect();
        assert_eq!(records, [(Position(7), Topic::Event, &b"one"[..]), (Position(8), Topic::Decision, b"")]);
        assert_eq!((batch.end(), batch.offsets.values().copied().collect::<Vec<_>>()), (Position(9), vec![42]));

        // Offsets alone are work, too: every message was known before.
        intake.settle(place(42));
        intake.push();
        let batch = taken(&intake);
        assert_eq!((batch.records().count(), batch.first, batch.end(), batch.offsets.len()), (0, Position(9), Position(9), 1));
        intake.close();
        assert!(matches!(intake.take(NOW), Task::End));
    }

    #[test]
    fn a_flush_waits_for_what_was_taken_and_what_waits() {
        let intake = Intake::new(10_000, Position(0));
        assert_eq!(intake.flush().unwrap(), Position(0));
        intake.put(Topic::Event, b"one").unwrap();
        intake.push();
        let first = taken(&intake);
        intake.put(Topic::Event, b"two").unwrap();
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| intake.flush());
            let second = loop {
                if let Task::Commit(batch) = intake.take(Duration::from_secs(10)) {
                    break batch;
                }
            };
            assert_eq!((first.end(), second.end()), (Position(1), Position(2)));
            intake.committed();
            assert!(!flush.is_finished());
            intake.committed();
            assert_eq!(flush.join().unwrap().unwrap(), Position(2));
        });
    }

    #[test]
    fn it_is_bounded_and_a_failure_frees_who_waits() {
        let intake = Intake::new(3 * (RECORD_OVERHEAD + 10), Position(0));
        assert!(intake.has_room());
        intake.put(Topic::Event, &[0; 10]).unwrap();
        intake.put(Topic::Event, &[0; 10]).unwrap();
        assert!(!intake.has_room(), "more than half is taken");
        intake.put(Topic::Event, &[0; 10]).unwrap();
        std::thread::scope(|scope| {
            let put = scope.spawn(|| intake.put(Topic::Event, &[0; 10]));
            let batch = loop {
                if let Task::Commit(batch) = intake.take(Duration::from_secs(10)) {
                    break batch;
                }
            };
            assert_eq!((batch.records().count(), put.join().unwrap().unwrap()), (3, Position(3)));
        });
        let error = intake.put(Topic::Event, &vec![0; MAX_RECORD_BYTES + 1]).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }));
        std::thread::scope(|scope| {
            let put = scope.spawn(|| intake.put(Topic::Event, &[0; 100]));
            intake.fail("fenced".to_owned());
            assert!(matches!(put.join().unwrap(), Err(Error::Stopped { reason }) if reason == "fenced"));
        });
        assert!(intake.has_room() && intake.flush().is_err());
    }

    #[test]
    fn nothing_of_what_went_with_a_failure_is_said_to_be_durable_or_read() {
        let intake = Intake::new(10_000, Position(0));
        intake.put(Topic::Event, b"one").unwrap();
        intake.push();
        taken(&intake);
        intake.put(Topic::Event, b"two").unwrap();
        intake.fail("lost".to_owned());
        // Its event is gone, and so is the next one's.
        intake.settle(place(40));
        intake.repeat();
        intake.push();
        assert!(matches!(intake.take(NOW), Task::Idle));
        intake.committed();
        assert!(intake.flush().is_err());
        intake.close();
        assert!(matches!(intake.take(NOW), Task::End));
    }

    #[test]
    fn how_far_was_read_can_be_said_again() {
        let intake = Intake::new(10_000, Position(0));
        intake.begin(SourcePartition { topic: 0, partition: 1 }, 7);
        intake.settle(place(41));
        intake.push();
        assert_eq!(taken(&intake).messages, 1);
        intake.repeat();
        let batch = taken(&intake);
        assert_eq!((batch.messages, batch.offsets.into_values().collect::<Vec<_>>()), (0, vec![7, 42]));
    }
}
