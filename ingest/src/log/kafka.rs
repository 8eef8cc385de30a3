//! The log in a Kafka cluster, `kafka://`: one topic of one partition, the journal, holds every record in order, and everything that is written
//! is written in transactions. With the records of a transaction go, or do not go, what others are to read of them, the dead letters, and how
//! far the topics of events were read: whoever reads committed messages sees each thing once, whatever dies in between.
//!
//! It never claims a record whose transaction is not committed, never reads a message of a transaction that was aborted, and writes nothing
//! once another writer has taken the log over: the cluster shuts the older one out by their transactional id.
//!
//! # Format, version 1
//!
//! A record is a message of the topic `PREFIX.log`: its value is the payload, its key ten bytes: the version 1, the topic, and the position, big
//! endian. Positions have no gaps; offsets have, by the marks of transactions and by what was aborted.

mod address;
mod client;
mod committer;
mod figures;
mod intake;
mod key;
mod membership;
mod reader;
mod source;
mod tail;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::producer::Producer;
use tokio::sync::watch;

pub use self::address::{Address, Settings};
use self::client::{Clients, OPENING, TRANSACTION};
use self::committer::Committer;
pub use self::figures::Figures;
use self::intake::{Batch, Intake};
pub use self::membership::{Membership, Seat};
use self::reader::Reader;
pub use self::source::{Letter, Message, Place, Source, SourcePartition};
use self::tail::Tail;
use super::{Durability, Error, Followed, Log, Position, Readable, Record, Topic};

/// The largest payload of a record, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// The largest message: a record with what is around it.
const MAX_MESSAGE_BYTES: usize = MAX_RECORD_BYTES + (1 << 20);

/// How many bytes may wait before `put` blocks. Up to twice as many are held, in two batches, and what is made of one of them for others.
const BUFFER_BYTES: usize = 8 << 20;

/// How many bytes of what was committed last are remembered for those who follow the log.
const TAIL_BYTES: usize = 32 << 20;

/// How long somebody who reads the log of another process waits for a record that is there.
const READING: Duration = Duration::from_secs(30);

/// What of a record is told to others, in a topic of its own; called once for each record, in order. It can look things up in the log, as far
/// as that is committed. It must say the same of a record whenever it is asked.
///
/// An error ends the log: what could not be told is told after the next start.
pub type Outlet = Box<dyn FnMut(Position, Topic, &[u8], &dyn Readable) -> Result<Option<Outgoing>, Error> + Send>;

/// Something told to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// In which topic.
    pub stream: Stream,
    /// The message's key, by which it finds its partition.
    pub key: Vec<u8>,
    /// The message.
    pub value: Vec<u8>,
}

/// A topic of ours for others to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Decisions.
    Decisions,
    /// Labels.
    Labels,
    /// Changes of what decides.
    Control,
}

/// The log in a cluster, as its one writer has it.
pub struct KafkaLog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the committer and the callers of a log have in common.
struct Shared {
    clients: Clients,
    figures: Arc<Figures>,
    intake: Intake,
    reader: Reader,
    tail: Tail,
    durability: watch::Sender<Durability>,
}

/// A log in a cluster, which another process may be writing.
pub struct KafkaReader {
    reader: Reader,
    end: watch::Sender<Position>,
}

/// What came of a step of a transaction that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It takes longer: the same step is to be tried again.
    Unfinished,
    /// The transaction must be aborted; the next one can do what it should have.
    Aborted,
    /// Nothing can be written any more.
    Failed,
}

impl KafkaLog {
    /// Takes the log over from whoever had it, makes the topics that are not there, and goes on where committed records end.
    ///
    /// # Errors
    /// [`Error::Broker`] for everything that the cluster says, or does not say within a quarter of a minute.
    pub fn open(settings: Settings, outlet: Outlet, figures: Arc<Figures>) -> Result<Self, Error> {
        let clients = Clients { settings, figures: Arc::clone(&figures) };
        let writer = clients.writer()?;
        clients.reach(&writer, OPENING)?;
        clients.make_topics()?;
        let reader = Reader::new(clients.clone(), TRANSACTION);
        check_journal(&clients)?;
        let taken = writer.init_transactions(OPENING);
        taken.map_err(|error| clients.heard("take the log over", &writer, &error))?;
        let end = reader.end()?;

        let durability = watch::Sender::new(Durability::Until { end });
        let shared = Arc::new(Shared {
            clients,
            figures,
            intake: Intake::new(BUFFER_BYTES, end),
            reader,
            tail: Tail::new(TAIL_BYTES),
            durability,
        });
        let committer = Committer::new(Arc::clone(&shared), writer, outlet)?;
        let thread = thread::Builder::new().name("log-committer".to_owned()).spawn(|| committer.run());
        let thread = thread.map_err(|source| Error::Io {
            action: "start the committer of",
            path: shared.clients.settings.address.journal(),
            source,
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The topics that events come from, read from where committed transactions have left off.
    ///
    /// # Errors
    /// A topic that is not there, and what the cluster says.
    pub fn source(&self) -> Result<Source, Error> {
        let source = Source::open(self.shared.clients.clone())?;
        for (partition, offset) in source.begins()? {
            self.shared.intake.begin(partition, offset);
        }
        self.shared.intake.repeat();
        Ok(source)
    }

    /// Has it written once more how far each partition was read: brokers forget what nobody has said for a week.
    pub fn repeat_offsets(&self) {
        self.shared.intake.repeat();
    }

    /// Whether the address names topics of events.
    pub fn has_events(&self) -> bool {
        !self.shared.clients.settings.address.events.is_empty()
    }

    /// Notes that everything that came of a message, and of all before it in its partition, was put: with the next transaction it is never read
    /// again.
    pub fn settle(&self, place: Place) {
        self.shared.intake.settle(place);
    }

    /// Takes a message that is no event as a dead letter, which settles it. Blocks while the buffer is full.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the log takes nothing more.
    pub fn reject(&self, letter: Letter) -> Result<(), Error> {
        self.shared.intake.reject(letter)
    }

    /// Takes nothing more, for a reason.
    pub fn fail(&self, reason: String) {
        self.shared.fail(reason);
    }

    /// What is counted.
    pub fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.shared.figures)
    }
}

impl KafkaReader {
    /// Reads how far the log goes now.
    ///
    /// # Errors
    /// [`Error::Broker`] for everything that the cluster says.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let clients = Clients { settings, figures: Arc::default() };
        clients.reach(&clients.writer()?, OPENING)?;
        check_journal(&clients)?;
        let reader = Self { reader: Reader::new(clients, READING), end: watch::Sender::new(Position(0)) };
        reader.refresh()?;
        Ok(reader)
    }
}

impl Followed for KafkaReader {
    fn refresh(&self) -> Result<Position, Error> {
        let end = self.reader.end()?;
        self.end.send_replace(end);
        Ok(end)
    }
}

impl Readable for KafkaReader {
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record, Error>> + Send + '_>, Error> {
        Ok(Box::new(self.reader.records(from, *self.end.borrow())?))
    }

    fn get(&self, position: Position) -> Result<Option<Record>, Error> {
        self.reader.records(position, *self.end.borrow())?.next().transpose()
    }
}

impl Log for KafkaLog {
    fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, Error> {
        self.shared.intake.put(topic, payload)
    }

    fn push(&self) {
        self.shared.intake.push();
    }

    fn has_room(&self) -> bool {
        self.shared.intake.has_room()
    }

    fn durability(&self) -> watch::Receiver<Durability> {
        self.shared.durability.subscribe()
    }

    fn flush(&self) -> Result<Position, Error> {
        self.shared.intake.flush()
    }

    fn trouble(&self) -> Option<String> {
        self.shared.figures.trouble()
    }
}

impl Readable for KafkaLog {
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record, Error>> + Send + '_>, Error> {
        self.shared.read(from)
    }

    fn get(&self, position: Position) -> Result<Option<Record>, Error> {
        self.shared.get(position)
    }
}

impl Readable for Shared {
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record, Error>> + Send + '_>, Error> {
        let end = self.end();
        let remembered = self.tail.from(from, end);
        let before = self.reader.records(from, remembered.first().min(end))?;
        Ok(Box::new(before.chain(remembered.map(Ok))))
    }

    fn get(&self, position: Position) -> Result<Option<Record>, Error> {
        self.read(position)?.next().transpose()
    }
}

impl Shared {
    fn end(&self) -> Position {
        self.durability.borrow().end()
    }

    /// Lets readers and waiters know that a batch is committed.
    fn publish(&self, batch: Arc<Batch>) {
        let end = batch.end();
        self.tail.push(batch);
        // What was committed when it failed is so all the same.
        self.durability.send_modify(|now| match now {
            Durability::Until { end: before } | Durability::Failed { end: before, .. } => *before = end,
        });
        self.intake.committed();
    }

    /// Nothing more becomes durable.
    fn fail(&self, reason: String) {
        // First, so that who hears of it finds room.
        self.intake.fail(reason.clone());
        self.reader.hurry();
        let is_first = self.durability.send_if_modified(|now| {
            let is_first = matches!(now, Durability::Until { .. });
            if is_first {
                *now = Durability::Failed { end: now.end(), reason: reason.clone() };
            }
            is_first
        });
        if is_first {
            tracing::error!(reason, "the log stopped taking records");
        }
    }
}

impl Drop for KafkaLog {
    /// Commits what is still in the buffer.
    fn drop(&mut self) {
        self.shared.intake.close();
        if let Some(thread) = self.thread.take() {
            // The committer reports its own failures, also a panic.
            let _ = thread.join();
        }
    }
}

/// The journal is one order.
fn check_journal(clients: &Clients) -> Result<(), Error> {
    let journal = clients.settings.address.journal();
    match clients.partitions(&clients.reader(&[])?, &journal)? {
        1 => Ok(()),
        count => Err(clients.says(format!("use topic {journal}"), format!("it has {count} partitions, and a log has one"))),
    }
}
