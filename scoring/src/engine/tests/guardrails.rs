//! What guardrails did is told out of the log, whenever the program ended.

use std::cell::RefCell;

use super::super::guard::Told;
use super::*;
use crate::control::{Control, Experiment, GUARDRAIL, Outcome as Ending, PLAN};

/// Experiments on the second version, and the end of each.
async fn experiments(engine: &Arc<Engine>, ends: &[(&str, u32, Ending, &str)]) {
    let experiment = |(name, challenger, ..): &(&str, u32, Ending, &str)| Experiment {
        name: (*name).to_owned(),
        model: "card_fraud".to_owned(),
        champion: 2,
        challenger: *challenger,
        share_percent: 10,
        guardrails: None,
        planned_end: None,
    };
    let (experiments, reason) = (ends.iter().map(experiment).collect(), "to see".to_owned());
    let started = Control::Experimented { experiments, by: "ada".to_owned(), reason, at: NOW };
    engine.change(started).await.expect("started");
    for (name, version, outcome, by) in ends {
        let (name, model, by, reason) = ((*name).to_owned(), "card_fraud".to_owned(), (*by).to_owned(), "seen".to_owned());
        let ended = Control::Concluded { name, model, version: *version, outcome: *outcome, by, reason, at: NOW };
        engine.change(ended).await.expect("ended");
    }
}

/// What an act was about.
fn subject(act: &Control) -> String {
    match act {
        Control::Concluded { name, .. } => name.clone(),
        Control::RolledBack { version, .. } => version.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guardrail_did_is_told_after_any_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &pipeline("review"));
    let registry = FileRegistry::open(&folder.path().join("registry")).expect("a registry");
    for _ in 0..4 {
        registry.publish(&artifact(engine.pipeline())).expect("published");
    }
    for version in [1, 2] {
        engine.promote("card_fraud", version, "ada", "better").await.expect("promoted");
    }
    experiments(&engine, &[("a", 3, Ending::Stopped, GUARDRAIL), ("b", 4, Ending::Over, PLAN)]).await;
    engine.roll_back_from(Some(2), GUARDRAIL, "it declines everything").await.expect("one was before");
    // The program ends before anybody heard of it.
    engine.stop().await.expect("stopped");
    drop((engine, log));

    let (engine, log) = start(folder.path(), &pipeline("review"));
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let tell = move |act: &Control| drop(say.send(subject(act)));
    let guarding = tokio::spawn(Arc::clone(&engine).guard(folder.path().join("guardrails.position"), tell));
    for expect in ["a", "2"] {
        let heard = timeout(PATIENCE, said.recv()).await.expect("it is told");
        assert_eq!(heard.as_deref(), Some(expect));
    }
    guarding.abort();

    let told = Told { memory: folder.path().join("others.position"), until: None };
    let heard = |since: Timestamp| {
        let heard = RefCell::new(Vec::new());
        let end = log.durability().borrow().end();
        let tell = |act: &Control| heard.borrow_mut().push(subject(act));
        told.tell(&*log, end, since, &|| false, &tell).expect("it can be read");
        heard.into_inner()
    };
    assert_eq!(heard(Timestamp::MIN), ["a", "2"]);
    assert_eq!(heard(Timestamp::MIN), [""; 0], "they know of it");
    engine.promote("card_fraud", 2, "ada", "all the same").await.expect("promoted");
    experiments(&engine, &[("c", 3, Ending::Stopped, GUARDRAIL), ("d", 4, Ending::Kept, "ada")]).await;
    assert_eq!(heard(Timestamp::MIN), ["c"]);
    // Where another log lay, what is told is what happened lately: this at the engine's time, the others before.
    std::fs::write(&told.memory, "1000000").expect("written");
    assert_eq!(heard(Timestamp::from_micros(7)), ["2"]);
}
