//! Tells of alerts, of each at least once. Of what was refused it is known where it lies in the log, and it is made again from there: after a while,
//! and after the next start. It keeps back none behind it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use ingest::log::{Position, Readable, Topic};
use ingest::{Timestamp, replace_file, with_causes};
use scoring::Control;
use scoring::alerts::{Raise, Step};

use super::{News, Tell};
use crate::error::Error;

/// So long after something was refused it is told again.
const AGAIN: Duration = Duration::from_secs(30);

/// So many are told again at a stretch: what is new is told in between.
const STRETCH: usize = 50;

/// At most so many wait: far fewer than the notifier remembers, which else would take what it has forgotten for new. Of more the oldest is
/// given up: the program's own messages have it, whole.
const MOST: usize = 5_000;

/// Where something that there is to tell lies: in which record, and which it is of those that the record has.
type Place = (Position, usize);

/// Who tells of alerts, and what was refused.
pub(super) struct Teller {
    tell: Tell,
    /// The file that has what was refused, for after the next start.
    memory: PathBuf,
    refused: BTreeSet<Place>,
    /// Where the round of those that are told again goes on.
    next: Place,
    /// Nothing is told again before this; `None` where nothing was refused.
    not_before: Option<Instant>,
}

impl Teller {
    /// One that knows from the file `memory` what was refused before the start, in a log that goes to `end`.
    pub(super) fn new(tell: Tell, memory: PathBuf, end: Position) -> Self {
        let mut refused = recall(&memory);
        // What lies behind the end is about another log, and stays so when this one has grown.
        let of_another = refused.split_off(&(end, 0));
        let not_before = (!refused.is_empty()).then(Instant::now);
        let teller = Self { tell, memory, refused, next: FIRST, not_before };
        if !of_another.is_empty() {
            teller.keep();
        }
        teller
    }

    /// Tells of what happened at the desk.
    pub(super) fn hear(&mut self, position: Position, steps: &[Step], at: Timestamp, now: Instant) {
        let mut is_news = false;
        for (number, news) in news(steps, at).enumerate() {
            let place = (position, number);
            is_news |= if (self.tell)(&news) { self.refused.remove(&place) } else { self.refused.insert(place) };
        }
        if !is_news {
            return;
        }
        while self.refused.len() > MOST {
            self.refused.pop_first();
        }
        self.not_before = (!self.refused.is_empty()).then(|| self.not_before.unwrap_or(now + AGAIN));
        self.keep();
    }

    /// Tells again some of what was refused, where it is time to; whether it goes on with that at once.
    pub(super) fn again(&mut self, log: &dyn Readable, now: Instant) -> bool {
        if self.not_before.is_none_or(|time| now < time) {
            return false;
        }
        let stretch: Vec<Place> = self.refused.range(self.next..).take(STRETCH).copied().collect();
        let before = self.refused.len();
        for place in &stretch {
            match self.is_told(log, *place) {
                Ok(true) => drop(self.refused.remove(place)),
                Ok(false) => {}
                // It keeps back none behind it, and nobody waits for it.
                Err(error) => {
                    tracing::error!(
                        position = place.0.0,
                        error = with_causes(&error),
                        "an alert is not told again yet; it is tried again"
                    );
                }
            }
        }
        let goes_on = stretch.len() == STRETCH;
        self.next = stretch.last().filter(|_| goes_on).map_or(FIRST, |(position, number)| (*position, number + 1));
        if !goes_on {
            self.not_before = (!self.refused.is_empty()).then_some(now + AGAIN);
        }
        if self.refused.len() < before {
            self.keep();
        }
        goes_on
    }

    /// When something is to be told again; `None` where nothing is.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.not_before
    }

    /// Tells of what lies at a place; whether it is taken, or is not there.
    fn is_told(&self, log: &dyn Readable, (position, number): Place) -> Result<bool, Error> {
        let Some(record) = log.get(position)?.filter(|record| record.topic == Topic::Control) else { return Ok(true) };
        let control = Control::decode(&record.payload).map_err(|source| Error::Record { position, source })?;
        let Control::Alerts { steps, at, .. } = control else { return Ok(true) };
        Ok(news(&steps, at).nth(number).is_none_or(|news| (self.tell)(&news)))
    }

    /// Has the file say what was refused.
    fn keep(&self) {
        let text = serde_json::to_vec(&self.refused).expect("numbers are always JSON");
        if let Err(error) = replace_file(&self.memory, &text) {
            let file = self.memory.display();
            tracing::warn!(%error, %file, "after the next start it is not known of which alerts nobody could be told");
        }
    }
}

const FIRST: Place = (Position(0), 0);

/// What a file says was refused; nothing where there is none.
fn recall(memory: &Path) -> BTreeSet<Place> {
    let read = match fs::read(memory) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    };
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, file = %memory.display(), "it is not known of which alerts nobody could be told before the start");
        BTreeSet::new()
    })
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

    use ingest::log::{Error as LogError, Record};

    use super::*;
    use crate::fixture::{at_desk, opened, record, time};

    const AT: &str = "2018-08-01T12:00:00Z";

    /// A log of records of the desk, which raise alerts that are known by their numbers. Some cannot be read.
    struct Desk {
        records: Vec<Record>,
        damaged: Mutex<Vec<u64>>,
    }

    impl Desk {
        /// Each record raises one alert, of its own position.
        fn of(count: u64) -> Self {
            let records = (0..count).map(|position| at_desk(position, opened(position, AT, 1), "desk", AT)).collect();
            Self { records, damaged: Mutex::default() }
        }

        fn end(&self) -> Position {
            Position(self.records.len() as u64)
        }
    }

    impl Readable for Desk {
        fn read(&self, _: Position) -> Result<Box<dyn Iterator<Item = Result<Record, LogError>> + Send + '_>, LogError> {
            unreachable!("records are asked for one by one")
        }

        fn get(&self, position: Position) -> Result<Option<Record>, LogError> {
            match self.damaged.lock().unwrap().contains(&position.0) {
                true => Err(LogError::Stopped { reason: "it is damaged".to_owned() }),
                false => Ok(self.records.get(position.0 as usize).cloned()),
            }
        }
    }

    /// Whether an alert of this number is taken.
    type Takes = fn(u64) -> bool;

    /// What is told, and what is taken of it.
    #[derive(Clone)]
    struct Told {
        heard: Arc<Mutex<Vec<u64>>>,
        takes: Arc<Mutex<Takes>>,
    }

    impl Told {
        fn new(takes: Takes) -> Self {
            Self { heard: Arc::default(), takes: Arc::new(Mutex::new(takes)) }
        }

        fn takes(&self, takes: Takes) {
            *self.takes.lock().unwrap() = takes;
        }

        fn heard(&self) -> Vec<u64> {
            std::mem::take(&mut self.heard.lock().unwrap())
        }

        fn teller(&self, memory: &Path, end: Position) -> Teller {
            let Self { heard, takes } = self.clone();
            let tell = move |news: &News<'_>| {
                let News::Opened(alert) = news else { panic!("{news:?}") };
                let number = alert.raised_by().unwrap().0;
                heard.lock().unwrap().push(number);
                let takes = *takes.lock().unwrap();
                takes(number)
            };
            Teller::new(Box::new(tell), memory.to_owned(), end)
        }
    }

    /// Tells of all records for the first time.
    fn hear(teller: &mut Teller, desk: &Desk, now: Instant) {
        for record in &desk.records {
            let Control::Alerts { steps, at, .. } = Control::decode(&record.payload).unwrap() else { panic!("{record:?}") };
            teller.hear(record.position, &steps, at, now);
        }
    }

    #[test]
    fn what_was_refused_is_told_again_after_a_while_and_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, memory, told) = (Desk::of(5), folder.path().join("refused"), Told::new(|number| number != 1 && number != 3));
        let (end, now) = (desk.end(), Instant::now());
        let mut teller = told.teller(&memory, end);
        hear(&mut teller, &desk, now);
        assert_eq!((told.heard(), teller.due()), (vec![0, 1, 2, 3, 4], Some(now + AGAIN)), "none is kept back");
        assert!(!teller.again(&desk, now) && told.heard().is_empty(), "not yet");
        told.takes(|number| number != 3);
        assert!(!teller.again(&desk, now + AGAIN));
        assert_eq!((told.heard(), teller.due()), (vec![1, 3], Some(now + AGAIN + AGAIN)));

        let mut teller = told.teller(&memory, end);
        assert!(!teller.again(&desk, Instant::now()));
        assert_eq!(told.heard(), [3]);
        // Who reads the log again after a start tells of it, too.
        told.takes(|_| true);
        hear(&mut teller, &desk, now);
        assert_eq!((told.heard(), teller.due()), (vec![0, 1, 2, 3, 4], None));
        assert_eq!(told.teller(&memory, end).due(), None, "they have it");
        // What is kept of another log means nothing here.
        fs::write(&memory, "[[4,0],[7,0]]").unwrap();
        assert!(told.teller(&memory, end).refused.iter().eq(&[(Position(4), 0)]));
        assert_eq!(fs::read_to_string(&memory).unwrap(), "[[4,0]]");
        fs::write(&memory, "no JSON").unwrap();
        assert_eq!(told.teller(&memory, end).due(), None);
    }

    #[test]
    fn of_a_record_what_was_refused_is_told_again_alone() {
        let folder = tempfile::tempdir().unwrap();
        let steps = vec![opened(10, AT, 1), opened(11, AT, 1), opened(12, AT, 1)];
        let alerts = Control::Alerts { steps, by: "desk".to_owned(), at: time(AT) };
        let desk = Desk { records: vec![record(0, Topic::Control, &alerts.encode())], damaged: Mutex::default() };
        let told = Told::new(|number| number != 11);
        let (mut teller, now) = (told.teller(&folder.path().join("refused"), desk.end()), Instant::now());
        hear(&mut teller, &desk, now);
        assert_eq!(told.heard(), [10, 11, 12]);
        told.takes(|_| true);
        assert!(!teller.again(&desk, now + AGAIN));
        assert_eq!((told.heard(), teller.due()), (vec![11], None));
    }

    #[test]
    fn one_that_cannot_be_read_keeps_back_none_and_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, told) = (Desk::of(3), Told::new(|_| false));
        let (mut teller, now) = (told.teller(&folder.path().join("refused"), desk.end()), Instant::now());
        hear(&mut teller, &desk, now);
        told.heard();
        told.takes(|_| true);
        desk.damaged.lock().unwrap().push(1);
        assert!(!teller.again(&desk, now + AGAIN));
        assert_eq!((told.heard(), teller.due()), (vec![0, 2], Some(now + AGAIN + AGAIN)));
        desk.damaged.lock().unwrap().clear();
        assert!(!teller.again(&desk, now + AGAIN + AGAIN));
        assert_eq!((told.heard(), teller.due()), (vec![1], None));
    }

    #[test]
    fn of_many_some_are_told_again_at_a_stretch() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, told) = (Desk::of(2 * STRETCH as u64 + 1), Told::new(|_| false));
        let (mut teller, mut now) = (told.teller(&folder.path().join("refused"), desk.end()), Instant::now());
        hear(&mut teller, &desk, now);
        assert_eq!(told.heard().len(), desk.records.len());
        now += AGAIN;
        let round = [true, true, false, false].map(|goes_on| {
            assert_eq!(teller.again(&desk, now), goes_on);
            told.heard().len()
        });
        assert_eq!(round, [STRETCH, STRETCH, 1, 0], "each once in a round");
    }

    #[test]
    fn of_too_many_the_oldest_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let told = Told::new(|_| false);
        let mut teller = told.teller(&folder.path().join("refused"), Position(u64::MAX));
        let steps: Vec<Step> = (0..MOST as u64 + 2).map(|number| opened(number, AT, 1)).collect();
        teller.hear(Position(7), &steps, time(AT), Instant::now());
        assert_eq!((teller.refused.len(), teller.refused.first()), (MOST, Some(&(Position(7), 2))));
    }

    #[test]
    fn what_is_no_change_at_the_desk_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join("refused");
        fs::write(&memory, "[[0,0],[1,0],[2,9]]").unwrap();
        let records =
            vec![record(0, Topic::Event, b"x"), record(1, Topic::Control, b"x"), at_desk(2, opened(2, AT, 1), "desk", AT)];
        let (desk, told) = (Desk { records, damaged: Mutex::default() }, Told::new(|_| true));
        let mut teller = told.teller(&memory, desk.end());
        assert!(matches!(teller.is_told(&desk, (Position(1), 0)), Err(Error::Record { position: Position(1), .. })));
        assert!(!teller.again(&desk, Instant::now()));
        assert!(told.heard().is_empty() && teller.refused.len() == 1, "{:?}", teller.refused);
    }
}
