//! What came before the event that it is about, until the event comes: bounded, so that nobody can fill the memory with labels of
//! events that never come.

use std::collections::{HashMap, VecDeque};

/// How much may wait, unless something else is said.
const DEFAULT_LIMIT: usize = 1_000_000;

/// Values that wait under the fingerprint of an event. Over the limit the one that has waited longest is let go.
#[derive(Debug)]
pub struct Waiting<T> {
    values: HashMap<u128, T>,
    /// In the order of arrival; some of them may have been taken since.
    order: VecDeque<u128>,
    limit: usize,
}

impl<T> Default for Waiting<T> {
    /// A million may wait.
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

impl<T> Waiting<T> {
    /// At most `limit` may wait.
    pub fn with_limit(limit: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), limit }
    }

    /// Lets a value wait; one that waits for the same event already is replaced and keeps its turn.
    pub fn put(&mut self, fingerprint: u128, value: T) {
        if self.values.insert(fingerprint, value).is_some() {
            return;
        }
        self.order.push_back(fingerprint);
        while self.values.len() > self.limit {
            let Some(oldest) = self.order.pop_front() else { break };
            self.values.remove(&oldest);
        }
        // Those that were taken are forgotten before they are more than those that wait.
        if self.order.len() > 2 * self.values.len() {
            self.order.retain(|fingerprint| self.values.contains_key(fingerprint));
        }
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What waits, in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (u128, &T)> {
        let mut told = std::collections::HashSet::new();
        let first = move |fingerprint: &&u128| told.insert(**fingerprint);
        self.order.iter().filter(first).filter_map(|fingerprint| Some((*fingerprint, self.values.get(fingerprint)?)))
    }

    /// What waited for an event.
    pub fn take(&mut self, fingerprint: u128) -> Option<T> {
        // Almost always nothing waits, and then nothing is to be hashed.
        if self.is_empty() {
            return None;
        }
        self.values.remove(&fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_let_go_and_what_was_taken_takes_no_place() {
        let mut waiting = Waiting::with_limit(2);
        waiting.put(1, 'a');
        assert_eq!(waiting.take(1), Some('a'));
        waiting.put(2, 'b');
        waiting.put(3, 'c');
        waiting.put(2, 'B');
        assert_eq!((waiting.take(2), waiting.take(1)), (Some('B'), None), "both had a place, and the newer value held");
        waiting.put(4, 'd');
        waiting.put(5, 'e');
        assert_eq!((waiting.take(3), waiting.take(4), waiting.take(5)), (None, Some('d'), Some('e')));
    }

    #[test]
    fn what_was_taken_takes_no_memory() {
        let mut waiting = Waiting::with_limit(1_000);
        waiting.put(0, 0);
        for number in 1..10_000 {
            waiting.put(number, number);
            assert_eq!(waiting.take(number), Some(number));
        }
        assert!(waiting.order.len() <= 4, "{} places for one that waits", waiting.order.len());
        assert_eq!(waiting.take(0), Some(0), "it never lost its turn");
    }
}
