//! Whether the chain is what was written: each entry against its hash and the one before it, the heads that somebody noted, and the control
//! records of the log that it tells of. What is found first is named.

use std::collections::BTreeMap;

use ingest::log::{Position, Readable, Topic};

use super::entry::{Recorded, Sealed};
use super::told::is_told;
use super::{Chain, Error};
use crate::control::Control;

/// A chain that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of the last one, to be noted elsewhere.
    pub head: Option<String>,
    /// How many control records of the log it tells of.
    pub records: u64,
    /// How many control records behind those it does not tell of yet: the next start of the server does.
    pub behind: u64,
}

/// A chain that does not hold, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// An entry is not what was written.
    #[error("the audit chain is broken at entry {entry} (line {entry} of {path}): {reason}")]
    Entry {
        /// Counted from 1.
        entry: u64,
        /// The file.
        path: String,
        /// What was expected, and what is there.
        reason: String,
    },
    /// A head that was noted is not there.
    #[error(
        "the audit chain is broken at its end: no entry has the hash {head}, which was noted as its head, and the last one, entry {entries}, has {found}: its end was cut off, or it was written anew"
    )]
    Head {
        /// What was noted.
        head: String,
        /// How many entries there are.
        entries: u64,
        /// The hash of the last one.
        found: String,
    },
    /// The log does not hold what the chain tells.
    #[error("the log and the audit chain differ at position {position} of the log: {reason}")]
    Log {
        /// Where.
        position: Position,
        /// What was expected, and what is there.
        reason: String,
    },
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] Error),
    /// The log could not be read.
    #[error("the log cannot be read")]
    Unreadable(#[from] ingest::log::Error),
}

/// Checks a chain, the heads of it that were noted, and, where there is one, the log that it tells of.
///
/// # Errors
/// The first thing that is not as it was written.
pub fn verify(chain: &Chain, heads: &[String], log: Option<&dyn Readable>) -> Result<Verified, Broken> {
    let mut noted: Vec<&String> = heads.iter().collect();
    let mut told: BTreeMap<Position, (u64, String)> = BTreeMap::new();
    let mut last: Option<Sealed> = None;
    for line in chain.lines()? {
        let entry = last.as_ref().map_or(0, |last| last.entry.sequence) + 1;
        let broken = |reason: String| Broken::Entry { entry, path: chain.path().display().to_string(), reason };
        let line = line?;
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(broken(format!("it is not finished, after {} bytes", line.len())));
        };
        let sealed = Sealed::parse(line).map_err(broken)?;
        sealed.check_after(last.as_ref()).map_err(broken)?;
        if let Some(Recorded { position, sha256 }) = &sealed.entry.record {
            if let Some((before, _)) = told.last_key_value().filter(|(before, _)| *before >= position) {
                return Err(broken(format!("it tells of position {position} of the log, and one before it of {before}")));
            }
            told.insert(*position, (entry, sha256.clone()));
        }
        noted.retain(|head| **head != sealed.hash);
        last = Some(sealed);
    }
    let (entries, head) = (last.as_ref().map_or(0, |last| last.entry.sequence), last.map(|last| last.hash));
    if let Some(missing) = noted.first() {
        let found = head.unwrap_or_else(|| "none".to_owned());
        return Err(Broken::Head { head: (*missing).clone(), entries, found });
    }
    let records = told.len() as u64;
    let behind = log.map_or(Ok(0), |log| against(log, told))?;
    Ok(Verified { entries, head, records, behind })
}

/// Whether a log holds what is told of it; how many control records come behind that.
fn against(log: &dyn Readable, mut told: BTreeMap<Position, (u64, String)>) -> Result<u64, Broken> {
    let reached = told.last_key_value().map(|(position, _)| *position);
    let mut behind = 0;
    for record in log.read(Position(0))? {
        let record = record?;
        if record.topic != Topic::Control {
            continue;
        }
        let position = record.position;
        let found = Recorded::new(position, &record.payload).sha256;
        match told.remove(&position) {
            Some((_, expected)) if expected == found => {}
            Some((entry, expected)) => {
                let reason =
                    format!("the control record there has the hash {found}, and entry {entry} says {expected}: it was changed");
                return Err(Broken::Log { position, reason });
            }
            // Nobody did it.
            None if Control::decode(&record.payload).is_ok_and(|control| !is_told(&control)) => {}
            None if reached.is_none_or(|reached| position > reached) => behind += 1,
            None => {
                let reason = format!("there is a control record with the hash {found}, and no entry tells of it: it was put in");
                return Err(Broken::Log { position, reason });
            }
        }
    }
    match told.pop_first() {
        None => Ok(behind),
        Some((position, (entry, expected))) => {
            let reason =
                format!("entry {entry} tells of a control record with the hash {expected}, and there is none: it was taken out");
            Err(Broken::Log { position, reason })
        }
    }
}
