//! Clients of the cluster: how they are set up, what they say when something is wrong, and the topics that are ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::super::Error;
use super::address::Settings;
use super::figures::Figures;
use super::{MAX_MESSAGE_BYTES, Outcome};

/// How long the cluster may take to answer when the log is opened.
pub(super) const OPENING: Duration = Duration::from_secs(15);

/// How long a transaction may stay open: so long a broker may be gone before what is in it is given up. The largest that brokers allow as they
/// come is 15 minutes.
pub(super) const TRANSACTION: Duration = Duration::from_secs(600);

/// How the journal is kept: nothing in it ever goes.
const KEPT: [(&str, &str); 3] = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

pub(super) type Reading = BaseConsumer<Ears>;
pub(super) type Writing = BaseProducer<Ears>;

/// What hears a client: the last error that it had, for who asks why something does not go on.
pub(super) struct Ears {
    figures: Arc<Figures>,
    last: Mutex<Option<String>>,
}

impl Ears {
    pub(super) fn new(figures: &Arc<Figures>) -> Self {
        Self { figures: Arc::clone(figures), last: Mutex::new(None) }
    }

    fn hear(&self, error: &KafkaError, reason: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down is told after why the last one is.
        if last.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *last = Some(reason.to_owned());
        }
    }

    /// What went wrong last since this was asked.
    fn take(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Ears {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "kafka client");
    }

    fn stats(&self, statistics: Statistics) {
        for (topic, seen) in &statistics.topics {
            for partition in seen.partitions.values().filter(|partition| partition.partition >= 0 && partition.hi_offset >= 0) {
                // Beyond what was handed out there may be marks of transactions, which are no messages.
                let is_read_through = partition.fetchq_cnt == 0 && partition.next_offset >= partition.ls_offset;
                let end = if is_read_through { partition.app_offset.max(0) } else { partition.hi_offset };
                self.figures.set_end(topic, partition.partition, end);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
        self.hear(&error, reason);
    }
}

impl ConsumerContext for Ears {}

impl ProducerContext for Ears {
    type DeliveryOpaque = ();

    fn delivery(&self, delivery: &DeliveryResult<'_>, (): ()) {
        use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
        if let Err((error, message)) = delivery
            && !matches!(error.rdkafka_error_code(), Some(PurgeInflight | PurgeQueue))
        {
            Figures::add(&self.figures.produce_errors, 1);
            self.hear(error, &format!("topic {}: {error}", message.topic()));
        }
    }
}

/// What makes clients.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) settings: Settings,
    pub(super) figures: Arc<Figures>,
}

impl Clients {
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", format!("riskflow-{}", self.settings.address.prefix));
        config.set("reconnect.backoff.max.ms", "1000").set("allow.auto.create.topics", "false");
        for (name, value) in &self.settings.client {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.settings.address.brokers);
        config
    }

    fn create<C: FromClientConfigAndContext<Ears>>(&self, config: &ClientConfig) -> Result<C, Error> {
        config.create_with_context(Ears::new(&self.figures)).map_err(|error| self.error("set up a client")(error))
    }

    /// One that reads partitions which it is given, committed messages only.
    pub(super) fn reader(&self, more: &[(&str, &str)]) -> Result<Reading, Error> {
        self.create(&self.consumer(more))
    }

    pub(super) fn consumer(&self, more: &[(&str, &str)]) -> ClientConfig {
        let mut config = self.config();
        config.set("group.id", &self.settings.address.group).set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false").set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true").set("check.crcs", "true");
        config.set("auto.offset.reset", "error");
        config.set("queued.max.messages.kbytes", "4096").set("fetch.queue.backoff.ms", "5");
        for (name, value) in more {
            config.set(*name, *value);
        }
        config
    }

    /// The one that writes: who has it last shuts out all who had it before.
    pub(super) fn writer(&self) -> Result<Writing, Error> {
        let mut config = self.config();
        // What the user says of these goes before it.
        // A key finds the partition that it finds from Java.
        let usual =
            [("linger.ms", "0"), ("compression.type", "lz4"), ("retry.backoff.ms", "20"), ("partitioner", "murmur2_random")];
        for (name, value) in usual {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let transaction = TRANSACTION.as_millis().to_string();
        config.set("transactional.id", &self.settings.address.prefix).set("transaction.timeout.ms", transaction);
        config.set("message.max.bytes", MAX_MESSAGE_BYTES.to_string()).set("delivery.report.only.error", "true");
        self.create(&config)
    }

    /// Whether the cluster can be reached, and why not.
    pub(super) fn reach(&self, writer: &Writing, patience: Duration) -> Result<(), Error> {
        let journal = self.settings.address.journal();
        let reached = writer.client().fetch_metadata(Some(&journal), patience);
        reached.map(|_| ()).map_err(|error| self.heard("reach the cluster", writer, &error))
    }

    /// Makes those of our topics that are not there, and says what is wrong with the others.
    pub(super) fn make_topics(&self) -> Result<(), Error> {
        let names = self.settings.address.own_topics();
        let bytes = MAX_MESSAGE_BYTES.to_string();
        let topics: Vec<NewTopic<'_>> = (names.iter().enumerate())
            .map(|(place, name)| {
                let is_journal = place == 0;
                let partitions = if name.ends_with(".decisions") || name.ends_with(".labels") { -1 } else { 1 };
                let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
                let topic = topic.set("max.message.bytes", &bytes).set("message.timestamp.type", "LogAppendTime");
                if is_journal { KEPT.iter().fold(topic, |topic, (name, value)| topic.set(name, value)) } else { topic }
            })
            .collect();
        let admin: AdminClient<Ears> = self.create(&self.config())?;
        let options = AdminOptions::new().request_timeout(Some(OPENING)).operation_timeout(Some(OPENING));
        let made = wait_for(admin.create_topics(&topics, &options));
        for made in
            made.and_then(|made| made.map_err(|error| error.to_string())).map_err(|reason| self.says("make topics", reason))?
        {
            match made {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(self.says(format!("make topic {topic}"), code.to_string())),
            }
        }
        self.check_kept(&admin, &options)
    }

    /// Somebody else may have made the journal: nothing in it may ever go.
    fn check_kept(&self, admin: &AdminClient<Ears>, options: &AdminOptions) -> Result<(), Error> {
        let journal = self.settings.address.journal();
        let asked = [ResourceSpecifier::Topic(&journal)];
        let described =
            wait_for(admin.describe_configs(&asked, options)).map_err(|reason| self.says("look at topics", reason))?;
        let described = described.map_err(self.error(format!("ask how topic {journal} is kept")))?;
        let Some(Ok(described)) = described.into_iter().next() else {
            tracing::warn!(journal, "nobody here may see how the topic is kept: it must be kept for ever");
            return Ok(());
        };
        for (name, wanted) in KEPT {
            let found = described.get(name).and_then(|entry| entry.value.as_deref());
            if found.is_some_and(|found| found != wanted) {
                let found = found.unwrap_or_default();
                let reason = format!(
                    "it has {name}={found}, and a log is kept for ever: `kafka-configs --alter --entity-type topics --entity-name {journal} --add-config {name}={wanted}`"
                );
                return Err(self.says(format!("use topic {journal}"), reason));
            }
        }
        Ok(())
    }

    /// How many partitions a topic has; it must be there.
    pub(super) fn partitions(&self, reader: &Reading, topic: &str) -> Result<i32, Error> {
        let action = || format!("use topic {topic}");
        // A topic that was made a moment ago may not be known everywhere yet.
        let mut missing = String::new();
        for _ in 0..20 {
            let metadata = reader.fetch_metadata(Some(topic), OPENING).map_err(|error| self.error(action())(error))?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            match found.map(|found| (found.error(), found.partitions().len())) {
                Some((None, partitions)) if partitions > 0 => return Ok(i32::try_from(partitions).unwrap_or(i32::MAX)),
                Some((Some(error), _)) => missing = RDKafkaErrorCode::from(error).to_string(),
                _ => "it is not there".clone_into(&mut missing),
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Err(self.says(action(), missing))
    }

    pub(super) fn error(&self, action: impl Into<String>) -> impl FnOnce(KafkaError) -> Error {
        let action = action.into();
        move |error| self.says(action, error.to_string())
    }

    /// What a client heard of why something failed says more than the failure.
    pub(super) fn heard(&self, action: &str, writer: &Writing, error: &KafkaError) -> Error {
        // It hears while it is polled.
        writer.poll(Duration::ZERO);
        writer.poll(Duration::from_millis(10));
        self.says(action, writer.context().take().unwrap_or_else(|| error.to_string()))
    }

    pub(super) fn says(&self, action: impl Into<String>, reason: String) -> Error {
        Error::Broker { action: action.into(), brokers: self.settings.address.brokers.clone(), reason }
    }
}

/// One partition, from an offset on.
pub(super) fn from_offset(topic: &str, partition: i32, offset: rdkafka::Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset)?;
    Ok(list)
}

/// Waits on a thread of its own, since this may be called where a runtime already runs.
fn wait_for<F: Future<Output: Send> + Send>(future: F) -> Result<F::Output, String> {
    let wait = || Some(tokio::runtime::Builder::new_current_thread().build().ok()?.block_on(future));
    std::thread::scope(|scope| scope.spawn(wait).join()).ok().flatten().ok_or_else(|| "no thread could wait for it".to_owned())
}

/// What is to be done about a failed step of a transaction.
pub(super) fn outcome(error: &KafkaError) -> Outcome {
    match error {
        KafkaError::Transaction(error) if error.is_fatal() => Outcome::Failed,
        KafkaError::Transaction(error) if error.txn_requires_abort() => Outcome::Aborted,
        KafkaError::Transaction(error) if error.is_retriable() => Outcome::Unfinished,
        KafkaError::Flush(_) | KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => Outcome::Unfinished,
        KafkaError::MessageProduction(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced) => Outcome::Failed,
        KafkaError::MessageProduction(_) => Outcome::Aborted,
        _ => Outcome::Failed,
    }
}
