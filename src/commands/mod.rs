//! The commands. Each reads its arguments, calls one part of the program, and prints what came of it.

pub mod audit;
pub mod backtest;
pub mod bench;
pub mod changes;
mod client;
pub mod compare;
pub mod demo;
pub mod drift;
pub mod evaluate;
pub mod experiments;
pub mod features;
pub mod history;
pub mod import;
pub mod key;
mod made_up;
pub mod model;
pub mod monitor;
pub mod notify;
pub mod promote;
pub mod retrain;
pub mod rollback;
pub mod run;
pub mod score;
pub mod simulate;
mod target;
pub mod train;
pub mod tune;
pub mod user;
pub mod warehouse;

use std::path::PathBuf;

use ingest::simulator::Settings;

use crate::config::Config;

/// How the program is configured, on every command that keeps something.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigArgs {
    /// A configuration file over the defaults (see the README; the environment goes over both)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder in which everything is kept [default: riskflow-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl ConfigArgs {
    fn load(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars())?;
        if let Some(folder) = &self.data_dir {
            config.data.clone_from(folder);
        }
        Ok(config)
    }
}

/// Who runs a command, in the audit: who can do that is trusted with the name.
fn operator() -> String {
    let name =
        ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    name.map_or_else(|| "the command line".to_owned(), |name| format!("{name} at the command line"))
}

/// One thread a core.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A number of threads.
fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|threads| *threads >= 1).ok_or_else(|| "give a whole number from 1 on".to_owned())
}

/// The size and the chance of a simulated world.
#[derive(Clone, Debug, clap::Args)]
pub struct WorldArgs {
    /// How many customers are simulated
    #[arg(long, default_value_t = 5_000)]
    pub customers: u32,
    /// How many terminals are simulated
    #[arg(long, default_value_t = 10_000)]
    pub terminals: u32,
    /// How many days are simulated, from 2018-04-01 on
    #[arg(long, default_value_t = 183)]
    pub days: u32,
    /// Another seed makes another world
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl WorldArgs {
    /// A history of so many days.
    fn settings(&self) -> Settings {
        let Self { customers, terminals, days, seed } = *self;
        Settings { customers, terminals, days: Some(days), seed, ..Settings::default() }
    }
}
