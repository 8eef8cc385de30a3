//! Models that look on: every decision is scored again by those that did not decide it, off the path of the reply. When there are more
//! decisions than this can follow, they are passed over and counted; no reply ever waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use ingest::log::record::{RecordError, check_version, decode, encode};
use ingest::log::{Log, Position, Topic};
use ingest::{EventId, Timestamp, background};
use serde::{Deserialize, Serialize};

use crate::control::Role;
use crate::decide::{Deciders, LoadedModel};
use crate::decision::{Decision, ModelScore};
use crate::metrics::Metrics;

const SHADOW_VERSION: u8 = 1;
/// So many decisions wait at most.
const QUEUE: usize = 1_024;

/// What the models that did not decide say of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowScores {
    /// The event.
    pub event_id: EventId,
    /// Where it lies in the log.
    pub event_position: Position,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What each of them says.
    pub scores: Vec<ModelScore>,
}

impl ShadowScores {
    /// As the log keeps it.
    pub fn encode(&self) -> Vec<u8> {
        encode(SHADOW_VERSION, self, Vec::with_capacity(96))
    }

    /// From the log.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        decode("shadow", check_version("shadow", payload, SHADOW_VERSION)?)
    }
}

/// The running thread.
pub(super) struct Shadow {
    watcher: Watcher,
    thread: JoinHandle<()>,
}

/// Hands decisions over to the thread.
#[derive(Clone)]
pub(super) struct Watcher {
    sender: SyncSender<(Arc<Deciders>, Watched)>,
    metrics: Arc<Metrics>,
}

/// What is scored again.
struct Watched {
    event_id: EventId,
    event_position: Position,
    occurred_at: Timestamp,
    vector: Vec<f64>,
    /// The role and version of the model that decided.
    decided: Option<(Role, u32)>,
}

impl Shadow {
    pub(super) fn start(log: Arc<dyn Log>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let run = move || follow(&receiver, &*log);
        let thread = background::spawn("shadow", run)?;
        Ok(Self { watcher: Watcher { sender, metrics }, thread })
    }

    /// Who hands decisions over; the thread ends when nobody can any more.
    pub(super) fn watcher(&self) -> Watcher {
        self.watcher.clone()
    }

    /// Scores what waits, and ends. Blocks.
    pub(super) fn stop(self) {
        drop(self.watcher);
        if self.thread.join().is_err() {
            tracing::error!("shadow scoring ended in a panic; decisions are not touched by it");
        }
    }
}

impl Watcher {
    /// Hands a decision over, where there is room; with `may_wait` it waits for room, so that of a replay nothing is left out.
    pub(super) fn watch(&self, deciders: Arc<Deciders>, decision: &Decision, may_wait: bool) {
        let watched = Watched {
            event_id: decision.event_id.clone(),
            event_position: decision.event_position,
            occurred_at: decision.occurred_at,
            vector: decision.vector.clone(),
            decided: decision.champion.as_ref().map(|model| (model.role, model.version)),
        };
        let is_taken = match may_wait {
            true => self.sender.send((deciders, watched)).is_ok(),
            false => self.sender.try_send((deciders, watched)).is_ok(),
        };
        self.metrics.shadow_shed.inc_by(u64::from(!is_taken));
    }
}

fn follow(receiver: &Receiver<(Arc<Deciders>, Watched)>, log: &dyn Log) {
    while let Ok((deciders, watched)) = receiver.recv() {
        let scores = scores(&deciders, &watched);
        if scores.is_empty() {
            continue;
        }
        let Watched { event_id, event_position, occurred_at, .. } = watched;
        let record = ShadowScores { event_id, event_position, occurred_at, scores };
        if log.append(Topic::Shadow, &record.encode()).is_err() {
            // The log has failed and says so where decisions are made.
            return;
        }
    }
}

/// What every model but the one that decided says.
fn scores(deciders: &Deciders, watched: &Watched) -> Vec<ModelScore> {
    let challengers = deciders.challengers.iter().map(|challenger| (&challenger.model, Role::Challenger));
    let all = deciders.champion.iter().map(|model| (model, Role::Champion)).chain(challengers);
    let others = all.filter(|(model, role)| watched.decided != Some((*role, model.version)));
    others.filter_map(|(model, role)| score(model, role, &watched.vector)).collect()
}

fn score(model: &LoadedModel, role: Role, vector: &[f64]) -> Option<ModelScore> {
    let (raw_probability, probability) = model.probabilities_of(vector);
    let name = model.artifact.about.name.clone();
    (0.0..=1.0).contains(&probability).then_some(ModelScore { name, version: model.version, role, raw_probability, probability })
}
