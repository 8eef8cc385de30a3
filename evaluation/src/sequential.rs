//! Intervals that hold at every look. Whoever looks at an ordinary interval every day and stops when it leaves zero out is wrong far more
//! often than it says; this one may be looked at after every outcome, for as long as one likes, and the whole path leaves the truth out
//! with a probability of at most what was asked for.
//!
//! It is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit theory and
//! asymptotic confidence sequences", Annals of Statistics, 2024, theorem 2.2): after n outcomes with the standard error s,
//!
//! estimate ± s √( 2 (nρ² + 1) / (nρ²) · ln( √(nρ² + 1) / α ) )
//!
//! for a mean, and for what behaves like one in the limit, such as an area under the curve. Being asymptotic it wants a start: fewer
//! outcomes than [`Sequential::least`] have no interval. The price of looking at will is width: about 1.5 times that of one look where it
//! is tightest. (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021, have bounds
//! that need no start, for what is known to be bounded, and are wider.)
//!
//! The theorem is about independent outcomes. Where several rows are of one entity the outcomes are entities: n counts them, and s is the
//! standard error over them, as [`contest`](fn@crate::contest) has both. An entity that comes again counts once.

use serde::{Deserialize, Serialize};

use super::figure::{Figure, Method, Missing};

/// More outcomes than this are never said to be needed.
const MOST: u64 = 1_000_000_000;

/// How a comparison is looked at again and again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequential {
    /// The probability, between 0 and 1, that an interval ever leaves the truth out.
    pub alpha: f64,
    /// The number of outcomes at which intervals are to be tightest.
    pub planned: u64,
    /// With fewer outcomes there is no interval.
    pub least: u64,
}

impl Default for Sequential {
    fn default() -> Self {
        Self { alpha: 0.05, planned: 500, least: 50 }
    }
}

impl Sequential {
    /// An estimate after so many outcomes, with its interval. What carries the information counts: for how well models rank rare events
    /// these are the bad ones, and of several bad ones of one entity only the entity. `standard_error` is to be that of the same outcomes.
    pub fn interval(&self, estimate: f64, standard_error: f64, outcomes: u64, range: (f64, f64)) -> Figure {
        match self.reach(outcomes) {
            Some(reach) => Figure::around(estimate, reach * standard_error, range, Method::Sequential),
            None => Missing::InsufficientData.into(),
        }
    }

    /// How many standard errors the interval reaches to both sides, by the formula above; `None` with too few outcomes.
    pub fn reach(&self, outcomes: u64) -> Option<f64> {
        if outcomes < self.least.max(2) {
            return None;
        }
        // Tightest where nρ² solves x = 2 ln(1 / α) + ln(1 + x), of which this is the usual approximation.
        let looks = -2.0 * libm::log(self.alpha);
        let at_planned = looks + libm::log1p(looks);
        let x = outcomes as f64 * at_planned / self.planned.max(1) as f64;
        Some((2.0 * (x + 1.0) / x * libm::log((x + 1.0).sqrt() / self.alpha)).sqrt())
    }

    /// How many more outcomes there must be until an estimate that stays as it is lies farther from some value than its interval
    /// reaches; `gap` is how far it lies from there, `standard_error` that of now. `None` where that would take a billion.
    pub fn more_needed(&self, gap: f64, standard_error: f64, outcomes: u64) -> Option<u64> {
        // The standard error falls with the root of the outcomes, and reach times it falls, too.
        let is_enough = |count: u64| {
            let error = standard_error * (outcomes as f64 / count as f64).sqrt();
            self.reach(count).is_some_and(|reach| reach * error < gap)
        };
        if outcomes == 0 || gap <= 0.0 || !is_enough(MOST) {
            return None;
        }
        let (mut too_few, mut enough) = (outcomes.saturating_sub(1), MOST);
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            if is_enough(middle) { enough = middle } else { too_few = middle }
        }
        Some(enough - outcomes)
    }

    /// Whether its numbers make sense; what is wrong, if anything.
    ///
    /// # Errors
    /// [`Error::Alpha`](super::Error::Alpha) where alpha does not lie between 0 and 0.5.
    pub fn check(&self) -> Result<(), super::Error> {
        // Written so that NaN fails, too.
        if self.alpha > 0.0 && self.alpha < 0.5 { Ok(()) } else { Err(super::Error::Alpha { alpha: self.alpha }) }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::{Judged, Settings, evaluate};

    const ALPHA: f64 = 0.05;

    fn test() -> Sequential {
        Sequential { alpha: ALPHA, planned: 500, least: 50 }
    }

    /// A number between 0 and 1.
    fn uniform(random: &mut ChaCha8Rng) -> f64 {
        (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(32)
    }

    #[test]
    fn the_reach_is_that_of_the_formula() {
        let check = |outcomes, expect: Option<f64>| {
            let got = test().reach(outcomes);
            assert_eq!(got.is_some(), expect.is_some(), "{outcomes}");
            assert!((got.unwrap_or(0.0) - expect.unwrap_or(0.0)).abs() < 1e-9, "{outcomes}: {got:?}");
        };
        check(49, None);
        // Python: rho2 = (-2 ln a + ln(1 - 2 ln a)) / 500; sqrt(2 (n rho2 + 1) / (n rho2) ln(sqrt(n rho2 + 1) / a)).
        check(50, Some(REACH[0]));
        check(500, Some(REACH[1]));
        check(50_000, Some(REACH[2]));
        // After the planned number it reaches less far than with another plan.
        for planned in [200, 1000] {
            assert!(Sequential { planned, ..test() }.reach(500) > test().reach(500), "{planned}");
        }
    }

    #[test]
    fn what_more_is_needed_is_enough_and_no_less_would_be() {
        let test = test();
        let check = |gap: f64, error: f64, outcomes: u64| {
            let more = test.more_needed(gap, error, outcomes).unwrap();
            let reach = |count: u64| test.reach(count).unwrap() * error * (outcomes as f64 / count as f64).sqrt();
            assert!(reach(outcomes + more) < gap, "{more} are not enough");
            assert!(
                more == 0 || outcomes + more == test.least || reach(outcomes + more - 1) >= gap,
                "fewer than {more} would do"
            );
        };
        check(0.02, 0.01, 300);
        check(0.001, 0.01, 300);
        check(1.0, 0.01, 300);
        check(0.1, 0.01, 10);
        assert_eq!(test.more_needed(0.0, 0.01, 300), None);
        assert_eq!(test.more_needed(-1.0, 0.01, 300), None);
        assert_eq!(test.more_needed(1e-9, 0.5, 300), None);
        assert_eq!(test.more_needed(0.1, 0.1, 0), None);
    }

    /// The share of experiments without a difference that seem to have one at some look.
    fn false_alarms(experiments: u64, mut fires: impl FnMut(&mut ChaCha8Rng) -> bool) -> f64 {
        let fired = (0..experiments).filter(|seed| fires(&mut ChaCha8Rng::seed_from_u64(*seed))).count();
        fired as f64 / experiments as f64
    }

    #[test]
    fn looking_every_day_keeps_the_rate_of_false_alarms() {
        // Differences of money: mostly none, now and then a large one, of mean zero; 40 days of 50 outcomes.
        let looks = |random: &mut ChaCha8Rng, fires: &dyn Fn(f64, f64, u64) -> bool| {
            let (mut count, mut sum, mut squares) = (0_u64, 0.0, 0.0);
            (0..40).any(|_| {
                for _ in 0..50 {
                    let (size, side) = (uniform(random), uniform(random));
                    let value = if size < 0.7 { 0.0 } else { size * size * (side - 0.5).signum() };
                    (count, sum, squares) = (count + 1, sum + value, squares + value * value);
                }
                let mean = sum / count as f64;
                let error = ((squares / count as f64 - mean * mean) / count as f64).sqrt();
                fires(mean, error, count)
            })
        };
        let always = |mean: f64, error: f64, count: u64| {
            let interval = test().interval(mean, error, count, (f64::MIN, f64::MAX)).interval();
            interval.is_some_and(|interval| interval.lower > 0.0 || interval.upper < 0.0)
        };
        let once = |mean: f64, error: f64, _: u64| mean.abs() > 1.96 * error;
        let (always, once) =
            (false_alarms(2000, |random| looks(random, &always)), false_alarms(2000, |random| looks(random, &once)));
        // Of 2000 experiments at 5 % a standard error is half a percent.
        assert!(always <= ALPHA + 0.015, "{always} of experiments without a difference fired");
        assert!(once > 4.0 * ALPHA, "{once}: the ordinary interval fires often, or the simulation shows nothing");
    }

    #[test]
    fn two_models_that_rank_alike_are_told_apart_as_seldom_as_promised() {
        let settings = Settings { rounds: 0, ..Settings::default() };
        let fires = |random: &mut ChaCha8Rng| {
            let (mut labels, mut model, mut champion) = (Vec::new(), Vec::new(), Vec::new());
            (0..25).any(|_| {
                for _ in 0..60 {
                    let bad = uniform(random) < 0.2;
                    // Both know the same, each with noise of its own.
                    let risk = if bad { 0.6 } else { 0.3 };
                    labels.push(bad);
                    model.push(0.5 * risk + 0.5 * uniform(random));
                    champion.push(0.5 * risk + 0.5 * uniform(random));
                }
                let judged = Judged::new(&model, &labels).unwrap().with_champion(&champion).unwrap();
                let auc = evaluate(&judged, &settings).unwrap().comparison.unwrap().auc;
                let bad = labels.iter().filter(|bad| **bad).count() as u64;
                let (Some(gap), Some(error)) = (auc.difference.point(), auc.standard_error) else { return false };
                let interval = Sequential { planned: 150, ..test() }.interval(gap, error, bad, (-1.0, 1.0)).interval();
                interval.is_some_and(|interval| interval.lower > 0.0 || interval.upper < 0.0)
            })
        };
        let fired = false_alarms(300, fires);
        assert!(fired <= ALPHA + 0.03, "{fired} of 300 experiments between equals fired");
    }

    /// What Python says of 50, 500 and 50,000 outcomes.
    const REACH: [f64; 3] = [3.8550546335303104, 3.035208990376253, 3.5616410409189];
}
