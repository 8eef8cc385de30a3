//! `riskflow model export`: a model as ONNX.

use std::path::PathBuf;

use anyhow::Context;
use scoring::model::Calibration;
use training::export::scorer_as_onnx;

use super::RegistryArgs;
use crate::output;

/// Export a model as ONNX, for any runtime that knows ai.onnx.ml
///
/// The input is one vector of doubles, the features in the order of the model; the output the probability. A calibration is not part of
/// it, which is said. A neural network is written as the file that it came in. A model of prepared features (`preparation` under [training.logistic]) is refused.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow model export --version 3 --out card_fraud.onnx --data-dir riskflow-data")]
pub(super) struct Args {
    #[command(flatten)]
    registry: RegistryArgs,
    /// The model's name, where the registry has more than one
    #[arg(long)]
    name: Option<String>,
    /// Its version
    #[arg(long)]
    version: u32,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let artifact = args.registry.load(args.name.as_deref(), args.version)?;
    let bytes = scorer_as_onnx(&artifact.scorer, &artifact.about.features)
        .with_context(|| format!("{} {} cannot be exported", artifact.about.name, args.version))?;
    std::fs::write(&args.out, &bytes).with_context(|| format!("cannot write {}", args.out.display()))?;
    if artifact.scorer.calibration != Calibration::Identity {
        output::message(&format!(
            "the file gives the probability before calibration ({}); `riskflow model show --json` has its numbers",
            artifact.scorer.calibration.name()
        ));
    }
    output::text_line(&format!("{} {} is in {}, {} bytes", artifact.about.name, args.version, args.out.display(), bytes.len()))
}
