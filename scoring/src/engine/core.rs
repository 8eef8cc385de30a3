//! All state that changes with the log, and the only code that changes it. It puts records into the log's buffer for
//! whoever holds it to push, and never waits for a disk, a model or a client.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use features::snapshot::{Header, Reader};
use features::{Placement, Snapshots};
use ingest::log::record::{self, RecordError};
use ingest::log::{Log, Position, Readable, Record, Topic};
use ingest::{Event, EventId, Label, Timestamp, background};
use serde::{Deserialize, Serialize};

use super::ledger::{Entry, Known, Ledger};
use crate::alerts::Desk;
use crate::control::{Control, State};
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

/// All state that changes with the log. `L` is where changes go; `()` where those of before are only repeated.
pub struct Core<L = Arc<dyn Log>> {
    pipeline: Arc<Pipeline>,
    log: L,
    features: features::Engine,
    ledger: Ledger,
    too_late: u64,
}

/// What a log holds beside state: what the shell needs to go on.
#[derive(Debug, Default)]
pub struct Recovered {
    /// What decides, by the control records.
    pub control: State,
    /// The alerts, by the same records.
    pub desk: Desk,
    /// Accepted events without a decision, by their positions: the process ended in between.
    pub undecided: BTreeMap<Position, Case>,
    /// The position of the snapshot that was used; 0 when none was.
    pub resumed_at: Position,
    /// Everything before this was applied.
    pub position: Position,
    /// A hash of the record before it; 0 when there is none.
    pub last_record: u64,
}

impl Core {
    /// Reads the log back, from the newest snapshot on that can be used; one that cannot is said and passed over. `progress` is told
    /// the position reached, now and then.
    pub fn recover(
        pipeline: Arc<Pipeline>,
        log: Arc<dyn Log>,
        snapshots: Option<&Snapshots>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Self, Recovered), Error> {
        let resumed = match snapshots {
            Some(snapshots) => Self::resume(&pipeline, &log, snapshots)?,
            None => None,
        };
        let (mut core, mut recovered) = resumed.unwrap_or_else(|| (Self::new(pipeline, Arc::clone(&log)), Recovered::default()));
        for record in log.read(recovered.position)? {
            let record = record?;
            let at = |source: RecordError| Error::Unreadable { position: record.position, source };
            core.replay(&record, &mut recovered).map_err(at)?;
            recovered.position = record.position.next();
            recovered.last_record = fingerprint(&record);
            if recovered.position.0 % 100_000 == 0 {
                progress(recovered.position.0);
            }
            background::rest();
        }
        Ok((core, recovered))
    }

    /// The event of a decision with its vector computed anew, and what control records before it, or before the decision, come to. Goes on
    /// from a snapshot of before the event where there is one.
    pub(super) fn case_at(
        pipeline: Arc<Pipeline>,
        log: Arc<dyn Log>,
        snapshots: Option<&Snapshots>,
        decision: &Decision,
    ) -> Result<(Option<Case>, State), Error> {
        let (at, control_until) = (decision.event_position, decision.control_version);
        let mut resumed = None;
        for path in snapshots.map_or_else(|| Ok(Vec::new()), Snapshots::list)? {
            let fits = |recovered: &Recovered| recovered.position <= at && recovered.control.version <= control_until;
            match Self::load(&pipeline, &log, &path) {
                Ok((core, recovered)) if fits(&recovered) => resumed = Some((core, recovered)),
                Ok(_) | Err(Error::Snapshot(_)) => continue,
                Err(error) => return Err(error),
            }
            break;
        }
        let (mut core, mut recovered) = resumed.unwrap_or_else(|| (Self::new(pipeline, Arc::clone(&log)), Recovered::default()));
        for record in log.read(recovered.position)? {
            let record = record?;
            if record.position > at {
                break;
            }
            let unreadable = |source: RecordError| Error::Unreadable { position: record.position, source };
            core.replay(&record, &mut recovered).map_err(unreadable)?;
        }
        let mut state = recovered.control;
        if state.version < control_until {
            fold_control(&*log, at, control_until, &mut state)?;
        }
        Ok((recovered.undecided.remove(&at), state))
    }

    /// The newest snapshot that is whole, taken under the pipeline's definitions, and of this log.
    fn resume(pipeline: &Arc<Pipeline>, log: &Arc<dyn Log>, snapshots: &Snapshots) -> Result<Option<(Self, Recovered)>, Error> {
        for path in snapshots.list()? {
            match Self::load(pipeline, log, &path) {
                Ok(resumed) => return Ok(Some(resumed)),
                Err(Error::Snapshot(error)) => tracing::warn!("{error}; going on without it"),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Writes a snapshot of everything.
    pub fn save(&self, recovered: &Recovered, snapshots: &Snapshots) -> Result<u64, Error> {
        let header = Header {
            definitions: self.pipeline.plan.version().to_owned(),
            position: recovered.position,
            last_record: recovered.last_record,
        };
        let rest = Rest {
            control: recovered.control.clone(),
            too_late: self.too_late,
            undecided: recovered.undecided.values().map(|case| Undecided::of(case, &self.pipeline)).collect(),
        };
        Ok(snapshots.write(&header, |out| {
            out.bytes(&postcard::to_stdvec(&rest).map_err(io::Error::other)?)?;
            // As JSON, so that alerts may gain a part.
            out.bytes(&serde_json::to_vec(&recovered.desk)?)?;
            self.ledger.save(out)?;
            self.features.save(out)
        })?)
    }

    fn load(pipeline: &Arc<Pipeline>, log: &Arc<dyn Log>, path: &Path) -> Result<(Self, Recovered), Error> {
        let mut input = Reader::open(path, pipeline.plan.version())?;
        let Header { position, last_record, .. } = *input.header();
        let known = match position.0.checked_sub(1) {
            Some(last) => log.get(Position(last))?.map(|record| fingerprint(&record)),
            None => Some(0),
        };
        if known != Some(last_record) {
            return Err(input.other_log().into());
        }
        let rest: Rest = postcard::from_bytes(&input.bytes()?).map_err(|error| input.damaged(&error.to_string()))?;
        let mut undecided = BTreeMap::new();
        for each in rest.undecided {
            let case = each.case(pipeline).map_err(|error| input.damaged(&error.to_string()))?;
            undecided.insert(case.position, case);
        }
        let desk = serde_json::from_slice(&input.bytes()?).map_err(|error| input.damaged(&error.to_string()))?;
        let ledger = Ledger::load(&mut input)?;
        let features = features::Engine::load(Arc::clone(&pipeline.plan), &mut input)?;
        input.finish()?;
        let core = Self { pipeline: Arc::clone(pipeline), log: Arc::clone(log), features, ledger, too_late: rest.too_late };
        Ok((core, Recovered { control: rest.control, desk, undecided, resumed_at: position, position, last_record }))
    }

    /// Takes an event: into the log, into the ledger, into the features. One that was taken before changes nothing.
    pub fn apply(&mut self, arrival: Arrival) -> Result<Applied, Error> {
        match self.ledger.check(&arrival.event.event_id, arrival.content) {
            Known::Duplicate(entry) if entry.is_history() => Err(Error::History { event_id: arrival.event.event_id }),
            Known::Duplicate(entry) => Ok(Applied::Duplicate(entry)),
            Known::Conflict(_) => Err(Error::Conflict { event_id: arrival.event.event_id }),
            Known::New => {
                if let Some(corrected) = arrival.event.supersedes.as_ref().filter(|id| self.ledger.get(id).is_none()) {
                    return Err(Error::NothingToSupersede { event_id: corrected.clone() });
                }
                let position = self.log.put(Topic::Event, &arrival.payload)?;
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
                let position = self.log.put(Topic::History, &arrival.payload)?;
                self.ledger.accept_history(&arrival.event.event_id, arrival.content, position);
                self.case(arrival.event, arrival.received_at, position);
                Ok(())
            }
        }
    }

    /// Enters a decision that was appended.
    pub fn decided(&mut self, event_id: &EventId, position: Position) {
        self.ledger.decide(event_id, position);
    }

    /// Takes a label: into the log, into the ledger, into the features.
    pub fn label(&mut self, label: &Label, received_at: Timestamp) -> Result<Position, Error> {
        let position = self.log.put(Topic::Label, &record::encode_label(label, received_at))?;
        self.learn(label, position);
        Ok(position)
    }

    /// Takes a change of what decides: into the log.
    pub fn control(&self, control: &Control) -> Result<Position, Error> {
        Ok(self.log.put(Topic::Control, &control.encode())?)
    }

    /// Every event that was accepted.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Events that came too late to enter the history.
    pub fn too_late(&self) -> u64 {
        self.too_late
    }

    /// Features whose window is not covered yet, each with the event time from which on it is.
    pub fn warming(&self) -> Vec<(String, Timestamp)> {
        let named =
            |(feature, covered_at): (usize, Timestamp)| (self.pipeline.plan.definitions()[feature].name.clone(), covered_at);
        self.features.warming().into_iter().map(named).collect()
    }

    /// All feature state.
    pub fn features(&self) -> &features::Engine {
        &self.features
    }
}

impl Core<()> {
    /// Reads the whole log and hands over each event that was accepted, with its vector computed anew.
    pub(super) fn recompute(pipeline: Arc<Pipeline>, log: &dyn Readable, each: &mut dyn FnMut(&Case)) -> Result<(), Error> {
        let mut core = Self::new(pipeline, ());
        let mut recovered = Recovered::default();
        for record in log.read(Position(0))? {
            let record = record?;
            let at = |source: RecordError| Error::Unreadable { position: record.position, source };
            core.replay(&record, &mut recovered).map_err(at)?;
            if let Some(case) = recovered.undecided.remove(&record.position) {
                each(&case);
            }
        }
        Ok(())
    }
}

impl<L> Core<L> {
    fn new(pipeline: Arc<Pipeline>, log: L) -> Self {
        let features = features::Engine::new(Arc::clone(&pipeline.plan));
        Self { pipeline, log, features, ledger: Ledger::default(), too_late: 0 }
    }

    fn replay(&mut self, record: &Record, recovered: &mut Recovered) -> Result<(), RecordError> {
        match record.topic {
            Topic::Event => {
                let (event, received_at) = record::decode_event(&record.payload, &self.pipeline.schema)?;
                self.ledger.accept(&event.event_id, record::event_content(&record.payload), record.position);
                recovered.undecided.insert(record.position, self.case(event, received_at, record.position));
            }
            Topic::History => {
                let (event, received_at) = record::decode_event(&record.payload, &self.pipeline.schema)?;
                self.ledger.accept_history(&event.event_id, record::event_content(&record.payload), record.position);
                self.case(event, received_at, record.position);
            }
            Topic::Decision => {
                let decision = Decision::decode(&record.payload)?;
                self.ledger.decide(&decision.event_id, record.position);
                recovered.undecided.remove(&decision.event_position);
            }
            Topic::Label => {
                let (label, _) = record::decode_label(&record.payload)?;
                self.learn(&label, record.position);
            }
            Topic::Control => match Control::decode(&record.payload)? {
                Control::Alerts { steps, by, at } => {
                    steps.into_iter().for_each(|step| recovered.desk.apply(step, &by, at, record.position));
                }
                control => recovered.control.apply(control, record.position),
            },
            Topic::Shadow => {}
        }
        Ok(())
    }

    fn case(&mut self, event: Event, received_at: Timestamp, position: Position) -> Case {
        let mut vector = Vec::with_capacity(self.pipeline.plan.width());
        let outcome = self.features.apply(&event, position, &mut vector);
        self.too_late += u64::from(outcome.placement == Placement::TooLate);
        Case { event, position, received_at, vector, outcome }
    }

    fn learn(&mut self, label: &Label, position: Position) {
        match self.ledger.get(&label.event_id) {
            Some(_) => {
                self.features.learn(label);
            }
            None => self.features.learn_early(label),
        }
        self.ledger.label(&label.event_id, position);
    }
}

/// Applies the control records of a stretch of the log.
pub(super) fn fold_control(log: &dyn Log, from: Position, until: Position, state: &mut State) -> Result<(), Error> {
    for record in log.read(from)? {
        let record = record?;
        if record.position >= until {
            break;
        }
        if record.topic == Topic::Control {
            let unreadable = |source: RecordError| Error::Unreadable { position: record.position, source };
            state.apply(Control::decode(&record.payload).map_err(unreadable)?, record.position);
        }
    }
    Ok(())
}

/// What a snapshot holds beside the ledger and the features.
#[derive(Serialize, Deserialize)]
struct Rest {
    control: State,
    too_late: u64,
    undecided: Vec<Undecided>,
}

/// A [`Case`] whose event is as the log keeps it.
#[derive(Serialize, Deserialize)]
struct Undecided {
    position: Position,
    event: Vec<u8>,
    vector: Vec<f64>,
    outcome: features::Outcome,
}

impl Undecided {
    fn of(case: &Case, pipeline: &Pipeline) -> Self {
        let event = record::encode_event(&case.event, case.received_at, &pipeline.schema);
        Self { position: case.position, event, vector: case.vector.clone(), outcome: case.outcome }
    }

    fn case(self, pipeline: &Pipeline) -> Result<Case, RecordError> {
        let (event, received_at) = record::decode_event(&self.event, &pipeline.schema)?;
        Ok(Case { event, position: self.position, received_at, vector: self.vector, outcome: self.outcome })
    }
}

/// 64 bits that stand for a record.
fn fingerprint(record: &Record) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(&record.payload, record.position.0)
}
