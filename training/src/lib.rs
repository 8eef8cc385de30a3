//! The batch side: datasets on DataFusion with features as of their own time, learners, evaluation, and the artifacts that
//! scoring loads. It runs beside scoring and shares nothing with it but the engine's code and the registry.

pub mod dataset;
mod error;
mod history;
pub mod learners;
pub mod matrix;
pub mod metrics;
pub mod train;

pub use dataset::{Period, Split};
pub use error::Error;
pub use history::span;
pub use learners::Learner;
pub use metrics::Metrics;
pub use train::{Progress, Request, Trained, train};
