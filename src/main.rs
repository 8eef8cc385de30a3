//! The command line: each subcommand is a role of the same program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use riskflow::commands::{
    audit, backtest, bench, changes, compare, demo, drift, evaluate, experiments, features, import, key, model, monitor, notify,
    promote, retrain, rollback, run, score, simulate, train, tune, user, warehouse,
};

/// A request allocates a hundred small things and some of a few kilobytes; the system's allocator took a sixth of its time for them.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Streaming risk scoring and monitoring for finance
///
/// Figures go to standard output (with --json one object a line), messages to standard error. Exit code 0: done; 1: it failed, and
/// the message says what; 2: the arguments do not fit.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example:\n  riskflow demo\n  riskflow COMMAND --help")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Run(run::Args),
    Score(score::Args),
    Train(train::Args),
    Retrain(retrain::Args),
    Tune(tune::Args),
    Evaluate(evaluate::Args),
    Backtest(Box<backtest::Args>),
    Monitor(monitor::Args),
    Compare(compare::Args),
    Drift(drift::Args),
    Model(model::Args),
    Promote(promote::Args),
    Notify(notify::Args),
    Rollback(rollback::Args),
    Changes(changes::Args),
    Experiments(experiments::Args),
    Key(key::Args),
    User(user::Args),
    Audit(audit::Args),
    Import(import::Args),
    Simulate(simulate::Args),
    Features(features::Args),
    Warehouse(warehouse::Args),
    Bench(bench::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let ended = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Run(args) => run::run(&args).await,
        Command::Score(args) => score::run(&args),
        Command::Train(args) => train::run(&args).await,
        Command::Retrain(args) => retrain::run(&args).await,
        Command::Tune(args) => tune::run(&args).await,
        Command::Evaluate(args) => evaluate::run(&args).await,
        Command::Backtest(args) => backtest::run(&args),
        Command::Monitor(args) => monitor::run(&args).await,
        Command::Compare(args) => compare::run(&args).await,
        Command::Drift(args) => drift::run(&args).await,
        Command::Model(args) => model::run(&args),
        Command::Promote(args) => promote::run(&args).await,
        Command::Notify(args) => notify::run(&args),
        Command::Rollback(args) => rollback::run(&args).await,
        Command::Changes(args) => changes::run(&args).await,
        Command::Experiments(args) => experiments::run(&args).await,
        Command::Key(args) => key::run(&args),
        Command::User(args) => user::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Import(args) => import::run(&args).await,
        Command::Simulate(args) => simulate::run(&args),
        Command::Features(args) => features::run(&args).await,
        Command::Warehouse(args) => warehouse::run(&args),
        Command::Bench(args) => bench::run(&args).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Nobody is left to be told when standard error is closed.
            let _ = writeln!(std::io::stderr(), "riskflow: {error:#}");
            ExitCode::FAILURE
        }
    }
}
