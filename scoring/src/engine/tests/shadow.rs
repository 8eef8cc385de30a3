//! Models that look on, when there are more decisions than they can follow.

use std::sync::mpsc::channel;

use ingest::log::file::SyncPolicy;

use super::watched_log::Watched;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_models_beside_the_champion_cannot_follow_they_miss_and_no_answer_does() {
    const MISSED: usize = 5;
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { sync: SyncPolicy::Async, ..Options::default() };
    let (log, _) = FileLog::open(&folder.path().join("log"), options).expect("a log");
    // It takes nothing from models that look on until nobody can send any more: to the engine they are slow.
    let (open, gate) = channel::<()>();
    let (gate, has_come) = (Mutex::new(gate), Arc::<AtomicBool>::default());
    let came = Arc::clone(&has_come);
    let before_put = Box::new(move |topic| {
        if topic == Topic::Shadow {
            came.store(true, Ordering::Relaxed);
            gate.lock().expect("nobody panicked").recv().expect_err("nothing is sent");
        }
    });
    let mut log = Watched::new(Arc::new(log));
    log.before_put = before_put;
    let log = Arc::new(log);
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
            while !has_come.load(Ordering::Relaxed) {
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
