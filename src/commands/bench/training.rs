//! `riskflow bench training`: what learning and predicting cost.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use evaluation::metrics;
use scoring::Model;
use serde::Serialize;
use training::learners::boosting;
use training::{Preparation, Recipe, Table};

use super::process_cpu_seconds;
use crate::output;

/// Measure gradient boosting on a table: CPU seconds and memory of learning, and of predicting
///
/// The table is Parquet or CSV: numbers, and a label of 0 and 1. Reading it is not counted.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow bench training --data rows.parquet --test others.parquet --label bad --trees 300 --leaves 31 --threads 2 --json"
)]
pub(super) struct Args {
    /// The table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Rows of the same columns that nothing is learned from: they are predicted, and give the AUC
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// The label's column
    #[arg(long, value_name = "COLUMN")]
    label: String,
    /// How many trees
    #[arg(long, default_value_t = 300)]
    trees: usize,
    /// How many leaves a tree has
    #[arg(long, default_value_t = 31)]
    leaves: usize,
    /// How many bins a feature is cut into
    #[arg(long, default_value_t = 1024)]
    bins: u16,
    /// How much of each step is taken
    #[arg(long, default_value_t = 0.1)]
    rate: f64,
    /// How many threads learn
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measured {
    rows: usize,
    features: usize,
    fit_cpu_seconds: f64,
    fit_seconds: f64,
    predict_cpu_seconds_per_million_rows: f64,
    auc: Option<f64>,
    data_mb: f64,
    peak_memory_mb: f64,
    before_fit_memory_mb: f64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let (preparation, matrix) = Preparation::fit(Recipe::Trees, &read(&args.data, &args.label).await?)?;
    let test = preparation.apply(&read(&args.test, &args.label).await?)?;
    let before_fit_memory_mb = memory_mb("VmRSS:")?;
    // From here on the highest mark is that of learning, not of reading.
    std::fs::write("/proc/self/clear_refs", "5").context("memory is measured on Linux only")?;
    let settings = boosting::Settings {
        trees: args.trees,
        leaves: args.leaves,
        max_bins: args.bins,
        rate: args.rate,
        threads: args.threads,
        ..boosting::Settings::default()
    };
    let (cpu, clock) = (process_cpu_seconds(), Instant::now());
    let model = Model::Trees(boosting::fit(&matrix, &settings)?);
    let (fit_cpu_seconds, fit_seconds) = (process_cpu_seconds() - cpu, clock.elapsed().as_secs_f64());
    let peak_memory_mb = memory_mb("VmHWM:")?;
    let cpu = process_cpu_seconds();
    let scores = model.probabilities(test.columns());
    let predict = process_cpu_seconds() - cpu;
    let measured = Measured {
        rows: matrix.rows(),
        features: matrix.width(),
        fit_cpu_seconds,
        fit_seconds,
        predict_cpu_seconds_per_million_rows: predict * 1e6 / test.rows() as f64,
        auc: metrics::auc(&scores, test.labels()),
        data_mb: (matrix.rows() * matrix.width() * size_of::<f64>()) as f64 / 1e6,
        peak_memory_mb,
        before_fit_memory_mb,
    };
    if args.json {
        return output::json_line(&measured);
    }
    let lines = [
        ("rows x features", format!("{} x {}", output::thousands(measured.rows as u64), measured.features)),
        ("learning", format!("{:.1} CPU s, {:.1} s", measured.fit_cpu_seconds, measured.fit_seconds)),
        ("predicting a million rows", format!("{:.2} CPU s", measured.predict_cpu_seconds_per_million_rows)),
        (
            "memory of learning",
            format!("{:.0} MB; the data takes {:.0}", measured.peak_memory_mb - measured.before_fit_memory_mb, measured.data_mb),
        ),
        ("AUC on the test rows", measured.auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.4}"))),
    ];
    lines.iter().try_for_each(|(what, figure)| output::text_line(&format!("{what:<28} {figure}")))
}

async fn read(path: &Path, label: &str) -> anyhow::Result<Table> {
    Ok(Table::query(&[("data", path)], "SELECT * FROM data", label).await?)
}

/// A figure of this process that Linux keeps, in MB.
fn memory_mb(name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is measured on Linux only")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("the system does not say {name}"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().with_context(|| format!("{name} cannot be read"))?;
    Ok(kilobytes * 1024.0 / 1e6)
}
