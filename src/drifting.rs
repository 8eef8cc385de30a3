//! What follows from drift: people are told, and a training is asked for where the pipeline file says so. Nothing is promoted by it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::channel;

use ingest::{Timestamp, with_causes};
use monitor::drift::{Kind, Turn};
use monitor::notify::{self, Notification, Notifier, Severity, What};
use monitor::observer::Tell;
use scoring::Engine;
use tokio::runtime::Handle;

use crate::signals::tell_all;

/// Who asks for a training.
const BY: &str = "drift";

/// Tells of drift; has the engine record that a training is wanted, if `retrain`, and waits for that: what no queue takes is told again, and
/// what has not come into the log is asked for again. To be made within the program's runtime, and called from a thread of its own.
pub(crate) fn tell(engine: &Arc<Engine>, notifier: &Arc<Notifier>, threshold: f64, retrain: bool) -> Tell {
    let (engine, notifier, runtime) = (Arc::clone(engine), Arc::clone(notifier), Handle::current());
    let pipeline = engine.pipeline().name.clone();
    // Up to when what has drifted was asked for: told again, it is not made again.
    let asked_until = Cell::new(None);
    Box::new(move |turns| {
        let is_told = tell_all(&notifier, turns.iter().map(|turn| notification(turn, threshold, &pipeline)));
        let is_new = |(end, _): &(Timestamp, String)| retrain && asked_until.get().is_none_or(|asked| *end > asked);
        let Some((end, reason)) = wanted(turns).filter(is_new) else { return is_told };
        let (engine, (say, said)) = (Arc::clone(&engine), channel());
        runtime.spawn(async move {
            let asked = engine.want_retraining(BY, &reason).await;
            if let Err(error) = &asked {
                tracing::error!(error = with_causes(error), reason, "a training is wanted, and cannot be asked for");
            }
            // Nobody hears it where the observer has ended.
            let _ = say.send(asked.is_ok());
        });
        // A runtime that ends does not answer.
        let is_asked = said.recv().unwrap_or(false);
        if is_asked {
            asked_until.set(Some(end));
        }
        is_told && is_asked
    })
}

fn notification(turn: &Turn, threshold: f64, pipeline: &str) -> Notification {
    let drift = notify::Drift {
        subject: turn.name.clone(),
        segment: None,
        statistic: "psi".to_owned(),
        value: turn.psi,
        threshold,
        window: turn.window.name().to_owned(),
        reference: "training".to_owned(),
    };
    let (severity, what) = match turn.has_drifted {
        true => (Severity::High, What::DriftFired(drift)),
        false => (Severity::Low, What::DriftCleared(drift)),
    };
    Notification::new(turn.window_end, severity, pipeline, what)
}

/// Why a training is wanted, if it is, and up to when that is so: what the model reads or says has moved. How events are decided follows
/// from that.
fn wanted(turns: &[Turn]) -> Option<(Timestamp, String)> {
    let mut moved: Vec<&Turn> = turns.iter().filter(|turn| turn.has_drifted && turn.kind != Kind::Decision).collect();
    moved.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    let named: Vec<String> = moved.iter().take(5).map(|turn| format!("{} (PSI {:.2})", turn.name, turn.psi)).collect();
    let more = moved.len().saturating_sub(named.len());
    let end = moved.iter().map(|turn| turn.window_end).max()?;
    let and_more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some((end, format!("drifted by {end}: {}{and_more}", named.join(", "))))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ingest::log::Log;
    use ingest::log::file::{FileLog, Options};
    use ingest::{Clock, SystemClock};
    use monitor::Window;
    use scoring::engine::Settings;
    use scoring::{FileRegistry, Pipeline};

    use super::*;

    fn turn(name: &str, kind: Kind, psi: f64, has_drifted: bool) -> Turn {
        let window_end = "2018-08-16T00:00:00Z".parse().expect("a time");
        Turn { window: Window::Day, window_end, model: None, kind, name: name.to_owned(), has_drifted, psi }
    }

    #[test]
    fn a_training_is_wanted_for_what_the_model_reads_or_says() {
        let check = |turns: &[Turn], expect: Option<&str>| assert_eq!(wanted(turns).map(|(_, why)| why).as_deref(), expect);
        check(&[], None);
        check(&[turn("decision", Kind::Decision, 0.9, true), turn("amount", Kind::Feature, 0.01, false)], None);
        let two = [turn("amount", Kind::Feature, 0.3, true), turn("probability", Kind::Score, 0.41, true)];
        check(&two, Some("drifted by 2018-08-16T00:00:00Z: probability (PSI 0.41), amount (PSI 0.30)"));
        let many: Vec<Turn> = (0..7).map(|_| turn("x", Kind::Feature, 0.5, true)).collect();
        assert!(wanted(&many).expect("it is wanted").1.ends_with(" and 2 more"));
    }

    #[test]
    fn what_is_told_has_the_id_of_its_window() {
        let fired = notification(&turn("amount", Kind::Feature, 0.3, true), 0.25, "card_fraud");
        assert_eq!(fired, notification(&turn("amount", Kind::Feature, 0.3, true), 0.25, "card_fraud"));
        let cleared = notification(&turn("amount", Kind::Feature, 0.01, false), 0.25, "card_fraud");
        assert!(matches!(cleared.what, What::DriftCleared(_)) && cleared.id != fired.id && cleared.severity < fired.severity);
    }

    /// An engine that nothing has happened to, with its log.
    fn engine(folder: &Path) -> (Arc<Engine>, Arc<dyn Log>) {
        let pipeline = Pipeline::parse(include_str!("../pipelines/card_fraud_handbook.toml"), "p.toml").expect("a pipeline");
        let (log, _) = FileLog::open(&folder.join("log"), Options::default()).expect("a log");
        let log: Arc<dyn Log> = Arc::new(log);
        let registry = Arc::new(FileRegistry::open(&folder.join("registry")).expect("a registry"));
        let settings = Settings { queue: 16, patience: std::time::Duration::from_secs(60), snapshots: None };
        let (of, clock) = (Arc::clone(&log), Arc::new(SystemClock));
        let engine = Engine::start(Arc::new(pipeline), of, registry, clock, settings, &mut |_| {}).expect("an engine");
        (engine, log)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_no_queue_takes_is_told_again_and_asked_for_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, log) = engine(folder.path());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let nobody = Notifier::start(Vec::new(), &folder.path().join("nobody"), &clock).expect("it starts");
        for (notifier, expect) in [(crate::signals::full(folder.path()), false), (Arc::new(nobody), true)] {
            let tell = tell(&engine, &notifier, 0.25, true);
            let turns = [turn("amount", Kind::Feature, 0.3, true)];
            let begin = log.flush().expect("written");
            let twice = tokio::task::spawn_blocking(move || [tell(&turns), tell(&turns)]).await.expect("it ends");
            assert_eq!((twice, log.flush().expect("written").0 - begin.0), ([expect; 2], 1));
        }
        engine.stop().await.expect("stopped");
    }
}
