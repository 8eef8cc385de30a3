//! What decides: models, policy, the engine that owns all feature state, the registry of models, and the HTTP API.
//!
//! A decision is a pure function of the event, its feature vector and the artifacts in force. It does no I/O and cannot fail.

pub mod alerts;
#[cfg(feature = "http")]
pub mod api;
pub mod audit;
pub mod backtest;
pub mod control;
pub mod decide;
pub mod decision;
pub mod engine;
mod error;
pub mod guard;
mod labels;
pub mod lists;
pub mod metrics;
pub mod model;
pub mod pipeline;
pub mod policy;
pub mod profile;
pub mod registry;
pub mod rules;
mod shares;

pub use control::{Control, Role};
pub use decide::{LoadedModel, Mismatch};
pub use decision::{
    Decision, Degradation, EngineMode, FeatureState, Ground, ModelScore, Reason, Reasons, Thresholds, TimingsUs, Verdict,
};
pub use engine::{Engine, Scored, Status, Terms};
pub use error::Error;
pub use labels::Labels;
pub use model::{Model, Scorecard, Scorer};
pub use pipeline::{Pipeline, PipelineError};
pub use profile::Profile;
pub use registry::{About, Artifact, FileRegistry, Registry};
