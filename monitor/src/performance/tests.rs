use ingest::log::{Position, Record, Topic};
use scoring::rules::{Outcome as RuleOutcome, Rule, RuleHit};
use scoring::{Control, Decision, ModelScore, Thresholds, Verdict};

use super::*;
use crate::fixture::{Backend, backends, decided, event, event_in, label, label_of, project, record, rule_hit, sample, time};
use crate::points::{Filed, MetricPoint, read};

/// Scores that rank bad ones higher, though not all: `day` events of each of some days, of which every fifth is bad.
fn records(days: u32, of_each: u32) -> Vec<Record> {
    let mut records = Vec::new();
    let mut push = |make: &dyn Fn(u64) -> Record| records.push(make(records.len() as u64));
    for number in 0..days * of_each {
        let (day, of_day) = (number / of_each + 1, number % of_each);
        let (id, at) = (format!("e{number}"), format!("2018-08-{day:02}T{:02}:00:00Z", of_day % 24));
        let (bad, noise) = (number % 5 == 0, f64::from(number * 37 % 100) / 250.0);
        let probability = if bad { 0.2 + noise } else { noise };
        push(&|position| event(position, &id, &at, 1_000));
        let verdict = match probability {
            high if high >= 0.5 => Verdict::Decline,
            middle if middle >= 0.3 => Verdict::Review,
            _ => Verdict::Approve,
        };
        let decision = Decision {
            decision: verdict,
            champion: sample(0, "a", "2018-08-01").champion.map(|model| ModelScore { probability, ..model }),
            thresholds: Thresholds { review: 795, decline: 900 },
            ..sample(0, &id, &at)
        };
        push(&|position| decided(position, &Decision { event_position: Position(position - 1), ..decision.clone() }));
        // A bad one is known after one day or after eight, a good one on the day itself.
        let late = if number % 2 == 0 { 1 } else { 8 };
        let known = if bad {
            format!("2018-08-{:02}T{:02}:00:00Z", day + late, of_day % 24)
        } else {
            format!("2018-08-{day:02}T23:30:00Z")
        };
        push(&|position| label(position, &id, if bad { "fraud" } else { "legit" }, &known));
    }
    records
}

/// A warehouse of each kind with the records.
fn filled(records: &[Record]) -> Vec<Backend> {
    backends().inspect(|backend| backend.warehouse.append(&project(records)).unwrap()).collect()
}

/// What all of them say, which is the same.
async fn asked(backends: &[Backend], request: &Request, policy: &Policy) -> Performance {
    let first = performance(&*backends[0].warehouse, request, policy).await.unwrap();
    for Backend { warehouse, name, .. } in &backends[1..] {
        assert_eq!(performance(&**warehouse, request, policy).await.unwrap(), first, "{name}");
    }
    first
}

fn request(as_of: Option<&str>) -> Request {
    let (segments, written) = (Vec::new(), concept::Written::default());
    Request { days: Days::ALL, as_of: as_of.map(time), currency: Currency::default(), segments, written }
}

#[tokio::test]
async fn an_empty_window_is_no_data() {
    let backends = filled(&records(1, 5));
    let days = Days::between(Some(time("2019-01-01")), None);
    let found = asked(&backends, &Request { days, ..request(None) }, &Policy::default()).await;
    assert_eq!((found.whole.state, found.whole.decisions, found.days.len()), (State::NoData, 0, 0));
    let no_rows = Figure::from(Missing::NoRows);
    assert_eq!([found.whole.approval_rate, found.whole.flagging.recall, found.whole.scores.figures.auc], [no_rows; 3]);
    let empty: Vec<Backend> = crate::fixture::backends().collect();
    assert_eq!(asked(&empty, &request(None), &Policy::default()).await.whole.state, State::NoData);
}

#[tokio::test]
async fn days_are_judged_as_of_a_moment() {
    let backends = filled(&records(20, 40));
    // The last event is of the 20th; by the end of the 21st its late bad ones are not known.
    let found = asked(&backends, &request(Some("2018-08-22")), &Policy::default()).await;
    assert_eq!((found.days.len(), found.whole.decisions), (20, 800));
    let [first, last] = [&found.days[0], &found.days[19]];
    assert_eq!((first.name.as_str(), first.outcomes.bad, first.outcomes.good, first.outcomes.open), ("2018-08-01", 8, 32, 0));
    assert_eq!((last.outcomes.bad, last.outcomes.good, last.outcomes.open), (4, 32, 4));
    assert_eq!((first.state, last.state), (State::Mature, State::Immature));
    // Half of them are known after a day: four known ones stand for eight.
    let near = |figure: Figure, expect: f64| (figure.point().unwrap() - expect).abs() < 0.35;
    assert!(near(last.bad_in_the_end, 8.0) && near(last.maturity, 0.5), "{:?} {:?}", last.bad_in_the_end, last.maturity);
    // What is expected needs no label, and knows of no day.
    assert!(last.expected.bad > 0.0 && last.expected.decisions[0].precision.interval().is_some());
    // A moment before: nothing of the last day is known, and of later days there is nothing.
    let before = asked(&backends, &request(Some("2018-08-10T12:00:00Z")), &Policy::default()).await;
    assert_eq!(before.days.last().map(|day| (day.name.as_str(), day.state)), Some(("2018-08-10", State::Unjudged)));
}

#[tokio::test]
async fn figures_are_those_of_the_decisions() {
    let backends = filled(&records(10, 40));
    let found = asked(&backends, &request(None), &Policy::default()).await;
    let (mut scores, mut labels) = (Vec::new(), Vec::new());
    let (mut flagged, mut caught) = (0, 0);
    for number in 0..400_u32 {
        let (bad, noise) = (number % 5 == 0, f64::from(number * 37 % 100) / 250.0);
        scores.push(if bad { 0.2 + noise } else { noise });
        labels.push(bad);
        flagged += u64::from(scores[number as usize] >= 0.3);
        caught += u64::from(bad && scores[number as usize] >= 0.3);
    }
    let Cohort { flagging, scores: scored, alerts_per_bad, .. } = &found.whole;
    assert_eq!((flagging.flagged, flagging.caught), (flagged, caught));
    assert_eq!(scored.figures.auc.point(), evaluation::metrics::auc(&scores, &labels));
    let close = |figure: Figure, expect: f64| (figure.point().unwrap() - expect).abs() < 1e-9;
    assert!(close(*alerts_per_bad, flagged as f64 / caught as f64));
    assert!(close(flagging.money_stopped_minor, caught as f64 * 1_000.0));
    assert_eq!(found.versions.iter().map(|version| version.name.as_str()).collect::<Vec<_>>(), ["7"]);
}

#[tokio::test]
async fn a_training_is_wanted_of_mature_figures_that_chance_does_not_explain() {
    let backends = filled(&records(20, 40));
    let ask = async |as_of| asked(&backends, &request(Some(as_of)), &Policy::default()).await;
    let version = &ask("2018-10-01").await.versions[0];
    let auc = version.scores.figures.auc;
    let upper = auc.interval().unwrap().upper;
    let at = |auc: f64, version: &Cohort| Floors { auc: Some(auc), average_precision: None }.broken(version);
    assert_eq!(at(upper - 1e-6, version), None, "chance explains it");
    let reason = at(upper + 1e-6, version).unwrap();
    assert!(
        reason.starts_with(&format!("AUC {:.3} (", auc.point().unwrap())) && reason.ends_with(" over 800 judged events"),
        "{reason}"
    );
    assert_eq!(Floors::default().broken(version), None);
    let immature = &ask("2018-08-20T12:00:00Z").await.days[19];
    assert_ne!(immature.state, State::Mature);
    assert_eq!(at(0.999_999, immature), None, "labels are not in");
}

#[tokio::test]
async fn contradicting_future_and_unknown_labels() {
    let of = |id: &'static str| move |position: u64| decided(position + 1, &sample(position, id, "2018-08-01"));
    let records = vec![
        event(0, "a", "2018-08-01", 1_000),
        of("a")(0),
        event(2, "b", "2018-08-01", 1_000),
        of("b")(2),
        event(4, "c", "2018-08-01", 1_000),
        of("c")(4),
        // Contradicted by what was observed later,
        label(6, "a", "legit", "2018-08-05"),
        label_of(7, "a", "fraud", "2018-08-06", Some(700)),
        // of the future,
        label(8, "b", "fraud", "2030-01-01"),
        // and for an event that is not known.
        label(9, "nobody", "fraud", "2018-08-03"),
    ];
    let backends = filled(&records);
    let ask = async |as_of: &str| asked(&backends, &request(Some(as_of)), &Policy::default()).await.whole;
    let counts = |cohort: &Cohort| (cohort.outcomes.bad, cohort.outcomes.good, cohort.outcomes.open);
    assert_eq!(counts(&ask("2018-08-04").await), (0, 0, 3));
    assert_eq!(counts(&ask("2018-08-05").await), (0, 1, 2));
    let latest = ask("2018-08-20").await;
    assert_eq!((counts(&latest), latest.flagging.money_stopped_minor.point()), ((1, 0, 2), Some(0.0)));
    assert_eq!(counts(&ask("2030-01-02").await), (2, 0, 1));
    // An age from which on silence is good, and before which nothing is judged.
    let policy = Policy { maturity: Some("10d".parse().unwrap()), ..Policy::default() };
    let aged = async |as_of: &str| asked(&backends, &request(Some(as_of)), &policy).await.whole.outcomes;
    let young = aged("2018-08-10").await;
    assert_eq!((young.judged(), young.open, young.open_bad), (0, 3, 1));
    let old = aged("2018-08-11").await;
    assert_eq!((old.bad, old.presumed, old.open), (1, 2, 0));
    // The event comes after its label.
    let late = project(&[event(10, "nobody", "2018-08-01", 1_000), of("nobody")(10)]);
    backends.iter().for_each(|backend| backend.warehouse.append(&late).unwrap());
    assert_eq!(counts(&ask("2018-08-20").await), (2, 0, 2));
}

#[tokio::test]
async fn money_in_another_currency_is_in_no_figure() {
    let declined = |id: &'static str, position: u64, minor: i64| {
        let of = sample(position, id, "2018-08-01");
        decided(position + 1, &Decision { decision: Verdict::Decline, amount_minor: Some(minor), ..of })
    };
    let records = [
        event(0, "a", "2018-08-01", 1_000),
        declined("a", 0, 1_000),
        event_in(2, "b", "2018-08-01", 70_000, "JPY"),
        declined("b", 2, 70_000),
        event_in(4, "c", "2018-08-01", 80_000, "JPY"),
        declined("c", 4, 80_000),
        label(6, "a", "fraud", "2018-08-02"),
        // A label's own loss is in the currency of its event.
        label_of(7, "b", "fraud", "2018-08-02", Some(60_000)),
        label(8, "c", "legit", "2018-08-02"),
    ];
    let backends = filled(&records);
    let check = async |currency: &str, expect: (Option<f64>, Option<f64>, u64)| {
        let currency = Currency::new(currency).unwrap();
        let found = asked(&backends, &Request { currency, ..request(None) }, &Policy::default()).await;
        let flagging = &found.whole.flagging;
        let (stopped, wrongly) = (flagging.money_stopped_minor, flagging.money_wrongly_stopped_minor);
        assert_eq!((found.currency, flagging.flagged, flagging.caught), (currency, 3, 2));
        assert_eq!((stopped.point(), wrongly.point(), found.other_currency), expect, "{currency}");
    };
    check("EUR", (Some(1_000.0), Some(0.0), 2)).await;
    check("JPY", (Some(60_000.0), Some(80_000.0), 1)).await;
    check("USD", (None, None, 3)).await;
}

#[tokio::test]
async fn what_a_rule_in_shadow_would_have_come_to() {
    let made = |position: u64, id: &str, rules: Vec<RuleHit>, said: &str| {
        let decision = Decision { rules, ..sample(position, id, "2018-08-01") };
        let label = label(position + 2, id, said, "2018-08-02");
        [event(position, id, "2018-08-01", 1_000), decided(position + 1, &decision), label]
    };
    let [in_shadow, in_force] = [true, false].map(|shadow| move || rule_hit("large", RuleOutcome::Hit, shadow));
    let records = [
        made(0, "a", vec![in_shadow()], "fraud"),
        made(3, "b", vec![in_shadow(), rule_hit("fast", RuleOutcome::Snoozed, true)], "legit"),
        made(6, "c", vec![in_force()], "fraud"),
        made(9, "d", Vec::new(), "fraud"),
    ]
    .concat();
    let found = asked(&filled(&records), &request(None), &Policy::default()).await;
    let told = |rules: &[RuleCohort]| -> Vec<_> {
        let of = |rule: &RuleCohort| {
            let evaluation::Flagging { caught, precision, recall, .. } = rule.flagging;
            (rule.name.clone(), rule.hits, caught, precision.point(), recall.point())
        };
        rules.iter().map(of).collect()
    };
    // What it hit in the other state it has not missed.
    assert_eq!(told(&found.rules_in_shadow), [("large".to_owned(), 2, 1, Some(0.5), Some(0.5))]);
    assert_eq!(told(&found.rules), [("large".to_owned(), 1, 1, Some(1.0), Some(0.5))]);
}

#[tokio::test]
async fn a_rule_is_judged_from_its_first_version_on() {
    let (by, at) = (|| "ada".to_owned(), time("2018-08-01"));
    let text = r#"{"id":"large","version":1,"name":"large","author":"ada","when":"event.amount_minor > 10","state":"active"}"#;
    let large: Rule = serde_json::from_str(text).unwrap();
    let hit = |id: &str| rule_hit(id, RuleOutcome::Hit, false);
    // Ten bad events. A rule comes after the sixth, and again after the seventh; it and another one hit the last two.
    let mut records: Vec<Record> = Vec::new();
    for number in 0..10 {
        if number == 6 || number == 7 {
            let changes = vec![Control::Ruled { rules: vec![Rule { version: number - 5, ..large.clone() }], by: by(), at }];
            let approved = Control::Approved { id: 1, changes, by: by(), reason: String::new(), at };
            records.push(record(records.len() as u64, Topic::Control, &approved.encode()));
        }
        let (position, id) = (records.len() as u64, format!("e{number}"));
        let rules = if number >= 8 { vec![hit("large"), hit("known_no_more")] } else { Vec::new() };
        let decision = Decision { rules, ..sample(position, &id, "2018-08-01") };
        records.push(event(position, &id, "2018-08-01", 1_000));
        records.push(decided(position + 1, &decision));
        records.push(label(position + 2, &id, "fraud", "2018-08-02"));
    }
    let found = asked(&filled(&records), &request(None), &Policy::default()).await;
    let rules: Vec<_> = (found.rules.iter())
        .map(|rule| (rule.name.as_str(), rule.hits, rule.flagging.recall.point(), rule.flagging.precision.point()))
        .collect();
    assert_eq!(rules, [("known_no_more", 2, Some(0.2), Some(1.0)), ("large", 2, Some(0.5), Some(1.0))]);
}

#[tokio::test]
async fn segments_are_values_of_attributes() {
    let backends = filled(&records(2, 10));
    let segments = vec!["channel".to_owned(), "colour".to_owned()];
    let found = asked(&backends, &Request { segments, ..request(None) }, &Policy::default()).await;
    let values =
        |segment: &SegmentCohorts| segment.values.iter().map(|value| (value.name.clone(), value.decisions)).collect::<Vec<_>>();
    assert_eq!(values(&found.segments[0]), [("ecom".to_owned(), 20)]);
    assert_eq!(values(&found.segments[1]), [(String::new(), 20)], "no event has it");
    assert_eq!(by_value(&vec!["a".to_owned(); 3]), [("a".to_owned(), vec![0, 1, 2])]);
    let many: Vec<String> = (0..25).map(|value| value.to_string()).collect();
    let groups = by_value(&many);
    assert_eq!((groups.len(), groups[20].0.as_str(), groups[20].1.len()), (21, OTHERS, 5));
}

#[test]
fn policies_that_make_no_sense_are_refused() {
    let check = |policy: Policy, expect: &str| assert_eq!(policy.check().unwrap_err().to_string(), expect);
    let mature = Policy { mature_at: 1.5, ..Policy::default() };
    check(mature, "a cohort cannot be mature from a share of 1.5 on, which does not lie between 0 and 1");
    check(Policy { capacity_a_day: 0, ..Policy::default() }, "the review capacity is zero a day");
    let retrain_below = Floors { auc: Some(1.0), average_precision: None };
    check(Policy { retrain_below, ..Policy::default() }, "the floor of auc is 1, which does not lie between 0 and 1");
    assert_eq!(Policy::default().check(), Ok(()));
}

#[tokio::test]
async fn points_are_the_figures_of_their_days() {
    let backends = filled(&records(3, 40));
    let found = asked(&backends, &request(None), &Policy::default()).await;
    for Backend { warehouse, name, .. } in &backends {
        write_points(&**warehouse, "card_fraud", &found).unwrap();
        let points = read::<MetricPoint>(&**warehouse, Days::ALL).await.unwrap();
        let recalls = points.iter().filter(|filed| filed.point.metric == "recall" && !filed.point.estimated);
        assert_eq!(recalls.count(), 3, "{name}");
        let of_first = |metric: &str, estimated: bool| {
            let is_it = |filed: &&Filed<MetricPoint>| {
                filed.window_start == time("2018-08-01") && filed.point.metric == metric && filed.point.estimated == estimated
            };
            points.iter().find(is_it).unwrap().point.clone()
        };
        let recall = of_first("recall", false);
        assert_eq!((recall.value, recall.n, recall.bad), (found.days[0].flagging.recall.point(), 40, 8), "{name}");
        assert_eq!(recall.low, found.days[0].flagging.recall.interval().map(|interval| interval.lower), "{name}");
        assert_eq!(of_first("auc", true).value, found.days[0].expected.auc.point(), "{name}");
        write_points(&**warehouse, "card_fraud", &found).unwrap();
        let again = read::<MetricPoint>(&**warehouse, Days::ALL).await.unwrap();
        assert_eq!(again, points, "writing them again changes nothing in {name}");
    }
}
