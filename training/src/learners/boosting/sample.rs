//! What one tree gets to see: with a part of the rows and of the features each, trees differ more and their sum errs less (Friedman,
//! "Stochastic gradient boosting", 2002).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::Settings;

/// What a tree sees.
pub(super) struct Sample {
    /// The rows that it learns from, rising.
    pub(super) rows: Vec<u32>,
    /// All other rows, rising.
    pub(super) others: Vec<u32>,
    /// The features that it may split, rising.
    pub(super) features: Vec<usize>,
}

/// Draws samples; equal seeds draw equal ones.
pub(super) struct Sampler {
    random: ChaCha8Rng,
    rows: u32,
    row_share: f64,
    features: usize,
    drawn: usize,
}

impl Sampler {
    pub(super) fn new(rows: usize, features: usize, settings: &Settings) -> Self {
        let drawn = ((features as f64 * settings.feature_share).ceil() as usize).clamp(1, features);
        let random = ChaCha8Rng::seed_from_u64(settings.seed);
        Self { random, rows: rows as u32, row_share: settings.row_share, features, drawn }
    }

    /// Whether a sample is less than everything.
    pub(super) fn is_partial(&self) -> bool {
        self.row_share < 1.0 || self.drawn < self.features
    }

    pub(super) fn draw(&mut self) -> Sample {
        let (rows, others) = if self.row_share < 1.0 {
            let limit = (self.row_share * 2_f64.powi(32)) as u32;
            (0..self.rows).partition(|_| self.random.next_u32() < limit)
        } else {
            ((0..self.rows).collect(), Vec::new())
        };
        let mut features: Vec<usize> = (0..self.features).collect();
        if self.drawn < self.features {
            for place in 0..self.drawn {
                let left = (self.features - place) as u64;
                // A product's upper half is spread evenly enough: there are far fewer features than numbers.
                let chosen = place + ((u64::from(self.random.next_u32()) * left) >> 32) as usize;
                features.swap(place, chosen);
            }
            features.truncate(self.drawn);
            features.sort_unstable();
        }
        Sample { rows, others, features }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_on_one_side_and_every_feature_has_its_turn() {
        let settings = Settings { row_share: 0.8, feature_share: 0.3, ..Settings::default() };
        let mut sampler = Sampler::new(10_000, 7, &settings);
        assert!(sampler.is_partial());
        let mut turns = [0; 7];
        for _ in 0..700 {
            let Sample { rows, others, features } = sampler.draw();
            assert!((7_700..8_300).contains(&rows.len()), "{}", rows.len());
            let mut all = [rows, others].concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..10_000));
            assert_eq!(features.len(), 3);
            assert!(features.is_sorted_by(|a, b| a < b));
            features.iter().for_each(|feature| turns[*feature] += 1);
        }
        assert!(turns.iter().all(|turns| (220..380).contains(turns)), "{turns:?}");
        assert!(!Sampler::new(5, 7, &Settings { row_share: 1.0, feature_share: 1.0, ..settings }).is_partial());
    }
}
