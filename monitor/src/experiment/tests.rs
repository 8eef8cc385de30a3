use ingest::log::{Position, Record, Topic};
use scoring::control::{Experiment, Guardrails};
use scoring::engine::ShadowScores;
use scoring::{Control, Decision, ModelScore, Role, Thresholds};

use super::*;
use crate::fixture::{Backend, backends, decided, event_in, event_of, label, project, record, sample, time};
use crate::questions::Days;
use crate::warehouse::ParquetWarehouse;

fn said(version: u32, role: Role, probability: f64) -> ModelScore {
    ModelScore { name: "card_fraud".to_owned(), version, role, raw_probability: probability, probability }
}

/// A number between 0 and 1, in no order that matters.
fn noise(number: u32, of: u32) -> f64 {
    f64::from(number.wrapping_mul(2_654_435_761).wrapping_add(of.wrapping_mul(40_503)) >> 8 & 0xffff) / 65_536.0
}

/// Events that version 7 decided while version 8 looked on. Every fifth is bad; `knows` says how well each tells.
fn records(events: u32, knows: [f64; 2]) -> Vec<Record> {
    records_where(events, knows, |_| true, 1)
}

/// The same, where the challenger answers some events only, and so many events of a card are all alike.
fn records_where(events: u32, knows: [f64; 2], answers: fn(u32) -> bool, alike: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..events {
        let position = records.len() as u64;
        let card = number / alike;
        let (id, bad) = (format!("e{number}"), card.is_multiple_of(5));
        let at = format!("2018-08-{:02}T10:00:00Z", number * 20 / events + 1);
        let known = format!("2018-08-{:02}T12:00:00Z", number * 20 / events + 2);
        let score = |place: usize| {
            let risk = if bad { knows[place] } else { 0.0 };
            (0.5 * risk + 0.5 * noise(card, place as u32 + 1)).clamp(0.0, 1.0)
        };
        records.push(event_of(position, &id, time(&at), 1_000, &format!("card_{card}")));
        let decision = Decision {
            champion: Some(said(7, Role::Champion, score(0))),
            thresholds: Thresholds { review: 860, decline: 900 },
            ..sample(position, &id, &at)
        };
        records.push(decided(position + 1, &decision));
        let shadow = ShadowScores {
            event_id: decision.event_id.clone(),
            event_position: Position(position),
            occurred_at: time(&at),
            scores: vec![said(8, Role::Challenger, score(1))],
        };
        if answers(number) {
            records.push(record(position + 2, Topic::Shadow, &shadow.encode()));
        }
        records.push(label(records.len() as u64, &id, if bad { "fraud" } else { "legit" }, &known));
    }
    records
}

fn filled(folder: &tempfile::TempDir, records: &[Record]) -> ParquetWarehouse {
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    warehouse.append(&project(records)).unwrap();
    warehouse
}

fn request() -> Request {
    let (model, currency) = ("card_fraud".to_owned(), Currency::default());
    Request { model, champion: 7, challenger: 8, period: Days::ALL.into(), as_of: None, currency }
}

/// Approvals of models as different as these are another matter.
fn policy() -> Policy {
    Policy { rounds: 50, max_approval_change: 1.0, ..Policy::default() }
}

/// What a warehouse of each kind says, which is the same.
async fn compared(records: &[Record], policy: &Policy) -> Comparison {
    let mut found: Vec<Comparison> = Vec::new();
    for Backend { warehouse, name, .. } in backends() {
        warehouse.append(&project(records)).unwrap();
        let judged_by = performance::Policy::default();
        let of_this = compare(&*warehouse, &request(), Inputs::default(), policy, &judged_by).await.unwrap();
        found.iter().for_each(|other| assert_eq!(&of_this, other, "{name}"));
        found.push(of_this);
    }
    found.swap_remove(0)
}

#[tokio::test]
async fn one_that_is_better_is_promoted_and_one_that_is_not_is_kept_out() {
    let better = compared(&records(1_500, [0.3, 0.9]), &policy()).await;
    assert_eq!(better.finding.verdict, Verdict::Promote, "{:?}", better.finding);
    assert_eq!((better.events, better.outcomes.bad, better.state), (1_500, 300, State::Mature));
    assert!(better.contest.average_precision.at_every_look.interval().unwrap().lower > 0.0);
    assert_eq!((better.days.len(), better.mature_at), (20, 0.9));
    let worse = compared(&records(1_500, [0.9, 0.3]), &policy()).await;
    assert_eq!((worse.finding.verdict, worse.finding.summary.as_str()), (Verdict::Keep, "keep"), "{:?}", worse.finding);
    assert!(worse.finding.reasons[0].starts_with("average precision: -"), "{:?}", worse.finding);
}

#[tokio::test]
async fn too_little_says_how_much_more() {
    let few = compared(&records(100, [0.3, 0.9]), &policy()).await;
    assert_eq!(few.finding.verdict, Verdict::NeedMore { bad: Some(30), labels: Some(150) }, "{:?}", few.finding);
    assert_eq!(few.finding.summary, "need 150 more labels, 30 of them bad");
    // Three events of each card: 30 bad ones are of ten cards, and forty more cards have three each.
    let of_cards = Policy { entity: Some("card".to_owned()), ..policy() };
    let few = compared(&records_where(150, [0.3, 0.9], |_| true, 3), &of_cards).await;
    assert_eq!(few.finding.verdict, Verdict::NeedMore { bad: Some(120), labels: Some(600) }, "{:?}", few.finding);
    assert_eq!(few.finding.reasons[0], "bad events of 10 entities are known, and below 50 nothing is said");
    let alike = compared(&records(1_500, [0.2, 0.2]), &Policy { least_gain: 0.001, ..policy() }).await;
    let Verdict::NeedMore { bad: Some(bad), labels: Some(labels) } = alike.finding.verdict else { panic!("{:?}", alike.finding) };
    assert_eq!(labels, bad * 5);
}

#[tokio::test]
async fn a_broken_guardrail_keeps_it_out() {
    let policy = Policy { max_approval_change: 0.001, ..policy() };
    let better = compared(&records(1_500, [0.3, 0.9]), &policy).await;
    assert_eq!(better.finding.verdict, Verdict::Keep);
    assert!(better.finding.reasons[0].starts_with("guardrail approval rate: -"), "{:?}", better.finding);
    let state = |name: GuardrailName| better.guardrails.iter().find(|each| each.name == name).unwrap().state;
    assert_eq!(state(GuardrailName::Latency), GuardrailState::NoData, "it only looked on");
    assert_eq!(state(GuardrailName::Unscored), GuardrailState::Holds);
    // A third of the events has no score of the challenger.
    let found = compared(&records_where(1_500, [0.6, 0.6], |number| number % 3 != 1, 1), &self::policy()).await;
    assert_eq!((found.finding.verdict, found.events), (Verdict::Keep, 1_000), "{:?}", found.finding);
    assert!(found.finding.reasons[0].starts_with("guardrail events without a score: 0.33"), "{:?}", found.finding);
}

/// A challenger beside 7, with a limit for what it approves.
fn declared(challenger: u32, approval_rate_change: Option<f64>) -> Control {
    let guardrails = Guardrails {
        approval_rate_change,
        latency_p99_ms: None,
        error_share: Some(0.5),
        minimum_events: 200,
        window: ingest::Duration::seconds(60),
    };
    let experiment = Experiment {
        name: format!("beside_{challenger}"),
        model: "card_fraud".to_owned(),
        champion: 7,
        challenger,
        share_percent: 0,
        guardrails: Some(guardrails),
        planned_end: None,
    };
    let at = time("2018-08-01T00:00:00Z");
    Control::Experimented { experiments: vec![experiment], by: "ada".to_owned(), reason: String::new(), at }
}

#[tokio::test]
async fn guardrails_of_a_declared_experiment_go_before_those_of_the_file() {
    let with = |changes: &[Control]| {
        let mut records = records(1_500, [0.3, 0.9]);
        let next = records.len() as u64;
        records.extend((next..).zip(changes).map(|(position, change)| record(position, Topic::Control, &change.encode())));
        records
    };
    let limits = |found: &Comparison| {
        let limit = |name| found.guardrails.iter().find(|each| each.name == name).unwrap().limit;
        (limit(GuardrailName::ApprovalRate), limit(GuardrailName::Unscored))
    };
    let check = async |changes: &[Control], expect: (f64, f64), why: &str| {
        assert_eq!(limits(&compared(&with(changes), &policy()).await), expect, "{why}");
    };
    check(&[], (1.0, 0.01), "the file's").await;
    check(&[declared(8, Some(0.001))], (0.001, 0.5), "the experiment's").await;
    check(&[declared(8, Some(0.001)), declared(8, None)], (1.0, 0.5), "the last one holds").await;
    check(&[declared(9, Some(0.001))], (1.0, 0.01), "of another challenger").await;
    let (by, reason, at) = ("bob".to_owned(), String::new(), time("2018-08-01T00:00:00Z"));
    let approved = Control::Approved { id: 1, changes: vec![declared(8, Some(0.002))], by, reason, at };
    for Backend { warehouse, name, .. } in backends() {
        warehouse.append(&project(&with(&[declared(8, None), approved.clone()]))).unwrap();
        let judged_by = performance::Policy::default();
        let found = compare(&*warehouse, &request(), Inputs::default(), &policy(), &judged_by).await.unwrap();
        assert_eq!(limits(&found), (0.002, 0.5), "by two people, in {name}");
    }
}

#[tokio::test]
async fn what_an_entity_does_again_and_again_is_not_known_any_better() {
    for Backend { warehouse, name, .. } in backends() {
        warehouse.append(&project(&records_where(900, [0.3, 0.4], |_| true, 3))).unwrap();
        let compared = async |entity: Option<&str>| {
            let policy = Policy { entity: entity.map(str::to_owned), rounds: 200, ..policy() };
            let judged_by = performance::Policy::default();
            compare(&*warehouse, &request(), Inputs::default(), &policy, &judged_by).await.unwrap().contest
        };
        let errors = |of: &Contest| [of.auc, of.average_precision].map(|lead| lead.standard_error.unwrap());
        let (apart, cards, terminals) = (compared(None).await, compared(Some("card")).await, compared(Some("terminal")).await);
        assert_eq!((apart.entities, cards.entities, terminals.entities), (None, Some(300), Some(900)), "{name}");
        let bad = [&apart, &cards, &terminals].map(|of| (of.bad, of.bad_entities));
        assert_eq!(bad, [(180, None), (180, Some(60)), (180, Some(180))], "{name}");
        assert_eq!(apart.auc.difference.point(), cards.auc.difference.point(), "{name}");
        for (wide, narrow) in errors(&cards).into_iter().zip(errors(&apart)) {
            assert!((1.5..2.0).contains(&(wide / narrow)), "three alike are one, so it is 1.7 times: {wide} {narrow} in {name}");
        }
        // No event has a terminal: each is its own.
        assert!((errors(&terminals)[0] - errors(&apart)[0]).abs() < 1e-12, "{name}");
    }
}

#[tokio::test]
async fn flips_are_counted_by_what_they_turned_out_to_be() {
    let found = compared(&records(500, [0.3, 0.9]), &policy()).await;
    assert_eq!(found.flips.len(), 9);
    assert_eq!(found.flips.iter().map(|flip| flip.events).sum::<u64>(), 500);
    let more = |flip: &&Flip| flip.challenger > flip.champion;
    let fewer = |flip: &&Flip| flip.challenger < flip.champion;
    let bad = |flips: Vec<&Flip>| flips.iter().map(|flip| flip.outcomes.bad).sum::<u64>();
    assert!(bad(found.flips.iter().filter(more).collect()) > bad(found.flips.iter().filter(fewer).collect()));
}

#[tokio::test]
async fn money_in_another_currency_is_in_no_figure() {
    const EVENTS: u64 = 500;
    let plain = records(EVENTS as u32, [0.3, 0.9]);
    let mut mixed = plain.clone();
    // Every fourth is in yen. An event, its decision, what the challenger says and its label follow on one another.
    for number in (0..EVENTS).step_by(4) {
        let at = format!("2018-08-{:02}T10:00:00Z", number * 20 / EVENTS + 1);
        mixed[number as usize * 4] = event_in(number * 4, &format!("e{number}"), &at, 1_000, "JPY");
    }
    let (plain, mixed) = (compared(&plain, &policy()).await, compared(&mixed, &policy()).await);
    let moved = |found: &Comparison| found.flips.iter().map(|flip| flip.amount_minor).sum::<i64>();
    assert_eq!((plain.currency, plain.other_currency, moved(&plain)), (Currency::default(), 0, 500_000));
    assert_eq!((mixed.currency, mixed.other_currency, moved(&mixed)), (Currency::default(), 125, 375_000));
    assert_eq!((mixed.events, mixed.contest.auc), (plain.events, plain.contest.auc), "they count");
}

#[tokio::test]
async fn a_period_is_exact_to_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    // Five a day, at ten.
    let warehouse = filled(&folder, &records(100, [0.3, 0.9]));
    let policy = Policy { entity: Some("card".to_owned()), ..policy() };
    let check = async |from: &str, until: &str, expect: Option<(u64, &str, &str)>| {
        let request = Request { period: Period { from: time(from), until: time(until) }, ..request() };
        let judged_by = performance::Policy::default();
        let found = compare(&warehouse, &request, Inputs::default(), &policy, &judged_by).await.unwrap();
        let bounds = found.from.zip(found.to).map(|(first, last)| (found.events, first.date(), last.date()));
        let expect = expect.map(|(events, first, last)| (events, first.to_owned(), last.to_owned()));
        assert_eq!(bounds, expect, "{from} {until}");
    };
    check("2018-08-03T10:00:00Z", "2018-08-05T10:00:00Z", Some((10, "2018-08-03", "2018-08-04"))).await;
    check("2018-08-03T10:00:00.000001Z", "2018-08-05T10:00:00Z", Some((5, "2018-08-04", "2018-08-04"))).await;
    check("2018-08-03T10:00:00Z", "2018-08-05T10:00:00.000001Z", Some((15, "2018-08-03", "2018-08-05"))).await;
    check("2018-08-03T11:00:00Z", "2018-08-03T12:00:00Z", None).await;
}

#[tokio::test]
async fn nothing_to_compare_is_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = filled(&folder, &records(10, [0.5, 0.5]));
    let ask = async |request: Request| {
        compare(&warehouse, &request, Inputs::default(), &policy(), &performance::Policy::default()).await
    };
    let unknown = ask(Request { challenger: 9, ..request() }).await.unwrap();
    assert_eq!((unknown.state, unknown.events), (State::NoData, 0));
    assert_eq!(unknown.finding.reasons[0], "card_fraud 9 scored no event in this time: it must run as a challenger first");
    let unknown = ask(Request { champion: 3, ..request() }).await.unwrap();
    assert_eq!(unknown.finding.reasons[0], "card_fraud 3 scored none of the events that card_fraud 8 did");
    let same = ask(Request { challenger: 7, ..request() }).await.unwrap_err();
    assert_eq!(same.to_string(), "card_fraud 7 cannot be compared with itself");
}

#[test]
fn inputs_that_mean_two_things_are_refused() {
    let about = |features: &[(&str, &str)]| scoring::registry::About {
        format: 3,
        name: "card_fraud".to_owned(),
        learner: "boosting".to_owned(),
        settings: serde_json::Value::Null,
        features_version: String::new(),
        features: features.iter().map(|feature| feature.0.to_owned()).collect(),
        feature_versions: features.iter().map(|feature| feature.1.to_owned()).collect(),
        trained_on: (time("2018-08-01"), time("2018-08-02")),
        label_delay: None,
        dataset: String::new(),
        rows: 0,
        bad_rows: 0,
        metrics: BTreeMap::new(),
        program: String::new(),
        scale: None,
    };
    let check = |champion: &[(&str, &str)], challenger: &[(&str, &str)]| {
        Inputs::new(&about(champion), &about(challenger)).map(|inputs| inputs.difference()).map_err(|error| error.to_string())
    };
    assert_eq!(check(&[("a", "1"), ("b", "1")], &[("b", "1"), ("a", "1")]), Ok(None));
    let differs = "only the champion reads a; only the challenger reads c";
    assert_eq!(check(&[("a", "1"), ("b", "1")], &[("b", "1"), ("c", "1")]), Ok(Some(differs.to_owned())));
    let refused = "the two cannot be compared on the same events: a is defined otherwise for each";
    assert_eq!(check(&[("a", "1")], &[("a", "2")]), Err(refused.to_owned()));
}

#[tokio::test]
async fn points_say_what_was_known_on_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = filled(&folder, &records(500, [0.3, 0.9]));
    let judged_by = performance::Policy::default();
    let found = compare(&warehouse, &request(), Inputs::default(), &policy(), &judged_by).await.unwrap();
    write_points(&warehouse, &found).unwrap();
    write_points(&warehouse, &found).unwrap();
    let points = crate::points::read::<crate::points::ExperimentPoint>(&warehouse, Days::ALL).await.unwrap();
    let metrics: Vec<&str> = points.iter().map(|filed| filed.point.metric.as_str()).collect();
    assert_eq!(metrics[..3], ["auc", "average_precision", "review_money_stopped_minor"]);
    assert_eq!(metrics.len(), 6);
    let auc = &points[0];
    assert_eq!((auc.series.as_str(), auc.window_start), ("card_fraud 7 8", time("2018-08-21")));
    assert_eq!((auc.point.difference, auc.point.n, auc.point.bad), (found.contest.auc.difference.point(), 500, 100));
    assert_eq!(auc.point.low, found.contest.auc.at_every_look.interval().map(|interval| interval.lower));
}
