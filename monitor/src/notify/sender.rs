//! The thread of one sink: it takes what is due, tries, and either is done with it or says when it is tried again. One that fails holds up
//! no other. Whom all tries failed is written to the dead letters, beside the queue.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration as Span, Instant};

use ingest::{Clock, with_causes};
use sha2::{Digest, Sha256};

use super::Error;
use super::config::{Filter, Retry, Sink};
use super::notification::Notification;
use super::queue::{Queue, Waiting, io};
use super::transport::{Failure, Transport};

/// How many may wait in one queue.
pub(super) const CAPACITY: usize = 10_000;

/// How long what was told last is tried when the process ends, as long as the sink takes it.
const LAST_TRIES: Span = Span::from_secs(5);

/// How a sink is doing, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Its name.
    pub sink: String,
    /// How many wait, in the queue's file.
    pub waiting: u64,
    /// How many were delivered.
    pub delivered: u64,
    /// How many tries failed.
    pub failures: u64,
    /// How many were written to the dead letters.
    pub given_up: u64,
    /// How many were not taken when they were told first, since the queue was full or could not be written.
    pub refused: u64,
    /// Why the last try failed; `None` when it went well.
    pub failed: Option<String>,
}

/// Delivers to one sink.
#[derive(Debug)]
pub(super) struct Sender {
    filter: Filter,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    /// Held while the disk is waited for.
    state: Mutex<State>,
    /// Never held while anything is waited for: who looks at metrics waits for nobody. Whoever wants both takes it second.
    figures: Mutex<Figures>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// Of those that failed: how often, and when they are due again.
    failed: HashMap<String, (u32, Instant)>,
    /// It is to end: what was not tried yet is tried until then.
    stop: Option<Instant>,
}

impl Sender {
    /// Begins with what is in the queue.
    pub(super) fn start(sink: Sink, folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let Sink { name, target, filter, retry } = sink;
        let path = folder.join(&name).with_extension("jsonl");
        let queue = Queue::open(&path, CAPACITY)?;
        let figures = Figures { sink: name, waiting: queue.waiting().len() as u64, ..Figures::default() };
        let state = Mutex::new(State { queue, failed: HashMap::new(), stop: None });
        let shared = Arc::new(Shared { state, figures: Mutex::new(figures), changed: Condvar::new(), clock });
        let worker = Worker {
            shared: Arc::clone(&shared),
            transport: Transport::new(target),
            retry,
            dead: path.with_extension("dead.jsonl"),
        };
        let thread = std::thread::Builder::new().name("notifier".to_owned()).spawn(move || worker.run());
        let thread = Mutex::new(Some(thread.map_err(io("start a thread for", &path))?));
        Ok(Self { filter, shared, thread })
    }

    /// Takes it, when it is wanted; it is on the disk when this returns. `false` when it is wanted and was not taken. What is told `again`
    /// was refused before, and that has been said.
    pub(super) fn tell(&self, notification: &Notification, again: bool) -> bool {
        if !self.filter.takes(notification) {
            return true;
        }
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        match state.queue.put(notification, now) {
            Ok(_) => {
                let mut figures = self.shared.figures();
                figures.waiting = state.queue.waiting().len() as u64;
                if again {
                    let (sink, id) = (&figures.sink, &notification.id);
                    tracing::info!(sink, id, "a notification was taken that had been refused");
                }
                self.shared.changed.notify_one();
                true
            }
            Err(_) if again => false,
            Err(error) => {
                let mut figures = self.shared.figures();
                figures.refused += 1;
                let (sink, reason) = (&figures.sink, with_causes(&error));
                let text = serde_json::to_string(notification).expect("text and numbers are always JSON");
                tracing::error!(sink, reason, notification = text, "a notification was not taken; it is told again");
                false
            }
        }
    }

    /// Ends, after the try that is under way and first tries of what has had none.
    pub(super) fn stop(&self) {
        self.shared.state().stop.get_or_insert(Instant::now() + LAST_TRIES);
        self.shared.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }

    pub(super) fn figures(&self) -> Figures {
        self.shared.figures().clone()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Worker {
    shared: Arc<Shared>,
    transport: Transport,
    retry: Retry,
    dead: PathBuf,
}

impl Worker {
    fn run(&self) {
        while let Some(waiting) = self.next() {
            let tried = self.transport.deliver(&waiting.notification, self.shared.clock.now());
            self.enter(&waiting, tried);
        }
    }

    /// The next one that is due, once it is; `None` when it is told to stop.
    fn next(&self) -> Option<Waiting> {
        let mut state = self.shared.state();
        loop {
            let now = Instant::now();
            if let Some(until) = state.stop {
                let is_new = |waiting: &&Waiting| !state.failed.contains_key(&waiting.notification.id);
                let is_in_time = now < until && self.shared.figures().failed.is_none();
                return state.queue.waiting().iter().find(is_new).filter(|_| is_in_time).cloned();
            }
            let due = |waiting: &&Waiting| state.failed.get(&waiting.notification.id).map_or(now, |(_, due)| *due);
            let wait = match state.queue.waiting().iter().min_by_key(due) {
                Some(first) => match due(&first).checked_duration_since(now) {
                    None | Some(Span::ZERO) => return Some(first.clone()),
                    wait => wait,
                },
                None => None,
            };
            let changed = &self.shared.changed;
            state = match wait {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// What came of a try.
    fn enter(&self, waiting: &Waiting, tried: Result<(), Failure>) {
        let id = waiting.notification.id.as_str();
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        let State { queue, failed, .. } = &mut *state;
        let sink = self.shared.figures().sink.clone();
        let (reason, is_given_up) = match tried {
            Ok(()) => (None, false),
            Err(Failure { reason, retry_after }) => {
                let tries = failed.get(id).map_or(0, |(tries, _)| *tries) + 1;
                let is_over = tries >= self.retry.most_tries || now.since(waiting.queued_at) >= self.retry.give_up_after;
                let pause = self.retry.pause(tries, lot(id, tries)).max(retry_after.unwrap_or_default().min(self.retry.longest));
                failed.insert(id.to_owned(), (tries, Instant::now() + pause));
                tracing::warn!(sink, id, tries, reason, "a notification was not delivered");
                (Some(reason), is_over && self.give_up(waiting, &sink))
            }
        };
        if reason.is_none() || is_given_up {
            failed.remove(id);
            if let Err(error) = queue.done(id) {
                tracing::warn!(sink, id, reason = with_causes(&error), "it may be delivered once more");
            }
        }
        let mut figures = self.shared.figures();
        match reason {
            None => figures.delivered += 1,
            Some(_) => figures.failures += 1,
        }
        figures.failed = reason;
        figures.given_up += u64::from(is_given_up);
        figures.waiting = queue.waiting().len() as u64;
    }

    /// Keeps what nobody took; where that fails it stays in the queue.
    fn give_up(&self, waiting: &Waiting, sink: &str) -> bool {
        let id = waiting.notification.id.as_str();
        let mut line = serde_json::to_vec(waiting).expect("text and numbers are always JSON");
        line.push(b'\n');
        let open = File::options().create(true).append(true).open(&self.dead);
        match open.and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_data())) {
            Ok(()) => {
                tracing::error!(sink, id, file = %self.dead.display(), "a notification is given up; it is among the dead letters");
                true
            }
            Err(error) => {
                tracing::error!(sink, id, reason = error.to_string(), "dead letters cannot be written; the notification stays");
                false
            }
        }
    }
}

/// A number from 0 to 1 for a try.
fn lot(id: &str, tries: u32) -> f64 {
    let hash = Sha256::digest(format!("{id} {tries}"));
    f64::from(u16::from_be_bytes([hash[0], hash[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use ingest::{ManualClock, Timestamp};

    use super::super::Notifier;
    use super::super::Severity;
    use super::super::config::SinkConfig;
    use super::super::notification::What;
    use super::*;

    fn start(folder: &Path, name: &str, more: &str) -> Sender {
        let config: SinkConfig = toml::from_str(&format!("name = \"{name}\"\nurl = \"file://{name}.jsonl\"\n{more}")).unwrap();
        let sink = Sink::all(&[config], folder, |_| None).unwrap().remove(0);
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        Sender::start(sink, &folder.join("notify"), clock).unwrap()
    }

    #[test]
    fn it_is_told_when_every_sink_that_wants_it_has_taken_it() {
        let folder = tempfile::tempdir().unwrap();
        let [full, other] = ["full", "other"].map(|name| start(folder.path(), name, ""));
        full.shared.state().queue = Queue::open(&folder.path().join("notify/no_room.jsonl"), 0).unwrap();
        let notifier = Notifier::of(vec![full, other]);
        let what = What::WarehouseBack { failures: 2 };
        let told = Notification::new(Timestamp::from_micros(0), Severity::Low, "p", what);
        assert!(!notifier.try_tell(&told));
        let kept = std::fs::read_to_string(folder.path().join("notify/other.jsonl")).unwrap();
        assert!(kept.contains(&told.id), "one that refuses keeps it from no other: {kept}");
        // The other one has it, and is not asked again.
        notifier.senders[1].shared.state().queue = Queue::open(&folder.path().join("notify/no_more_room.jsonl"), 0).unwrap();
        assert!(!notifier.try_tell(&told));
        let refused: Vec<u64> = notifier.figures().iter().map(|figures| figures.refused).collect();
        assert_eq!(refused, [1, 0], "it is counted once");
        notifier.senders[0].shared.state().queue = Queue::open(&folder.path().join("notify/room.jsonl"), 1).unwrap();
        assert!(notifier.try_tell(&told), "there is room, and the other one has it");

        let unconcerned = start(folder.path(), "unconcerned", "kinds = [\"alert\"]");
        unconcerned.shared.state().queue = Queue::open(&folder.path().join("notify/neither.jsonl"), 0).unwrap();
        assert!(Notifier::of(vec![unconcerned]).try_tell(&told), "it does not want to know");
    }

    #[test]
    fn who_looks_at_figures_waits_for_no_disk() {
        let folder = tempfile::tempdir().unwrap();
        let sender = start(folder.path(), "told", "");
        // As while a notification is brought to the disk.
        let held = sender.shared.state();
        let (say, said) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| say.send(sender.figures()));
            let figures = said.recv_timeout(LAST_TRIES);
            drop(held);
            assert_eq!(figures.expect("nobody holds it up").sink, "told");
        });
    }
}
