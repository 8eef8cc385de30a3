//! What events turned out to be, as it was known at a point in time: the one rule for whoever learns from a log or judges by it.

use std::collections::HashMap;

use ingest::log::record::{RecordError, decode_label};
use ingest::log::{Position, Readable, Record, Topic};
use ingest::{EventId, Timestamp};

use crate::error::Error;

/// Labels as of a point in time. Of several about one event the one that was observed last holds; of equals, the one that came last.
#[derive(Clone, Debug)]
pub struct Labels {
    as_of: Timestamp,
    by_event: HashMap<u128, (Timestamp, bool)>,
    /// Labels that were observed later, and are not known.
    pub from_the_future: u64,
}

impl Labels {
    /// None yet.
    pub fn new(as_of: Timestamp) -> Self {
        Self { as_of, by_event: HashMap::new(), from_the_future: 0 }
    }

    /// All labels of a log.
    pub fn read(log: &dyn Readable, as_of: Timestamp) -> Result<Self, Error> {
        let mut labels = Self::new(as_of);
        for record in log.read(Position(0))? {
            labels.take(&record?)?;
        }
        Ok(labels)
    }

    /// Takes the next record of a log, if it is a label.
    pub fn take(&mut self, record: &Record) -> Result<(), Error> {
        if record.topic != Topic::Label {
            return Ok(());
        }
        let unreadable = |source: RecordError| Error::Unreadable { position: record.position, source };
        let (label, _) = decode_label(&record.payload).map_err(unreadable)?;
        if label.observed_at > self.as_of {
            self.from_the_future += 1;
            return Ok(());
        }
        let known = (label.observed_at, label.label.is_bad());
        let held = self.by_event.entry(label.event_id.fingerprint()).or_insert(known);
        if known.0 >= held.0 {
            *held = known;
        }
        Ok(())
    }

    /// Whether an event is known to be bad; `None` where nothing is known.
    pub fn is_bad(&self, event_id: &EventId) -> Option<bool> {
        self.by_event.get(&event_id.fingerprint()).map(|(_, is_bad)| *is_bad)
    }
}
