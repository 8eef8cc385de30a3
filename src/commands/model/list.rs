//! `riskflow model list`: all versions with what they are and which of them decides.

use anyhow::Context;
use scoring::control::{Role, role, role_changes};
use serde::Serialize;

use super::RegistryArgs;
use crate::output;

/// List the models of the registry with their roles
///
/// Roles are read from the log, which a server may be writing: a version is champion since its promotion, retired since that of
/// another, and candidate before.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow model list --data-dir riskflow-data")]
pub(super) struct Args {
    #[command(flatten)]
    registry: RegistryArgs,
    /// Print one JSON object for each version
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    version: u32,
    role: Option<Role>,
    learner: String,
    trained_on: [String; 2],
    rows: u64,
    bad_rows: u64,
    metrics: std::collections::BTreeMap<String, f64>,
    published_at: String,
    published_by: String,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let registry = args.registry.open()?;
    let config = args.registry.config.load()?;
    // A registry of its own, such as `riskflow train --out` fills, has no log beside it.
    let changes = match &args.registry.models {
        None => Some(role_changes(&*crate::read_log(&config)?).context("the roles could not be read from the log")?),
        Some(_) => None,
    };
    let mut lines = Vec::new();
    for name in registry.names()? {
        for version in registry.versions(&name)? {
            let artifact = registry.load(&name, version)?;
            let about = artifact.about;
            lines.push(Line {
                role: changes.as_ref().map(|changes| role(changes, &name, version)),
                name: name.clone(),
                version,
                learner: about.learner,
                trained_on: [about.trained_on.0.date(), about.trained_on.1.date()],
                rows: about.rows,
                bad_rows: about.bad_rows,
                metrics: about.metrics,
                published_at: artifact.published.at.to_string(),
                published_by: artifact.published.by,
            });
        }
    }
    if args.json {
        return lines.iter().try_for_each(output::json_line);
    }
    let row = |line: &Line| {
        let figure = |name: &str| line.metrics.get(name).map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        vec![
            format!("{} {}", line.name, line.version),
            line.role.map_or_else(|| "-".to_owned(), |role| role.name().to_owned()),
            line.learner.clone(),
            if line.rows == 0 { "-".to_owned() } else { line.trained_on.join(" to ") },
            output::thousands(line.rows),
            figure("auc"),
            figure("average_precision"),
            line.published_by.clone(),
        ]
    };
    let headings = ["model", "role", "learner", "trained on", "rows", "auc", "average precision", "by"];
    output::table(&headings, &lines.iter().map(row).collect::<Vec<_>>())
}
