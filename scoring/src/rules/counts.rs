//! How often rules came out how. Most rules do not hold for most events, so those are not counted one by one: they are what is left.

use std::sync::atomic::{AtomicU64, Ordering};

use super::hit::{Outcome, RuleHit};
use super::rule::RuleId;
use super::set::RuleSet;

/// The outcomes of one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Its condition held.
    pub hit: u64,
    /// It did not.
    pub no_hit: u64,
    /// It held outside the share of its rollout.
    pub snoozed: u64,
    /// It had no answer.
    pub error: u64,
}

/// Counts the outcomes of the rules of one set; shared by the threads that decide.
#[derive(Debug, Default)]
pub struct Counters {
    events: AtomicU64,
    rules: Vec<(RuleId, Reported)>,
}

#[derive(Debug, Default)]
struct Reported {
    hit: AtomicU64,
    snoozed: AtomicU64,
    error: AtomicU64,
}

impl Counters {
    /// All at zero.
    pub fn new(set: &RuleSet) -> Self {
        Self { events: AtomicU64::new(0), rules: set.asked().map(|rule| (rule.id.clone(), Reported::default())).collect() }
    }

    /// Counts what [`RuleSet::evaluate`] returned for one event.
    pub fn record(&self, hits: &[RuleHit]) {
        self.events.fetch_add(1, Ordering::Relaxed);
        // Both are in the order of the rules.
        let mut rules = self.rules.iter();
        for hit in hits {
            let Some((_, reported)) = rules.find(|(id, _)| *id == hit.rule_id) else { return };
            let counter = match hit.outcome {
                Outcome::Hit => &reported.hit,
                Outcome::Snoozed => &reported.snoozed,
                Outcome::Error(_) => &reported.error,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts of each rule that is asked. While others record, one event may be seen in part.
    pub fn counts(&self) -> impl Iterator<Item = (&RuleId, Counts)> {
        let events = self.events.load(Ordering::Relaxed);
        self.rules.iter().map(move |(id, reported)| {
            let [hit, snoozed, error] =
                [&reported.hit, &reported.snoozed, &reported.error].map(|each| each.load(Ordering::Relaxed));
            (id, Counts { hit, no_hit: events.saturating_sub(hit + snoozed + error), snoozed, error })
        })
    }
}
