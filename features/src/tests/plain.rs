//! Keys that hold nothing but counts and one sum take a shorter way, and many events at once are foreseen: both give what the oracle
//! and one event after another give.

use std::cell::RefCell;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Duration, Event};
use proptest::prelude::*;

use super::oracle::{self, Oracle};
use super::{FEATURES, plan, run, step};
use crate::{Engine, Outcome};

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
            let mut engine = engine.borrow_mut();
            if known {
                engine.learn(label);
            } else {
                engine.learn_early(label);
            }
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
                let mut engine = engine.borrow_mut();
                if known {
                engine.learn(label);
            } else {
                engine.learn_early(label);
            }
            }
        });
        apply_waiting();
        prop_assert_eq!(found.take(), expect);
    }
}
