//! Windowed features over a stream of events: definitions, the plan that they compile to, and the engine that keeps the state.
//!
//! A vector is a pure function of the events and labels before it in the log. Nothing here reads a clock, a file or the network,
//! so the same code gives the same bits live, in replay, in a backtest and when training materialises a dataset.

pub mod definition;
pub mod engine;
pub mod plan;
mod ring;

pub use definition::{Definition, DefinitionError, DefinitionFile};
pub use engine::{Engine, Placement, Usage};
pub use plan::Plan;

#[cfg(test)]
mod tests;
