//! What was worth an alert lately, for policies that want several events of one entity within a time. It follows from the stretch of the log that
//! it was shown, so that it is the same again after a start that begins early enough.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::Position;

use super::alert::{Hit, MOST_HITS, Subject};
use super::policy::{After, Policy};
use super::raise::Worthy;

/// Lately worth an alert, by policy and entity.
#[derive(Debug, Default)]
pub struct Windows {
    hits: BTreeMap<(String, Subject), VecDeque<Hit>>,
    /// The newest time of an event.
    newest: Option<Timestamp>,
    /// No decision before it counts any more; known when pruned.
    first: Option<Position>,
}

impl Windows {
    /// Takes what is worth an alert by a policy, and adds the policy with what came before it.
    pub fn take(&mut self, policy: &Arc<Policy>, worthy: &mut Worthy) {
        // A clock that is ahead makes nothing old.
        self.newest = self.newest.max(Some(worthy.hit.occurred_at.min(worthy.decided_at)));
        let earlier = match (policy.about.as_ref().and_then(|about| about.after), worthy.subject(policy)) {
            (Some(after), Some(subject)) => self.earlier(policy, after, subject, worthy.hit.clone()),
            _ => Vec::new(),
        };
        worthy.by.push((Arc::clone(policy), earlier));
        worthy.from = self.first.unwrap_or(worthy.hit.decision);
    }

    fn earlier(&mut self, policy: &Policy, After { within, .. }: After, subject: Subject, hit: Hit) -> Vec<Hit> {
        let hits = self.hits.entry((policy.name.clone(), subject)).or_default();
        // Whether it was pruned meanwhile tells nothing.
        hits.retain(|known| self.newest.is_none_or(|newest| newest.since(known.occurred_at) < within));
        let near = |known: &&Hit| {
            let before = hit.occurred_at.since(known.occurred_at);
            before < within && before.micros() > -within.micros()
        };
        let earlier = hits.iter().filter(near).cloned().collect();
        self.first.get_or_insert(hit.decision);
        hits.push_back(hit);
        if hits.len() >= MOST_HITS {
            hits.pop_front();
        }
        earlier
    }

    /// Lets go what is too old by now for the policies, and what is of others.
    pub fn prune(&mut self, policies: &[Arc<Policy>]) {
        let Some(newest) = self.newest else { return };
        self.hits.retain(|(name, _), hits| {
            let policy = policies.iter().find(|policy| policy.name == *name);
            let Some(after) = policy.and_then(|policy| policy.about.as_ref()?.after) else { return false };
            hits.retain(|hit| newest.since(hit.occurred_at) < after.within);
            !hits.is_empty()
        });
        self.first = self.hits.values().flatten().map(|hit| hit.decision).min();
    }

    /// Before the position of the first decision that may still count, or there.
    pub const fn first(&self) -> Option<Position> {
        self.first
    }
}
