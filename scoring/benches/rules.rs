//! What fifty rules cost for one event: two to four comparisons each, a third of them with text. `cargo bench -p scoring`.

use std::hint::black_box;

use divan::Bencher;
use features::Plan;
use features::definition::{self, DefinitionFile, StateLimits};
use ingest::{Amount, Currency, Duration, Event, EventId, Schema, Timestamp, Value};
use scoring::rules::{Facts, ListId, Lists, Names, Rule, RuleSet};
use serde::Deserialize;

fn main() {
    divan::main();
}

const SCHEMA: &str = r#"
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [entities]
    card = {}
    [attributes]
    card_present = { type = "flag" }
    channel = { type = "text" }
    country = { type = "text" }
    mcc = { type = "text" }
"#;

/// Ten conditions; none holds for the event below.
const CONDITIONS: [&str; 10] = [
    "card_count_1h > 5.0 && card_count_1d > 20.0",
    "event.amount_minor > 100000 && event.channel == 'ecom' && card_count_1h >= 3.0",
    "card_amount_1d > 10000000.0 || card_count_7d > 500.0",
    "event.mcc in ['6051', '7995', '4829'] && event.amount_minor >= 20000 && !event.card_present",
    "score >= 600 && event.country != 'DE' && event.amount_minor > 5000",
    "event.country == 'US' && event.currency == 'USD' && card_count_1h > 1.0",
    "card_mean_7d > 0.0 && event.amount_minor > 10.0 * card_mean_7d",
    "event.channel == 'moto' || event.channel == 'pos' && !event.card_present",
    "card_distinct_1d >= 4.0 && card_count_1d >= 8.0 && event.time.getHours() < 6",
    "entity.card in lists.stolen_cards && event.amount_minor > 0",
];

struct OneCard;

impl Lists for OneCard {
    fn contains(&self, _list: ListId, value: &str) -> bool {
        value == "stolen"
    }
}

#[derive(Deserialize)]
struct Features {
    features: Vec<DefinitionFile>,
}

fn plan(schema: &Schema) -> Plan {
    let text = r#"features = [
        { name = "card_count_{window}", kind = "count", entity = "card", windows = ["1h", "1d", "7d"] },
        { name = "card_amount_{window}", kind = "sum", of = "amount_minor", entity = "card", windows = ["1d"] },
        { name = "card_mean_{window}", kind = "mean", of = "amount_minor", entity = "card", windows = ["7d"] },
        { name = "card_distinct_{window}", kind = "distinct", of = "country", entity = "card", windows = ["1d"] },
    ]"#;
    let file: Features = toml::from_str(text).expect("the features above");
    let definitions = definition::check(file.features, schema).expect("the features above");
    Plan::new(definitions, &StateLimits::default(), schema, Duration::ZERO).expect("they fit")
}

fn rules(count: usize, conditions: &[&str]) -> RuleSet {
    let schema: Schema = toml::from_str(SCHEMA).expect("the schema above");
    let plan = plan(&schema);
    let lists = ["stolen_cards".to_owned()];
    let rule = |number: usize| -> Rule {
        let json = serde_json::json!({
            "id": format!("r_{number}"), "name": "a rule", "when": conditions[number % conditions.len()],
            "action": "review", "state": "active", "author": "ada",
        });
        serde_json::from_value(json).expect("a rule")
    };
    RuleSet::compile((0..count).map(rule).collect(), &Names::new(&schema, &plan, &lists)).expect("the conditions above")
}

fn event() -> Event {
    let text = |text: &str| Some(Value::Text(text.into()));
    Event {
        event_id: EventId::new("txn_1").expect("short"),
        occurred_at: Timestamp::from_micros(1_777_000_000_000_000),
        amount: Amount::new(4_250, Currency::new("EUR").expect("a code")),
        entities: vec![Some("tok_8f3a".into())],
        attributes: vec![Some(Value::Flag(true)), text("ecom"), text("DE"), text("5411")],
        supersedes: None,
    }
}

const VECTOR: [f64; 6] = [3.0, 9.0, 31.0, 41_000.0, 3_900.0, 1.0];

#[divan::bench]
fn fifty_rules_of_which_none_holds(bencher: Bencher) {
    let (set, event) = (rules(50, &CONDITIONS), event());
    bencher.bench(|| {
        let facts = Facts::new(black_box(&event), black_box(&VECTOR), &OneCard).scored(Some(640), Some(0.25));
        let hits = set.evaluate(&facts);
        assert!(hits.is_empty());
        hits
    });
}

#[divan::bench(args = CONDITIONS)]
fn fifty_times(bencher: Bencher, condition: &str) {
    let (set, event) = (rules(50, &[condition]), event());
    bencher.bench(|| set.evaluate(&Facts::new(black_box(&event), black_box(&VECTOR), &OneCard).scored(Some(640), Some(0.25))));
}

#[divan::bench]
fn fifty_rules_of_which_five_hold(bencher: Bencher) {
    let mut conditions = CONDITIONS;
    conditions[0] = "card_count_1h >= 3.0 && card_count_1d < 20.0 && event.channel == 'ecom'";
    let (set, event) = (rules(50, &conditions), event());
    bencher.bench(|| {
        let hits = set.evaluate(&Facts::new(black_box(&event), black_box(&VECTOR), &OneCard).scored(Some(640), Some(0.25)));
        assert_eq!(hits.len(), 5);
        hits
    });
}

#[divan::bench]
fn compiling_one_rule(bencher: Bencher) {
    bencher.bench(|| rules(1, &CONDITIONS));
}
