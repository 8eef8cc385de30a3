//! Tells of alerts, of each at least once. What was refused is known by where it lies in the log, and is made again from there: after a while,
//! and after the next start. It keeps back none behind it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ingest::log::{Position, Readable, Record, Topic};
use ingest::{Timestamp, background, replace_file};
use scoring::Control;
use scoring::alerts::{Raise, Step};

use super::{News, Tell};
use crate::error::Error;

/// So long after something was refused all of it is told again.
const AGAIN: Duration = Duration::from_secs(30);

/// Of so many that were refused it is known where each lies. Of what comes behind them all is told again, once there is room.
const MOST: usize = 1_000;

/// Who tells of alerts, and what was refused.
pub(super) struct Teller {
    tell: Tell,
    /// The file that says after a start from where on it is told again.
    memory: PathBuf,
    /// What the file says; `None` where nothing was refused.
    kept: Option<Position>,
    /// Where what was refused lies in the log.
    refused: BTreeSet<Position>,
    /// From here on it is not known what was refused.
    unknown_from: Option<Position>,
    /// Nothing is told again before this.
    not_before: Option<Instant>,
}

impl Teller {
    /// One that knows from the file `memory` what was refused before the start, in a log that goes to `end`.
    pub(super) fn new(tell: Tell, memory: PathBuf, end: Position) -> Self {
        let kept = recall(&memory);
        // Else it is about another log.
        let unknown_from = kept.filter(|from| *from < end);
        let mut teller = Self { tell, memory, kept, refused: BTreeSet::new(), unknown_from, not_before: None };
        teller.keep();
        teller
    }

    /// Tells of what happened at the desk, for the first time.
    pub(super) fn hear(&mut self, position: Position, steps: &[Step], at: Timestamp, now: Instant) {
        if self.is_taken(steps, at) {
            return;
        }
        // What lies behind the unknown is told again with it.
        if self.unknown_from.is_none_or(|from| position < from) {
            if self.refused.len() < MOST {
                self.refused.insert(position);
            } else {
                self.unknown_from = Some(position);
            }
        }
        self.not_before.get_or_insert(now + AGAIN);
        self.keep();
    }

    /// Tells again what was refused, where it is time to; of what is not known it reads so many records, `most`, up to an `end`. Whether it
    /// goes on with that at once.
    pub(super) fn again(&mut self, log: &dyn Readable, end: Position, most: u64, now: Instant) -> Result<bool, Error> {
        if self.first().is_none() || self.not_before.is_some_and(|time| now < time) {
            return Ok(false);
        }
        for position in self.refused.clone() {
            let is_taken = match log.get(position)? {
                Some(record) => self.is_told(&record)?,
                None => true,
            };
            if is_taken {
                self.refused.remove(&position);
            }
        }
        let goes_on = self.go_on(log, end, most)?;
        self.not_before = self.first().filter(|_| !goes_on).map(|_| now + AGAIN);
        self.keep();
        Ok(goes_on)
    }

    /// When something is to be told again; `None` where nothing is.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.not_before
    }

    /// Tells some of what lies from where on it is not known what was refused; whether there is more of it to tell at once.
    fn go_on(&mut self, log: &dyn Readable, end: Position, most: u64) -> Result<bool, Error> {
        let Some(from) = self.unknown_from else { return Ok(false) };
        let mut read = 0;
        for record in log.read(from)?.take(most as usize) {
            let record = record?;
            let position = record.position;
            if position >= end || self.refused.len() >= MOST {
                break;
            }
            if !self.is_told(&record)? {
                self.refused.insert(position);
            }
            self.unknown_from = Some(position.next());
            read += 1;
            background::rest();
        }
        self.unknown_from = self.unknown_from.filter(|from| *from < end);
        Ok(read == most && self.unknown_from.is_some())
    }

    /// Tells of a record; whether all that there is to tell of it was taken.
    fn is_told(&self, record: &Record) -> Result<bool, Error> {
        if record.topic != Topic::Control {
            return Ok(true);
        }
        let position = record.position;
        let control = Control::decode(&record.payload).map_err(|source| Error::Record { position, source })?;
        let Control::Alerts { steps, at, .. } = control else { return Ok(true) };
        Ok(self.is_taken(&steps, at))
    }

    /// One that is refused keeps back no other.
    fn is_taken(&self, steps: &[Step], at: Timestamp) -> bool {
        let refused = news(steps, at).filter(|news| !(self.tell)(news)).count();
        refused == 0
    }

    /// Everything before this was taken.
    fn first(&self) -> Option<Position> {
        self.refused.first().copied().into_iter().chain(self.unknown_from).min()
    }

    /// Has the file say from where on it is told again after the next start.
    fn keep(&mut self) {
        let first = self.first();
        if first == self.kept {
            return;
        }
        let text = first.map_or_else(String::new, |first| first.to_string());
        match replace_file(&self.memory, text.as_bytes()) {
            Ok(()) => self.kept = first,
            Err(error) => {
                let file = self.memory.display();
                tracing::warn!(%error, %file, "after the next start it is not known of which alerts nobody could be told");
            }
        }
    }
}

/// An empty file says that nothing was refused.
fn recall(memory: &Path) -> Option<Position> {
    std::fs::read_to_string(memory).ok()?.trim().parse().ok().map(Position)
}

/// What there is to tell of what happened at the desk.
fn news(steps: &[Step], at: Timestamp) -> impl Iterator<Item = News<'_>> {
    let raised = steps.iter().filter_map(|step| match step {
        Step::Looked { raised, .. } => Some(raised),
        Step::Policies(_) | Step::Did { .. } => None,
    });
    raised.flatten().filter_map(move |raise| match raise {
        Raise::Open(alert) => Some(News::Opened(alert)),
        Raise::Join(joined) => joined.risen.as_ref().map(|risen| News::Rose { joined, risen, at }),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ingest::log::Log;
    use ingest::log::file::{FileLog, Options};

    use super::*;
    use crate::fixture::{at_desk, opened};

    const AT: &str = "2018-08-01T12:00:00Z";

    /// A log in which each of so many records raises an alert, the one of its own position.
    fn alerts(folder: &Path, count: u64) -> FileLog {
        let (log, _) = FileLog::open(&folder.join("log"), Options::default()).unwrap();
        for position in 0..count {
            log.append(Topic::Control, &at_desk(position, opened(position, AT, 1), "desk", AT).payload).unwrap();
        }
        assert_eq!(log.flush().unwrap(), Position(count));
        log
    }

    /// Whether what lies at a position is taken.
    type Takes = fn(u64) -> bool;

    /// What is told, and what is taken of it.
    #[derive(Clone)]
    struct Told {
        heard: Arc<Mutex<Vec<u64>>>,
        takes: Arc<Mutex<Takes>>,
    }

    impl Told {
        fn new() -> Self {
            let takes: Takes = |_| true;
            Self { heard: Arc::default(), takes: Arc::new(Mutex::new(takes)) }
        }

        fn takes(&self, takes: Takes) {
            *self.takes.lock().unwrap() = takes;
        }

        fn heard(&self) -> Vec<u64> {
            std::mem::take(&mut self.heard.lock().unwrap())
        }

        fn teller(&self, memory: &Path, end: u64) -> Teller {
            let Self { heard, takes } = self.clone();
            let tell = move |news: &News<'_>| {
                let News::Opened(alert) = news else { panic!("{news:?}") };
                let position = alert.raised_by().unwrap().0;
                heard.lock().unwrap().push(position);
                let takes = *takes.lock().unwrap();
                takes(position)
            };
            Teller::new(Box::new(tell), memory.to_owned(), Position(end))
        }
    }

    /// Tells of all records for the first time.
    fn hear(teller: &mut Teller, log: &FileLog, now: Instant) {
        for record in log.read(Position(0)).unwrap().map(Result::unwrap) {
            let Control::Alerts { steps, at, .. } = Control::decode(&record.payload).unwrap() else { panic!("{record:?}") };
            teller.hear(record.position, &steps, at, now);
        }
    }

    #[test]
    fn what_was_refused_is_told_again_after_a_while_and_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let (log, memory, told) = (alerts(folder.path(), 5), folder.path().join("alerts.position"), Told::new());
        let (end, now) = (Position(5), Instant::now());
        let kept = || std::fs::read_to_string(&memory).unwrap_or_default();
        let mut teller = told.teller(&memory, 5);
        told.takes(|position| position != 1 && position != 3);
        hear(&mut teller, &log, now);
        assert_eq!((told.heard(), kept().as_str()), (vec![0, 1, 2, 3, 4], "1"), "none is kept back");
        assert_eq!(teller.due(), Some(now + AGAIN));
        assert!(!teller.again(&log, end, 100, now).unwrap());
        assert!(told.heard().is_empty(), "not yet");
        told.takes(|position| position != 3);
        assert!(!teller.again(&log, end, 100, now + AGAIN).unwrap());
        assert_eq!((told.heard(), kept().as_str(), teller.due()), (vec![1, 3], "3", Some(now + AGAIN + AGAIN)));

        // Where it was taken and where it was refused behind that is not known after a start.
        let mut teller = told.teller(&memory, 5);
        assert!(!teller.again(&log, end, 100, now).unwrap());
        assert_eq!((told.heard(), kept().as_str()), (vec![3, 4], "3"));
        told.takes(|_| true);
        assert!(!teller.again(&log, end, 100, now + AGAIN).unwrap());
        assert_eq!((told.heard(), kept().as_str(), teller.due()), (vec![3], "", None));
        assert!(!told.teller(&memory, 5).again(&log, end, 100, now).unwrap());
        assert!(told.heard().is_empty(), "they have it");
        // What is kept of another log means nothing here.
        std::fs::write(&memory, "7").unwrap();
        assert!(!told.teller(&memory, 5).again(&log, end, 100, now).unwrap());
        assert!(told.heard().is_empty() && kept().is_empty());
    }

    #[test]
    fn the_past_is_told_again_piece_by_piece() {
        let folder = tempfile::tempdir().unwrap();
        let (log, memory, told) = (alerts(folder.path(), 5), folder.path().join("alerts.position"), Told::new());
        std::fs::write(&memory, "1").unwrap();
        let mut teller = told.teller(&memory, 5);
        let mut check = |goes_on: bool, heard: &[u64]| {
            assert_eq!(teller.again(&log, Position(4), 2, Instant::now()).unwrap(), goes_on);
            assert_eq!(told.heard(), heard);
        };
        check(true, &[1, 2]);
        check(false, &[3]);
        check(false, &[]);
    }

    #[test]
    fn with_too_many_all_behind_them_are_told_again() {
        let count = MOST as u64 + 3;
        let folder = tempfile::tempdir().unwrap();
        let (log, memory, told) = (alerts(folder.path(), count), folder.path().join("alerts.position"), Told::new());
        let (end, mut now) = (Position(count), Instant::now());
        let mut teller = told.teller(&memory, count);
        told.takes(|position| position > MOST as u64);
        hear(&mut teller, &log, now);
        assert_eq!((teller.refused.len(), teller.unknown_from), (MOST, Some(Position(MOST as u64))));
        told.heard();
        now += AGAIN;
        assert!(!teller.again(&log, end, count, now).unwrap());
        assert_eq!(told.heard().len(), MOST, "there is no room");
        told.takes(|_| true);
        now += AGAIN;
        assert!(!teller.again(&log, end, count, now).unwrap());
        assert_eq!((told.heard(), teller.first()), ((0..count).collect::<Vec<u64>>(), None));
    }
}
