//! What is seen of the program's work: the projection of the log into a warehouse, and the questions asked of it.
//!
//! The log is the truth and the warehouse a copy of it in columns, which can be deleted and made again. Nothing here is in the
//! path of a decision, and nothing here changes one.

pub mod alert_days;
mod declarations;
pub mod drift;
mod error;
pub mod experiment;
mod file;
#[cfg(test)]
mod fixture;
pub mod judge;
pub mod lookout;
pub mod notify;
pub mod observer;
pub mod outcome;
pub mod performance;
mod period;
pub mod points;
pub mod profile;
pub mod projection;
pub mod projector;
pub mod questions;
pub mod rule_versions;
pub mod tables;
pub mod trust;
pub mod warehouse;
pub mod watch;

pub use error::Error;
pub use file::Monitoring;
pub use lookout::Lookout;
pub use observer::Observer;
pub use period::Period;
pub use projection::Projection;
pub use projector::{Progress, Projector};
pub use questions::{Days, Question};
pub use tables::{Derived, Projected, Slot, Table, Window};
pub use warehouse::{ClickHouseWarehouse, ParquetWarehouse, Warehouse};
pub use watch::{Drift, Watch};
