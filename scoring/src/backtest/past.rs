//! What a log says of the past: labels and changes of what decides in a first reading, decided events in a second.

use std::collections::HashMap;

use ingest::Timestamp;
use ingest::log::record::{RecordError, event_time};
use ingest::log::{Position, Readable, Record, Topic};

use super::{Progress, Watch};
use crate::control::{Control, State};
use crate::decision::Decision;
use crate::error::Error;
use crate::labels::Labels;

/// What is known beside the decisions.
pub(super) struct Past {
    pub(super) labels: Labels,
    /// What control records come to.
    pub(super) control: State,
}

impl Past {
    pub(super) fn read(
        log: &dyn Readable,
        as_of: Timestamp,
        progress: &mut Progress,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Error> {
        let mut past = Self { labels: Labels::new(as_of), control: State::default() };
        records(log, progress, watch, &mut |record, _| match record.topic {
            Topic::Label => past.labels.take(&record),
            Topic::Control => {
                let control = Control::decode(&record.payload).map_err(unreadable(record.position))?;
                past.control.apply(control, record.position);
                Ok(())
            }
            Topic::Event | Topic::History | Topic::Decision | Topic::Shadow => Ok(()),
        })?;
        Ok(past)
    }
}

/// An event that was decided, as the log keeps it.
pub(super) struct Pair {
    /// Where the event lies.
    pub(super) position: Position,
    pub(super) event: Vec<u8>,
    pub(super) decision: Vec<u8>,
}

/// What was found beside the pairs.
pub(super) struct Found {
    /// The first event time and the last one, in the range or not.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// Events of the range without a decision.
    pub(super) undecided: u64,
}

/// Hands over each decided event of a range. Those that wait for their decision are held, and are few.
pub(super) fn pairs(
    log: &dyn Readable,
    range: (Timestamp, Timestamp),
    progress: &mut Progress,
    watch: &mut Watch<'_>,
    each: &mut dyn FnMut(Pair) -> Result<(), Error>,
) -> Result<Found, Error> {
    let mut open: HashMap<Position, Vec<u8>> = HashMap::new();
    let mut span: Option<(Timestamp, Timestamp)> = None;
    records(log, progress, watch, &mut |record, progress| match record.topic {
        Topic::Event => {
            let at = event_time(&record.payload).map_err(unreadable(record.position))?;
            span = Some(span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            if (range.0..range.1).contains(&at) {
                open.insert(record.position, record.payload);
            }
            Ok(())
        }
        Topic::Decision => {
            let position = Decision::event_position_of(&record.payload).map_err(unreadable(record.position))?;
            let Some(event) = open.remove(&position) else { return Ok(()) };
            progress.events += 1;
            each(Pair { position, event, decision: record.payload })
        }
        Topic::Label | Topic::Control | Topic::History | Topic::Shadow => Ok(()),
    })?;
    Ok(Found { span, undecided: open.len() as u64 })
}

/// So often somebody is told.
const TOLD_EVERY: u64 = 1 << 13;

fn records(
    log: &dyn Readable,
    progress: &mut Progress,
    watch: &mut Watch<'_>,
    each: &mut dyn FnMut(Record, &mut Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    for record in log.read(Position(0))? {
        each(record?, progress)?;
        progress.records += 1;
        if progress.records.is_multiple_of(TOLD_EVERY) {
            watch(*progress)?;
        }
    }
    watch(*progress)
}

pub(super) fn unreadable(position: Position) -> impl FnOnce(RecordError) -> Error {
    move |source| Error::Unreadable { position, source }
}
