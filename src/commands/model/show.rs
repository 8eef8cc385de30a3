//! `riskflow model show`: the card of a model.

use anyhow::bail;
use serde_json::json;

use super::RegistryArgs;
use crate::output;

/// Show the card of a model: what it learned from, what it is for, its features and figures, and the points of a scorecard
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow model show --version 3 --data-dir riskflow-data")]
pub(super) struct Args {
    #[command(flatten)]
    registry: RegistryArgs,
    /// The model's name, where the registry has more than one
    #[arg(long)]
    name: Option<String>,
    /// Its version
    #[arg(long)]
    version: u32,
    /// Print what the artifact says of itself as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let artifact = args.registry.load(args.name.as_deref(), args.version)?;
    if args.json {
        let (about, profile, calibration) = (&artifact.about, &artifact.profile, &artifact.scorer.calibration);
        let (preparation, scorecard) = (&artifact.scorer.preparation, artifact.scorer.scorecard(&about.features, about.points()));
        return output::json_line(&json!({
            "version": args.version, "about": about, "published": artifact.published, "preparation": preparation, "scorecard": scorecard,
            "calibration": calibration, "profile": profile,
        }));
    }
    if artifact.card.is_empty() {
        bail!("{} {} has no card: see --json", artifact.about.name, args.version);
    }
    output::text_line(artifact.card.trim_end())?;
    output::text_line(&format!("\nPublished {} by {}.", artifact.published.at, artifact.published.by))
}
