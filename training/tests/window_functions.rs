//! The engine against DataFusion's window functions, for the families that SQL has. A RANGE frame counts the later rows of the same
//! instant as well, so of equal times only the last row of a key is compared.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;
use features::definition::{self, DefinitionFile, StateLimits};
use features::{Engine, Plan};
use ingest::log::Position;
use ingest::{Amount, Currency, Duration, Event, EventId, Schema, Timestamp};

const SCHEMA: &str = r#"
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [entities]
    card = {}
"#;

/// Each feature beside the SQL that means the same; `{w}` is the window's length in seconds less one.
const FEATURES: [(&str, &str, &str); 7] = [
    ("count", "", "count(*)"),
    ("sum", "of = \"amount_minor\"", "sum(amount)"),
    ("mean", "of = \"amount_minor\"", "avg(amount)"),
    ("min", "of = \"amount_minor\"", "min(amount)"),
    ("max", "of = \"amount_minor\"", "max(amount)"),
    ("variance", "of = \"amount_minor\"", "var_samp(amount)"),
    ("std", "of = \"amount_minor\"", "stddev_samp(amount)"),
];

const WINDOWS: [i64; 3] = [7, 60, 3_600];

#[derive(serde::Deserialize)]
struct File {
    features: Vec<DefinitionFile>,
}

/// Times rise by 0 to 4 seconds; a jump now and then empties short windows.
fn events() -> Vec<(i64, &'static str, i64)> {
    let mut state = 7u64;
    let mut next = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut time = 1_000_000;
    (0..4_000)
        .map(|_| {
            time += next(5) as i64 + if next(200) == 0 { 500 } else { 0 };
            (time, ["a", "b", "c"][next(3) as usize], next(100_000) as i64)
        })
        .collect()
}

fn computed(events: &[(i64, &str, i64)]) -> Vec<Vec<f64>> {
    let schema: Schema = toml::from_str(SCHEMA).expect("the schema above");
    let mut text = String::new();
    for (kind, of, _) in FEATURES {
        for seconds in WINDOWS {
            text.push_str(&format!(
                "[[features]]\nname = \"{kind}_{seconds}\"\nkind = \"{kind}\"\nentity = \"card\"\nwindows = [\"{seconds}s\"]\n{of}\n"
            ));
        }
    }
    let file: File = toml::from_str(&text).expect("the features above");
    let definitions = definition::check(file.features, &schema).expect("they fit the schema");
    let plan = Plan::new(definitions, &StateLimits::default(), &schema, Duration::ZERO).expect("they can be kept");
    let mut engine = Engine::new(Arc::new(plan));
    let mut vector = Vec::new();
    let currency = Currency::new("EUR").expect("a code");
    let apply = |(number, (time, card, minor)): (usize, &(i64, &str, i64))| {
        let event = Event {
            event_id: EventId::new(&number.to_string()).expect("short"),
            occurred_at: Timestamp::from_micros(time * 1_000_000),
            amount: Amount::new(*minor, currency),
            entities: vec![Some((*card).into())],
            attributes: Vec::new(),
            supersedes: None,
        };
        engine.apply(&event, Position(number as u64), &mut vector);
        vector.clone()
    };
    events.iter().enumerate().map(apply).collect()
}

#[tokio::test]
async fn the_engine_agrees_with_window_functions() {
    let events = events();
    let computed = computed(&events);
    let batch = RecordBatch::try_from_iter([
        ("number", Arc::new((0..events.len() as i64).collect::<Int64Array>()) as _),
        ("time", Arc::new(events.iter().map(|(time, ..)| *time).collect::<Int64Array>()) as _),
        ("card", Arc::new(events.iter().map(|(_, card, _)| Some(*card)).collect::<StringArray>()) as _),
        ("amount", Arc::new(events.iter().map(|(.., minor)| Some(*minor as f64)).collect::<Float64Array>()) as _),
    ])
    .expect("columns of one length");
    let context = SessionContext::new();
    context.register_batch("events", batch).expect("a table");
    let mut feature = 0;
    for (kind, _, function) in FEATURES {
        for seconds in WINDOWS {
            let frame = format!("PARTITION BY card ORDER BY time RANGE BETWEEN {} PRECEDING AND CURRENT ROW", seconds - 1);
            let sql = format!(
                "SELECT CAST({function} OVER ({frame}) AS DOUBLE) AS value, lead(time) OVER (PARTITION BY card ORDER BY number) AS next, number, time
                 FROM events ORDER BY number"
            );
            let batches = context.sql(&sql).await.expect("it is SQL").collect().await.expect("it can be computed");
            let mut compared = 0;
            for batch in &batches {
                let values = batch.column(0).as_primitive::<Float64Type>();
                let whole = |column: usize| batch.column(column).as_primitive::<arrow::datatypes::Int64Type>();
                for row in 0..batch.num_rows() {
                    use arrow::array::Array;
                    let has_later_peer = whole(1).is_valid(row) && whole(1).value(row) == whole(3).value(row);
                    if has_later_peer {
                        continue;
                    }
                    let number = whole(2).value(row) as usize;
                    let found = computed[number][feature];
                    let agree = match values.is_valid(row).then(|| values.value(row)) {
                        // A sliding variance in SQL takes squares of up to 10^10 out of a floating sum again; ours is made of whole numbers.
                        Some(expect) if kind == "variance" => (found - expect).abs() <= 1e-11 * 1e10,
                        Some(expect) if kind == "std" => (found * found - expect * expect).abs() <= 1e-11 * 1e10,
                        Some(expect) => (found - expect).abs() <= 1e-9 * expect.abs().max(1.0),
                        None => found.is_nan(),
                    };
                    assert!(agree, "{kind} over {seconds} s of event {number}: {found}, and {:?} in SQL", values.value(row));
                    compared += 1;
                }
            }
            assert!(compared > 3_000, "{compared} rows of {kind} were compared");
            feature += 1;
        }
    }
}
