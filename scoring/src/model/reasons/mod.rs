//! What each feature adds to the output of trees: exact path-dependent Shapley values (Lundberg, Erion and Lee, "Consistent
//! individualized feature attribution for tree ensembles", 2018). A feature that is not known sends the event both ways, each
//! weighted by the share of training rows that went there.
//!
//! Let every feature be known with probability t, each by itself. A leaf then pays out its value times, for each feature on its
//! path, share + (known - share) t, where the share is the product of the shares at the feature's splits and `known` is 1 or 0 by
//! whether the event takes this path as far as the feature is asked. A Shapley value is the integral over t from 0 to 1 of what
//! knowing the feature changes (Owen, "Multilinear extensions of games", 1972): at each leaf, (known - share) times the factors
//! of the other features. That is a polynomial in t of a degree below the number of features on the path, which Gauss's rule integrates
//! exactly with half as many points. At a point all is numbers: a tree is gone down once, with the product of the factors, and up
//! once, with the sums over the leaves below.

mod paths;
mod quadrature;

use self::paths::{Paths, Split};
use self::quadrature::{Point, rule};
use super::trees::Trees;

/// Points that are taken together: a pass through a tree costs little more for four numbers than for one.
const MOST_POINTS: usize = 8;

/// Trees made ready to be explained.
#[derive(Clone, Debug)]
pub struct Reasons {
    paths: Paths,
    scale: f64,
    /// For each number of passes, the points of them all.
    rules: Vec<Rule>,
    /// For each feature that is asked, where it lies in a vector.
    places: Vec<usize>,
}

/// How a tree is integrated.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    /// How many points a pass takes: 2, 4, 6 or 8.
    lanes: usize,
    points: Vec<Point>,
}

/// The edge to a node, at some points.
#[derive(Clone, Copy)]
struct Edge<const LANES: usize> {
    /// Going down, the weight of the point times the product of the factors. Going up, with the values of the leaves below.
    product: [f64; LANES],
    /// 1 / the factor of the feature asked last.
    inverse: [f64; LANES],
    /// 1 where the event takes this path as far as that feature is asked, otherwise 0.
    known: f64,
    /// The share of that feature.
    share: f64,
}

impl Reasons {
    /// From trees that pass [`Trees::check`]. `place` says where a feature of theirs lies in the vectors that will come.
    pub fn new(trees: &Trees, place: impl Fn(u16) -> usize) -> Self {
        let paths = Paths::new(trees);
        let places = paths.features.iter().map(|&feature| place(feature)).collect();
        let most = paths.trees.iter().map(|tree| tree.features).max().unwrap_or(0);
        let rules = (0..=most).map(Rule::new).collect();
        Self { paths, scale: trees.scale(), rules, places }
    }

    /// What each feature adds to [`Trees::output`], against [`Trees::expected_output`]: the two sum to the output. There is a
    /// number for each of `values`.
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![[0.0; MOST_POINTS]; self.places.len()];
        let mut goes_left = Vec::new();
        let (mut two, mut four, mut six, mut eight) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for tree in &self.paths.trees {
            let splits = &self.paths.splits[tree.splits.clone()];
            goes_left.clear();
            goes_left.extend(splits.iter().map(|split| split.goes_left(values[self.places[split.slot as usize]])));
            let rule = &self.rules[tree.features];
            match rule.lanes {
                2 => explain::<2>(splits, &goes_left, rule, &mut two, &mut sums),
                4 => explain::<4>(splits, &goes_left, rule, &mut four, &mut sums),
                6 => explain::<6>(splits, &goes_left, rule, &mut six, &mut sums),
                _ => explain::<8>(splits, &goes_left, rule, &mut eight, &mut sums),
            }
        }
        let mut contributions = vec![0.0; values.len()];
        for (&place, sums) in self.places.iter().zip(&sums) {
            contributions[place] += self.scale * sums.iter().sum::<f64>();
        }
        contributions
    }
}

impl Rule {
    /// For paths of so many features: n points integrate a polynomial of degree 2n - 1.
    fn new(features: usize) -> Self {
        let lanes = match features.div_ceil(2) {
            0..=2 => 2,
            3..=4 => 4,
            5..=6 => 6,
            _ => 8,
        };
        Self { lanes, points: rule(features.div_ceil(2).next_multiple_of(lanes).max(lanes)) }
    }
}

/// Adds what a tree says to the sums of each feature that it asks; those of all points make one contribution.
fn explain<const LANES: usize>(
    splits: &[Split],
    goes_left: &[bool],
    rule: &Rule,
    edges: &mut Vec<Edge<LANES>>,
    sums: &mut [[f64; MOST_POINTS]],
) {
    let zero = Edge { product: [0.0; LANES], inverse: [0.0; LANES], known: 0.0, share: 0.0 };
    if edges.len() <= 2 * splits.len() {
        edges.resize(2 * splits.len() + 1, zero);
    }
    for points in rule.points.chunks_exact(LANES) {
        let at: [f64; LANES] = std::array::from_fn(|lane| points[lane].at);
        let from_end: [f64; LANES] = std::array::from_fn(|lane| points[lane].from_end);
        let weights = std::array::from_fn(|lane| points[lane].weight);
        // The edge to the root asks nothing: it stands for the earlier question wherever there is none.
        edges[0] = Edge { product: weights, inverse: [1.0; LANES], known: 1.0, share: 1.0 };
        down(splits, goes_left, &at, &from_end, edges);
        up(splits, edges, sums);
    }
}

/// Carries the products down to the leaves, parents before children.
#[inline(always)]
fn down<const LANES: usize>(
    splits: &[Split],
    goes_left: &[bool],
    at: &[f64; LANES],
    from_end: &[f64; LANES],
    edges: &mut [Edge<LANES>],
) {
    for ((number, split), &goes_left) in splits.iter().enumerate().zip(goes_left) {
        let above = &edges[split.above as usize].product;
        let Edge { inverse, known, .. } = &edges[split.earlier as usize];
        let (taken, other) = if goes_left { (0, 1) } else { (1, 0) };
        let known = *known;
        let (share, other_share) = (split.shares[taken], split.shares[other]);
        let mut of_taken = Edge { product: [0.0; LANES], inverse: [0.0; LANES], known, share };
        let mut of_other = Edge { product: [0.0; LANES], inverse: [0.0; LANES], known: 0.0, share: other_share };
        for lane in 0..LANES {
            let others = above[lane] * inverse[lane];
            let factor = share * from_end[lane] + known * at[lane];
            let other_factor = other_share * from_end[lane];
            // One division for both: nothing here costs as much. A share is at least 1e-100, so that the product is no zero.
            let inverse = 1.0 / (factor * other_factor);
            of_taken.product[lane] = others * factor * split.values[taken];
            of_taken.inverse[lane] = inverse * other_factor;
            of_other.product[lane] = others * other_factor * split.values[other];
            of_other.inverse[lane] = inverse * factor;
        }
        edges[2 * number + 1 + taken] = of_taken;
        edges[2 * number + 1 + other] = of_other;
    }
}

/// Gathers the payouts from the leaves, children before parents. A feature counts on the stretch from its question to the next
/// one about it.
#[inline(always)]
fn up<const LANES: usize>(splits: &[Split], edges: &mut [Edge<LANES>], sums: &mut [[f64; MOST_POINTS]]) {
    for (number, split) in splits.iter().enumerate().rev() {
        let (left, right) = (edges[2 * number + 1], edges[2 * number + 2]);
        let earlier = &edges[split.earlier as usize];
        let gain = |edge: &Edge<LANES>, lane: usize| (edge.known - edge.share) * edge.inverse[lane];
        let sums = &mut sums[split.slot as usize];
        let mut both = [0.0; LANES];
        for lane in 0..LANES {
            both[lane] = left.product[lane] + right.product[lane];
            sums[lane] += left.product[lane] * gain(&left, lane) + right.product[lane] * gain(&right, lane)
                - both[lane] * gain(earlier, lane);
        }
        edges[split.above as usize].product = both;
    }
}

/// What each feature adds to [`Trees::output`], against [`Trees::expected_output`]: the two sum to the output. Where many events are
/// explained, [`Reasons`] is made once.
pub fn tree_contributions(trees: &Trees, values: &[f64]) -> Vec<f64> {
    Reasons::new(trees, usize::from).contributions(&values[..trees.width])
}
