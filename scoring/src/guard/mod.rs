//! Guardrails: whether what a model does leaves the limits that it was tried under, and what follows. Plain functions of counts and a
//! clock; the loop that reads the counts and acts is the engine's.
//!
//! A limit is judged over windows. A window is judged when it is as long and has as many events as the guardrails say, and it breaks a limit
//! when not even the near end of a 99 % interval keeps to it; two such windows, one after the other, are acted on. So neither a handful of events nor
//! one bad moment stops a model.

mod judge;
mod keeper;
#[cfg(test)]
mod tests;

pub use self::judge::{Breach, breaches};
pub use self::keeper::{Act, Keeper, Seen};
