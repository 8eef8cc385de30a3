//! What people and other programs are told: drift, guardrails, verdicts, alerts, trainings, a warehouse that is gone. Who notices it calls
//! [`Notifier::try_tell`] and goes on; each sink has a queue on the disk and a thread that empties it. What was told is delivered at least
//! once, also over a restart, and carries an id by which a receiver takes it once.

mod config;
mod notification;
mod queue;
mod refusals;
mod sender;
#[cfg(test)]
mod tests;
mod transport;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ingest::Clock;
pub use scoring::alerts::Severity;

pub use self::config::{Sink, SinkConfig};
pub use self::notification::{Drift, Kind, Notification, Rose, What};
use self::refusals::Refusals;
pub use self::sender::Figures;
use self::sender::Sender;

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sink is not described as it must be.
    #[error("notify sink {sink}: {reason}")]
    Sink {
        /// Its name.
        sink: String,
        /// What is wrong. It never repeats a secret.
        reason: String,
    },
    /// The file that holds a queue could not be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `open`, `write`.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process delivers from this queue.
    #[error("{} is in use by another riskflow process", path.display())]
    InUse {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A queue holds a line that is none of ours.
    #[error("line {line} of {} cannot be read: move the file away to begin with an empty queue", path.display())]
    Line {
        /// The file.
        path: std::path::PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// As many as may wait do.
    #[error("{waiting} notifications wait already")]
    Full {
        /// How many wait.
        waiting: usize,
    },
}

/// Tells all sinks. Dropped, it stops; what was not delivered is on the disk, and goes out at the next start.
#[derive(Debug)]
pub struct Notifier {
    senders: Vec<Sender>,
    /// Never held while anything is waited for.
    refusals: Mutex<Refusals>,
}

impl Notifier {
    /// Starts to deliver what is left in `folder` from before. No two processes share a folder.
    ///
    /// # Errors
    /// When a queue cannot be opened or is in use.
    pub fn start(sinks: Vec<Sink>, folder: &Path, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let senders = sinks.into_iter().map(|sink| Sender::start(sink, folder, Arc::clone(clock)));
        Ok(Self::of(senders.collect::<Result<_, _>>()?))
    }

    fn of(senders: Vec<Sender>) -> Self {
        Self { senders, refusals: Mutex::default() }
    }

    /// Tells every sink that wants to know; whether the queues of all of them have taken it. Whoever hears that they have not tells it
    /// again later, and then only those hear it who lack it; those that have it after all take it once, by its id. What a queue does not
    /// take is counted and written into the program's own messages, whole, when it is refused for the first time: it is never lost in
    /// silence.
    #[must_use]
    pub fn try_tell(&self, notification: &Notification) -> bool {
        let lacking = self.refusals().of(&notification.id);
        let lacks = |place: &usize| lacking.as_ref().is_none_or(|lacking| lacking.contains(place));
        // One that refuses keeps it from no other.
        let told = self.senders.iter().enumerate().filter(|(place, _)| lacks(place));
        let refusing = told.filter(|(_, sender)| !sender.tell(notification, lacking.is_some())).map(|(place, _)| place);
        let refusing: Vec<usize> = refusing.collect();
        let is_taken = refusing.is_empty();
        self.refusals().keep(&notification.id, refusing);
        is_taken
    }

    /// Tells nobody more. What was told last is tried for some seconds, and a try that is under way is waited for; whatever is not delivered
    /// is on the disk.
    pub fn stop(&self) {
        self.senders.iter().for_each(Sender::stop);
    }

    /// How each sink is doing.
    pub fn figures(&self) -> Vec<Figures> {
        self.senders.iter().map(Sender::figures).collect()
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
