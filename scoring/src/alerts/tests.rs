use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Currency, EventId, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::Pipeline;
use crate::control::{May, Person};
use crate::decision::Verdict;

const PIPELINE: &str = include_str!("../../../pipelines/card_fraud_handbook.toml");

fn policies(text: &str) -> Result<Vec<Policy>, String> {
    let rule = r#"
[[rules]]
id = "large"
name = "large"
when = "event.amount_minor > 100000"
action = "review"
state = "active"
author = "ada"
"#;
    let parsed = Pipeline::parse(&format!("{PIPELINE}{rule}{text}"), "p.toml");
    parsed.map(|pipeline| pipeline.alerts).map_err(|error| error.to_string())
}

fn policy(text: &str) -> Arc<Policy> {
    Arc::new(policies(&format!("\n[[alerts]]\nname = \"p\"\nseverity = \"medium\"\n{text}\n")).expect("a policy").remove(0))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn person(name: &str, may: May) -> Person {
    Person { name: name.to_owned(), may }
}

fn ann() -> Person {
    person("ann", May::Propose)
}

/// A decline of a customer's payment, of so many minor units, at a second that is its position too.
fn worthy(policies: &[&Arc<Policy>], windows: &mut Windows, position: u64, customer: &str, minor: i64) -> Worthy {
    let hit = Hit {
        event_id: EventId::new(&format!("e{position}")).expect("short"),
        decision: Position(position),
        occurred_at: at(position as i64),
        amount_minor: Some(minor),
        verdict: Verdict::Decline,
        score: Some(900),
        rules: Vec::new(),
    };
    let entities = BTreeMap::from([("customer".to_owned(), customer.to_owned()), ("terminal".to_owned(), "t1".to_owned())]);
    let currency = Currency::new("EUR");
    let seen = Arc::new(Seen { hit, entities, currency });
    let (decided_at, by, from) = (at(position as i64), Vec::new(), Position(position));
    let mut worthy = Worthy { seen, currency: Currency::default(), decided_at, by, from };
    policies.iter().for_each(|policy| windows.take(policy, &mut worthy));
    worthy
}

/// A desk whose policy holds from the first position on.
fn desk(policy: &Arc<Policy>) -> Desk {
    let mut desk = Desk::default();
    desk.apply(Step::Policies(vec![Policy::clone(policy)]), "the file", at(0), Position(0));
    desk
}

/// Has the desk look at it; how many events each alert has then, by its id.
fn look(desk: &mut Desk, worthy: &Worthy) -> BTreeMap<String, u32> {
    if let Some(step) = desk.plan(worthy) {
        desk.apply(step, "the desk", at(0), Position(worthy.seen.hit.decision.0 + 1));
    }
    desk.live().map(|alert| (alert.id.to_string(), alert.events())).collect()
}

fn act(desk: &mut Desk, id: &str, action: Action, by: &Person, second: i64) -> Result<Stage, Refusal> {
    let alert = desk.get(&AlertId::written(id)).expect("it is at hand").clone();
    let (did, next) = alert.did(action, alert.version, by, at(second))?;
    let whole = next.closed().is_some().then(|| Box::new(alert.clone().after(did.clone(), next.clone(), &by.name, at(second))));
    let step = Step::Did { id: alert.id, did, next: next.clone(), before: None, whole };
    desk.apply(step, &by.name, at(second), Position(1_000 + second as u64));
    Ok(next)
}

#[test]
fn a_policy_that_cannot_be_is_named_with_its_line() {
    let check = |more: &str, expect: &str| {
        let text = format!("\n[[alerts]]\nname = \"p\"\nseverity = \"medium\"\n{more}\n");
        let error = policies(&text).expect_err(more);
        assert!(error.starts_with("p.toml:1") && error.contains(expect), "{error}\nlacks {expect}");
    };
    check("when = {}", "`when` says nothing, and would raise an alert for every event");
    check("when = { decision = [\"decline\"] }", "unknown field `decision`, expected one of `decisions`, `rule`, `score`");
    check("when = { decisions = [\"block\"] }", "unknown variant `block`");
    check("when = { score = 1001 }", "score is 1001: give 1 to 1000");
    check("when = { rule = \"larg\" }", "alert policy `p`: there is no rule `larg` in this file: did you mean `large`?");
    check(
        "when = { score = 1 }\nabout = { entity = \"custmer\", join_within = \"1d\" }",
        "there is no entity `custmer` in [event.entities]: did you mean `customer`?",
    );
    check("when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"0s\" }", "`join_within` takes some time");
    check(
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\", after = { events = 1, within = \"1h\" } }",
        "`after` is 1 events",
    );
    check(
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\", after = { events = 3, within = \"0s\" } }",
        "`within` is 0s",
    );
    check(
        "when = { score = 1 }\nrises = [{ to = \"low\", from = { score = 900 } }]",
        "it is medium from the start, so that it cannot rise to low",
    );
    check("when = { score = 1 }\nrises = [{ to = \"high\", from = { money_minor = 0 } }]", "money_minor is 0");
    check("when = { score = 1 }\nrises = [{ to = \"high\", from = { events = 1 } }]", "events is 1");
    check("when = { score = 1 }\nseverty = \"low\"", "unknown field `severty`");
    check(
        "when = { score = 1 }\n[[alerts]]\nname = \"p\"\nseverity = \"low\"\nwhen = { score = 2 }",
        "alert policy `p`: there are two of this name",
    );
    let named = |name: &str| policies(&format!("\n[[alerts]]\nname = \"{name}\"\nseverity = \"low\"\nwhen = {{ score = 1 }}\n"));
    assert!(named("a-b").expect_err("a hyphen").contains("letters, digits and underscores") && named("a_b").is_ok());
}

#[test]
fn a_policy_is_kept_as_it_was_written() {
    let written = policy(
        "description = \"d\"\nwhen = { decisions = [\"decline\"], rule = \"large\", score = 5 }\ngroup = \"g\"\nrises = [{ to = \"high\", from = { events = 3 } }]\nabout = { entity = \"customer\", join_within = \"1d\", after = { events = 2, within = \"1h\" } }",
    );
    let text = serde_json::to_string(&*written).expect("it encodes");
    assert_eq!(serde_json::from_str::<Policy>(&text).expect("it decodes"), *written);
}

#[test]
fn what_is_of_an_open_alert_joins_it() {
    let policy = policy(
        "when = { decisions = [\"decline\"] }\nabout = { entity = \"customer\", join_within = \"100s\" }\nrises = [{ to = \"high\", from = { money_minor = 300 } }, { to = \"critical\", from = { events = 4 } }]",
    );
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    let mut check = |position: u64, customer: &str, expect: &[(&str, u32)]| {
        let found = look(&mut desk, &worthy(&[&policy], &mut windows, position, customer, 100));
        assert_eq!(found, expect.iter().map(|(id, events)| ((*id).to_owned(), *events)).collect(), "at {position}");
    };
    check(10, "a", &[("p-10", 1)]);
    check(20, "b", &[("p-10", 1), ("p-20", 1)]);
    check(30, "a", &[("p-10", 2), ("p-20", 1)]);
    check(30, "a", &[("p-10", 2), ("p-20", 1)]);
    check(130, "a", &[("p-10", 3), ("p-20", 1)]);
    check(231, "a", &[("p-10", 3), ("p-20", 1), ("p-231", 1)]);
    check(232, "a", &[("p-10", 3), ("p-20", 1), ("p-231", 2)]);
    let alert = desk.get(&AlertId::written("p-10")).expect("it is live");
    assert_eq!((alert.severity, alert.money_minor(), alert.version), (Severity::High, 300, 3));
    assert_eq!(alert.subject.as_ref().map(ToString::to_string).as_deref(), Some("customer a"));
    assert_eq!(desk.related(alert, 9).iter().map(|other| other.id.as_str()).collect::<Vec<_>>(), ["p-231", "p-20"]);
    // One that is closed is joined no more.
    for action in [Action::Claim, Action::Dismiss { reason: "known".to_owned() }] {
        act(&mut desk, "p-231", action, &ann(), 300).expect("hers");
    }
    assert_eq!(look(&mut desk, &worthy(&[&policy], &mut windows, 301, "a", 1)).keys().next_back().expect("one"), "p-301");
}

#[test]
fn an_alert_that_is_full_is_followed_by_another() {
    let policy = policy("when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\" }");
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    for position in 1..=MOST_HITS as u64 + 1 {
        look(&mut desk, &worthy(&[&policy], &mut windows, position, "a", 1));
    }
    let found: Vec<(&str, u32)> = desk.live().map(|alert| (alert.id.as_str(), alert.events())).collect();
    assert_eq!(found, [("p-1", MOST_HITS as u32), ("p-201", 1)]);
}

#[test]
fn a_burst_fills_one_alert_after_the_other_and_no_event_is_in_two() {
    let policy = policy(
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\", after = { events = 3, within = \"1000s\" } }",
    );
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    for position in 10..MOST_HITS as u64 + 16 {
        look(&mut desk, &worthy(&[&policy], &mut windows, position, "a", 1));
    }
    let found: BTreeMap<&str, u32> = desk.live().map(|alert| (alert.id.as_str(), alert.events())).collect();
    assert_eq!(found, BTreeMap::from([("p-12", MOST_HITS as u32), ("p-212", 6)]));
}

#[test]
fn what_is_read_again_has_the_policies_of_then() {
    let policy = policy("when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\" }");
    let mut desk = desk(&policy);
    let first = *desk.policies_by_position().first_key_value().expect("it has one").0;
    let looked = |until: u64, from: u64| Step::Looked { raised: Vec::new(), until: Position(until), from: Position(from) };
    desk.apply(looked(50, 10), "desk", at(50), Position(51));
    desk.apply(Step::Policies(Vec::new()), "file", at(60), Position(60));
    desk.apply(looked(80, 10), "desk", at(80), Position(81));
    assert_eq!(desk.policies_by_position().keys().copied().collect::<Vec<_>>(), [first, Position(61)]);
    desk.apply(looked(70, 10), "desk", at(82), Position(83));
    assert_eq!((desk.until(), desk.from()), (Position(80), Position(10)), "nothing is looked at twice");
    desk.apply(looked(90, 85), "desk", at(90), Position(91));
    assert_eq!(desk.policies_by_position().keys().copied().collect::<Vec<_>>(), [Position(61)]);
}

#[test]
fn a_pattern_takes_several_events_of_one_entity() {
    let policy = policy(
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1000s\", after = { events = 3, within = \"100s\" } }",
    );
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    let mut check = |position: u64, customer: &str, expect: &[(&str, u32)]| {
        let found = look(&mut desk, &worthy(&[&policy], &mut windows, position, customer, 100));
        assert_eq!(found, expect.iter().map(|(id, events)| ((*id).to_owned(), *events)).collect(), "at {position}");
    };
    check(10, "a", &[]);
    check(20, "b", &[]);
    check(60, "a", &[]);
    // The first is 100 seconds old: too old.
    check(110, "a", &[]);
    check(120, "a", &[("p-120", 3)]);
    check(130, "a", &[("p-120", 4)]);
    for action in [Action::Claim, Action::Dismiss { reason: "known".to_owned() }] {
        act(&mut desk, "p-120", action, &ann(), 300).expect("hers");
    }
    // What was judged counts no more.
    let found = look(&mut desk, &worthy(&[&policy], &mut windows, 140, "a", 1));
    assert!(found.is_empty(), "{found:?}");
    windows.prune(std::slice::from_ref(&policy));
    assert_eq!(windows.first(), Some(Position(60)));
}

#[test]
fn a_pattern_has_all_the_events_that_made_it_with_their_entities() {
    let policy = policy(
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1000s\", after = { events = 3, within = \"100s\" } }",
    );
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    let at_terminal = |windows: &mut Windows, position: u64, currency: Option<&str>| {
        let mut worthy = worthy(&[], windows, position, "a", 100);
        let seen = Arc::make_mut(&mut worthy.seen);
        seen.entities.insert("terminal".to_owned(), format!("t{position}"));
        seen.currency = currency.and_then(Currency::new);
        windows.take(&policy, &mut worthy);
        worthy
    };
    for (position, currency) in [(10, None), (20, Some("EUR")), (30, Some("USD")), (40, Some("USD"))] {
        look(&mut desk, &at_terminal(&mut windows, position, currency));
    }
    let alert = desk.get(&AlertId::written("p-30")).expect("it is live");
    let keys = |entity: &str| alert.entities[entity].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((keys("customer"), keys("terminal")), (vec!["a"], vec!["t10", "t20", "t30", "t40"]));
    let events: Vec<String> = alert.hits.iter().map(|hit| hit.event_id.to_string()).collect();
    assert_eq!(events, ["e10", "e20", "e30", "e40"]);
    assert_eq!((alert.events(), alert.version, alert.currency), (4, 2, Currency::new("EUR")));
    let with = |key: &str| Filter { key: Some(key.to_owned()), ..Filter::default() }.takes(alert, at(50));
    assert!(with("t10") && with("t40") && !with("t50"), "it is found by what its first event had");
}

#[test]
fn what_is_in_another_currency_is_of_an_alert_without_its_money() {
    let policy = policy(
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\" }\nrises = [{ to = \"high\", from = { money_minor = 1000 } }]",
    );
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    let mut take = |position: u64, customer: &str, minor: i64, currency: &str| {
        let mut worthy = worthy(&[], &mut windows, position, customer, minor);
        Arc::make_mut(&mut worthy.seen).currency = Currency::new(currency);
        windows.take(&policy, &mut worthy);
        look(&mut desk, &worthy);
    };
    take(1, "a", 600, "EUR");
    take(2, "a", 50_000, "JPY");
    take(3, "b", 90_000, "JPY");
    take(4, "c", 700, "EUR");
    take(5, "c", 100, "EUR");
    let check = |id: &str, expect: (i64, u32, u32)| {
        let alert = desk.get(&AlertId::written(id)).expect("it is live");
        assert_eq!((alert.money_minor(), alert.events(), alert.other_currency()), expect, "{id}");
        assert_eq!((alert.severity, alert.currency), (Severity::Medium, Currency::new("EUR")), "{id}");
    };
    check("p-1", (600, 2, 1));
    check("p-3", (0, 1, 1));
    check("p-4", (800, 2, 0));
    let mut alerts: Vec<&Alert> = desk.live().collect();
    alerts.sort_by_key(|alert| Order::Money.key(alert));
    assert_eq!(alerts.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["p-4", "p-1", "p-3"]);
    let count = |least: i64| {
        let filter = Filter { money_at_least: Some(least), ..Filter::default() };
        desk.live().filter(|alert| filter.takes(alert, at(9))).count()
    };
    assert_eq!([0, 1, 601, 801].map(count), [3, 2, 1, 0]);
    // One of before, in another currency, has no money of ours added to it.
    let yen = Alert { currency: Currency::new("JPY"), ..alerts[0].clone() };
    let seen = &worthy(&[], &mut Windows::default(), 6, "c", 5).seen;
    assert_eq!((yen.hit(seen).amount_minor, alerts[0].hit(seen).amount_minor), (None, Some(5)));
}

#[test]
fn of_more_events_than_an_alert_has_a_pattern_keeps_the_newest() {
    let within =
        "when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\", after = { events = 2, within = \"1d\" } }";
    let (policy, mut windows) = (policy(within), Windows::default());
    let all = MOST_HITS as u64 + 50;
    let last = (1..=all).map(|position| worthy(&[&policy], &mut windows, position, "a", 1)).last().expect("some");
    // The desk sees none but the last, as where it was full before.
    let mut desk = desk(&policy);
    look(&mut desk, &last);
    let alert = desk.live().next().expect("one");
    let decisions: Vec<u64> = alert.hits.iter().map(|hit| hit.decision.0).collect();
    assert_eq!((alert.events(), decisions), (MOST_HITS as u32, (51..=all).collect()));
}

#[test]
fn without_its_entity_a_decision_is_an_alert_of_its_own() {
    let policy = policy("when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\" }");
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    for position in [5, 6] {
        let mut worthy = worthy(&[], &mut windows, position, "a", 1);
        Arc::make_mut(&mut worthy.seen).entities.remove("customer");
        windows.take(&policy, &mut worthy);
        look(&mut desk, &worthy);
    }
    assert_eq!(
        desk.live().map(|alert| (alert.id.as_str(), alert.subject.is_none())).collect::<Vec<_>>(),
        [("p-5", true), ("p-6", true)]
    );
}

#[test]
fn a_transition_gives_the_next_state_or_says_who_stands_in_the_way() {
    let (ann, bob, eve) = (ann(), person("bob", May::Propose), person("eve", May::Change));
    let held = |name: &str| Held { by: name.to_owned(), since: at(1) };
    let open = || Stage::Open;
    let review = || Stage::InReview(held("ann"));
    let escalated = |held: Option<Held>| Stage::Escalated { by: "ann".to_owned(), reason: "odd".to_owned(), at: at(1), held };
    let resolved = || Stage::Resolved { outcome: Outcome::ConfirmedFraud, by: "ann".to_owned(), at: at(1) };
    let check = |found: Result<Stage, Refusal>, expect: Result<&str, &str>| {
        let found = found.map(|stage| stage.name()).map_err(|refusal| refusal.to_string());
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expect);
    };
    const HELD: &str = "it is in_review, and ann has it since 1970-01-01T00:00:01Z";
    const CLOSED: &str = "it was resolved as confirmed_fraud by ann at 1970-01-01T00:00:01Z";
    check(open().claimed(&ann, at(2)), Ok("in_review"));
    check(review().claimed(&bob, at(2)), Err(HELD));
    check(escalated(None).claimed(&bob, at(2)), Ok("escalated"));
    check(escalated(Some(held("bob"))).claimed(&ann, at(2)), Err("it is escalated, and bob has it since 1970-01-01T00:00:01Z"));
    check(resolved().claimed(&bob, at(2)), Err(CLOSED));
    check(open().released(&ann), Err("it is open, and nobody has it: claim it first"));
    check(review().released(&ann), Ok("open"));
    check(review().released(&bob), Err(HELD));
    check(review().released(&eve), Ok("open"));
    check(open().released(&eve), Err("it is open, and nobody has it: claim it first"));
    check(escalated(Some(held("bob"))).released(&bob), Ok("escalated"));
    check(open().escalated(&ann, "odd", at(2)), Err("it is open, and nobody has it: claim it first"));
    check(review().escalated(&ann, "odd", at(2)), Ok("escalated"));
    check(review().escalated(&eve, "odd", at(2)), Err(HELD));
    check(
        escalated(Some(held("bob"))).escalated(&bob, "odd", at(2)),
        Err("it was escalated by ann at 1970-01-01T00:00:01Z already"),
    );
    check(review().resolved(&ann, Outcome::FalsePositive, at(2)), Ok("resolved"));
    check(review().resolved(&bob, Outcome::FalsePositive, at(2)), Err(HELD));
    check(
        escalated(None).resolved(&ann, Outcome::FalsePositive, at(2)),
        Err("it is escalated, and nobody has it: claim it first"),
    );
    check(resolved().resolved(&bob, Outcome::FalsePositive, at(2)), Err(CLOSED));
    check(review().dismissed(&ann, "known", at(2)), Ok("dismissed"));
    check(resolved().dismissed(&ann, "known", at(2)), Err(CLOSED));
    // What was escalated is for reviewers, whoever has it.
    let eva = person("eva", May::Work);
    const FOR_REVIEWERS: &str = "it was escalated by ann at 1970-01-01T00:00:01Z, and is for the role reviewer or one above (the scope `review`): whoever has another may read it and write notes";
    check(open().claimed(&eva, at(2)), Ok("in_review"));
    check(Stage::InReview(held("eva")).escalated(&eva, "odd", at(2)), Ok("escalated"));
    check(escalated(None).claimed(&eva, at(2)), Err(FOR_REVIEWERS));
    check(escalated(Some(held("bob"))).claimed(&eva, at(2)), Err(FOR_REVIEWERS));
    check(escalated(Some(held("eva"))).resolved(&eva, Outcome::FalsePositive, at(2)), Err(FOR_REVIEWERS));
    check(escalated(Some(held("eva"))).dismissed(&eva, "known", at(2)), Err(FOR_REVIEWERS));
    check(escalated(Some(held("eva"))).released(&eva), Ok("escalated"));
    check(resolved().reopened(), Ok("open"));
    check(review().reopened(), Err("it is in_review, and only what is closed can be reopened"));
}

#[test]
fn whoever_saw_an_older_version_is_told_what_changed() {
    let policy = policy("when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"1d\" }");
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    look(&mut desk, &worthy(&[&policy], &mut windows, 1, "a", 1));
    look(&mut desk, &worthy(&[&policy], &mut windows, 2, "a", 1));
    act(&mut desk, "p-1", Action::Claim, &ann(), 5).expect("it is open");
    let alert = desk.get(&AlertId::written("p-1")).expect("it is live").clone();
    let refused =
        |alert: &Alert, version: u32| alert.did(Action::Claim, version, &ann(), at(9)).expect_err("too late").to_string();
    let expect =
        "it has changed since version 1: ann claimed it at 1970-01-01T00:00:05Z, 1 of its events joined; it has version 3 now";
    assert_eq!(refused(&alert, 1), expect);
    assert!(refused(&alert, 7).contains("there was no such version yet"));
    act(&mut desk, "p-1", Action::Resolve { outcome: Outcome::Duplicate, note: String::new(), events: None }, &ann(), 6)
        .expect("hers");
    let closed = desk.recent().next().expect("it is closed").clone();
    assert_eq!(refused(&closed, 3), "it was resolved as duplicate by ann at 1970-01-01T00:00:06Z");
    let unknown = Action::Resolve {
        outcome: Outcome::Duplicate,
        note: String::new(),
        events: Some(vec![EventId::new("x").expect("short")]),
    };
    assert_eq!(alert.did(unknown, 3, &ann(), at(9)), Err(Refusal::NoEvent { event_id: "x".to_owned() }));
}

#[test]
fn the_next_one_is_the_most_severe_then_the_dearest_then_the_oldest() {
    let policy = policy("when = { score = 1 }\nrises = [{ to = \"high\", from = { money_minor = 1000 } }]");
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    for (position, minor) in [(1, 5), (2, 500), (3, 1_000), (4, 2_000), (5, 2_000)] {
        look(&mut desk, &worthy(&[&policy], &mut windows, position, "a", minor));
    }
    let mut order = Vec::new();
    while let Some(next) = desk.next(&Filter::default(), &ann(), at(9)).map(|alert| alert.id.to_string()) {
        act(&mut desk, &next, Action::Claim, &ann(), 9).expect("it is open");
        order.push(next);
    }
    assert_eq!(order, ["p-4", "p-5", "p-3", "p-2", "p-1"]);
    let count = |filter: Filter| desk.live().filter(|alert| filter.takes(alert, at(9))).count();
    assert_eq!(count(Filter { severities: vec![Severity::High], ..Filter::default() }), 3);
    assert_eq!(count(Filter { states: vec!["open".to_owned()], ..Filter::default() }), 0);
    assert_eq!(count(Filter { assignee: Some("ann".to_owned()), ..Filter::default() }), 5);
    assert_eq!(count(Filter { assignee: Some(String::new()), ..Filter::default() }), 0);
    assert_eq!(count(Filter { older_than: Some(ingest::Duration::seconds(6)), ..Filter::default() }), 3);
    assert_eq!(count(Filter { money_at_least: Some(1_001), key: Some("a".to_owned()), ..Filter::default() }), 2);
    assert_eq!(count(Filter { key: Some("b".to_owned()), ..Filter::default() }), 0);
}

#[test]
fn what_was_escalated_is_for_reviewers() {
    let policy = policy("when = { score = 1 }");
    let (mut desk, mut windows) = (desk(&policy), Windows::default());
    for (position, minor) in [(1, 900), (2, 100), (3, 200)] {
        look(&mut desk, &worthy(&[&policy], &mut windows, position, "a", minor));
    }
    let (ann, bob, eva) = (ann(), person("bob", May::Propose), person("eva", May::Work));
    let escalate = || Action::Escalate { reason: "odd".to_owned() };
    for action in [Action::Claim, escalate()] {
        act(&mut desk, "p-2", action, &bob, 5).expect("his");
    }
    let next =
        |desk: &Desk, by: &Person| desk.next(&Filter::default(), by, at(9)).map(|alert| alert.id.to_string()).expect("one waits");
    // What matters most comes after what waits for a reviewer; an analyst passes over that, and so does who has escalated it.
    assert_eq!([&ann, &bob, &eva].map(|by| next(&desk, by)), ["p-2", "p-1", "p-1"]);
    let queue = |desk: &Desk, by: &Person| {
        let mut alerts: Vec<&Alert> = desk.live().collect();
        alerts.sort_by_key(|alert| Order::of(by).key(alert));
        alerts.into_iter().map(|alert| alert.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (queue(&desk, &ann), queue(&desk, &eva)),
        (["p-2", "p-1", "p-3"].map(str::to_owned).to_vec(), ["p-1", "p-3", "p-2"].map(str::to_owned).to_vec(),)
    );
    let orders = [Order::Priority, Order::Escalated, Order::Money, Order::Oldest, Order::Newest];
    for alert in desk.live() {
        for (order, other) in orders.iter().flat_map(|order| orders.iter().map(move |other| (order, other))) {
            assert_eq!(other.is_key(&order.key(alert)), order == other, "{order} {other}");
        }
    }
    assert!(!Order::Oldest.is_key("oldest.1p-1") && !Order::Oldest.is_key(""));
    // She may write a note, and nothing else; nor may she have it opened again, once a reviewer has judged it.
    let note = Action::Note { text: "I know the shop".to_owned() };
    act(&mut desk, "p-2", note, &eva, 6).expect("a note");
    let refused = Err(Refusal::ForReviewers { by: "bob".to_owned(), at: at(5) });
    assert_eq!(act(&mut desk, "p-2", Action::Claim, &eva, 7), refused);
    for action in [Action::Claim, Action::Resolve { outcome: Outcome::ConfirmedFraud, note: String::new(), events: None }] {
        act(&mut desk, "p-2", action, &ann, 8).expect("hers");
    }
    let reopen = || Action::Reopen { reason: "another shop".to_owned() };
    assert_eq!(act(&mut desk, "p-2", reopen(), &eva, 9), refused);
    assert_eq!(act(&mut desk, "p-2", reopen(), &bob, 9), Ok(Stage::Open));
    assert_eq!(next(&desk, &eva), "p-1");
}

/// What people and decisions do, in any order.
#[derive(Clone, Debug)]
enum Move {
    Decide { customer: u8, minor: i64 },
    Act { alert: u8, who: u8, what: u8, stale: bool },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let decide = (0_u8..3, 0_i64..2_000).prop_map(|(customer, minor)| Move::Decide { customer, minor });
    let act = (0_u8..6, 0_u8..3, 0_u8..7, proptest::bool::weighted(0.1)).prop_map(|(alert, who, what, stale)| Move::Act {
        alert,
        who,
        what,
        stale,
    });
    proptest::collection::vec(prop_oneof![decide, act], 0..80)
}

fn action(what: u8) -> Action {
    let text = || "because".to_owned();
    match what {
        0 | 1 => Action::Claim,
        2 => Action::Release,
        3 => Action::Note { text: text() },
        4 => Action::Escalate { reason: text() },
        5 => Action::Resolve { outcome: Outcome::ConfirmedFraud, note: text(), events: None },
        _ => Action::Reopen { reason: text() },
    }
}

/// What must hold of every alert, whatever was done.
fn is_sound(alert: &Alert) -> bool {
    let closing = alert
        .entries
        .iter()
        .rfind(|entry| matches!(entry.did, Did::Resolved { .. } | Did::Dismissed { .. } | Did::Reopened { .. }));
    let was_closed = closing.is_some_and(|entry| !matches!(entry.did, Did::Reopened { .. }));
    let versions = alert.hits.len() + alert.entries.len();
    (1..=MOST_HITS).contains(&alert.hits.len())
        && alert.stage.closed().is_some() == was_closed
        && (alert.stage.held().is_none() || alert.stage.closed().is_none())
        && alert.version as usize == versions
        && alert.entries.is_sorted_by(|one, other| one.version < other.version)
        && alert.hits.is_sorted_by(|one, other| one.decision < other.decision)
}

proptest! {
    #[test]
    fn the_desk_is_the_fold_of_its_steps_and_no_sequence_breaks_it(moves in moves(), cut in 0_usize..80) {
        let policy = policy("when = { score = 1 }\nabout = { entity = \"customer\", join_within = \"30s\" }\nrises = [{ to = \"critical\", from = { events = 3 } }]");
        let (mut whole, mut windows) = (desk(&policy), Windows::default());
        let mut steps: Vec<(Step, String, Timestamp, Position)> = Vec::new();
        let people = [ann(), person("eva", May::Work), person("eve", May::Change)];
        for (number, each) in moves.iter().enumerate() {
            let position = Position(10 + number as u64 * 2);
            let now = at(position.0 as i64);
            let (step, by) = match each {
                Move::Decide { customer, minor } => {
                    let worthy = worthy(&[&policy], &mut windows, position.0, &format!("c{customer}"), *minor);
                    // Looked at twice, it counts once.
                    let step = whole.plan(&worthy);
                    if let Some(step) = step.clone() {
                        let mut after = whole.clone();
                        after.apply(step, "the desk", now, position.next());
                        prop_assert_eq!(after.plan(&worthy), None);
                    }
                    (step, "the desk".to_owned())
                }
                Move::Act { alert, who, what, stale } => {
                    let all: Vec<Alert> = whole.live().chain(whole.recent()).cloned().collect();
                    let Some(alert) = all.get(*alert as usize) else { continue };
                    let by = &people[*who as usize];
                    let done = alert.did(action(*what), alert.version - u32::from(*stale), by, now);
                    prop_assert!(!(*stale && done.is_ok()));
                    let step = done.ok().map(|(did, next)| {
                        let whole = next.closed().is_some().then(|| Box::new(alert.clone().after(did.clone(), next.clone(), &by.name, now)));
                        Step::Did { id: alert.id.clone(), did, next, before: None, whole }
                    });
                    (step, by.name.clone())
                }
            };
            let Some(step) = step else { continue };
            whole.apply(step.clone(), &by, now, position.next());
            if let Step::Did { id, whole: Some(kept), .. } = &step {
                prop_assert_eq!(whole.get(id), Some(&**kept));
                prop_assert_eq!(whole.closed(id), Some(position.next()));
            }
            steps.push((step, by, now, position.next()));
            prop_assert!(whole.live().all(|alert| alert.stage.closed().is_none() && is_sound(alert)));
            prop_assert!(whole.recent().all(|alert| alert.stage.closed().is_some() && is_sound(alert)));
        }
        // From the log alone, and from a snapshot in between, it is the same.
        let mut folded = desk(&policy);
        for (number, (step, by, at, position)) in steps.into_iter().enumerate() {
            if number == cut {
                let text = serde_json::to_string(&folded).expect("it encodes");
                folded = serde_json::from_str(&text).expect("it decodes");
            }
            let text = serde_json::to_string(&step).expect("it encodes");
            folded.apply(serde_json::from_str(&text).expect("it decodes"), &by, at, position);
        }
        prop_assert_eq!(folded, whole);
    }
}
