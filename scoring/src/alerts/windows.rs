//! What was worth an alert lately, for policies that want several events of one entity within a time. It follows from the stretch of the log that
//! it was shown, so that it is the same again after a start that begins early enough.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::Position;

use super::alert::{MOST_HITS, Subject};
use super::policy::{After, Policy};
use super::raise::{Seen, Worthy};

/// Lately worth an alert, by policy and entity.
#[derive(Debug, Default)]
pub struct Windows {
    seen: BTreeMap<(String, Subject), VecDeque<Arc<Seen>>>,
    /// The newest time of an event.
    newest: Option<Timestamp>,
    /// No decision before it counts any more; known when pruned.
    first: Option<Position>,
}

impl Windows {
    /// Takes what is worth an alert by a policy, and adds the policy with what came before it.
    pub fn take(&mut self, policy: &Arc<Policy>, worthy: &mut Worthy) {
        // A clock that is ahead makes nothing old.
        self.newest = self.newest.max(Some(worthy.seen.hit.occurred_at.min(worthy.decided_at)));
        let earlier = match (policy.about.as_ref().and_then(|about| about.after), worthy.subject(policy)) {
            (Some(after), Some(subject)) => self.earlier(policy, after, subject, Arc::clone(&worthy.seen)),
            _ => Vec::new(),
        };
        worthy.by.push((Arc::clone(policy), earlier));
        worthy.from = self.first.unwrap_or(worthy.seen.hit.decision);
    }

    fn earlier(&mut self, policy: &Policy, After { within, .. }: After, subject: Subject, now: Arc<Seen>) -> Vec<Arc<Seen>> {
        let all = self.seen.entry((policy.name.clone(), subject)).or_default();
        // Whether it was pruned meanwhile tells nothing.
        all.retain(|known| self.newest.is_none_or(|newest| newest.since(known.hit.occurred_at) < within));
        let near = |known: &&Arc<Seen>| {
            let before = now.hit.occurred_at.since(known.hit.occurred_at);
            before < within && before.micros() > -within.micros()
        };
        let earlier = all.iter().filter(near).cloned().collect();
        self.first.get_or_insert(now.hit.decision);
        all.push_back(now);
        // With the next one they are as many as an alert has: the newest are kept.
        if all.len() >= MOST_HITS {
            all.pop_front();
        }
        earlier
    }

    /// Lets go what is too old by now for the policies, and what is of others.
    pub fn prune(&mut self, policies: &[Arc<Policy>]) {
        let Some(newest) = self.newest else { return };
        self.seen.retain(|(name, _), all| {
            let policy = policies.iter().find(|policy| policy.name == *name);
            let Some(after) = policy.and_then(|policy| policy.about.as_ref()?.after) else { return false };
            all.retain(|seen| newest.since(seen.hit.occurred_at) < after.within);
            !all.is_empty()
        });
        self.first = self.seen.values().flatten().map(|seen| seen.hit.decision).min();
    }

    /// Before the position of the first decision that may still count, or there.
    pub const fn first(&self) -> Option<Position> {
        self.first
    }
}
