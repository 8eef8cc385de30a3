//! Bins of numbers, cut at quantiles of the reference. Bin i holds what is above edge i - 1 and not above edge i; the first and the last are
//! open, so that whatever comes has a bin.

use serde::{Deserialize, Serialize};

use crate::lanes::{self, GROUP};
use crate::quantiles::{self, ranks};
use crate::sorted::Sorted;

/// The inner edges of bins, rising.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    /// With these inner edges; `None` unless each is above the one before.
    pub fn new(edges: Vec<f64>) -> Option<Self> {
        let is_rising = edges.windows(2).all(|pair| pair[0] < pair[1]) && edges.iter().all(|edge| !edge.is_nan());
        is_rising.then_some(Self { edges })
    }

    /// So many bins of about one size, fewer where values repeat, and the counts of these values in them. NaN is missing and in no bin.
    pub fn quantiles(values: &[f64], bins: usize) -> (Self, Vec<u64>) {
        let Some((mut cuts, present)) = quantiles::cuts(values, bins) else {
            let sorted = Sorted::new(values);
            let bins = Self::of_sorted(&sorted, bins);
            let counts = bins.count_sorted(&sorted);
            return (bins, counts);
        };
        cuts.dedup_by_key(|cut| cut.value);
        // Nothing lies above an edge that is the highest value.
        cuts.pop_if(|cut| cut.above == 0);
        let above: Vec<u64> = cuts.iter().map(|cut| cut.above).collect();
        let edges = cuts.into_iter().map(|cut| cut.value).collect();
        (Self { edges }, counts(&above, present, values.len() as u64 - present))
    }

    /// The same of a column in order.
    pub fn of_sorted(sorted: &Sorted, bins: usize) -> Self {
        let Some(last) = sorted.present().checked_sub(1) else { return Self::default() };
        let value = |rank: usize| sorted.value(rank).expect("a rank below the number of values");
        Self::cut(ranks(last + 1, bins).into_iter().map(value).collect(), value(last))
    }

    pub(crate) fn cut(mut edges: Vec<f64>, highest: f64) -> Self {
        edges.dedup();
        // Nothing lies above an edge that is the highest value.
        edges.pop_if(|edge| *edge == highest);
        Self { edges }
    }

    /// The inner edges.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The bin of a value that is there.
    pub fn of(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge < value)
    }

    /// How many values lie in each bin, and at the end how many are missing.
    pub fn count(&self, values: &[f64]) -> Vec<u64> {
        let limits = lanes::grouped(self.edges.iter().copied(), f64::INFINITY);
        let mut above = vec![[0; GROUP]; limits.len()];
        let mut present = 0;
        lanes::chunks(values, |chunk| present += lanes::count_above(chunk, &limits, &mut above));
        counts(&above.as_flattened()[..self.edges.len()], present, values.len() as u64 - present)
    }

    /// The same of a column in order.
    pub fn count_sorted(&self, sorted: &Sorted) -> Vec<u64> {
        let above: Vec<u64> = self.edges.iter().map(|edge| (sorted.present() - sorted.not_above(*edge)) as u64).collect();
        counts(&above, sorted.present() as u64, sorted.missing())
    }
}

/// Counts from how many lie above each edge.
pub(crate) fn counts(above: &[u64], present: u64, missing: u64) -> Vec<u64> {
    let not_below = std::iter::once(present).chain(above.iter().copied());
    let in_bins = not_below.zip(above.iter().copied().chain([0])).map(|(from, until)| from - until);
    in_bins.chain([missing]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_are_cut_at_values_and_hold_every_row() {
        let check = |values: &[f64], edges: &[f64], counts: &[u64]| {
            let (bins, counted) = Bins::quantiles(values, 10);
            assert_eq!((bins.edges(), counted.as_slice(), bins.count(values).as_slice()), (edges, counts, counts), "{values:?}");
        };
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        check(&hundred, &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0], &[10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 0]);
        check(&[f64::NAN, 1.0, 0.0, 1.0], &[0.0], &[1, 2, 1]);
        check(&[3.0; 5], &[], &[5, 0]);
        check(&[f64::NAN; 2], &[], &[0, 2]);
        check(&[], &[], &[0, 0]);
        let bins = Bins::new(vec![0.0, 1.0]).unwrap();
        assert_eq!(bins.count(&[f64::NEG_INFINITY, 0.0, 0.5, 1.0, 1.1, f64::INFINITY]), [2, 2, 2, 0]);
        assert_eq!([-1.0, 0.0, 0.1, 1.0, 2.0].map(|value| bins.of(value)), [0, 0, 1, 1, 2]);
        assert_eq!((Bins::new(vec![1.0, 1.0]), Bins::new(vec![f64::NAN])), (None, None));
    }

    #[test]
    fn long_columns_are_cut_without_sorting_them_and_come_to_the_same() {
        let check = |values: Vec<f64>| {
            let (sorted, (bins, counted)) = (Sorted::new(&values), Bins::quantiles(&values, 10));
            assert!(quantiles::cuts(&values, 10).is_some());
            assert_eq!(bins, Bins::of_sorted(&sorted, 10));
            assert_eq!((&counted, &counted), (&bins.count(&values), &bins.count_sorted(&sorted)));
        };
        check((0..100_000_u32).map(|row| f64::from(row * 7_919 % 100_003)).collect());
        // The highest value is that of three deciles, and some are missing.
        check(
            (0..100_000_u32)
                .map(|row| f64::from(row * 7_919 % 101).min(70.0))
                .map(|value| if value == 3.0 { f64::NAN } else { value })
                .collect(),
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn sorted_or_not_bins_are_the_same(
            reference in proptest::collection::vec(prop_oneof![any::<f64>(), (-9..9_i8).prop_map(f64::from), -1.0..1.0], 0..6_000),
            current in proptest::collection::vec(prop_oneof![any::<f64>(), (-9..9_i8).prop_map(f64::from), -1.0..1.0], 0..3_000),
            bins in 1_usize..20,
        ) {
            let (sorted, (cut, counted)) = (Sorted::new(&reference), Bins::quantiles(&reference, bins));
            prop_assert_eq!(&cut, &Bins::of_sorted(&sorted, bins));
            prop_assert!(cut.edges().len() < bins);
            prop_assert_eq!(&counted, &cut.count(&reference));
            prop_assert_eq!(counted, cut.count_sorted(&sorted));
            let counts = cut.count(&current);
            let mut expect = vec![0; cut.edges().len() + 2];
            for value in &current {
                expect[if value.is_nan() { cut.edges().len() + 1 } else { cut.of(*value) }] += 1;
            }
            prop_assert_eq!(counts, expect);
        }
    }
}
