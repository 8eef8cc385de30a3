//! `riskflow tune`: looks for the settings of a learner that do best on folds that follow each other in time.

mod history;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration as Span, Instant};

use anyhow::{Context, bail};
use evaluation::Metrics;
use evaluation::threads::on_threads;
use indicatif::ProgressBar;
use ingest::Duration;
use serde::Serialize;
use training::tuning::prequential::{Folds, HISTORY_DAYS, splits};
use training::tuning::{Dimension, Finalist, Objective, Outcome, Range, Search, Task, page, space};
use training::{Learner, Period, Settings, Training};

use self::history::History;
use super::cores;
use super::history::{HistoryArgs, learner, period};
use crate::output;

/// Look for the settings of a learner that do best on folds that follow each other in time
///
/// The days of --validate are cut into folds. Each trial learns from the days before a fold, less the delay of labels, and is judged on
/// the fold; few trials go on to all folds. Every result is kept in --out: the same command goes on where it was stopped. The best
/// settings are written there as best.toml, to be taken by `riskflow train --settings`, and a page that draws the search as tuning.html.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow tune --pipeline pipelines/card_fraud_handbook.toml --data transactions.parquet --learner boosting \\\n    --validate 2018-07-04..2018-08-01 --test 2018-08-08..2018-09-05 --minutes 20 --out tuned"
)]
pub struct Args {
    #[command(flatten)]
    history: HistoryArgs,
    /// What learns
    #[arg(long, value_name = "NAME", value_parser = learner)]
    learner: Learner,
    /// The days that trials are judged on; the second is not part of them
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    validate: Period,
    /// Days that the best trial alone is judged on at the end, in as many folds; they must come after the others
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    test: Option<Period>,
    /// How many folds
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    folds: u32,
    /// What is to be as high as possible: auc, average_precision or card_precision_100
    #[arg(long, value_name = "FIGURE", default_value = "average_precision", value_parser = objective)]
    objective: Objective,
    /// What is searched, in place of the built-in space
    #[arg(long, value_name = "FILE")]
    space: Option<PathBuf>,
    /// End after so many rounds of nine trials
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    rounds: u32,
    /// End after so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    minutes: f64,
    /// The folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Equal seeds give equal trials
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn objective(name: &str) -> Result<Objective, String> {
    let known = Objective::ALL.map(Objective::name);
    Objective::ALL
        .into_iter()
        .find(|objective| objective.name() == name)
        .ok_or_else(|| format!("there are: {}", known.join(", ")))
}

/// What came of the search.
#[derive(Serialize)]
struct Found<'a> {
    learner: &'static str,
    objective: Objective,
    trials: usize,
    finalists: usize,
    best: &'a Finalist,
    /// Means over the folds.
    validation: Metrics,
    test: Option<Metrics>,
    test_folds: Vec<Metrics>,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let started = Instant::now();
    let events = args.history.open(None)?;
    let Training { settings, condition, .. } = &events.training;
    if let Some(test) = args.test.filter(|test| test.from < args.validate.until) {
        bail!("the test begins on {}, before the days to validate on end", test.from.date());
    }
    let space = match &args.space {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            space::parse(&text, &path.display().to_string(), args.learner)?
        }
        None => space::of(args.learner),
    };
    let longest = Duration::days(longest_history(&space));
    let validation = splits(args.validate, args.folds, events.delay, longest);
    let test = args.test.map_or_else(Vec::new, |test| splits(test, args.folds, events.delay, longest));
    let validated = Period { from: validation[0].whole().from, until: args.validate.until };
    let whole = Period { until: args.test.map_or(args.validate.until, |test| test.until), ..validated };
    let search = Search { space, folds: args.folds, objective: args.objective, seed: args.seed };

    let examples = events.examples(whole).await?;
    events.set_aside(&args.out.join("dead-letters.jsonl"), &examples.rejected)?;
    let dataset = events.source.fingerprint(&examples, &events.pipeline, &events.training, validated, events.delay)?;
    let history = Mutex::new(History::open(
        &args.out,
        args.learner,
        &dataset,
        condition.as_ref().map(|sql| sql.text.as_str()),
        settings,
        &search,
    )?);

    let folds = Folds::new(&examples, &validation, settings.sample_good, args.seed).await?;
    let bar = output::counter("trials");
    let trial = Trials {
        args,
        folds: &folds,
        settings,
        history: &history,
        until: started + Span::from_secs_f64(args.minutes.max(0.0) * 60.0),
    };
    let finalists = search.run(args.rounds, |tasks| trial.all(tasks, &bar))?;
    bar.finish_and_clear();
    drop(folds);
    let Some(best) = finalists.first() else {
        bail!("no trial has been on all folds yet: give it more --minutes and run it again, it goes on where it was");
    };
    history.lock().expect("nobody panicked").write_best(args.learner, settings, best)?;

    let mut test_folds = Vec::new();
    if !test.is_empty() {
        let folds = Folds::new(&examples, &test, settings.sample_good, args.seed).await?;
        let tasks: Vec<Task> =
            (0..args.folds).map(|fold| Task { trial: best.trial, fold, settings: best.settings.clone() }).collect();
        let evaluate = |task: usize| folds.evaluate(&tasks[task], args.learner, settings, args.seed);
        test_folds = on_threads(tasks.len(), cores(), || (), |task, ()| evaluate(task)).into_iter().collect::<Result<_, _>>()?;
    }
    let found = Found {
        learner: args.learner.name(),
        objective: args.objective,
        trials: history.lock().expect("nobody panicked").trials(),
        finalists: finalists.len(),
        best,
        validation: mean(&best.metrics),
        test: (!test_folds.is_empty()).then(|| mean(&test_folds)),
        test_folds,
    };
    let days = |period: Period| format!("{} to {}", period.from.date(), period.until.date());
    let about = page::About {
        model: events.pipeline.model.name.clone(),
        learner: args.learner.name().to_owned(),
        data: events.name.clone(),
        validated_on: days(args.validate),
        tested_on: args.test.map(days),
        test: found.test,
    };
    history.lock().expect("nobody panicked").write_page(&search, &finalists, &about)?;
    if args.json { output::json_line(&found) } else { print(&found, args) }
}

fn print(found: &Found<'_>, args: &Args) -> anyhow::Result<()> {
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let row = |what: String, metrics: &Metrics| {
        vec![what, figure(metrics.auc), figure(metrics.average_precision), figure(metrics.card_precision_100)]
    };
    let mut rows: Vec<_> = (found.best.metrics.iter().enumerate())
        .map(|(fold, metrics)| row(format!("validation fold {}", fold + 1), metrics))
        .collect();
    rows.push(row("validation, mean".to_owned(), &found.validation));
    rows.extend(found.test_folds.iter().enumerate().map(|(fold, metrics)| row(format!("test fold {}", fold + 1), metrics)));
    rows.extend(found.test.iter().map(|metrics| row("test, mean".to_owned(), metrics)));
    output::table(&["", "auc", "average precision", "card precision@100"], &rows)?;
    let settings: Vec<String> = found.best.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    output::text_line(&format!("{} trials; the best, {}: {}", found.trials, found.best.trial, settings.join(", ")))?;
    let (best, page) = (args.out.join(history::BEST), args.out.join(history::PAGE));
    output::text_line(&format!("its settings are in {}, the search is drawn in {}", best.display(), page.display()))
}

/// The longest history that a trial may ask for; a week where the space does not say.
fn longest_history(space: &[Dimension]) -> i64 {
    let range = space.iter().find(|dimension| dimension.name == HISTORY_DAYS).map(|dimension| &dimension.range);
    range.map_or(7, |range| match range {
        Range::Log(_, high) | Range::Linear(_, high) => *high as i64,
        Range::WholeLog(_, high) => i64::from(*high),
        Range::OneOf(values) => values.last().map_or(7, |days| *days as i64),
        Range::Words(_) => 7,
    })
}

/// Means of what each fold has; a figure that a fold lacks is left out.
fn mean(folds: &[Metrics]) -> Metrics {
    let mean = |figure: fn(&Metrics) -> Option<f64>| {
        let figures: Vec<f64> = folds.iter().filter_map(figure).collect();
        (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
    };
    Metrics {
        auc: mean(|metrics| metrics.auc),
        average_precision: mean(|metrics| metrics.average_precision),
        card_precision_100: mean(|metrics| metrics.card_precision_100),
    }
}

/// What evaluates trials, in parallel and on the clock.
struct Trials<'a> {
    args: &'a Args,
    folds: &'a Folds,
    settings: &'a Settings,
    history: &'a Mutex<History>,
    until: Instant,
}

impl Trials<'_> {
    /// All tasks' metrics; nothing when time is up before all are done. What was done is in the history.
    fn all(&self, tasks: &[Task], bar: &ProgressBar) -> anyhow::Result<Option<Vec<Metrics>>> {
        let one = |task: &Task| {
            if let Some(metrics) = self.history.lock().expect("nobody panicked").recall(task)? {
                return anyhow::Ok(Some(metrics));
            }
            if Instant::now() >= self.until {
                return Ok(None);
            }
            let started = Instant::now();
            let metrics = self.folds.evaluate(task, self.args.learner, self.settings, self.args.seed)?;
            let seconds = started.elapsed().as_secs_f64();
            let Task { trial, fold, settings } = task.clone();
            self.history.lock().expect("nobody panicked").add(Outcome { trial, fold, settings, metrics, seconds })?;
            bar.set_position(u64::from(trial) + 1);
            Ok(Some(metrics))
        };
        let done = on_threads(tasks.len(), cores(), || (), |task, ()| one(&tasks[task]));
        Ok(done.into_iter().collect::<anyhow::Result<Vec<_>>>()?.into_iter().collect())
    }
}
