//! Decides events again and adds up what came of it, on one thread or several.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration as Span;

use ingest::log::Readable;
use ingest::log::record::decode_event;
use ingest::{Amount, Event};

use super::past::{Found, Pair, pairs, unreadable};
use super::report::{Header, Report};
use super::tally::{Judged, Known, Tally};
use super::{Against, Progress, Request, Watch};
use crate::decide::{Case, Deciders, ask, decide};
use crate::decision::{Decision, Degradation, Reasons, Verdict};
use crate::error::Error;
use crate::labels::Labels;
use crate::rules::RuleId;

/// What an event is decided by, without the change and with it, and what it is measured on.
pub(super) struct Judge<'a> {
    request: &'a Request,
    labels: &'a Labels,
    present: &'a Deciders,
    candidate: &'a Deciders,
    /// The rules that are tried.
    tried: Vec<RuleId>,
    has_other_model: bool,
}

/// How many events a thread is given at once, and how many such batches may wait for it.
const BATCH: usize = 512;
const BATCHES: usize = 4;

impl<'a> Judge<'a> {
    pub(super) fn new(request: &'a Request, labels: &'a Labels, present: &'a Deciders, candidate: &'a Deciders) -> Self {
        let tried = request.changes.iter().filter_map(super::Change::rule).cloned().collect();
        let has_other_model = request.changes.iter().any(|change| matches!(change, super::Change::Model { .. }));
        Self { request, labels, present, candidate, tried, has_other_model }
    }

    /// Judges every decided event of the range.
    pub(super) fn all(
        &self,
        log: &dyn Readable,
        progress: &mut Progress,
        watch: &mut Watch<'_>,
    ) -> Result<(Tally<'_>, Found), Error> {
        let range = (self.request.from, self.request.until);
        if self.request.threads <= 1 {
            let mut tally = Tally::new(&self.tried);
            let found = pairs(log, range, progress, watch, &mut |pair| self.judge(pair, &mut tally))?;
            return Ok((tally, found));
        }
        thread::scope(|scope| {
            let (senders, workers): (Vec<SyncSender<Vec<Pair>>>, Vec<_>) = (0..self.request.threads)
                .map(|_| {
                    let (sender, receiver) = sync_channel(BATCHES);
                    (sender, scope.spawn(move || self.follow(&receiver)))
                })
                .unzip();
            let mut turns = senders.iter().cycle();
            let mut hand_over = |batch: Vec<Pair>| match turns.next().map(|sender| sender.send(batch)) {
                // Whoever has ended says why when it is joined.
                Some(Err(_)) | None => Err(Error::Stopped),
                Some(Ok(())) => Ok(()),
            };
            let mut batch = Vec::with_capacity(BATCH);
            let read = pairs(log, range, progress, watch, &mut |pair| {
                batch.push(pair);
                if batch.len() < BATCH { Ok(()) } else { hand_over(mem::replace(&mut batch, Vec::with_capacity(BATCH))) }
            });
            let read = read.and_then(|found| hand_over(batch).map(|()| found));
            drop(senders);
            let mut tally = Tally::new(&self.tried);
            for worker in workers {
                tally.add(&worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok((tally, read?))
        })
    }

    fn follow(&self, batches: &Receiver<Vec<Pair>>) -> Result<Tally<'_>, Error> {
        let mut tally = Tally::new(&self.tried);
        for batch in batches {
            batch.into_iter().try_for_each(|pair| self.judge(pair, &mut tally))?;
        }
        Ok(tally)
    }

    fn judge(&self, pair: Pair, tally: &mut Tally<'_>) -> Result<(), Error> {
        let pipeline = &*self.present.pipeline;
        let (event, received_at) = decode_event(&pair.event, &pipeline.schema).map_err(unreadable(pair.position))?;
        let logged = Decision::decode(&pair.decision).map_err(unreadable(pair.position))?;
        if logged.features_version != pipeline.plan.version() {
            tally.other_definitions += 1;
            return Ok(());
        }
        let (day, known) = (event.occurred_at.day(), self.known(&event, logged.decision));
        let amount: Option<Amount> = event.amount.filter(|_| pipeline.schema.amount_minor.is_some());
        // How a vector came about is said in a record and decides nothing.
        let outcome = features::Outcome { placement: logged.feature_state.placement, coarse: 0, refused: 0 };
        let case = Case { event, position: pair.position, received_at, vector: logged.vector, outcome };
        // A model that was too late then is not asked now.
        let too_late = logged.degradation == Some(Degradation::OutOfTime);
        let said = |deciders| if too_late { Err(Degradation::OutOfTime) } else { ask(&case, deciders) };
        let said_at_present = said(self.present);
        let said_then = if self.has_other_model { said(self.candidate) } else { said_at_present };
        let again = |said, deciders| decide(case.clone(), said, deciders, Reasons::None, logged.decided_at);
        let present = again(said_at_present, self.present);
        let changed = (!self.request.changes.is_empty()).then(|| again(said_then, self.candidate));
        let after = changed.as_ref().unwrap_or(&present);
        tally.not_reproduced += u64::from(present.decision != logged.decision);
        let before = match self.request.against {
            Against::Logged => logged.decision,
            Against::Present => present.decision,
        };
        tally.take(&Judged { day, amount, known, before, after: after.decision, rules: (&present.rules, &after.rules) });
        Ok(())
    }

    /// What is known of an event. Of one that was declined nobody complains, so that its silence says nothing.
    fn known(&self, event: &Event, decided: Verdict) -> Known {
        let is_mature = || self.request.maturity.is_some_and(|maturity| event.occurred_at + maturity <= self.request.as_of);
        match self.labels.is_bad(&event.event_id) {
            Some(true) => Known::Bad,
            Some(false) => Known::Good,
            None if decided != Verdict::Decline && is_mature() => Known::Presumed,
            None => Known::Nothing,
        }
    }

    /// What came of it, for a person or a program.
    pub(super) fn report(&self, tally: &Tally<'_>, undecided: u64, labels_from_the_future: u64, took: Span) -> Report {
        let is_asked = |id: &RuleId| self.present.rules.asked().any(|rule| rule.id == *id);
        let header = Header {
            pipeline: &self.present.pipeline,
            request: self.request,
            rules: self.tried.iter().map(|id| (id, is_asked(id))).collect(),
            missing: &self.present.missing,
            learned_until: self
                .candidate
                .champion
                .as_ref()
                .filter(|_| self.has_other_model)
                .map(|model| model.artifact.about.trained_on.1),
            undecided,
            labels_from_the_future,
            seconds: took.as_secs_f64(),
        };
        Report::new(&header, tally)
    }
}
