//! What is seen of the program's work: the projection of the log into a warehouse, and the questions asked of it.
//!
//! The log is the truth and the warehouse a copy of it in columns, which can be deleted and made again. Nothing here is in the
//! path of a decision, and nothing here changes one.

mod error;
#[cfg(test)]
mod fixture;
pub mod points;
pub mod projection;
pub mod projector;
pub mod questions;
pub mod tables;
pub mod warehouse;

pub use error::Error;
pub use projection::Projection;
pub use projector::{Progress, Projector};
pub use questions::{Days, Question};
pub use tables::{Derived, Projected, Slot, Table, Window};
pub use warehouse::{ClickHouseWarehouse, ParquetWarehouse, Warehouse};
