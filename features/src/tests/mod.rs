//! The engine against an oracle that keeps every event and looks at all of them, on streams with ties, late events and labels
//! that come early, late, twice or never; and what it does when a key is hot, idle, or memory is full.

mod limits;
mod oracle;
mod plain;
mod snapshots;

use std::cell::RefCell;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Amount, Currency, Duration, Event, EventId, Label, LabelSource, Outcome, Schema, Timestamp, Value};
use proptest::prelude::*;

use crate::definition::{self, DefinitionFile, StateFile};
use crate::{Engine, Placement, Plan};
use oracle::Oracle;

pub(crate) const SCHEMA: &str = r#"
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
    latitude = { type = "number", required = false }
    longitude = { type = "number", required = false }
"#;

/// Every family, over windows of every kind.
pub(crate) const FEATURES: &str = r#"
    features = [
        { name = "amount", kind = "value", of = "amount_minor" },
        { name = "weekend", kind = "weekend", time_zone = "Europe/Berlin" },
        { name = "night", kind = "night", time_zone = "Europe/Berlin" },
        { name = "customer_tx_count_{window}", kind = "count", entity = "customer", windows = ["10s", "60s", "lifetime"] },
        { name = "customer_tx_count_{window}", kind = "count", entity = "customer", windows = ["local_day"], time_zone = "Europe/Berlin" },
        { name = "customer_tx_count_before_{window}", kind = "count", entity = "customer", windows = ["10s"], exclude_current = true },
        { name = "customer_ecom_count_{window}", kind = "count", entity = "customer", windows = ["30s", "lifetime"], where = { channel = "ecom" } },
        { name = "customer_large_sum_{window}", kind = "sum", of = "items", entity = "customer", windows = ["40s"], where = { amount_minor = { at_least = 2000 }, channel = { not = ["pos"] } } },
        { name = "customer_amount_mean_{window}", kind = "mean", of = "amount_minor", entity = "customer", windows = ["10s", "60s"] },
        { name = "customer_items_mean_{window}", kind = "mean", of = "items", entity = "customer", windows = ["10s", "lifetime"] },
        { name = "customer_items_before_{window}", kind = "sum", of = "items", entity = "customer", windows = ["30s"], exclude_current = true },
        { name = "customer_amount_std_{window}", kind = "std", of = "amount_minor", entity = "customer", windows = ["60s", "lifetime"] },
        { name = "customer_items_variance_{window}", kind = "variance", of = "items", entity = "customer", windows = ["40s"], delay = "5s" },
        { name = "customer_amount_z_score_{window}", kind = "z_score", of = "amount_minor", entity = "customer", windows = ["50s"] },
        { name = "customer_amount_min_{window}", kind = "min", of = "amount_minor", entity = "customer", windows = ["10s", "50s", "lifetime"] },
        { name = "customer_amount_max_{window}", kind = "max", of = "amount_minor", entity = "customer", windows = ["20s"], exclude_current = true },
        { name = "customer_weight_max_{window}", kind = "max", of = "weight", entity = "customer", windows = ["30s"], delay = "7s" },
        { name = "customer_weight_min_{window}", kind = "min", of = "weight", entity = "customer", windows = ["local_day"], time_zone = "Europe/Berlin" },
        { name = "customer_weight_last_{window}", kind = "last", of = "weight", entity = "customer", windows = ["30s"] },
        { name = "customer_amount_previous_{window}", kind = "previous", of = "amount_minor", entity = "customer", windows = ["20s", "lifetime"] },
        { name = "customer_since_last_{window}", kind = "time_since_last", entity = "customer", windows = ["60s", "lifetime"] },
        { name = "customer_since_ecom_{window}", kind = "time_since_last", entity = "customer", windows = ["lifetime"], where = { channel = "ecom" } },
        { name = "customer_terminals_{window}", kind = "distinct", of = "terminal", entity = "customer", windows = ["20s", "60s", "lifetime"] },
        { name = "customer_channels_before_{window}", kind = "distinct", of = "channel", entity = "customer", windows = ["40s"], exclude_current = true },
        { name = "customer_new_terminal_{window}", kind = "first_seen", of = "terminal", entity = "customer", windows = ["30s", "lifetime"] },
        { name = "customer_channel_top_share_{window}", kind = "top_share", of = "channel", entity = "customer", windows = ["40s"] },
        { name = "customer_terminal_entropy_{window}", kind = "entropy", of = "terminal", entity = "customer", windows = ["40s", "60s"], delay = "3s" },
        { name = "customer_amount_median_{window}", kind = "quantile", quantile = 0.5, of = "amount_minor", entity = "customer", windows = ["40s"] },
        { name = "customer_weight_p90_{window}", kind = "quantile", quantile = 0.9, of = "weight", entity = "customer", windows = ["60s"], exclude_current = true },
        { name = "customer_decayed_count_{window}", kind = "decayed_count", entity = "customer", half_lives = ["10s", "1m"] },
        { name = "customer_decayed_items_{window}", kind = "decayed_sum", of = "items", entity = "customer", half_lives = ["20s"], delay = "4s" },
        { name = "customer_speed_{window}", kind = "speed", latitude = "latitude", longitude = "longitude", entity = "customer", windows = ["lifetime"] },
        { name = "pair_tx_count_{window}", kind = "count", entity = ["terminal", "customer"], windows = ["60s"] },
        { name = "pair_amount_mean_{window}", kind = "mean", of = "amount_minor", entity = ["customer", "terminal"], windows = ["60s"], exclude_current = true },
        { name = "terminal_fraud_rate_{window}", kind = "label_rate", entity = "terminal", windows = ["20s", "50s"], delay = "15s" },
        { name = "terminal_ecom_frauds_{window}", kind = "label_count", entity = "terminal", windows = ["60s"], where = { channel = "ecom" } },
        { name = "terminal_tx_count_{window}", kind = "count", entity = "terminal", windows = ["20s"], delay = "15s" },
        { name = "amount_to_mean", kind = "ratio", numerator = "amount", denominator = "customer_amount_mean_60s" },
    ]
"#;

#[derive(serde::Deserialize)]
struct File {
    features: Vec<DefinitionFile>,
    #[serde(default)]
    state: StateFile,
}

pub(crate) fn schema() -> Schema {
    toml::from_str(SCHEMA).expect("the schema above")
}

pub(crate) fn plan(features: &str, lateness: Duration) -> Result<Plan, String> {
    let schema = schema();
    let file: File = toml::from_str(features).map_err(|error| error.to_string())?;
    let definitions = definition::check(file.features, &schema).map_err(|error| error.to_string())?;
    let limits = file.state.check(&schema).map_err(|error| error.to_string())?;
    Plan::new(definitions, &limits, &schema, lateness).map_err(|error| error.to_string())
}

/// An event with its other parts made from its amount, so that they repeat, and lack in some.
pub(crate) fn event(id: usize, second: i64, customer: u8, terminal: Option<u8>, minor: i64) -> Event {
    let number = |number: f64| Some(Value::Number(number));
    let channel = ["ecom", "pos", "moto"][minor as usize % 3];
    let located = minor % 4 != 0;
    Event {
        event_id: EventId::new(&format!("e{id}")).expect("short"),
        occurred_at: Timestamp::from_micros(second * 1_000_000),
        amount: Amount::new(minor, Currency::new("EUR").expect("a code")),
        entities: vec![Some(format!("c{customer}").into()), terminal.map(|number| format!("t{number}").into())],
        supersedes: None,
        attributes: vec![
            (minor % 5 != 0).then(|| Value::Text(channel.into())),
            (minor % 3 != 1).then_some(Value::Integer(minor % 7 - 3)),
            number((minor % 90) as f64).filter(|_| located),
            number((minor % 170) as f64 - 80.5).filter(|_| located),
            number((minor % 11) as f64 / 8.0 - 0.5).filter(|_| minor % 6 != 0),
        ],
    }
}

pub(crate) fn label(event: &Event, bad: bool) -> Label {
    Label {
        event_id: event.event_id.clone(),
        label: if bad { Outcome::Fraud } else { Outcome::Legit },
        source: LabelSource::Chargeback,
        category: None,
        observed_at: event.occurred_at,
        amount_minor: None,
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Event { forward: i64, back: i64, customer: u8, terminal: Option<u8>, minor: i64 },
    Label { event: usize, bad: bool },
}

fn step() -> impl Strategy<Value = Step> {
    // Now and then the clock jumps by an hour: over a midnight, or over the night in which the clocks change.
    let forward = prop_oneof![30 => 0i64..6, 1 => Just(3_600i64)];
    let back = prop_oneof![8 => Just(0i64), 2 => 1i64..40];
    let event = (forward, back, 0u8..3, prop::option::weighted(0.9, 0u8..3), 0i64..5_000)
        .prop_map(|(forward, back, customer, terminal, minor)| Step::Event { forward, back, customer, terminal, minor });
    prop_oneof![4 => event, 1 => (0usize..220, any::<bool>()).prop_map(|(event, bad)| Step::Label { event, bad })]
}

/// A few hours before the clocks of Berlin go forward, on a Saturday night.
const START: i64 = 1_521_930_000;

/// Runs steps; `check` is told of each event with its position.
pub(crate) fn run(steps: &[Step], mut apply: impl FnMut(&Event, Position), mut learn: impl FnMut(&Label, bool)) {
    let (mut now, mut count) = (START, 0);
    // `learn` is the second closure, so it is told whether the event was there.
    for step in steps {
        match *step {
            Step::Event { forward, back, customer, terminal, minor } => {
                now += forward;
                apply(&event(count, now - back, customer, terminal, minor), Position(count as u64));
                count += 1;
            }
            Step::Label { event: id, bad } => learn(&label(&event(id, 0, 0, None, 0), bad), id < count),
        }
    }
}

/// Teaches an engine a label of an event that came before it, or not yet.
fn learn(engine: &RefCell<Engine>, label: &Label, known: bool) {
    let mut engine = engine.borrow_mut();
    if known {
        engine.learn(label);
    } else {
        engine.learn_early(label);
    }
}

#[test]
fn features_of_one_window_share_what_is_read() {
    let check = |features: &str, reads: usize| {
        let plan = plan(&format!("features = [{features}]"), Duration::ZERO).unwrap();
        assert_eq!(plan.reads.len(), reads, "{features}");
    };
    let count = r#"{ name = "count", kind = "count", entity = "customer", windows = ["1h"] },"#;
    let mean = r#"{ name = "mean", kind = "mean", of = "amount_minor", entity = "customer", windows = ["1h"] },"#;
    let std = r#"{ name = "std", kind = "std", of = "amount_minor", entity = "customer", windows = ["1h"] },"#;
    check(&format!("{count}{mean}{std}"), 1);
    check(&format!("{std}{count}"), 1);
    // Another window, another sum, another entity, without the event itself, or of values that may be missing.
    for other in [
        r#"{ name = "other", kind = "mean", of = "amount_minor", entity = "customer", windows = ["2h"] }"#,
        r#"{ name = "other", kind = "mean", of = "amount_minor", entity = "terminal", windows = ["1h"] }"#,
        r#"{ name = "other", kind = "mean", of = "amount_minor", entity = "customer", windows = ["1h"], exclude_current = true }"#,
        r#"{ name = "other", kind = "mean", of = "items", entity = "customer", windows = ["1h"] }"#,
        r#"{ name = "other", kind = "mean", of = "amount_minor", entity = "customer", windows = ["1h"], where = { channel = "pos" } }"#,
    ] {
        check(&format!("{count}{mean}{other}"), 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn engine_equals_oracle(steps in prop::collection::vec(step(), 1..200), lateness in 0i64..30) {
        let plan = Arc::new(plan(FEATURES, Duration::seconds(lateness)).expect("the features above"));
        let engine = RefCell::new(Engine::new(Arc::clone(&plan)));
        let oracle = RefCell::new(Oracle::new(Arc::clone(&plan)));
        let mut vector = Vec::new();
        let mut wrong = None;
        run(&steps, |event, position| {
            let outcome = engine.borrow_mut().apply(event, position, &mut vector);
            assert_eq!((outcome.coarse, outcome.refused), (0, 0));
            let expect = oracle.borrow_mut().apply(event);
            for ((definition, found), expect) in plan.definitions().iter().zip(&vector).zip(expect) {
                if !oracle::agree(&definition.kind, *found, expect) && wrong.is_none() {
                    wrong = Some(format!("{} of {position:?}: {found}, expected {expect}", definition.name));
                }
            }
        }, |label, known| {
            learn(&engine, label, known);
            oracle.borrow_mut().learn(label);
        });
        prop_assert_eq!(wrong, None);
    }
}

#[test]
fn placements() {
    let plan = plan(FEATURES, Duration::seconds(10)).expect("the features above");
    let mut engine = Engine::new(Arc::new(plan));
    let mut vector = Vec::new();
    let mut check = |id: usize, second: i64, customer: u8, expect: Placement| {
        let outcome = engine.apply(&event(id, second, customer, None, 1), Position(id as u64), &mut vector);
        assert_eq!(outcome.placement, expect, "event {id}");
    };
    check(0, 100, 0, Placement::InOrder);
    check(1, 100, 0, Placement::InOrder);
    check(2, 95, 0, Placement::Late);
    check(3, 95, 1, Placement::InOrder);
    check(4, 89, 1, Placement::TooLate);
    let keys = |usage: &crate::Usage| (usage.what.clone(), usage.keys);
    let expect = [("customer", 2), ("customer+terminal", 0), ("terminal", 0), ("labels", 4)];
    assert_eq!(engine.usage().iter().map(keys).collect::<Vec<_>>(), expect.map(|(what, keys)| (what.to_owned(), keys)));
}

proptest! {
    /// Rows that come again, at once or later, change nothing, and are counted.
    #[test]
    fn duplicates_are_harmless(
        steps in prop::collection::vec(step(), 1..80),
        again in prop::collection::vec((0usize..80, 0usize..80), 0..30),
    ) {
        let plan = Arc::new(plan(FEATURES, Duration::seconds(20)).expect("the features above"));
        let mut rows = Vec::new();
        run(&steps, |event, _| rows.push(event.clone()), |_, _| {});
        let mut repeated: Vec<Event> = rows.clone();
        for (which, place) in again.iter().filter(|(which, _)| *which < rows.len()) {
            // Never before the first time that it comes.
            let first = repeated.iter().position(|event| event.event_id == rows[*which].event_id).expect("it is there");
            let place = (first + 1 + place).min(repeated.len());
            repeated.insert(place, rows[*which].clone());
        }
        let vectors = |rows: &[Event]| {
            let mut replay = crate::Replay::new(Arc::clone(&plan), Duration::seconds(7));
            let mut bits: Vec<u64> = Vec::new();
            for event in rows {
                let label = (event.amount.expect("each has one").minor() % 9 == 0).then_some(Outcome::Fraud);
                let historical = ingest::decode::Historical { event: event.clone(), label };
                replay.next(historical, |vector| bits.extend(vector.values.iter().map(|value| value.to_bits())));
            }
            (bits, replay.counts())
        };
        let ((expect, before), (found, after)) = (vectors(&rows), vectors(&repeated));
        prop_assert_eq!(found, expect);
        prop_assert_eq!(after.duplicates as usize, repeated.len() - rows.len());
        prop_assert_eq!(crate::replay::Counts { duplicates: 0, ..after }, before);
    }
}
