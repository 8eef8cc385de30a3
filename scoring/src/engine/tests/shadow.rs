//! Models that look on, when there are more decisions than they can follow.

use std::sync::mpsc::{Receiver, channel};

use ingest::log::file::SyncPolicy;

use super::*;

/// A log that takes nothing from models that look on until its gate is open: to the engine they are slow.
struct Gated {
    log: Arc<dyn Log>,
    /// Whether one of them has come to the gate.
    has_come: AtomicBool,
    /// Open when nobody can send any more.
    gate: Mutex<Receiver<()>>,
}

impl Log for Gated {
    fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, ingest::log::Error> {
        if topic == Topic::Shadow {
            self.has_come.store(true, Ordering::Relaxed);
            self.gate.lock().expect("nobody panicked").recv().expect_err("nothing is sent");
        }
        self.log.put(topic, payload)
    }
    fn push(&self) {
        self.log.push();
    }
    fn has_room(&self) -> bool {
        self.log.has_room()
    }
    fn durability(&self) -> watch::Receiver<Durability> {
        self.log.durability()
    }
    fn flush(&self) -> Result<Position, ingest::log::Error> {
        self.log.flush()
    }
    fn trouble(&self) -> Option<String> {
        self.log.trouble()
    }
}

impl Readable for Gated {
    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<ingest::log::Record, ingest::log::Error>> + Send + '_>, ingest::log::Error> {
        self.log.read(from)
    }
    fn get(&self, position: Position) -> Result<Option<ingest::log::Record>, ingest::log::Error> {
        self.log.get(position)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_models_beside_the_champion_cannot_follow_they_miss_and_no_answer_does() {
    const MISSED: usize = 5;
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { sync: SyncPolicy::Async, ..Options::default() };
    let (log, _) = FileLog::open(&folder.path().join("log"), options).expect("a log");
    let (open, gate) = channel();
    let log = Arc::new(Gated { log: Arc::new(log), has_come: AtomicBool::new(false), gate: Mutex::new(gate) });
    let engine = start_on(folder.path(), &pipeline("review"), log.clone());
    promote(&engine, folder.path()).await;
    challenge(&engine, folder.path()).await;
    let policy = crate::policy::Policy { model_within_ms: 60_000, ..engine.pipeline().policy.clone() };
    engine.change(Control::Governed { policy, by: "ada".to_owned(), at: NOW }).await.expect("changed");

    let mut decided = Vec::new();
    while engine.metrics.shadow_shed.get() < MISSED as u64 {
        let number = decided.len();
        assert!(number < 100_000, "those that wait have no bound");
        let second = i64::try_from(number).expect("a small number");
        let scored = engine.score(event(&format!("e{number}"), second, 100), NOW, Terms::default()).await.expect("an answer");
        let champion = scored.decision.champion.as_ref().map(|model| model.version);
        assert_eq!((scored.status, champion, scored.decision.degradation), (Status::New, Some(1), None), "e{number}");
        decided.push(scored.decision.event_position);
        // From the first one on nobody gives back a place.
        let come = async {
            while !log.has_come.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, come).await.expect("a model looks on");
    }
    let mut metrics = String::new();
    engine.metrics().encode(&mut metrics);
    assert!(metrics.contains(&format!("riskflow_scoring_shadow_shed_total {MISSED}\n")), "{metrics}");

    drop(open);
    engine.stop().await.expect("stopped");
    let records = log.read(Position(0)).expect("read").map(|record| record.expect("whole"));
    let seen: Vec<Position> = records
        .filter(|record| record.topic == Topic::Shadow)
        .map(|record| ShadowScores::decode(&record.payload).expect("readable").event_position)
        .collect();
    assert_eq!(seen, decided[..decided.len() - MISSED], "those that found a place are scored, in their order");
}
