//! `riskflow simulate`: transactions of made-up customers at made-up terminals, some of them fraud, as a Parquet file; and drift, put into
//! them or into transactions that are there.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::simulator::{self, Drift, Injection, Simulator};
use serde::Serialize;

use super::WorldArgs;
use crate::output;

const EXAMPLES: &str = "\
Drift, from a day on (UTC), or from a day until another one, as often as wanted:
  --drift spending:2.0@2018-07-01          every customer pays twice as much; what is fraud stays what it was
  --drift spending:2.0:0.3@2018-07-01      three in ten customers do, the same ones on every day
  --drift bursts:20@2018-07-01             a new fraud: 20 customers a day are robbed of 6 to 12 payments of 1.00 to 5.00, seconds
                                           apart, at terminals where they never paid before; scenario 4, numbered from 2,000,000,000 on
  --drift missing:TERMINAL_ID@2018-07-01..2018-07-08
                                           a column is empty for a week; missing:TERMINAL_ID:0.5@... empties half of it

Examples:
  riskflow simulate --customers 5000 --terminals 10000 --days 183 --seed 0 --out data
  riskflow simulate --drift spending:2.0@2018-07-01 --out drifted
  riskflow simulate --history transactions.parquet --drift bursts:20@2018-08-15 --out drifted";

/// Simulate card transactions with three kinds of fraud, and drift
///
/// The design is that of the Fraud Detection Handbook, chapter 3: customers and terminals on a 100 x 100 grid, a spending profile
/// for each customer, three fraud scenarios. Equal arguments give equal files. With --history nothing is simulated: drift is put into
/// transactions that are there, with the Handbook's columns.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    world: WorldArgs,
    /// What changes, and from which day on: KIND:WHAT[:SHARE]@DAY[..DAY] (see below)
    #[arg(long, value_name = "DRIFT")]
    drift: Vec<Drift>,
    /// Put drift into this Parquet file of transactions in the order of time, and simulate nothing
    #[arg(long, value_name = "FILE", requires = "drift", conflicts_with_all = ["customers", "terminals", "days"])]
    history: Option<PathBuf>,
    /// The folder for transactions.parquet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Written {
    file: String,
    transactions: u64,
    /// Of these, what drift has added.
    added: u64,
    /// Of what was simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let path = args.out.join("transactions.parquet");
    let mut injection = Injection::new(args.drift.clone(), args.world.seed);
    let (transactions, days) = match &args.history {
        Some(history) => (copy(history, &mut injection, &path)?, None),
        None => {
            let days = args.world.days;
            let simulator = Simulator::new(args.world.settings())?;
            let bar = output::bar("days", u64::from(days));
            let progress = &mut |done| bar.set_position(u64::from(done));
            let written = simulator::parquet::write(simulator, &mut injection, &path, progress)?;
            bar.finish_and_clear();
            (written, Some(days))
        }
    };
    let written = Written { file: path.display().to_string(), transactions, added: injection.added(), days };
    if args.json {
        return output::json_line(&written);
    }
    let mut line = format!("{}: {} transactions", written.file, output::thousands(transactions));
    if let Some(days) = days {
        line += &format!(" of {days} days");
    }
    if written.added > 0 {
        line += &format!(", {} of them added", output::thousands(written.added));
    }
    output::text_line(&line)
}

fn copy(history: &Path, injection: &mut Injection, path: &Path) -> anyhow::Result<u64> {
    let same = |path: &Path| path.canonicalize().ok();
    if same(path).is_some() && same(path) == same(history) {
        bail!("{} is the history itself: choose another folder with --out", path.display());
    }
    let bar = output::counter("transactions");
    let copied = simulator::parquet::copy(history, injection, path, &mut |read| bar.set_position(read))?;
    bar.finish_and_clear();
    Ok(copied)
}
