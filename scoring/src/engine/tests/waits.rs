//! A change that takes its time, and those who do not wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::control::Person;

/// A registry that says when it is asked for a version, and gives it once it may; at once before it is slow.
struct Slow {
    registry: FileRegistry,
    asked: Sender<()>,
    may_give: Mutex<Receiver<()>>,
    is_slow: AtomicBool,
}

impl Registry for Slow {
    fn publish(&self, artifact: &Artifact) -> Result<u32, crate::registry::Error> {
        self.registry.publish(artifact)
    }

    fn load(&self, name: &str, version: u32) -> Result<Artifact, crate::registry::Error> {
        if self.is_slow.load(Ordering::Relaxed) {
            self.asked.send(()).expect("the test goes on");
            self.may_give.lock().expect("nobody panicked").recv().expect("the test says when");
        }
        self.registry.load(name, version)
    }

    fn names(&self) -> Result<Vec<String>, crate::registry::Error> {
        self.registry.names()
    }

    fn versions(&self, name: &str) -> Result<Vec<u32>, crate::registry::Error> {
        self.registry.versions(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_loaded_holds_up_no_other_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("review");
    let registry = FileRegistry::open(&folder.path().join("registry")).expect("a registry");
    for _ in 0..2 {
        registry.publish(&artifact(&pipeline)).expect("published");
    }
    let ((asked, was_asked), (give, may_give)) = (channel(), channel());
    let registry = Arc::new(Slow { registry, asked, may_give: Mutex::new(may_give), is_slow: AtomicBool::new(false) });
    let slow = Arc::clone(&registry);
    let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("a log");
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(7)));
    let settings = Settings { queue: 16, patience: PATIENCE, snapshots: None };
    let engine = Engine::start(pipeline, Arc::new(log), registry, clock, settings, &mut |_| {}).expect("an engine");
    engine.promote("card_fraud", 1, "ada", "to have one").await.expect("promoted");
    slow.is_slow.store(true, Ordering::Relaxed);
    for way in ["make", "propose", "approve", "roll back", "promote"] {
        let changing = Arc::clone(&engine);
        let changing = tokio::spawn(async move {
            let better = || {
                let (name, by, reason) = ("card_fraud".to_owned(), "ada".to_owned(), "better".to_owned());
                Control::Promoted { name, version: 2, by, reason, at: NOW }
            };
            let (ada, bob) = (Person::named("ada"), Person::named("bob"));
            match way {
                "make" => changing.make(ada, "better", move |_| Ok((vec![better()], ()))).await.map(drop),
                "propose" => changing.propose(ada, "better", move |_| Ok(vec![better()])).await.map(drop),
                "approve" => changing.approve(1, bob, "").await.map(drop),
                "roll back" => changing.roll_back_from(None, "ada", "worse").await.map(drop),
                _ => changing.promote("card_fraud", 2, "ada", "better").await.map(drop),
            }
        });
        was_asked.recv_timeout(PATIENCE).expect("the model is loaded");
        let other = timeout(PATIENCE / 6, engine.want_retraining("bob", "scores have moved")).await;
        give.send(()).expect("it waits");
        other.expect("it does not wait for the model").expect("recorded");
        changing.await.expect("it ends").expect("changed");
    }
    assert_eq!(engine.champion().expect("a champion").version, 2);
    // One that cannot be loaded is looked for once, and not again while others wait.
    let changing = Arc::clone(&engine);
    let refused = tokio::spawn(async move { changing.promote("card_fraud", 3, "ada", "better still").await });
    was_asked.recv_timeout(PATIENCE).expect("it is looked for");
    give.send(()).expect("it waits");
    let refused = refused.await.expect("it ends").expect_err("there is none");
    assert!(matches!(refused, Error::Registry(crate::registry::Error::NotFound { .. })), "{refused:?}");
    assert!(was_asked.try_recv().is_err(), "it was looked for again");
    assert_eq!(engine.control().proposals.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_what_holds_waits_for_no_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _log) = start(folder.path(), &pipeline("review"));
    promote(&engine, folder.path()).await;
    let changing = engine.control.lock().await;
    let seen = engine.control();
    assert_eq!((&*seen, seen.champion.as_ref().map(|(_, version)| *version)), (&*changing, Some(1)));
}
