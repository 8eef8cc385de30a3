//! How one number was distributed over some decisions: rows in the bins of a reference, moments, and what was missing or out of range. It is
//! filled one value at a time, and two of them add up to that of both.

use ::drift::Bins;
use scoring::profile::Distribution;

use super::distinct::Distinct;

/// Rows of one number, by bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub(super) bins: Bins,
    /// The lowest and the highest value of the reference.
    pub(super) range: Option<(f64, f64)>,
    /// Rows by bin; the last are the missing ones.
    pub(super) counts: Vec<u64>,
    /// Rows below the reference's lowest value, and above its highest.
    pub(super) outside: (u64, u64),
    pub(super) sum: f64,
    pub(super) sum_squares: f64,
    /// The lowest and the highest value; `None` where there was none.
    pub(super) extremes: Option<(f64, f64)>,
    pub(super) distinct: Distinct,
}

impl Histogram {
    /// One without rows, in these bins.
    pub fn new(bins: Bins, range: Option<(f64, f64)>) -> Self {
        let counts = vec![0; bins.edges().len() + 2];
        let (sum, sum_squares, distinct) = (0.0, 0.0, Distinct::default());
        Self { bins, range, counts, outside: (0, 0), sum, sum_squares, extremes: None, distinct }
    }

    /// One without rows, in the bins of a distribution.
    pub(super) fn like(reference: &Distribution) -> Self {
        Self::new(Bins::new(reference.edges.clone()).unwrap_or_default(), reference.range)
    }

    /// Takes a value, NaN where it was missing.
    pub fn take(&mut self, value: f64) {
        if value.is_nan() {
            *self.counts.last_mut().expect("missing values have a bin") += 1;
            return;
        }
        self.counts[self.bins.of(value)] += 1;
        self.distinct.take(value);
        if let Some((lowest, highest)) = self.range {
            self.outside.0 += u64::from(value < lowest);
            self.outside.1 += u64::from(value > highest);
        }
        if value.is_finite() {
            self.sum += value;
            self.sum_squares += value * value;
            let (lowest, highest) = self.extremes.unwrap_or((value, value));
            self.extremes = Some((lowest.min(value), highest.max(value)));
        }
    }

    /// Adds the rows of another; false, and nothing changes, where it has other bins.
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.bins != other.bins {
            return false;
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.outside = (self.outside.0 + other.outside.0, self.outside.1 + other.outside.1);
        self.sum += other.sum;
        self.sum_squares += other.sum_squares;
        self.extremes = match (self.extremes, other.extremes) {
            (Some(own), Some(other)) => Some((own.0.min(other.0), own.1.max(other.1))),
            (own, other) => own.or(other),
        };
        self.distinct.merge(&other.distinct);
        true
    }

    /// Rows by bin; the last are the missing ones.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The inner edges of the bins.
    pub fn edges(&self) -> &[f64] {
        self.bins.edges()
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Rows without a value.
    pub fn missing(&self) -> u64 {
        self.counts.last().copied().unwrap_or(0)
    }

    /// The share of rows with a value that lies outside the reference's range; `None` where none has one.
    pub fn outside_rate(&self) -> Option<f64> {
        let present = self.rows() - self.missing();
        (present > 0).then(|| (self.outside.0 + self.outside.1) as f64 / present as f64)
    }

    /// The mean of the values; `None` where there is none.
    pub fn mean(&self) -> Option<f64> {
        let present = self.rows() - self.missing();
        (present > 0).then(|| self.sum / present as f64)
    }

    /// About how many different values there are, with the error that the module says; `None` where they are more than 5,000.
    pub fn distinct(&self) -> Option<u64> {
        self.distinct.estimate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let reference = Distribution::new("x", &[1.0, 2.0, 3.0, 4.0, f64::NAN]);
        let values = [0.5, 2.0, 2.5, f64::NAN, 9.0, f64::INFINITY, 2.0];
        let fill = |values: &[f64]| {
            let mut histogram = Histogram::like(&reference);
            values.iter().for_each(|value| histogram.take(*value));
            histogram
        };
        let whole = fill(&values);
        assert_eq!((whole.rows(), whole.missing(), whole.outside, whole.extremes), (7, 1, (1, 2), Some((0.5, 9.0))));
        assert_eq!((whole.distinct(), whole.outside_rate()), (Some(5), Some(0.5)));
        let mut parts = fill(&values[..3]);
        assert!(parts.merge(&fill(&values[3..])));
        assert_eq!(parts, whole);
        assert!(!parts.merge(&Histogram::new(Bins::default(), None)));
        assert_eq!(parts, whole);
        let mut learned = Histogram::like(&reference);
        [1.0, 2.0, 3.0, 4.0, f64::NAN].iter().for_each(|value| learned.take(*value));
        assert_eq!(learned.counts(), [reference.counts, vec![reference.missing]].concat());
    }
}
