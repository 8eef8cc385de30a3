//! Guardrails: whether what a model does leaves the limits that it was tried under, and what follows. Plain functions of counts and a
//! clock; the loop that reads the counts and acts is the engine's.
//!
//! A limit is judged over windows. A window is judged when it is as long and has as many events as the guardrails say, and it breaks a
//! limit when not even the near end of an interval keeps to it; two such windows, one after the other, are acted on. So neither a handful
//! of events nor one bad moment stops a model.
//!
//! There are many windows, a thousand a day, and an interval of 99 % would leave out the truth in one of a hundred. So the interval is
//! one of 99 % for the first 200 and a wider one for each after them, such that all levels together are small: a model that keeps to its
//! limits is stopped by chance, ever, in less than one of a hundred watches (`bounds.rs` has the sum). One interval over all that was
//! counted since the watch began would hold at every look, too; but a good month in it would hide a bad hour.
//!
//! Events count as independent of one another, whoever they are of: what is counted where events are decided knows no entities. Slow
//! answers and missing scores hardly depend on whose an event is. Approvals do, and a customer with a tenth of a window's events moves
//! its share; give `minimum_events` so that no customer does. And a watch begins anew at a start, with the levels of the first windows.

mod bounds;
mod judge;
mod keeper;
#[cfg(test)]
mod tests;

pub use self::judge::{Breach, breaches};
pub use self::keeper::{Act, Keeper, Seen};
