//! The engine on a real log in a folder: idempotent, in order, and the same after a restart.

mod desk;
mod governance;
mod guardrails;
mod replays;
mod shadow;
mod waits;
mod watched_log;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Readable};
use ingest::timeline::Known;
use ingest::{Amount, Currency, Event, EventId, Label, LabelSource, ManualClock, Outcome};
use tokio::time::timeout;

use super::deciding::ask_until;
use super::*;
use crate::model::{Linear, Model, Scorer};
use crate::registry::{About, Artifact, FileRegistry, Published};
use crate::{Degradation, EngineMode, Verdict};

const PIPELINE: &str = r#"
    name = "tests"
    [event]
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [event.entities]
    customer = {}
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
    [[features]]
    name = "customer_fraud_rate_{window}"
    kind = "label_rate"
    entity = "customer"
    windows = ["1h"]
    delay = "10s"
    [[reasons]]
    feature = "customer_tx_count_1h"
    code = "VELOCITY"
    text = "{value} payments within an hour"
"#;

fn pipeline(on_failure: &str) -> Arc<Pipeline> {
    let text = PIPELINE.replace("on_failure = \"review\"", &format!("on_failure = \"{on_failure}\""));
    Arc::new(Pipeline::parse(&text, "tests.toml").expect("the pipeline above"))
}

/// Five payments of one customer within an hour are reviewed, eight are declined.
fn artifact(pipeline: &Pipeline) -> Artifact {
    let linear = Linear { intercept: -6.0, weights: vec![0.8, 0.0], means: vec![0.0; 2], deviations: vec![1.0; 2] };
    let scorer = Scorer::plain(Model::Linear(linear));
    let features = pipeline.plan.definitions().iter().map(|definition| definition.name.clone()).collect();
    let published = Published { at: Timestamp::from_micros(0), by: "tests".to_owned() };
    Artifact::foreign("card_fraud", "tests", features, &pipeline.plan, scorer, published).expect("they are the plan's")
}

fn start(folder: &Path, pipeline: &Arc<Pipeline>) -> (Arc<Engine>, Arc<dyn Log>) {
    let (log, _) = FileLog::open(&folder.join("log"), Options::default()).expect("a log");
    let log: Arc<dyn Log> = Arc::new(log);
    (start_on(folder, pipeline, Arc::clone(&log)), log)
}

fn start_on(folder: &Path, pipeline: &Arc<Pipeline>, log: Arc<dyn Log>) -> Arc<Engine> {
    let registry = Arc::new(FileRegistry::open(&folder.join("registry")).expect("a registry"));
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(7)));
    let snapshots = Snapshots::open(&folder.join("snapshots")).expect("a folder");
    let settings =
        Settings { queue: 16, patience: PATIENCE, snapshots: Some(SnapshotPolicy { snapshots, every_records: 1_000_000 }) };
    Engine::start(Arc::clone(pipeline), log, registry, clock, settings, &mut |_| {}).expect("an engine")
}

async fn promote(engine: &Arc<Engine>, folder: &Path) {
    let registry = FileRegistry::open(&folder.join("registry")).expect("a registry");
    let artifact = artifact(engine.pipeline());
    let version = registry.publish(&artifact).expect("published");
    engine.promote("card_fraud", version, "tests", "to have one").await.expect("promoted");
}

/// Has another model look on.
async fn challenge(engine: &Arc<Engine>, folder: &Path) {
    let registry = FileRegistry::open(&folder.join("registry")).expect("a registry");
    let version = registry.publish(&artifact(engine.pipeline())).expect("published");
    let (name, by, reason) = ("card_fraud".to_owned(), "ada".to_owned(), String::new());
    engine.change(Control::Challenged { name, version, share_percent: 0, by, reason, at: NOW }).await.expect("changed");
}

fn event(id: &str, second: i64, minor: i64) -> Event {
    Event {
        event_id: EventId::new(id).expect("short"),
        occurred_at: Timestamp::from_micros(second * 1_000_000),
        amount: Amount::new(minor, Currency::new("EUR").expect("a code")),
        entities: vec![Some("c1".into())],
        attributes: vec![],
        supersedes: None,
    }
}

/// Longer than any test lasts.
const PATIENCE: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::from_micros(5);

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_stream_is_decided_where_it_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let mut taken = std::collections::VecDeque::new();
    for number in 0..5 {
        taken.push_back(engine.take_event(event(&format!("e{number}"), number, 100), NOW).await.expect("taken"));
    }
    assert!(taken.iter().all(|taken| taken.status() == Status::New));
    let again = engine.take_event(event("e4", 4, 100), NOW).await.expect("a duplicate");
    assert_eq!((again.status(), again.position), (Status::Duplicate, taken[4].position));
    let other = engine.take_event(event("e4", 4, 101), NOW).await.err().expect("other content");
    assert!(matches!(other, Error::Conflict { .. }), "{other}");
    log.flush().expect("durable");
    engine.count_durable(&mut taken);
    let mut metrics = String::new();
    engine.metrics().encode(&mut metrics);
    assert!(taken.is_empty() && metrics.contains("riskflow_scoring_commit_seconds_count 5\n"), "{metrics}");
    let asked = engine.score(event("e4", 4, 100), NOW, Terms::default()).await.expect("a duplicate");
    assert_eq!((asked.status, asked.decision.decision), (Status::Duplicate, Verdict::Review), "as whoever waits is answered");
    engine.stop().await.expect("it ends");

    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("refuse"));
    let early = engine.take_event(event("e0", 0, 100), NOW).await.err().expect("no champion");
    assert!(matches!(early, Error::NotReady) && engine.standing().events == 0, "{early}");
    engine.stop().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn decides_once_and_keeps_it_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("review");
    let (engine, log) = start(folder.path(), &pipeline);
    promote(&engine, folder.path()).await;
    let mut decisions = Vec::new();
    for number in 0..10 {
        let scored = engine.score(event(&format!("e{number}"), number, 100), NOW, Terms::default()).await.expect("scored");
        assert_eq!(scored.status, Status::New);
        decisions.push(scored.decision);
    }
    let verdicts: Vec<Verdict> = decisions.iter().map(|decision| decision.decision).collect();
    let expect = [[Verdict::Approve; 4].as_slice(), &[Verdict::Review; 3], &[Verdict::Decline; 3]].concat();
    assert_eq!(verdicts, expect);
    assert_eq!(decisions[4].reasons[0].text, "5 payments within an hour");

    let again = engine.score(event("e4", 4, 100), NOW, Terms::default()).await.expect("a duplicate");
    assert_eq!((again.status, &again.decision), (Status::Duplicate, &decisions[4]));
    let other = engine.score(event("e4", 4, 101), NOW, Terms::default()).await.expect_err("other content");
    assert!(matches!(other, Error::Conflict { .. }), "{other}");
    let before = engine.standing();
    engine.stop().await.expect("stopped");
    drop((engine, log));

    let (engine, _log) = start(folder.path(), &pipeline);
    assert_eq!(engine.standing(), before);
    let again = engine.score(event("e4", 4, 100), NOW, Terms::default()).await.expect("a duplicate");
    assert_eq!((again.status, &again.decision), (Status::Duplicate, &decisions[4]));
    let next = engine.score(event("e10", 10, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!(next.decision.vector[0], 11.0, "the windows are as they were");
    assert_eq!(next.decision.champion.expect("the champion is as it was").version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_sent_many_times_at_once_gets_one_decision() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let sent = (0..50).map(|_| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.score(event("e", 1, 100), NOW, Terms::default()).await.expect("an answer") })
    });
    let mut answers = Vec::new();
    for answer in sent.collect::<Vec<_>>() {
        answers.push(answer.await.expect("it ends"));
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == Status::New).count(), 1);
    assert!(answers.iter().all(|answer| answer.decision == answers[0].decision));
    assert_eq!(engine.standing().events, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_decided_whoever_waits_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    // More than may be under way, so that places are given back, too.
    for number in 0..40 {
        drop(engine.submit(event(&format!("e{number}"), number, 100), NOW, Terms::default()).await.expect("accepted"));
    }
    while engine.standing().decisions < 40 {
        tokio::task::yield_now().await;
    }
    let wishes = || {
        let control = log.read(Position(0)).expect("read").map(|record| record.expect("whole"));
        control
            .filter(|record| record.topic == Topic::Control && record.payload.windows(7).any(|part| part == b"carried"))
            .count()
    };
    drop(timeout(Duration::ZERO, engine.want_retraining("tests", "to be carried through")).await);
    while wishes() == 0 {
        tokio::task::yield_now().await;
    }
    engine.stop().await.expect("stopped");
    assert_eq!(wishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_without_a_decision_is_decided_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("decline");
    {
        let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("a log");
        let payload = ingest::log::record::encode_event(&event("e", 1, 100), NOW, &pipeline.schema);
        log.append(Topic::Event, &payload).expect("appended");
        log.flush().expect("durable");
    }
    let (engine, _log) = start(folder.path(), &pipeline);
    let history = engine.history(EventId::new("e").expect("short")).await.expect("read").expect("decided");
    assert_eq!((history.decision.decision, history.decision.engine_mode), (Verdict::Decline, EngineMode::Degraded));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_champion_the_operator_decides() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(&folder.path().join("review"), &pipeline("review"));
    let scored = engine.score(event("e", 1, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!((scored.decision.decision, scored.decision.score), (Verdict::Review, None));
    engine.stop().await.expect("it ends");
    drop((engine, log));
    let (engine, _log) = start(&folder.path().join("refuse"), &pipeline("refuse"));
    assert!(matches!(engine.score(event("e", 1, 100), NOW, Terms::default()).await, Err(Error::NotReady)));
    assert_eq!(engine.standing().events, 0, "what is refused is not accepted");
    let (engine, _log) = start(&folder.path().join("review"), &pipeline("refuse"));
    let known = engine.score(event("e", 1, 100), NOW, Terms::default()).await.expect("it was decided before");
    assert_eq!((known.status, known.decision.decision), (Status::Duplicate, Verdict::Review));
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_reach_the_features_even_before_their_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("review");
    let (engine, log) = start(folder.path(), &pipeline);
    let label = |id: &str| Label {
        event_id: EventId::new(id).expect("short"),
        label: Outcome::Fraud,
        source: LabelSource::Chargeback,
        category: None,
        observed_at: Timestamp::from_micros(30_000_000),
        amount_minor: None,
    };
    engine.label(label("second"), NOW).await.expect("taken");
    for (id, second) in [("first", 1), ("second", 2)] {
        engine.score(event(id, second, 100), NOW, Terms::default()).await.expect("scored");
    }
    let rate = async |engine: &Arc<Engine>, id: &str, second: i64| {
        engine.score(event(id, second, 100), NOW, Terms::default()).await.expect("scored").decision.vector[1]
    };
    assert_eq!(rate(&engine, "third", 20).await, 0.5);
    engine.label(label("first"), NOW).await.expect("taken");
    assert_eq!(rate(&engine, "fourth", 21).await, 1.0);
    let known = engine.history(EventId::new("second").expect("short")).await.expect("read").expect("decided");
    assert_eq!(known.label, Some(label("second")));
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, _log) = start(folder.path(), &pipeline);
    assert_eq!(rate(&engine, "fifth", 22).await, 1.0, "after a restart too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_other_features_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    let (features_version, feature_versions) = ("another".to_owned(), vec!["0".to_owned(); 2]);
    let mut artifact = artifact(engine.pipeline());
    artifact.about = About { features_version, feature_versions, ..artifact.about };
    let error = LoadedModel::new(artifact, 3, engine.pipeline()).expect_err("it does not fit");
    assert!(error.to_string().starts_with("model card_fraud 3 was trained on features another"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_fills_the_windows_and_is_not_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    let past = |id: &str, second: i64| Known::Event { event: event(id, second, 100), outcome: None };
    engine.backfill(vec![past("a", 1), past("b", 2), past("a", 1)], NOW).await.expect("taken");
    assert!(
        matches!(engine.score(event("a", 1, 100), NOW, Terms::default()).await, Err(Error::History { .. })),
        "it answers, and says why not"
    );
    let scored = engine.score(event("c", 3, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!(scored.decision.vector[0], 3.0);
    let standing = engine.standing();
    assert_eq!((standing.history, standing.events, standing.decisions), (2, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_that_cannot_be_used_does_not_lock_the_operator_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let text = PIPELINE.replace("windows = [\"1h\"]\n    [[features]]", "windows = [\"2h\"]\n    [[features]]");
    let text = text.replace("customer_tx_count_1h", "customer_tx_count_2h");
    let changed = Arc::new(Pipeline::parse(&text, "tests.toml").expect("another window"));
    let (engine, _log) = start(folder.path(), &changed);
    assert!(engine.champion().is_none());
    assert_eq!(
        engine.score(event("e", 1, 100), NOW, Terms::default()).await.expect("scored").decision.engine_mode,
        EngineMode::Degraded
    );
    promote(&engine, folder.path()).await;
    assert_eq!(engine.champion().expect("a new one").version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_too_late_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    engine.score(event("now", 100_000, 100), NOW, Terms::default()).await.expect("scored");
    let late = engine.score(event("late", 10, 100), NOW, Terms::default()).await.expect("scored");
    assert!(late.decision.vector.iter().all(|value| value.is_nan()), "{:?}", late.decision.vector);
    assert_eq!(engine.standing().too_late, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_for_a_training_is_in_the_log_and_decides_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let position = engine.want_retraining("psi", "scores have moved").await.expect("taken");
    let record = log.get(position).expect("read").expect("it is durable");
    let wanted = Control::decode(&record.payload).expect("a control record");
    let at = Timestamp::from_micros(7);
    assert_eq!(wanted, Control::RetrainWanted { by: "psi".to_owned(), reason: "scores have moved".to_owned(), at });
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    assert_eq!(engine.champion().expect("as before").version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_served_never_changes_its_meaning() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    for number in 0..4 {
        engine.score(event(&format!("e{number}"), number, 100), NOW, Terms::default()).await.expect("scored");
    }
    engine.stop().await.expect("stopped");
    let registry: Arc<dyn Registry> = Arc::new(FileRegistry::open(&folder.path().join("registry")).expect("a registry"));
    let try_start = |text: &str| {
        let pipeline = Arc::new(Pipeline::parse(text, "tests.toml").expect("a pipeline"));
        let clock = Arc::new(ManualClock::at(NOW));
        Engine::start(
            pipeline,
            Arc::clone(&log),
            Arc::clone(&registry),
            clock,
            Settings { queue: 16, patience: PATIENCE, snapshots: None },
            &mut |_| {},
        )
    };
    let changed = PIPELINE.replace("delay = \"10s\"", "delay = \"20s\"");
    let Err(error) = try_start(&changed) else { panic!("it was taken") };
    let text = error.to_string();
    assert!(text.starts_with("feature customer_fraud_rate_1h serves with definition "), "{text}");
    assert!(text.contains("as customer_fraud_rate_1h_v2"), "{text}");

    // Under a name of its own it is filled from the log, says that it is warming, and the champion goes on without it.
    let added = "[[features]]\n name = \"customer_tx_count_{window}\"\n kind = \"count\"\n entity = \"customer\"\n windows = [\"5s\", \"30d\"]\n[[reasons]]";
    let engine = try_start(&PIPELINE.replace("[[reasons]]", added)).expect("it is taken");
    let scored = engine.score(event("e4", 4, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!(scored.decision.vector, [5.0, 0.0, 5.0, 5.0]);
    assert_eq!((scored.decision.decision, scored.decision.engine_mode), (Verdict::Review, EngineMode::Normal));
    let warming: Vec<String> = engine.standing().warming.into_iter().map(|(name, _)| name).collect();
    assert_eq!(warming, ["customer_tx_count_1h", "customer_fraud_rate_1h", "customer_tx_count_5s", "customer_tx_count_30d"]);
    engine.score(event("e5", 6_000, 100), NOW, Terms::default()).await.expect("scored");
    let warming: Vec<String> = engine.standing().warming.into_iter().map(|(name, _)| name).collect();
    assert_eq!(warming, ["customer_tx_count_30d"], "an hour and more was watched, not a month");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_made_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    engine.score(event("before", 0, 100), NOW, Terms::default()).await.expect("scored");
    promote(&engine, folder.path()).await;
    for number in 0..6 {
        engine.score(event(&format!("e{number}"), number, 100), NOW, Terms::live(Reasons::All)).await.expect("scored");
    }
    let raise = |policy: crate::policy::Policy| Control::Governed { policy, by: "ada".to_owned(), at: NOW };
    let policy = crate::policy::Policy { review: 100, ..engine.pipeline().policy.clone() };
    engine.change(raise(policy)).await.expect("changed");
    engine.score(event("after", 7, 100), NOW, Terms::default()).await.expect("scored");
    for id in ["before", "e0", "e3", "e5", "after"] {
        let Replayed { recorded, replayed, differences } =
            engine.replay(EventId::new(id).expect("short")).await.expect("replayed").expect("it was decided");
        assert_eq!(differences, [], "{id}");
        assert_eq!((recorded.decision, recorded.control_version), (replayed.decision, replayed.control_version), "{id}");
    }
    assert!(engine.replay(EventId::new("never").expect("short")).await.expect("asked").is_none());
}

#[test]
fn a_model_is_asked_and_heard_before_it_is_due() {
    let begin = Instant::now();
    let at = |ms: u64| begin + Duration::from_millis(ms);
    let check = |due: Option<u64>, started: u64, scored: u64, expect: Result<(), Degradation>, asked: bool| {
        let mut was_asked = false;
        let ask = || {
            was_asked = true;
            Ok(())
        };
        let found = ask_until(due.map(at), at(started), || at(scored), ask);
        assert_eq!((found, was_asked), ((expect, at(scored)), asked), "{due:?} {started} {scored}");
    };
    check(Some(10), 2, 9, Ok(()), true);
    check(Some(10), 2, 10, Err(Degradation::OutOfTime), true);
    check(Some(10), 10, 11, Err(Degradation::OutOfTime), false);
    check(None, 10, 11, Ok(()), true);
    let wrong = ask_until(Some(at(10)), at(2), || at(11), || Err::<(), _>(Degradation::NoNumber));
    assert_eq!(wrong.0, Err(Degradation::NoNumber), "what went wrong first is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_time_left_is_decided_without_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let policy = crate::policy::Policy { model_within_ms: 1, ..engine.pipeline().policy.clone() };
    engine.change(Control::Governed { policy, by: "ada".to_owned(), at: NOW }).await.expect("changed");
    let late = async |id: &str, terms: Terms| {
        let mut ticket = engine.submit(event(id, 1, 100), NOW, terms).await.expect("accepted");
        ticket.since -= Duration::from_millis(3);
        ticket.decided().await.expect("decided").decision
    };
    let hurried = late("hurried", Terms::default()).await;
    assert_eq!((hurried.degradation, hurried.engine_mode), (Some(Degradation::OutOfTime), EngineMode::Degraded));
    assert!(hurried.champion.is_none() && hurried.reasons.is_empty());
    assert_eq!(late("unhurried", Terms { unhurried: true, ..Terms::default() }).await.degradation, None);
    let replayed = engine.replay(EventId::new("hurried").expect("short")).await.expect("replayed").expect("it was decided");
    assert_eq!(replayed.differences, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_refused_before_it_is_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let before = log.flush().expect("flushed");
    let (by, at) = ("ada".to_owned(), NOW);
    let wrong = r#"{"id":"r","name":"r","author":"ada","when":"customer_tx_count_2h > 1","state":"active"}"#;
    let wrong = vec![serde_json::from_str(wrong).expect("a rule")];
    let challenged = |version: u32, share_percent: u8| Control::Challenged {
        name: "card_fraud".to_owned(),
        version,
        share_percent,
        by: "ada".to_owned(),
        reason: String::new(),
        at: NOW,
    };
    let withdrawn = |version: u32| Control::Withdrawn {
        name: "card_fraud".to_owned(),
        version,
        by: "ada".to_owned(),
        reason: String::new(),
        at: NOW,
    };
    let refused = [
        (Control::Ruled { rules: wrong, by: by.clone(), at }, "did you mean `customer_tx_count_1h`"),
        (Control::Listed { list: "nobody".to_owned(), entries: vec![], by, at }, "there is no list `nobody`"),
        (challenged(7, 0), "has no version 7"),
        (challenged(1, 100), "challengers would decide for 100 % of the entities"),
        (challenged(1, 10), "card_fraud 1 is the champion: promote another"),
        (withdrawn(1), "card_fraud 1 is the champion: promote another"),
        (withdrawn(7), "card_fraud 7 is no challenger"),
    ];
    for (control, expect) in refused {
        let error = engine.change(control.clone()).await.expect_err("it is wrong").to_string();
        assert!(error.contains(expect), "{error}");
    }
    assert_eq!(log.flush().expect("flushed"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_beside_the_champion_look_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    challenge(&engine, folder.path()).await;
    let scored = engine.score(event("e", 1, 100), NOW, Terms::default()).await.expect("scored");
    engine.stop().await.expect("stopped");
    let records: Vec<_> = log.read(Position(0)).expect("read").map(|record| record.expect("whole")).collect();
    let shadows: Vec<ShadowScores> = (records.iter())
        .filter(|record| record.topic == Topic::Shadow)
        .map(|record| ShadowScores::decode(&record.payload).expect("readable"))
        .collect();
    let [shadow] = shadows.as_slice() else { panic!("{shadows:?}") };
    assert_eq!((shadow.event_position, shadow.scores.len()), (scored.decision.event_position, 1));
    let champion = scored.decision.champion.expect("a champion");
    assert_eq!((shadow.scores[0].version, shadow.scores[0].probability), (2, champion.probability));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_names_what_it_corrects() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let correction = Event { supersedes: EventId::new("e1"), ..event("e2", 1, 90) };
    let error = engine.score(correction.clone(), NOW, Terms::default()).await.expect_err("e1 is not known");
    assert_eq!(error.to_string(), "the event e1 that is to be corrected is not known");
    engine.score(event("e1", 1, 100), NOW, Terms::default()).await.expect("scored");
    let scored = engine.score(correction.clone(), NOW, Terms::default()).await.expect("scored");
    assert_eq!((scored.status, scored.decision.supersedes), (Status::Superseding, EventId::new("e1")));
    let again = engine.score(correction, NOW, Terms::default()).await.expect("scored");
    assert_eq!(again.status, Status::Duplicate);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pipeline_file_says_is_recorded_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = r#"
    [[rules]]
    id = "fast"
    name = "fast"
    author = "ada"
    when = "customer_tx_count_1h > 2.0"
    action = "decline"
    state = "active"
    "#;
    let with = |rule: &str| Arc::new(Pipeline::parse(&format!("{PIPELINE}{rule}"), "tests.toml").expect("a pipeline"));
    let changed = rule.replace("2.0", "3.0");
    let mut ends = Vec::new();
    for (text, expect) in [(rule, (1, "active")), (rule, (1, "active")), (&changed, (2, "active")), ("", (3, "archived"))] {
        let (engine, log) = start(folder.path(), &with(text));
        let state = engine.control();
        let [rule] = state.rules.as_slice() else { panic!("{:?}", state.rules) };
        assert_eq!((rule.version, rule.state.name()), expect);
        engine.stop().await.expect("stopped");
        ends.push(log.flush().expect("flushed"));
    }
    assert_eq!(ends[0], ends[1], "what is known already is not recorded again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_pipeline_file_holds_from_the_next_decision_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let parse = |text: &str| Pipeline::parse(text, "tests.toml").expect("a pipeline");
    let rule = r#"
    [[rules]]
    id = "all"
    name = "all"
    author = "ada"
    when = "entity.customer in lists.others || customer_tx_count_1h > 0.0"
    action = "decline"
    state = "active"
    [[lists]]
    name = "others"
    kind = "watch"
    of = "customer"
    "#;
    let before = engine.score(event("e1", 1, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!(engine.reload(parse(&format!("{PIPELINE}{rule}"))).await.expect("taken"), 2);
    let after = engine.score(event("e2", 1, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!((before.decision.decision, after.decision.decision), (Verdict::Approve, Verdict::Decline));
    assert_eq!(engine.reload(parse(&format!("{PIPELINE}{rule}"))).await.expect("taken"), 0);
    let gone = rule.replace("others", "elsewhere").replace("entity.customer in lists.elsewhere || ", "");
    let by_api = r#"{"id":"api","name":"api","author":"ada","when":"entity.customer in lists.others","state":"active"}"#;
    let rules = vec![serde_json::from_str(by_api).expect("a rule")];
    engine.change(Control::Ruled { rules, by: "ada".to_owned(), at: NOW }).await.expect("changed");
    let error = engine.reload(parse(&format!("{PIPELINE}{gone}"))).await.expect_err("a rule of somebody else needs the list");
    assert!(error.to_string().contains("rule `api`"), "{error}");
    assert!(engine.deciders().missing.is_empty() && engine.deciders().rules.asked().len() == 2, "nothing of it was taken");
    let other =
        PIPELINE.replace("windows = [\"1h\"]", "windows = [\"2h\"]").replace("customer_tx_count_1h", "customer_tx_count_2h");
    let error = engine.reload(parse(&other)).await.expect_err("features are read at the start");
    assert_eq!(
        error.to_string(),
        "[[features]] of the pipeline file has changed, which needs a new start; nothing of it was taken"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_is_what_a_restart_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("review");
    let (engine, _log) = start(folder.path(), &pipeline);
    promote(&engine, folder.path()).await;
    let policy = crate::policy::Policy { review: 100, ..pipeline.policy.clone() };
    let governed = Control::Governed { policy: pipeline.policy.clone(), by: "ada".to_owned(), at: NOW };
    let first = Control::Governed { policy, by: "ada".to_owned(), at: NOW };
    engine.change_all(vec![first, governed]).await.expect("changed");
    engine.want_retraining("ada", "scores have moved").await.expect("recorded");
    let (held, version) = (engine.control(), engine.deciders().version);
    assert_eq!(held.version, version);
    engine.stop().await.expect("stopped");
    drop((engine, _log));
    let (engine, _log) = start(folder.path(), &pipeline);
    assert_eq!(engine.control(), held, "a wish for training changes nothing that decides");
}
