//! Windowed features over a stream of events: definitions, the plan that they compile to, and the engine that keeps the state.
//!
//! A vector is a pure function of the events and labels before it in the log. Nothing here reads a clock or the network, so the
//! same code gives the same bits live, in replay, in a backtest and when training materialises a dataset.

pub mod definition;
pub mod engine;
pub mod explain;
pub mod memory;
#[cfg(feature = "arrow")]
pub mod offline;
pub mod plan;
pub mod replay;
pub mod snapshot;
pub mod store;
pub mod verify;
mod words;
mod zones;

pub use definition::{Definition, DefinitionError, DefinitionFile, StateFile};
pub use engine::{Engine, Outcome, Placement};
pub use memory::Memory;
pub use plan::Plan;
pub use replay::Replay;
pub use snapshot::Snapshots;
pub use store::{Store, Usage};
pub use words::MAX_WHOLE;

#[cfg(test)]
mod tests;
