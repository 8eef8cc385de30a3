//! When something comes to drift, and when it is back: what people are told, and what a training may be asked for. Only windows that are
//! over count, so that a day that has begun tells nobody anything. What was told last is kept, so that nothing is told twice, and nothing
//! is left out however long nobody looked.

use std::collections::BTreeSet;

use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, Moved, Severity, length};
use crate::tables::Window;

/// Something that came to drift in a window, or came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The window.
    pub window: Window,
    /// When it ended.
    pub window_end: Timestamp,
    /// The model that decided; `None` where none did.
    pub model: Option<(String, u32)>,
    /// What it is.
    pub kind: Kind,
    /// The feature's name; `probability`; `decision`.
    pub name: String,
    /// Whether it has drifted now; otherwise it is back.
    pub has_drifted: bool,
    /// Its stability index in the window.
    pub psi: f64,
}

/// A model's name and version, and what of it.
type Subject = (Option<String>, Option<u32>, Kind, String);

/// What people know of drift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The begin of the last window of which anything was known: the next is judged together with those right before it, so that it does not
    /// move on where nothing came.
    pub until: Timestamp,
    /// What had drifted after it, as it was told.
    drifted: BTreeSet<Subject>,
}

impl Told {
    /// As if everything had been told of windows that began until then. What was before the first of `moved` is taken for stable.
    pub fn up_to(moved: &[Moved], window: Window, until: Timestamp) -> Self {
        let mut told = Self { until: Timestamp::MIN, drifted: BTreeSet::new() };
        told.next(moved, window, until + length(window));
        Self { until, ..told }
    }

    /// What turned in the windows behind those that were told and that were over by `now`, in their order; from here on it is told. A
    /// window with too little data turns nothing.
    pub fn next(&mut self, moved: &[Moved], window: Window, now: Timestamp) -> Vec<Turn> {
        let (told, mut turns) = (self.until, Vec::new());
        let known = |moved: &&Moved| moved.severity != Severity::InsufficientData && moved.window_start + length(window) <= now;
        for moved in moved.iter().filter(known).filter(|moved| moved.window_start > told) {
            let Some(psi) = moved.figures.psi else { continue };
            let has_drifted = moved.severity == Severity::Drift;
            let subject = (moved.model.clone(), moved.model_version, moved.kind, moved.name.clone());
            let has_turned = if has_drifted { self.drifted.insert(subject) } else { self.drifted.remove(&subject) };
            if has_turned {
                turns.push(Turn {
                    window,
                    window_end: moved.window_start + length(window),
                    model: moved.model.clone().zip(moved.model_version),
                    kind: moved.kind,
                    name: moved.name.clone(),
                    has_drifted,
                    psi: psi.value,
                });
            }
            self.until = self.until.max(moved.window_start);
        }
        turns.sort_by_key(|turn| turn.window_end);
        turns
    }
}
