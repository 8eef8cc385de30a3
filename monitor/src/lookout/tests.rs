//! The lookout is stopped anywhere and started again, on a real log with a real desk: it raises and tells what it does without any stop.

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use ingest::log::file::{FileLog, Options};
use ingest::{Amount, Currency, Duration, Event, EventId, ManualClock};
use scoring::alerts::Raise;
use scoring::engine::Settings;
use scoring::model::{Linear, Model, Scorer};
use scoring::registry::Published;
use scoring::{Artifact, FileRegistry, Pipeline, Registry, Terms};

use super::*;

const PIPELINE: &str = r#"
    name = "tests"
    [event]
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [event.entities]
    customer = {}
    terminal = {}
    [model]
    name = "card_fraud"
    review_entity = "customer"
    [policy]
    review = 700
    decline = 900
    on_failure = "review"
    [[features]]
    name = "customer_tx_count_{window}"
    kind = "count"
    entity = "customer"
    windows = ["1h"]
"#;

const BEFORE: &str = r#"
    [[alerts]]
    name = "stopped"
    severity = "low"
    when = { decisions = ["review", "decline"] }
    about = { entity = "customer", join_within = "60s" }
    rises = [{ to = "high", from = { events = 3 } }, { to = "critical", from = { events = 6 } }]
    [[alerts]]
    name = "burst"
    severity = "high"
    when = { decisions = ["decline"] }
    about = { entity = "terminal", join_within = "5s", after = { events = 3, within = "30s" } }
    [[alerts]]
    name = "each"
    severity = "low"
    when = { decisions = ["review"] }
"#;

/// Other policies from the middle on; one of them has its name still, and wants less.
const AFTER: &str = r#"
    [[alerts]]
    name = "burst"
    severity = "high"
    when = { decisions = ["decline"] }
    about = { entity = "terminal", join_within = "5s", after = { events = 2, within = "10s" } }
    [[alerts]]
    name = "stopped"
    severity = "low"
    when = { decisions = ["decline"] }
    about = { entity = "customer", join_within = "20s" }
    rises = [{ to = "critical", from = { events = 2 } }]
"#;

fn pipeline(alerts: &str) -> Pipeline {
    Pipeline::parse(&format!("{PIPELINE}{alerts}"), "tests.toml").expect("the pipeline above")
}

fn start(folder: &Path, alerts: &str) -> (Arc<Engine>, Arc<dyn Log>) {
    let (log, _) = FileLog::open(&folder.join("log"), Options::default()).expect("a log");
    let log: Arc<dyn Log> = Arc::new(log);
    let registry = Arc::new(FileRegistry::open(&folder.join("registry")).expect("a registry"));
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(7)));
    let settings = Settings { queue: 16, patience: time::Duration::from_secs(60), snapshots: None };
    let engine = Engine::start(Arc::new(pipeline(alerts)), Arc::clone(&log), registry, clock, settings, &mut |_| {});
    (engine.expect("an engine"), log)
}

/// Makes a model champion by which five payments of a customer within an hour are reviewed, and eight are declined.
async fn promote(engine: &Arc<Engine>, folder: &Path) {
    let linear = Linear { intercept: -6.0, weights: vec![0.8], means: vec![0.0], deviations: vec![1.0] };
    let features = vec!["customer_tx_count_1h".to_owned()];
    let published = Published { at: Timestamp::from_micros(0), by: "tests".to_owned() };
    let scorer = Scorer::plain(Model::Linear(linear));
    let artifact = Artifact::foreign("card_fraud", "tests", features, &engine.pipeline().plan, scorer, published);
    let registry = FileRegistry::open(&folder.join("registry")).expect("a registry");
    let version = registry.publish(&artifact.expect("it is the plan's")).expect("published");
    engine.promote("card_fraud", version, "tests", "to have one").await.expect("promoted");
}

/// Numbers without an order that are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A log with decisions that nobody looked at, and with other policies from its middle on.
async fn decided(folder: &Path) {
    let (engine, _log) = start(folder, BEFORE);
    promote(&engine, folder).await;
    let (mut chance, mut now) = (Chance(7), Timestamp::from_micros(0));
    for number in 0..240 {
        if number == 120 {
            assert_eq!(engine.reload(pipeline(AFTER)).await.expect("taken"), 1);
        }
        now = now + Duration::seconds(chance.below(9) as i64);
        let event = Event {
            event_id: EventId::new(&format!("e{number}")).expect("short"),
            occurred_at: now,
            amount: Amount::new(100, Currency::new("EUR").expect("a code")),
            entities: vec![Some(format!("c{}", chance.below(6)).into()), Some(format!("t{}", chance.below(4)).into())],
            attributes: Vec::new(),
            supersedes: None,
        };
        engine.score(event, now, Terms::default()).await.expect("scored");
    }
    engine.stop().await.expect("stopped");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("it is there").map(|entry| entry.expect("it can be read")) {
        match entry.file_type().expect("it has one").is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied")),
        }
    }
}

/// What was told, in the order in which it was.
type Heard = Arc<Mutex<Vec<String>>>;

fn listener(heard: &Heard) -> Tell {
    let heard = Arc::clone(heard);
    Box::new(move |news| {
        let line = match news {
            News::Opened(alert) => format!("{} is {}, {} events", alert.id, alert.severity, alert.events()),
            News::Rose { joined, risen, .. } => {
                format!(
                    "{} about {} rose from {} to {} by {}",
                    joined.id, risen.about, risen.from, joined.severity, joined.hit.event_id
                )
            }
        };
        heard.lock().expect("nobody panics").push(line);
        true
    })
}

/// Waits until all is looked at, what it raises itself as well: that is told when it is read.
async fn to_the_end(lookout: &Lookout, log: &dyn Log) {
    let mut end = Position(0);
    while end < log.durability().borrow().end() {
        end = log.durability().borrow().end();
        lookout.catch_up(end).await.expect("it gets there");
    }
}

fn heard(heard: &Heard) -> Vec<String> {
    let mut lines = heard.lock().expect("nobody panics").clone();
    lines.sort();
    lines.dedup();
    lines
}

fn alerts(engine: &Engine) -> Vec<Alert> {
    engine.desk(|desk| desk.live().cloned().collect())
}

/// What the records of the desk raise, one after the other.
fn raised(log: &dyn Log) -> Vec<String> {
    let mut raised = Vec::new();
    for record in log.read(Position(0)).expect("it can be read") {
        let record = record.expect("it is whole");
        if record.topic != Topic::Control {
            continue;
        }
        let Control::Alerts { steps, .. } = Control::decode(&record.payload).expect("a control record") else { continue };
        for step in steps {
            let Step::Looked { raised: all, .. } = step else { continue };
            raised.extend(all.into_iter().map(|raise| match raise {
                Raise::Open(alert) => format!("{} opened", alert.id),
                Raise::Join(joined) => format!("{} joined by {}", joined.id, joined.hit.event_id),
            }));
        }
    }
    raised
}

/// What comes of a future that is asked so often and then dropped, as where a program ends within it.
async fn asked<T>(mut times: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(move |context| {
        if times == 0 {
            return Poll::Ready(None);
        }
        times -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_anywhere_it_raises_and_tells_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    decided(&whole).await;
    copy(&whole, &parts);

    // Without a stop.
    let (engine, log) = start(&whole, AFTER);
    let told = Heard::default();
    let memory = whole.join("alerts_refused.json");
    let lookout = Lookout::start(Arc::clone(&log), Arc::clone(&engine), listener(&told), memory).expect("a thread");
    to_the_end(&lookout, &*log).await;
    lookout.stop().await;
    let (expect_alerts, expect_told, expect_raised) = (alerts(&engine), heard(&told), raised(&*log));
    for policy in ["stopped", "burst", "each"] {
        assert!(expect_alerts.iter().any(|alert| alert.policy == policy), "{policy} raises some");
    }
    for words in ["rose from low to high", "rose from high to critical", "rose from low to critical"] {
        assert!(expect_told.iter().any(|line| line.contains(words)), "{words}: {expect_told:#?}");
    }
    assert_eq!(expect_told.len(), told.lock().expect("nobody panics").len(), "nothing is told twice without a stop");
    engine.stop().await.expect("stopped");
    drop((engine, log));

    // With many: between strides, and within one.
    let (told, mut chance, mut starts, mut cut) = (Heard::default(), Chance(3), 0, 0);
    loop {
        let (engine, log) = start(&parts, AFTER);
        starts += 1;
        let pace = Pace { chunk: 1 + chance.below(20), far: 1 + chance.below(60) };
        let end = log.durability().borrow().end();
        // Every other one is refused at first.
        let (listen, tried) = (listener(&told), AtomicU64::new(starts));
        let tell = move |news: &News<'_>| tried.fetch_add(1, Ordering::Relaxed) % 2 == 0 && listen(news);
        let mut teller = Teller::new(Box::new(tell), parts.join("alerts_refused.json"), end);
        let mut follower = Follower::at_the_desk(&engine, end, pace);
        let mut is_done = false;
        // Ever longer, so that one gets from where a pattern may begin to the end.
        for _ in 0..=chance.below(4 + starts) {
            match asked(1 + chance.below(2), follower.step(&*log, &engine, &mut teller)).await {
                Some(stride) => {
                    is_done = stride.expect("it can be read") == Stride::End && follower.until == log.durability().borrow().end();
                }
                None => {
                    cut += 1;
                    break;
                }
            }
        }
        if is_done {
            let mut rest = Teller::new(listener(&told), parts.join("alerts_refused.json"), log.durability().borrow().end());
            while rest.again(&*log, Instant::now()) {}
            assert_eq!(rest.due(), None, "all is told");
        }
        engine.stop().await.expect("stopped");
        if is_done {
            assert_eq!(alerts(&engine), expect_alerts, "the same alerts, each with the same events");
            assert_eq!(raised(&*log), expect_raised, "none twice, none missing, in the same order");
            break;
        }
        assert!(starts < 2_000, "it never gets to the end");
    }
    assert_eq!(heard(&told), expect_told);
    assert!(starts > 10 && cut > 3, "{starts} starts, {cut} of them cut short");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_took_is_told_after_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    decided(folder.path()).await;
    let memory = folder.path().join("alerts_refused.json");
    let mut runs = Vec::new();
    for takes in [false, true] {
        let (engine, log) = start(folder.path(), AFTER);
        let told = Heard::default();
        let listen = listener(&told);
        let tell = move |news: &News<'_>| listen(news) && takes;
        let lookout = Lookout::start(Arc::clone(&log), Arc::clone(&engine), Box::new(tell), memory.clone()).expect("a thread");
        to_the_end(&lookout, &*log).await;
        lookout.stop().await;
        engine.stop().await.expect("stopped");
        let is_kept = std::fs::read_to_string(&memory).is_ok_and(|text| text.len() > "[]".len());
        assert_eq!(is_kept, !takes);
        runs.push(heard(&told));
    }
    assert!(!runs[0].is_empty() && runs[0] == runs[1], "{runs:#?}");
}
