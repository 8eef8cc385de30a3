//! What guardrails did is told out of the log, whenever the program ended.

use std::cell::RefCell;
use std::sync::Mutex;

use super::super::teller::{Reached, Told};
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
    let tell = move |act: &Control| say.send(subject(act)).is_ok();
    let guarding = tokio::spawn(Arc::clone(&engine).guard(folder.path().join("guardrails.position"), tell));
    for expect in ["a", "2"] {
        let heard = timeout(PATIENCE, said.recv()).await.expect("it is told");
        assert_eq!(heard.as_deref(), Some(expect));
    }
    guarding.abort();

    let memory = folder.path().join("others.position");
    let told = Told { memory: Some(memory.clone()), until: None };
    let heard = |since: Timestamp| {
        let heard = RefCell::new(Vec::new());
        let end = log.durability().borrow().end();
        let tell = |act: &Control| {
            heard.borrow_mut().push(subject(act));
            true
        };
        told.tell(&*log, end, since, &|| false, &tell).expect("it can be read").expect("all is taken");
        heard.into_inner()
    };
    assert_eq!(heard(Timestamp::MIN), ["a", "2"]);
    assert_eq!(heard(Timestamp::MIN), [""; 0], "they know of it");
    engine.promote("card_fraud", 2, "ada", "all the same").await.expect("promoted");
    experiments(&engine, &[("c", 3, Ending::Stopped, GUARDRAIL), ("d", 4, Ending::Kept, "ada")]).await;
    assert_eq!(heard(Timestamp::MIN), ["c"]);
    // Where another log lay, what is told is what happened lately: this at the engine's time, the others before.
    std::fs::write(&memory, "1000000").expect("written");
    assert_eq!(heard(Timestamp::from_micros(7)), ["2"]);
}

#[test]
fn what_was_cut_off_or_not_taken_is_told_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("a log");
    for (name, at) in [("new", 100), ("old", 1), ("newer", 101)] {
        let (name, model, by, reason) = (name.to_owned(), "card_fraud".to_owned(), GUARDRAIL.to_owned(), "seen".to_owned());
        let (version, outcome, at) = (3, Ending::Stopped, Timestamp::from_micros(at));
        let act = Control::Concluded { name, model, version, outcome, by, reason, at };
        log.append(Topic::Control, &act.encode()).expect("taken");
    }
    let end = log.flush().expect("written");
    let memory = folder.path().join("guardrails.position");
    let told = Told { memory: Some(memory.clone()), until: None };
    let check = |cut_off_behind: Option<&str>, refused: Option<&str>, expect: &[&str], until: Option<u64>| {
        let heard = RefCell::new(Vec::new());
        let tell = |act: &Control| {
            heard.borrow_mut().push(subject(act));
            refused != Some(subject(act).as_str())
        };
        let is_over = || cut_off_behind.is_some_and(|name| heard.borrow().last().is_some_and(|last| last == name));
        let reached = told.tell(&log, end, Timestamp::from_micros(50), &is_over, &tell).expect("it can be read");
        assert_eq!(heard.into_inner(), expect);
        assert_eq!(reached, until.map(|until| Reached { until: Position(until), is_all: Position(until) == end }));
    };
    // Nothing is known: what is old is no news, however often it is cut off.
    check(Some("new"), None, &["new"], None);
    assert!(!memory.exists());
    // What is not taken keeps back nothing behind it, and is the first to be told again.
    check(None, Some("new"), &["new", "newer"], Some(0));
    check(None, Some("newer"), &["new", "old", "newer"], Some(2));
    check(None, None, &["newer"], Some(3));
    check(None, None, &[], Some(3));
    // All before the second one was told.
    std::fs::write(&memory, "1").expect("written");
    check(Some("old"), None, &["old"], None);
    check(None, None, &["newer"], Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guardrail_does_is_told_while_the_past_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    // Every decision takes longer.
    let limits = "{ latency_p99_ms = 0.0001, minimum_events = 5, window = \"1s\" }";
    let text = format!("{PIPELINE}\n[governance.probation]\nlength = \"1d\"\nguardrails = {limits}\n");
    let pipeline = Arc::new(Pipeline::parse(&text, "tests.toml").expect("a pipeline"));
    let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("a log");
    let registry = Arc::new(FileRegistry::open(&folder.path().join("registry")).expect("a registry"));
    for _ in 0..3 {
        registry.publish(&artifact(&pipeline)).expect("published");
    }
    let clock = Arc::new(ManualClock::at(NOW));
    let settings = Settings { queue: 16, patience: PATIENCE, snapshots: None };
    let engine =
        Engine::start(pipeline, Arc::new(log), registry, Arc::clone(&clock) as _, settings, &mut |_| {}).expect("an engine");
    for version in [1, 2] {
        engine.promote("card_fraud", version, "ada", "better").await.expect("promoted");
    }
    experiments(&engine, &[("past", 3, Ending::Stopped, GUARDRAIL)]).await;

    let ((say, said), (go_on, may_go_on)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    let may_go_on = Mutex::new(may_go_on);
    let tell = move |act: &Control| {
        let subject = subject(act);
        if subject == "past" {
            // The past is not read to its end before it may be.
            may_go_on.lock().expect("held by one").recv_timeout(PATIENCE).expect("it may");
        }
        say.send(subject).is_ok()
    };
    let guarding = tokio::spawn(Arc::clone(&engine).guard(folder.path().join("guardrails.position"), tell));
    let begun = Instant::now();
    let mut decided = 0;
    let first = loop {
        if let Ok(first) = said.try_recv() {
            break first;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is told");
        decided += 1;
        clock.set(Timestamp::from_micros(decided * 10_000));
        engine.score(event(&format!("e{decided}"), 1, 100), NOW, Terms::default()).await.expect("scored");
    };
    assert_eq!(first, "2");
    go_on.send(()).expect("it waits");
    assert_eq!(said.recv_timeout(PATIENCE).expect("it is told"), "past");
    guarding.abort();
}
