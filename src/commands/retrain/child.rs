//! A training as a process of its own: `riskflow train` with limits. Whatever becomes of it, nothing else is touched.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use anyhow::Context;
use ingest::Timestamp;
use training::schedule::Limits;
use training::{Period, Schedule, Split};

use super::runs::{Model, Outcome};
use crate::commands::ConfigArgs;

/// What Rust says when there is no more memory, and what the operating system says.
const NO_MEMORY: [&str; 4] =
    ["memory allocation of ", "Cannot allocate memory", "failed to spawn thread", "OS can't spawn worker thread"];
const KILLED: i32 = 9;

/// What a training is told.
pub(super) struct Order<'a> {
    pub(super) config: &'a ConfigArgs,
    pub(super) pipeline: &'a Path,
    pub(super) schedule: &'a Schedule,
    pub(super) split: Split,
    pub(super) as_of: Timestamp,
    /// The registry folder.
    pub(super) registry: PathBuf,
    /// The folder for reports.
    pub(super) reports: PathBuf,
    /// Who trains.
    pub(super) by: String,
}

impl Order<'_> {
    /// The arguments of `riskflow`.
    fn arguments(&self) -> Vec<String> {
        let Self { config, schedule, split, .. } = self;
        let Limits { threads, memory_mb, .. } = schedule.limits;
        let period = |Period { from, until }: Period| format!("{from}..{until}");
        let path = |path: &Path| path.display().to_string();
        let learners: Vec<_> = schedule.learners.iter().map(|learner| learner.name()).collect();
        let fixed = [
            ("--pipeline", path(self.pipeline)),
            ("--from-log", schedule.from.name().to_owned()),
            ("--as-of", self.as_of.to_string()),
            ("--train", period(split.train)),
            ("--test", period(split.test)),
            ("--known-since", split.known_since.to_string()),
            ("--learners", learners.join(",")),
            ("--least-bad-rows", schedule.least_bad_rows.to_string()),
            ("--threads", threads.to_string()),
            ("--memory-mb", memory_mb.to_string()),
            ("--out", path(&self.registry)),
            ("--reports", path(&self.reports)),
            ("--by", self.by.clone()),
        ];
        let given = [
            ("--maturity", schedule.maturity.map(|maturity| maturity.to_string())),
            ("--config", config.config.as_deref().map(path)),
            ("--data-dir", config.data_dir.as_deref().map(path)),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let pairs = fixed.into_iter().chain(given).flat_map(|(name, value)| [name.to_owned(), value]);
        ["train".to_owned(), "--json".to_owned()].into_iter().chain(pairs).collect()
    }

    /// Starts it. It holds `lock` while it lives: standard input, which it does not read, is what a process is sure to keep open.
    pub(super) fn start(&self, lock: File) -> anyhow::Result<Training> {
        let program = std::env::current_exe().context("this program does not know where it lies")?;
        // POSIX has no other way to step back that needs no privilege and no unsafe code; it becomes the training itself.
        let mut command = Command::new("nice");
        command.arg("-n").arg(self.schedule.limits.nice.to_string()).arg(program).args(self.arguments());
        // Reading what a backtrace needs takes memory too, and where there is none, waits for ever for a lock that it holds itself. What runs
        // beside the learners keeps to the same threads.
        command.env("RUST_BACKTRACE", "0").env("TOKIO_WORKER_THREADS", self.schedule.limits.threads.to_string());
        // In a group of its own, so that Ctrl-C reaches the role alone, which then ends it.
        command.process_group(0).stdin(lock).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start `nice`")?;
        let (out, err) = (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        Ok(Training { child, memory_mb: self.schedule.limits.memory_mb, out: Some(hear(out)), err: Some(hear(err)) })
    }
}

/// A training that runs. Dropped, it is ended.
pub(super) struct Training {
    child: Child,
    memory_mb: u64,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
}

/// What came of a training.
pub(super) type Done = (Outcome, Vec<Model>);

impl Training {
    /// What came of it, if it has ended.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<Done>> {
        let Some(status) = self.child.try_wait().context("nothing is known of the training")? else { return Ok(None) };
        let heard =
            |thread: &mut Option<JoinHandle<String>>| thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let (out, err) = (heard(&mut self.out), heard(&mut self.err));
        let models = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Some((outcome(status, &err, self.memory_mb), models)))
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hears what a process says, to its end: a pipe that nobody reads would stop it.
fn hear(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // What came before a pipe broke is what there is.
        let _ = pipe.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// How a training ended.
fn outcome(status: ExitStatus, said: &str, memory_mb: u64) -> Outcome {
    if status.success() {
        return Outcome::Published;
    }
    if NO_MEMORY.iter().any(|words| said.contains(words)) {
        return Outcome::OutOfMemory { memory_mb };
    }
    let last = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with("note: "))
        .map(|line| line.trim_start_matches("riskflow: "));
    let reason = match (status.signal(), last) {
        (Some(KILLED), _) => "it was killed, as a machine that runs short of memory does".to_owned(),
        (Some(signal), last) => format!("it ended by signal {signal}: {}", last.unwrap_or("it said nothing")),
        (None, Some(last)) => last.to_owned(),
        (None, None) => "it ended without a word".to_owned(),
    };
    Outcome::Failed { reason }
}

#[cfg(test)]
mod tests {
    use ingest::Duration;
    use training::Learner;
    use training::Vectors;
    use training::schedule::When;

    use super::*;

    #[test]
    fn how_it_ended_is_said_plainly() {
        let failed = |reason: &str| Outcome::Failed { reason: reason.to_owned() };
        let check = |raw: i32, said: &str, expect: Outcome| {
            assert_eq!(outcome(ExitStatus::from_raw(raw), said, 512), expect, "{said}");
        };
        check(0, "3 events have no label\n", Outcome::Published);
        check(6, "memory allocation of 4096 bytes failed\n", Outcome::OutOfMemory { memory_mb: 512 });
        check(
            256,
            "riskflow: cannot read the log: Cannot allocate memory (os error 12)",
            Outcome::OutOfMemory { memory_mb: 512 },
        );
        check(
            25_856,
            "failed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" }\nnote: run with `RUST_BACKTRACE=1`",
            Outcome::OutOfMemory { memory_mb: 512 },
        );
        check(
            25_856,
            "thread 'main' panicked at a place\nnote: run with `RUST_BACKTRACE=1`",
            failed("thread 'main' panicked at a place"),
        );
        check(256, "a message\nriskflow: no rows to train on\n\n", failed("no rows to train on"));
        check(9, "a message", failed("it was killed, as a machine that runs short of memory does"));
        check(6, "thread panicked", failed("it ended by signal 6: thread panicked"));
        check(256, "", failed("it ended without a word"));
    }

    #[test]
    fn a_training_is_told_all_that_the_schedule_says() {
        let day = |day: i64| Timestamp::start_of_day(day);
        let (train, test) = (Period { from: day(0), until: day(28) }, Period { from: day(35), until: day(42) });
        let schedule = Schedule {
            when: When::Asked,
            from: Vectors::Replayed,
            train_days: 28,
            test_days: 7,
            learners: vec![Learner::Logistic, Learner::Boosting],
            maturity: Some(Duration::days(30)),
            least_bad_rows: 50,
            challenger_days: None,
            limits: Limits { threads: 2, memory_mb: 512, nice: 10 },
        };
        let config = ConfigArgs { config: None, data_dir: Some("kept".into()) };
        let order = Order {
            config: &config,
            pipeline: Path::new("p.toml"),
            schedule: &schedule,
            split: Split { train, test, known_since: day(0) },
            as_of: day(50),
            registry: "kept/registry".into(),
            reports: "kept/reports".into(),
            by: "riskflow retrain, run 3".to_owned(),
        };
        let said = order.arguments().join(" ");
        assert_eq!(
            said,
            "train --json --pipeline p.toml --from-log replayed --as-of 1970-02-20T00:00:00Z \
             --train 1970-01-01T00:00:00Z..1970-01-29T00:00:00Z --test 1970-02-05T00:00:00Z..1970-02-12T00:00:00Z \
             --known-since 1970-01-01T00:00:00Z --learners logistic,boosting --least-bad-rows 50 --threads 2 --memory-mb 512 \
             --out kept/registry --reports kept/reports --by riskflow retrain, run 3 --maturity 30d --data-dir kept"
        );
    }
}
