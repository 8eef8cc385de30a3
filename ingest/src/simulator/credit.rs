//! A stream of applications for consumer credit with known outcomes: people with an income, debts and a past, some of whom do not pay.
//!
//! Nobody is copied: the marginals are plain ones of the kind that public sets of consumer loans have (incomes and amounts are log-normal, few
//! people carry most of the late payments, one in eleven has no file at the bureau). The risk is a sum of log-odds with bends and one
//! interaction, so that a scorecard comes near to it and not all the way. Equal settings give equal applications on every machine, as for payments.

#[cfg(feature = "parquet")]
pub mod parquet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Gamma, LogNormal, Poisson};

use super::{Error, Purpose, stream};
use crate::time::{Duration, Timestamp};

/// What is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many people there are who may apply, numbered from 0.
    pub applicants: u32,
    /// The mean number of applications in a day.
    pub daily: f64,
    /// How many days; `None` goes on without end.
    pub days: Option<u32>,
    /// What chance starts from.
    pub seed: u64,
    /// The first day: the one that this time falls on (UTC).
    pub start: Timestamp,
    /// From the day that this time falls on the economy is worse: incomes are a tenth lower, people ask around for credit more, and the odds
    /// of a default are twice what they were.
    pub downturn: Option<Timestamp>,
}

impl Default for Settings {
    /// More than two years of 200 applications a day.
    fn default() -> Self {
        const START: Timestamp = Timestamp::start_of_day(17_622);
        Self { applicants: 60_000, daily: 200.0, days: Some(800), seed: 0, start: START, downturn: None }
    }
}

/// One application.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Application {
    /// Counted in the order of time, from 0.
    pub application_id: u64,
    /// When it was made, to the second.
    pub applied_at: Timestamp,
    /// Who applied.
    pub applicant_id: u32,
    /// Where they live.
    pub address_id: u32,
    /// What they applied with.
    pub device_id: u32,
    /// How much they asked for, in cents.
    pub amount_minor: i64,
    /// For how many months.
    pub term_months: i64,
    /// The purpose: its place in [`PURPOSES`].
    pub purpose: usize,
    /// Years of age.
    pub age: i64,
    /// Monthly, in cents; `None` where it was not stated.
    pub income_minor: Option<i64>,
    /// Monthly payments on other debt, in cents.
    pub debt_payments_minor: i64,
    /// The kind of employment: its place in [`EMPLOYMENTS`].
    pub employment: usize,
    /// How long they have had it.
    pub employment_months: i64,
    /// How they live: its place in [`HOUSINGS`].
    pub housing: usize,
    /// Payments that were late in 24 months.
    pub delinquencies_24m: i64,
    /// Lenders that asked the bureau in 6 months.
    pub inquiries_6m: i64,
    /// Credit lines that are open.
    pub open_lines: i64,
    /// The share of revolving limits in use, to a thousandth; `None` where there is none.
    pub utilisation: Option<f64>,
    /// The age of the oldest credit line; `None` for who has no file.
    pub oldest_line_months: Option<i64>,
    /// Whether an insolvency proceeding is open.
    pub insolvent: bool,
    /// Whether a payment will be 90 days late within six months.
    pub defaulted: bool,
}

/// What loans are for, and how much each adds to the log-odds of default.
pub const PURPOSES: [&str; 7] = ["home_improvement", "car", "education", "medical", "other", "debt_consolidation", "business"];
const PURPOSE_RISKS: [f64; 7] = [-0.35, -0.25, 0.0, 0.05, 0.1, 0.2, 0.5];
const PURPOSE_SHARES: [f64; 7] = [0.13, 0.2, 0.05, 0.07, 0.17, 0.33, 0.05];
/// Kinds of employment.
pub const EMPLOYMENTS: [&str; 5] = ["permanent", "retired", "self_employed", "temporary", "not_employed"];
const EMPLOYMENT_RISKS: [f64; 5] = [-0.1, -0.2, 0.2, 0.35, 0.8];
const EMPLOYMENT_SHARES: [f64; 5] = [0.66, 0.09, 0.11, 0.11, 0.03];
const EMPLOYMENT_INCOMES: [f64; 5] = [1.0, 0.72, 1.1, 0.75, 0.4];
/// How people live.
pub const HOUSINGS: [&str; 4] = ["owner", "mortgage", "family", "tenant"];
const HOUSING_RISKS: [f64; 4] = [-0.3, -0.2, 0.1, 0.2];
const HOUSING_SHARES: [f64; 4] = [0.14, 0.38, 0.08, 0.4];
const TERMS: [i64; 6] = [12, 24, 36, 48, 60, 84];

/// Of a hundred applications so many are made by who was here within some days: people who ask around.
const RETURNS: f64 = 0.08;
/// Of a hundred devices so many are lent to others, and of those applications far more are never paid.
const SHARED_DEVICES: f64 = 0.012;
/// The most applications that people who return are looked for in.
const RECENT: usize = 2_000;

/// Gives out the days, each as its applications in the order of time.
#[derive(Clone, Debug)]
pub struct Simulator {
    settings: Settings,
    /// Who applied last, the newest at the end.
    recent: Vec<Application>,
    day: u32,
    next_id: u64,
}

impl Simulator {
    /// Checks the settings.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        if settings.applicants == 0 {
            return Err(Error::Setting { setting: "0 applicants".to_owned(), expected: "at least 1" });
        }
        if !(settings.daily > 0.0 && settings.daily <= 1e6) {
            return Err(Error::Setting {
                setting: format!("{} applications a day", settings.daily),
                expected: "above 0 and at most a million",
            });
        }
        Ok(Self { settings, recent: Vec::new(), day: 0, next_id: 0 })
    }

    /// Numbers the applications from `first` on instead of from 0, to go on after others.
    pub fn number_from(mut self, first: u64) -> Self {
        self.next_id = first;
        self
    }

    /// What is simulated.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    fn application(&self, midnight: Timestamp, is_downturn: bool, rng: &mut ChaCha8Rng) -> Application {
        // Most people apply in the daytime.
        let second = (Beta::new(3.0, 2.5).expect("both are above 0").sample(rng) * 86_399.0) as i64;
        let applied_at = midnight + Duration::seconds(second);
        let returning = if rng.random_bool(RETURNS) && !self.recent.is_empty() {
            Some(self.recent[rng.random_range(0..self.recent.len() as u64) as usize])
        } else {
            None
        };
        let fresh = match returning {
            Some(before) => Application { inquiries_6m: (before.inquiries_6m + 1).min(30), ..before },
            None => self.person(rng, is_downturn),
        };
        let asked = self.asked_for(fresh, rng);
        let shared = rng.random_bool(SHARED_DEVICES);
        let device_id =
            if shared { rng.random_range(0..(1 + self.settings.applicants / 500)) } else { 1_000_000 + asked.applicant_id };
        let application = Application { applied_at, device_id, ..asked };
        let log_odds = risk(&application, returning.is_some(), shared) + if is_downturn { std::f64::consts::LN_2 } else { 0.0 };
        Application { defaulted: rng.random_bool(1.0 / (1.0 + (-log_odds).exp())), ..application }
    }

    /// Who applies, and what is known of them.
    fn person(&self, rng: &mut ChaCha8Rng, is_downturn: bool) -> Application {
        let applicant_id = rng.random_range(0..self.settings.applicants);
        // What a person is like stays the same whenever they apply; what they are asked for does not.
        let mut own = stream(self.settings.seed, Purpose::Applicants, 0, applicant_id);
        let drawn_age = 18.0 + Gamma::new(2.6, 8.0).expect("both are above 0").sample(&mut own);
        // One in three hundred forms is of somebody too young.
        let age = if own.random_bool(0.003) { own.random_range(15..18) } else { (drawn_age as i64).min(88) };
        let employment = if age >= 66 { 1 } else { chosen(&EMPLOYMENT_SHARES, &mut own) };
        let typical: f64 = LogNormal::new(8.05, 0.42).expect("the spread is positive").sample(&mut own);
        let income = typical * EMPLOYMENT_INCOMES[employment] * if is_downturn { 0.9 } else { 1.0 };
        let income_minor = (income * 100.0 / 1_000.0).round() as i64 * 1_000;
        let burden: f64 = Beta::new(1.7, 6.0).expect("both are above 0").sample(&mut own);
        let worked = Gamma::new(1.1, 70.0).expect("both are above 0").sample(&mut own) as i64;
        let has_file = own.random_bool(0.91);
        let credit_age = Gamma::new(2.0, 60.0).expect("both are above 0").sample(&mut own) as i64;
        // Few are late often: a share of the people, each with a rate of their own.
        let late = if own.random_bool(0.22) { Gamma::new(1.0, 1.8).expect("both are above 0").sample(&mut own) } else { 0.0 };
        let asks = Gamma::new(1.3, if is_downturn { 1.5 } else { 1.0 }).expect("both are above 0").sample(&mut own);
        let lines = Gamma::new(3.0, 2.2).expect("both are above 0").sample(&mut own);
        let used: f64 =
            Beta::new(1.1, 1.9).expect("both are above 0").sample(&mut own) * if own.random_bool(0.04) { 1.4 } else { 1.0 };
        let has_limits = own.random_bool(0.9);
        Application {
            application_id: 0,
            applied_at: self.settings.start,
            applicant_id,
            // Two in a hundred live at an address where many others do.
            address_id: if own.random_bool(0.02) { own.random_range(0..200) } else { 1_000_000 + applicant_id / 2 },
            device_id: 0,
            amount_minor: 0,
            term_months: 0,
            purpose: 0,
            age,
            income_minor: (!own.random_bool(0.012)).then_some(income_minor),
            debt_payments_minor: (income * burden * 100.0 / 1_000.0).round() as i64 * 1_000,
            employment,
            employment_months: if employment == 4 { 0 } else { worked.min((age - 15).max(0) * 12).min(600) },
            housing: chosen(&HOUSING_SHARES, &mut own),
            delinquencies_24m: if has_file { count(late, &mut own).min(24) } else { 0 },
            inquiries_6m: if has_file { count(asks, &mut own).min(30) } else { 0 },
            open_lines: if has_file { count(lines, &mut own).min(60) } else { 0 },
            utilisation: (has_file && has_limits).then_some((used * 1_000.0).round() / 1_000.0),
            oldest_line_months: has_file.then_some(credit_age.min((age - 16).max(0) * 12)),
            insolvent: own.random_bool(0.004),
            defaulted: false,
        }
    }

    /// What a person asks for, this time.
    fn asked_for(&self, person: Application, rng: &mut ChaCha8Rng) -> Application {
        let amount: f64 = LogNormal::new(9.1, 0.65).expect("the spread is positive").sample(rng);
        let amount = (amount / 50.0).round().clamp(10.0, 1_500.0) as i64 * 50;
        let term = (TERMS.len() as f64 * Beta::new(2.0, 1.6).expect("both are above 0").sample(rng)) as usize;
        Application {
            amount_minor: amount * 100,
            term_months: TERMS[term.min(TERMS.len() - 1)],
            purpose: chosen(&PURPOSE_SHARES, rng),
            ..person
        }
    }
}

impl Iterator for Simulator {
    type Item = Vec<Application>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.settings.days.is_some_and(|days| self.day >= days) {
            return None;
        }
        let midnight = Timestamp::start_of_day(self.settings.start.day() + i64::from(self.day));
        let is_downturn = self.settings.downturn.is_some_and(|from| midnight.day() >= from.day());
        let rng = &mut stream(self.settings.seed, Purpose::Applications, self.day, 0);
        let count = count(self.settings.daily, rng);
        let mut applications: Vec<Application> = (0..count).map(|_| self.application(midnight, is_downturn, rng)).collect();
        applications.sort_by_key(|application| application.applied_at);
        for application in &mut applications {
            application.application_id = self.next_id;
            self.next_id += 1;
        }
        self.recent.extend(&applications);
        self.recent.drain(..self.recent.len().saturating_sub(RECENT));
        self.day += 1;
        Some(applications)
    }
}

/// A whole number with a mean.
fn count(mean: f64, rng: &mut ChaCha8Rng) -> i64 {
    // A mean of exactly 0 makes none, and no distribution either.
    Poisson::new(mean).map_or(0, |count| count.sample(rng) as i64)
}

/// One of some, each as likely as its share.
fn chosen(shares: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let mut left = rng.random_range(0.0..shares.iter().sum::<f64>());
    let under = |share: &f64| {
        left -= share;
        left < 0.0
    };
    shares.iter().position(under).unwrap_or(shares.len() - 1)
}

/// The log-odds that an application ends in default. What a model sees of it is what stands in the application; whether somebody lends a
/// device, or asks around, it has to find out from what came before.
fn risk(application: &Application, is_returning: bool, is_shared: bool) -> f64 {
    let income = application.income_minor.map_or(2_500.0, |income| income as f64 / 100.0).max(100.0);
    let debt_to_income = application.debt_payments_minor as f64 / 100.0 / income;
    let loan_to_income = application.amount_minor as f64 / 100.0 / income;
    let utilisation = application.utilisation.unwrap_or(0.45);
    let late = application.delinquencies_24m as f64;
    let history = application.oldest_line_months.map_or(18.0, |months| months as f64);
    -3.55 - 0.55 * (income / 3_100.0).ln()
        + 2.4 * (debt_to_income - 0.22)
        + 0.16 * (loan_to_income - 3.5).clamp(-3.5, 9.0)
        + 1.1 * (utilisation - 0.36) + if utilisation > 0.9 { 0.5 } else { 0.0 }
        + 0.75 * late.min(1.0) + 0.28 * (late - 1.0).clamp(0.0, 6.0)
        // Who is late and has little room is worse than both by themselves.
        + if late > 0.0 && utilisation > 0.6 { 0.45 } else { 0.0 }
        + 0.13 * (application.inquiries_6m as f64).min(8.0)
        - 0.35 * (1.0 + history / 24.0).ln()
        + if application.oldest_line_months.is_none() { 0.25 } else { 0.0 }
        - 0.22 * (1.0 + application.employment_months as f64 / 24.0).ln()
        + 0.006 * (application.term_months as f64 - 48.0)
        + PURPOSE_RISKS[application.purpose]
        + EMPLOYMENT_RISKS[application.employment]
        + HOUSING_RISKS[application.housing]
        + if application.income_minor.is_none() { 0.6 } else { 0.0 }
        + if application.insolvent { 1.5 } else { 0.0 }
        + if is_returning { 0.7 } else { 0.0 }
        + if is_shared { 1.8 } else { 0.0 }
        + 0.9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(settings: Settings) -> Vec<Application> {
        Simulator::new(Settings { days: Some(365), ..settings }).unwrap().flatten().collect()
    }

    #[test]
    fn equal_settings_give_equal_applications_in_the_order_of_time() {
        let settings = Settings { applicants: 2_000, daily: 20.0, ..Settings::default() };
        let (one, two) = (year(settings.clone()), year(settings.clone()));
        assert_eq!(one, two);
        assert_ne!(one, year(Settings { seed: 1, ..settings }));
        assert!(one.is_sorted_by_key(|application| application.applied_at));
        assert!(one.iter().zip(0..).all(|(application, number)| application.application_id == number));
    }

    #[test]
    fn applications_look_like_those_of_people() {
        let all = year(Settings::default());
        let mean = |of: fn(&Application) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let check = |what: &str, found: f64, range: std::ops::Range<f64>| {
            assert!(range.contains(&found), "{what}: {found} is not in {range:?}");
        };
        check("applications a day", all.len() as f64 / 365.0, 190.0..210.0);
        check("default rate", mean(|of| f64::from(u8::from(of.defaulted))), 0.05..0.1);
        check("age", mean(|of| of.age as f64), 35.0..45.0);
        check("under age", mean(|of| f64::from(u8::from(of.age < 18))), 0.001..0.006);
        check("monthly income", mean(|of| of.income_minor.unwrap_or(0) as f64 / 100.0), 2_700.0..3_800.0);
        check("without income", mean(|of| f64::from(u8::from(of.income_minor.is_none()))), 0.005..0.02);
        check("amount", mean(|of| of.amount_minor as f64 / 100.0), 9_000.0..13_000.0);
        check("without a file", mean(|of| f64::from(u8::from(of.oldest_line_months.is_none()))), 0.07..0.11);
        check("late", mean(|of| f64::from(u8::from(of.delinquencies_24m > 0))), 0.08..0.2);
        assert!(
            all.iter().all(|of| (50_000..=7_500_000).contains(&of.amount_minor) && of.utilisation.is_none_or(|used| used <= 1.5))
        );
        let mut people: Vec<u32> = all.iter().map(|of| of.applicant_id).collect();
        people.sort_unstable();
        people.dedup();
        assert!(people.len() < all.len(), "some come back");
    }

    #[test]
    fn a_downturn_doubles_the_odds_and_begins_on_its_day() {
        let settings = Settings { applicants: 20_000, ..Settings::default() };
        let downturn = Timestamp::start_of_day(settings.start.day() + 180);
        let (calm, worse) = (year(settings.clone()), year(Settings { downturn: Some(downturn), ..settings }));
        let before = |all: &[Application]| all.iter().filter(|of| of.applied_at < downturn).copied().collect::<Vec<_>>();
        assert_eq!(before(&calm), before(&worse));
        let odds = |all: &[Application]| {
            let after: Vec<_> = all.iter().filter(|of| of.applied_at >= downturn).collect();
            let bad = after.iter().filter(|of| of.defaulted).count() as f64;
            bad / (after.len() as f64 - bad)
        };
        let ratio = odds(&worse) / odds(&calm);
        assert!((1.6..2.8).contains(&ratio), "{ratio}");
    }

    #[test]
    fn what_cannot_be_simulated_is_said() {
        let check = |settings: Settings, expect: &str| {
            assert_eq!(Simulator::new(settings).unwrap_err().to_string(), format!("cannot simulate with {expect}"));
        };
        check(Settings { applicants: 0, ..Settings::default() }, "0 applicants: it must be at least 1");
        let daily = "0 applications a day: it must be above 0 and at most a million";
        check(Settings { daily: 0.0, ..Settings::default() }, daily);
    }
}
