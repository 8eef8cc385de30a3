//! The alert desk: what a person should look at, who looks at it, and what came of it. Policies of the pipeline file say which decisions raise
//! an alert; whether one does is a plain function. Alerts are control records in the log and the desk is a fold of them, so that it is the same
//! after every start. Nothing here is in the path of a decision.

mod alert;
mod desk;
mod policy;
mod queue;
mod raise;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod windows;

pub use self::alert::{Alert, AlertId, Entry, Hit, MOST_HITS, Subject};
pub use self::desk::Desk;
pub use self::policy::{About, After, Level, Policy, Rise, Severity, When};
pub(crate) use self::queue::STATES;
pub use self::queue::{Filter, Order};
pub use self::raise::{Joined, Raise, Risen, Seen, Worthy, raise};
pub use self::stage::{Held, Outcome, Refusal, Stage};
pub use self::step::{Action, Did, Step};
pub use self::windows::Windows;
