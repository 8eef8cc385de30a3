//! Rules as a whole: what a set reports, whom a rollout reaches, what hits do together, and how rules are written.

mod documented;

use features::Plan;
use features::definition::{self, DefinitionFile, StateLimits};
use ingest::{Amount, Currency, Duration, Event, EventId, Schema, Value};
use serde::Deserialize;

use super::*;
use crate::decision::Verdict;

/// One of everything. Attributes and entities are sorted by name.
pub(super) const SCHEMA: &str = r#"
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [entities]
    card = {}
    device = { required = false }
    [attributes]
    card_present = { type = "flag" }
    channel = { type = "text" }
    country = { type = "text", required = false }
    distance = { type = "number" }
    items = { type = "integer" }
    mcc = { type = "text" }
    merchant = { type = "text" }
    retries = { type = "integer", required = false }
    vpn = { type = "flag", required = false }
"#;

pub(super) fn plan() -> Plan {
    #[derive(Deserialize)]
    struct File {
        features: Vec<DefinitionFile>,
    }
    let schema: Schema = toml::from_str(SCHEMA).unwrap();
    let file: File = toml::from_str(
        r#"
        features = [
            { name = "card_tx_count_{window}", kind = "count", entity = "card", windows = ["1h", "1d"] },
            { name = "card_speed", kind = "value", of = "distance" },
        ]"#,
    )
    .unwrap();
    let definitions = definition::check(file.features, &schema).unwrap();
    Plan::new(definitions, &StateLimits::default(), &schema, Duration::ZERO).unwrap()
}

pub(super) fn lists() -> Vec<String> {
    ["risky_mccs", "stolen_cards"].map(str::to_owned).into()
}

/// The entries of those lists.
pub(super) struct OnLists;

impl Lists for OnLists {
    fn contains(&self, list: ListId, value: &str) -> bool {
        match list {
            ListId(0) => ["5732", "café berlin"].contains(&value),
            ListId(1) => value == "tok_1",
            _ => false,
        }
    }
}

pub(super) fn event() -> Event {
    Event {
        supersedes: None,
        event_id: EventId::new("txn_1").unwrap(),
        occurred_at: "2026-04-23T12:34:56.789Z".parse().unwrap(),
        amount: Amount::new(87_550, Currency::new("EUR").unwrap()),
        entities: vec![Some("tok_1".into()), None],
        attributes: vec![
            Some(Value::Flag(false)),
            Some(Value::Text("ecom".into())),
            None,
            Some(Value::Number(12.5)),
            Some(Value::Integer(3)),
            Some(Value::Text("5732".into())),
            Some(Value::Text("Café BERLIN".into())),
            None,
            None,
        ],
    }
}

/// Counts in an hour and a day, and a speed that is missing.
pub(super) fn vector() -> Vec<f64> {
    vec![6.0, 9.0, f64::NAN]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Rule>,
}

fn rules(text: &str) -> Vec<Rule> {
    toml::from_str::<File>(text).unwrap().rules
}

fn compile(rules: Vec<Rule>) -> Result<RuleSet, Vec<RuleError>> {
    let (schema, plan, lists) = (toml::from_str(SCHEMA).unwrap(), plan(), lists());
    RuleSet::compile(rules, &Names::new(&schema, &plan, &lists))
}

fn rule(id: &str, when: &str, state: State) -> Rule {
    Rule {
        id: RuleId::new(id).unwrap(),
        version: 1,
        name: id.to_owned(),
        description: String::new(),
        when: when.to_owned(),
        action: Some(Verdict::Review),
        score_modifier: Points::new(50).unwrap(),
        priority: 0,
        state,
        author: "ada".to_owned(),
        reason: None,
    }
}

fn rollout(percent: u8) -> State {
    State::Rollout(Rollout { percent: Percent::new(percent).unwrap(), by: "card".to_owned() })
}

#[test]
fn a_rule_is_written_as_a_table() {
    let text = r#"
        [[rules]]
        id = "velocity_card"
        name = "Many payments of a card within an hour"
        when = 'card_tx_count_1h > 5.0 && event.channel == "ecom"'
        action = "review"
        score_modifier = 120
        priority = -5
        state = { rollout = { percent = 10, by = "card" } }
        author = "ada"
        reason = { code = "VELOCITY_CARD", text = "many payments of this card" }
        [[rules]]
        id = "watch"
        version = 3
        name = "Only watched"
        when = "true"
        state = "shadow"
        author = "ada"
    "#;
    let read = rules(text);
    assert_eq!((read[0].version, read[0].score_modifier.get(), read[0].priority), (1, 120, -5));
    assert_eq!((&read[0].state, read[1].state.name(), read[1].version, read[1].action), (&rollout(10), "shadow", 3, None));
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Rule>>(&json).unwrap(), read);

    let refused = |from: &str, to: &str, said: &str| {
        let error = toml::from_str::<File>(&text.replacen(from, to, 1)).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    };
    refused("priority", "priorty", "priorty");
    refused("percent = 10", "percent = 100", "percent 100 is not from 1 to 99");
    refused("score_modifier = 120", "score_modifier = 1001", "score_modifier 1001 is not from -1000 to 1000");
    refused("\"velocity_card\"", "\"velocity card\"", "rule id `velocity card` is not of");
    refused("state = \"shadow\"", "state = \"live\"", "live");
    refused("action = \"review\"", "action = \"block\"", "block");
}

#[test]
fn a_set_reports_what_there_is_to_report() {
    let set = compile(vec![
        rule("e_error", "1 / (event.items - 3) > 0", State::Active),
        Rule {
            priority: -1,
            ..rule("d_first", "event.items == 3 && entity.card in lists.stolen_cards && has(event.country)|| true", State::Active)
        },
        rule("c_shadow", "card_tx_count_1h > 5.0 && card_speed != 1.0", State::Shadow),
        rule("b_none", "score > 700", State::Active),
        rule("a_draft", "true", State::Draft),
        rule("a_paused", "true", State::Paused),
        rule("a_gone", "this names nothing", State::Archived),
    ])
    .unwrap();
    assert_eq!(set.rules().len(), 7);
    assert_eq!(set.asked().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["d_first", "b_none", "c_shadow", "e_error"]);
    let (event, vector) = (event(), vector());
    let facts = Facts::new(&event, &vector, &OnLists).scored(Some(640), None);
    let hits = set.evaluate(&facts);
    let brief: Vec<_> = hits.iter().map(|hit| (hit.rule_id.as_str(), hit.outcome, hit.shadow)).collect();
    let error = Outcome::Error(Fault::DivisionByZero);
    assert_eq!(brief, [("d_first", Outcome::Hit, false), ("c_shadow", Outcome::Hit, true), ("e_error", error, false)]);
    let seen = |name: &str, value: Seen| Evidence { name: name.to_owned(), value };
    assert_eq!(
        hits[0].evidence,
        [
            seen("event.items", Seen::Whole(3)),
            seen("entity.card", Seen::Key("tok_1".to_owned())),
            seen("event.country", Seen::Missing),
            seen("lists.stolen_cards", Seen::Flag(true)),
        ]
    );
    assert_eq!(hits[1].evidence, [seen("card_tx_count_1h", Seen::Number(6.0)), seen("card_speed", Seen::Missing)]);
    assert_eq!(format!("{:?}", hits[0].evidence[1]), "Evidence { name: \"entity.card\", value: *** }");
    assert_eq!(format!("{:?}", hits[0].evidence[1].value), "***");
    assert_eq!(effect(&hits), Effect { modifier: 50, verdict: Some(Verdict::Review) });
}

#[test]
fn hits_are_records_that_come_back_from_the_log() {
    let set = compile(vec![rule(
        "a",
        "entity.card == 'tok_1' && event.distance > 1.0 && event.time > timestamp('2026-01-01')",
        State::Active,
    )])
    .unwrap();
    let (event, vector) = (event(), vector());
    let hits = set.evaluate(&Facts::new(&event, &vector, &()));
    let bytes = postcard::to_stdvec(&hits).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<RuleHit>>(&bytes).unwrap(), hits);
    let json = serde_json::to_string(&hits).unwrap();
    assert_eq!(serde_json::from_str::<Vec<RuleHit>>(&json).unwrap(), hits);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let by = State::Rollout(Rollout { percent: Percent::new(5).unwrap(), by: "cord".to_owned() });
    let errors = compile(vec![
        rule("a", "event.chanel == 'x'", State::Draft),
        rule("b", "true", by),
        rule("a", "true", State::Active),
        rule("c", "true", State::Active),
    ])
    .unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "rule `a`: 1:1: there is no `event.chanel`: did you mean `event.channel`?",
            "rule `b`: it is rolled out by `cord`, which is not a declared entity: did you mean `card`?",
            "two rules have the id `a`",
        ]
    );
}

/// What comes of a rule in rollout for a card.
fn rolled(id: &str, percent: u8, card: Option<&str>) -> Outcome {
    let set = compile(vec![rule(id, "true", rollout(percent))]).unwrap();
    let event = Event { entities: vec![card.map(Into::into), None], ..event() };
    set.evaluate(&Facts::new(&event, &vector(), &()))[0].outcome
}

#[test]
fn a_rollout_reaches_a_stable_share() {
    assert_eq!(rolled("a", 99, None), Outcome::Snoozed);
    let cards: Vec<String> = (0..400).map(|card| format!("card_{card}")).collect();
    let reached = |id: &str, percent: u8| -> Vec<bool> {
        let set = compile(vec![rule(id, "true", rollout(percent))]).unwrap();
        let outcome = |card: &String| {
            let event = Event { entities: vec![Some(card.as_str().into()), None], ..event() };
            set.evaluate(&Facts::new(&event, &vector(), &()))[0].outcome == Outcome::Hit
        };
        cards.iter().map(outcome).collect()
    };
    let count = |reached: &[bool]| reached.iter().filter(|reached| **reached).count();
    let (ten, half) = (reached("a", 10), reached("a", 50));
    assert!((20..=60).contains(&count(&ten)) && (160..=240).contains(&count(&half)), "{} {}", count(&ten), count(&half));
    assert!(ten.iter().zip(&half).all(|(small, large)| !small || *large), "a card left as the share grew");
    assert_eq!(ten, reached("a", 10));
    assert_ne!(half, reached("b", 50), "two rules divide the cards alike");
}

#[test]
fn the_highest_action_wins_and_points_add_up() {
    let hit = |action: Option<Verdict>, points: i16, outcome: Outcome, shadow: bool| RuleHit {
        rule_id: RuleId::new("a").unwrap(),
        version: 1,
        outcome,
        shadow,
        action,
        score_modifier: Points::new(points).unwrap(),
        reason: None,
        evidence: Vec::new(),
    };
    let check =
        |hits: &[RuleHit], modifier: i32, verdict: Option<Verdict>| assert_eq!(effect(hits), Effect { modifier, verdict });
    use Verdict::{Approve, Challenge, Decline};
    let counts = |action: Option<Verdict>, points: i16| hit(action, points, Outcome::Hit, false);
    check(&[], 0, None);
    check(&[counts(None, 30)], 30, None);
    check(&[counts(Some(Approve), -100)], -100, Some(Approve));
    check(&[counts(Some(Decline), 1000), counts(Some(Approve), 900), counts(Some(Challenge), 0)], 1900, Some(Decline));
    check(&[counts(Some(Approve), 0), counts(Some(Decline), 0)], 0, Some(Decline));
    check(&[hit(Some(Decline), 500, Outcome::Hit, true), counts(Some(Approve), 1)], 1, Some(Approve));
    check(&[hit(Some(Decline), 500, Outcome::Snoozed, false)], 0, None);
    check(&[hit(Some(Decline), 500, Outcome::Error(Fault::Overflow), false)], 0, None);
}

#[test]
fn states_change_along_their_life() {
    let states = [State::Draft, State::Shadow, rollout(10), State::Active, State::Paused, State::Archived];
    let allowed = |from: &State| -> Vec<&'static str> {
        states.iter().filter(|to| from.clone().to((*to).clone()).is_ok()).map(State::name).collect()
    };
    assert_eq!(allowed(&State::Draft), ["shadow", "rollout", "active", "archived"]);
    assert_eq!(allowed(&State::Shadow), ["rollout", "active", "paused", "archived"]);
    assert_eq!(allowed(&rollout(20)), ["shadow", "rollout", "active", "paused", "archived"]);
    assert_eq!(allowed(&rollout(10)), ["shadow", "active", "paused", "archived"]);
    assert_eq!(allowed(&State::Active), ["shadow", "rollout", "paused", "archived"]);
    assert_eq!(allowed(&State::Paused), ["shadow", "rollout", "active", "archived"]);
    assert!(allowed(&State::Archived).is_empty());
    assert_eq!(State::Archived.to(State::Active).unwrap_err().to_string(), "a rule that is archived cannot become active");
}

#[test]
fn an_event_of_another_schema_is_missing_all() {
    let set = compile(vec![rule(
        "a",
        "event.items == 3 || card_tx_count_1h > 0.0 || entity.card == 'tok_1' || event.vpn",
        State::Active,
    )])
    .unwrap();
    let bare = Event { entities: Vec::new(), attributes: Vec::new(), ..event() };
    assert!(set.evaluate(&Facts::new(&bare, &[], &())).is_empty());
}
