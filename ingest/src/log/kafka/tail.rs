//! What was committed last, in memory: those who follow the log read it from here, and not each of them from the cluster once more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::{Position, Record};
use super::intake::Batch;

/// The last batches, without gaps.
pub(super) struct Tail {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

/// Records of the last batches, in order.
pub(super) struct Remembered {
    batches: VecDeque<Arc<Batch>>,
    next: Position,
    end: Position,
}

impl Tail {
    /// One that remembers about so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Takes the batch that follows the one before it.
    pub(super) fn push(&self, batch: Arc<Batch>) {
        if batch.first == batch.end() {
            return;
        }
        let mut state = self.lock();
        state.bytes += batch.bytes();
        state.batches.push_back(batch);
        while state.bytes > self.limit
            && let Some(forgotten) = state.batches.pop_front()
        {
            state.bytes -= forgotten.bytes();
        }
    }

    /// What it has of the records from a position on, up to `end`.
    pub(super) fn from(&self, from: Position, end: Position) -> Remembered {
        let State { batches, .. } = &*self.lock();
        let passed = batches.partition_point(|batch| batch.end() <= from);
        let batches: VecDeque<_> = batches.range(passed..).cloned().collect();
        let next = batches.front().map_or(end, |batch| batch.first.max(from));
        Remembered { batches, next, end }
    }

    /// Nothing can panic between two changes that belong together.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    /// The position of its first record; everything before that is elsewhere.
    pub(super) fn first(&self) -> Position {
        self.next
    }
}

impl Iterator for Remembered {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.next >= self.end {
            return None;
        }
        let batch = self.batches.front()?;
        let record = batch.record(self.next)?;
        self.next = record.position.next();
        if self.next == batch.end() {
            self.batches.pop_front();
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::Topic;
    use super::super::intake::{Intake, Task};
    use super::*;

    /// Batches of one record, of two, and of three.
    fn batches() -> Vec<Arc<Batch>> {
        let intake = Intake::new(10_000, Position(5));
        let batch = |count: usize| {
            for number in 0..count {
                intake.put(Topic::Event, &vec![7; number]).unwrap();
            }
            intake.push();
            let Task::Commit(batch) = intake.take(Duration::ZERO) else { panic!("there is work") };
            Arc::new(batch)
        };
        (1..4).map(batch).collect()
    }

    fn positions(tail: &Tail, from: u64, end: u64) -> (u64, Vec<u64>) {
        let remembered = tail.from(Position(from), Position(end));
        let first = remembered.first().0;
        let records: Vec<Record> = remembered.collect();
        assert!(records.iter().all(|record| record.payload.iter().all(|byte| *byte == 7)));
        (first, records.iter().map(|record| record.position.0).collect())
    }

    #[test]
    fn what_was_committed_last_is_read_from_anywhere_up_to_an_end() {
        let tail = Tail::new(10_000);
        assert_eq!(positions(&tail, 3, 9), (9, vec![]));
        batches().into_iter().for_each(|batch| tail.push(batch));
        assert_eq!(positions(&tail, 5, 11), (5, vec![5, 6, 7, 8, 9, 10]));
        assert_eq!(positions(&tail, 2, 7), (5, vec![5, 6]));
        assert_eq!(positions(&tail, 9, 10), (9, vec![9]));
        assert_eq!(positions(&tail, 11, 11), (11, vec![]));
        let payloads: Vec<usize> = tail.from(Position(5), Position(11)).map(|record| record.payload.len()).collect();
        assert_eq!(payloads, [0, 0, 1, 0, 1, 2]);
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let batches = batches();
        let tail = Tail::new(batches[1].bytes() + batches[2].bytes());
        batches.into_iter().for_each(|batch| tail.push(batch));
        assert_eq!(positions(&tail, 5, 11), (6, vec![6, 7, 8, 9, 10]));
    }
}
