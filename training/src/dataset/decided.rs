//! Which decided events are examples, and with which label: the one rule of the log and of the warehouse.

use ingest::{Duration, Timestamp};

use super::build::RowBuilder;
use super::log::Passed;
use super::{Examples, Period};
use crate::error::Error;

/// What is known at a point in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// A label that was observed later is not known yet.
    pub(super) as_of: Timestamp,
    /// An event that is older than this and has no label counts as good; without it such an event is left out.
    pub(super) maturity: Option<Duration>,
}

/// Takes decided events in the order of the log.
pub(super) struct Decided<'a> {
    rows: RowBuilder,
    until: Timestamp,
    known: Known,
    span: Option<(Timestamp, Timestamp)>,
    events: u64,
    progress: &'a mut dyn FnMut(u64),
    /// What was passed over so far.
    pub(super) passed: Passed,
}

impl<'a> Decided<'a> {
    /// For the examples of a period. `progress` is told the events so far.
    pub(super) fn new(rows: RowBuilder, period: Period, known: Known, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self { rows, until: period.until, known, span: None, events: 0, progress, passed: Passed::default() }
    }

    /// An event of a time, with the label that is known of it: true for bad. `push` puts it behind the other rows.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        label: Option<bool>,
        push: impl FnOnce(&mut RowBuilder, bool) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.events += 1;
        (self.progress)(self.events);
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        if at >= self.until {
            return Ok(());
        }
        let Known { as_of, maturity } = self.known;
        let mature = maturity.is_some_and(|maturity| at + maturity <= as_of);
        match label.or(mature.then_some(false)) {
            Some(is_bad) => push(&mut self.rows, is_bad),
            None => {
                self.passed.unlabelled += 1;
                Ok(())
            }
        }
    }

    /// The examples. Entities of a test are left out once the delay has passed.
    pub(super) fn examples(self, delay: Duration) -> Result<Examples, Error> {
        Ok(Examples { passed: self.passed, ..Examples::of(self.rows, delay, self.span, Vec::new())? })
    }
}
