//! What goes out of this process beside its answers: notifications and traces. Each role has queues of its own, so that a server and a
//! training beside it can both tell.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ingest::{Clock, SystemClock};
use monitor::Progress;
use monitor::notify::{Notification, Notifier, Severity, Sink, What};
use scoring::guard::Breach;
use scoring::{Control, Pipeline};
use tokio::sync::watch;

use crate::config::Config;
use crate::telemetry::Telemetry;
use crate::untold::Untold;

/// So many tries in a row must fail before the warehouse counts as gone: one may be a hiccup.
const GONE_AFTER: u64 = 2;

/// So often it is looked whether it is time to tell again what was not taken.
const TICK: Duration = Duration::from_secs(10);

/// What goes out of a server.
#[derive(Clone)]
pub(crate) struct Signals {
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) telemetry: Option<Arc<Telemetry>>,
}

impl Signals {
    /// As the configuration says; `role` is whose queues they are.
    pub(crate) fn start(config: &Config, role: &str) -> anyhow::Result<Self> {
        Ok(Self { notifier: notifier(config, role)?, telemetry: Telemetry::start(&config.telemetry)?.map(Arc::new) })
    }

    /// Ends with what is under way, and leaves the rest of the notifications on the disk. That has a bound in time.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let stop = move || {
            self.notifier.stop();
            if let Some(telemetry) = &self.telemetry {
                telemetry.stop();
            }
        };
        Ok(tokio::task::spawn_blocking(stop).await?)
    }
}

/// Starts to tell the sinks of the configuration; `role` is whose queues they are.
pub(crate) fn notifier(config: &Config, role: &str) -> anyhow::Result<Arc<Notifier>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folder = config.data.join("notify").join(role);
    let notifier = Notifier::start(sinks(config)?, &folder, &clock).context("nobody can be told what happens")?;
    Ok(Arc::new(notifier))
}

/// The sinks of the configuration, checked.
pub(crate) fn sinks(config: &Config) -> anyhow::Result<Vec<Sink>> {
    Ok(Sink::all(&config.notify, &config.data, |name| std::env::var(name).ok())?)
}

/// Tells when the warehouse takes no rows, and when it takes them again, until the projection ends. What no queue takes is told again.
pub(crate) async fn watch_warehouse(mut progress: watch::Receiver<Progress>, notifier: Arc<Notifier>, pipeline: String) {
    let (mut outage, mut untold) = (Outage::default(), Untold::default());
    while goes_on(&mut progress, untold.is_waiting()).await {
        let what = outage.next(&progress.borrow_and_update());
        let now = SystemClock.now();
        let news = what.map(|(severity, what)| Notification::new(now, severity, &pipeline, what));
        if news.is_some() || untold.is_waiting() {
            let notifier = Arc::clone(&notifier);
            let tell = move || {
                untold.tell(news, now, |told| notifier.try_tell(told));
                untold
            };
            // It is brought to the disk: not on a thread that answers, and before the next one. A panic was told by the thread itself.
            untold = tokio::task::spawn_blocking(tell).await.unwrap_or_default();
        }
    }
}

/// Until there is more to see of the projection, or a moment later where something waits; false once it has ended.
async fn goes_on(progress: &mut watch::Receiver<Progress>, is_waiting: bool) -> bool {
    tokio::select! {
        changed = progress.changed() => changed.is_ok(),
        () = tokio::time::sleep(TICK), if is_waiting => true,
    }
}

/// Tells which guardrails broke, and what was done; whether all of it was taken.
pub(crate) fn tell_breaches(notifier: Arc<Notifier>, pipeline: &Pipeline) -> impl Fn(&Control) -> bool + Send + Sync + use<> {
    let pipeline = pipeline.name.clone();
    move |act: &Control| tell_all(&notifier, broken(act, &pipeline))
}

/// Tells all of it; whether all of it was taken.
pub(crate) fn tell_all(notifier: &Notifier, told: impl IntoIterator<Item = Notification>) -> bool {
    let refused = told.into_iter().filter(|told| !notifier.try_tell(told)).count();
    refused == 0
}

/// One whose only queue is full.
#[cfg(test)]
pub(crate) fn full(folder: &std::path::Path) -> Arc<Notifier> {
    use std::fs;

    let now = SystemClock.now();
    let line = |number: u32| {
        let told = Notification::new(now, Severity::Low, "none", What::WarehouseBack { failures: u64::from(number) });
        format!("{}\n", serde_json::json!({"put": {"queued_at": now, "notification": told}}))
    };
    let at = folder.join("notify");
    fs::create_dir(&at).expect("made");
    fs::write(at.join("told.jsonl"), (0..10_000).map(line).collect::<String>()).expect("written");
    // Nobody can write lines into a folder, so that all of them stay.
    fs::create_dir(folder.join("in_the_way")).expect("made");
    let config: monitor::notify::SinkConfig = toml::from_str("name = \"told\"\nurl = \"file://in_the_way\"").expect("a sink");
    let sinks = Sink::all(&[config], folder, |_| None).expect("checked");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Arc::new(Notifier::start(sinks, &at, &clock).expect("it starts"))
}

/// What there is to tell of an act of a guardrail: all of it is in the record, so that it has the same ids whenever it is told.
fn broken(act: &Control, pipeline: &str) -> Vec<Notification> {
    let (subject, action, reason) = match act {
        Control::Concluded { name, reason, .. } => (name.clone(), "stopped", reason),
        Control::RolledBack { name, version, reason, .. } => (format!("{name} {version}"), "demoted", reason),
        _ => return Vec::new(),
    };
    let told = |Breach { guardrail, value, limit, .. }: Breach| {
        let (subject, guardrail, action) = (subject.clone(), guardrail.to_owned(), Some(action.to_owned()));
        let what = What::GuardrailBroke { subject, guardrail, value, limit, action };
        Notification::new(act.at(), Severity::High, pipeline, what)
    };
    Breach::all_of(reason).into_iter().map(told).collect()
}

/// What is known of a warehouse that fails.
#[derive(Debug, Default)]
struct Outage {
    /// How many tries had failed when it last took rows.
    before: u64,
    is_told: bool,
}

impl Outage {
    /// What is to be told of what happens next.
    fn next(&mut self, progress: &Progress) -> Option<(Severity, What)> {
        let failures = progress.failures - self.before;
        match &progress.failed {
            Some(reason) if failures >= GONE_AFTER && !self.is_told => {
                self.is_told = true;
                Some((Severity::High, What::WarehouseGone { reason: reason.clone() }))
            }
            Some(_) => None,
            None => {
                self.before = progress.failures;
                let was_told = std::mem::take(&mut self.is_told);
                was_told.then_some((Severity::Low, What::WarehouseBack { failures }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;
    use scoring::control::{GUARDRAIL, Outcome};

    use super::*;

    #[test]
    fn what_a_guardrail_did_is_told_out_of_its_record() {
        let (by, at) = (GUARDRAIL.to_owned(), Timestamp::from_micros(7));
        let reason = "words [error_share 0.08 > 0.02]; more words [latency_p99_ms 81.9 > 50]".to_owned();
        let name = "card_fraud".to_owned();
        let demoted = Control::RolledBack { name, version: 2, to: 1, by: by.clone(), reason: reason.clone(), at };
        let (name, model) = ("split".to_owned(), "card_fraud".to_owned());
        let stopped = Control::Concluded { name, model, version: 3, outcome: Outcome::Stopped, by, reason, at };
        let told = [demoted, stopped].map(|act| broken(&act, "cards")).concat();
        let words: Vec<&str> = told.iter().map(|told| told.summary.as_str()).collect();
        let expect = [
            "card_fraud 2 broke its guardrail error_share: 0.0800, and 0.0200 is the limit; demoted",
            "card_fraud 2 broke its guardrail latency_p99_ms: 81.9000, and 50.0000 is the limit; demoted",
            "split broke its guardrail error_share: 0.0800, and 0.0200 is the limit; stopped",
            "split broke its guardrail latency_p99_ms: 81.9000, and 50.0000 is the limit; stopped",
        ];
        assert_eq!(words, expect);
    }

    #[test]
    fn what_a_full_queue_does_not_take_counts_as_not_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let notifier = full(folder.path());
        let told = |failures: u64| {
            Notification::new(Timestamp::from_micros(0), Severity::Low, "cards", What::WarehouseBack { failures })
        };
        assert!(!tell_all(&notifier, [told(1), told(2)]));
        assert_eq!(notifier.figures()[0].refused, 2, "each of them was tried");
        assert!(!tell_all(&notifier, [told(2)]));
        assert_eq!(notifier.figures()[0].refused, 2, "and is counted once");
        assert!(tell_all(&notifier, []));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_refused_of_an_outage_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        let (notifier, (publish, progress)) = (full(folder.path()), watch::channel(Progress::default()));
        let watching = tokio::spawn(watch_warehouse(progress, Arc::clone(&notifier), "cards".to_owned()));
        let refused = async |count: u64| {
            let begun = std::time::Instant::now();
            while notifier.figures()[0].refused < count {
                assert!(begun.elapsed() < Duration::from_secs(60), "it is not told");
                tokio::task::yield_now().await;
            }
        };
        publish.send_replace(Progress { failures: 2, failed: Some("the disk is full".to_owned()), ..Progress::default() });
        refused(1).await;
        publish.send_replace(Progress { failures: 2, ..Progress::default() });
        drop(publish);
        watching.await.expect("it ends");
        assert_eq!(notifier.figures()[0].refused, 1, "what comes then waits with it");
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_too() {
        let mut outage = Outage::default();
        let mut check = |failures: u64, failed: bool, expect: Option<What>| {
            let failed = failed.then(|| "the disk is full".to_owned());
            let told = outage.next(&Progress { failures, failed, ..Progress::default() });
            assert_eq!(told.map(|(_, what)| what), expect, "{failures}");
        };
        let gone = || Some(What::WarehouseGone { reason: "the disk is full".to_owned() });
        check(0, false, None);
        check(1, true, None);
        check(1, false, None);
        check(2, true, None);
        check(3, true, gone());
        check(4, true, None);
        check(4, false, Some(What::WarehouseBack { failures: 3 }));
        check(4, false, None);
        check(6, true, gone());
    }
}
