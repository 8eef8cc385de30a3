use std::sync::Arc;

use ::drift::Bins;
use ingest::log::Position;
use scoring::Decision;
use scoring::profile::Distribution;

use super::references::Feature;
use super::*;
use crate::fixture;

fn reference() -> Arc<Reference> {
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    let feature = |place, name| Feature { place, distribution: Distribution::new(name, &values), is_of_the_calendar: false };
    Arc::new(Reference {
        features_version: decided(9, "2018-08-01T10:00:00Z").features_version,
        features: vec![feature(0, "amount"), feature(1, "hour")],
        score: None,
    })
}

fn decided(position: u64, at: &str) -> Decision {
    Decision::decode(&fixture::decision(position, position - 1, "a", at).payload).unwrap()
}

fn ecom() -> Vec<(String, String)> {
    vec![("channel".to_owned(), "ecom".to_owned())]
}

#[test]
fn a_decision_is_counted_once_for_all_and_once_a_segment() {
    let mut hour = Hour::default();
    let decision = decided(9, "2018-08-01T10:00:00Z");
    hour.take(Position(9), &decision, &ecom(), &reference());
    let once = hour.clone();
    // It comes again after a start that was not clean.
    hour.take(Position(9), &decision, &ecom(), &reference());
    assert_eq!(hour, once);
    hour.take(Position(11), &decision, &[], &reference());
    let rows = |segment: &str| {
        let model = decision.champion.as_ref().map(|model| (model.name.clone(), model.version));
        let profile = &hour.profiles[&Key { model, segment: segment.to_owned() }];
        (profile.decisions.iter().sum::<u64>(), profile.features[0].1.rows(), profile.score.rows())
    };
    assert_eq!((rows(""), rows("channel=ecom"), hour.until), ((2, 2, 2), (1, 1, 1), Position(12)));
}

#[test]
fn features_of_other_definitions_do_not_count() {
    let mut hour = Hour::default();
    let decision = Decision { features_version: "of before".to_owned(), ..decided(9, "2018-08-01T10:00:00Z") };
    hour.take(Position(9), &decision, &[], &reference());
    let profile = hour.profiles.values().next().unwrap();
    assert_eq!((profile.features[0].1.rows(), profile.score.rows()), (0, 1));
}

#[test]
fn segments_of_many_values_are_counted_together() {
    let mut hour = Hour::default();
    let decision = decided(9, "2018-08-01T10:00:00Z");
    for value in 0..70 {
        let segments = [("country".to_owned(), value.to_string()), ("channel".to_owned(), "ecom".to_owned())];
        hour.take(Position(9 + value), &decision, &segments, &reference());
    }
    let segments: Vec<&str> = hour.profiles.keys().map(|key| key.segment.as_str()).collect();
    assert_eq!(segments.len(), 1 + 1 + 50 + 1);
    let others = hour.profiles.iter().find(|(key, _)| key.segment == "country=(others)").unwrap();
    assert_eq!(others.1.decisions.iter().sum::<u64>(), 20);
}

#[test]
fn hours_survive_the_warehouse() {
    let mut hour = Hour::default();
    hour.take(Position(9), &decided(9, "2018-08-01T10:00:00Z"), &ecom(), &reference());
    let points = hour.points();
    assert_eq!(Hour::of_points(&points).unwrap(), hour);
    let check = |change: &dyn Fn(&mut ProfilePoint), expect: &str| {
        let mut points = points.clone();
        change(&mut points[0]);
        assert_eq!(Hour::of_points(&points).unwrap_err().to_string(), expect);
    };
    check(&|point| point.counts = "[1]".to_owned(), "the profile of amount cannot be read: its counts");
    check(&|point| point.edges = "[2,1]".to_owned(), "the profile of amount cannot be read: its edges");
    check(&|point| point.kind = "what".to_owned(), "the profile of amount cannot be read: its kind");
    assert_eq!(Histogram::new(Bins::default(), None).rows(), 0);
}
