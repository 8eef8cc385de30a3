//! The engine against an oracle that keeps every event and looks at all of them, on streams with ties, late events and labels
//! that come early, late, twice or never.

use std::sync::Arc;

use ingest::log::Position;
use ingest::{Amount, Currency, Duration, Event, EventId, Label, LabelSource, Outcome, Schema, Timestamp};
use proptest::prelude::*;

use crate::definition::{self, Aggregate, DefinitionFile, Kind, Window};
use crate::{Engine, Placement, Plan};

const SCHEMA: &str = r#"
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [entities]
    customer = {}
    terminal = { required = false }
    [attributes]
    items = { type = "integer", required = false }
    weight = { type = "number", required = false }
    channel = { type = "text", required = false }
"#;

const FEATURES: &str = r#"
    [[features]]
    name = "amount"
    kind = "value"
    of = "amount_minor"
    [[features]]
    name = "customer_tx_count_{window}"
    kind = "count"
    entity = "customer"
    windows = ["10s", "60s"]
    [[features]]
    name = "customer_amount_mean_{window}"
    kind = "mean"
    of = "amount_minor"
    entity = "customer"
    windows = ["10s", "60s"]
    [[features]]
    name = "customer_items_before_{window}"
    kind = "sum"
    of = "items"
    entity = "customer"
    windows = ["30s"]
    exclude_current = true
    [[features]]
    name = "terminal_fraud_rate_{window}"
    kind = "label_rate"
    entity = "terminal"
    windows = ["20s", "50s"]
    delay = "15s"
    [[features]]
    name = "terminal_tx_count_{window}"
    kind = "count"
    entity = "terminal"
    windows = ["20s"]
    delay = "15s"
    [[features]]
    name = "amount_to_mean"
    kind = "ratio"
    numerator = "amount"
    denominator = "customer_amount_mean_60s"
"#;

#[derive(serde::Deserialize)]
struct File {
    features: Vec<DefinitionFile>,
}

fn schema() -> Schema {
    toml::from_str(SCHEMA).expect("the schema above")
}

fn plan(features: &str, lateness: Duration) -> Result<Plan, String> {
    let schema = schema();
    let file: File = toml::from_str(features).map_err(|error| error.to_string())?;
    let definitions = definition::check(file.features, &schema).map_err(|error| error.to_string())?;
    Ok(Plan::new(definitions, &schema, lateness))
}

fn event(id: usize, second: i64, customer: u8, terminal: Option<u8>, minor: i64) -> Event {
    Event {
        event_id: EventId::new(&format!("e{id}")).expect("short"),
        occurred_at: Timestamp::from_micros(second * 1_000_000),
        amount: Amount::new(minor, Currency::new("EUR").expect("a code")),
        entities: vec![Some(format!("c{customer}").into()), terminal.map(|number| format!("t{number}").into())],
        attributes: vec![None, Some(ingest::Value::Integer(minor % 7)), None],
    }
}

fn label(event: &Event, bad: bool) -> Label {
    Label {
        event_id: event.event_id.clone(),
        label: if bad { Outcome::Fraud } else { Outcome::Legit },
        source: LabelSource::Chargeback,
        category: None,
        observed_at: event.occurred_at,
        amount_minor: None,
    }
}

/// Every event that entered the history, and what is known of it.
struct Oracle {
    plan: Plan,
    history: Vec<(Event, bool)>,
    early: Vec<(EventId, bool)>,
    watermark: Timestamp,
}

impl Oracle {
    fn apply(&mut self, event: &Event) -> Vec<f64> {
        let bad = self.early.iter().rev().find(|(id, _)| *id == event.event_id).is_some_and(|(_, bad)| *bad);
        let too_late = event.occurred_at < self.watermark - self.plan.allowed_lateness;
        self.watermark = self.watermark.max(event.occurred_at);
        let mut visible = std::mem::take(&mut self.history);
        visible.push((event.clone(), bad));
        let mut vector: Vec<f64> = Vec::new();
        for definition in self.plan.definitions() {
            vector.push(match definition.kind {
                Kind::Value(source) => source.number(event),
                Kind::Ratio { denominator, .. } if vector[denominator] == 0.0 || vector[denominator].is_nan() => f64::NAN,
                Kind::Ratio { numerator, denominator } => vector[numerator] / vector[denominator],
                Kind::Windowed(_) if too_late => f64::NAN,
                Kind::Windowed(window) => windowed(window, definition.default, &visible, event),
                Kind::Weekend | Kind::Night => unreachable!("not in FEATURES"),
            });
        }
        if too_late {
            visible.pop();
        }
        self.history = visible;
        vector
    }

    fn learn(&mut self, label: &Label) {
        match self.history.iter_mut().find(|(event, _)| event.event_id == label.event_id) {
            Some((_, bad)) => *bad = label.label.is_bad(),
            None => self.early.push((label.event_id.clone(), label.label.is_bad())), // or too late, and then nobody asks for it
        }
    }
}

fn windowed(window: Window, default: f64, visible: &[(Event, bool)], event: &Event) -> f64 {
    let Some(key) = &event.entities[window.entity] else { return default };
    let until = event.occurred_at - window.delay;
    let after = until - window.length;
    let inside: Vec<&(Event, bool)> = visible
        .iter()
        .filter(|(each, _)| each.entities[window.entity].as_ref() == Some(key))
        .filter(|(each, _)| each.occurred_at > after && each.occurred_at <= until)
        .filter(|(each, _)| !(window.exclude_current && each.event_id == event.event_id))
        .collect();
    let count = inside.len() as f64;
    let sum = |source: definition::Source| inside.iter().map(|(each, _)| source.whole(each)).sum::<i64>() as f64;
    match window.aggregate {
        Aggregate::Count => count,
        Aggregate::Sum(source) => sum(source),
        Aggregate::Mean(_) | Aggregate::LabelRate if inside.is_empty() => default,
        Aggregate::Mean(source) => sum(source) / count,
        Aggregate::LabelRate => inside.iter().filter(|(_, bad)| *bad).count() as f64 / count,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Event { forward: i64, back: i64, customer: u8, terminal: Option<u8>, minor: i64 },
    Label { event: usize, bad: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let back = prop_oneof![8 => Just(0i64), 2 => 1i64..40];
    let event = (0i64..6, back, 0u8..3, prop::option::weighted(0.9, 0u8..3), 0i64..5_000)
        .prop_map(|(forward, back, customer, terminal, minor)| Step::Event { forward, back, customer, terminal, minor });
    prop_oneof![4 => event, 1 => (0usize..220, any::<bool>()).prop_map(|(event, bad)| Step::Label { event, bad })]
}

proptest! {
    #[test]
    fn engine_equals_oracle(steps in prop::collection::vec(step(), 1..200), lateness in 0i64..30) {
        let plan = plan(FEATURES, Duration::seconds(lateness)).expect("the features above");
        let mut engine = Engine::new(Arc::new(plan.clone()));
        let mut oracle = Oracle { plan, history: Vec::new(), early: Vec::new(), watermark: Timestamp::MIN };
        let (mut now, mut count, mut vector) = (1_000, 0, Vec::new());
        for step in steps {
            match step {
                Step::Event { forward, back, customer, terminal, minor } => {
                    now += forward;
                    let event = event(count, now - back, customer, terminal, minor);
                    engine.apply(&event, Position(count as u64), &mut vector);
                    let expect = oracle.apply(&event);
                    let bits = |vector: &[f64]| vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    prop_assert_eq!(bits(&vector), bits(&expect), "event {} gave {:?}, expected {:?}", count, vector, expect);
                    count += 1;
                }
                Step::Label { event: id, bad } => {
                    let label = label(&event(id, 0, 0, None, 0), bad);
                    if id < count { engine.learn(&label) } else { engine.learn_early(&label) }
                    oracle.learn(&label);
                }
            }
        }
    }
}

#[test]
fn placements() {
    let mut engine = Engine::new(Arc::new(plan(FEATURES, Duration::seconds(10)).expect("the features above")));
    let mut vector = Vec::new();
    let mut check = |id: usize, second: i64, customer: u8, expect: Placement| {
        assert_eq!(engine.apply(&event(id, second, customer, None, 1), Position(id as u64), &mut vector), expect, "event {id}");
    };
    check(0, 100, 0, Placement::InOrder);
    check(1, 100, 0, Placement::InOrder);
    check(2, 95, 0, Placement::Late);
    check(3, 95, 1, Placement::InOrder);
    check(4, 89, 1, Placement::TooLate);
    assert_eq!(engine.usage().iter().map(|usage| (usage.keys, usage.rows)).collect::<Vec<_>>(), [(2, 4), (0, 0)]);
}

#[test]
fn wrong_definitions_say_what_is_wrong() {
    let check = |table: &str, expect: &str| {
        let error = plan(&format!("[[features]]\n{table}"), Duration::ZERO).expect_err(table);
        assert!(error.contains(expect), "{table}\n  said: {error}\n  not:  {expect}");
    };
    check("name = \"a\"\nkind = \"count\"\nentity = \"customer\"\nwindows = [\"0s\"]", "a window of 0s holds nothing");
    check(
        "name = \"a\"\nkind = \"count\"\nentity = \"card\"\nwindows = [\"1s\"]",
        "entity `card` is not declared (there are: customer, terminal)",
    );
    check("name = \"a\"\nkind = \"count\"\nwindows = [\"1s\"]", "needs an `entity`");
    check("name = \"a\"\nkind = \"count\"\nentity = \"customer\"", "needs `windows`");
    check("name = \"a\"\nkind = \"count\"\nentity = \"customer\"\nwindows = [\"1s\", \"2s\"]", "put {window} into its name");
    check("name = \"a\"\nkind = \"sum\"\nentity = \"customer\"\nwindows = [\"1s\"]\nof = \"weight\"", "`weight` is number");
    check("name = \"a\"\nkind = \"value\"\nof = \"channel\"", "`channel` is text");
    check("name = \"a\"\nkind = \"value\"\nof = \"size\"", "field `size` is not declared");
    check("name = \"a\"\nkind = \"value\"\nof = \"weight\"\nwindows = [\"1s\"]", "no use for `windows`");
    check(
        "name = \"a\"\nkind = \"ratio\"\nnumerator = \"a\"\ndenominator = \"a\"",
        "`a` is not a feature that is declared above",
    );
    check("name = \"a\"\nkind = \"night\"\n[[features]]\nname = \"a\"\nkind = \"weekend\"", "two features have the name `a`");
    check("name = \"a\"\nkind = \"median\"", "unknown variant `median`");
    check("name = \"a\"\nkind = \"night\"\nwindow = \"1s\"", "unknown field `window`");
    check("name = \"a\"\nkind = \"count\"\nentity = \"customer\"\nwindows = [\"1 hour\"]", "`1 hour` is not a length of time");
}

#[test]
fn version_follows_the_meaning() {
    let version = |features: &str| plan(features, Duration::ZERO).expect(features).version().to_owned();
    let night = "[[features]]\nname = \"a\"\nkind = \"night\"";
    assert_eq!(version(night), version(&format!("# a comment\n{night}")));
    assert_ne!(version(night), version("[[features]]\nname = \"a\"\nkind = \"weekend\""));
    assert_ne!(version(FEATURES), version(&FEATURES.replace("\"15s\"", "\"16s\"")));
}
