//! What became of every run: a file with a line for each thing that happened, so that nothing is lost when the role dies, and a lock, so
//! that no two train at once.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::Timestamp;
use ingest::log::Position;
use serde::{Deserialize, Serialize};

const RUNS: &str = "runs.jsonl";
const LOCK: &str = "lock";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record {
    /// Somebody began to wait for runs; the first line.
    Waiting {
        /// When.
        at: Timestamp,
    },
    /// A run was started.
    Started {
        /// Its number, from 1.
        run: u32,
        /// When.
        at: Timestamp,
        /// Why.
        why: Why,
        /// What was asked for in the log before this position is answered by this run or one before.
        read_to: Position,
        /// From when until when it learns.
        train: [Timestamp; 2],
        /// From when until when it tests.
        test: [Timestamp; 2],
    },
    /// A run ended.
    Ended {
        /// Its number.
        run: u32,
        /// When.
        at: Timestamp,
        /// How.
        outcome: Outcome,
        /// What was published, as candidates.
        models: Vec<Model>,
    },
    /// The best of a run became a challenger in shadow, or was not taken as one.
    Challenging {
        /// The run's number.
        run: u32,
        /// When.
        at: Timestamp,
        /// Its version in the registry.
        version: u32,
        /// The experiment.
        experiment: String,
        /// Why it was not taken, if it was not.
        refused: Option<String>,
    },
}

/// Why a run was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// It was due.
    Due {
        /// Since when.
        at: Timestamp,
    },
    /// It was asked for, perhaps by several at once.
    Asked(Vec<Want>),
}

/// Somebody or something wants the model to be trained anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Want {
    /// Who or what.
    pub(super) by: String,
    /// Why.
    pub(super) reason: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// With new versions in the registry.
    Published,
    /// It took more memory than it may.
    OutOfMemory {
        /// How much it may take, in MiB.
        memory_mb: u64,
    },
    /// Otherwise.
    Failed {
        /// Why.
        reason: String,
    },
    /// The role was stopped, or died.
    Stopped,
}

/// A model that a run published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Model {
    /// What learned it.
    pub(super) learner: String,
    /// Its version in the registry.
    pub(super) version: u32,
    /// The area under the curve on the test days.
    pub(super) auc: Option<f64>,
    /// Average precision on the test days.
    pub(super) average_precision: Option<f64>,
    /// How many rows it learned from.
    pub(super) train_rows: u64,
    /// How many of them were bad.
    pub(super) train_bad_rows: u64,
}

/// The history, held by the one role that may add to it.
pub(super) struct Runs {
    path: PathBuf,
    file: File,
    lock: File,
    since: Timestamp,
    last: Option<Timestamp>,
    count: u32,
    read_to: Position,
    best: Option<(u32, Model)>,
    /// How the last run ended.
    ended: Option<Record>,
}

impl Runs {
    /// Opens the history in a folder, or begins it. A run of a role that died is entered as stopped; a training that outlived it still
    /// holds the lock.
    pub(super) fn open(folder: &Path, now: Timestamp) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(LOCK));
        let lock = lock.with_context(|| format!("cannot open {}", folder.join(LOCK).display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use: another `riskflow retrain` runs, or a training that one started", folder.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {}", folder.display())),
        }
        let path = folder.join(RUNS);
        let (records, whole_bytes) = parse(&path)?;
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        file.set_len(whole_bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let mut runs = Self { path, file, lock, since: now, last: None, count: 0, read_to: Position(0), best: None, ended: None };
        let mut open = None;
        for record in &records {
            runs.take(record);
            match record {
                Record::Started { run, .. } => open = Some(*run),
                Record::Ended { .. } => open = None,
                Record::Waiting { .. } | Record::Challenging { .. } => {}
            }
        }
        if records.is_empty() {
            runs.add(&Record::Waiting { at: now })?;
        }
        if let Some(run) = open {
            runs.add(&Record::Ended { run, at: now, outcome: Outcome::Stopped, models: Vec::new() })?;
        }
        Ok(runs)
    }

    /// Adds what happened; it is on the disk afterwards.
    pub(super) fn add(&mut self, record: &Record) -> anyhow::Result<()> {
        let line = serde_json::to_string(record)? + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        self.take(record);
        Ok(())
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::Waiting { at } => self.since = *at,
            Record::Started { run, at, read_to, .. } => (self.count, self.last, self.read_to) = (*run, Some(*at), *read_to),
            Record::Ended { run, models, .. } => {
                self.ended = Some(record.clone());
                let figures = |model: &Model| [model.average_precision, model.auc].map(|figure| figure.unwrap_or(0.0));
                let by_figures =
                    |a: &&Model, b: &&Model| figures(a).partial_cmp(&figures(b)).unwrap_or(std::cmp::Ordering::Equal);
                if let Some(best) = models.iter().max_by(by_figures) {
                    self.best = Some((*run, best.clone()));
                }
            }
            Record::Challenging { run, .. } => {
                self.best.take_if(|(known, _)| known == run);
            }
        }
    }

    /// The best of the last run that published something, with the run's number, until it has become a challenger or was refused as one.
    pub(super) const fn best(&self) -> Option<&(u32, Model)> {
        self.best.as_ref()
    }

    /// How the last run ended that did.
    pub(super) const fn ended(&self) -> Option<&Record> {
        self.ended.as_ref()
    }

    /// When somebody first waited for runs.
    pub(super) const fn since(&self) -> Timestamp {
        self.since
    }

    /// When the last run was started.
    pub(super) const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// How many runs there were.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Before this position of the log everything that was asked for is answered.
    pub(super) const fn read_to(&self) -> Position {
        self.read_to
    }

    /// The lock for a training to hold as well: while it lives nobody else trains, even when this process dies.
    pub(super) fn share_lock(&self) -> anyhow::Result<File> {
        self.lock.try_clone().context("the lock cannot be shared")
    }
}

/// Everything that happened, in order; nothing where nobody ever waited.
pub(super) fn read(folder: &Path) -> anyhow::Result<Vec<Record>> {
    Ok(parse(&folder.join(RUNS))?.0)
}

/// The records of a file, and how many of its bytes they are: a line without an end was cut off in mid-write.
fn parse(path: &Path) -> anyhow::Result<(Vec<Record>, u64)> {
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    // A cut may lie within a letter.
    let whole = &bytes[..bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)];
    let whole = std::str::from_utf8(whole).with_context(|| format!("{} is not text", path.display()))?;
    let record = |(number, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}:{} cannot be read", path.display(), number + 1))
    };
    let records = whole.lines().enumerate().map(record).collect::<anyhow::Result<_>>()?;
    Ok((records, whole.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn started(run: u32, seconds: i64) -> Record {
        let why = Why::Asked(vec![Want { by: "drift".to_owned(), reason: "scores have moved".to_owned() }]);
        let days = [at(0), at(86_400)];
        Record::Started { run, at: at(seconds), why, read_to: Position(7), train: days, test: days }
    }

    #[test]
    fn what_happened_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Runs::open(folder.path(), at(10)).unwrap();
        assert_eq!((runs.since(), runs.last(), runs.count(), runs.read_to()), (at(10), None, 0, Position(0)));
        runs.add(&started(1, 20)).unwrap();
        let models = vec![Model {
            learner: "boosting".to_owned(),
            version: 3,
            auc: Some(0.9),
            average_precision: None,
            train_rows: 100,
            train_bad_rows: 4,
        }];
        runs.add(&Record::Ended { run: 1, at: at(30), outcome: Outcome::Published, models }).unwrap();
        assert_eq!(runs.best().map(|(run, model)| (*run, model.version)), Some((1, 3)));
        drop(runs);
        let before = read(folder.path()).unwrap();
        assert_eq!(before.len(), 3);

        // It dies in the next run, and in mid-write.
        let mut runs = Runs::open(folder.path(), at(40)).unwrap();
        runs.add(&started(2, 50)).unwrap();
        drop(runs);
        let path = folder.path().join(RUNS);
        let text = fs::read(&path).unwrap();
        // Within the two bytes of a letter.
        fs::write(&path, [&text, "{\"what\":\"ended\",\"ru\u{e4}".as_bytes().split_last().unwrap().1].concat()).unwrap();
        let runs = Runs::open(folder.path(), at(60)).unwrap();
        assert_eq!((runs.since(), runs.last(), runs.count(), runs.read_to()), (at(10), Some(at(50)), 2, Position(7)));
        let stopped = Record::Ended { run: 2, at: at(60), outcome: Outcome::Stopped, models: Vec::new() };
        assert_eq!(runs.ended(), Some(&stopped));
        assert_eq!(read(folder.path()).unwrap(), [before.as_slice(), &[started(2, 50), stopped]].concat());
    }

    #[test]
    fn the_best_of_the_last_run_waits_until_it_is_a_challenger() {
        let folder = tempfile::tempdir().unwrap();
        let model = |version: u32, average_precision: Option<f64>| Model {
            learner: "boosting".to_owned(),
            version,
            auc: Some(0.9),
            average_precision,
            train_rows: 100,
            train_bad_rows: 4,
        };
        let ended = |run: u32, outcome: Outcome, models: Vec<Model>| Record::Ended { run, at: at(30), outcome, models };
        let mut runs = Runs::open(folder.path(), at(10)).unwrap();
        let check = |runs: &Runs, expect: Option<(u32, u32)>| {
            assert_eq!(runs.best().map(|(run, model)| (*run, model.version)), expect);
        };
        check(&runs, None);
        let models = vec![model(3, Some(0.5)), model(4, Some(0.6)), model(5, None)];
        runs.add(&ended(1, Outcome::Published, models)).unwrap();
        runs.add(&ended(2, Outcome::Stopped, vec![])).unwrap();
        check(&runs, Some((1, 4)));
        drop(runs);
        let mut runs = Runs::open(folder.path(), at(40)).unwrap();
        check(&runs, Some((1, 4)));
        let (experiment, refused) = ("retrained_4".to_owned(), Some("409 it is taken".to_owned()));
        runs.add(&Record::Challenging { run: 1, at: at(50), version: 4, experiment, refused }).unwrap();
        check(&runs, None);
        drop(runs);
        check(&Runs::open(folder.path(), at(60)).unwrap(), None);
    }

    #[test]
    fn only_one_holds_it_and_a_training_that_outlives_it_does_too() {
        let folder = tempfile::tempdir().unwrap();
        let check = |expect: bool| {
            let opened = Runs::open(folder.path(), at(0)).map(drop).map_err(|error| error.to_string());
            assert_eq!(opened.is_ok(), expect, "{opened:?}");
            assert!(opened.err().is_none_or(|error| error.contains("another `riskflow retrain` runs")));
        };
        let runs = Runs::open(folder.path(), at(0)).unwrap();
        check(false);
        let shared = runs.share_lock().unwrap();
        drop(runs);
        check(false);
        drop(shared);
        check(true);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(RUNS), "{\"what\":\"waiting\",\"at\":\"2026-01-01T00:00:00Z\"}\n{\"what\":\"begun\"}\n")
            .unwrap();
        let error = format!("{:#}", read(folder.path()).unwrap_err());
        assert!(error.contains("runs.jsonl:2 cannot be read: unknown variant `begun`"), "{error}");
    }
}
