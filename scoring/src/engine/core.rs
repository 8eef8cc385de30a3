//! The single writer: all state that changes with the log, and the only code that changes it. It runs on one thread, appends to
//! the log's buffer, and never waits for a disk, a model or a client.

use std::sync::Arc;

use features::Placement;
use ingest::log::record::{self, RecordError};
use ingest::log::{Log, Position, Record, Topic};
use ingest::{Event, EventId, Label, Timestamp};

use super::ledger::{Entry, Known, Ledger};
use crate::control::Control;
use crate::decide::Case;
use crate::decision::Decision;
use crate::error::Error;
use crate::pipeline::Pipeline;

/// An event that was checked and encoded at the door.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub(super) event: Event,
    pub(super) received_at: Timestamp,
    payload: Vec<u8>,
    content: u64,
}

impl Arrival {
    /// Encodes an event; done at the door, in parallel.
    pub fn new(event: Event, received_at: Timestamp, pipeline: &Pipeline) -> Self {
        let payload = record::encode_event(&event, received_at, &pipeline.schema);
        let content = record::event_content(&payload);
        Self { event, received_at, payload, content }
    }
}

/// What became of an arrival.
#[derive(Debug)]
pub enum Applied {
    /// It is in the log and in the features; it wants a decision.
    New(Case),
    /// It was there before, saying the same.
    Duplicate(Entry),
}

/// All state that changes with the log.
pub struct Core {
    pipeline: Arc<Pipeline>,
    log: Arc<dyn Log>,
    features: features::Engine,
    ledger: Ledger,
    too_late: u64,
}

/// What a log held when it was read back.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The champion that was promoted last: its name and version.
    pub champion: Option<(String, u32)>,
    /// Accepted events without a decision: the process ended in between.
    pub undecided: Vec<Case>,
    /// Records read.
    pub records: u64,
}

impl Core {
    /// Reads the whole log back; `progress` is told the records read so far, now and then.
    pub fn recover(
        pipeline: Arc<Pipeline>,
        log: Arc<dyn Log>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Self, Recovered), Error> {
        let features = features::Engine::new(Arc::clone(&pipeline.plan));
        let mut core = Self { pipeline, log: Arc::clone(&log), features, ledger: Ledger::default(), too_late: 0 };
        let mut recovered = Recovered::default();
        let mut undecided = std::collections::BTreeMap::new();
        for record in log.read(Position(0))? {
            let record = record?;
            let at = |source: RecordError| Error::Unreadable { position: record.position, source };
            core.replay(&record, &mut undecided, &mut recovered).map_err(at)?;
            recovered.records += 1;
            if recovered.records % 100_000 == 0 {
                progress(recovered.records);
            }
        }
        recovered.undecided = undecided.into_values().collect();
        Ok((core, recovered))
    }

    fn replay(
        &mut self,
        record: &Record,
        undecided: &mut std::collections::BTreeMap<Position, Case>,
        recovered: &mut Recovered,
    ) -> Result<(), RecordError> {
        match record.topic {
            Topic::Event => {
                let (event, received_at) = record::decode_event(&record.payload, &self.pipeline.schema)?;
                self.ledger.accept(&event.event_id, record::event_content(&record.payload), record.position);
                undecided.insert(record.position, self.case(event, received_at, record.position));
            }
            Topic::History => {
                let (event, received_at) = record::decode_event(&record.payload, &self.pipeline.schema)?;
                self.ledger.accept_history(&event.event_id, record::event_content(&record.payload), record.position);
                self.case(event, received_at, record.position);
            }
            Topic::Decision => {
                let decision = Decision::decode(&record.payload)?;
                self.ledger.decide(&decision.event_id, record.position);
                undecided.remove(&decision.event_position);
            }
            Topic::Label => {
                let (label, _) = record::decode_label(&record.payload)?;
                self.learn(&label, record.position);
            }
            Topic::Control => {
                let Control::Promoted { name, version, .. } = Control::decode(&record.payload)?;
                recovered.champion = Some((name, version));
            }
        }
        Ok(())
    }

    /// Takes an event: into the log, into the ledger, into the features. One that was taken before changes nothing.
    pub fn apply(&mut self, arrival: Arrival) -> Result<Applied, Error> {
        match self.ledger.check(&arrival.event.event_id, arrival.content) {
            Known::Duplicate(entry) if entry.is_history() => Err(Error::History { event_id: arrival.event.event_id }),
            Known::Duplicate(entry) => Ok(Applied::Duplicate(entry)),
            Known::Conflict(_) => Err(Error::Conflict { event_id: arrival.event.event_id }),
            Known::New => {
                let position = self.log.append(Topic::Event, &arrival.payload)?;
                self.ledger.accept(&arrival.event.event_id, arrival.content, position);
                Ok(Applied::New(self.case(arrival.event, arrival.received_at, position)))
            }
        }
    }

    /// Takes an event of before riskflow watched: into the log, the ledger and the features, for no decision. One that was taken
    /// before changes nothing.
    pub fn backfill(&mut self, arrival: Arrival) -> Result<(), Error> {
        match self.ledger.check(&arrival.event.event_id, arrival.content) {
            Known::Duplicate(_) => Ok(()),
            Known::Conflict(_) => Err(Error::Conflict { event_id: arrival.event.event_id }),
            Known::New => {
                let position = self.log.append(Topic::History, &arrival.payload)?;
                self.ledger.accept_history(&arrival.event.event_id, arrival.content, position);
                self.case(arrival.event, arrival.received_at, position);
                Ok(())
            }
        }
    }

    fn case(&mut self, event: Event, received_at: Timestamp, position: Position) -> Case {
        let mut vector = Vec::with_capacity(self.pipeline.plan.width());
        let outcome = self.features.apply(&event, position, &mut vector);
        self.too_late += u64::from(outcome.placement == Placement::TooLate);
        Case { event, position, received_at, vector }
    }

    /// Enters a decision that was appended.
    pub fn decided(&mut self, event_id: &EventId, position: Position) {
        self.ledger.decide(event_id, position);
    }

    /// Takes a label: into the log, into the ledger, into the features.
    pub fn label(&mut self, label: &Label, received_at: Timestamp) -> Result<Position, Error> {
        let position = self.log.append(Topic::Label, &record::encode_label(label, received_at))?;
        self.learn(label, position);
        Ok(position)
    }

    fn learn(&mut self, label: &Label, position: Position) {
        match self.ledger.get(&label.event_id) {
            Some(_) => self.features.learn(label),
            None => self.features.learn_early(label),
        }
        self.ledger.label(&label.event_id, position);
    }

    /// Appends a change of what decides.
    pub fn control(&self, control: &Control) -> Result<Position, Error> {
        Ok(self.log.append(Topic::Control, &control.encode())?)
    }

    /// Every event that was accepted.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Events that came too late to enter the history.
    pub fn too_late(&self) -> u64 {
        self.too_late
    }

    /// All feature state.
    pub fn features(&self) -> &features::Engine {
        &self.features
    }
}
