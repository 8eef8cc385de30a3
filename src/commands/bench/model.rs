//! `riskflow bench model`: what one evaluation of a model costs.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use hdrhistogram::Histogram;
use scoring::model::Runnable;
use serde::Serialize;
use training::import::{GoldenRows, read, verify};

use super::cpu_seconds;
use crate::output;

/// Measure a model of LightGBM as scoring runs it: one row at a time, in batch, and its reasons
///
/// One thread. The rows come as for `riskflow model import`: a column for each feature and one called `prediction`, an empty cell where a
/// value is missing; a prediction that differs by more than 1e-6 is an error. Latencies are of single rows, each with its two readings
/// of the clock.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench model --lightgbm model.txt --rows rows.csv --json")]
pub(super) struct Args {
    /// The model, as LightGBM's `save_model` writes it
    #[arg(long, value_name = "FILE")]
    lightgbm: PathBuf,
    /// Rows with known predictions, CSV
    #[arg(long, value_name = "FILE")]
    rows: PathBuf,
    /// How many evaluations are timed; the rows come around
    #[arg(long, value_name = "COUNT", default_value_t = 200_000)]
    evaluations: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measured {
    rows: usize,
    features: usize,
    p50_us: f64,
    p99_us: f64,
    batch_us_per_row: f64,
    shap_p50_us: f64,
    shap_p99_us: f64,
    make_ready_ms: f64,
    largest_difference: f64,
    checksum: f64,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let bytes = std::fs::read(&args.lightgbm).with_context(|| format!("cannot read {}", args.lightgbm.display()))?;
    let imported = read(&bytes).with_context(|| format!("{} cannot be imported", args.lightgbm.display()))?;
    let golden = std::fs::read(&args.rows).with_context(|| format!("cannot read {}", args.rows.display()))?;
    let rows = GoldenRows::read(&golden, &imported.features).with_context(|| args.rows.display().to_string())?;
    let exactness = verify(&imported.scorer, &rows).with_context(|| args.rows.display().to_string())?;
    let scorer = imported.scorer;
    let places: Vec<usize> = (0..scorer.width()).collect();
    let started = Instant::now();
    let runnable = Runnable::new(&scorer, &places);
    let make_ready_ms = started.elapsed().as_secs_f64() * 1e3;
    let rows = rows.values;
    let (mut checksum, mut sum) = (0.0, 0.0);
    let single = latency(&rows, args.evaluations, |values| checksum += runnable.probability(values))?;
    let reasons = latency(&rows, args.evaluations.div_ceil(50), |values| sum += runnable.contributions(values)[0])?;
    let columns: Vec<Vec<f64>> = places.iter().map(|&feature| rows.iter().map(|values| values[feature]).collect()).collect();
    let rounds = args.evaluations.div_ceil(rows.len());
    let started = cpu_seconds();
    for _ in 0..rounds {
        sum += runnable.probabilities(&columns)[0];
    }
    let batch = cpu_seconds() - started;
    // Somebody has to look at the results.
    std::hint::black_box(sum);
    let micros = |latency: &Histogram<u64>, quantile: f64| latency.value_at_quantile(quantile) as f64 / 1e3;
    let measured = Measured {
        rows: rows.len(),
        features: scorer.width(),
        p50_us: micros(&single, 0.5),
        p99_us: micros(&single, 0.99),
        batch_us_per_row: batch * 1e6 / (rounds * rows.len()) as f64,
        shap_p50_us: micros(&reasons, 0.5),
        shap_p99_us: micros(&reasons, 0.99),
        make_ready_ms,
        largest_difference: exactness.largest_difference,
        checksum,
    };
    if args.json {
        return output::json_line(&measured);
    }
    let lines = [
        ("one row, p50, p99", format!("{:.2}, {:.2} us", measured.p50_us, measured.p99_us)),
        ("a row in batch", format!("{:.2} us", measured.batch_us_per_row)),
        ("reasons, p50, p99", format!("{:.1}, {:.1} us", measured.shap_p50_us, measured.shap_p99_us)),
        ("making the model ready", format!("{:.1} ms", measured.make_ready_ms)),
        ("largest difference", format!("{:.1e}", measured.largest_difference)),
    ];
    lines.iter().try_for_each(|(what, figure)| output::text_line(&format!("{what:<28} {figure}")))
}

/// How long each of so many evaluations takes, in nanoseconds, after one round that is not counted.
fn latency(rows: &[Vec<f64>], evaluations: usize, mut evaluate: impl FnMut(&[f64])) -> anyhow::Result<Histogram<u64>> {
    rows.iter().for_each(|values| evaluate(values));
    let mut latency = Histogram::new(3)?;
    for values in rows.iter().cycle().take(evaluations) {
        let started = Instant::now();
        evaluate(values);
        latency.record(started.elapsed().as_nanos() as u64)?;
    }
    Ok(latency)
}
