//! Judges what was decided, again and again while the server runs, on a thread that gives way to those that answer payments. A verdict
//! that changes is said in the log of the server; people act on it.

use std::sync::Arc;
use std::time::Duration;

use ingest::{Timestamp, background, with_causes};
use monitor::experiment::{Comparison, Verdict};
use monitor::judge::{Findings, Judge};
use monitor::notify::{self, Notification, Notifier, Severity, What};
use monitor::performance::concept::{Name, Turn};
use scoring::Engine;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::untold::Telling;

/// How often: labels come by the day.
const PAUSE: Duration = Duration::from_secs(3_600);

/// It goes on until this is dropped, and then ends by itself.
pub(crate) struct Judging {
    _stop: oneshot::Sender<()>,
}

/// Starts it.
///
/// # Errors
/// When the machine gives no thread.
pub(crate) fn start(engine: Arc<Engine>, judge: Judge, notifier: Arc<Notifier>) -> std::io::Result<Judging> {
    let (stop, mut stopped) = oneshot::channel();
    let runtime = Handle::current();
    let work = async move {
        let mut memory = Memory::default();
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            tokio::select! { _ = &mut stopped => return, _ = ticks.tick() => {} }
            judge_once(&engine, &judge, &notifier, &mut memory).await;
        }
    };
    background::spawn("judge", move || runtime.block_on(work))?;
    Ok(Judging { _stop: stop })
}

/// Who asks for a training.
const BY: &str = "performance";

/// What this process knows from one time to the next.
#[derive(Default)]
struct Memory {
    telling: Telling<Findings>,
    /// The reign for which it knows that a training was asked: who is champion, since when it was promoted, and how many were before it.
    /// While that is the same the log need not be read for it.
    asked_for: Option<Reign>,
}

type Reign = (Option<u32>, Option<Timestamp>, usize);

/// A training is asked for once a reign.
async fn judge_once(engine: &Arc<Engine>, judge: &Judge, notifier: &Notifier, memory: &mut Memory) {
    let (state, now, pipeline) = (engine.control(), engine.now(), &engine.pipeline().name);
    let try_tell = |told: &Notification| notifier.try_tell(told);
    if let Some(found) = memory.telling.again(now, try_tell) {
        keep_verdicts(judge, &found);
        keep(judge, &found);
    }
    let champion = engine.champion().map(|champion| champion.version);
    let challengers = state.challengers.iter().filter(|each| each.name == judge.model);
    let versions: Vec<u32> = challengers.map(|each| each.version).collect();
    let found = match judge.once(champion, &versions).await {
        Ok(found) => found,
        Err(error) => {
            return tracing::warn!(error = with_causes(&error), "decisions were not judged; it is tried again in an hour");
        }
    };
    let drifted = if judge.monitoring.retrain { drifted(&found.turned, champion) } else { None };
    let wanted = found.fallen.clone().or(drifted);
    let verdicts =
        found.challengers.iter().filter(|judged| judged.is_news).filter_map(|judged| verdict(&judged.compared, pipeline));
    let turns = found.turned.iter().map(|turn| notification(turn, &judge.model, pipeline));
    let news: Vec<Notification> = verdicts.chain(turns).collect();
    let told = memory.telling.tell(found, news, now, try_tell);
    if let Some(found) = &told {
        keep_verdicts(judge, found);
    }
    let reign = (champion, state.promoted_at, state.former.len());
    if let Some(reason) = wanted.filter(|_| champion.is_some() && memory.asked_for != Some(reign)) {
        match ask(engine, &reason).await {
            Ok(()) => memory.asked_for = Some(reign),
            // What has turned is found again in an hour.
            Err(error) => {
                let error = with_causes(&error);
                return tracing::error!(error, reason, "a training is wanted, and cannot be asked for");
            }
        }
    }
    if let Some(found) = &told {
        keep(judge, found);
    }
}

/// Writes down what was told.
fn keep_verdicts(judge: &Judge, found: &Findings) {
    if let Err(error) = judge.keep_verdicts(found) {
        tracing::warn!(error = with_causes(&error), "verdicts were told, and not written down; they are told again in an hour");
    }
}

fn keep(judge: &Judge, found: &Findings) {
    if let Err(error) = judge.keep(found) {
        tracing::warn!(
            error = with_causes(&error),
            "what has turned was told, and not written down; it is told again in an hour"
        );
    }
}

/// Asks for a training, unless that was done since the champion came to decide, be it before a restart.
async fn ask(engine: &Arc<Engine>, reason: &str) -> Result<(), scoring::Error> {
    if engine.is_training_asked(BY).await? {
        return Ok(());
    }
    tracing::warn!(reason, "the champion is not what it was: a training is asked for");
    engine.want_retraining(BY, reason).await.map(drop)
}

/// Why a training is wanted of what has turned, if it is: the champion drifts, and has not come back since.
fn drifted(turned: &[Turn], champion: Option<u32>) -> Option<String> {
    let last = |name: Name| turned.iter().rfind(|turn| turn.name == name && Some(turn.version) == champion);
    let turn = Name::ALL.into_iter().filter_map(last).find(|turn| turn.has_drifted)?;
    let (statistic, week_end) = (turn.name.statistic(), turn.week_end());
    Some(format!("{statistic} {:.3} in the week until {week_end} (threshold {})", turn.value, turn.threshold))
}

fn notification(turn: &Turn, model: &str, pipeline: &str) -> Notification {
    let drift = notify::Drift {
        subject: format!("{model} {}", turn.version),
        segment: None,
        statistic: turn.name.statistic().to_owned(),
        value: turn.value,
        threshold: turn.threshold,
        window: "week".to_owned(),
        reference: "weeks_before".to_owned(),
    };
    let (severity, what) = match turn.has_drifted {
        true => (Severity::High, What::DriftFired(drift)),
        false => (Severity::Low, What::DriftCleared(drift)),
    };
    Notification::new(turn.week_end(), severity, pipeline, what)
}

/// What is said of a verdict that is another one than before; one that waits for labels is for the log alone.
fn verdict(compared: &Comparison, pipeline: &str) -> Option<Notification> {
    let Comparison { model, champion, challenger, finding, .. } = compared;
    tracing::info!(champion, challenger, verdict = finding.summary, "a challenger was judged");
    if matches!(finding.verdict, Verdict::NeedMore { .. }) {
        return None;
    }
    let what = What::VerdictReached {
        experiment: format!("{model} {challenger} against {champion}"),
        champion: champion.to_string(),
        challenger: challenger.to_string(),
        verdict: finding.verdict.name().to_owned(),
        evidence: finding.reasons.join("; "),
    };
    Some(Notification::new(compared.as_of, Severity::Medium, pipeline, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_is_wanted_of_a_champion_that_drifts_still() {
        let turn = |version: u32, week: &str, has_drifted: bool| Turn {
            version,
            week: week.parse().expect("a time"),
            name: Name::Calibration,
            value: 2.5,
            threshold: 1.5,
            has_drifted,
        };
        let [first, second] = ["2018-09-03T00:00:00Z", "2018-10-01T00:00:00Z"];
        let check = |turned: &[Turn], expect: Option<&str>| assert_eq!(drifted(turned, Some(7)).as_deref(), expect);
        check(&[], None);
        check(&[turn(6, first, true)], None);
        check(&[turn(7, first, true)], Some("calibration_factor 2.500 in the week until 2018-09-10T00:00:00Z (threshold 1.5)"));
        check(&[turn(7, first, true), turn(7, second, false)], None);
    }
}
