//! Which features say the same: Spearman's rank correlation, equal values sharing the mean of their ranks, on rows that are drawn
//! where there are many. Of two features only rows that have both count.

use super::chance::{Use, random, sample};
use super::settings::Settings;
use crate::matrix::Matrix;
use evaluation::threads::on_threads;

/// Two features that are missing in different rows do not say the same: not when one of both is in more than this share of the
/// rows.
const MOST_ALONE: f64 = 0.1;

/// Some features on some rows, ranked.
pub(super) struct Ranked {
    features: Vec<Feature>,
    /// Where features of the matrix stand here.
    places: Vec<usize>,
    rows: usize,
}

/// The values of a feature.
struct Feature {
    values: Vec<f64>,
    /// The rows that have a value, the lowest first.
    rising: Vec<u32>,
    /// Its ranks, as they are where no row is missing.
    ranks: Vec<f64>,
}

/// The correlation of each two features, zero where there is none.
pub(super) struct Correlations {
    pub(super) width: usize,
    values: Vec<f64>,
}

impl Correlations {
    pub(super) fn of(&self, one: usize, other: usize) -> f64 {
        self.values[one * self.width + other]
    }

    #[cfg(test)]
    pub(super) fn from_pairs(width: usize, pairs: &[(usize, usize, f64)]) -> Self {
        let mut values = vec![0.0; width * width];
        for &(one, other, correlation) in pairs {
            values[one * width + other] = correlation;
            values[other * width + one] = correlation;
        }
        Self { width, values }
    }
}

impl Ranked {
    /// Of the features at the given places.
    pub(super) fn new(matrix: &Matrix, places: &[usize], settings: &Settings) -> Self {
        let mut random = random(settings.seed, Use::CorrelationRows, 0);
        let rows = sample((0..matrix.rows()).collect(), settings.correlation_rows, &mut random);
        let feature = |place: usize, (): &mut ()| {
            let column = &matrix.columns()[places[place]];
            Feature::new(rows.iter().map(|row| column[*row]).collect())
        };
        let features = on_threads(places.len(), settings.threads, || (), feature);
        Self { features, places: places.to_vec(), rows: rows.len() }
    }

    /// How many rows are ranked.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn correlations(&self, threads: usize) -> Correlations {
        let width = self.features.len();
        let of = |one: usize, (): &mut ()| -> Vec<f64> {
            (one + 1..width).map(|other| self.features[one].correlation(&self.features[other]).unwrap_or(0.0)).collect()
        };
        let mut values = vec![0.0; width * width];
        for (one, row) in on_threads(width, threads, || (), of).into_iter().enumerate() {
            for (other, correlation) in (one + 1..).zip(row) {
                values[one * width + other] = correlation;
                values[other * width + one] = correlation;
            }
        }
        Correlations { width, values }
    }

    /// The correlation of two features of the matrix; zero where there is none.
    pub(super) fn between(&self, one: usize, other: usize) -> f64 {
        let feature = |place: usize| self.places.binary_search(&place).ok().map(|place| &self.features[place]);
        feature(one).zip(feature(other)).and_then(|(one, other)| one.correlation(other)).unwrap_or(0.0)
    }
}

impl Feature {
    fn new(values: Vec<f64>) -> Self {
        let mut rising: Vec<u32> = (0..values.len() as u32).filter(|row| !values[*row as usize].is_nan()).collect();
        rising.sort_by(|a, b| values[*a as usize].total_cmp(&values[*b as usize]));
        let mut feature = Self { values, rising, ranks: Vec::new() };
        feature.ranks = feature.ranks_where(|_| true);
        feature
    }

    fn has_gaps(&self) -> bool {
        self.rising.len() < self.values.len()
    }

    /// Ranks among the rows that count and have a value, centred on zero; zero for the other rows.
    fn ranks_where(&self, counts: impl Fn(usize) -> bool) -> Vec<f64> {
        let rows: Vec<usize> = self.rising.iter().map(|row| *row as usize).filter(|row| counts(*row)).collect();
        let middle = (rows.len() as f64 - 1.0) / 2.0;
        let mut ranks = vec![0.0; self.values.len()];
        let mut before = 0;
        for equal in rows.chunk_by(|a, b| self.values[*a] == self.values[*b]) {
            let rank = before as f64 + (equal.len() as f64 - 1.0) / 2.0 - middle;
            equal.iter().for_each(|row| ranks[*row] = rank);
            before += equal.len();
        }
        ranks
    }

    /// `None` where either does not vary, or where they are missing in different rows.
    fn correlation(&self, other: &Self) -> Option<f64> {
        if !self.has_gaps() && !other.has_gaps() {
            return pearson(&self.ranks, &other.ranks);
        }
        let has = |feature: &Self, row: usize| !feature.values[row].is_nan();
        let alone = (0..self.values.len()).filter(|row| has(self, *row) != has(other, *row)).count();
        if alone as f64 > MOST_ALONE * self.values.len() as f64 {
            return None;
        }
        pearson(&self.ranks_where(|row| has(other, row)), &other.ranks_where(|row| has(self, row)))
    }
}

/// Of numbers whose means are zero.
fn pearson(one: &[f64], other: &[f64]) -> Option<f64> {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let squares = product(one, one) * product(other, other);
    (squares > 0.0).then(|| (product(one, other) / squares.sqrt()).clamp(-1.0, 1.0))
}

#[cfg(test)]
pub(super) fn spearman(one: &[f64], other: &[f64]) -> Option<f64> {
    Feature::new(one.to_vec()).correlation(&Feature::new(other.to_vec()))
}
