//! What an event costs: the Handbook's twelve window features over simulated payments with string keys, the same with windows of
//! an hour, a month and a year, and every family at once. `cargo bench -p features`.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use features::definition::{self, DefinitionFile, StateLimits};
use features::{Engine, Plan};
use ingest::log::Position;
use ingest::simulator::{Settings, Simulator};
use ingest::{Amount, Currency, Duration, Event, EventId, Schema};
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
    customer = {}
    terminal = {}
"#;

#[derive(Deserialize)]
struct File {
    features: Vec<DefinitionFile>,
}

fn plan(features: &str) -> Arc<Plan> {
    let schema: Schema = toml::from_str(SCHEMA).expect("the schema above");
    let file: File = toml::from_str(&format!("features = [{features}]")).expect("the features below");
    let definitions = definition::check(file.features, &schema).expect("the features below");
    Arc::new(Plan::new(definitions, &StateLimits::default(), &schema, Duration::seconds(3_600)).expect("they fit"))
}

/// Payments of simulated customers, a year of them where `days` says so.
fn payments(customers: u32, days: u32) -> Vec<Event> {
    let settings = Settings { customers, terminals: 2 * customers, days: Some(days), ..Settings::default() };
    let currency = Currency::new("EUR").expect("a code");
    let event = |payment: ingest::simulator::Transaction| Event {
        event_id: EventId::new(&format!("{}", payment.transaction_id)).expect("short"),
        occurred_at: payment.occurred_at,
        amount: Amount::new(payment.amount_minor, currency),
        entities: vec![Some(format!("{}", payment.customer_id).into()), Some(format!("{}", payment.terminal_id).into())],
        attributes: Vec::new(),
        supersedes: None,
    };
    Simulator::new(settings).expect("they can be simulated").flatten().map(event).collect()
}

/// How many events are applied in one sample. They are copied just before, as an event that comes through the door is warm.
const CHUNK: usize = 512;

/// Goes through the second half of a stream, chunk by chunk, with an engine that has seen the first.
fn run(bencher: Bencher<'_, '_>, features: &str, events: &[Event]) {
    let (warm, timed) = events.split_at(events.len() / 2);
    let mut engine = Engine::new(plan(features));
    let mut vector = Vec::new();
    for (position, event) in warm.iter().enumerate() {
        engine.apply(event, Position(position as u64), &mut vector);
    }
    let mut position = warm.len() as u64;
    let mut chunks = timed.chunks_exact(CHUNK);
    let next = || chunks.next().expect("there are more than samples").to_vec();
    bencher.counter(ItemsCount::new(CHUNK)).with_inputs(next).bench_local_values(|events| {
        let numbered = events.iter().zip(position..).map(|(event, position)| (event, Position(position)));
        engine.apply_all(numbered, |_, outcome, vector| {
            black_box((outcome, vector));
        });
        position += CHUNK as u64;
        events
    });
}

const HANDBOOK: &str = r#"
    { name = "amount_minor", kind = "value", of = "amount_minor" },
    { name = "customer_tx_count_{window}", kind = "count", entity = "customer", windows = ["1d", "7d", "30d"] },
    { name = "customer_amount_mean_{window}", kind = "mean", of = "amount_minor", entity = "customer", windows = ["1d", "7d", "30d"] },
    { name = "terminal_tx_count_{window}", kind = "count", entity = "terminal", windows = ["1d", "7d", "30d"], delay = "7d" },
    { name = "terminal_fraud_rate_{window}", kind = "label_rate", entity = "terminal", windows = ["1d", "7d", "30d"], delay = "7d" },
"#;

const FAMILIES: &str = r#"
    { name = "count_{window}", kind = "count", entity = "customer", windows = ["1d", "30d", "lifetime"] },
    { name = "today_{window}", kind = "count", entity = "customer", windows = ["local_day"], time_zone = "Europe/Berlin" },
    { name = "large_{window}", kind = "count", entity = "customer", windows = ["7d"], where = { amount_minor = { at_least = 10000 } } },
    { name = "z_{window}", kind = "z_score", of = "amount_minor", entity = "customer", windows = ["30d"] },
    { name = "min_{window}", kind = "min", of = "amount_minor", entity = "customer", windows = ["7d"] },
    { name = "max_{window}", kind = "max", of = "amount_minor", entity = "customer", windows = ["7d", "30d"] },
    { name = "previous_{window}", kind = "previous", of = "amount_minor", entity = "customer", windows = ["30d"] },
    { name = "since_{window}", kind = "time_since_last", entity = "customer", windows = ["lifetime"] },
    { name = "terminals_{window}", kind = "distinct", of = "terminal", entity = "customer", windows = ["1d", "30d"] },
    { name = "new_terminal_{window}", kind = "first_seen", of = "terminal", entity = "customer", windows = ["lifetime"] },
    { name = "top_terminal_{window}", kind = "top_share", of = "terminal", entity = "customer", windows = ["30d"] },
    { name = "entropy_{window}", kind = "entropy", of = "terminal", entity = "customer", windows = ["30d"] },
    { name = "median_{window}", kind = "quantile", quantile = 0.5, of = "amount_minor", entity = "customer", windows = ["30d"] },
    { name = "decayed_{window}", kind = "decayed_sum", of = "amount_minor", entity = "customer", half_lives = ["1d"] },
    { name = "pair_{window}", kind = "count", entity = ["customer", "terminal"], windows = ["30d"] },
    { name = "fraud_rate_{window}", kind = "label_rate", entity = "terminal", windows = ["30d"], delay = "7d" },
"#;

#[divan::bench(sample_count = 500, sample_size = 1)]
fn handbook_12(bencher: Bencher<'_, '_>) {
    run(bencher, HANDBOOK, &payments(5_000, 100));
}

/// The least that could be done for the same numbers, as a floor for this machine at this moment: two maps by text and growing lists,
/// in which nothing is late, labelled later, forgotten or accounted for.
#[divan::bench(sample_count = 500, sample_size = 1)]
fn handbook_12_floor(bencher: Bencher<'_, '_>) {
    #[derive(Default)]
    struct History {
        times: Vec<i64>,
        amounts: Vec<i64>,
        cursors: [(usize, i64); 4],
    }
    impl History {
        fn apply(&mut self, now: i64, amount: i64, edges: [i64; 4], numbers: &mut [f64]) {
            self.times.push(now);
            self.amounts.push(amount);
            for ((next, sum), edge) in self.cursors.iter_mut().zip(edges) {
                while self.times.get(*next).is_some_and(|time| *time <= now - edge) {
                    *sum += self.amounts[*next];
                    *next += 1;
                }
            }
            let (near, near_sum) = self.cursors[0];
            for ((far, far_sum), pair) in self.cursors[1..].iter().zip(numbers.chunks_exact_mut(2)) {
                let count = (near - far) as f64;
                (pair[0], pair[1]) = (count, if near > *far { (near_sum - far_sum) as f64 / count } else { 0.0 });
            }
        }
    }
    const DAY: i64 = 86_400_000_000;
    let events = payments(5_000, 100);
    let (warm, timed) = events.split_at(events.len() / 2);
    let (mut customers, mut terminals) = (HashMap::<String, History>::new(), HashMap::<String, History>::new());
    let mut numbers = [0.0; 12];
    let mut apply = |event: &Event| {
        let (now, amount) = (event.occurred_at.micros(), event.amount.map_or(0, Amount::minor));
        let (first, second) = numbers.split_at_mut(6);
        let of = |entity: usize| event.entities[entity].as_deref().unwrap_or_default();
        for (histories, key, edges, numbers) in [
            (&mut customers, of(0), [0, DAY, 7 * DAY, 30 * DAY], first),
            (&mut terminals, of(1), [7 * DAY, 8 * DAY, 14 * DAY, 37 * DAY], second),
        ] {
            match histories.get_mut(key) {
                Some(history) => history.apply(now, amount, edges, numbers),
                None => histories.entry(key.to_owned()).or_default().apply(now, amount, edges, numbers),
            }
        }
        black_box(&numbers);
    };
    warm.iter().for_each(&mut apply);
    let mut chunks = timed.chunks_exact(CHUNK);
    let next = || chunks.next().expect("there are more than samples").to_vec();
    bencher.counter(ItemsCount::new(CHUNK)).with_inputs(next).bench_local_values(|events| {
        events.iter().for_each(&mut apply);
        events
    });
}

#[divan::bench(sample_count = 500, sample_size = 1)]
fn every_family(bencher: Bencher<'_, '_>) {
    run(bencher, FAMILIES, &payments(5_000, 60));
}

/// The same stream and the same features; only the windows are longer.
#[divan::bench(sample_count = 500, sample_size = 1, args = ["1h", "30d", "365d"])]
fn window_length(bencher: Bencher<'_, '_>, window: &str) {
    let features = format!(
        r#"{{ name = "count", kind = "count", entity = "customer", windows = ["{window}"] }},
           {{ name = "mean", kind = "mean", of = "amount_minor", entity = "customer", windows = ["{window}"] }},
           {{ name = "max", kind = "max", of = "amount_minor", entity = "customer", windows = ["{window}"] }},
           {{ name = "std", kind = "std", of = "amount_minor", entity = "terminal", windows = ["{window}"] }},"#
    );
    run(bencher, &features, &payments(500, 740));
}
