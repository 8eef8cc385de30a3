//! The commands. Each reads its arguments, calls one part of the program, and prints what came of it.

pub mod demo;
pub mod import;
pub mod promote;
pub mod run;
pub mod simulate;
pub mod train;

use std::path::PathBuf;

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
