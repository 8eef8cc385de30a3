//! A data folder belongs to one demo: another history or pipeline in the same log would be a muddle.

use std::path::Path;

use anyhow::{Context, bail};
use ingest::simulator::{self, credit};
use serde::{Deserialize, Serialize};

use super::Args;
use crate::commands::world::World;

const FILE: &str = "demo.json";

/// Which demo a data folder belongs to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    data: String,
    features_version: String,
}

impl Claim {
    pub(super) fn of(args: &Args, features_version: &str) -> anyhow::Result<Self> {
        let data = match &args.data {
            Some(path) => {
                let size = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
                let name =
                    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
                format!("{name}, {size} bytes")
            }
            None => {
                let world = args.world.world();
                let days = world.days();
                match world {
                    World::Cards(simulator::Settings { customers, terminals, seed, .. }) => {
                        format!("simulated: {customers} customers, {terminals} terminals, {days} days, seed {seed}")
                    }
                    World::Credit(credit::Settings { applicants, seed, .. }) => {
                        format!("simulated: {applicants} applicants, {days} days, seed {seed}")
                    }
                }
            }
        };
        Ok(Self { data, features_version: features_version.to_owned() })
    }

    /// Claims a new folder; refuses one that another demo, or something else, has claimed.
    pub(super) fn check(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let found: Self =
                serde_json::from_str(&text).with_context(|| format!("{} is not what a demo writes", path.display()))?;
            if found == *self {
                return Ok(());
            }
            bail!(
                "{} belongs to a demo of other data or features ({}): remove the folder, or use another with --data-dir",
                folder.display(),
                found.data
            );
        }
        if folder.join("log").exists() {
            bail!("{} belongs to something else than a demo: use another folder with --data-dir", folder.display());
        }
        let text = serde_json::to_string(self).context("a claim is plain data")?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}: is the data folder writable?", path.display()))
    }
}
