//! Records out of the journal. Positions have no gaps and offsets do, since transactions leave marks between messages: where a position lies is
//! found from the nearest one that is known, by jumps that never reach beyond it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use super::super::{Error, Position, Record};
use super::client::{Clients, OPENING, Reading, from_offset};
use super::key;
use super::source::is_passing;

/// The journal has one partition: it is one order.
pub(super) const PARTITION: i32 = 0;

/// So far before a position it is no longer jumped but read.
const STEP: u64 = 2_000;

/// So far apart are the positions whose offsets are remembered.
const REMEMBERED: u64 = 4_096;

/// How long is waited for a record once the log takes nothing more.
const HURRIED: Duration = Duration::from_secs(5);

/// So many consumers wait for who reads next, each where its last reader has left off.
const IDLE: usize = 6;

/// Reads the journal, for any number of threads.
pub(super) struct Reader {
    clients: Clients,
    journal: String,
    idle: Mutex<Vec<Cursor>>,
    /// Offsets of some positions.
    known: Mutex<BTreeMap<u64, i64>>,
    /// How long is waited for a record that must be there.
    patience: Duration,
    /// Nobody has time any more.
    is_over: AtomicBool,
}

/// A consumer and the position that it gives next.
struct Cursor {
    consumer: Reading,
    next: Option<Position>,
}

/// Records up to an end that is there.
pub(super) struct Records<'a> {
    reader: &'a Reader,
    cursor: Option<Cursor>,
    next: Position,
    end: Position,
}

impl Reader {
    pub(super) fn new(clients: Clients, patience: Duration) -> Self {
        let journal = clients.settings.address.journal();
        Self { clients, journal, idle: Mutex::default(), known: Mutex::default(), patience, is_over: AtomicBool::new(false) }
    }

    /// From now on nobody waits for long.
    pub(super) fn hurry(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// The records from a position on, up to `end`.
    pub(super) fn records(&self, from: Position, end: Position) -> Result<Records<'_>, Error> {
        let cursor = if from < end { Some(self.at(from)?) } else { None };
        Ok(Records { reader: self, cursor, next: from, end })
    }

    /// One after the last committed record.
    pub(super) fn end(&self) -> Result<Position, Error> {
        let cursor = self.cursor(None)?;
        let end = self.end_by(&cursor)?;
        self.park(Cursor { next: None, ..cursor });
        Ok(end)
    }

    fn end_by(&self, cursor: &Cursor) -> Result<Position, Error> {
        let asked = cursor.consumer.fetch_watermarks(&self.journal, PARTITION, OPENING);
        let (first, end) = asked.map_err(self.clients.error("ask where the log ends"))?;
        let mut back = 1;
        loop {
            // The last messages may be marks, or of transactions that were aborted.
            let from = end.saturating_sub(back).max(first);
            let mut last = None;
            self.assign(cursor, from)?;
            while let Some((position, ..)) = self.fetch(cursor, AtEnd::Ends)? {
                last = Some(position.next());
            }
            match last {
                Some(end) => return Ok(end),
                None if from == first && first > 0 => {
                    return Err(self.clients.says(
                        "read the log",
                        format!("its first {first} messages were deleted: it has lost what it is made of"),
                    ));
                }
                None if from == first => return Ok(Position(0)),
                None => back *= 16,
            }
        }
    }

    /// A cursor that gives a position next, which is there.
    fn at(&self, from: Position) -> Result<Cursor, Error> {
        let mut cursor = self.cursor(Some(from))?;
        if cursor.next == Some(from) {
            return Ok(cursor);
        }
        let (mut position, mut offset) = self.nearest(from);
        while from.0 - position > STEP {
            // There is at least one offset for each position in between.
            let jump = offset + i64::try_from(from.0 - position).unwrap_or(i64::MAX);
            self.assign(&cursor, jump)?;
            let (found, at, ..) = self.must_fetch(&cursor, from)?;
            if found.0 <= position || found > from {
                return Err(self
                    .clients
                    .says("read the log", format!("its records are not in order: {found} was found beyond {position}")));
            }
            (position, offset) = (found.0, at);
            self.remember(found, at);
        }
        self.assign(&cursor, offset)?;
        cursor.next = None;
        Ok(cursor)
    }

    /// The nearest position before one whose offset is known.
    fn nearest(&self, position: Position) -> (u64, i64) {
        lock(&self.known).range(..=position.0).next_back().map_or((0, 0), |(position, offset)| (*position, *offset))
    }

    fn remember(&self, position: Position, offset: i64) {
        let mut known = lock(&self.known);
        let before = known.range(..=position.0).next_back().map_or(0, |(before, _)| *before);
        if position.0 >= before + REMEMBERED {
            known.insert(position.0, offset);
        }
    }

    /// An idle consumer, best one that gives this position next, or a new one.
    fn cursor(&self, next: Option<Position>) -> Result<Cursor, Error> {
        let taken = {
            let mut idle = lock(&self.idle);
            let fits = idle.iter().position(|cursor| next.is_some() && cursor.next == next);
            let free = || idle.iter().position(|cursor| cursor.next.is_none());
            let place = fits.or_else(free).or_else(|| (idle.len() >= IDLE).then_some(0));
            place.map(|place| idle.remove(place))
        };
        match taken {
            Some(cursor) => Ok(cursor),
            None => Ok(Cursor { consumer: self.clients.reader(&[("fetch.wait.max.ms", "100")])?, next: None }),
        }
    }

    /// Lets a consumer wait for who reads next.
    fn park(&self, cursor: Cursor) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE {
            idle.push(cursor);
        }
    }

    fn assign(&self, cursor: &Cursor, offset: i64) -> Result<(), Error> {
        let list = from_offset(&self.journal, PARTITION, Offset::Offset(offset));
        let assigned = list.and_then(|list| cursor.consumer.assign(&list));
        assigned.map_err(self.clients.error("read the log"))
    }

    fn must_fetch(&self, cursor: &Cursor, wanted: Position) -> Result<Fetched, Error> {
        let fetched = self.fetch(cursor, AtEnd::Waits)?;
        fetched.ok_or_else(|| self.clients.says("read the log", format!("record {wanted} is not there")))
    }

    /// The next record, with its offset.
    fn fetch(&self, cursor: &Cursor, at_end: AtEnd) -> Result<Option<Fetched>, Error> {
        let since = Instant::now();
        loop {
            match cursor.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let offset = message.offset();
                    let damaged =
                        |reason| self.clients.says("read the log", format!("message {offset} of it is damaged: {reason}"));
                    let (position, topic) = key::decode(message.key()).map_err(damaged)?;
                    let payload = message.payload().unwrap_or_default().to_vec();
                    return Ok(Some((position, offset, Record { position, topic, payload })));
                }
                Some(Err(KafkaError::PartitionEOF(_))) if at_end == AtEnd::Ends => return Ok(None),
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(self.clients.error("read the log")(error)),
            }
            let patience = if self.is_over.load(Ordering::Relaxed) { self.patience.min(HURRIED) } else { self.patience };
            if since.elapsed() > patience {
                let reason = format!("nothing came for {} s", patience.as_secs());
                return Err(self.clients.says("read the log", reason));
            }
        }
    }
}

/// A record with its position and offset.
type Fetched = (Position, i64, Record);

/// What is done where a consumer has reached the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtEnd {
    /// It is the end.
    Ends,
    /// What is waited for comes: it is committed, and the cluster is about to show it.
    Waits,
}

impl Records<'_> {
    fn advance(&mut self) -> Result<Option<Record>, Error> {
        let Some(cursor) = &mut self.cursor else { return Ok(None) };
        while self.next < self.end {
            let (position, offset, record) = self.reader.must_fetch(cursor, self.next)?;
            if position < self.next && cursor.next.is_none() {
                // Still on the way to where reading begins.
                continue;
            }
            if position != self.next {
                let reason = format!("record {} is not there: {position} comes in its place", self.next);
                return Err(self.reader.clients.says("read the log", reason));
            }
            self.reader.remember(position, offset);
            self.next = position.next();
            cursor.next = Some(self.next);
            return Ok(Some(record));
        }
        Ok(None)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            // Nobody knows where it stands.
            self.cursor = None;
            self.end = self.next;
        }
        next
    }
}

impl Drop for Records<'_> {
    /// Its consumer waits for who reads on.
    fn drop(&mut self) {
        if let Some(cursor) = self.cursor.take() {
            self.reader.park(cursor);
        }
    }
}

/// Nothing can panic between two changes that belong together.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
