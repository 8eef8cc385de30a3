//! Changes by two people, experiments and the way back, on a real log.

use super::*;
use crate::control::{Control, Experiment, May, Outcome as Ending, Person, Stage};
use crate::rules::Rule;

fn ada() -> Person {
    Person::named("ada")
}

fn bob() -> Person {
    Person::named("bob")
}

/// An engine with so many versions of a model, the first of which is champion.
async fn with_versions(folder: &Path, versions: u32) -> (Arc<Engine>, Arc<dyn Log>) {
    let (engine, log) = start(folder, &pipeline("review"));
    let registry = FileRegistry::open(&folder.join("registry")).expect("a registry");
    for _ in 0..versions {
        registry.publish(&artifact(engine.pipeline())).expect("published");
    }
    let first = engine.make(ada(), "to have one", |_| Ok((vec![promoted(1, "ada")], ()))).await.expect("promoted");
    assert!(matches!(first, Made::Now(())), "nobody else is asked for the first");
    (engine, log)
}

fn promoted(version: u32, by: &str) -> Control {
    Control::Promoted { name: "card_fraud".to_owned(), version, by: by.to_owned(), reason: "better".to_owned(), at: NOW }
}

fn challenged(version: u32, share_percent: u8) -> Control {
    let (name, by, reason) = ("card_fraud".to_owned(), "ada".to_owned(), String::new());
    Control::Challenged { name, version, share_percent, by, reason, at: NOW }
}

fn withdrawn(version: u32) -> Control {
    let (name, by, reason) = ("card_fraud".to_owned(), "ada".to_owned(), String::new());
    Control::Withdrawn { name, version, by, reason, at: NOW }
}

fn ruled(version: u32, state: &str) -> Control {
    let text = format!(
        r#"{{"id":"r","version":{version},"name":"r","author":"ada","when":"event.amount_minor > 10","action":"review","state":"{state}"}}"#
    );
    let rule: Rule = serde_json::from_str(&text).expect("a rule");
    Control::Ruled { rules: vec![rule], by: "ada".to_owned(), at: NOW }
}

/// Makes a change; the number of the proposal where it waits.
async fn make(engine: &Arc<Engine>, person: Person, control: Control) -> Result<Option<u32>, Error> {
    let made = engine.make(person, "because", |_| Ok((vec![control], ()))).await?;
    Ok(match made {
        Made::Now(()) => None,
        Made::Waits(proposal) => Some(proposal.id),
    })
}

fn champion(engine: &Engine) -> u32 {
    engine.champion().expect("a champion").version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_takes_two() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = with_versions(folder.path(), 2).await;
    let id = make(&engine, ada(), promoted(2, "ada")).await.expect("proposed").expect("it waits");
    assert_eq!(champion(&engine), 1);
    for own in ["ada", "Ada "] {
        let error = engine.approve(id, Person::named(own), "").await.expect_err("it is her own");
        assert!(matches!(error, Error::OwnProposal { .. }), "{error}");
        assert!(engine.reject(id, Person::named(own), "").await.is_err());
    }
    assert!(matches!(engine.recall(id, bob(), "").await, Err(Error::NotProposer { .. })));
    assert!(matches!(engine.approve(9, bob(), "").await, Err(Error::NoProposal { id: 9 })));

    // It waits over a restart.
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, log) = start(folder.path(), &pipeline("review"));
    assert_eq!(champion(&engine), 1);
    let approved = engine.approve(id, bob(), "checked").await.expect("approved");
    assert_eq!((champion(&engine), approved.stage.name()), (2, "approved"));
    let scored = engine.score(event("e", 1, 100), NOW, Terms::default()).await.expect("scored");
    assert_eq!(scored.decision.champion.expect("a model").version, 2, "from the next decision on");
    assert!(matches!(engine.approve(id, bob(), "").await, Err(Error::Settled { stage: "approved", .. })));
    let (_, roles) = engine.models().await.expect("roles");
    let last = roles.last().expect("changes");
    assert_eq!((last.version, last.by.as_str(), last.approved_by.as_deref()), (2, "ada", Some("bob")));
    let replayed = engine.replay(EventId::new("e").expect("short")).await.expect("replayed").expect("decided");
    assert_eq!(replayed.differences, []);

    let held = engine.control();
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    assert_eq!((champion(&engine), engine.control()), (2, held));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_or_is_gone_is_not_approved() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = with_versions(folder.path(), 3).await;
    let second = make(&engine, ada(), promoted(2, "ada")).await.expect("proposed").expect("it waits");
    let third = make(&engine, ada(), promoted(3, "ada")).await.expect("proposed").expect("it waits");
    std::fs::rename(folder.path().join("registry/card_fraud/2"), folder.path().join("away")).expect("moved");
    let error = engine.approve(second, bob(), "").await.expect_err("it is gone");
    assert!(error.to_string().contains("has no version 2"), "{error}");
    std::fs::rename(folder.path().join("away"), folder.path().join("registry/card_fraud/2")).expect("moved");
    engine.approve(second, bob(), "").await.expect("it is back");
    let error = engine.approve(third, bob(), "").await.expect_err("the champion is another");
    assert_eq!(
        error.to_string(),
        "the champion has changed since it was proposed: it was card_fraud 1, and is card_fraud 2; propose it again"
    );
    let rejected = engine.reject(third, bob(), "too late").await.expect("rejected");
    assert_eq!(rejected.stage.settled().map(|settled| settled.reason.as_str()), Some("too late"));

    let active = make(&engine, ada(), ruled(1, "active")).await.expect("proposed").expect("it waits");
    assert_eq!(make(&engine, bob(), ruled(1, "shadow")).await.expect("made"), None);
    let error = engine.approve(active, bob(), "").await.expect_err("the rule is another").to_string();
    assert!(error.starts_with("rule r has changed since it was proposed: it was not there, and is version 1"), "{error}");
    assert!(engine.recall(active, ada(), "").await.is_ok_and(|proposal| matches!(proposal.stage, Stage::Recalled(_))));
    let unknown = make(&engine, ada(), promoted(7, "ada")).await.expect_err("there is none");
    assert!(unknown.to_string().contains("has no version 7"), "refused before it is proposed: {unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_alters_no_decision_needs_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = with_versions(folder.path(), 3).await;
    let waits = async |person: Person, control: Control| make(&engine, person, control).await.expect("taken").is_some();
    let propose = || Person { may: May::Propose, ..Person::named("eve") };
    assert!(!waits(ada(), ruled(1, "shadow")).await);
    assert!(waits(ada(), ruled(2, "active")).await);
    assert!(!waits(Person::anybody(), ruled(2, "active")).await, "nobody is told from anybody");
    assert!(waits(ada(), ruled(3, "paused")).await, "it counted");
    assert!(!waits(ada(), challenged(2, 0)).await);
    assert!(waits(ada(), challenged(2, 10)).await);
    assert!(!waits(propose(), challenged(3, 0)).await);
    assert!(waits(propose(), challenged(3, 1)).await);
    assert!(!waits(ada(), withdrawn(2)).await);
    assert!(waits(ada(), Control::Governed { policy: engine.pipeline().policy.clone(), by: "ada".to_owned(), at: NOW }).await);

    // Where the pipeline asks for less, one person changes the rest; who may only propose does not.
    let text = format!("{PIPELINE}\n[governance]\nfour_eyes = [\"models\"]\n");
    engine.reload(Pipeline::parse(&text, "tests.toml").expect("a pipeline")).await.expect("taken");
    assert!(!waits(ada(), ruled(3, "active")).await);
    assert!(waits(propose(), ruled(4, "paused")).await);
    assert!(waits(ada(), promoted(2, "ada")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_of_people_hold_until_the_file_says_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = with_versions(folder.path(), 1).await;
    let policy = crate::policy::Policy { review: 100, ..engine.pipeline().policy.clone() };
    let control = Control::Governed { policy: policy.clone(), by: "ada".to_owned(), at: NOW };
    let id = make(&engine, ada(), control).await.expect("proposed").expect("it waits");
    engine.approve(id, bob(), "").await.expect("approved");
    let wrong = crate::policy::Policy { review: 950, ..policy.clone() };
    let refused = make(&engine, ada(), Control::Governed { policy: wrong, by: "ada".to_owned(), at: NOW }).await;
    assert!(refused.expect_err("it cannot be").to_string().contains("decline = 900 is below review = 950"));
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, log) = start(folder.path(), &pipeline("review"));
    assert_eq!(engine.deciders().policy.review, 100);
    engine.stop().await.expect("stopped");
    drop((engine, log));
    let (engine, _log) = start(folder.path(), &pipeline("approve"));
    assert_eq!(engine.deciders().policy.review, 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_back_goes_one_further() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = with_versions(folder.path(), 3).await;
    for version in [2, 2, 3] {
        engine.promote("card_fraud", version, "ada", "better").await.expect("promoted");
    }
    for expect in [2, 1] {
        let returned = engine.roll_back("ada", "it approves too much").await.expect("one was before");
        assert_eq!((returned.version, champion(&engine)), (expect, expect));
    }
    assert!(matches!(engine.roll_back("ada", "again").await, Err(Error::NoFormer)));
    let (_, roles) = engine.models().await.expect("roles");
    assert_eq!(crate::control::role(&roles, "card_fraud", 1), crate::control::Role::Champion);
    assert_eq!(crate::control::role(&roles, "card_fraud", 3), crate::control::Role::Retired);
    assert!(make(&engine, ada(), promoted(3, "ada")).await.expect("proposed").is_some(), "forward it takes two again");
}

#[tokio::test(flavor = "multi_thread")]
async fn experiments_run_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = with_versions(folder.path(), 4).await;
    let experiment = |name: &str, champion: u32, challenger: u32, share_percent: u8| Experiment {
        name: name.to_owned(),
        model: "card_fraud".to_owned(),
        champion,
        challenger,
        share_percent,
        guardrails: None,
        planned_end: None,
    };
    let started = |experiment: Experiment| {
        let (by, reason) = ("ada".to_owned(), "to see".to_owned());
        Control::Experimented { experiments: vec![experiment], by, reason, at: NOW }
    };
    let ended = |name: &str, version: u32, outcome: Ending| {
        let (name, model, by, reason) = (name.to_owned(), "card_fraud".to_owned(), "ada".to_owned(), "seen".to_owned());
        Control::Concluded { name, model, version, outcome, by, reason, at: NOW }
    };
    assert_eq!(make(&engine, ada(), started(experiment("a", 1, 2, 0))).await.expect("started"), None);
    let refused = [
        (experiment("a", 1, 3, 0), "there was one of this name"),
        (experiment("b", 1, 2, 0), "is in experiment `a` already"),
        (experiment("b", 2, 3, 0), "the champion is card_fraud 1, not card_fraud 2"),
        (experiment("b", 1, 1, 0), "cannot be compared with itself"),
        (experiment("b c", 1, 3, 0), "is not of 1 to 64 letters"),
        (experiment("b", 1, 9, 0), "has no version 9"),
        (experiment("b", 1, 3, 100), "100 % of the entities"),
    ];
    for (experiment, expect) in refused {
        let error = make(&engine, ada(), started(experiment)).await.expect_err(expect).to_string();
        assert!(error.contains(expect), "{error}");
    }
    for control in [challenged(2, 10), withdrawn(2)] {
        let error = make(&engine, ada(), control).await.expect_err("it is in an experiment").to_string();
        assert!(error.contains("end it first"), "{error}");
    }
    let split = make(&engine, ada(), started(experiment("b", 1, 3, 20))).await.expect("proposed").expect("it waits");
    engine.approve(split, bob(), "").await.expect("approved");
    let shares = async || -> Vec<(u32, u8)> {
        let state = engine.control();
        state.challengers.iter().map(|challenger| (challenger.version, challenger.share_percent())).collect()
    };
    assert_eq!(shares().await, [(2, 0), (3, 20)]);

    engine.change(ended("b", 3, Ending::Stopped)).await.expect("a guardrail broke");
    assert_eq!(shares().await, [(2, 0), (3, 0)], "it looks on");
    assert!(engine.change(ended("b", 3, Ending::Kept)).await.is_err(), "it has ended");
    assert_eq!(make(&engine, ada(), started(experiment("c", 1, 4, 0))).await.expect("started"), None);
    let promotion = make(&engine, ada(), promoted(2, "ada")).await.expect("proposed").expect("it waits");
    engine.approve(promotion, bob(), "").await.expect("approved");
    let state = engine.control();
    let outcomes: Vec<_> = state.experiments.iter().filter_map(|course| Some(course.ended.as_ref()?.outcome)).collect();
    assert_eq!(outcomes, [Ending::Promoted, Ending::Stopped, Ending::Aborted], "what was compared with 1 is no longer so");
}
