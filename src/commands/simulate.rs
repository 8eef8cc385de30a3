//! `riskflow simulate`: transactions of made-up customers at made-up terminals, some of them fraud, or applications for credit, some of which end
//! in default, as a Parquet file; and drift, put into them or into transactions that are there.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::Timestamp;
use ingest::simulator::{self, Drift, Injection, credit};
use serde::Serialize;

use super::world::{World, WorldArgs};
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
  riskflow simulate --use credit --days 800 --downturn 2019-10-01 --out applications
  riskflow simulate --drift spending:2.0@2018-07-01 --out drifted
  riskflow simulate --history transactions.parquet --drift bursts:20@2018-08-15 --out drifted";

/// Simulate card transactions with three kinds of fraud, or applications for credit, and drift
///
/// The design is that of the Fraud Detection Handbook, chapter 3: customers and terminals on a 100 x 100 grid, a spending profile
/// for each customer, three fraud scenarios. With --use credit it is applications for consumer credit, and whether they were repaid, shaped as
/// pipelines/credit.toml wants them. Equal arguments give equal files. With --history nothing is simulated: drift is put into
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
    #[arg(long, value_name = "FILE", requires = "drift", conflicts_with_all = ["used", "customers", "terminals", "days"])]
    history: Option<PathBuf>,
    /// From this day on the economy is worse: incomes fall, people ask around for credit, twice the odds of default (with --use credit)
    #[arg(long, value_name = "DAY", conflicts_with = "drift")]
    downturn: Option<Timestamp>,
    /// The folder for transactions.parquet, or applications.parquet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Written {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    transactions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applications: Option<u64>,
    /// Of these, what drift has added.
    added: u64,
    /// Of what was simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let world = match (args.world.world(), args.downturn) {
        (World::Cards(_), Some(_)) => bail!("--downturn is of applications: say --use credit"),
        (World::Credit(_), _) if !args.drift.is_empty() => bail!("--drift is of card transactions: applications have --downturn"),
        (World::Credit(settings), downturn) => World::Credit(credit::Settings { downturn, ..settings }),
        (world, None) => world,
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let (name, what) = match world {
        World::Cards(_) => ("transactions.parquet", "transactions"),
        World::Credit(_) => ("applications.parquet", "applications"),
    };
    let path = args.out.join(name);
    let mut injection = Injection::new(args.drift.clone(), args.world.seed);
    let (events, days) = match &args.history {
        Some(history) => (copy(history, &mut injection, &path)?, None),
        None => {
            let days = world.days();
            let bar = output::bar("days", u64::from(days));
            let written = world.write(&mut injection, &path, &mut |done| bar.set_position(u64::from(done)))?;
            bar.finish_and_clear();
            (written, Some(days))
        }
    };
    let is_cards = matches!(world, World::Cards(_));
    let (file, added) = (path.display().to_string(), injection.added());
    if args.json {
        let (transactions, applications) = (is_cards.then_some(events), (!is_cards).then_some(events));
        return output::json_line(&Written { file, transactions, applications, added, days });
    }
    let mut line = format!("{file}: {} {what}", output::thousands(events));
    if let Some(days) = days {
        line += &format!(" of {days} days");
    }
    if added > 0 {
        line += &format!(", {} of them added", output::thousands(added));
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
