//! The registry: where trained models wait to be used. An artifact is written once, under a version of its own, and checked
//! against its hash whenever it is loaded; which one is champion is said by control records in the log, not here.

pub mod file;

use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Model;

pub use file::FileRegistry;

/// A trained model with what is needed to use and to judge it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The version of this format.
    pub format: u32,
    /// The model's name: `card_fraud`.
    pub name: String,
    /// `logistic`, `forest`, `boosting`.
    pub learner: String,
    /// When it was trained.
    pub trained_at: Timestamp,
    /// The hash of the feature definitions that it was trained on.
    pub features_version: String,
    /// The features that the model reads, in its order.
    pub features: Vec<String>,
    /// The hash of each feature's definition; none in format 1.
    #[serde(default)]
    pub feature_versions: Vec<String>,
    /// The first event time of the training rows, and the first after them.
    pub trained_on: (Timestamp, Timestamp),
    /// Training rows, and how many of them were bad.
    pub rows: u64,
    /// Training rows that were bad.
    pub bad_rows: u64,
    /// What was measured on the test rows, by name.
    pub metrics: std::collections::BTreeMap<String, f64>,
    /// The model itself.
    pub model: Model,
}

/// The newest format of an artifact. Format 2 added the hash of each feature's definition.
pub const ARTIFACT_FORMAT: u32 = 2;

/// Where artifacts are kept.
pub trait Registry: Send + Sync {
    /// Writes an artifact under the next version of its name; the version.
    fn publish(&self, artifact: &Artifact) -> Result<u32, Error>;

    /// Reads an artifact and checks its hash.
    fn load(&self, name: &str, version: u32) -> Result<Artifact, Error>;

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
    #[error("artifact {path} is damaged: its hash is {found}, published was {published}")]
    Damaged {
        /// The file.
        path: String,
        /// The hash of its bytes.
        found: String,
        /// The hash in its manifest.
        published: String,
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
