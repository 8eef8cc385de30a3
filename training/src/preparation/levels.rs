//! Weights of evidence of a category: each frequent level is a bin of its own, and the rare ones share one.

use std::collections::BTreeMap;

use scoring::model::preparation::Bin;
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

impl LevelEvidence {
    pub(super) fn fit(categories: &Categories, labels: &[bool]) -> Self {
        let levels = categories.levels();
        let mut sides = vec![Side::default(); levels.len() + 1];
        for (code, bad) in categories.codes().iter().zip(labels) {
            let level = code.map_or(levels.len(), |code| code as usize);
            sides[level] = sides[level].and(*bad);
        }
        let missing = sides.pop().filter(|side| side.rows() > 0);
        let (mut places, mut bins, mut rare) = (BTreeMap::new(), Vec::new(), Side::default());
        for (level, side) in levels.iter().zip(sides) {
            if side.rows() >= LEAST_ROWS {
                places.insert(level.clone(), bins.len());
                bins.push(side);
            } else {
                rare = together(&[rare, side]);
            }
        }
        if rare.rows() > 0 {
            bins.push(rare);
        }
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
