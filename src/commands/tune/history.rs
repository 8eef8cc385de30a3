//! What a search has found so far, on the disk: a first line that says what is searched, then a line for each result, and the best
//! settings beside.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use evaluation::Metrics;
use serde::{Deserialize, Serialize};
use training::tuning::prequential::HISTORY_DAYS;
use training::tuning::{Finalist, Outcome, Search, Task, page};
use training::{Learner, Settings};

const HISTORY: &str = "history.jsonl";
/// The file of the best settings.
pub(super) const BEST: &str = "best.toml";
/// The page.
pub(super) const PAGE: &str = "tuning.html";

/// Results by trial and fold.
pub(super) struct History {
    folder: PathBuf,
    file: File,
    known: HashMap<(u32, u32), Outcome>,
}

/// What results belong to.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct About {
    learner: String,
    dataset: String,
    condition: Option<String>,
    settings: Settings,
    search: Search,
}

impl History {
    /// Opens the history in a folder, or begins it. One of another search is refused.
    pub(super) fn open(
        folder: &Path,
        learner: Learner,
        dataset: &str,
        condition: Option<&str>,
        settings: &Settings,
        search: &Search,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(HISTORY);
        let about = About {
            learner: learner.name().to_owned(),
            dataset: dataset.to_owned(),
            condition: condition.map(str::to_owned),
            settings: settings.clone(),
            search: search.clone(),
        };
        let mut known = HashMap::new();
        let mut whole_bytes = 0;
        if path.exists() {
            let read = || format!("cannot read {}", path.display());
            let mut lines = BufReader::new(File::open(&path).with_context(read)?);
            let mut line = String::new();
            let mut number = 0;
            // A line without an end was cut off in mid-write; it is written anew.
            while lines.read_line(&mut line).with_context(read)? > 0 && line.ends_with('\n') {
                number += 1;
                let what = || format!("{}:{number} cannot be read", path.display());
                if number == 1 {
                    let found: About = serde_json::from_str(&line).with_context(what)?;
                    if found != about {
                        bail!("{} is of another search ({}): give another --out", path.display(), difference(&found, &about));
                    }
                } else {
                    let outcome: Outcome = serde_json::from_str(&line).with_context(what)?;
                    known.insert((outcome.trial, outcome.fold), outcome);
                }
                whole_bytes += line.len() as u64;
                line.clear();
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        file.set_len(whole_bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let mut history = Self { folder: folder.to_owned(), file, known };
        if whole_bytes == 0 {
            history.write(&about)?;
        }
        Ok(history)
    }

    /// What came of a task before.
    pub(super) fn recall(&self, task: &Task) -> anyhow::Result<Option<Metrics>> {
        let Some(outcome) = self.known.get(&(task.trial, task.fold)) else { return Ok(None) };
        if outcome.settings != task.settings {
            bail!("trial {} of {} had other settings: give another --out", task.trial, self.folder.join(HISTORY).display());
        }
        Ok(Some(outcome.metrics))
    }

    /// Keeps what came of a task.
    pub(super) fn add(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        self.write(&outcome)?;
        self.known.insert((outcome.trial, outcome.fold), outcome);
        Ok(())
    }

    /// All results, in the order of trials and folds.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = self.known.values().cloned().collect();
        outcomes.sort_by_key(|outcome| (outcome.trial, outcome.fold));
        outcomes
    }

    /// Writes the page that draws the search.
    pub(super) fn write_page(&self, search: &Search, finalists: &[Finalist], about: &page::About) -> anyhow::Result<()> {
        let path = self.folder.join(PAGE);
        fs::write(&path, page::html(search, &self.outcomes(), finalists, about))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// How many trials there are.
    pub(super) fn trials(&self) -> usize {
        self.known.keys().filter(|(_, fold)| *fold == 0).count()
    }

    /// Writes the best settings as `riskflow train --settings` takes them.
    pub(super) fn write_best(&self, learner: Learner, settings: &Settings, best: &Finalist) -> anyhow::Result<()> {
        let own = serde_json::to_value(settings.with(learner, &best.settings)?)?;
        let own = toml::to_string(&own[learner.name()])?;
        let days = best.settings.get(HISTORY_DAYS).map(|days| format!("# Learned from {days} days.\n"));
        let text = format!(
            "# The best of {} trials, number {}: {:.4} in the mean over {} folds.\n{}{}[training.{}]\n{own}",
            self.trials(),
            best.trial,
            best.figure,
            best.metrics.len(),
            days.unwrap_or_default(),
            shared(settings)?,
            learner.name(),
        );
        let path = self.folder.join(BEST);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", self.folder.join(HISTORY).display()))
    }
}

/// What all learners learn with, as far as it is not as it comes: the trials had it, too.
fn shared(settings: &Settings) -> anyhow::Result<String> {
    let usual = Settings::default();
    let mut lines = String::new();
    if settings.bad_weight != usual.bad_weight {
        lines += &format!("bad_weight = {}\n", serde_json::to_string(&settings.bad_weight)?);
    }
    if settings.sample_good != usual.sample_good {
        lines += &format!("sample_good = {}\n", settings.sample_good.0);
    }
    if !settings.directions.is_empty() {
        lines += &format!("[training.directions]\n{}", toml::to_string(&settings.directions)?);
    }
    Ok(if lines.is_empty() { lines } else { format!("[training]\n{lines}") })
}

/// What two searches differ in.
fn difference(found: &About, wanted: &About) -> &'static str {
    match () {
        () if found.learner != wanted.learner => "another learner",
        () if found.dataset != wanted.dataset => "other data, features or days",
        () if found.condition != wanted.condition => "another `where` in the pipeline",
        () if found.settings != wanted.settings => "other settings in the pipeline",
        () => "another space, objective, seed or number of folds",
    }
}
