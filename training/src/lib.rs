//! The batch side: datasets on DataFusion with features as of their own time, learners, and the artifacts that
//! scoring loads. It runs beside scoring and shares nothing with it but the engine's code and the registry.

pub mod calibrate;
pub mod card;
pub mod columns;
pub mod dataset;
mod error;
pub mod export;
mod file;
mod files;
mod fingerprint;
pub mod folds;
pub mod history;
pub mod import;
pub mod labels;
pub mod leaks;
pub mod learners;
pub mod matrix;
mod page;
pub mod preparation;
pub mod report;
pub mod sampling;
pub mod schedule;
pub mod selection;
pub mod table;
pub mod tabular;
pub mod train;
pub mod tuning;

pub use columns::Columns;
pub use dataset::log::{LogSource, Passed, Vectors};
pub use dataset::warehouse::WarehouseSource;
pub use dataset::{Examples, Period, Source, Split};
pub use error::Error;
pub use file::Training;
pub use files::Files;
pub use history::{History, SetAside, span};
pub use labels::Labels;
pub use learners::{Learner, Settings};
pub use matrix::Matrix;
pub use preparation::{Preparation, Recipe};
pub use schedule::Schedule;
pub use table::Table;
pub use tabular::Approach;
pub use train::{Done, Progress, Request, Trained, train};
