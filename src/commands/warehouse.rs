//! `riskflow warehouse`: what a ClickHouse warehouse consists of.

use anyhow::Context;
use monitor::warehouse::{KeepDays, ddl};

use crate::output;

/// Show the tables of a ClickHouse warehouse
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Print the statements that make the tables, each with why it is as it is
    ///
    /// riskflow makes the tables itself on one server. On a cluster run these statements before the first start: replicated tables on every
    /// shard, and distributed ones over them, which riskflow then finds. Running them again changes nothing.
    #[command(
        after_help = "Example:\n  riskflow warehouse ddl --cluster main --keep-days events=400 | clickhouse-client --database riskflow -n"
    )]
    Ddl {
        /// Tables for this cluster, as the servers' configuration names it [default: for one server]
        #[arg(long, value_name = "NAME")]
        cluster: Option<String>,
        /// After how many days rows of a table go; may be given for several [default: they stay]
        #[arg(long, value_name = "TABLE=DAYS", value_parser = days_of_table)]
        keep_days: Vec<(String, u32)>,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let Command::Ddl { cluster, keep_days } = &args.command;
    let keep: KeepDays = keep_days.iter().cloned().collect();
    let text = ddl(cluster.as_deref(), &keep).map_err(anyhow::Error::msg)?;
    output::text_line(text.trim_end())
}

fn days_of_table(text: &str) -> anyhow::Result<(String, u32)> {
    let (table, days) = text.split_once('=').context("write it as events=400")?;
    let days = days.parse().with_context(|| format!("`{days}` is no number of days"))?;
    Ok((table.to_owned(), days))
}
