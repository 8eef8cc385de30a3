//! What comes in: events and labels, the schemas they are checked against, the decoders that read them, the append-only
//! log that keeps them, and a simulator that makes them.
//!
//! It knows nothing of features, models or decisions: the log carries those as bytes under a topic.

pub mod background;
mod causes;
pub mod dead_letter;
pub mod decode;
pub mod event;
mod folder;
pub mod label;
pub mod log;
pub mod schema;
pub mod simulator;
mod steady_file;
pub mod time;
pub mod timeline;
pub mod waiting;

pub use causes::with_causes;
pub use event::{Amount, Currency, Event, EventId, Value};
pub use folder::{replace_file, replace_private_file, sync_folder};
pub use label::{Harm, Label, LabelSource, Outcome};
pub use schema::Schema;
pub use steady_file::{SteadyFile, remove_steadily};
pub use time::{Clock, Duration, ManualClock, SystemClock, Timestamp};
