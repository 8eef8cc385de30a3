//! Judges what was decided, again and again while the server runs, on a thread that gives way to those that answer payments. A verdict
//! that changes is said in the log of the server; people act on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ingest::background;
use monitor::judge::Judge;
use scoring::Engine;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

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
pub(crate) fn start(engine: Arc<Engine>, judge: Judge) -> std::io::Result<Judging> {
    let (stop, mut stopped) = oneshot::channel();
    let runtime = Handle::current();
    let work = async move {
        let mut verdicts = BTreeMap::new();
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            tokio::select! { _ = &mut stopped => return, _ = ticks.tick() => {} }
            judge_once(&engine, &judge, &mut verdicts).await;
        }
    };
    background::spawn("judge", move || runtime.block_on(work))?;
    Ok(Judging { _stop: stop })
}

/// The verdicts that were said, by champion and challenger.
type Verdicts = BTreeMap<(u32, u32), String>;

async fn judge_once(engine: &Engine, judge: &Judge, verdicts: &mut Verdicts) {
    let champion = engine.champion().map(|champion| champion.version);
    let challengers = engine.control().await.challengers;
    let versions: Vec<u32> = challengers.iter().filter(|each| each.name == judge.model).map(|each| each.version).collect();
    let compared = match judge.once(champion, &versions).await {
        Ok(compared) => compared,
        Err(error) => return tracing::warn!(%error, "decisions were not judged; it is tried again in an hour"),
    };
    for found in compared {
        let (champion, challenger, summary) = (found.champion, found.challenger, found.finding.summary);
        if verdicts.insert((champion, challenger), summary.clone()).as_ref() != Some(&summary) {
            tracing::info!(champion, challenger, verdict = summary, "a challenger was judged");
        }
    }
}
