//! `riskflow bench kafka`: how many events a second come out of a topic and go as decisions into another, and how long one is on its way.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use ingest::{Clock, SystemClock};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use scoring::Pipeline;
use serde::{Deserialize, Serialize};

use super::children::Server;
use super::events::{Events, body};
use super::setup::{self, Made};
use crate::output;

/// Measure the way of events through a Kafka cluster
///
/// On the set-up of `riskflow bench setup`, with a server of its own and topics of its own in the cluster, which it leaves there. First events lie
/// ready in a topic and are decided as fast as that goes; then some come at a steady rate. Prints one JSON object. Times from event to decision are
/// those at which the brokers took the two messages; `seen` is when a reader of committed decisions had it, by the clock of this machine.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench kafka --brokers 127.0.0.1:9092 --events 500000 --rate 5000")]
pub(super) struct Args {
    /// Where the cluster is
    #[arg(long, value_name = "HOST:PORT")]
    brokers: String,
    /// How many events lie ready
    #[arg(long, value_name = "COUNT", default_value_t = 500_000)]
    events: u64,
    /// How many partitions they come from
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    partitions: i32,
    /// How many events a second come then
    #[arg(long, value_name = "COUNT", default_value_t = 5_000)]
    rate: u64,
    /// For how long they come
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct Measured {
    events: u64,
    /// Between the first decision and the last.
    events_per_second: f64,
    cpu_us_per_event: Option<f64>,
    steady: Steady,
}

/// Of events at a steady rate.
#[derive(Debug, Serialize)]
struct Steady {
    events: u64,
    per_second: f64,
    /// From the event's message to the decision's, as the brokers took them.
    p50_ms: u64,
    p99_ms: u64,
    /// From the event's message until a reader of committed decisions had it.
    seen_p50_ms: u64,
    seen_p99_ms: u64,
}

/// The cluster, and the topics of one measurement.
struct Cluster {
    brokers: String,
    prefix: String,
}

/// A message that was read: the event that it is about, when the brokers took it, and when it was read.
struct Seen {
    event_id: String,
    taken_ms: i64,
    read_ms: i64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let prefix = format!("riskflow-bench-{:x}", SystemClock.now().micros());
    let cluster = Cluster { brokers: args.brokers.clone(), prefix };
    cluster.make_topic(args.partitions).await?;
    let folder = tempfile::tempdir()?;
    output::message("making the set-up");
    let made = setup::make_on(folder.path(), Some(&cluster.url())).await?;
    tokio::task::block_in_place(|| output::json_line(&measure(args, &cluster, &made)?))
}

fn measure(args: &Args, cluster: &Cluster, made: &Made) -> anyhow::Result<Measured> {
    let pipeline = crate::read_pipeline(&made.pipeline)?;
    let path = |path: &std::path::Path| path.to_str().map(str::to_owned).context("a temporary folder has a plain name");
    let (file, data) = (path(&made.pipeline)?, path(&made.data)?);

    output::message(&format!("{} events are put into the topic", output::thousands(args.events)));
    cluster.produce(&pipeline, 0..args.events, None)?;
    let arguments = ["run", "--pipeline", &file, "--data-dir", &data, "--listen", "127.0.0.1:0"];
    let server = Server::start(&arguments, &[("RISKFLOW_LOG__URL", &cluster.url())])?;
    let cpu_before = server.cpu_seconds();
    let decided = cluster.read(&cluster.decisions(), args.events)?;
    let cpu_us_per_event =
        server.cpu_seconds().zip(cpu_before).map(|(after, before)| (after - before) * 1e6 / args.events as f64);
    let taken = decided.iter().map(|decision| decision.taken_ms);
    let (first, last) = taken.clone().min().zip(taken.max()).context("there are no events")?;
    let events_per_second = args.events as f64 * 1e3 / (last - first).max(1) as f64;
    server.settle()?;

    output::message(&format!("{} events a second come for {} s", args.rate, args.seconds));
    let count = args.rate * args.seconds;
    let reader = cluster.reader(&cluster.decisions(), Offset::End)?;
    let decided = thread::scope(|scope| {
        let reading = scope.spawn(|| read(&reader, count));
        cluster.produce(&pipeline, args.events..args.events + count, Some(args.rate))?;
        reading.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?
    })?;
    let came = cluster.read(&cluster.events(), args.events + count)?;
    let came: HashMap<&str, i64> = came.iter().map(|event| (event.event_id.as_str(), event.taken_ms)).collect();
    let (mut taken, mut seen) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    for decision in &decided {
        let came =
            came.get(decision.event_id.as_str()).with_context(|| format!("{} was decided and never came", decision.event_id))?;
        taken.record(u64::try_from(decision.taken_ms - came).unwrap_or(0))?;
        seen.record(u64::try_from(decision.read_ms - came).unwrap_or(0))?;
    }
    let steady = Steady {
        events: count,
        per_second: args.rate as f64,
        p50_ms: taken.value_at_quantile(0.5),
        p99_ms: taken.value_at_quantile(0.99),
        seen_p50_ms: seen.value_at_quantile(0.5),
        seen_p99_ms: seen.value_at_quantile(0.99),
    };
    Ok(Measured { events: args.events, events_per_second, cpu_us_per_event, steady })
}

impl Cluster {
    fn url(&self) -> String {
        format!("kafka://{}/{}?events={}", self.brokers, self.prefix, self.events())
    }

    fn events(&self) -> String {
        format!("{}-events", self.prefix)
    }

    fn decisions(&self) -> String {
        format!("{}.decisions", self.prefix)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    async fn make_topic(&self, partitions: i32) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.config().create()?;
        let name = self.events();
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(-1)).set("message.timestamp.type", "LogAppendTime");
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(15)));
        let made =
            admin.create_topics([&topic], &options).await.with_context(|| format!("cannot make a topic at {}", self.brokers))?;
        match made.into_iter().next() {
            Some(Err((topic, code))) => bail!("cannot make topic {topic} at {}: {code}", self.brokers),
            _ => Ok(()),
        }
    }

    /// Puts events into the topic, as fast as that goes or at a rate.
    fn produce(&self, pipeline: &Pipeline, numbers: std::ops::Range<u64>, rate: Option<u64>) -> anyhow::Result<()> {
        let mut config = self.config();
        config.set("linger.ms", if rate.is_some() { "0" } else { "20" }).set("compression.type", "lz4");
        let producer: BaseProducer = config.create()?;
        let (topic, events, schema) = (self.events(), Events::new(&pipeline.schema, &setup::keys())?, &pipeline.schema);
        let (since, first) = (Instant::now(), numbers.start);
        for number in numbers {
            if let Some(rate) = rate {
                let due = since + Duration::from_secs_f64((number - first) as f64 / rate as f64);
                while let Some(early) = due.checked_duration_since(Instant::now()).filter(|early| !early.is_zero()) {
                    producer.poll(early.min(Duration::from_millis(1)));
                }
            }
            let event = events.event(number);
            let body = body(&event, schema, &format!("e{number}"), &event.occurred_at.to_string()).to_string();
            let key = event.entities.iter().flatten().next().map_or("", |key| key);
            let mut record = BaseRecord::to(&topic).key(key).payload(&body);
            while let Err((error, again)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error).with_context(|| format!("cannot put events into {topic}"));
                }
                producer.poll(Duration::from_millis(5));
                record = again;
            }
        }
        producer.flush(Duration::from_secs(60)).with_context(|| format!("cannot put events into {topic}"))
    }

    /// So many committed messages of a topic, from its beginning.
    fn read(&self, topic: &str, count: u64) -> anyhow::Result<Vec<Seen>> {
        read(&self.reader(topic, Offset::Beginning)?, count)
    }

    fn reader(&self, topic: &str, from: Offset) -> anyhow::Result<BaseConsumer> {
        let mut config = self.config();
        config.set("group.id", &self.prefix).set("isolation.level", "read_committed").set("enable.auto.commit", "false");
        config.set("fetch.wait.max.ms", "5").set("queued.max.messages.kbytes", "16384").set("fetch.queue.backoff.ms", "5");
        let consumer: BaseConsumer = config.create()?;
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(15))?;
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
            let from = match from {
                // From the end as it is now, and not as it will be when it is asked for.
                Offset::End => Offset::Offset(consumer.fetch_watermarks(topic, partition.id(), Duration::from_secs(15))?.1),
                from => from,
            };
            list.add_partition_offset(topic, partition.id(), from)?;
        }
        consumer.assign(&list)?;
        Ok(consumer)
    }
}

/// So many messages of a reader.
fn read(reader: &BaseConsumer, count: u64) -> anyhow::Result<Vec<Seen>> {
    #[derive(Deserialize)]
    struct About {
        event_id: String,
    }
    const LONGEST: Duration = Duration::from_secs(120);
    let mut seen = Vec::new();
    let mut heard = Instant::now();
    while (seen.len() as u64) < count {
        match reader.poll(Duration::from_millis(100)) {
            Some(message) => {
                let message = message?;
                let About { event_id } =
                    serde_json::from_slice(message.payload().unwrap_or_default()).context("a message is not JSON")?;
                let taken_ms = message.timestamp().to_millis().context("a message has no time")?;
                seen.push(Seen { event_id, taken_ms, read_ms: SystemClock.now().micros() / 1_000 });
                heard = Instant::now();
            }
            None if heard.elapsed() > LONGEST => bail!("only {} of {count} messages came", seen.len()),
            None => {}
        }
    }
    Ok(seen)
}
