//! Standard errors of figures that have no closed form, by resampling. Rows are never copied or sorted again: each round gives
//! every entity (every row, where entities are not known) a weight from a Poisson distribution of mean one, which is what drawing
//! with replacement comes to for many of them (Chamandy et al., "Estimating uncertainty for massive data streams", 2012), and the
//! figures are taken of the weighted rows in the order they have.
//!
//! Entities are drawn whole because one card's frauds come together and score alike; rows drawn one by one would make intervals
//! too narrow. Intervals are normal around the figure: a few hundred rounds tell a standard error well and a percentile badly
//! (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6.4), and figures that resampling shifts, as it does
//! the calibration error, still lie in their interval.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::figure::{Figure, Method, Missing};
use super::judged::Judged;
use super::ranking::Ranking;
use super::settings::Settings;
use crate::threads::on_threads;

/// With fewer entities than this their spread says nothing.
const FEWEST_CLUSTERS: usize = 20;
/// A figure has an interval when it exists in this share of the rounds.
const DEFINED: f64 = 0.9;
/// Weights of this size and above count as one; they come once in a billion.
const HEAVIEST: usize = 12;

/// What is drawn, and how often.
pub(super) struct Resampling<'a> {
    /// What each row is drawn with.
    pub clusters: Vec<u32>,
    /// How many of these there are.
    pub count: usize,
    settings: &'a Settings,
}

impl<'a> Resampling<'a> {
    pub(super) fn new(judged: &Judged<'_>, ranking: &Ranking, settings: &'a Settings) -> Self {
        if let Some(entities) = &judged.entities {
            return Self { clusters: entities.codes.clone(), count: entities.names.len(), settings };
        }
        // By place in the ranking, so that the order in which rows came does not matter.
        let mut clusters = vec![0; ranking.rows.len()];
        for (place, row) in (0..).zip(&ranking.rows) {
            clusters[*row as usize] = place;
        }
        Self { count: clusters.len(), clusters, settings }
    }

    /// What `measure` says of each round, given the weight of each cluster. The same on any number of threads.
    pub(super) fn rounds<T: Send>(&self, measure: impl Fn(&[u8]) -> T + Sync) -> Vec<T> {
        if self.count < FEWEST_CLUSTERS || self.settings.rounds < 2 {
            return Vec::new();
        }
        let own = || vec![0; self.count];
        on_threads(self.settings.rounds, self.settings.threads, own, |round, weights| {
            draw(self.settings.seed, round as u64, weights);
            measure(weights)
        })
    }
}

/// A figure with the interval that its rounds give; `missing` says why it does not exist where it does not.
pub(super) fn figure<T>(
    point: &T,
    rounds: &[T],
    pick: impl Fn(&T) -> Option<f64>,
    range: (f64, f64),
    z: f64,
    missing: Missing,
) -> Figure {
    let Some(point) = pick(point) else { return missing.into() };
    match standard_error(rounds, pick) {
        Some(error) => Figure::around(point, z * error, range, Method::Bootstrap),
        None => point.into(),
    }
}

/// How far a figure spreads over the rounds; `None` where it exists in too few of them.
pub(super) fn standard_error<T>(rounds: &[T], pick: impl Fn(&T) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = rounds.iter().filter_map(pick).collect();
    let count = values.len() as f64;
    if values.len() < 2 || count < DEFINED * rounds.len() as f64 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    Some((values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt())
}

/// Weights of a round: each from a stream of its own, so that it does not matter who draws which.
pub(super) fn draw(seed: u64, round: u64, weights: &mut [u8]) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(round);
    let limits = limits();
    for weight in weights {
        let drawn = random.next_u32();
        *weight = limits.iter().take_while(|limit| drawn >= **limit).count() as u8;
    }
}

/// The Poisson distribution of mean one, summed: a number of 32 bits that reaches the first k limits weighs k.
fn limits() -> [u32; HEAVIEST] {
    let (mut probability, mut sum) = (libm::exp(-1.0), 0.0);
    std::array::from_fn(|k| {
        if k > 0 {
            probability /= k as f64;
        }
        sum += probability;
        (sum * 2_f64.powi(32)) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_poisson_and_of_their_round() {
        let mut weights = vec![0; 200_000];
        draw(7, 3, &mut weights);
        let share = |weight| weights.iter().filter(|drawn| **drawn == weight).count() as f64 / weights.len() as f64;
        let mut expect = (-1.0_f64).exp();
        for weight in 0..8_u8 {
            assert!((share(weight) - expect).abs() < 0.005, "{weight}: {} is not {expect}", share(weight));
            expect /= f64::from(weight + 1);
        }
        let mut again = vec![0; 1000];
        draw(7, 3, &mut again);
        assert_eq!(again, weights[..1000]);
        draw(7, 4, &mut again);
        assert_ne!(again, weights[..1000]);
    }

    #[test]
    fn a_spread_needs_rounds_that_have_the_figure() {
        let check = |values: &[Option<f64>], expect: Option<f64>| assert_eq!(standard_error(values, |value| *value), expect);
        check(&[], None);
        check(&[Some(1.0)], None);
        check(&[Some(1.0), Some(3.0)], Some(2_f64.sqrt()));
        check(&[Some(1.0), None, Some(3.0)], None);
    }
}
