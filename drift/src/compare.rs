//! A column then and now: all figures of it. Numbers are cut into bins at deciles of the reference, categories are bins by themselves; both
//! have a bin of their own for missing values, and categories one for what the reference does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bins::{Bins, counts};
use crate::cells::compare;
use crate::chi_square::{ChiSquare, chi_square};
use crate::column::Column;
use crate::jensen_shannon::jensen_shannon;
use crate::kolmogorov::{Ks, ks};
use crate::missing::{MissingChange, missing_change};
use crate::psi::{Psi, psi};
use crate::sorted::Sorted;
use crate::wasserstein::wasserstein;

/// What is known of a column then and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// The figures of its bins.
    pub figures: Figures,
    /// Rows of the reference by bin; the last are the missing ones.
    pub reference: Vec<u64>,
    /// Rows of the current sample in the same bins.
    pub current: Vec<u64>,
    /// What its bins are, and the figures that only such a column has.
    pub kind: Kind,
}

/// What counts in the same bins come to, of whatever kind the column is. `None` where a side has no row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Rows of the reference, missing ones included.
    pub reference_rows: u64,
    /// Rows of the current sample, missing ones included.
    pub current_rows: u64,
    /// The stability index.
    pub psi: Option<Psi>,
    /// The Jensen-Shannon distance, in natural logarithms.
    pub js: Option<f64>,
    /// What is missing.
    pub missing: Option<MissingChange>,
}

/// Of which kind a column is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    Numbers {
        /// Where they are cut: see [`Bins`].
        edges: Vec<f64>,
        /// Of the present values; `None` where a side has none.
        ks: Option<Ks>,
        /// Of the present values, in their unit; `None` where a side has none.
        wasserstein: Option<f64>,
    },
    /// Categories.
    Categories {
        /// The most frequent of the reference, as its first bins; then come the others of the reference, and those it does not know.
        levels: Vec<String>,
        /// Of all bins, the missing one included; `None` where a side has no row.
        chi_square: Option<ChiSquare>,
    },
}

/// The rows of a column of categories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Rows by category.
    pub rows: BTreeMap<String, u64>,
    /// Rows without one.
    pub missing: u64,
}

/// Bins of numbers, of about one size.
const BINS: usize = 10;

/// Categories that are bins by themselves, at most.
const LEVELS: usize = 50;

impl Figures {
    /// Of counts in the same bins, of which the last is of missing rows.
    ///
    /// # Panics
    /// When the sides have different numbers of bins.
    pub fn new(reference: &[u64], current: &[u64]) -> Self {
        let rows = |counts: &[u64]| counts.iter().sum::<u64>();
        let (reference_rows, current_rows) = (rows(reference), rows(current));
        let missing = |counts: &[u64], rows: u64| (counts.last().copied().unwrap_or(0), rows);
        Self {
            reference_rows,
            current_rows,
            psi: psi(reference, current),
            js: jensen_shannon(reference, current),
            missing: missing_change(missing(reference, reference_rows), missing(current, current_rows)),
        }
    }
}

/// A column of numbers; NaN where one is missing.
pub fn numbers(reference: &[f64], current: &[f64]) -> Feature {
    let sides = [Column::new(reference), Column::new(current)];
    let [n, m] = [0, 1].map(|side| sides[side].present);
    let (bins, counts, ks, wasserstein) = match compare(&sides[0], &sides[1], BINS) {
        Some(found) => {
            let counts = [0, 1].map(|side| {
                let (present, rows) = (sides[side].present, sides[side].rows());
                let above: Vec<u64> = found.not_above.iter().map(|not_above| (present - not_above[side]) as u64).collect();
                counts(&above, present as u64, (rows - present) as u64)
            });
            (found.bins, counts, Ks::new(n, m, found.furthest), Some(found.area))
        }
        None => {
            let (reference, current) = (Sorted::new(reference), Sorted::new(current));
            let bins = Bins::of_sorted(&reference, BINS);
            let counts = [bins.count_sorted(&reference), bins.count_sorted(&current)];
            (bins, counts, ks(&reference, &current), wasserstein(&reference, &current))
        }
    };
    let [reference, current] = counts;
    let kind = Kind::Numbers { edges: bins.edges().to_vec(), ks, wasserstein };
    Feature { figures: Figures::new(&reference, &current), reference, current, kind }
}

/// A column of categories.
pub fn categories(reference: &Levels, current: &Levels) -> Feature {
    let mut frequent: Vec<(&String, u64)> = reference.rows.iter().map(|(level, rows)| (level, *rows)).collect();
    frequent.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    frequent.truncate(LEVELS);
    let levels: Vec<String> = frequent.into_iter().map(|(level, _)| level.clone()).collect();
    let count = |side: &Levels| {
        let rows = |level: &String| side.rows.get(level).copied().unwrap_or(0);
        let own: Vec<u64> = levels.iter().map(rows).collect();
        let known: u64 = reference.rows.keys().map(rows).sum();
        let new = side.rows.values().sum::<u64>() - known;
        let others = known - own.iter().sum::<u64>();
        own.into_iter().chain([others, new, side.missing]).collect::<Vec<u64>>()
    };
    let (reference, current) = (count(reference), count(current));
    let kind = Kind::Categories { chi_square: chi_square(&reference, &current), levels };
    Feature { figures: Figures::new(&reference, &current), reference, current, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_bins_with_room_for_what_is_new() {
        let levels = |rows: &[(&str, u64)], missing| Levels {
            rows: rows.iter().map(|(level, rows)| ((*level).to_owned(), *rows)).collect(),
            missing,
        };
        let many: Vec<String> = (0..60).map(|level| format!("l{level:02}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(String::as_str).zip(std::iter::repeat(5)).chain([("top", 9)]).collect();
        let feature = categories(&levels(&many, 2), &levels(&[("top", 4), ("l59", 3), ("never", 7)], 1));
        let Kind::Categories { levels: named, chi_square } = &feature.kind else { panic!("{feature:?}") };
        assert_eq!((named.len(), named[0].as_str(), named[49].as_str()), (50, "top", "l48"));
        assert_eq!((feature.reference[0], &feature.reference[50..]), (9, [55, 0, 2].as_slice()));
        assert_eq!((feature.current[0], &feature.current[50..]), (4, [3, 7, 1].as_slice()));
        assert_eq!(chi_square.unwrap().degrees, 52);
        assert_eq!((feature.figures.reference_rows, feature.figures.current_rows), (311, 15));
    }

    #[test]
    fn a_side_without_values_has_what_can_be_said() {
        let feature = numbers(&[1.0, 2.0, 3.0], &[f64::NAN; 4]);
        let Kind::Numbers { ks, wasserstein, .. } = &feature.kind else { panic!("{feature:?}") };
        assert_eq!((ks, wasserstein), (&None, &None));
        assert_eq!(feature.figures.missing.unwrap().current_rate, 1.0);
        assert!(feature.figures.psi.unwrap().value > 1.0);
        assert_eq!(numbers(&[], &[1.0]).figures.psi, None);
    }
}
