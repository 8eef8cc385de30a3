use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration as Span, Instant};

use ingest::{Duration, ManualClock, Timestamp};

use super::config::{Retry, Secret, Target};
use super::queue::Queue;
use super::transport::sign;
use super::*;

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Nothing here takes as long, unless it is broken.
const LONG: Span = Span::from_secs(20);

fn at() -> Timestamp {
    "2018-08-16T00:00:00Z".parse().unwrap()
}

fn drift(subject: &str) -> Notification {
    let drift = Drift {
        subject: subject.to_owned(),
        segment: None,
        statistic: "psi".to_owned(),
        value: 0.31415,
        threshold: 0.25,
        window: "day".to_owned(),
        reference: "training".to_owned(),
    };
    Notification::new(at(), Severity::High, "card_fraud", What::DriftFired(drift))
}

fn config(url: &str) -> SinkConfig {
    let rest = if url.starts_with("http") { "secret_env = \"SECRET\"" } else { "" };
    toml::from_str(&format!("name = \"pager\"\nurl = \"{url}\"\n{rest}")).unwrap()
}

fn checked(config: &SinkConfig, data: &std::path::Path) -> Result<Sink, String> {
    let environment = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    let sinks = Sink::all(std::slice::from_ref(config), data, environment);
    sinks.map(|mut sinks| sinks.remove(0)).map_err(|error| error.to_string())
}

/// A sink that is tried again at once, or nearly.
fn sink(url: &str, data: &std::path::Path) -> Sink {
    let mut sink = checked(&config(url), data).unwrap();
    sink.retry.first = Span::from_millis(5);
    sink.retry.longest = Span::from_millis(40);
    sink
}

fn start(sink: Sink, data: &std::path::Path) -> Notifier {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(at()));
    Notifier::start(vec![sink], &data.join("notify"), &clock).unwrap()
}

fn until(notifier: &Notifier, what: &str, is_so: impl Fn(&Figures) -> bool) -> Figures {
    let deadline = Instant::now() + LONG;
    loop {
        let figures = notifier.figures().remove(0);
        if is_so(&figures) {
            return figures;
        }
        assert!(Instant::now() < deadline, "waited for {what}: {figures:?}");
        std::thread::yield_now();
    }
}

#[test]
fn what_receivers_read() {
    let told = drift("customer_amount_mean_1d");
    let expect = r#"{"id":"ntf_ID","at":"2018-08-16T00:00:00Z","severity":"high","pipeline":"card_fraud","summary":"customer_amount_mean_1d has psi 0.3141 (threshold 0.25) by day against training, and has drifted","kind":"drift_fired","details":{"subject":"customer_amount_mean_1d","statistic":"psi","value":0.31415,"threshold":0.25,"window":"day","reference":"training"}}"#;
    assert_eq!(serde_json::to_string(&told).unwrap(), expect.replace("ntf_ID", &told.id));
    assert_eq!(drift("customer_amount_mean_1d").id, told.id, "the same, told again");
    assert_ne!(drift("night").id, told.id);
    let check = |what: What, json: &str| {
        let told = Notification::new(at(), Severity::Low, "p", what);
        let text = serde_json::to_string(&told).unwrap();
        assert!(text.ends_with(json), "{text}");
        assert_eq!(serde_json::from_str::<Notification>(&text).unwrap(), told);
    };
    check(What::Test, r#""summary":"this is a test: nothing happened","kind":"test"}"#);
    check(
        What::RetrainDone { model: "m".to_owned(), versions: vec!["7".to_owned()] },
        r#""summary":"m was trained anew, its candidates are 7","kind":"retrain_done","details":{"model":"m","versions":["7"]}}"#,
    );
    check(
        What::GuardrailBroke {
            subject: "e1".to_owned(),
            guardrail: "approval_rate".to_owned(),
            value: 0.5,
            limit: 0.9,
            action: Some("demoted".to_owned()),
        },
        r#""summary":"e1 broke its guardrail approval_rate: 0.5000, and 0.9000 is the limit; demoted","kind":"guardrail_broke","details":{"subject":"e1","guardrail":"approval_rate","value":0.5,"limit":0.9,"action":"demoted"}}"#,
    );
}

/// The first is the example of the Standard Webhooks specification; both were computed with Python's hmac and base64.
#[test]
fn signatures_are_those_of_another_implementation() {
    use base64::Engine;
    let check = |secret: &str, id: &str, seconds: i64, body: &str, expect: &str| {
        let key = base64::prelude::BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(sign(&Secret(key), id, seconds, body.as_bytes()), expect);
    };
    check(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
    check(SECRET, "ntf_00", 1_793_000_000, r#"{"summary":"Grüße"}"#, "v1,UZQAEDgmAgFzVSJTJtm8l5FEPQ6+CR3JBcBFrQil/nk=");
}

#[test]
fn a_sink_that_cannot_be_is_refused_without_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "whsec_c2hvcnQ=").unwrap();
    std::fs::write(folder.path().join("two"), format!("{SECRET}\n{SECRET}\n")).unwrap();
    let check = |text: &str, expect: &str| {
        let config = toml::from_str::<SinkConfig>(text).map_err(|error| error.to_string());
        match config.and_then(|config| checked(&config, folder.path())) {
            Ok(_) => assert_eq!(expect, "", "{text}"),
            Err(error) => assert!(!expect.is_empty() && error.contains(expect), "{text}\n{error}"),
        }
    };
    check("name = \"a\"\nurl = \"file://told.jsonl\"", "");
    check("name = \"a\"\nurl = \"https://x/y\"\nsecret_file = \"two\"\nkinds = [\"alert\"]\nleast_severity = \"high\"", "");
    check("name = \"a\"\nurl = \"https://x/y\"", "notify sink a: a webhook is signed: give secret_env or secret_file");
    check("name = \"a\"\nurl = \"file://x\"\nsecret_env = \"SECRET\"", "a file is not signed");
    check("name = \"a\"\nurl = \"ftp://x\"", "its url must begin with file://, http:// or https://");
    check("name = \"A b\"\nurl = \"file://x\"", "small letters");
    check("name = \"a\"\nurl = \"file://x\"\nmost_tries = 0", "most_tries must be at least 1");
    check("name = \"a\"\nurl = \"http://x\"\nsecret_env = \"SECRET\"\ntimeout = \"0s\"", "timeout is 0s: give 1s to 120s");
    check("name = \"a\"\nurl = \"http://x\"\nsecret_env = \"RISKFLOW_X\"", "names that begin with RISKFLOW_ are settings");
    check("name = \"a\"\nurl = \"http://x\"\nsecret_env = \"OTHER\"", "environment variable OTHER is not set");
    check("name = \"a\"\nurl = \"http://x\"\nsecret_file = \"none\"", "none: No such file");
    check("name = \"a\"\nurl = \"http://x\"\nsecret_file = \"short\"", "short holds no secret: write whsec_");
    check("name = \"a\"\nurl = \"http://x\"\nsecret_file = \"short\"\nsecret_env = \"SECRET\"", "not both");
    check("name = \"a\"\nurl = \"file://x\"\nkinds = [\"quake\"]", "unknown variant `quake`");
    check("name = \"a\"\nurl = \"file://x\"\nseverity = \"high\"", "unknown field `severity`");
    let twice = Sink::all(&[config("file://a"), config("file://b")], folder.path(), |_| None).unwrap_err().to_string();
    assert_eq!(twice, "notify sink pager: the name is given twice");
    let shown = format!("{:?}", checked(&config("http://x"), folder.path()).unwrap());
    assert!(shown.contains("Secret(..)") && !shown.contains("AAECAw"), "{shown}");
}

#[test]
fn a_sink_is_told_what_it_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let check = |more: &str, what: &Notification, expect: bool| {
        let config = toml::from_str(&format!("name = \"a\"\nurl = \"file://x\"\n{more}")).unwrap();
        assert_eq!(checked(&config, folder.path()).unwrap().filter.takes(what), expect, "{more}");
    };
    let of = |severity| Notification { severity, ..drift("night") };
    check("", &of(Severity::Low), true);
    check("least_severity = \"high\"", &of(Severity::High), true);
    check("least_severity = \"high\"", &of(Severity::Medium), false);
    check("kinds = [\"alert\", \"drift_fired\"]", &of(Severity::Low), true);
    check("kinds = [\"alert\"]", &of(Severity::Critical), false);
    let test = Notification::new(at(), Severity::Low, "p", What::Test);
    check("kinds = []\nleast_severity = \"critical\"", &test, true);
}

#[test]
fn pauses_double_up_to_the_longest() {
    let retry =
        Retry { first: Span::from_secs(1), longest: Span::from_secs(300), most_tries: 20, give_up_after: Duration::days(1) };
    let check = |tries: u32, lot: f64, seconds: f64| assert_eq!(retry.pause(tries, lot).as_secs_f64(), seconds, "{tries} {lot}");
    check(1, 0.0, 1.0);
    check(1, 1.0, 0.5);
    check(5, 0.0, 16.0);
    check(9, 0.0, 256.0);
    check(10, 0.0, 300.0);
    check(4_000_000_000, 1.0, 150.0);
}

#[test]
fn a_queue_is_what_its_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/pager.jsonl");
    let named =
        |queue: &Queue| -> Vec<String> { queue.waiting().iter().map(|waiting| waiting.notification.id.clone()).collect() };
    let [one, two, three] = ["one", "two", "three"].map(drift);
    let mut queue = Queue::open(&path, 2).unwrap();
    assert!(queue.put(&one, at()).unwrap() && queue.put(&two, at()).unwrap());
    assert!(!queue.put(&one, at()).unwrap(), "it waits already");
    assert_eq!(queue.put(&three, at()).unwrap_err().to_string(), "2 notifications wait already");
    queue.done(&one.id).unwrap();
    assert!(!queue.put(&one, at()).unwrap(), "it was done");
    let busy = Queue::open(&path, 2).unwrap_err().to_string();
    assert!(busy.ends_with("new/pager.jsonl is in use by another riskflow process"), "{busy}");
    drop(queue);

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{{\"put\":{{\"queued_at\":\"2018-")).unwrap();
    let mut queue = Queue::open(&path, 2).unwrap();
    assert_eq!(named(&queue), [two.id.as_str()], "what was cut off was not taken");
    assert!(queue.put(&three, at()).unwrap() && !queue.put(&one, at()).unwrap());
    drop(queue);
    assert_eq!(named(&Queue::open(&path, 2).unwrap()), [two.id.as_str(), three.id.as_str()]);

    std::fs::write(&path, "{\"put\":1}\n").unwrap();
    let error = Queue::open(&path, 2).unwrap_err().to_string();
    assert!(error.starts_with("line 1 of ") && error.contains("move the file away"), "{error}");
}

#[test]
fn a_file_of_a_queue_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pager.jsonl");
    let mut queue = Queue::open(&path, 10).unwrap();
    let stays = drift("stays");
    queue.put(&stays, at()).unwrap();
    for number in 0..2_500 {
        let passes = drift(&number.to_string());
        assert!(queue.put(&passes, at()).unwrap());
        queue.done(&passes.id).unwrap();
    }
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines <= 2_010, "{lines} lines");
    drop(queue);
    let mut queue = Queue::open(&path, 10).unwrap();
    assert_eq!(queue.waiting()[0].notification, stays);
    assert!(!queue.put(&drift("2499"), at()).unwrap() && !queue.put(&drift("2000"), at()).unwrap(), "it knows the last ones");
}

/// What a receiver does with a request.
#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    Busy,
    Never,
}

struct Request {
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("there is no {name} in {:?}", self.headers)).1
    }

    fn notification(&self) -> Notification {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A real server: the first answers as told, and 204 from then on.
fn receive(listener: TcpListener, answers: &[Answer]) -> Receiver<Request> {
    let (requests, received) = channel();
    let mut answers: VecDeque<Answer> = answers.iter().copied().collect();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(request) = read(&stream) else { continue };
            let answer = answers.pop_front().unwrap_or(Answer::Status(204));
            let _ = match answer {
                Answer::Status(code) => write!(
                    stream,
                    "HTTP/1.1 {code} Said\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                ),
                Answer::Busy => {
                    write!(stream, "HTTP/1.1 429 Busy\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                }
                Answer::Never => {
                    open.push(stream);
                    Ok(())
                }
            };
            if requests.send(request).is_err() {
                return;
            }
        }
    });
    received
}

fn read(stream: &std::net::TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { headers, body: String::from_utf8(body).ok()? })
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn a_webhook_is_signed_and_tried_until_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let received = receive(listener, &[Answer::Status(500), Answer::Busy, Answer::Status(302), Answer::Status(404)]);
    let notifier = start(sink(&url, folder.path()), folder.path());
    let told = drift("night");
    assert!(notifier.try_tell(&told));
    assert!(notifier.try_tell(&told));
    for _ in 0..5 {
        let request = received.recv_timeout(LONG).unwrap();
        assert_eq!(request.notification(), told);
        assert_eq!((request.header("webhook-id"), request.header("idempotency-key")), (told.id.as_str(), told.id.as_str()));
        assert_eq!(request.header("content-type"), "application/json");
        let seconds = request.header("webhook-timestamp").parse().unwrap();
        assert_eq!(seconds, at().micros() / 1_000_000);
        let key = (0..32).collect();
        assert_eq!(request.header("webhook-signature"), sign(&Secret(key), &told.id, seconds, request.body.as_bytes()));
    }
    let figures = until(&notifier, "delivery", |figures| figures.delivered == 1);
    assert_eq!((figures.waiting, figures.failures, figures.given_up, figures.failed), (0, 4, 0, None));
    assert!(notifier.try_tell(&told));
    drop(notifier);
    assert!(matches!(received.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)), "once is enough");
}

#[test]
fn a_receiver_that_is_slow_or_refuses_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let mut answers = vec![Answer::Never; 20];
    answers.push(Answer::Status(400));
    let received = receive(listener, &answers);
    let mut slow = sink(&url, folder.path());
    slow.retry.most_tries = 1_000;
    let Target::Webhook { timeout, .. } = &mut slow.target else { panic!("it is a webhook") };
    *timeout = Span::from_millis(50);
    let notifier = start(slow, folder.path());
    assert!(notifier.try_tell(&drift("one")));
    until(&notifier, "slowness", |figures| figures.failed.as_deref() == Some("the receiver took too long"));
    assert!(notifier.try_tell(&drift("two")));
    until(&notifier, "both", |figures| figures.delivered == 2 && figures.failures >= 21);
    let first: Vec<Notification> = (0..22).map(|_| received.recv_timeout(LONG).unwrap().notification()).collect();
    assert!(first.contains(&drift("one")) && first.contains(&drift("two")));
}

#[test]
fn what_was_told_while_the_receiver_was_gone_arrives_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let address: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    let notifier = start(sink(&url, folder.path()), folder.path());
    let told: Vec<Notification> = ["one", "two", "three"].map(drift).into();
    assert!(told.iter().all(|each| notifier.try_tell(each)));
    let figures = until(&notifier, "failures", |figures| figures.failures >= 3);
    assert_eq!((figures.waiting, figures.delivered), (3, 0));
    assert!(figures.failed.is_some_and(|reason| reason.starts_with("the receiver cannot be reached")));
    drop(notifier);

    let received = receive(TcpListener::bind(address).unwrap(), &[]);
    let notifier = start(sink(&url, folder.path()), folder.path());
    let mut arrived: Vec<String> = (0..3).map(|_| received.recv_timeout(LONG).unwrap().notification().id).collect();
    until(&notifier, "delivery", |figures| figures.delivered == 3 && figures.waiting == 0);
    drop(notifier);
    arrived.sort();
    let mut expect: Vec<String> = told.iter().map(|each| each.id.clone()).collect();
    expect.sort();
    assert_eq!(arrived, expect);

    let notifier = start(sink(&url, folder.path()), folder.path());
    assert!(notifier.try_tell(&told[0]));
    assert!(notifier.try_tell(&drift("four")));
    assert_eq!(received.recv_timeout(LONG).unwrap().notification(), drift("four"), "what is known is not told again");
    assert!(matches!(received.recv_timeout(Span::ZERO), Err(RecvTimeoutError::Timeout)));
}

#[test]
fn what_nobody_takes_is_among_the_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let _received = receive(listener, &[Answer::Status(500); 3]);
    let mut sink = sink(&url, folder.path());
    sink.retry.most_tries = 3;
    let notifier = start(sink, folder.path());
    assert!(notifier.try_tell(&drift("one")));
    let figures = until(&notifier, "giving up", |figures| figures.given_up == 1);
    assert_eq!((figures.failures, figures.waiting, figures.delivered), (3, 0, 0));
    let dead = std::fs::read_to_string(folder.path().join("notify/pager.dead.jsonl")).unwrap();
    assert!(dead.lines().count() == 1 && dead.contains(&drift("one").id) && dead.contains("queued_at"), "{dead}");
    assert!(notifier.try_tell(&drift("two")));
    until(&notifier, "the next", |figures| figures.delivered == 1);
}

#[test]
fn a_file_gets_a_line_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let notifier = start(sink("file://told/all.jsonl", folder.path()), folder.path());
    assert!(notifier.try_tell(&drift("one")));
    assert!(notifier.try_tell(&drift("two")));
    until(&notifier, "both", |figures| figures.delivered == 2);
    let text = std::fs::read_to_string(folder.path().join("told/all.jsonl")).unwrap();
    let lines: Vec<Notification> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [drift("one"), drift("two")]);
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let place: PathBuf = folder.path().join("told");
    std::fs::write(&place, "").unwrap();
    let notifier = start(sink("file://told/all.jsonl", folder.path()), folder.path());
    assert!(notifier.try_tell(&drift("one")));
    until(&notifier, "a failure", |figures| figures.failures > 0);
    std::fs::remove_file(&place).unwrap();
    until(&notifier, "delivery", |figures| figures.delivered == 1);
}
