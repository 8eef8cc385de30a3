//! `riskflow promote`: makes a version of a model champion; a control record in the log says since when, by whom and why.

use std::path::PathBuf;
use std::sync::Arc;

use ingest::SystemClock;

use super::ConfigArgs;
use crate::output;

/// Make a version of the pipeline's model champion
///
/// The model must be in the registry, trained on the features of this pipeline. Run it while no server holds the log.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow promote --pipeline pipelines/card_fraud_handbook.toml --version 3 --by ada --reason \"beats 2 on August\""
)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// The version in the registry
    #[arg(long)]
    version: u32,
    /// Who promotes it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let name = pipeline.model.name.clone();
    let riskflow = crate::assemble(&config, pipeline, Arc::new(SystemClock), &mut |_| {})?;
    riskflow.promote(args.version, &args.by, &args.reason).await?;
    riskflow.stop().await?;
    output::message(&format!("{name} {} is champion from now on", args.version));
    Ok(())
}
