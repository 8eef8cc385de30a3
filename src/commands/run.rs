//! `riskflow run`: the server: the scoring API and the page, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ingest::SystemClock;

use super::ConfigArgs;
use crate::server::{self, Live};
use crate::{output, server::Listener};

/// Serve the scoring API and the live page
///
/// Ctrl-C or SIGTERM stops it: what was accepted is decided, written and projected first.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow run --pipeline pipelines/card_fraud_handbook.toml --listen 127.0.0.1:8080")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Where to listen [default: the configuration's]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let listener = Listener::bind(args.listen.unwrap_or(config.server.listen)).await?;
    let bar = output::counter("recovering");
    let riskflow = crate::assemble(&config, pipeline, Arc::new(SystemClock), &mut |records| bar.set_position(records))?;
    bar.finish_and_clear();
    output::message(&format!("riskflow listens on http://{}", listener.address()));
    match riskflow.engine.champion() {
        Some(champion) => output::message(&format!("champion: {} {}", champion.artifact.about.name, champion.version)),
        None => output::message(
            "there is no champion yet: train a model and promote it; until then `on_failure` of the pipeline decides",
        ),
    }
    let served = server::serve(listener, server::router(&riskflow, Live::default()), server::stop_signal()).await;
    output::message("stopping: what was accepted is written first");
    riskflow.stop().await?;
    served
}
