//! The alert desk on a real log: alerts are raised once whatever ends the program, people get in each other's way in order, and an outcome is a label.

use std::collections::BTreeMap;

use ingest::log::record::decode_event;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;

use super::*;
use crate::alerts::{Action, AlertId, Filter, Outcome as Found, Refusal, Windows, Worthy};
use crate::control::{May, Person};
use crate::decision::Decision;

const ALERTS: &str = r#"
    [[alerts]]
    name = "stopped"
    severity = "medium"
    when = { decisions = ["review", "decline"] }
    about = { entity = "customer", join_within = "20s" }
    [[alerts]]
    name = "burst"
    severity = "high"
    when = { decisions = ["decline"] }
    about = { entity = "customer", join_within = "5s", after = { events = 3, within = "10s" } }
    [[alerts]]
    name = "each"
    severity = "low"
    when = { decisions = ["decline"] }
"#;

fn with_alerts(alerts: &str) -> Arc<Pipeline> {
    Arc::new(Pipeline::parse(&format!("{PIPELINE}{alerts}"), "tests.toml").expect("the pipeline above"))
}

fn person(name: &str) -> Person {
    Person { name: name.to_owned(), may: May::Propose }
}

/// An event of one of a few customers.
fn of(customer: u64, number: i64) -> Event {
    Event { entities: vec![Some(format!("c{customer}").into())], ..event(&format!("e{number}"), number, 100) }
}

/// What is worth an alert from where the desk wants to be read on, as the lookout finds it; one after the last record.
fn found(engine: &Engine, log: &dyn Log) -> (Vec<Worthy>, Position) {
    let (from, policies) = engine.desk(|desk| (desk.from(), desk.policies_by_position().clone()));
    let (mut worthies, mut windows, mut until) = (Vec::new(), Windows::default(), from);
    for record in log.read(from).expect("it can be read") {
        let record = record.expect("it is whole");
        until = record.position.next();
        if record.topic != Topic::Decision {
            continue;
        }
        let decision = Decision::decode(&record.payload).expect("a decision");
        let event = log.get(decision.event_position).expect("it can be read").expect("it is there");
        let (event, _) = decode_event(&event.payload, &engine.pipeline().schema).expect("an event");
        let mut worthy = Worthy::new(record.position, &decision, event, &engine.pipeline().schema);
        let in_force = policies.range(..=record.position).next_back().map_or(&[][..], |(_, policies)| policies.as_slice());
        in_force.iter().filter(|policy| policy.when.holds(&decision)).for_each(|policy| windows.take(policy, &mut worthy));
        if !worthy.by.is_empty() {
            worthies.push(worthy);
        }
    }
    (worthies, until)
}

async fn look(engine: &Engine, log: &dyn Log) {
    let (worthies, until) = found(engine, log);
    assert!(engine.look_for_alerts(&worthies, until, until, false).await.expect("the log takes it"));
}

/// The events of each alert, by its id.
fn alerts(engine: &Engine) -> BTreeMap<String, Vec<String>> {
    let events = |alert: &crate::alerts::Alert| alert.hits.iter().map(|hit| hit.event_id.to_string()).collect();
    engine.desk(|desk| desk.live().map(|alert| (alert.id.to_string(), events(alert))).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_it_alerts_are_raised_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = with_alerts(ALERTS);
    let (engine, log) = start(folder.path(), &pipeline);
    promote(&engine, folder.path()).await;
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let mut second = 0;
    for number in 0..150 {
        second += chance.random_range(0..9);
        let mut event = of(chance.random_range(0..3), number);
        event.occurred_at = Timestamp::from_micros(second * 1_000_000);
        engine.score(event, NOW, Terms::default()).await.expect("scored");
    }
    engine.stop().await.expect("stopped");
    // What comes of them without any end in between.
    let (worthies, _) = found(&engine, &*log);
    let mut desk = engine.desk(Clone::clone);
    for worthy in &worthies {
        if let Some(step) = desk.plan(worthy) {
            desk.apply(step, "the desk", NOW, worthy.seen.hit.decision);
        }
    }
    let expect: BTreeMap<String, usize> = desk.live().map(|alert| (alert.id.to_string(), alert.hits.len())).collect();
    for policy in ["stopped", "burst", "each"] {
        assert!(expect.keys().any(|id| id.starts_with(policy)), "{policy} raises some: {expect:?}");
    }
    drop((engine, log));

    let mut ends = 0;
    loop {
        let (engine, log) = start(folder.path(), &pipeline);
        let (worthies, until) = found(&engine, &*log);
        // It ends within, goes over the same again, or comes to the end.
        let looked = worthies.iter().filter(|worthy| worthy.seen.hit.decision < engine.desk(crate::alerts::Desk::until)).count();
        let some = worthies.len().min(looked + chance.random_range(0..12));
        engine.look_for_alerts(&worthies[..some], until, until, false).await.expect("the log takes it");
        engine.look_for_alerts(&worthies[..some], until, until, false).await.expect("the log takes it");
        let is_done = worthies.iter().all(|worthy| engine.desk(|desk| desk.plan(worthy).is_none()));
        engine.stop().await.expect("stopped");
        if is_done {
            break;
        }
        ends += 1;
    }
    assert!(ends > 5, "{ends}");
    let (engine, _log) = start(folder.path(), &pipeline);
    let found: BTreeMap<String, usize> = alerts(&engine).into_iter().map(|(id, events)| (id, events.len())).collect();
    assert_eq!(found, expect);
    engine.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_an_alert_one_gets_it_and_its_outcome_is_a_label() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = with_alerts(ALERTS);
    let (engine, log) = start(folder.path(), &pipeline);
    promote(&engine, folder.path()).await;
    for number in 0..12 {
        engine.score(of(1, number), NOW, Terms::default()).await.expect("scored");
    }
    look(&engine, &*log).await;
    let id = AlertId::written(alerts(&engine).keys().find(|id| id.starts_with("stopped")).expect("one"));
    let version = engine.alert(&id).await.expect("it is there").version;
    let mut claims = JoinSet::new();
    for number in 0..8 {
        let (engine, id) = (Arc::clone(&engine), id.clone());
        claims.spawn(async move { engine.act_on_alert(&id, version, Action::Claim, &person(&format!("p{number}"))).await });
    }
    let claims = claims.join_all().await;
    let (got, refused): (Vec<_>, Vec<_>) = claims.into_iter().partition(Result::is_ok);
    let winner = got.first().and_then(|alert| alert.as_ref().ok()?.stage.held().cloned()).expect("one has it").by;
    assert_eq!((got.len(), refused.len()), (1, 7));
    for refusal in refused {
        let said = refusal.expect_err("refused").to_string();
        assert!(
            said.starts_with(&format!("alert {id}: it has changed since version {version}: {winner} claimed it at")),
            "{said}"
        );
    }
    let winner = person(&winner);
    let resolve = || Action::Resolve { outcome: Found::ConfirmedFraud, note: "called".to_owned(), events: None };
    let other = engine.act_on_alert(&id, version + 1, resolve(), &person("eve")).await.expect_err("not hers").to_string();
    assert!(other.contains(&format!("it is in_review, and {} has it since", winner.name)), "{other}");
    let labels = engine.standing().labels;
    let closed = engine.act_on_alert(&id, version + 1, resolve(), &winner).await.expect("theirs");
    assert_eq!(engine.standing().labels - labels, closed.hits.len() as u64);
    let twice = engine.act_on_alert(&id, version + 1, resolve(), &winner).await.expect_err("it is closed").to_string();
    assert!(twice.contains(&format!("it was resolved as confirmed_fraud by {} at", winner.name)), "{twice}");
    assert_eq!(engine.standing().labels - labels, closed.hits.len() as u64, "nothing of it was taken");
    let history = engine.history(closed.hits[0].event_id.clone()).await.expect("read").expect("decided");
    let label = history.label.expect("labelled");
    assert_eq!((label.label, label.source), (Outcome::Fraud, LabelSource::Analyst));
    // The next one is another one; the desk is the same after a start.
    let next = engine.claim_next_alert(&Filter::default(), &winner).await.expect("some").expect("one");
    assert_eq!(next.policy, "burst", "the most severe");
    let before = engine.desk(Clone::clone);
    super::super::snapshotter::take(&pipeline, &log, &Snapshots::open(&folder.path().join("snapshots")).expect("a folder"))
        .expect("taken");
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, _log) = start(folder.path(), &pipeline);
    assert_eq!(engine.desk(Clone::clone), before);
    let unknown = engine.act_on_alert(&AlertId::written("stopped-999"), 1, Action::Claim, &winner).await.expect_err("none");
    assert_eq!(unknown.to_string(), "there is no alert `stopped-999`");
    engine.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_closed_long_ago_is_read_from_the_log_and_can_be_reopened() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = with_alerts("\n[[alerts]]\nname = \"each\"\nseverity = \"low\"\nwhen = { decisions = [\"approve\"] }\n");
    let (engine, log) = start(folder.path(), &pipeline);
    promote(&engine, folder.path()).await;
    let all = |engine: &Engine| engine.desk(|desk| desk.live().map(|alert| alert.id.clone()).collect::<Vec<_>>());
    let mut scores = JoinSet::new();
    for number in 0..1_002 {
        let engine = Arc::clone(&engine);
        scores.spawn(async move { engine.score(of(number, number as i64), NOW, Terms::replay()).await.expect("scored") });
    }
    scores.join_all().await;
    look(&engine, &*log).await;
    let first = all(&engine).remove(0);
    let close = async |engine: Arc<Engine>, id: AlertId| {
        engine.act_on_alert(&id, 1, Action::Claim, &person("ann")).await.expect("open");
        engine.act_on_alert(&id, 2, Action::Dismiss { reason: "known".to_owned() }, &person("ann")).await.expect("hers");
    };
    close(Arc::clone(&engine), first.clone()).await;
    let whole = engine.alert(&first).await.expect("it is at hand");
    let mut closings = JoinSet::new();
    all(&engine).into_iter().for_each(|id| {
        closings.spawn(close(Arc::clone(&engine), id));
    });
    closings.join_all().await;
    assert!(engine.desk(|desk| desk.get(&first).is_none() && desk.recent().count() == 1_000));
    assert_eq!(engine.alert(&first).await.expect("in the log"), whole);
    let claim = engine.act_on_alert(&first, 3, Action::Claim, &person("bob")).await.expect_err("closed");
    assert!(matches!(claim, Error::Alert { refusal: Refusal::Closed { .. }, .. }), "{claim}");
    let again = engine
        .act_on_alert(&first, 3, Action::Reopen { reason: "a letter came".to_owned() }, &person("bob"))
        .await
        .expect("reopened");
    assert_eq!((again.version, again.entries.len(), all(&engine)), (4, 3, vec![first]));
    let before = engine.desk(Clone::clone);
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, _log) = start(folder.path(), &pipeline);
    assert_eq!(engine.desk(Clone::clone), before);
    engine.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_policies_hold_from_where_they_were_declared() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = with_alerts("");
    let (engine, log) = start(folder.path(), &none);
    promote(&engine, folder.path()).await;
    let score = async |engine: &Arc<Engine>, number: i64| {
        engine.score(of(number as u64, number), NOW, Terms::default()).await.expect("scored");
    };
    score(&engine, 1).await;
    let each = "\n[[alerts]]\nname = \"each\"\nseverity = \"low\"\nwhen = { decisions = [\"approve\"] }\n";
    let reload = async |engine: &Arc<Engine>, alerts: &str| {
        engine.reload(Pipeline::parse(&format!("{PIPELINE}{alerts}"), "tests.toml").expect("a pipeline")).await.expect("taken")
    };
    assert_eq!((reload(&engine, each).await, reload(&engine, each).await), (1, 0));
    score(&engine, 2).await;
    assert_eq!(reload(&engine, "").await, 1);
    score(&engine, 3).await;
    assert_eq!(reload(&engine, &each.replace("each", "other")).await, 1);
    score(&engine, 4).await;
    look(&engine, &*log).await;
    let found: Vec<(String, Vec<String>)> =
        alerts(&engine).into_iter().map(|(id, events)| (id[..4].to_owned(), events)).collect();
    assert_eq!(found, [("each".to_owned(), vec!["e2".to_owned()]), ("othe".to_owned(), vec!["e4".to_owned()])]);
    engine.stop().await.expect("stopped");
}
