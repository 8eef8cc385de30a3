//! `riskflow model diff`: what two versions of a model differ in.

use std::collections::{BTreeMap, BTreeSet};

use scoring::Artifact;
use serde::Serialize;
use serde_json::Value;

use super::RegistryArgs;
use crate::output;

/// Say what two versions of a model differ in: data, features, settings, figures
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow model diff 2 3 --data-dir riskflow-data")]
pub(super) struct Args {
    #[command(flatten)]
    registry: RegistryArgs,
    /// The model's name, where the registry has more than one
    #[arg(long)]
    name: Option<String>,
    /// The one version
    before: u32,
    /// The other
    after: u32,
    /// Print one JSON object for each difference
    #[arg(long)]
    json: bool,
}

/// Something that two artifacts say differently.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Difference {
    what: String,
    before: Option<String>,
    after: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let load = |version| args.registry.load(args.name.as_deref(), version);
    let differences = differences(&said(&load(args.before)?), &said(&load(args.after)?));
    if args.json {
        return differences.iter().try_for_each(output::json_line);
    }
    if differences.is_empty() {
        return output::text_line("they say the same");
    }
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let row = |difference: &Difference| vec![difference.what.clone(), or_dash(&difference.before), or_dash(&difference.after)];
    let headings = ["", &format!("version {}", args.before), &format!("version {}", args.after)];
    output::table(&headings, &differences.iter().map(row).collect::<Vec<_>>())
}

/// What an artifact says, by name.
fn said(artifact: &Artifact) -> BTreeMap<String, String> {
    let about = &artifact.about;
    let mut said = BTreeMap::from([
        ("learner".to_owned(), about.learner.clone()),
        ("trained on".to_owned(), format!("{} to {}", about.trained_on.0.date(), about.trained_on.1.date())),
        ("rows".to_owned(), about.rows.to_string()),
        ("bad rows".to_owned(), about.bad_rows.to_string()),
        ("dataset".to_owned(), about.dataset.chars().take(16).collect()),
        ("program".to_owned(), about.program.clone()),
        ("calibration".to_owned(), artifact.scorer.calibration.name().to_owned()),
    ]);
    if let Some(preparation) = &artifact.scorer.preparation {
        said.insert("preparation".to_owned(), preparation.name().to_owned());
    }
    if let Some(card) = artifact.scorer.scorecard(&about.features, about.points()) {
        let points = |name: &str| format!("points {name}");
        said.insert(points("to begin with"), format!("{:.0}", card.base_points));
        for feature in &card.features {
            let entries: Vec<String> = feature.entries.iter().map(|entry| format!("{:.0}", entry.points)).collect();
            said.insert(points(&feature.feature), entries.join(" "));
        }
    }
    said.extend(about.metrics.iter().map(|(name, value)| (format!("figure {name}"), format!("{value:.4}"))));
    said.extend(
        about.features.iter().zip(&about.feature_versions).map(|(name, version)| (format!("feature {name}"), version.clone())),
    );
    flatten("setting", &about.settings, &mut said);
    said
}

/// The leaves of a JSON value by their paths.
fn flatten(path: &str, value: &Value, said: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(parts) => parts.iter().for_each(|(name, part)| flatten(&format!("{path} {name}"), part, said)),
        Value::Null => {}
        other => {
            said.insert(path.to_owned(), other.to_string());
        }
    }
}

fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Difference { what: name.clone(), before: before.get(name).cloned(), after: after.get(name).cloned() })
        .collect()
}
