//! Weights of evidence of a category: each frequent level is a bin of its own, and the rare ones share one.

use std::collections::BTreeMap;

use scoring::model::preparation::{Bin, Evidence};
use serde::{Deserialize, Serialize};

use super::category::LEAST_ROWS;
use super::evidence::{Side, information, together};
use crate::table::Categories;

/// A category's bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelEvidence {
    /// The bin of each level that has its own.
    pub places: BTreeMap<String, usize>,
    /// The bins in the order of the levels; one more is that of rare levels.
    pub bins: Vec<Bin>,
    /// The rows without a level; `None` where training had none, and their weight is 0 then.
    pub missing: Option<Bin>,
    /// What the column tells, in nats.
    pub information_value: f64,
}

fn is_frequent(side: Side) -> bool {
    side.rows() >= LEAST_ROWS
}

/// What levels come to that are too rare for a bin of their own.
fn rare(sides: &[Side]) -> Side {
    sides.iter().filter(|side| !is_frequent(**side)).fold(Side::default(), |sum, side| together(&[sum, *side]))
}

/// The bins of a feature whose numbers are the places of words: one a word. Rare words have their own rows and the weight of all rare ones.
pub(super) fn of_words(places: &[f64], labels: &[bool], words: &[String]) -> Evidence {
    let mut sides = vec![Side::default(); words.len() + 1];
    for (place, bad) in places.iter().zip(labels) {
        // A default outside of the words is none of them.
        let place = if (0.0..words.len() as f64).contains(place) { *place as usize } else { words.len() };
        sides[place] = sides[place].and(*bad);
    }
    let missing = sides.pop().filter(|side| side.rows() > 0);
    let (all, rare) = (Side::of(labels.iter().copied()), rare(&sides));
    let frequent = sides.iter().filter(|side| is_frequent(**side));
    let information_value = information(frequent.chain(Some(&rare).filter(|rare| rare.rows() > 0)).chain(&missing), all);
    // Words that training had not say nothing, as numbers that it had not.
    let rare_weight = if rare.rows() > 0 { rare.bin(all).weight } else { 0.0 };
    let bin = |side: &Side| if is_frequent(*side) { side.bin(all) } else { Bin { weight: rare_weight, ..side.bin(all) } };
    Evidence {
        ends: (0..words.len() - 1).map(|place| place as f64).collect(),
        bins: sides.iter().map(bin).collect(),
        words: words.to_vec(),
        special: Vec::new(),
        missing: missing.map(|side| side.bin(all)),
        information_value,
    }
}

impl LevelEvidence {
    pub(super) fn fit(categories: &Categories, labels: &[bool]) -> Self {
        let levels = categories.levels();
        let mut sides = vec![Side::default(); levels.len() + 1];
        for (code, bad) in categories.codes().iter().zip(labels) {
            let level = code.map_or(levels.len(), |code| code as usize);
            sides[level] = sides[level].and(*bad);
        }
        let missing = sides.pop().filter(|side| side.rows() > 0);
        let rare = rare(&sides);
        let (mut places, mut bins) = (BTreeMap::new(), Vec::new());
        for (level, side) in levels.iter().zip(sides).filter(|(_, side)| is_frequent(*side)) {
            places.insert(level.clone(), bins.len());
            bins.push(side);
        }
        bins.extend(Some(rare).filter(|rare| rare.rows() > 0));
        let all = Side::of(labels.iter().copied());
        let information_value = information(bins.iter().chain(&missing), all);
        let bin = |side: Side| side.bin(all);
        Self { places, bins: bins.into_iter().map(bin).collect(), missing: missing.map(bin), information_value }
    }

    /// The weight of a level: that of the rare ones where it has no bin of its own, and 0 where training had no such row.
    pub fn weight(&self, level: Option<&str>) -> f64 {
        let bin = match level {
            None => self.missing.as_ref(),
            Some(level) => self.bins.get(self.places.get(level).copied().unwrap_or(self.places.len())),
        };
        bin.map_or(0.0, |bin| bin.weight)
    }
}
