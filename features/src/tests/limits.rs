//! What becomes of keys that are hot or idle, and of new ones when memory is full: always said, never wrong in silence.

use std::sync::Arc;

use ingest::log::Position;
use ingest::{Duration, Event};

use super::{event, label, plan};
use crate::{Engine, Outcome, Placement};

/// An engine and where its events go, one after another.
struct Stream {
    engine: Engine,
    next: usize,
    vector: Vec<f64>,
}

impl Stream {
    fn new(text: &str) -> Self {
        let plan = plan(text, Duration::seconds(5)).expect("a plan");
        Self { engine: Engine::new(Arc::new(plan)), next: 0, vector: Vec::new() }
    }

    fn apply(&mut self, second: i64, customer: u8, minor: i64) -> (Event, Outcome) {
        let event = event(self.next, second, customer, None, minor);
        let outcome = self.apply_event(&event);
        (event, outcome)
    }

    fn apply_event(&mut self, event: &Event) -> Outcome {
        self.next += 1;
        self.engine.apply(event, Position(self.next as u64 - 1), &mut self.vector)
    }

    fn usage(&self, what: &str) -> crate::Usage {
        self.engine.usage().into_iter().find(|usage| usage.what == what).expect("it is kept")
    }
}

const HOT: &str = r#"
    features = [
        { name = "count", kind = "count", entity = "customer", windows = ["60s"] },
        { name = "sum", kind = "sum", of = "amount_minor", entity = "customer", windows = ["60s"] },
        { name = "mean", kind = "mean", of = "amount_minor", entity = "customer", windows = ["60s"] },
        { name = "std", kind = "std", of = "amount_minor", entity = "customer", windows = ["60s"] },
        { name = "min", kind = "min", of = "amount_minor", entity = "customer", windows = ["60s"] },
        { name = "max", kind = "max", of = "amount_minor", entity = "customer", windows = ["60s"] },
        { name = "all", kind = "sum", of = "amount_minor", entity = "customer", windows = ["lifetime"] },
        { name = "previous", kind = "previous", of = "amount_minor", entity = "customer", windows = ["60s"] },
        { name = "bad", kind = "label_count", entity = "customer", windows = ["60s"] },
    ]
    [state.entities.customer]
    tile = "5s"
    hot_above = 20
"#;

#[test]
fn a_hot_key_falls_to_tiles_of_the_declared_resolution_and_says_so() {
    let mut stream = Stream::new(HOT);
    let mut history: Vec<(i64, i64)> = Vec::new();
    let mut coarse = 0;
    for number in 0..4_000i64 {
        // Twenty a second for a while, and then one in five seconds.
        let second = if number < 2_000 { 1_000 + number / 20 } else { 1_100 + (number - 2_000) * 5 };
        let minor = 1_000 + (number * 7_919) % 997;
        let (event, outcome) = stream.apply(second, 0, minor);
        history.push((second, minor));
        if number % 10 == 0 {
            stream.engine.learn(&label(&event, true));
        }
        let over = |length: i64| -> Vec<i64> {
            history.iter().filter(|(at, _)| *at > second - length).map(|(_, minor)| *minor).collect()
        };
        // A tile leaves the window with its first event, so that the window reaches back between 55 and 60 seconds.
        let (short, long) = (over(55), over(60));
        let between = |feature: usize, short: f64, long: f64| {
            let found = stream.vector[feature];
            let exact = if outcome.coarse == 0 { long } else { short };
            assert!(exact <= found && found <= long, "event {number}: feature {feature} is {found}, not {exact} to {long}");
        };
        let sum = |values: &[i64]| values.iter().sum::<i64>() as f64;
        between(0, short.len() as f64, long.len() as f64);
        between(1, sum(&short), sum(&long));
        between(5, *short.iter().max().expect("one") as f64, *long.iter().max().expect("one") as f64);
        let (low, high) = (*long.iter().min().expect("one") as f64, *short.iter().min().expect("one") as f64);
        assert!(low <= stream.vector[4] && stream.vector[4] <= high, "event {number}: the smallest is {}", stream.vector[4]);
        assert_eq!(stream.vector[6], history.iter().map(|(_, minor)| *minor).sum::<i64>() as f64, "a lifetime has no edge");
        assert_eq!(stream.vector[2], stream.vector[1] / stream.vector[0], "mean and sum are of the same events");
        if number > 0 {
            assert_eq!(stream.vector[7], history[number as usize - 1].1 as f64, "the previous one is exact");
        }
        assert!((stream.vector[8] - stream.vector[0] / 10.0).abs() <= 11.0, "event {number}: {} bad ones", stream.vector[8]);
        coarse += outcome.coarse;
    }
    assert!((1_950..2_050).contains(&coarse), "{coarse} of 4,000 were coarse: not the first ones, and not the quiet ones");
    assert!(
        stream.usage("customer").bytes < 20_000,
        "twenty events a second are not kept one by one: {:?}",
        stream.usage("customer")
    );
}

#[test]
fn a_key_with_too_many_events_forgets_the_oldest_and_says_so() {
    let features = r#"
        features = [
            { name = "count", kind = "count", entity = "customer", windows = ["60s"] },
            { name = "max", kind = "max", of = "amount_minor", entity = "customer", windows = ["60s"] },
            { name = "median", kind = "quantile", quantile = 0.5, of = "amount_minor", entity = "customer", windows = ["60s"] },
            { name = "entropy", kind = "entropy", of = "channel", entity = "customer", windows = ["60s"] },
            { name = "decayed", kind = "decayed_count", entity = "customer", half_lives = ["1000d"] },
        ]
        [state.entities.customer]
        max_events = 16
    "#;
    let mut stream = Stream::new(features);
    for number in 0..40 {
        let (_, outcome) = stream.apply(1_000 + number, 0, 1_000 - number);
        assert_eq!(outcome.coarse, u64::from(number >= 16), "event {number}");
        let newest = (number + 1).min(16);
        let median = (0..newest).map(|back| 1_000 - number + back).sum::<i64>() as f64 / newest as f64;
        // The largest is known beyond the rows.
        assert_eq!(&stream.vector[..3], [newest as f64, 1_000.0, median], "event {number}");
        assert!((stream.vector[4] - (number + 1) as f64).abs() < 1e-3, "what decays needs no rows");
    }
}

#[test]
fn an_idle_key_starts_anew_and_its_memory_is_free() {
    let features = r#"
        features = [{ name = "count", kind = "count", entity = "customer", windows = ["lifetime"] }]
        [state.entities.customer]
        idle_after = "100s"
    "#;
    let mut stream = Stream::new(features);
    for customer in 0..50 {
        stream.apply(1_000, customer, 1);
    }
    stream.apply(1_100, 0, 1);
    assert_eq!(stream.vector, [2.0]);
    stream.apply(1_201, 0, 1);
    assert_eq!(stream.vector, [1.0], "it was away for longer than 100 seconds");
    for second in 0..2_000 {
        stream.apply(1_300 + second, 200, 1);
    }
    assert_eq!(stream.usage("customer").keys, 1, "the others are gone");
    let bytes = stream.usage("customer").bytes;
    for customer in 0..50 {
        stream.apply(3_301, customer, 1);
    }
    assert_eq!((stream.usage("customer").keys, stream.vector[0]), (51, 1.0), "their slots serve again");
    assert!(stream.usage("customer").bytes > bytes);
}

#[test]
fn a_window_that_ends_needs_no_idle_time_to_be_forgotten() {
    let mut stream = Stream::new(r#"features = [{ name = "count", kind = "count", entity = "customer", windows = ["10s"] }]"#);
    for customer in 0..50 {
        stream.apply(1_000, customer, 1);
    }
    for second in 0..2_000 {
        stream.apply(1_100 + second, 200, 1);
    }
    assert_eq!(stream.usage("customer").keys, 1);
}

#[test]
fn where_every_event_brings_a_new_key_idle_ones_go_as_fast() {
    let mut stream = Stream::new(r#"features = [{ name = "count", kind = "count", entity = "customer", windows = ["10s"] }]"#);
    for second in 0..20_000 {
        let mut event = event(second, 1_000 + second as i64, 0, None, 1);
        event.entities[0] = Some(format!("customer {second}").into());
        stream.apply_event(&event);
    }
    let keys = stream.usage("customer").keys;
    assert!(keys < 200, "{keys} keys are kept for windows of ten seconds");
}

#[test]
fn when_memory_is_full_new_keys_are_missing_and_known_ones_are_answered() {
    let features = r#"
        features = [{ name = "count", kind = "count", entity = "customer", windows = ["lifetime"] }]
        [state]
        memory_limit_mb = 1
    "#;
    let mut stream = Stream::new(features);
    let named = |number: usize, id: usize| {
        let mut event = event(id, 1_000, 0, None, 1);
        event.entities[0] = Some(format!("customer {number}").into());
        event
    };
    let mut refused = 0;
    for number in 0..20_000 {
        let outcome = stream.apply_event(&named(number, number));
        refused += outcome.refused;
        assert_eq!(stream.vector[0].is_nan(), outcome.refused == 1, "what is not kept is missing");
    }
    let usage = stream.usage("customer");
    assert_eq!(usage.refused, refused);
    assert_eq!(usage.keys + refused, 20_000);
    assert!(refused > 0 && usage.bytes < (1 << 20) + 1_000, "{usage:?}");
    assert_eq!(stream.apply_event(&named(0, 20_000)).refused, 0);
    assert_eq!(stream.vector, [2.0], "a known one is answered");
}

#[test]
fn what_finds_the_events_of_labels_counts_as_memory() {
    let features = r#"
        features = [{ name = "bad", kind = "label_count", entity = "customer", windows = ["100s"] }]
        [state]
        memory_limit_mb = 1
    "#;
    let mut stream = Stream::new(features);
    let (first, outcome) = stream.apply(1_000, 0, 1);
    assert_eq!(outcome.refused, 0);
    // Room is made for a whole generation of events.
    let bytes = stream.usage("labels").bytes;
    assert!(bytes > 1 << 20, "{bytes}");
    assert_eq!(stream.apply(1_001, 1, 1).1.refused, 1, "there is no room for another key");
    assert!(stream.engine.learn(&label(&first, true)), "what is kept is found all the same");

    stream.engine.learn_early(&label(&event(77, 0, 0, None, 0), true));
    assert!(stream.usage("labels").bytes > bytes, "a label that waits for its event takes room, too");
}

#[test]
fn many_categories_become_an_estimate_with_the_stated_error() {
    let features = r#"
        features = [
            { name = "day_{window}", kind = "distinct", of = "items", entity = "customer", windows = ["100s", "20000s"] },
            { name = "new", kind = "first_seen", of = "items", entity = "customer", windows = ["20000s"] },
        ]
        [state.entities.customer]
        max_events = 30000
    "#;
    let mut stream = Stream::new(features);
    let with_items = |id: usize, items: i64| {
        let mut event = event(id, 1_000 + id as i64, 0, None, 1);
        event.attributes[0] = None;
        let slot = super::schema().attribute("items").expect("it is declared");
        event.attributes[slot] = Some(ingest::Value::Integer(items));
        event
    };
    let mut worst = 0.0f64;
    for number in 0..10_000 {
        let outcome = stream.apply_event(&with_items(number, number as i64));
        let expect = (number + 1) as f64;
        if number < 1_024 {
            assert_eq!((outcome.coarse, stream.vector[1], stream.vector[2]), (0, expect, 1.0), "exact while there are few");
        } else {
            assert_eq!(outcome.coarse, 1, "it says that it is an estimate");
            worst = worst.max((stream.vector[1] / expect - 1.0).abs());
        }
    }
    // Four standard errors of 4 %.
    assert!(worst < 0.16, "off by {worst}");
    // When few are left, it is exact again once the longest window has passed.
    for number in 10_000..55_000 {
        stream.apply_event(&with_items(number, number as i64 % 50));
    }
    let outcome = stream.apply_event(&with_items(55_000, 7));
    assert_eq!((outcome.coarse, stream.vector[0], stream.vector[1], stream.vector[2]), (0, 50.0, 50.0, 0.0));
    assert_eq!(outcome.placement, Placement::InOrder);
}

#[test]
fn a_card_with_sixty_events_in_its_window_takes_less_than_1200_bytes() {
    let features = r#"
        features = [
            { name = "count_{window}", kind = "count", entity = "customer", windows = ["1d", "7d", "30d"] },
            { name = "mean_{window}", kind = "mean", of = "amount_minor", entity = "customer", windows = ["1d", "7d", "30d"] },
        ]
    "#;
    let mut stream = Stream::new(features);
    for number in 0..60 {
        stream.apply(1_000 + number * 40_000, 0, 1_000);
    }
    assert_eq!(stream.vector[2], 60.0);
    let bytes = stream.usage("customer").bytes;
    assert!(bytes < 1_200, "{bytes}");
}

#[test]
fn labels_are_found_as_long_as_a_window_reaches_their_event() {
    let features = r#"
        features = [{ name = "bad", kind = "label_count", entity = "customer", windows = ["100s"] }]
    "#;
    let mut stream = Stream::new(features);
    let (first, _) = stream.apply(1_000, 0, 1);
    assert!(!stream.engine.learn(&label(&event(77, 0, 0, None, 0), true)), "it never came");
    assert!(stream.engine.learn(&label(&first, true)));
    stream.apply(1_050, 0, 1);
    assert_eq!(stream.vector, [1.0]);
    assert!(stream.engine.learn(&label(&first, false)), "a label may be taken back");
    stream.apply(1_051, 0, 1);
    assert_eq!(stream.vector, [0.0]);
    // Events go in generations, so that many must come before one does.
    for number in 0..70_000 {
        stream.apply(2_000 + number / 100, 1, 1);
    }
    assert!(!stream.engine.learn(&label(&first, true)), "no window reaches it any more");
    assert!(stream.usage("labels").keys < 70_003);
}
