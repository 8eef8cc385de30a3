//! `riskflow bench`: what parts of the program cost on this machine, and how good their models are.

mod api;
mod children;
mod compare;
mod decide;
mod empty_server;
mod events;
mod features;
mod kafka;
mod model;
mod quality;
mod setup;
mod training;
mod warehouse;

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
    Api(api::Args),
    Compare(compare::Args),
    Decide(decide::Args),
    #[command(hide = true)]
    EmptyServer(empty_server::Args),
    Features(features::Args),
    Kafka(kafka::Args),
    Model(model::Args),
    Quality(quality::Args),
    Setup(setup::Args),
    Training(training::Args),
    Warehouse(warehouse::Args),
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Api(args) => api::run(args),
        What::Compare(args) => compare::run(args).await,
        What::Decide(args) => decide::run(args).await,
        What::EmptyServer(args) => empty_server::run(args).await,
        What::Features(args) => features::run(args),
        What::Kafka(args) => kafka::run(args).await,
        What::Model(args) => model::run(args),
        What::Quality(args) => quality::run(args).await,
        What::Setup(args) => setup::run(args).await,
        What::Training(args) => training::run(args).await,
        What::Warehouse(args) => warehouse::run(args).await,
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
