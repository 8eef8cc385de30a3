//! What each feature adds to the output of trees: exact path-dependent Shapley values (Lundberg, Erion and Lee, "Consistent
//! individualized feature attribution for tree ensembles", 2018). A feature that is not known sends the event both ways, each
//! weighted by the share of training rows that went there.
//!
//! Let every feature be known with probability t, each by itself. A leaf then pays out its value times, for each feature on its
//! path, share + (known - share) t, where the share is the product of the shares at the feature's splits and `known` is 1 or 0 by
//! whether the event takes this path as far as the feature is asked. A Shapley value is the integral over t from 0 to 1 of what
//! knowing the feature changes (Owen, "Multilinear extensions of games", 1972): at each leaf, (known - share) times the factors
//! of the other features. That is a polynomial in t of a degree below the number of features on the path, which Gauss's rule integrates
//! exactly with half as many points. At a point all is numbers: a tree is gone down once, with the product of the factors of the other
//! features, and up once, with the sums over the leaves below.

mod explain;
mod paths;
mod quadrature;

use self::explain::{Group, Lanes, MOST_POINTS};
use self::paths::Paths;
use super::trees::Trees;

/// Trees made ready to be explained.
#[derive(Clone, Debug)]
pub struct Reasons {
    /// Trees whose paths have few features, and those that take more points.
    few: Group<4>,
    many: Group<MOST_POINTS>,
    scale: f64,
    /// For each feature that is asked, where it lies in a vector.
    places: Vec<usize>,
}

impl Reasons {
    /// From trees that pass [`Trees::check`]. `place` says where a feature of theirs lies in the vectors that will come.
    pub fn new(trees: &Trees, place: impl Fn(u16) -> usize) -> Self {
        let paths = Paths::new(trees);
        let (few, many): (Vec<_>, Vec<_>) = paths.trees.iter().partition(|tree| tree.points() <= 4);
        let places = paths.features.iter().map(|&feature| place(feature)).collect();
        let (few, many) = (Group::new(&paths, &few), Group::new(&paths, &many));
        Self { few, many, scale: trees.scale(), places }
    }

    /// What each feature adds to [`Trees::output`], against [`Trees::expected_output`]: the two sum to the output. There is a
    /// number for each of `values`.
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        let asked: Vec<f64> = self.places.iter().map(|&place| values[place]).collect();
        let mut sums = vec![Lanes::ZERO; asked.len()];
        self.few.explain(&asked, &mut sums);
        self.many.explain(&asked, &mut sums);
        let mut contributions = vec![0.0; values.len()];
        for (&place, sums) in self.places.iter().zip(&sums) {
            contributions[place] += self.scale * sums.0.iter().sum::<f64>();
        }
        contributions
    }
}

/// What each feature adds to [`Trees::output`], against [`Trees::expected_output`]: the two sum to the output. Where many events are
/// explained, [`Reasons`] is made once.
pub fn tree_contributions(trees: &Trees, values: &[f64]) -> Vec<f64> {
    Reasons::new(trees, usize::from).contributions(&values[..trees.width])
}
