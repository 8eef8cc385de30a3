//! Rows in falling order of score, sorted once, with running sums: what lies above any threshold is then a look-up.

use std::cmp::Ordering;

use super::figure::Missing;
use super::judged::Judged;

/// Rows in falling order of score, in groups of one score.
pub(super) struct Ranking {
    /// The numbers of the rows, the riskiest first.
    pub rows: Vec<u32>,
    /// The score of each group, falling.
    pub scores: Vec<f64>,
    /// What there is in each group and above.
    pub sums: Vec<Tally>,
}

/// Rows and their money, by label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub bad: u64,
    pub good: u64,
    pub bad_minor: u64,
    pub good_minor: u64,
}

impl Tally {
    pub(super) const fn rows(self) -> u64 {
        self.bad + self.good
    }

    /// What is in this and not in a part of it.
    pub(super) const fn less(self, part: Self) -> Self {
        Self {
            bad: self.bad - part.bad,
            good: self.good - part.good,
            bad_minor: self.bad_minor - part.bad_minor,
            good_minor: self.good_minor - part.good_minor,
        }
    }

    pub(super) const fn add(&mut self, bad: bool, minor: u64) {
        if bad {
            self.bad += 1;
            self.bad_minor += minor;
        } else {
            self.good += 1;
            self.good_minor += minor;
        }
    }

    /// Whether there is something to rank.
    pub(super) const fn ranked(self) -> Result<(), Missing> {
        match (self.bad, self.good) {
            (0, 0) => Err(Missing::NoRows),
            (0, _) => Err(Missing::NoBad),
            (_, 0) => Err(Missing::NoGood),
            _ => Ok(()),
        }
    }
}

impl Ranking {
    /// Of scores from 0 to 1; rows that tie are ordered by what else is known of them, so that the order they came in does not
    /// matter.
    pub(super) fn new(scores: &[f64], judged: &Judged<'_>) -> Self {
        // The bits of numbers from zero up are in the order of the numbers; adding zero makes a negative zero a positive one.
        let mut keys: Vec<(u64, u32)> = scores.iter().zip(0..).map(|(score, row)| (!(score + 0.0).to_bits(), row)).collect();
        keys.sort_unstable();
        let mut ranking = Self { rows: Vec::with_capacity(keys.len()), scores: Vec::new(), sums: Vec::new() };
        let mut sum = Tally::default();
        for group in keys.chunk_by_mut(|a, b| a.0 == b.0) {
            group.sort_unstable_by(|a, b| order_of_equals(judged, a.1 as usize, b.1 as usize));
            for &(_, row) in &*group {
                sum.add(judged.labels[row as usize], judged.minor_of(row as usize));
                ranking.rows.push(row);
            }
            ranking.scores.push(f64::from_bits(!group[0].0));
            ranking.sums.push(sum);
        }
        ranking
    }

    /// All there is.
    pub(super) fn all(&self) -> Tally {
        self.sums.last().copied().unwrap_or_default()
    }

    /// How many groups reach a threshold.
    pub(super) fn groups_from(&self, threshold: f64) -> usize {
        self.scores.partition_point(|score| *score >= threshold)
    }

    /// How many groups hold so many of the riskiest rows; the last one may hold more of them.
    pub(super) fn groups_of(&self, rows: u64) -> usize {
        match rows {
            0 => 0,
            rows => (self.sums.partition_point(|sum| sum.rows() < rows) + 1).min(self.sums.len()),
        }
    }

    /// What is in the first so many groups.
    pub(super) fn above(&self, groups: usize) -> Tally {
        groups.checked_sub(1).map_or_else(Tally::default, |last| self.sums[last])
    }

    /// The score and the rows of each group, falling.
    pub(super) fn groups(&self) -> impl Iterator<Item = (f64, Tally)> + Clone {
        self.scores.iter().enumerate().map(|(place, score)| (*score, self.sums[place].less(self.above(place))))
    }
}

impl Judged<'_> {
    pub(super) fn minor_of(&self, row: usize) -> u64 {
        self.minor.map_or(0, |minor| minor[row].unsigned_abs())
    }
}

fn order_of_equals(judged: &Judged<'_>, a: usize, b: usize) -> Ordering {
    let by_champion = judged.champion.map_or(Ordering::Equal, |scores| scores[a].total_cmp(&scores[b]));
    let by_day = judged.days.map_or(Ordering::Equal, |days| days[a].cmp(&days[b]));
    let by_label = judged.labels[a].cmp(&judged.labels[b]);
    by_label.then(judged.minor_of(a).cmp(&judged.minor_of(b))).then(by_day).then(by_champion)
}
