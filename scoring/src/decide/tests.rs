//! The order in which lists, rules, scores and failures have their say.

use std::sync::Arc;

use ingest::{Amount, Currency, EventId};

use super::*;
use crate::control::{Control, State};
use crate::lists::Entry;
use crate::model::{Linear, Model, Scorer};
use crate::registry::{Artifact, Published};
use crate::rules::Rule;

const PIPELINE: &str = r#"
    name = "tests"
    [event]
    type = "card_payment"
    event_id = {}
    event_time = {}
    amount_minor = {}
    [event.entities]
    customer = {}
    [event.attributes]
    ip = { type = "text", required = false }
    [model]
    name = "card_fraud"
    review_entity = "customer"
    [policy]
    review = 700
    decline = 900
    on_failure = "review"
    [[features]]
    name = "amount_minor"
    kind = "value"
    of = "amount_minor"
    [[lists]]
    name = "blocked"
    kind = "block"
    of = "customer"
    [[lists]]
    name = "trusted"
    kind = "allow"
    of = "customer"
    [[lists]]
    name = "odd_networks"
    kind = "watch"
    of = "ip"
    [[reasons]]
    feature = "amount_minor"
    code = "AMOUNT"
    text = "{money}, usually {usual_money}"
"#;

fn pipeline() -> Arc<Pipeline> {
    Arc::new(Pipeline::parse(PIPELINE, "tests.toml").expect("the pipeline above"))
}

/// One that says the same probability of everything that has an amount.
fn model(pipeline: &Pipeline, version: u32, probability: f64) -> Arc<LoadedModel> {
    let intercept = (probability / (1.0 - probability)).ln() - 1.0;
    let linear = Linear { intercept, weights: vec![0.01], means: vec![0.0], deviations: vec![1.0] };
    let published = Published { at: Timestamp::from_micros(0), by: "tests".to_owned() };
    let scorer = Scorer::plain(Model::Linear(linear));
    let artifact = Artifact::foreign("card_fraud", "tests", vec!["amount_minor".to_owned()], &pipeline.plan, scorer, published)
        .expect("it fits");
    Arc::new(LoadedModel::new(artifact, version, pipeline).expect("it fits"))
}

fn case(customer: &str, ip: Option<&str>) -> Case {
    Case {
        event: Event {
            event_id: EventId::new("e1").expect("short"),
            occurred_at: Timestamp::from_micros(0),
            amount: Amount::new(100, Currency::new("EUR").expect("a code")),
            entities: vec![Some(customer.into())],
            attributes: vec![ip.map(|ip| ingest::Value::Text(ip.into()))],
            supersedes: None,
        },
        position: Position(5),
        received_at: Timestamp::from_micros(1),
        vector: vec![100.0],
        outcome: features::Outcome { placement: features::Placement::InOrder, coarse: 0, refused: 0 },
    }
}

fn listed(list: &str, value: &str) -> Control {
    let entry: Entry = serde_json::from_str(&format!(r#"{{"value":"{value}","reason":"said so"}}"#)).expect("an entry");
    Control::Listed { list: list.to_owned(), entries: vec![entry], by: "ada".to_owned(), at: Timestamp::from_micros(0) }
}

fn ruled(id: &str, rest: &str) -> Control {
    let text = format!(r#"{{"id":"{id}","name":"{id}","author":"ada","when":"event.amount_minor > 10",{rest}}}"#);
    let rule: Rule = serde_json::from_str(&text).expect("a rule");
    Control::Ruled { rules: vec![rule], by: "ada".to_owned(), at: Timestamp::from_micros(0) }
}

fn promoted() -> Control {
    let (name, by, reason) = ("card_fraud".to_owned(), "ada".to_owned(), String::new());
    Control::Promoted { name, version: 1, by, reason, at: Timestamp::from_micros(0) }
}

fn challenged(version: u32, share_percent: u8) -> Control {
    let (name, by, reason) = ("card_fraud".to_owned(), "ada".to_owned(), String::new());
    Control::Challenged { name, version, share_percent, by, reason, at: Timestamp::from_micros(0) }
}

/// Version 1 of the model says 20 % (score 768), versions 2 and 3 say 80 %.
fn deciders(controls: &[Control]) -> (Deciders, Vec<Problem>) {
    let pipeline = pipeline();
    let mut state = State::default();
    controls.iter().for_each(|control| state.apply(control.clone(), Position(0)));
    Deciders::new(&state, &pipeline, &mut |_, version| match version {
        1 => Ok(model(&pipeline, 1, 0.2)),
        2 | 3 => Ok(model(&pipeline, version, 0.8)),
        _ => Err(crate::Error::NotReady),
    })
}

fn decision(case: Case, controls: &[Control]) -> Decision {
    let (deciders, problems) = deciders(controls);
    assert!(problems.is_empty(), "{problems:?}");
    let said = ask(&case, &deciders);
    decide(case, said, &deciders, Reasons::Needed, Timestamp::from_micros(2))
}

#[test]
fn who_has_the_last_word() {
    let check = |controls: &[Control], expect: (Verdict, Option<u16>, Ground)| {
        let decision = decision(case("cus_1", Some("203.0.113.7")), controls);
        assert_eq!((decision.decision, decision.score, decision.ground), expect, "{controls:?}");
    };
    let rule = |id: &str| Ground::Rule(id.to_owned());
    let list = |name: &str| Ground::List(name.to_owned());
    use Verdict::{Approve, Decline, Review};
    check(&[], (Review, None, Ground::OnFailure));
    check(&[promoted()], (Review, Some(779), Ground::Score));
    let active = |action: &str| format!(r#""state":"active","action":"{action}""#);
    check(&[promoted(), ruled("r", &active("decline"))], (Decline, Some(779), rule("r")));
    check(&[ruled("r", &active("decline"))], (Decline, None, rule("r")));
    check(&[promoted(), ruled("r", &active("approve"))], (Review, Some(779), Ground::Score));
    check(&[promoted(), ruled("r", r#""state":"shadow","action":"decline""#)], (Review, Some(779), Ground::Score));
    check(&[promoted(), ruled("r", r#""state":"active","score_modifier":200"#)], (Decline, Some(979), Ground::Score));
    check(&[promoted(), ruled("r", r#""state":"active","score_modifier":-200"#)], (Approve, Some(579), Ground::Score));
    check(&[promoted(), ruled("r", r#""state":"active","score_modifier":900"#)], (Decline, Some(1000), Ground::Score));
    let low = ruled("low", r#""state":"active","score_modifier":-500"#);
    check(&[promoted(), low.clone(), listed("odd_networks", "203.0.113.0/24")], (Review, Some(279), list("odd_networks")));
    check(&[promoted(), listed("trusted", "cus_*")], (Approve, Some(779), list("trusted")));
    check(&[promoted(), listed("trusted", "cus_*"), ruled("r", &active("decline"))], (Approve, Some(779), list("trusted")));
    check(&[promoted(), listed("trusted", "cus_*"), listed("blocked", "cus_1")], (Decline, Some(779), list("blocked")));
    check(&[promoted(), listed("blocked", "cus_2")], (Review, Some(779), Ground::Score));
}

#[test]
fn why_no_model_scored_is_said() {
    let (without, _) = deciders(&[]);
    assert_eq!(ask(&case("a", None), &without).err(), Some(Degradation::NoModel));
    let (with, _) = deciders(&[promoted()]);
    let nothing = Case { vector: vec![f64::INFINITY], ..case("a", None) };
    assert!(ask(&nothing, &with).is_ok_and(|said| said.probability == 1.0));
    let decision = decide(case("a", None), Err(Degradation::OutOfTime), &with, Reasons::All, Timestamp::from_micros(2));
    assert_eq!((decision.engine_mode, decision.degradation), (EngineMode::Degraded, Some(Degradation::OutOfTime)));
    assert!(decision.reasons.is_empty() && decision.champion.is_none());
}

#[test]
fn what_cannot_be_used_is_told_and_left_out() {
    let gone = Control::Promoted {
        name: "card_fraud".to_owned(),
        version: 9,
        by: "ada".to_owned(),
        reason: String::new(),
        at: Timestamp::from_micros(0),
    };
    let wrong = serde_json::from_str::<Rule>(
        r#"{"id":"old","name":"old","author":"ada","when":"no_such_feature > 1","action":"decline","state":"active"}"#,
    );
    let wrong = Control::Ruled { rules: vec![wrong.expect("a rule")], by: "ada".to_owned(), at: Timestamp::from_micros(0) };
    let good = ruled("good", r#""state":"active","action":"decline""#);
    let (deciders, problems) = deciders(&[gone, wrong, good]);
    let what: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(what, ["model card_fraud 9", "rule old"]);
    assert!(deciders.champion.is_none());
    assert_eq!(deciders.rules.asked().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn a_share_of_the_entities_is_a_challengers() {
    let of = |share: u8| -> Vec<String> {
        let (deciders, _) = deciders(&[promoted(), challenged(2, share)]);
        let customers = (0..2_000).map(|number| format!("cus_{number}"));
        let is_shared =
            |customer: &String| deciders.model_for(&case(customer, None).event).expect("a model").1 == Role::Challenger;
        customers.filter(is_shared).collect()
    };
    assert_eq!(of(0).len(), 0);
    let (ten, thirty) = (of(10), of(30));
    assert!((150..250).contains(&ten.len()) && (520..680).contains(&thirty.len()), "{} {}", ten.len(), thirty.len());
    assert!(ten.iter().all(|customer| thirty.contains(customer)), "who was in a share stays while it grows");
    let decided = decision(case(&ten[0], None), &[promoted(), challenged(2, 10)]);
    let model = decided.champion.expect("a model");
    assert_eq!((model.role, model.version, decided.decision), (Role::Challenger, 2, Verdict::Decline));
}

#[test]
fn what_a_challenger_decides_for_stays_its_own_whatever_others_do() {
    let gone = |version: u32| Control::Withdrawn {
        name: "card_fraud".to_owned(),
        version,
        by: "ada".to_owned(),
        reason: String::new(),
        at: Timestamp::from_micros(0),
    };
    let customers: Vec<_> = (0..1_000).map(|number| case(&format!("cus_{number}"), None).event).collect();
    let of = |version: u32, controls: &[Control]| -> Vec<usize> {
        let (deciders, _) = deciders(controls);
        let is_its = |event: &ingest::Event| deciders.model_for(event).is_some_and(|(model, _)| model.version == version);
        (0..customers.len()).filter(|number| is_its(&customers[*number])).collect()
    };
    let holds = |of_it: &[usize], all: &[usize]| of_it.iter().all(|customer| all.contains(customer));
    let mut controls = vec![promoted(), challenged(2, 10), challenged(3, 10)];
    let (second, third) = (of(2, &controls), of(3, &controls));
    assert!(!second.is_empty() && !third.is_empty() && !second.iter().any(|customer| third.contains(customer)));
    controls.push(challenged(2, 20));
    let grown = of(2, &controls);
    assert!(holds(&second, &grown) && grown.len() > second.len());
    assert_eq!(of(3, &controls), third, "another's growth takes nothing away");
    controls.push(challenged(2, 20));
    assert_eq!((of(2, &controls), of(3, &controls)), (grown.clone(), third.clone()), "said again it changes nothing");
    controls.push(challenged(2, 5));
    assert!(holds(&of(2, &controls), &second));
    controls.push(gone(2));
    assert_eq!((of(2, &controls).len(), of(3, &controls)), (0, third.clone()), "nor does another's end");
    controls.push(challenged(2, 10));
    let again = of(2, &controls);
    assert!(!again.iter().any(|customer| grown.contains(customer) || third.contains(customer)), "the next one gets others");
}

#[test]
fn reasons_have_the_decimals_of_the_currency() {
    let said = |currency: &str| {
        let amount = "    amount_minor = {}\n";
        let text = PIPELINE.replace(amount, &format!("{amount}    default_currency = \"{currency}\"\n"));
        let reasons = Pipeline::parse(&text, "tests.toml").expect("the pipeline above").reasons;
        reasons.all(&[123_456.0], &[0.5], &[f64::NAN]).remove(0).text
    };
    let expect = ["1234.56, usually unknown", "123456, usually unknown", "123.456, usually unknown"];
    assert_eq!(["USD", "JPY", "KWD"].map(said), expect);
}

#[test]
fn reasons_are_those_that_are_wanted() {
    let (with, _) = deciders(&[promoted(), listed("trusted", "friend")]);
    let texts = |customer: &str, wanted: Reasons| {
        let case = case(customer, None);
        let said = ask(&case, &with);
        let decision = decide(case, said, &with, wanted, Timestamp::from_micros(2));
        decision.reasons.into_iter().map(|reason| reason.text).collect::<Vec<_>>()
    };
    let all = ["1.00, usually unknown"];
    assert_eq!(texts("cus_1", Reasons::Needed), all);
    assert!(texts("friend", Reasons::Needed).is_empty(), "it was approved");
    assert_eq!(texts("friend", Reasons::Top), all);
    assert_eq!(texts("friend", Reasons::All), all);
    assert!(texts("cus_1", Reasons::None).is_empty());
}
