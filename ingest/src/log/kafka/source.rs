//! Events that others write into topics of the cluster: messages in the order of each partition, from where the last committed transaction
//! says that they were read to. It commits nothing itself: what came of a message and how far was read are one transaction of the log.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders};
use rdkafka::topic_partition_list::{TopicPartitionList, TopicPartitionListElem};
use serde::Serialize;

use super::super::Error;
use super::address::Address;
use super::client::{Clients, OPENING, Reading};
use crate::time::Timestamp;

/// How often it is looked whether topics have more partitions than before.
const LOOK: Duration = Duration::from_secs(30);

/// A partition of one of the topics that events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePartition {
    /// Which of the topics of the address.
    pub topic: usize,
    /// Its number in the topic.
    pub partition: i32,
}

/// Where a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: SourcePartition,
    /// Its offset there.
    pub offset: i64,
}

/// A message that is no event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it lies.
    pub place: Place,
    /// The field that is wrong, where it is one.
    pub field: Option<String>,
    /// What is wrong, without values.
    pub reason: String,
    /// When that was found.
    pub at: Timestamp,
}

/// A message as the cluster gave it.
pub struct Message<'a> {
    /// Where it lies.
    pub place: Place,
    message: BorrowedMessage<'a>,
}

/// Reads the topics that events come from.
pub struct Source {
    clients: Clients,
    consumer: Reading,
    /// How many partitions of each topic are read.
    partitions: Vec<i32>,
    looked: Instant,
}

impl Message<'_> {
    /// Its value; empty where it has none.
    pub fn payload(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }
}

impl Letter {
    /// The letter as a message of the topic of dead letters: its value and headers. The message itself is never repeated: it may hold
    /// personal data, and lies where the letter says.
    pub(super) fn render(&self, address: &Address) -> (Vec<u8>, OwnedHeaders) {
        #[derive(Serialize)]
        struct Body<'a> {
            topic: &'a str,
            partition: i32,
            offset: i64,
            field: Option<&'a str>,
            reason: &'a str,
            at: Timestamp,
        }
        let Place { partition: SourcePartition { topic, partition }, offset } = self.place;
        let topic = address.events.get(topic).map_or("", String::as_str);
        let (field, reason) = (self.field.as_deref(), self.reason.as_str());
        let body = Body { topic, partition, offset, field, reason, at: self.at };
        let value = serde_json::to_vec(&body).expect("text and numbers are always JSON");
        let (partition, offset) = (partition.to_string(), offset.to_string());
        let headers = [("topic", topic), ("partition", &partition), ("offset", &offset), ("reason", reason)];
        let insert = |all: OwnedHeaders, (key, value)| all.insert(Header { key, value: Some(value) });
        (value, headers.into_iter().fold(OwnedHeaders::new(), insert))
    }
}

impl Source {
    /// Begins where committed transactions have left off, and at the beginning of partitions of which none says anything.
    ///
    /// # Errors
    /// A topic that is not there, and one from which messages were deleted before they were read: each is named.
    pub(super) fn open(clients: Clients) -> Result<Self, Error> {
        let consumer = clients.reader(&[
            ("statistics.interval.ms", "2000"),
            ("fetch.wait.max.ms", "20"),
            ("enable.partition.eof", "false"),
        ])?;
        let topics = clients.settings.address.events.clone();
        let mut source = Self { partitions: vec![0; topics.len()], clients, consumer, looked: Instant::now() };
        for (number, topic) in topics.iter().enumerate() {
            source.partitions[number] = source.clients.partitions(&source.consumer, topic)?;
        }
        let partitions = topics.iter().zip(&source.partitions).map(|(topic, count)| (topic.as_str(), 0..*count));
        let assignment = source.committed(partitions, OPENING)?;
        source.consumer.assign(&assignment).map_err(source.clients.error("read topics of events"))?;
        Ok(source)
    }

    /// The next message, when there is one within `patience`.
    ///
    /// # Errors
    /// What waiting does not mend. That the cluster is gone is no error: what was not read is still there when it is back.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Message<'_>>, Error> {
        if self.looked.elapsed() > LOOK {
            self.looked = Instant::now();
            self.take_new_partitions();
        }
        match self.consumer.poll(patience) {
            None => Ok(None),
            Some(Err(error)) if is_passing(&error) => Ok(None),
            Some(Err(error)) => Err(self.clients.error("read events")(error)),
            Some(Ok(message)) => {
                let topics = &self.clients.settings.address.events;
                let topic = topics.iter().position(|topic| topic == message.topic());
                let topic = topic.ok_or_else(|| {
                    self.clients.says("read events", format!("there is a message of topic {}", message.topic()))
                })?;
                let partition = SourcePartition { topic, partition: message.partition() };
                Ok(Some(Message { place: Place { partition, offset: message.offset() }, message }))
            }
        }
    }

    /// Partitions with where they were read to.
    fn committed<'a>(
        &self,
        topics: impl Iterator<Item = (&'a str, std::ops::Range<i32>)>,
        patience: Duration,
    ) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::new();
        for (topic, partitions) in topics {
            for partition in partitions {
                list.add_partition(topic, partition);
            }
        }
        let action = "ask how far events were read";
        let list = self.consumer.committed_offsets(list, patience);
        let mut list = list.map_err(self.clients.error(action))?;
        let mut places = Vec::new();
        for found in list.elements() {
            found.error().map_err(self.clients.error(action))?;
            places.push((found.topic().to_owned(), found.partition(), found.offset()));
        }
        for (topic, partition, read_to) in places {
            let ends = self.consumer.fetch_watermarks(&topic, partition, patience);
            let (first, end) = ends.map_err(self.clients.error(format!("ask for the ends of {topic}/{partition}")))?;
            let offset = match read_to {
                Offset::Offset(read_to) if read_to < first || read_to > end => {
                    let group = &self.clients.settings.address.group;
                    let reason = format!(
                        "partition {partition} was read to offset {read_to} and now holds {first} to {end}: messages, or marks of transactions alone, were deleted before they were read. If they are to be done without, say so with `kafka-consumer-groups --group {group} --topic {topic} --reset-offsets --to-earliest --execute`"
                    );
                    return Err(self.clients.says(format!("go on in topic {topic}"), reason));
                }
                Offset::Offset(read_to) => read_to,
                _ => {
                    if first > 0 {
                        tracing::warn!(
                            topic,
                            partition,
                            first,
                            "nothing says how far it was read: it is read from its first message on"
                        );
                    }
                    first
                }
            };
            self.clients.figures.set_end(&topic, partition, end);
            self.clients.figures.settle(&topic, partition, offset);
            list.set_partition_offset(&topic, partition, Offset::Offset(offset)).map_err(self.clients.error(action))?;
        }
        Ok(list)
    }

    /// Reads from partitions that topics have got since. What does not answer is asked again the next time.
    fn take_new_partitions(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        let topics = self.clients.settings.address.events.clone();
        for (number, topic) in topics.iter().enumerate() {
            let Ok(found) = self.consumer.fetch_metadata(Some(topic), PATIENCE) else { return };
            let count = found.topics().first().map_or(0, |topic| i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX));
            if count > self.partitions[number] {
                let new = self.committed(std::iter::once((topic.as_str(), self.partitions[number]..count)), PATIENCE);
                let assign = |new| {
                    let assigned = self.consumer.incremental_assign(&new);
                    assigned.map_err(self.clients.error(format!("read new partitions of {topic}")))
                };
                match new.and_then(assign) {
                    Ok(()) => self.partitions[number] = count,
                    Err(error) => tracing::warn!(%error, "new partitions are looked at again"),
                }
            }
        }
    }

    /// Up to where each partition was read when this began.
    pub(super) fn begins(&self) -> Result<Vec<(SourcePartition, i64)>, Error> {
        let assignment = self.consumer.assignment().map_err(self.clients.error("read topics of events"))?;
        let topics = &self.clients.settings.address.events;
        let place = |element: &TopicPartitionListElem<'_>| match element.offset() {
            Offset::Offset(offset) => {
                let topic = topics.iter().position(|topic| topic == element.topic())?;
                Some((SourcePartition { topic, partition: element.partition() }, offset))
            }
            _ => None,
        };
        Ok(assignment.elements().iter().filter_map(place).collect())
    }
}

/// Whether an error of a consumer goes by itself once the cluster is as it should be.
pub(super) fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let lasting = [
        Code::AutoOffsetReset,
        Code::OffsetOutOfRange,
        Code::UnknownTopic,
        Code::UnknownPartition,
        Code::NotImplemented,
        Code::BadCompression,
        Code::BadMessage,
        Code::TopicAuthorizationFailed,
        Code::GroupAuthorizationFailed,
    ];
    match error {
        KafkaError::MessageConsumption(code) => !lasting.contains(code),
        _ => false,
    }
}
