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
pub mod world;

use std::path::PathBuf;

use crate::config::Config;

/// The variable with the key of the API, for commands that ask a server: an argument is seen by everybody who lists processes.
const API_KEY: &str = "RISKFLOW_API_KEY";

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
        let mut config = Config::load(self.config.as_deref(), settings(std::env::vars()))?;
        if let Some(folder) = &self.data_dir {
            config.data.clone_from(folder);
        }
        Ok(config)
    }
}

/// What of the environment may be a setting: the key of the API is none.
fn settings(environment: impl Iterator<Item = (String, String)>) -> impl Iterator<Item = (String, String)> {
    environment.filter(|(name, _)| name != API_KEY)
}

/// Why something is done about who may call, on every command that does.
#[derive(Clone, Debug, clap::Args)]
struct Why {
    /// Why, for the audit
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
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

/// Does nothing for a while.
#[expect(
    clippy::disallowed_methods,
    reason = "load comes when it is due, and a server of another process tells nobody that it has settled or is ready"
)]
fn pause(length: std::time::Duration) {
    std::thread::sleep(length);
}

/// A number of threads.
fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|threads| *threads >= 1).ok_or_else(|| "give a whole number from 1 on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_api_is_no_setting() {
        let environment = [(API_KEY, "rf_1"), ("RISKFLOW_SERVER__LISTEN", "127.0.0.1:9")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(None, settings(environment.into_iter())).expect("it fits");
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:9");
    }
}
