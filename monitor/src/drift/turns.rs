//! When something comes to drift, and when it is back: what people are told, and what a training may be asked for. Only windows that are over
//! count, so that a day that has begun tells nobody anything.

use std::collections::BTreeMap;

use ingest::Timestamp;

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

/// What turned in the windows that began after `told` and were over by `now`, in their order. What was before the first of `moved` is taken for
/// stable, and a window with too little data for none.
pub fn turns(moved: &[Moved], window: Window, told: Timestamp, now: Timestamp) -> Vec<Turn> {
    let mut drifted: BTreeMap<(&Option<String>, Option<u32>, Kind, &str), bool> = BTreeMap::new();
    let mut turns = Vec::new();
    let known = |moved: &&Moved| moved.severity != Severity::InsufficientData && moved.window_start + length(window) <= now;
    for moved in moved.iter().filter(known) {
        let Some(psi) = moved.figures.psi else { continue };
        let has_drifted = moved.severity == Severity::Drift;
        let before = drifted.insert((&moved.model, moved.model_version, moved.kind, &moved.name), has_drifted);
        if before.unwrap_or(false) != has_drifted && moved.window_start > told {
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
    }
    turns.sort_by_key(|turn| turn.window_end);
    turns
}
