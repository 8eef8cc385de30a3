//! `riskflow features`: what the features of a pipeline are, what they are for a history, and whether they were what they should.

mod explain;
mod materialize;
mod select;
mod verify;

use clap::Subcommand;

/// Explain, materialise and verify the features of a pipeline
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Explain(explain::Args),
    Materialize(materialize::Args),
    Select(select::Args),
    Verify(verify::Args),
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Explain(args) => explain::run(args),
        Command::Materialize(args) => materialize::run(args).await,
        Command::Select(args) => select::run(args).await,
        Command::Verify(args) => verify::run(args).await,
    }
}
