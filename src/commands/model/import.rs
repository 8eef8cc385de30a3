//! `riskflow model import`: a model that another program trained, checked against its own predictions and put into the registry.

use std::path::PathBuf;

use anyhow::Context;
use ingest::{Clock, SystemClock};
use scoring::registry::Published;
use scoring::{Artifact, Scorer};
use serde::Serialize;
use training::import::{GoldenRows, read, verify};

use super::RegistryArgs;
use crate::output;

/// Import a model of LightGBM (text), XGBoost (JSON, UBJSON) or ONNX (trees, linear models)
///
/// It must come with rows whose predictions are known, as CSV: a column for each feature and one called `prediction`, an empty cell where
/// a value is missing. A prediction that differs by more than 1e-6 refuses the model; so does anything in it that cannot be kept exactly.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow model import --pipeline pipelines/card_fraud_handbook.toml --file model.txt --golden rows.csv --by ada"
)]
pub(super) struct Args {
    #[command(flatten)]
    registry: RegistryArgs,
    /// The pipeline file whose features the model reads, by their names
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// The model
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Rows with known predictions
    #[arg(long, value_name = "FILE")]
    golden: PathBuf,
    /// Who imports it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    version: u32,
    source: &'static str,
    features: usize,
    rows: u64,
    largest_difference: f64,
    reasons_are_exact: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let imported = read(&bytes).with_context(|| format!("{} cannot be imported", args.file.display()))?;
    let golden = std::fs::read(&args.golden).with_context(|| format!("cannot read {}", args.golden.display()))?;
    let rows = GoldenRows::read(&golden, &imported.features).with_context(|| args.golden.display().to_string())?;
    let exactness = verify(&imported.model, &rows).with_context(|| format!("{} cannot be imported", args.file.display()))?;
    let name = pipeline.model.name.clone();
    let published = Published { at: SystemClock.now(), by: args.by.clone() };
    let (source, features) = (imported.source.name(), imported.features);
    let scorer = Scorer::plain(imported.model);
    let mut artifact = Artifact::foreign(&name, source, features, &pipeline.plan, scorer, published)?;
    artifact.card = card(&artifact, exactness.rows as u64, exactness.largest_difference);
    let version = args.registry.open()?.publish(&artifact)?;
    let line = Line {
        name,
        version,
        source,
        features: artifact.about.features.len(),
        rows: exactness.rows as u64,
        largest_difference: exactness.largest_difference,
        reasons_are_exact: imported.has_cover,
    };
    if args.json {
        return output::json_line(&line);
    }
    output::text_line(&format!(
        "{} {} from {}: {} rows as they should be, the largest difference is {:.1e}",
        line.name, line.version, line.source, line.rows, line.largest_difference
    ))?;
    if !line.reasons_are_exact {
        output::message(
            "the file does not say how many rows came to each leaf: scores are exact, reasons are not those of its training data",
        );
    }
    Ok(())
}

fn card(artifact: &Artifact, rows: u64, difference: f64) -> String {
    let about = &artifact.about;
    format!(
        "# {}: imported\n\nA model from {}, imported by {} with {}. What it learned from is not known here.\n\nOn {rows} rows with known predictions \
         the largest difference was {difference:.1e}. Its probability is taken as it is.\n\n## Features\n\n{}\n",
        about.name,
        about.learner,
        artifact.published.by,
        about.program,
        about.features.iter().map(|feature| format!("- {feature}")).collect::<Vec<_>>().join("\n"),
    )
}
