//! What writes: it takes what has gathered in the intake and brings it into the cluster as one transaction: records, what is made of them for
//! others, dead letters, and how far events were read. What was aborted is tried again as it was; who was shut out by another writer stops.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig};
use rdkafka::{Offset, TopicPartitionList};

use super::client::{TRANSACTION, Writing, outcome};
use super::figures::Figures;
use super::intake::{Batch, Task};
use super::reader::PARTITION;
use super::{Durability, Outcome, Outgoing, Outlet, Shared, Stream, key};

/// How long a step of a transaction is waited for before it is said that it hangs, and it is waited for again.
const STEP: Duration = Duration::from_secs(2);

/// How long it waits for work before it looks whether the cluster is still there.
const IDLE: Duration = Duration::from_secs(1);

/// How long it waits after an abort; twice as long after each that follows, up to the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Committer {
    shared: Arc<Shared>,
    writer: Writing,
    group: ConsumerGroupMetadata,
    outlet: Outlet,
    journal: String,
    topics: [String; 3],
    dead_letters: String,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, writer: Writing, outlet: Outlet) -> Result<Self, super::Error> {
        let consumer = shared.clients.reader(&[])?;
        let group = consumer
            .group_metadata()
            .ok_or_else(|| shared.clients.says("use the consumer group", "it has no name".to_owned()))?;
        let address = &shared.clients.settings.address;
        let topics = [address.decisions(), address.labels(), address.control()];
        let (journal, dead_letters) = (address.journal(), address.dead_letters());
        Ok(Self { shared, writer, group, outlet, journal, topics, dead_letters })
    }

    /// Commits what comes until there is no more, or nothing can be.
    pub(super) fn run(mut self) {
        loop {
            let batch = match self.shared.intake.take(IDLE) {
                Task::Commit(batch) => Arc::new(batch),
                Task::Idle => {
                    self.look();
                    continue;
                }
                Task::End => return,
            };
            // There is room again.
            self.shared.durability.send_modify(|_| ());
            let committed = panic::catch_unwind(AssertUnwindSafe(|| self.commit(&batch)));
            match committed.unwrap_or_else(|_| Err("the committer panicked".to_owned())) {
                Ok(()) => self.shared.publish(batch),
                Err(reason) => return self.shared.fail(reason),
            }
        }
    }

    /// Whether the cluster is still there, while there is nothing to do; what was wrong may be mended.
    fn look(&self) {
        self.writer.poll(Duration::ZERO);
        let reached = self.shared.clients.reach(&self.writer, IDLE);
        self.shared.figures.set_trouble(reached.err().map(|error| error.to_string()));
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), String> {
        let told = batch
            .records()
            .filter_map(|(position, topic, payload)| (self.outlet)(position, topic, payload, &*self.shared).transpose());
        let outgoing: Vec<Outgoing> =
            told.collect::<Result<_, _>>().map_err(|error| format!("cannot tell of records: {error}"))?;
        let mut pause = PAUSE;
        loop {
            let done = self.transaction(batch, &outgoing);
            let Err((step, error)) = done else {
                self.count(batch);
                return Ok(());
            };
            if outcome(&error) != Outcome::Aborted {
                return Err(self.failed(step, &error));
            }
            let reason = self.shared.clients.heard(step, &self.writer, &error).to_string();
            tracing::warn!(reason, "a transaction is aborted and tried again");
            // What goes by at the next try is no trouble.
            if pause > PAUSE {
                self.shared.figures.set_trouble(Some(reason));
            }
            Figures::add(&self.shared.figures.aborted, 1);
            self.abort()?;
            if self.is_over() {
                return Err(self.failed(step, &error));
            }
            self.writer.poll(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the log was told to take nothing more: then nothing is waited for.
    fn is_over(&self) -> bool {
        matches!(*self.shared.durability.borrow(), Durability::Failed { .. })
    }

    /// Counts what was committed.
    fn count(&self, batch: &Batch) {
        let figures = &self.shared.figures;
        figures.set_trouble(None);
        Figures::add(&figures.transactions, 1);
        Figures::add(&figures.dead_letters, batch.letters.len() as u64);
        Figures::add(&figures.messages, batch.messages);
        for (partition, read_to) in &batch.offsets {
            let topic = &self.shared.clients.settings.address.events[partition.topic];
            figures.settle(topic, partition.partition, *read_to);
        }
    }

    /// Why nothing can be written any more.
    fn failed(&self, step: &str, error: &KafkaError) -> String {
        let fatal = self.writer.client().fatal_error();
        let reason = fatal.map_or_else(|| error.to_string(), |(code, said)| format!("{code}: {said}"));
        let prefix = &self.shared.clients.settings.address.prefix;
        let hint = match reason.to_lowercase().contains("fenced") {
            true => format!(
                "; another riskflow has taken over the log {prefix}, or a transaction was open for longer than the brokers allow"
            ),
            false => String::new(),
        };
        format!("cannot {step}: {reason}{hint}")
    }

    /// All of a batch, or nothing. Errors come with the step at which they came.
    fn transaction(&self, batch: &Batch, outgoing: &[Outgoing]) -> Result<(), (&'static str, KafkaError)> {
        self.writer.begin_transaction().map_err(|error| ("begin a transaction", error))?;
        let produced = |error| ("write to the log", error);
        for (position, topic, payload) in batch.records() {
            let key = key::encode(position, topic);
            self.produce(|| BaseRecord::to(&self.journal).partition(PARTITION).key(&key[..]).payload(payload))
                .map_err(produced)?;
        }
        for Outgoing { stream, key, value } in outgoing {
            let topic = &self.topics[match stream {
                Stream::Decisions => 0,
                Stream::Labels => 1,
                Stream::Control => 2,
            }];
            self.produce(|| BaseRecord::to(topic).key(&key[..]).payload(&value[..])).map_err(produced)?;
        }
        for letter in &batch.letters {
            let (value, headers) = letter.render(&self.shared.clients.settings.address);
            self.produce(|| BaseRecord::to(&self.dead_letters).payload(&value[..]).headers(headers.clone())).map_err(produced)?;
        }
        if !batch.offsets.is_empty() {
            let offsets = self.offsets(batch).map_err(|error| ("write how far events were read", error))?;
            let send = || self.writer.send_offsets_to_transaction(&offsets, &self.group, STEP);
            self.finish(send).map_err(|error| ("write how far events were read", error))?;
        }
        // A commit that finds messages under way looks for their ends ten times a second only.
        self.drain();
        self.finish(|| self.writer.commit_transaction(STEP)).map_err(|error| ("commit a transaction", error))
    }

    /// Hands a message to the client, when it has room.
    fn produce<'a>(&self, message: impl Fn() -> BaseRecord<'a, [u8], [u8]>) -> KafkaResult<()> {
        loop {
            match self.writer.send(message()) {
                Ok(()) => return Ok(()),
                Err((error, _)) if outcome(&error) == Outcome::Unfinished => self.writer.poll(Duration::from_millis(1)),
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits until the cluster has every message, or the client has given it up: then the commit says so. Not once nothing is waited for.
    fn drain(&self) {
        const LOOK: Duration = Duration::from_micros(200);
        let since = Instant::now();
        while self.writer.in_flight_count() > 0 {
            self.writer.poll(Duration::ZERO);
            std::thread::park_timeout(LOOK);
            if since.elapsed() > STEP {
                if self.is_over() {
                    return;
                }
                self.hangs();
            }
        }
    }

    /// Repeats a step until it is done or has failed.
    fn finish(&self, step: impl Fn() -> KafkaResult<()>) -> KafkaResult<()> {
        let since = Instant::now();
        loop {
            match step() {
                Err(error) if outcome(&error) == Outcome::Unfinished && since.elapsed() < TRANSACTION && !self.is_over() => {
                    self.writer.poll(Duration::from_millis(1));
                    self.hangs();
                }
                done => return done,
            }
        }
    }

    fn abort(&self) -> Result<(), String> {
        self.writer.purge(PurgeConfig::default().queue().inflight());
        self.drain();
        self.finish(|| self.writer.abort_transaction(STEP)).map_err(|error| self.failed("abort a transaction", &error))
    }

    /// Says why a transaction takes so long.
    fn hangs(&self) {
        if self.shared.figures.trouble().is_none() {
            let reason = self.shared.clients.reach(&self.writer, IDLE).err();
            let reason = reason.map_or_else(|| "the brokers are slow to commit".to_owned(), |error| error.to_string());
            tracing::warn!(reason, "the log waits for its brokers");
            self.shared.figures.set_trouble(Some(reason));
        }
    }

    fn offsets(&self, batch: &Batch) -> KafkaResult<TopicPartitionList> {
        let topics = &self.shared.clients.settings.address.events;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in &batch.offsets {
            list.add_partition_offset(&topics[partition.topic], partition.partition, Offset::Offset(*offset))?;
        }
        Ok(list)
    }
}
