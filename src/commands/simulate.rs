//! `riskflow simulate`: transactions of made-up customers at made-up terminals, some of them fraud, as a Parquet file.

use std::path::PathBuf;

use anyhow::Context;
use ingest::simulator::{self, Simulator};
use serde::Serialize;

use super::WorldArgs;
use crate::output;

/// Simulate card transactions with three kinds of fraud
///
/// The design is that of the Fraud Detection Handbook, chapter 3: customers and terminals on a 100 x 100 grid, a spending profile
/// for each customer, three fraud scenarios. Equal arguments give equal files.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow simulate --customers 5000 --terminals 10000 --days 183 --seed 0 --out data")]
pub struct Args {
    #[command(flatten)]
    world: WorldArgs,
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
    days: u32,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let days = args.world.days;
    let simulator = Simulator::new(args.world.settings())?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let path = args.out.join("transactions.parquet");
    let bar = output::bar("days", u64::from(days));
    let transactions = simulator::parquet::write(simulator, &path, &mut |done| bar.set_position(u64::from(done)))?;
    bar.finish_and_clear();
    let written = Written { file: path.display().to_string(), transactions, days };
    if args.json {
        return output::json_line(&written);
    }
    output::text_line(&format!("{}: {} transactions of {} days", written.file, output::thousands(transactions), days))
}
