//! How much of what was refused is told of one name, so that nobody fills the disk with it.

use std::collections::HashMap;

use ingest::{Duration, Timestamp};

/// So many a minute.
const A_MINUTE: u32 = 30;
const MINUTE: Duration = Duration::seconds(60);

/// What was told of late, by name. Names are of users and owners of keys, so there are no more of them than of those.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<String, Told>);

#[derive(Debug)]
struct Told {
    since: Timestamp,
    count: u32,
    passed_over: u32,
}

impl Refusals {
    /// Whether one more is told of a name; then with how many were not since the last.
    pub(super) fn take(&mut self, name: &str, now: Timestamp) -> Option<u32> {
        let told = self.0.entry(name.to_owned()).or_insert(Told { since: now, count: 0, passed_over: 0 });
        if now.since(told.since) >= MINUTE || now < told.since {
            (told.since, told.count) = (now, 0);
        }
        if told.count >= A_MINUTE {
            told.passed_over += 1;
            return None;
        }
        told.count += 1;
        Some(std::mem::take(&mut told.passed_over))
    }
}
