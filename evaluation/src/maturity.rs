//! How many of the bad ones are known by now: labels come weeks after their events, and figures of young events are figures of the few
//! that are known early.
//!
//! The curve is estimated from bad ones that are known already. Of young events only those with a short delay are among them, so their
//! mean delay is too short; the estimator for such right-truncated data (Lynden-Bell, 1971; Lagakos, Barraj and De Gruttola, 1988) puts
//! that right by asking, at every delay, only those events that are old enough to show it. What it cannot know is how many become known
//! later than anything that was watched: shares are of those that become known within the [`horizon`](Maturity::horizon).

use serde::{Deserialize, Serialize};

use super::distributions::reach;
use super::error::Error;
use super::figure::{Figure, Method, Missing};

/// So many bad ones must have been watched for as long as the horizon.
const FEWEST_AT_HORIZON: usize = 20;

/// A bad one that is known. All in one unit of time, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How long after its event it became known.
    pub after: u64,
    /// For how long its event has been watched; not less than `after`.
    pub watched: u64,
}

/// How the share of bad ones that are known grows with the age of their events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maturity {
    /// The bad ones that it was estimated from.
    pub bad: u64,
    /// What becomes known later than so long after its event is left out of every share.
    pub horizon: u64,
    /// Where the share grows, the shortest delay first.
    steps: Vec<Step>,
    /// How many standard errors intervals reach.
    reach: f64,
}

/// The share from one delay up to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    after: u64,
    share: f64,
    /// The standard error of its logarithm.
    error: f64,
}

impl Maturity {
    /// From all bad ones that are known, with intervals of a level of confidence between 0 and 1; the reason, where they are too few.
    ///
    /// # Errors
    /// [`Missing::NoBad`] of none, [`Missing::InsufficientData`] of too few to say up to which age they tell anything.
    pub fn new(known: &[Known], level: f64) -> Result<Self, Missing> {
        let mut watched: Vec<u64> = known.iter().map(|known| known.watched.max(known.after)).collect();
        watched.sort_unstable();
        let Some(&horizon) = watched.iter().rev().nth(FEWEST_AT_HORIZON - 1) else {
            return Err(if known.is_empty() { Missing::NoBad } else { Missing::InsufficientData });
        };
        let within = known.iter().filter(|known| known.after <= horizon);
        let (mut delays, mut watched): (Vec<u64>, Vec<u64>) =
            within.map(|known| (known.after, known.watched.max(known.after))).unzip();
        delays.sort_unstable();
        watched.sort_unstable();
        let (mut steps, mut share, mut variance) = (Vec::new(), 1.0, 0.0_f64);
        let mut until = delays.len();
        while let Some(&after) = delays[..until].last() {
            steps.push(Step { after, share, error: variance.sqrt() });
            let before = delays[..until].partition_point(|delay| *delay < after);
            let here = (until - before) as f64;
            // Those known by then whose events are at least so old.
            let asked = (until - watched.partition_point(|age| *age < after)) as f64;
            share *= 1.0 - here / asked;
            if asked > here {
                variance += here / (asked * (asked - here));
            }
            until = before;
        }
        steps.reverse();
        Ok(Self { bad: delays.len() as u64, horizon, steps, reach: reach(level) })
    }

    /// The share, 0 to 1, of bad events of an age that are known by then.
    pub fn known_by(&self, age: u64) -> Figure {
        match self.steps[..self.steps.partition_point(|step| step.after <= age)].last() {
            // Before the first that ever became known.
            None => 0.0.into(),
            Some(step) => {
                let factor = libm::exp(self.reach * step.error);
                Figure::within(step.share, step.share / factor, (step.share * factor).min(1.0), Method::Greenwood)
            }
        }
    }

    /// The share of bad ones that are known among events of these ages, which count alike; the ends of the interval are the means of theirs.
    pub fn of(&self, ages: impl Iterator<Item = u64>) -> Figure {
        let (mut count, mut sums) = (0_u64, [0.0; 3]);
        for age in ages {
            let figure = self.known_by(age);
            let point = figure.point().unwrap_or_default();
            let ends = figure.interval().map_or([point; 2], |interval| [interval.lower, interval.upper]);
            for (sum, value) in sums.iter_mut().zip([point, ends[0], ends[1]]) {
                *sum += value;
            }
            count += 1;
        }
        let [point, lower, upper] = sums.map(|sum| sum / count as f64);
        if count == 0 { Missing::NoRows.into() } else { Figure::within(point, lower, upper, Method::Greenwood) }
    }

    /// The youngest age at which so large a share is known, 0 to 1; at most the horizon.
    pub fn age_at(&self, share: f64) -> u64 {
        self.steps.iter().find(|step| step.share >= share).map_or(self.horizon, |step| step.after)
    }
}

/// Checks a share of bad ones from which on a cohort counts as mature.
///
/// # Errors
/// [`Error::Mature`] where it is not above 0 and at most 1.
pub fn check_share(share: f64) -> Result<f64, Error> {
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err(Error::Mature { share }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{close, live_fixtures};

    fn draws() -> impl FnMut() -> f64 {
        let mut state = 1_u64;
        move || {
            state = (1_103_515_245 * state + 12_345) % (1 << 31);
            state as f64 / f64::from(1_u32 << 31)
        }
    }

    /// Events over 120 days, each with a delay of which most are short; those that are known after 120 days. `live.py` makes the same.
    fn known() -> Vec<Known> {
        let mut draw = draws();
        let pair = |_| (120.0 * draw(), draw());
        let pairs: Vec<(f64, f64)> = (0..2000).map(pair).collect();
        let known = |(day, chance): (f64, f64)| Known { after: (60.0 * chance * chance) as u64, watched: 120 - day as u64 };
        pairs.into_iter().map(known).filter(|known| known.after <= known.watched).collect()
    }

    #[test]
    fn as_a_survival_curve_in_reversed_time() {
        let fixtures = live_fixtures();
        let maturity = Maturity::new(&known(), 0.95).unwrap();
        assert_eq!(fixtures["maturity"]["horizon"].as_u64(), Some(maturity.horizon));
        assert_eq!(fixtures["maturity"]["bad"].as_u64(), Some(maturity.bad));
        for row in fixtures["maturity"]["known_by"].as_array().unwrap() {
            close(maturity.known_by(row[0].as_u64().unwrap()).point().unwrap(), row[1].as_f64().unwrap(), 1e-9);
        }
    }

    #[test]
    fn what_is_not_known_yet_does_not_make_delays_shorter() {
        let maturity = Maturity::new(&known(), 0.95).unwrap();
        // A delay below a has the probability √(a / 60).
        for age in [5_u64, 15, 30, 50] {
            let truth = ((age + 1) as f64 / 60.0).sqrt();
            let figure = maturity.known_by(age);
            let interval = figure.interval().unwrap();
            assert!((interval.lower..=interval.upper).contains(&truth), "{age}: {truth} is not in {interval:?}");
            let plainly = known().iter().filter(|known| known.after <= age).count() as f64 / known().len() as f64;
            assert!(plainly > truth + 0.01, "the plain share of those that are known is too high: {plainly}, {truth}");
        }
    }

    #[test]
    fn worked_by_hand() {
        // Twenty have been watched for ten days and show delays of 1 and 9; two are of yesterday and show a delay of 1 alone.
        let old = (0..20).map(|row| Known { after: if row < 10 { 1 } else { 9 }, watched: 10 });
        let young = (0..2).map(|_| Known { after: 1, watched: 1 });
        let maturity = Maturity::new(&old.chain(young).collect::<Vec<_>>(), 0.95).unwrap();
        let share = |age| maturity.known_by(age).point().unwrap();
        assert_eq!([share(0), share(1), share(8), share(9), share(99)], [0.0, 0.5, 0.5, 1.0, 1.0]);
        assert_eq!((maturity.horizon, maturity.bad, maturity.age_at(0.5), maturity.age_at(0.9)), (10, 22, 1, 9));
        assert_eq!(maturity.of([0, 1, 9].into_iter()).point(), Some(0.5));
        assert_eq!(maturity.of(std::iter::empty()), Missing::NoRows.into());
    }

    #[test]
    fn too_few_say_so() {
        assert_eq!(Maturity::new(&[], 0.95), Err(Missing::NoBad));
        assert_eq!(Maturity::new(&[Known { after: 1, watched: 2 }; 19], 0.95), Err(Missing::InsufficientData));
    }
}
