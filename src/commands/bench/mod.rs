//! `riskflow bench`: what parts of the program cost on this machine, and how good their models are.

mod features;
mod model;
mod quality;
mod training;

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
    Model(model::Args),
    Quality(quality::Args),
    Training(training::Args),
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Features(args) => features::run(args),
        What::Model(args) => model::run(args),
        What::Quality(args) => quality::run(args).await,
        What::Training(args) => training::run(args).await,
    }
}

/// CPU seconds of this thread.
fn cpu_seconds() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}

/// CPU seconds of all threads of this process.
fn process_cpu_seconds() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
