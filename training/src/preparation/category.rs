//! Categories as numbers: a column for each level, or the share of bad rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::table::Categories;

/// A level stands for itself from so many training rows on; the rest share a place.
pub(super) const LEAST_ROWS: u64 = 10;
/// The most columns that a category may have beside the shared one: its most frequent levels.
const MOST_LEVELS: usize = 200;

/// A column for each frequent level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneHot {
    /// The levels that have a column, sorted.
    pub levels: Vec<String>,
    /// Whether the other levels share one.
    pub rare: bool,
    /// Whether gaps have one: where training had any.
    pub missing: bool,
}

impl OneHot {
    pub(super) fn fit(categories: &Categories) -> Self {
        let levels = categories.levels();
        let mut counts = vec![0_u64; levels.len()];
        categories.codes().iter().flatten().for_each(|code| counts[*code as usize] += 1);
        let mut frequent: Vec<usize> = (0..levels.len()).filter(|level| counts[*level] >= LEAST_ROWS).collect();
        frequent.sort_by_key(|level| std::cmp::Reverse(counts[*level]));
        frequent.truncate(MOST_LEVELS);
        frequent.sort_unstable();
        let seen = counts.iter().filter(|count| **count > 0).count();
        Self {
            rare: frequent.len() < seen,
            levels: frequent.into_iter().map(|level| levels[level].clone()).collect(),
            missing: categories.codes().contains(&None),
        }
    }

    /// The columns, with their places.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, usize)> {
        let rare = self.rare.then_some(("rare", self.levels.len()));
        let missing = self.missing.then_some(("missing", self.levels.len() + 1));
        self.levels.iter().map(String::as_str).zip(0..).chain(rare).chain(missing)
    }

    /// The place of the column that a category is counted in: none for a new level where training had no rare ones.
    pub(super) fn place(&self, category: Option<&str>) -> Option<usize> {
        match category {
            None => self.missing.then_some(self.levels.len() + 1),
            Some(category) => match self.levels.binary_search_by(|level| level.as_str().cmp(category)) {
                Ok(place) => Some(place),
                Err(_) => self.rare.then_some(self.levels.len()),
            },
        }
    }
}

/// The share of bad rows of each level, drawn towards the share of all rows where the level has few.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetMean {
    /// The share of each level.
    pub levels: BTreeMap<String, f64>,
    /// That of gaps.
    pub missing: f64,
    /// That of a level which training did not have: the share of all rows.
    pub unknown: f64,
}

/// A level's share is mixed with that of all rows as if so many rows more had had it.
const PRIOR_ROWS: f64 = 10.0;
/// The folds of [`TargetMean::out_of_fold`].
const FOLDS: usize = 5;

impl TargetMean {
    pub(super) fn fit(categories: &Categories, labels: &[bool]) -> Self {
        let levels = categories.levels();
        let sums = Sums::of(categories, labels, |_| true);
        let known = levels.iter().enumerate().filter(|(level, _)| sums.rows[*level] > 0.0);
        Self {
            levels: known.map(|(level, name)| (name.clone(), sums.share(level))).collect(),
            missing: sums.share(levels.len()),
            unknown: sums.overall(),
        }
    }

    /// What training rows see: the share among the rows of the other folds. Rows go to the folds in turn.
    pub(super) fn out_of_fold(categories: &Categories, labels: &[bool]) -> Vec<f64> {
        let folds: Vec<Sums> = (0..FOLDS).map(|fold| Sums::of(categories, labels, |row| row % FOLDS != fold)).collect();
        let places = categories.codes().iter().map(|code| place(categories, *code));
        places.enumerate().map(|(row, place)| folds[row % FOLDS].share(place)).collect()
    }

    /// The number that a learner sees.
    pub fn apply(&self, category: Option<&str>) -> f64 {
        category.map_or(self.missing, |category| self.levels.get(category).copied().unwrap_or(self.unknown))
    }
}

/// The place of a level in [`Sums`]: its number; behind all of them where it is missing.
fn place(categories: &Categories, code: Option<u32>) -> usize {
    code.map_or(categories.levels().len(), |code| code as usize)
}

/// Rows and bad rows of each level; those without one come last.
struct Sums {
    rows: Vec<f64>,
    bad: Vec<f64>,
}

impl Sums {
    /// Of the rows that count.
    fn of(categories: &Categories, labels: &[bool], counts: impl Fn(usize) -> bool) -> Self {
        let places = categories.levels().len() + 1;
        let mut sums = Self { rows: vec![0.0; places], bad: vec![0.0; places] };
        for (row, (code, bad)) in categories.codes().iter().zip(labels).enumerate() {
            if counts(row) {
                let place = place(categories, *code);
                sums.rows[place] += 1.0;
                sums.bad[place] += f64::from(u8::from(*bad));
            }
        }
        sums
    }

    fn overall(&self) -> f64 {
        self.bad.iter().sum::<f64>() / self.rows.iter().sum::<f64>().max(1.0)
    }

    fn share(&self, level: usize) -> f64 {
        (self.bad[level] + PRIOR_ROWS * self.overall()) / (self.rows[level] + PRIOR_ROWS)
    }
}
