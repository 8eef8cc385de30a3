//! Keys that hold nothing but counts and one sum take a shorter way, and many events at once are foreseen: both give what the oracle,
//! the long way and one event after another give.

use std::cell::RefCell;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Duration, Event, EventId, Timestamp, Value};
use proptest::prelude::*;

use super::oracle::{self, Oracle};
use super::snapshots::restarted;
use super::{FEATURES, learn, plan, run, step};
use crate::definition::StateLimits;
use crate::{Engine, Outcome, Plan, Snapshots};

const PLAIN: &str = r#"
    features = [
        { name = "amount", kind = "value", of = "amount_minor" },
        { name = "weekend", kind = "weekend" },
        { name = "night", kind = "night" },
        { name = "customer_tx_count_{window}", kind = "count", entity = "customer", windows = ["10s", "60s", "lifetime"] },
        { name = "customer_amount_mean_{window}", kind = "mean", of = "amount_minor", entity = "customer", windows = ["10s", "60s"] },
        { name = "terminal_tx_count_{window}", kind = "count", entity = "terminal", windows = ["20s", "50s"], delay = "15s" },
        { name = "terminal_fraud_rate_{window}", kind = "label_rate", entity = "terminal", windows = ["20s", "50s"], delay = "15s" },
    ]
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn plain_keys_equal_the_oracle(steps in prop::collection::vec(step(), 1..200), lateness in 0i64..30) {
        let plan = Arc::new(plan(PLAIN, Duration::seconds(lateness)).expect("the features above"));
        assert!(plan.entities.iter().all(|entity| entity.adding.is_some()), "all of them are plain");
        let engine = RefCell::new(Engine::new(Arc::clone(&plan)));
        let oracle = RefCell::new(Oracle::new(Arc::clone(&plan)));
        let (mut vector, mut wrong) = (Vec::new(), Vec::new());
        run(&steps, |event, position| {
            engine.borrow_mut().apply(event, position, &mut vector);
            let expect = oracle.borrow_mut().apply(event);
            for ((definition, found), expect) in plan.definitions().iter().zip(&vector).zip(expect) {
                if !oracle::agree(&definition.kind, *found, expect) {
                    wrong.push(format!("{} of {position:?}: {found}, expected {expect}", definition.name));
                }
            }
        }, |label, known| {
            learn(&engine, label, known);
            oracle.borrow_mut().learn(label);
        });
        prop_assert_eq!(wrong.first(), None);
    }

    #[test]
    fn many_at_once_equal_one_by_one(
        steps in prop::collection::vec(step(), 1..200),
        lateness in 0i64..30,
        features in prop_oneof![Just(PLAIN), Just(FEATURES)],
    ) {
        type Found = Vec<(Outcome, Vec<u64>)>;
        let bits = |vector: &[f64]| vector.iter().map(|value| value.to_bits()).collect();
        let plan = Arc::new(plan(features, Duration::seconds(lateness)).expect("the features above"));
        let (one, many) = (RefCell::new(Engine::new(Arc::clone(&plan))), RefCell::new(Engine::new(plan)));
        let (found, mut expect) = (RefCell::new(Found::new()), Found::new());
        let waiting: RefCell<Vec<(Event, Position)>> = RefCell::default();
        let apply_waiting = || {
            let events = waiting.take();
            let numbered = events.iter().map(|(event, position)| (event, *position));
            many.borrow_mut().apply_all(numbered, |_, outcome, vector| found.borrow_mut().push((outcome, bits(vector))));
        };
        let mut vector = Vec::new();
        run(&steps, |event, position| {
            let outcome = one.borrow_mut().apply(event, position, &mut vector);
            expect.push((outcome, bits(&vector)));
            waiting.borrow_mut().push((event.clone(), position));
        }, |label, known| {
            apply_waiting();
            for engine in [&one, &many] {
                learn(engine, label, known);
            }
        });
        apply_waiting();
        prop_assert_eq!(found.take(), expect);
    }

    /// Rings that are full or idle, and engines that are saved and come back, included.
    #[test]
    fn the_short_way_ends_where_the_long_one_does(
        steps in prop::collection::vec(step(), 1..200),
        restarts in prop::collection::btree_set(0usize..200, 0..4),
        lateness in 0i64..30,
        limits in prop_oneof![
            Just(""),
            Just("[state.entities.customer]\nmax_events = 16"),
            Just("[state.entities]\ncustomer = { idle_after = \"20s\" }\nterminal = { max_events = 16 }"),
        ],
    ) {
        let plan = || plan(&format!("{PLAIN}{limits}"), Duration::seconds(lateness)).expect("the features above");
        let mut long = plan();
        for entity in &mut long.entities {
            prop_assert!(entity.adding.take().is_some(), "limits do not lengthen the way");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let snapshots = Snapshots::open(folder.path()).expect("a folder");
        let short = RefCell::new(Engine::new(Arc::new(plan())));
        let long = RefCell::new(Engine::new(Arc::new(long)));
        let (mut expect, mut found) = (Vec::new(), Vec::new());
        run(&steps, |event, position| {
            if restarts.contains(&(position.0 as usize)) {
                let again = restarted(&short.borrow(), &snapshots, position.0);
                *short.borrow_mut() = again;
            }
            let wanted = long.borrow_mut().apply(event, position, &mut expect);
            let outcome = short.borrow_mut().apply(event, position, &mut found);
            let bits = |vector: &[f64]| vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!((outcome, bits(&found)), (wanted, bits(&expect)));
        }, |label, known| {
            for engine in [&short, &long] {
                learn(engine, label, known);
            }
        });
        prop_assert_eq!(short.borrow().usage(), long.borrow().usage());
    }
}

#[test]
fn a_category_is_the_place_of_its_word() {
    let schema: ingest::Schema = toml::from_str(
        "type = \"t\"\nevent_id = {}\nevent_time = {}\n[attributes]\nkind = { type = \"text\", one_of = [\"car\", \"house\"], required = false }\n\
         age = { type = \"integer\", required = false }\n[entities]\nwho = {}",
    )
    .expect("a schema");
    let features = "features = [{ name = \"kind\", kind = \"category\", of = \"kind\" }, \
        { name = \"kind_or_none\", kind = \"category\", of = \"kind\", default = -1 }, \
        { name = \"cars\", kind = \"count\", entity = \"who\", windows = [\"1d\"], where = { kind = \"car\" } }, \
        { name = \"age\", kind = \"value\", of = \"age\" }]";
    #[derive(serde::Deserialize)]
    struct File {
        features: Vec<crate::DefinitionFile>,
    }
    let File { features } = toml::from_str(features).expect("definitions");
    let definitions = crate::definition::check(features, &schema).expect("they fit");
    let plan = Arc::new(Plan::new(definitions, &StateLimits::default(), &schema, Duration::ZERO).expect("a plan"));
    let mut engine = Engine::new(Arc::clone(&plan));
    let mut check = |word: Option<&str>, expect: [f64; 2]| {
        let event = Event {
            event_id: EventId::new(word.unwrap_or("none")).expect("short"),
            occurred_at: Timestamp::from_micros(0),
            amount: None,
            entities: vec![Some("a".into())],
            attributes: vec![None, word.map(|word| Value::Text(word.into()))],
            supersedes: None,
        };
        let mut vector = Vec::new();
        engine.apply(&event, Position(1), &mut vector);
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&vector[..2]), bits(&expect), "{word:?}");
    };
    check(Some("car"), [0.0, 0.0]);
    check(Some("house"), [1.0, 1.0]);
    check(None, [f64::NAN, -1.0]);
    let (kind, age) = (schema.attribute("kind").expect("declared"), schema.attribute("age").expect("declared"));
    let reads: Vec<[bool; 2]> =
        plan.definitions().iter().map(|each| [kind, age].map(|slot| each.reads_attribute(slot))).collect();
    assert_eq!(reads, [[true, false], [true, false], [true, false], [false, true]]);
    let words: Vec<Option<&str>> = [0.0, 1.0, 2.0, 0.5].map(|value| plan.definitions()[0].word(value)).to_vec();
    assert_eq!(words, [Some("car"), Some("house"), None, None]);
    assert_eq!(plan.definitions()[3].word(0.0), None);
}
