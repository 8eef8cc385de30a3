//! `riskflow drift`: how far the columns of one file lie from those of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use drift::{Feature, Kind, Levels, Method, Rules, Severity};
use serde::Serialize;
use training::Columns;
use training::table::Values;

use crate::output;

/// Compare the columns of a file with those of a reference: what has moved, and how far
///
/// Numbers are cut at the deciles of the reference, categories are as they are; missing values have a bin of their own. A feature is told
/// when its stability index (PSI) is beyond a threshold and beyond what chance gives among so many rows and features.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow drift --reference trained-on.parquet --current last-week.parquet --ignore event_id,label\n\nEach line of --json has: feature, kind, psi, ks, js (natural logarithm), wasserstein, chi_square, missing_rate_reference,\nmissing_rate_current, severity (insufficient_data, stable, watch, drift), how surprising each is (psi_p, ks_p, chi_square_p, missing_p),\npsi_noise (99 % of chance lies below), rows and counts of both sides in the same bins (the last one is of missing values), and what the bins are."
)]
pub struct Args {
    /// What is compared with: Parquet or CSV
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// What is looked at: Parquet or CSV with the same columns
    #[arg(long, value_name = "FILE")]
    current: PathBuf,
    /// Leave columns out
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    ignore: Vec<String>,
    /// From this stability index on a feature is watched
    #[arg(long, value_name = "PSI", default_value_t = Rules::default().watch)]
    watch: f64,
    /// From this one on it has drifted
    #[arg(long, value_name = "PSI", default_value_t = Rules::default().drift)]
    drift: f64,
    /// The share of chance that is borne among the features that are told
    #[arg(long, value_name = "SHARE", default_value_t = Rules::default().false_discovery_rate)]
    false_discovery_rate: f64,
    /// Fewer rows than this in a file are insufficient data
    #[arg(long, value_name = "COUNT", default_value_t = Rules::default().minimum_rows)]
    minimum_rows: u64,
    /// Print one JSON object a feature
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let Args { watch, drift, false_discovery_rate, minimum_rows, .. } = *args;
    let rules = Rules { watch, drift, false_discovery_rate, minimum_rows }.check()?;
    let (reference, current) = (Columns::open(&args.reference).await?, Columns::open(&args.current).await?);
    let names = common(args, &reference, &current)?;
    for (name, kind) in reference.passed_over().iter().filter(|(name, _)| !args.ignore.contains(name)) {
        output::message(&format!("passed over: {name}, of kind {kind}, is neither a number nor a category"));
    }
    let bar = output::bar("comparing", names.len() as u64);
    let mut compared = Vec::new();
    for name in names {
        // One column at a time, so that memory holds two and not two files.
        match compare(args, &name, reference.read(&name).await?, current.read(&name).await?)? {
            Some(feature) => compared.push((name, feature)),
            None => output::message(&format!("passed over: {name} has a text of its own in most rows, as an identifier has")),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if compared.is_empty() {
        bail!("{} has no column of numbers or categories that can be compared", args.reference.display());
    }
    let severities = drift::severities(compared.iter().map(|(_, feature)| &feature.figures), &rules);
    let mut lines: Vec<Line<'_>> =
        compared.iter().zip(severities).map(|((name, feature), severity)| Line::new(name, feature, severity)).collect();
    if args.json {
        return lines.iter().try_for_each(output::json_line);
    }
    lines.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.psi.unwrap_or(0.0).total_cmp(&a.psi.unwrap_or(0.0))));
    print(&lines, &rules)
}

/// The columns to compare: those of both files. One that only one of them has is an error, as its feature would go unwatched.
fn common(args: &Args, reference: &Columns, current: &Columns) -> anyhow::Result<Vec<String>> {
    let every = |columns: &Columns| -> Vec<String> {
        let passed_over = columns.passed_over().iter().map(|(name, _)| name);
        columns.names().iter().chain(passed_over).filter(|name| !args.ignore.contains(name)).cloned().collect()
    };
    let (then, now) = (every(reference), every(current));
    if let Some(name) = args.ignore.iter().find(|name| ![reference, current].iter().any(|side| has(side, name))) {
        bail!("there is no column {name} to ignore, in neither file");
    }
    let only = |path: &Path, own: &[String], other: &[String]| {
        let names: Vec<&str> = own.iter().filter(|name| !other.contains(name)).map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("{} in {} only", names.join(", "), path.display()))
    };
    let one_sided: Vec<String> =
        [only(&args.reference, &then, &now), only(&args.current, &now, &then)].into_iter().flatten().collect();
    if !one_sided.is_empty() {
        bail!("columns that one file lacks: {}; leave them out with --ignore", one_sided.join("; "));
    }
    if let Some(name) = reference.names().iter().find(|name| then.contains(name) && !current.names().contains(name)) {
        bail!("column {name} of {} is neither of numbers nor of categories; leave it out with --ignore", args.current.display());
    }
    Ok(reference.names().iter().filter(|name| then.contains(name)).cloned().collect())
}

fn has(columns: &Columns, name: &String) -> bool {
    columns.names().contains(name) || columns.passed_over().iter().any(|(passed, _)| passed == name)
}

/// A column of both files; nothing where its texts are no categories.
fn compare(args: &Args, name: &str, reference: Values, current: Values) -> anyhow::Result<Option<Feature>> {
    match (reference, current) {
        (Values::Numbers(reference), Values::Numbers(current)) => Ok(Some(drift::numbers(&reference, &current))),
        (reference, current) => {
            let reference = levels(reference).with_context(|| mixed(name, &args.reference, &args.current))?;
            let current = levels(current).with_context(|| mixed(name, &args.current, &args.reference))?;
            Ok((!is_identifier(&reference)).then(|| drift::categories(&reference, &current)))
        }
    }
}

fn mixed(name: &str, numbers: &Path, texts: &Path) -> String {
    format!("column {name} holds numbers in {} and texts in {}", numbers.display(), texts.display())
}

/// The rows of each category; `None` for numbers, unless there is none.
fn levels(values: Values) -> Option<Levels> {
    match values {
        Values::Numbers(numbers) => {
            let is_empty = numbers.iter().all(|number| number.is_nan());
            is_empty.then(|| Levels { rows: BTreeMap::new(), missing: numbers.len() as u64 })
        }
        Values::Categories(categories) => {
            let mut rows = vec![0; categories.levels().len()];
            categories.codes().iter().flatten().for_each(|code| rows[*code as usize] += 1);
            let missing = categories.codes().iter().filter(|code| code.is_none()).count() as u64;
            Some(Levels { rows: categories.levels().iter().cloned().zip(rows).collect(), missing })
        }
    }
}

/// Whether most rows have a text of their own.
fn is_identifier(levels: &Levels) -> bool {
    const LEAST: u64 = 100;
    let rows: u64 = levels.rows.values().sum();
    rows >= LEAST && levels.rows.len() as u64 * 2 > rows
}

/// A feature as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    feature: &'a str,
    kind: &'static str,
    psi: Option<f64>,
    ks: Option<f64>,
    js: Option<f64>,
    wasserstein: Option<f64>,
    missing_rate_reference: Option<f64>,
    missing_rate_current: Option<f64>,
    severity: Severity,
    psi_p: Option<f64>,
    psi_noise: Option<f64>,
    ks_p: Option<f64>,
    ks_method: Option<Method>,
    chi_square: Option<f64>,
    chi_square_p: Option<f64>,
    cramers_v: Option<f64>,
    missing_p: Option<f64>,
    rows_reference: u64,
    rows_current: u64,
    /// Inner edges, of numbers.
    edges: Option<&'a [f64]>,
    /// Those that are bins by themselves, of categories.
    levels: Option<&'a [String]>,
    counts_reference: &'a [u64],
    counts_current: &'a [u64],
}

impl<'a> Line<'a> {
    fn new(name: &'a str, feature: &'a Feature, severity: Severity) -> Self {
        let figures = &feature.figures;
        let line = Self {
            feature: name,
            kind: "",
            psi: figures.psi.map(|psi| psi.value),
            ks: None,
            js: figures.js,
            wasserstein: None,
            missing_rate_reference: figures.missing.map(|missing| missing.reference_rate),
            missing_rate_current: figures.missing.map(|missing| missing.current_rate),
            severity,
            psi_p: figures.psi.map(|psi| psi.p),
            psi_noise: figures.psi.map(|psi| psi.noise),
            ks_p: None,
            ks_method: None,
            chi_square: None,
            chi_square_p: None,
            cramers_v: None,
            missing_p: figures.missing.map(|missing| missing.p),
            rows_reference: figures.reference_rows,
            rows_current: figures.current_rows,
            edges: None,
            levels: None,
            counts_reference: &feature.reference,
            counts_current: &feature.current,
        };
        match &feature.kind {
            Kind::Numbers { edges, ks, wasserstein } => Self {
                kind: "numbers",
                ks: ks.map(|ks| ks.statistic),
                ks_p: ks.map(|ks| ks.p),
                ks_method: ks.map(|ks| ks.method),
                wasserstein: *wasserstein,
                edges: Some(edges),
                ..line
            },
            Kind::Categories { levels, chi_square } => Self {
                kind: "categories",
                chi_square: chi_square.map(|test| test.statistic),
                chi_square_p: chi_square.map(|test| test.p),
                cramers_v: chi_square.map(|test| test.cramers_v),
                levels: Some(levels),
                ..line
            },
        }
    }
}

fn print(lines: &[Line<'_>], rules: &Rules) -> anyhow::Result<()> {
    let figure = |figure: Option<f64>| match figure {
        Some(figure) if figure == 0.0 || (1e-3..1e6).contains(&figure.abs()) => format!("{figure:.4}"),
        Some(figure) => format!("{figure:.3e}"),
        None => "-".to_owned(),
    };
    let percent = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.2} %", rate * 100.0));
    let row = |line: &Line<'_>| {
        vec![
            line.feature.to_owned(),
            figure(line.psi),
            figure(line.psi_noise),
            figure(line.ks),
            figure(line.js),
            figure(line.wasserstein),
            figure(line.cramers_v),
            percent(line.missing_rate_reference),
            percent(line.missing_rate_current),
            line.severity.name().replace('_', " "),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let headings =
        ["feature", "PSI", "noise", "KS", "JS", "Wasserstein", "Cramer's V", "missing before", "missing now", "severity"];
    output::table(&headings, &rows)?;
    let told = lines.iter().filter(|line| line.severity > Severity::Stable).count();
    let rows = lines.first().map_or((0, 0), |line| (line.rows_reference, line.rows_current));
    output::text_line(&format!(
        "{told} of {} features moved; {} rows now against {}; watch from {}, drift from {}, beyond the noise that 99 % of chance stays below",
        lines.len(),
        output::thousands(rows.1),
        output::thousands(rows.0),
        rules.watch,
        rules.drift
    ))
}
