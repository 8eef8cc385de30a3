//! What is to be told and no queue has taken yet. It is kept as it is and told again after a while: said anew it would be other news.

use ingest::{Duration, Timestamp};
use monitor::notify::Notification;

/// So long after something was not taken all of it is tried again.
const PAUSE: Duration = Duration::seconds(30);

/// At most so many wait. Of more the oldest is given up: the program's own messages have it, whole.
const MOST: usize = 1_000;

/// What was not taken.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    waiting: Vec<Notification>,
    not_before: Option<Timestamp>,
}

impl Untold {
    /// Tells what waits, and more, by `try_tell`; where something has just not been taken, more waits with it.
    pub(crate) fn tell(
        &mut self,
        more: impl IntoIterator<Item = Notification>,
        now: Timestamp,
        try_tell: impl Fn(&Notification) -> bool,
    ) {
        self.waiting.extend(more);
        // None is given up that was not tried.
        if self.waiting.len() <= MOST && self.not_before.is_some_and(|time| now < time) {
            return;
        }
        self.waiting.retain(|told| !try_tell(told));
        self.waiting.drain(..self.waiting.len().saturating_sub(MOST));
        self.not_before = self.is_waiting().then_some(now + PAUSE);
    }

    /// Whether something waits to be told again.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// What was found, and is written down as told once all that there is to tell of it was taken.
#[derive(Debug)]
pub(crate) struct Telling<T> {
    untold: Untold,
    found: Option<T>,
}

impl<T> Default for Telling<T> {
    fn default() -> Self {
        Self { untold: Untold::default(), found: None }
    }
}

impl<T> Telling<T> {
    /// Tells again what was not taken; what it was found with, once all of it is.
    pub(crate) fn again(&mut self, now: Timestamp, try_tell: impl Fn(&Notification) -> bool) -> Option<T> {
        self.untold.tell(None, now, try_tell);
        self.found.take_if(|_| !self.untold.is_waiting())
    }

    /// Tells what there is to tell of something found; that, where all of it was taken. While something found before waits nothing is told:
    /// what is news still is found again.
    pub(crate) fn tell(
        &mut self,
        found: T,
        news: impl IntoIterator<Item = Notification>,
        now: Timestamp,
        try_tell: impl Fn(&Notification) -> bool,
    ) -> Option<T> {
        if self.found.is_some() {
            return None;
        }
        self.untold.tell(news, now, try_tell);
        self.found = Some(found);
        self.found.take_if(|_| !self.untold.is_waiting())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use monitor::notify::{Severity, What};

    use super::*;

    fn told(failures: u64) -> Notification {
        Notification::new(Timestamp::from_micros(0), Severity::Low, "cards", What::WarehouseBack { failures })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn what_was_not_taken_is_told_again_after_a_while() {
        let mut untold = Untold::default();
        let mut check = |second: i64, more: &[u64], takes: &[u64], expect: &[u64]| {
            let heard = RefCell::new(Vec::new());
            untold.tell(more.iter().map(|number| told(*number)), at(second), |told| {
                heard.borrow_mut().push(told.clone());
                takes.iter().any(|number| *told == self::told(*number))
            });
            let expect: Vec<Notification> = expect.iter().map(|number| told(*number)).collect();
            assert_eq!(heard.into_inner(), expect, "{second}");
        };
        check(0, &[1, 2], &[1], &[1, 2]);
        check(29, &[3], &[2, 3], &[]);
        check(30, &[], &[2, 3], &[2, 3]);
        check(31, &[4], &[4], &[4]);
    }

    #[test]
    fn of_too_much_the_oldest_is_given_up() {
        let mut untold = Untold::default();
        untold.tell((0..MOST as u64 + 2).map(told), at(0), |_| false);
        let heard = RefCell::new(Vec::new());
        untold.tell(None, at(30), |told| {
            heard.borrow_mut().push(told.clone());
            true
        });
        assert_eq!(heard.into_inner(), (2..MOST as u64 + 2).map(told).collect::<Vec<Notification>>());
        assert!(!untold.is_waiting());
    }

    #[test]
    fn what_was_found_is_handed_back_when_all_of_it_is_told() {
        let mut telling = Telling::default();
        assert_eq!(telling.tell("first", None, at(0), |_| false), Some("first"), "there is nothing to tell");
        assert_eq!(telling.tell("second", [told(1), told(2)], at(0), |heard| *heard == told(1)), None);
        let heard = RefCell::new(0);
        let count = |_: &Notification| {
            *heard.borrow_mut() += 1;
            true
        };
        assert_eq!((telling.tell("third", [told(3)], at(40), count), *heard.borrow()), (None, 0), "the second waits");
        assert_eq!((telling.again(at(41), count), *heard.borrow()), (Some("second"), 1));
        assert_eq!((telling.again(at(42), count), *heard.borrow()), (None, 1));
        assert_eq!(telling.tell("fourth", [told(4)], at(43), count), Some("fourth"));
    }
}
