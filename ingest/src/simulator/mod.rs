//! A stream of card payments with known frauds, after the design of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot,
//! Bontempi, 2022), chapter 3: customers with habits, terminals around them, three ways of fraud.
//!
//! Equal settings give equal transactions on every machine: each customer's day is drawn from a ChaCha stream of its own, and
//! what is drawn is rounded to seconds and cents. A day is made at a time, so that memory depends on the number of customers
//! and terminals and not on the number of days.

pub mod credit;
#[cfg(feature = "parquet")]
pub mod drift;
mod fraud;
mod grid;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(test)]
mod tests;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};

#[cfg(feature = "parquet")]
pub use self::drift::{Drift, Injection};
use self::fraud::Compromised;
use self::grid::{Grid, Point};
#[cfg(feature = "parquet")]
pub use self::parquet::batch;
use crate::time::{Duration, Timestamp};

/// What is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many customers there are, numbered from 0.
    pub customers: u32,
    /// How many terminals there are, numbered from 0.
    pub terminals: u32,
    /// How many days; `None` goes on without end.
    pub days: Option<u32>,
    /// What chance starts from.
    pub seed: u64,
    /// The first day: the one that this time falls on (UTC).
    pub start: Timestamp,
    /// How far from a customer the terminals lie that are used, on a square of 100 x 100.
    pub radius: f64,
}

impl Default for Settings {
    /// The Handbook's own: about 1.75 million transactions, 0.84 % of them frauds.
    fn default() -> Self {
        const START: Timestamp = Timestamp::start_of_day(17_622);
        Self { customers: 5_000, terminals: 10_000, days: Some(183), seed: 0, start: START, radius: 5.0 }
    }
}

/// One payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Counted in the order of time, from 0.
    pub transaction_id: u64,
    /// When it was made, to the second.
    pub occurred_at: Timestamp,
    /// Who paid.
    pub customer_id: u32,
    /// Where.
    pub terminal_id: u32,
    /// How much, in cents; 0 or more.
    pub amount_minor: i64,
    /// Whether it is a fraud.
    pub fraud: bool,
    /// Which way of fraud: 1 a large amount, 2 a compromised terminal, 3 a compromised customer, 0 none. Where several apply,
    /// the highest is told.
    pub scenario: u8,
}

/// Why nothing can be simulated or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that has no meaning.
    #[error("cannot simulate with {setting}: it must be {expected}")]
    Setting {
        /// The setting and its value: `0 customers`.
        setting: String,
        /// What it must be.
        expected: &'static str,
    },
    /// No file holds days without end.
    #[cfg(feature = "parquet")]
    #[error("cannot write days without end to {}: say how many", path.display())]
    Endless {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A file could not be written.
    #[cfg(feature = "parquet")]
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `create`, `write`.
        action: &'static str,
        /// The file or folder.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A drift does not fit the payments that it is to change.
    #[cfg(feature = "parquet")]
    #[error("cannot inject {drift}: {reason}")]
    Drift {
        /// The drift as it was written.
        drift: String,
        /// Why it does not fit.
        reason: String,
    },
    /// Payments that cannot be changed.
    #[cfg(feature = "parquet")]
    #[error("cannot change the payments: {reason}")]
    Payments {
        /// Why not.
        reason: String,
    },
    /// A file of history could not be read as Parquet.
    #[cfg(feature = "parquet")]
    #[error("cannot read {} as Parquet", path.display())]
    History {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: ::parquet::errors::ParquetError,
    },
    /// A Parquet file could not be written.
    #[cfg(feature = "parquet")]
    #[error("cannot write {}", path.display())]
    Parquet {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: ::parquet::errors::ParquetError,
    },
}

/// Gives out the days, each as its transactions in the order of time.
#[derive(Clone, Debug)]
pub struct Simulator {
    settings: Settings,
    customers: Vec<Customer>,
    terminals: Grid,
    compromised: Compromised,
    day: u32,
    next_id: u64,
}

/// A customer's place and habits.
#[derive(Clone, Copy, Debug)]
struct Customer {
    home: Point,
    /// In whole units of money; the standard deviation is half of it.
    mean_amount: f64,
    /// The mean number of transactions in a day.
    daily: f64,
}

impl Simulator {
    /// Lays out the customers and terminals.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let refuse = |setting: String, expected| Err(Error::Setting { setting, expected });
        if settings.customers == 0 {
            return refuse("0 customers".to_owned(), "at least 1");
        }
        if settings.terminals == 0 {
            return refuse("0 terminals".to_owned(), "at least 1");
        }
        if !(settings.radius > 0.0 && settings.radius.is_finite()) {
            return refuse(format!("a radius of {}", settings.radius), "above 0");
        }
        let mut rng = stream(settings.seed, Purpose::Customers, 0, 0);
        let customers = (0..settings.customers).map(|_| Customer::draw(&mut rng)).collect();
        let mut rng = stream(settings.seed, Purpose::Terminals, 0, 0);
        let terminals = (0..settings.terminals).map(|_| Point::draw(&mut rng)).collect();
        Ok(Self {
            customers,
            terminals: Grid::new(terminals, settings.radius),
            compromised: Compromised::new(settings.customers, settings.terminals),
            day: 0,
            next_id: 0,
            settings,
        })
    }

    /// Numbers the transactions from `first` on instead of from 0, to go on after others.
    pub fn number_from(mut self, first: u64) -> Self {
        self.next_id = first;
        self
    }

    /// What is simulated.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What one customer does on one day, not yet numbered.
    fn customer_day(&self, number: u32, customer: &Customer, rng: &mut ChaCha8Rng, into: &mut Vec<Transaction>) {
        const NOON: f64 = 43_200.0;
        const SPREAD: f64 = 20_000.0;
        let midnight = Timestamp::start_of_day(self.settings.start.day() + i64::from(self.day));
        let times = Normal::new(NOON, SPREAD).expect("the spread is positive");
        let amounts = Normal::new(customer.mean_amount, customer.mean_amount / 2.0).expect("amounts are finite");
        // A mean of exactly 0 makes no transactions, and no distribution either.
        let count = Poisson::new(customer.daily).map_or(0.0, |count| count.sample(rng)) as u32;
        for _ in 0..count {
            let second = times.sample(rng) as i64;
            if !(1..86_400).contains(&second) {
                continue;
            }
            let drawn: f64 = amounts.sample(rng);
            let amount = if drawn < 0.0 { rng.random_range(0.0..2.0 * customer.mean_amount) } else { drawn };
            let Some(terminal_id) = self.terminals.choose_near(customer.home, rng) else { continue };
            let genuine = Transaction {
                transaction_id: 0,
                occurred_at: midnight + Duration::seconds(second),
                customer_id: number,
                terminal_id,
                amount_minor: (amount * 100.0).round() as i64,
                fraud: false,
                scenario: 0,
            };
            into.push(self.compromised.apply(genuine, self.day, rng));
        }
    }
}

impl Iterator for Simulator {
    type Item = Vec<Transaction>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.settings.days.is_some_and(|days| self.day >= days) {
            return None;
        }
        let seed = self.settings.seed;
        self.compromised.begin(self.day, &mut stream(seed, Purpose::Frauds, self.day, 0));
        let mut transactions = Vec::new();
        for (number, customer) in (0..).zip(&self.customers) {
            let mut rng = stream(seed, Purpose::Day, self.day, number);
            self.customer_day(number, customer, &mut rng, &mut transactions);
        }
        transactions.sort_by_key(|transaction| transaction.occurred_at);
        for transaction in &mut transactions {
            transaction.transaction_id = self.next_id;
            self.next_id += 1;
        }
        self.day += 1;
        Some(transactions)
    }
}

impl Customer {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self { home: Point::draw(rng), mean_amount: rng.random_range(5.0..100.0), daily: rng.random_range(0.0..4.0) }
    }
}

/// What a stream of chance is used for. The numbers are part of what a seed means.
#[derive(Clone, Copy)]
enum Purpose {
    Customers = 1,
    Terminals = 2,
    Frauds = 3,
    Day = 4,
    #[cfg(feature = "parquet")]
    Bursts = 5,
    Applicants = 6,
    Applications = 7,
}

/// Chance for one purpose, day and customer, independent of every other.
fn stream(seed: u64, purpose: Purpose, day: u32, customer: u32) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose as u8;
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(u64::from(day) << 32 | u64::from(customer));
    rng
}
