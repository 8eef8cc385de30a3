//! Artifacts from before format 3: one file with all that there was.

use std::collections::BTreeMap;

use ingest::Timestamp;
use serde::Deserialize;

use super::{About, Artifact, Published};
use crate::model::{Model, Scorer};
use crate::profile::Profile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Old {
    format: u32,
    name: String,
    learner: String,
    trained_at: Timestamp,
    features_version: String,
    features: Vec<String>,
    #[serde(default)]
    feature_versions: Vec<String>,
    trained_on: (Timestamp, Timestamp),
    rows: u64,
    bad_rows: u64,
    metrics: BTreeMap<String, f64>,
    model: Model,
}

/// Reads one; what was not kept then is empty.
pub(super) fn read(bytes: &[u8]) -> Result<Artifact, String> {
    let old: Old = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(Artifact {
        about: About {
            format: old.format,
            name: old.name,
            learner: old.learner,
            settings: serde_json::Value::Null,
            features_version: old.features_version,
            features: old.features,
            feature_versions: old.feature_versions,
            trained_on: old.trained_on,
            label_delay: None,
            dataset: String::new(),
            rows: old.rows,
            bad_rows: old.bad_rows,
            metrics: old.metrics,
            program: String::new(),
            scale: None,
        },
        scorer: Scorer::plain(old.model),
        profile: Profile::default(),
        card: String::new(),
        published: Published { at: old.trained_at, by: String::new() },
    })
}
