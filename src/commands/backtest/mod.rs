//! `riskflow backtest`: what a changed rule, list, threshold or model would have decided about the past.

mod changes;
mod print;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::ValueEnum;
use ingest::{Clock, Duration, SystemClock, Timestamp};
use scoring::LoadedModel;
use scoring::backtest::{self, Against, Change, Request};

use self::changes::{list, model, thresholds};
use crate::output;

/// Try a changed rule, list, threshold or model on the events that were decided
///
/// Events are decided again, from the features of their logged decisions, by what decides at present with the change: the same code as live, and
/// nothing is written. Compared are the decisions as they were logged, or those of the present. Without any change it says what decides otherwise
/// at present than it did. A server may be writing the log meanwhile.
///
/// Labels count as known from the time at which they were observed. Events without one are in no precision and no recall, unless --maturity says
/// from which age on those that were not declined count as good. Stopped is what is declined; figures for everything that is not approved stand
/// beside it.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow backtest --pipeline my.toml --rule rule.toml --from 2026-04-01 --to 2026-05-01 --maturity 30d\n  riskflow backtest --pipeline my.toml --thresholds review=650,decline=880 --from 2026-04-01 --to 2026-05-01 --by-day\n  riskflow backtest --pipeline my.toml --model card_fraud@7 --list stolen_cards=cards.csv --from 2026-04-01 --to 2026-05-01 --json"
)]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// The first event time
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// The first event time after the range
    #[arg(long, value_name = "TIME")]
    to: Timestamp,
    /// Labels that were observed later are not known [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
    /// Events that are older, have no label and were not declined count as good [default: they are left unlabelled]
    #[arg(long, value_name = "LENGTH")]
    maturity: Option<Duration>,
    /// What the change is compared with: the decisions as logged, or those of the present without the change
    #[arg(long, value_enum, default_value_t = AgainstArg::Logged)]
    against: AgainstArg,
    /// Rules as [[rules]] tables, as in a pipeline file. Drafts and rules in shadow are tried as if they were active; paused and archived ones are off
    #[arg(long, value_name = "FILE")]
    rule: Option<PathBuf>,
    /// Other thresholds: review=650,decline=880, or one of them
    #[arg(long, value_name = "SCORES", value_parser = thresholds)]
    thresholds: Option<Change>,
    /// More entries on a list, out of a CSV file as it is imported
    #[arg(long, value_name = "NAME=FILE", value_parser = list)]
    list: Vec<(String, PathBuf)>,
    /// Another model of the registry as champion
    #[arg(long, value_name = "NAME@VERSION", value_parser = model)]
    model: Option<Change>,
    /// Print a line for each day, too
    #[arg(long)]
    by_day: bool,
    /// On how many threads [default: one a core]; the figures are the same on any number
    #[arg(long, value_name = "COUNT", value_parser = super::at_least_one)]
    threads: Option<usize>,
    /// Print one JSON object, with every day
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AgainstArg {
    Logged,
    Present,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.to <= args.from {
        bail!("--to {} is not after --from {}", args.to, args.from);
    }
    let config = args.config.load()?;
    let pipeline = Arc::new(crate::read_pipeline(&args.pipeline)?);
    let request = Request {
        from: args.from,
        until: args.to,
        as_of: args.as_of.unwrap_or_else(|| SystemClock.now()),
        maturity: args.maturity,
        against: match args.against {
            AgainstArg::Logged => Against::Logged,
            AgainstArg::Present => Against::Present,
        },
        changes: changes::of(args)?,
        threads: args.threads.unwrap_or_else(super::cores),
    };
    let log = crate::read_log(&config)?;
    let registry = crate::open_registry(&config)?;
    let mut models = |name: &str, version: u32| LoadedModel::load(&*registry, name, version, &pipeline);
    // Every record is read twice.
    let bar = output::bar("records", log.refresh()?.0 * 2);
    let report = backtest::run(&*log, &pipeline, &mut models, request, &mut |progress| {
        bar.set_position(progress.records);
        Ok(())
    });
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        return output::json_line(&report);
    }
    print::report(&report, args.by_day)
}
