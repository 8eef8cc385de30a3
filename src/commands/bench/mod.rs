//! `riskflow bench`: what parts of the program cost on this machine, and how good their models are.

mod features;
mod quality;

use clap::Subcommand;
use rustix::time::{ClockId, clock_gettime};

/// Measure what parts of riskflow cost here, and how good its models are
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    Features(features::Args),
    Quality(quality::Args),
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Features(args) => features::run(args),
        What::Quality(args) => quality::run(args).await,
    }
}

/// CPU seconds of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
