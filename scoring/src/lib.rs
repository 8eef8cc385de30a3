//! What decides: models, policy, the engine that owns all feature state, the registry of models, and the HTTP API.
//!
//! A decision is a pure function of the event, its feature vector and the artifacts in force. It does no I/O and cannot fail.

#[cfg(feature = "http")]
pub mod api;
pub mod control;
pub mod decide;
pub mod decision;
pub mod engine;
mod error;
pub mod metrics;
pub mod model;
pub mod pipeline;
pub mod policy;
pub mod profile;
pub mod registry;
pub mod rules;

pub use control::Control;
pub use decide::{Champion, Mismatch};
pub use decision::{Decision, EngineMode, FeatureState, ModelScore, Reason, Thresholds, TimingsUs, Verdict};
pub use engine::{Engine, Scored, Status};
pub use error::Error;
pub use model::{Model, Scorecard, Scorer};
pub use pipeline::{Pipeline, PipelineError};
pub use profile::Profile;
pub use registry::{About, Artifact, FileRegistry, Registry};
