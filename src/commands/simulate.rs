//! `riskflow simulate`: transactions of made-up customers at made-up terminals, some of them fraud, as a Parquet file.

use std::path::PathBuf;

use anyhow::Context;
use ingest::simulator::{self, Settings, Simulator};
use serde::Serialize;

use crate::output;

/// Simulate card transactions with three kinds of fraud
///
/// The design is that of the Fraud Detection Handbook, chapter 3: customers and terminals on a 100 x 100 grid, a spending profile
/// for each customer, three fraud scenarios. Equal arguments give equal files.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow simulate --customers 5000 --terminals 10000 --days 183 --seed 0 --out data")]
pub struct Args {
    /// How many customers
    #[arg(long, default_value_t = 5_000)]
    customers: u32,
    /// How many terminals
    #[arg(long, default_value_t = 10_000)]
    terminals: u32,
    /// How many days, from 2018-04-01 on
    #[arg(long, default_value_t = 183)]
    days: u32,
    /// Another seed makes another world
    #[arg(long, default_value_t = 0)]
    seed: u64,
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
    let settings = Settings {
        customers: args.customers,
        terminals: args.terminals,
        days: Some(args.days),
        seed: args.seed,
        ..Settings::default()
    };
    let simulator = Simulator::new(settings)?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let path = args.out.join("transactions.parquet");
    let bar = output::bar("days", u64::from(args.days));
    let transactions = simulator::parquet::write(simulator, &path, &mut |days| bar.set_position(u64::from(days)))?;
    bar.finish_and_clear();
    let written = Written { file: path.display().to_string(), transactions, days: args.days };
    if args.json {
        return output::json_line(&written);
    }
    output::text_line(&format!("{}: {} transactions of {} days", written.file, output::thousands(transactions), args.days))
}
