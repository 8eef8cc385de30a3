//! A fraud that nobody has seen before: a robbed customer's card is tried with small amounts, quickly, at terminals where its owner
//! never pays. No single payment looks like anything.

use std::collections::{HashMap, HashSet, VecDeque};

use rand::RngExt;
use rand::seq::index;

use crate::simulator::{Purpose, stream};
use crate::time::{Duration, Timestamp};

/// How many payments a burst has, their amounts in cents, and the seconds between two of them.
const PAYMENTS: std::ops::RangeInclusive<u32> = 6..=12;
const AMOUNT_MINOR: std::ops::RangeInclusive<i64> = 100..=500;
const APART_SECONDS: std::ops::RangeInclusive<i64> = 3..=60;

/// How often a terminal is drawn for a customer who has paid at nearly all of them.
const TRIES: u32 = 32;

/// A payment that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) occurred_at: Timestamp,
    pub(super) customer: Box<str>,
    pub(super) terminal: Box<str>,
    pub(super) amount_minor: i64,
}

/// Who paid where, and the payments of the day that are still to be added.
#[derive(Clone, Debug, Default)]
pub(super) struct Bursts {
    customers: Names,
    terminals: Names,
    visited: HashSet<(u32, u32)>,
    to_come: VecDeque<Added>,
}

/// Numbers for names, in the order in which they were seen first.
#[derive(Clone, Debug, Default)]
struct Names {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("fewer names than fit into memory");
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

impl Bursts {
    /// A customer pays at a terminal.
    pub(super) fn visit(&mut self, customer: &str, terminal: &str) {
        let visit = (self.customers.number(customer), self.terminals.number(terminal));
        self.visited.insert(visit);
    }

    /// A day begins on which so many customers are robbed, of those who paid before: fewer when there are fewer.
    pub(super) fn begin(&mut self, day: i64, victims: u32, seed: u64) {
        const LAST_START: i64 = 86_400 - 12 * 60;
        let known = self.customers.names.len();
        let mut rng = stream(seed, Purpose::Bursts, day as u32, 0);
        for victim in index::sample(&mut rng, known, known.min(victims as usize)) {
            let mut occurred_at = Timestamp::start_of_day(day) + Duration::seconds(rng.random_range(0..LAST_START));
            for _ in 0..rng.random_range(PAYMENTS) {
                let mut draw = || rng.random_range(0..self.terminals.names.len() as u32);
                let mut terminal = draw();
                for _ in 0..TRIES {
                    if !self.visited.contains(&(victim as u32, terminal)) {
                        break;
                    }
                    terminal = draw();
                }
                self.to_come.push_back(Added {
                    occurred_at,
                    customer: self.customers.names[victim].clone(),
                    terminal: self.terminals.names[terminal as usize].clone(),
                    amount_minor: rng.random_range(AMOUNT_MINOR),
                });
                occurred_at = occurred_at + Duration::seconds(rng.random_range(APART_SECONDS));
            }
        }
        self.to_come.make_contiguous().sort_by_key(|added| added.occurred_at);
    }

    /// The next payment that is added before a time; all that are left, one by one, before `None`.
    pub(super) fn before(&mut self, time: Option<Timestamp>) -> Option<Added> {
        let comes = |added: &Added| time.is_none_or(|time| added.occurred_at < time);
        if self.to_come.front().is_some_and(comes) { self.to_come.pop_front() } else { None }
    }
}
