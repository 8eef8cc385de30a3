//! `riskflow model`: what lies in the registry, what each model is, and models on their way in and out.

mod diff;
mod export;
mod import;
mod list;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use scoring::{Artifact, FileRegistry, Registry};

use super::ConfigArgs;

/// List, show, compare, import and export the models of the registry
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Diff(diff::Args),
    Import(import::Args),
    Export(export::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => export::run(args),
    }
}

/// Where the models are.
#[derive(Clone, Debug, clap::Args)]
struct RegistryArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The registry folder [default: that of the configuration]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

impl RegistryArgs {
    fn open(&self) -> anyhow::Result<Arc<dyn Registry>> {
        match &self.models {
            Some(folder) if !folder.is_dir() => bail!("there is no folder {}", folder.display()),
            Some(folder) => Ok(Arc::new(FileRegistry::open(folder)?)),
            None => crate::open_registry(&self.config.load()?),
        }
    }

    /// A version, of the model that is named, or of the only one that there is.
    fn load(&self, name: Option<&str>, version: u32) -> anyhow::Result<Artifact> {
        let registry = self.open()?;
        let names = registry.names()?;
        let name = match (name, names.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => only,
            (None, []) => bail!("the registry has no models"),
            (None, names) => bail!("the registry has more than one model: give --name, one of {}", names.join(", ")),
        };
        Ok(registry.load(name, version)?)
    }
}
