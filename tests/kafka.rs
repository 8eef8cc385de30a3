//! The program on a real Apache Kafka: events out of a topic, decisions into another, and whatever dies in between, one decision for each event.

mod support;

#[path = "support/kafka.rs"]
mod broker;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use broker::Broker;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};
use support::{HANDBOOK, Server, handbook, payment, riskflow, run_well, shared_data, text};

/// How many payments go through.
const EVENTS: usize = 200_000;

/// An instance of the program: a data folder with a champion and a configuration.
struct Instance {
    folder: tempfile::TempDir,
}

/// A message of a topic: its key, its value, and its headers.
struct Read {
    key: String,
    value: Value,
    headers: BTreeMap<String, String>,
}

impl Instance {
    /// With a champion, on a log of its own or of another instance.
    fn new(broker: &Broker, place: &str) -> Self {
        let instance = Self::without_champion(&format!("kafka://{}/{place}", broker.address()), "");
        let arguments = ["promote", "--pipeline", HANDBOOK, "--version", "1", "--by", "tests", "--reason", "to have one"];
        run_well(&[&arguments[..], &["--config", text(&instance.config()), "--data-dir", text(instance.data())]].concat());
        instance
    }

    fn without_champion(url: &str, more: &str) -> Self {
        let instance = Self { folder: tempfile::tempdir().expect("a folder") };
        support::published(instance.data(), -9.0);
        let settings = format!("[log]\nurl = \"{url}\"\n[snapshots]\nevery_records = 50000\n{more}");
        std::fs::write(instance.config(), settings).expect("written");
        instance
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("riskflow.toml")
    }

    fn start(&self) -> Server {
        Server::start_with(self.data(), Path::new(HANDBOOK), &["--config", text(&self.config())])
    }

    /// Starts it where it must not; what it says.
    fn refused(&self, environment: &[(&str, &str)]) -> String {
        let config = self.config();
        let arguments = ["run", "--pipeline", HANDBOOK, "--listen", "127.0.0.1:0", "--config", text(&config)];
        let mut command = riskflow(&[&arguments[..], &["--data-dir", text(self.data())]].concat());
        let since = Instant::now();
        let output = command.envs(environment.iter().copied()).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        assert!(since.elapsed() < Duration::from_secs(60), "after {:?}", since.elapsed());
        String::from_utf8(output.stderr).expect("it speaks UTF-8")
    }
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("message.max.bytes", "20000000");
    config
}

fn make_topic(broker: &Broker, topic: &str, partitions: i32) {
    let admin: AdminClient<_> = client(broker).create().expect("a client");
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("max.message.bytes", "20000000");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let made = runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).expect("the broker answers");
    made[0].as_ref().expect("it was not there");
}

fn produce<'a>(broker: &Broker, topic: &str, messages: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let producer: BaseProducer = client(broker).create().expect("a client");
    for (key, value) in messages {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        while let Err((error, again)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::from_millis(10));
            record = again;
        }
    }
    producer.flush(Duration::from_secs(60)).expect("the broker takes them");
}

/// Every committed message of a topic.
fn read(broker: &Broker, topic: &str) -> Vec<Read> {
    let mut config = client(broker);
    config.set("group.id", "tests").set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    // A commit would end a poll with nothing.
    config.set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a client");
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).expect("the broker answers");
    let mut found = Vec::new();
    for partition in metadata.topics()[0].partitions() {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("an offset");
        consumer.assign(&list).expect("assigned");
        loop {
            match consumer.poll(Duration::from_secs(10)) {
                Some(Ok(message)) => {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("text");
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    found.push(Read {
                        key: text(message.key()),
                        value: serde_json::from_slice(message.payload().unwrap_or_default()).expect("JSON"),
                        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
                    });
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                other => panic!("{topic}: {other:?}"),
            }
        }
    }
    found
}

/// What was decided about each event, without what differs from run to run: when, how fast, and where it lies. Two decisions about one event are
/// an error.
fn decisions(broker: &Broker, prefix: &str) -> BTreeMap<String, String> {
    let mut decisions = BTreeMap::new();
    for Read { key, mut value, .. } in read(broker, &format!("{prefix}.decisions")) {
        let event = value["event_id"].as_str().expect("an id").to_owned();
        let told = value.as_object_mut().expect("an object");
        told.remove("decision_id");
        told.remove("versions");
        told["engine"].as_object_mut().expect("an object").remove("timings_us");
        let before = decisions.insert(event, format!("{key} {value}"));
        assert_eq!(before, None, "{value} was decided twice");
    }
    decisions
}

fn until(what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A connection that stays.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn to(server: &Server) -> Self {
        let address = server.url.strip_prefix("http://").expect("it speaks plain HTTP");
        Self(BufReader::new(TcpStream::connect(address).expect("it listens")))
    }

    fn status_of(&mut self, path: &str) -> u16 {
        write!(self.0.get_mut(), "GET {path} HTTP/1.1\r\nhost: riskflow\r\n\r\n").expect("the connection stands");
        let (mut status, mut bytes) = (None, 0);
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("the connection stands"), 0, "it was closed");
            let line = line.trim_end().to_ascii_lowercase();
            match line.strip_prefix("content-length: ") {
                Some(length) => bytes = length.parse().expect("a number"),
                None if line.is_empty() => break,
                None => status = status.or_else(|| line.split(' ').nth(1)?.parse().ok()),
            }
        }
        self.0.read_exact(&mut vec![0; bytes]).expect("a body");
        status.expect("a status")
    }
}

fn decided(server: &Server) -> u64 {
    server.get("/v1/status").json()["decisions"].as_u64().expect("a number")
}

/// The first payments of the Handbook's data, or of simulated ones: customer and event.
fn payments() -> Vec<(String, String)> {
    let made = tempfile::tempdir().expect("a folder");
    let path = shared_data("fraud_fdh/transactions.parquet").unwrap_or_else(|| {
        run_well(&["simulate", "--customers", "2000", "--terminals", "4000", "--days", "60", "--out", text(made.path())]);
        made.path().join("transactions.parquet")
    });
    let schema = handbook().schema;
    let rows = ingest::decode::file::open(&path, &schema).expect("payments");
    let rows = rows.flat_map(|chunk| chunk.expect("it is whole")).take(EVENTS);
    let message = |row: ingest::decode::Row| {
        let event = row.expect("a payment").event;
        let entity = |name: &str| event.entities[schema.entity(name).expect("declared")].clone().expect("present");
        let (customer, terminal) = (entity("customer"), entity("terminal"));
        let amount = event.amount.expect("present");
        let json = json!({
            "event_id": event.event_id, "event_time": event.occurred_at,
            "transaction": {"amount_minor": amount.minor(), "currency": amount.currency()},
            "customer": {"id": customer}, "terminal": {"id": terminal},
        });
        (customer.into_string(), json.to_string())
    };
    rows.map(message).collect()
}

/// A seeded stream of numbers below a bound.
fn points(seed: u64, bound: u64, count: usize) -> Vec<u64> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).skip(1).take(count).map(|state| (state >> 33) % bound).collect()
}

#[test]
fn killed_at_random_points_it_decides_each_event_once_and_as_if_nothing_had_happened() {
    let Some(mut broker) = Broker::start() else { return };
    let payments = payments();
    assert_eq!(payments.len(), EVENTS);
    make_topic(&broker, "payments", 1);
    produce(&broker, "payments", payments.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let is_done = |server: &Server| {
        decided(server) == EVENTS as u64 && server.metric("riskflow_kafka_lag{topic=\"payments\",partition=\"0\"}") == 0
    };

    let calm = Instance::new(&broker, "calm?events=payments");
    let (server, since) = (calm.start(), Instant::now());
    until("every event is decided", 300, || is_done(&server));
    eprintln!("{EVENTS} events in {:.1} s undisturbed", since.elapsed().as_secs_f64());
    server.stop();
    let expect = decisions(&broker, "calm");
    assert_eq!(expect.len(), EVENTS);

    let storm = Instance::new(&broker, "storm?events=payments");
    // An event and its decision are two records.
    let mut ends = points(7, 2 * EVENTS as u64, 10);
    ends.sort_unstable();
    let mut cut_short = 0;
    for (number, at) in ends.into_iter().enumerate() {
        let server = storm.start();
        let reached = |end: u64| server.metric("riskflow_log_durable_end") >= end;
        until("the log grows", 300, || reached(at) || is_done(&server));
        if number == 5 {
            broker.kill();
            broker.run();
            until("the log grows again", 120, || reached(at + 1_000) || is_done(&server));
        }
        cut_short += u32::from(!is_done(&server));
        server.kill();
    }
    assert!(cut_short >= 8, "only {cut_short} of 10 runs were cut short");
    let server = storm.start();
    until("every event is decided", 300, || is_done(&server));
    server.stop();
    let mut found = decisions(&broker, "storm");
    for (event, expect) in &expect {
        assert_eq!(found.remove(event).as_ref(), Some(expect), "event {event}");
    }
    assert!(found.is_empty(), "decisions about nothing: {:?}", found.keys());
}

#[test]
fn what_is_no_event_is_a_dead_letter_and_nothing_else_stops() {
    let Some(broker) = Broker::start() else { return };
    make_topic(&broker, "in", 3);
    let instance = Instance::new(&broker, "letters?events=in&group=readers");
    let server = instance.start();
    let good = payment("e1", "2026-04-23T12:00:00Z", 100);
    let other = payment("e1", "2026-04-23T12:00:00Z", 101);
    let future = payment("e2", "2999-04-23T12:00:00Z", 100);
    let negative = payment("e3", "2026-04-23T12:00:00Z", -7_531);
    let large = format!("{{\"event_id\": \"{}\"}}", "x".repeat(10 << 20));
    let messages = [&good, &good, &other, "", "{not JSON", "[]", &future, &negative, &large];
    produce(&broker, "in", messages.map(|message| ("cus_9", message)));
    let letter = |field: Option<&str>, reason: &str| (field.map(str::to_owned), reason.to_owned());
    let mut expect = [
        letter(Some("event_id"), "event e1 was accepted before with other content"),
        letter(None, "is empty"),
        letter(None, "is not valid JSON at its line 1, column 2"),
        letter(None, "must be a JSON object"),
        letter(Some("event_time"), "allowed are 5m"),
        letter(Some("transaction.amount_minor"), "must not be negative"),
        letter(None, "has 10485776 bytes, allowed are 65536"),
    ];
    expect.sort();
    until("seven dead letters", 60, || server.metric("riskflow_kafka_dead_letters_total") == 7);
    let mut letters = read(&broker, "letters.dead-letters");
    letters.sort_by_key(|letter| (letter.value["field"].as_str().map(str::to_owned), letter.value["reason"].to_string()));
    assert_eq!(letters.len(), 7);
    for (Read { value, headers, .. }, (field, reason)) in letters.iter().zip(&expect) {
        let said = value["reason"].as_str().expect("a reason");
        assert!(value["field"].as_str() == field.as_deref() && said.ends_with(reason.as_str()), "{value}, and not {reason}");
        assert!(!value.to_string().contains("7531"), "values stay where they are: {value}");
        for name in ["topic", "partition", "offset", "reason"] {
            assert_eq!(value[name].to_string().trim_matches('"'), headers[name], "{name}");
        }
    }

    // Decided once, told once, and known to who asks over HTTP; labels and changes are told, too.
    let answer = server.post("/v1/score", &good).json();
    assert_eq!(answer["status"], "duplicate", "{answer}");
    let answer = server.post("/v1/score", &payment("e9", "2026-04-23T12:00:00Z", 100)).json();
    assert_eq!(answer["status"], "new", "{answer}");
    let label = json!({"event_id": "e1", "label": "fraud", "source": "analyst", "observed_at": "2026-04-24T00:00:00Z"});
    assert_eq!(server.post("/v1/labels", &label.to_string()).status, 202);
    server.stop();
    let told = decisions(&broker, "letters");
    assert_eq!(told.keys().collect::<Vec<_>>(), ["e1", "e9"]);
    assert!(told["e1"].starts_with("cus_9 {") && told["e1"].contains("\"decision\":\"approve\""), "{}", told["e1"]);
    let labels = read(&broker, "letters.labels");
    assert_eq!((labels.len(), labels[0].key.as_str(), &labels[0].value["label"]["label"]), (1, "e1", &json!("fraud")));
    let changes: Vec<_> = read(&broker, "letters.control").into_iter().map(|read| read.value["change"].clone()).collect();
    assert!(changes.iter().any(|change| change["Promoted"]["reason"] == "to have one"), "{changes:?}");
}

#[test]
fn a_broker_gone_for_a_minute_is_waited_for() {
    let Some(mut broker) = Broker::start() else { return };
    make_topic(&broker, "in", 1);
    let instance = Instance::new(&broker, "outage?events=in");
    let server = instance.start();
    let event = |id: &str| payment(id, "2026-04-23T12:00:00Z", 100);
    assert_eq!(server.post("/v1/score", &event("before")).status, 200);
    produce(&broker, "in", [("cus_9", event("from-topic").as_str())]);
    until("it is decided", 30, || decided(&server) == 2);

    let gone = Instant::now();
    broker.kill();
    let waiting = {
        let (url, body) = (server.url.clone(), event("meanwhile"));
        std::thread::spawn(move || support::post(&url, "/v1/score", &body))
    };
    until("it is not ready", 30, || server.get("/readyz").status == 503);
    let ready = server.get("/readyz").body;
    assert!(ready.contains("a log that gets on: cannot reach the cluster"), "{ready}");
    assert_eq!(server.get("/livez").status, 200);
    let answer = waiting.join().expect("answered");
    assert_eq!(answer.status, 503, "{}", answer.body);
    until("the minute is over", 61, || gone.elapsed() > Duration::from_secs(60));
    broker.run();

    until("it is ready", 60, || server.get("/readyz").status == 200);
    produce(&broker, "in", [("cus_9", event("after").as_str())]);
    until("all are decided", 60, || decided(&server) == 4);
    let answer = server.post("/v1/score", &event("meanwhile")).json();
    assert_eq!(answer["status"], "duplicate", "{answer}");
    server.stop();
    let told = decisions(&broker, "outage");
    assert_eq!(told.keys().collect::<Vec<_>>(), ["after", "before", "from-topic", "meanwhile"]);
}

#[test]
fn who_is_told_to_stop_waits_for_no_broker_that_is_gone() {
    let Some(mut broker) = Broker::start() else { return };
    let instance = Instance::new(&broker, "leaving");
    let server = instance.start();
    let event = payment("meanwhile", "2026-04-23T12:00:00Z", 100);
    broker.kill();
    assert_eq!(server.post("/v1/score", &event).status, 503);
    until("it is not ready", 30, || server.get("/readyz").status == 503);
    let told = Instant::now();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(1));
    assert!(told.elapsed() < Duration::from_secs(40), "after {:?}", told.elapsed());
    broker.run();
    let server = instance.start();
    let answer = server.post("/v1/score", &event).json();
    assert_eq!(answer["status"], "new", "what was never durable is decided anew: {answer}");
    server.stop();
    assert_eq!(decisions(&broker, "leaving").len(), 1);
}

#[test]
fn an_instance_that_hangs_is_shut_out_and_another_goes_on() {
    let Some(broker) = Broker::start() else { return };
    make_topic(&broker, "in", 2);
    let first = Instance::new(&broker, "pair?events=in");
    let second = Instance::without_champion(&format!("kafka://{}/pair?events=in", broker.address()), "");
    let active = first.start();
    let standby = Server::start_standby(second.data(), &["--config", text(&second.config())]);
    let ready = standby.get("/readyz");
    assert!(ready.status == 503 && ready.body.contains("it stands by"), "{}", ready.body);
    assert_eq!(standby.get("/livez").status, 200);
    let refused = standby.post("/v1/score", &" ".repeat(8_000_000));
    assert_eq!((refused.status, &refused.json()["type"]), (503, &json!("/problems/not-ready")));
    assert_eq!(refused.retry_after.as_deref(), Some("1"));

    let event = |number: usize| payment(&format!("e{number}"), "2026-04-23T12:00:00Z", 100);
    let send = |numbers: std::ops::Range<usize>| {
        let events: Vec<_> = numbers.map(|number| (format!("cus_{number}"), event(number))).collect();
        produce(&broker, "in", events.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    };
    send(0..100);
    until("the first decides", 30, || decided(&active) == 100);
    assert_eq!(standby.get("/readyz").status, 503, "it still stands by");
    active.signal("STOP");
    send(100..200);
    let mut kept = Kept::to(&standby);
    until("the second takes over, on a connection from before", 60, || kept.status_of("/readyz") == 200);
    until("the second decides", 30, || decided(&standby) == 200);
    // What it does not know yet is that it is no longer the active one.
    active.signal("CONT");
    send(200..300);
    assert_eq!(active.ended().code(), Some(1));
    until("the second goes on", 30, || decided(&standby) == 300);
    standby.stop();
    assert_eq!(decisions(&broker, "pair").len(), 300);
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    let Some(broker) = Broker::start() else { return };
    let check = |url: &str, more: &str, environment: &[(&str, &str)], expect: &[&str]| {
        let said = Instance::without_champion(url, more).refused(environment);
        for part in expect {
            assert!(said.contains(part), "{said}\nlacks {part}");
        }
        assert!(!said.contains("s3cret"), "{said}");
    };
    let at = |place: &str| format!("kafka://{}/{place}", broker.address());
    check(&at("a?events=nobody-made-it"), "", &[], &["cannot use topic nobody-made-it"]);
    check(&at("a?event=in"), "", &[], &["log.url: `event=in` is neither events=TOPIC nor group=GROUP"]);
    check("kafka://127.0.0.1:9/a", "", &[], &["cannot reach the cluster at kafka://127.0.0.1:9", "Connection refused"]);
    make_topic(&broker, "kept.log", 1);
    let kept = [
        "cannot use topic kept.log",
        "retention.ms=604800000",
        "kafka-configs --alter --entity-type topics --entity-name kept.log",
    ];
    check(&at("kept"), "", &[], &kept);
    check(&at("a"), "[kafka.client]\n\"linger\" = \"1\"", &[], &["No such configuration property: \"linger\""]);
    check(&at("a"), "[kafka.client]\n\"acks\" = \"1\"", &[], &["kafka.client: `acks` is set by riskflow itself"]);
    check(&at("a"), "", &[("RISKFLOW_LOG__DURABILITY", "async")], &["is `sync` only"]);
    let user =
        "[kafka.client]\n\"security.protocol\" = \"SASL_PLAINTEXT\"\n\"sasl.mechanism\" = \"PLAIN\"\n\"sasl.username\" = \"ada\"";
    let secured = format!("kafka://{}/a", broker.sasl_address());
    let wrong = [("RISKFLOW_KAFKA__PASSWORD", "not-s3cret")];
    check(&secured, user, &wrong, &["cannot reach the cluster", "Authentication failed"]);
}
