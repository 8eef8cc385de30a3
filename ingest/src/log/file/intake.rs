//! Where records wait for the committer: one bounded buffer under one mutex. To put is to copy; it makes a system call only to wait
//! while the buffer is full. It never touches a file.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::segment::{self, FRAME_BYTES};
use super::{Error, MAX_RECORD_BYTES, Position, Topic};

#[derive(Debug)]
pub(super) struct Intake {
    limit: usize,
    state: Mutex<State>,
    /// The committer waits here for work.
    work: Condvar,
    /// Callers wait here for room in the buffer, or for the disk.
    progress: Condvar,
}

#[derive(Debug)]
struct State {
    /// Frames, one after another.
    buffer: Vec<u8>,
    /// The position that the next record gets.
    next: Position,
    /// Everything before it is on the disk.
    synced: Position,
    /// Somebody waits for the disk.
    flush: bool,
    /// The committer sleeps.
    idle: bool,
    /// So many callers sleep; to wake nobody is a system call, too.
    sleepers: usize,
    closing: bool,
    failed: Option<String>,
}

/// What the committer is to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Write,
    WriteAndSync,
}

impl Intake {
    pub(super) fn new(limit: usize, next: Position) -> Self {
        let state = State {
            buffer: Vec::with_capacity(limit),
            next,
            synced: next,
            flush: false,
            idle: false,
            sleepers: 0,
            closing: false,
            failed: None,
        };
        Self { limit, state: Mutex::new(state), work: Condvar::new(), progress: Condvar::new() }
    }

    /// Copies a record into the buffer, when there is room.
    pub(super) fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, Error> {
        if payload.len() > MAX_RECORD_BYTES {
            return Err(Error::TooLarge { bytes: payload.len(), limit: MAX_RECORD_BYTES });
        }
        // All of the checksum but the position, outside the mutex.
        let checksum = segment::checksum(topic as u8, payload);

        let mut state = self.lock();
        while state.failed.is_none() && state.is_full(FRAME_BYTES + payload.len(), self.limit) {
            self.wake(&mut state);
            state = self.sleep(state);
        }
        if let Some(reason) = &state.failed {
            return Err(Error::Stopped { reason: reason.clone() });
        }
        let position = state.next;
        state.next = position.next();
        segment::put_frame(&mut state.buffer, topic as u8, payload, checksum, position.0);
        Ok(position)
    }

    /// Lets the committer know that there is work.
    pub(super) fn push(&self) {
        let mut state = self.lock();
        if !state.buffer.is_empty() {
            self.wake(&mut state);
        }
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().buffer.len()
    }

    /// Whether half of the buffer is free; so it is, too, where a record is refused at once.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.failed.is_some() || state.buffer.len() <= self.limit / 2
    }

    /// Waits until everything that was appended before is on the disk; the position that comes next.
    pub(super) fn flush(&self) -> Result<Position, Error> {
        let mut state = self.lock();
        let end = state.next;
        // Asked for once: whoever takes the buffer takes all of these records with it.
        if state.synced < end {
            state.flush = true;
            self.wake(&mut state);
        }
        while state.synced < end {
            if let Some(reason) = &state.failed {
                return Err(Error::Stopped { reason: reason.clone() });
            }
            state = self.sleep(state);
        }
        Ok(end)
    }

    /// Lets the committer write and sync what is left, and end.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.flush = true;
        self.wake(&mut state);
    }

    /// For the committer's thread: waits for work; false when there will be no more.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.wants_flush() || !state.buffer.is_empty() {
                return true;
            }
            if state.closing {
                return false;
            }
            state.idle = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For whoever commits: swaps the buffer for the empty `batch`; `None` when there is nothing to do. Only who `may_sync` does what a
    /// flush asks for.
    pub(super) fn take(&self, batch: &mut Vec<u8>, may_sync: bool) -> Option<Task> {
        let mut state = self.lock();
        let flush = may_sync && state.wants_flush();
        if may_sync {
            state.flush = false;
        }
        if !flush && state.buffer.is_empty() {
            return None;
        }
        mem::swap(&mut state.buffer, batch);
        self.progressed(state);
        Some(if flush { Task::WriteAndSync } else { Task::Write })
    }

    /// For the committer: everything before `end` is on the disk.
    pub(super) fn synced(&self, end: Position) {
        let mut state = self.lock();
        state.synced = end;
        self.progressed(state);
    }

    /// For the committer: takes no more, and lets go of everyone who waits.
    pub(super) fn fail(&self, reason: String) {
        let mut state = self.lock();
        state.buffer = Vec::new();
        state.failed = Some(reason);
        self.progressed(state);
    }

    /// Waits for what the committer does next.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.sleepers += 1;
        let mut state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.sleepers -= 1;
        state
    }

    /// Lets those know that sleep.
    fn progressed(&self, state: MutexGuard<'_, State>) {
        let has_sleepers = state.sleepers > 0;
        drop(state);
        if has_sleepers {
            self.progress.notify_all();
        }
    }

    fn wake(&self, state: &mut State) {
        if mem::take(&mut state.idle) {
            self.work.notify_one();
        }
    }

    /// Nothing can panic between two changes that belong together, so that the state is whole even after a panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wants_flush(&self) -> bool {
        self.flush && self.synced < self.next
    }

    /// Whether `bytes` more are too many; a record over the limit goes into an empty buffer.
    fn is_full(&self, bytes: usize, limit: usize) -> bool {
        !self.buffer.is_empty() && self.buffer.len() + bytes > limit
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_put_waits_for_a_push_and_leaves_half_of_the_buffer_free() {
        let frame = FRAME_BYTES + 20;
        let intake = Intake::new(3 * frame, Position(0));
        thread::scope(|scope| {
            let committer = scope.spawn(|| intake.wait());
            while !intake.lock().idle {
                thread::yield_now();
            }
            intake.push();
            intake.put(Topic::Event, &[0; 20]).unwrap();
            assert!(intake.has_room());
            intake.put(Topic::Event, &[0; 20]).unwrap();
            assert!(!intake.has_room(), "more than half is taken");
            assert!(intake.lock().idle, "nobody was woken");

            intake.push();
            assert!(committer.join().unwrap(), "there is work");
        });
        let mut batch = Vec::new();
        assert_eq!(intake.take(&mut batch, true), Some(Task::Write));
        assert_eq!(batch.len(), 2 * frame);
        assert!(intake.has_room());
        assert_eq!(intake.take(&mut Vec::new(), true), None);
    }
}
