//! `riskflow bench quality`: how well the learners do on public data, beside what others reach with the same split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use evaluation::metrics;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use training::Table;
use training::folds::fold_of_row;
use training::learners::scorecard::Bends;
use training::tabular::Approach;

use crate::output;

/// Learn from public data sets and print the quality beside what others reach with the same split
///
/// Every set that lies below the folder is learned from by a logistic regression, a scorecard of weights of evidence, and boosting, with
/// the same settings on every set. The figures are means over five held-out folds, or those of the later period
/// where the set has time.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench quality --data data --json")]
pub(super) struct Args {
    /// The folder that the sets lie in
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only these sets; all that are there by default
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    sets: Vec<String>,
    /// Only these learners, of logistic, scorecard, boosting; all by default
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = approach)]
    learners: Vec<Approach>,
    /// A file of sets in place of the built-in ones
    #[arg(long, value_name = "FILE")]
    definitions: Option<PathBuf>,
    /// Print one JSON object for each set and learner
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definitions {
    set: Vec<Set>,
}

/// One data set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    name: String,
    label: String,
    /// Paths below the folder, by the name that the query calls them by.
    files: BTreeMap<String, PathBuf>,
    query: String,
    /// How the risk may go along the features of its scorecard; as in a pipeline where it does not say.
    #[serde(default)]
    bends: Bends,
    /// AUC and average precision that others reach.
    #[serde(default)]
    reference: BTreeMap<Approach, [f64; 2]>,
}

/// The column that says what is tested on.
const TEST: &str = "test";
const FOLDS: u32 = 5;

#[derive(Serialize)]
struct Line {
    set: String,
    learner: &'static str,
    rows: usize,
    auc: f64,
    average_precision: f64,
    reference_auc: Option<f64>,
    reference_average_precision: Option<f64>,
    seconds: f64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let (name, text) = match &args.definitions {
        Some(path) => (
            path.display().to_string(),
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        ),
        None => ("the built-in sets".to_owned(), include_str!("quality.toml").to_owned()),
    };
    let definitions: Definitions = toml::from_str(&text).with_context(|| format!("{name} cannot be read"))?;
    if let Some(unknown) = args.sets.iter().find(|wanted| definitions.set.iter().all(|set| set.name != **wanted)) {
        let known: Vec<&str> = definitions.set.iter().map(|set| set.name.as_str()).collect();
        bail!("there is no set {unknown}; there are: {}", known.join(", "));
    }
    let wanted = |set: &&Set| args.sets.is_empty() || args.sets.contains(&set.name);
    let sets: Vec<&Set> = definitions.set.iter().filter(wanted).collect();
    let approaches = if args.learners.is_empty() { Approach::ALL.to_vec() } else { args.learners.clone() };
    let bar = output::bar("learning", (sets.len() * approaches.len()) as u64);
    let mut lines = Vec::new();
    for set in sets {
        // A set that was asked for must be there.
        match set.files.values().map(|file| args.data.join(file)).find(|path| !path.exists()) {
            Some(missing) if args.sets.is_empty() => {
                bar.println(format!("{} is left out: there is no {}", set.name, missing.display()));
                continue;
            }
            Some(missing) => bail!("there is no {}", missing.display()),
            None => {}
        }
        let measured = measure(set, &args.data, &approaches, &bar).await.with_context(|| format!("set {}", set.name))?;
        if args.json {
            measured.iter().try_for_each(output::json_line)?;
        }
        lines.extend(measured);
    }
    bar.finish_and_clear();
    if lines.is_empty() {
        bail!("none of the sets lies below {}", args.data.display());
    }
    if !args.json {
        let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.3}"));
        let row = |line: &Line| {
            vec![
                format!("{} {}", line.set, line.learner),
                output::thousands(line.rows as u64),
                figure(Some(line.auc)),
                figure(line.reference_auc),
                figure(Some(line.average_precision)),
                figure(line.reference_average_precision),
                format!("{:.1}", line.seconds),
            ]
        };
        let headings = ["set, learner", "rows", "AUC", "reference", "average precision", "reference", "seconds"];
        output::table(&headings, &lines.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(())
}

async fn measure(set: &Set, folder: &Path, approaches: &[Approach], bar: &ProgressBar) -> anyhow::Result<Vec<Line>> {
    let paths: Vec<(&str, PathBuf)> = set.files.iter().map(|(name, file)| (name.as_str(), folder.join(file))).collect();
    let files: Vec<(&str, &Path)> = paths.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let mut table = Table::query(&files, &set.query, &set.label).await?;
    let splits = splits(&mut table)?;
    let mut lines = Vec::new();
    for approach in approaches {
        let started = Instant::now();
        let mut sums = [0.0; 2];
        for (train, test) in &splits {
            let fitted =
                approach.fit_as(&table.select(train), set.bends).with_context(|| format!("{} cannot learn", approach.name()))?;
            let test = table.select(test);
            let scores = fitted.probabilities(&test)?;
            let auc = metrics::auc(&scores, test.labels()).context("the test rows have one label only")?;
            sums[0] += auc;
            sums[1] += metrics::average_precision(&scores, test.labels()).context("the test rows have no bad one")?;
        }
        let [auc, average_precision] = sums.map(|sum| sum / splits.len() as f64);
        let reference = set.reference.get(approach);
        lines.push(Line {
            set: set.name.clone(),
            learner: approach.name(),
            rows: table.rows(),
            auc,
            average_precision,
            reference_auc: reference.map(|reference| reference[0]),
            reference_average_precision: reference.map(|reference| reference[1]),
            seconds: started.elapsed().as_secs_f64(),
        });
        bar.inc(1);
    }
    Ok(lines)
}

fn approach(name: &str) -> Result<Approach, String> {
    let known = Approach::ALL.map(Approach::name);
    Approach::ALL.into_iter().find(|approach| approach.name() == name).ok_or_else(|| format!("there are: {}", known.join(", ")))
}

/// The rows to learn from and the rows to test on, once or fold by fold. The column that says so goes.
fn splits(table: &mut Table) -> anyhow::Result<Vec<(Vec<usize>, Vec<usize>)>> {
    let rows = table.rows();
    let split = |is_test: &dyn Fn(usize) -> bool| (0..rows).partition(|row| !is_test(*row));
    match table.take_flags(TEST)? {
        Some(test) => Ok(vec![split(&|row| test[row])]),
        None => Ok((0..FOLDS).map(|fold| split(&|row| fold_of_row(row, FOLDS) == fold)).collect()),
    }
}
