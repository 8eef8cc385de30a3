//! The registry: where trained models wait to be used. An artifact is written once, under a version of its own, and checked
//! against its hash whenever it is loaded; which one is champion is said by control records in the log, not here.

pub mod file;
mod old;

use std::collections::BTreeMap;

use features::Plan;
use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Scale, Scorer};
use crate::profile::Profile;

pub use file::FileRegistry;

/// A trained model with what is needed to use and to judge it.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// What it is.
    pub about: About,
    /// What scoring runs.
    pub scorer: Scorer,
    /// How features and scores were distributed in training.
    pub profile: Profile,
    /// The model card, in Markdown; empty for an artifact from before format 3.
    pub card: String,
    /// When it came here, and through whom. All else is the same whenever the same is trained again.
    pub published: Published,
}

impl Artifact {
    /// Of a model that was not trained here and reads features of a plan, in its order. `learner` says where it comes from.
    pub fn foreign(
        name: &str,
        learner: &str,
        features: Vec<String>,
        plan: &Plan,
        scorer: Scorer,
        published: Published,
    ) -> Result<Self, NoFeature> {
        let version = |feature: &String| {
            let place = plan.feature(feature).ok_or_else(|| NoFeature { feature: feature.clone() })?;
            Ok(plan.definitions()[place].version.clone())
        };
        let feature_versions = features.iter().map(version).collect::<Result<_, _>>()?;
        let never = Timestamp::from_micros(0);
        let about = About {
            format: ARTIFACT_FORMAT,
            name: name.to_owned(),
            learner: learner.to_owned(),
            settings: serde_json::Value::Null,
            features_version: plan.version().to_owned(),
            features,
            feature_versions,
            trained_on: (never, never),
            label_delay: None,
            dataset: String::new(),
            rows: 0,
            bad_rows: 0,
            metrics: BTreeMap::new(),
            program: PROGRAM.to_owned(),
            scale: None,
        };
        Ok(Self { about, scorer, profile: Profile::default(), card: String::new(), published })
    }

    /// Whether what its features add sums to log-odds bad : good, so that it can be told in points.
    pub fn has_points(&self) -> bool {
        self.about.learner != SVM && self.scorer.model.adds_log_odds()
    }
}

/// The learner whose weighted sum is a distance and no log-odds: a support vector machine.
pub const SVM: &str = "svm";

/// A model reads a feature that a pipeline does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model reads the feature {feature}, which the pipeline does not have")]
pub struct NoFeature {
    /// The feature.
    pub feature: String,
}

/// This program, as artifacts name it.
pub const PROGRAM: &str = concat!("riskflow ", env!("CARGO_PKG_VERSION"));

/// What a model is, and what came in when it was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of this format.
    pub format: u32,
    /// The model's name: `card_fraud`.
    pub name: String,
    /// What learned it: `logistic`, `forest`, `boosting`, or the format that it was imported from.
    pub learner: String,
    /// The settings of the learner.
    pub settings: serde_json::Value,
    /// The hash of the feature definitions that it was trained on.
    pub features_version: String,
    /// The features that the model reads, in its order.
    pub features: Vec<String>,
    /// The hash of each feature's definition; none in format 1.
    pub feature_versions: Vec<String>,
    /// The first event time of the training rows, and the first after them.
    pub trained_on: (Timestamp, Timestamp),
    /// How long after an event its label was taken as known.
    pub label_delay: Option<Duration>,
    /// The fingerprint of the data; empty where it is not known.
    pub dataset: String,
    /// Training rows.
    pub rows: u64,
    /// Training rows that were bad.
    pub bad_rows: u64,
    /// What was measured on the test rows, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The program that made it: `riskflow 0.1.0`.
    pub program: String,
    /// The points of the pipeline that it was trained for, where that has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

impl About {
    /// The points that a scorecard is told in.
    pub fn points(&self) -> Scale {
        self.scale.unwrap_or(Scale::RISK)
    }
}

/// When an artifact came into the registry, and through whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// Through whom.
    pub by: String,
}

/// The newest format of an artifact. Format 2 added the hash of each feature's definition; format 3 is a folder of files, with
/// calibration, profile and card.
pub const ARTIFACT_FORMAT: u32 = 3;

/// Where artifacts are kept.
pub trait Registry: Send + Sync {
    /// Writes an artifact under the next version of its name; the version.
    fn publish(&self, artifact: &Artifact) -> Result<u32, Error>;

    /// Reads an artifact and checks its hash.
    fn load(&self, name: &str, version: u32) -> Result<Artifact, Error>;

    /// The names of all models, sorted.
    fn names(&self) -> Result<Vec<String>, Error>;

    /// The versions of a name, ascending; none for a name that was never published.
    fn versions(&self, name: &str) -> Result<Vec<u32>, Error>;
}

/// What can go wrong with a registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// No such model or version.
    #[error("model {name} has no version {version} in {registry}")]
    NotFound {
        /// The model.
        name: String,
        /// The version.
        version: u32,
        /// The registry.
        registry: String,
    },
    /// The bytes are not those that were published.
    #[error("artifact {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: String,
        /// In which way.
        what: String,
    },
    /// The bytes are whole but not an artifact that this program reads.
    #[error("artifact {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
}
