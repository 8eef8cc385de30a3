//! The walk through the trees, for several points at once.

use std::ops::{Add, Mul, Range, Sub};

use multiversion::multiversion;

use super::paths::{self, Paths, Split};
use super::quadrature::rule;
use crate::model::compact::Question;

/// Points that are taken together: a pass through a tree costs little more for four numbers than for one.
pub(super) const MOST_POINTS: usize = 8;

/// A number at each of some points.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Lanes<const POINTS: usize>(pub(super) [f64; POINTS]);

impl<const POINTS: usize> Lanes<POINTS> {
    pub(super) const ZERO: Self = Self([0.0; POINTS]);
    const ONE: Self = Self([1.0; POINTS]);

    #[inline(always)]
    fn of(of: impl Fn(usize) -> f64) -> Self {
        let mut lanes = Self::ZERO;
        for (lane, number) in lanes.0.iter_mut().enumerate() {
            *number = of(lane);
        }
        lanes
    }
}

impl<const POINTS: usize> Add for Lanes<POINTS> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane] + other.0[lane])
    }
}

impl<const POINTS: usize> Sub for Lanes<POINTS> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane] - other.0[lane])
    }
}

impl<const POINTS: usize> Mul for Lanes<POINTS> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane] * other.0[lane])
    }
}

impl<const POINTS: usize> Mul<Lanes<POINTS>> for f64 {
    type Output = Lanes<POINTS>;

    #[inline(always)]
    fn mul(self, lanes: Lanes<POINTS>) -> Lanes<POINTS> {
        Lanes::of(|lane| self * lanes.0[lane])
    }
}

/// Trees that are gone through with so many points at once.
#[derive(Clone, Debug)]
pub(super) struct Group<const POINTS: usize> {
    trees: Vec<Tree>,
    splits: Vec<Split>,
    questions: Vec<Question>,
    /// For each pass through a tree, 1 and then 1 / the factor of each feature that is asked again, were it known.
    inverses: Vec<Lanes<POINTS>>,
    /// For each number of passes, those passes.
    passes: Vec<Vec<Pass<POINTS>>>,
}

#[derive(Clone, Debug)]
struct Tree {
    splits: Range<usize>,
    inverses: Range<usize>,
    passes: usize,
}

/// Some points of a rule.
#[derive(Clone, Debug)]
struct Pass<const POINTS: usize> {
    /// Where they lie, above 0 and below 1.
    at: Lanes<POINTS>,
    /// How far they are from 1.
    from_end: Lanes<POINTS>,
    /// 1 / that.
    from_end_inverse: Lanes<POINTS>,
    /// What they count for.
    weight: Lanes<POINTS>,
}

/// What a pass through a tree remembers. Edges are numbered as in [`Split`]; those to leaves are among them, since to leave them out
/// would cost more.
struct Walk<const POINTS: usize> {
    /// For each edge 1 where the event takes this path as far as the feature of the edge is asked, otherwise 0.
    known: Vec<f64>,
    /// For each edge the weight of the point times the factors of all features up to here.
    products: Vec<Lanes<POINTS>>,
    steps: Vec<Step<POINTS>>,
    /// The sum over the leaves below, each times the factors of what is asked from here on, against those of what was asked before:
    /// nothing for a leaf, then one for each split.
    below: Vec<Lanes<POINTS>>,
}

/// A split, between down and up.
#[derive(Clone, Copy)]
struct Step<const POINTS: usize> {
    /// The weight of the point times the factors of all features above but the one that is asked.
    others: Lanes<POINTS>,
    /// The factor of the feature that is asked, to the left and to the right, against the one before.
    factors: [Lanes<POINTS>; 2],
}

impl<const POINTS: usize> Group<POINTS> {
    /// Of some of the trees.
    pub(super) fn new(paths: &Paths, trees: &[&paths::Tree]) -> Self {
        let most = trees.iter().map(|tree| passes::<POINTS>(tree)).max().unwrap_or(0);
        let passes_of = |passes| rule(passes * POINTS).chunks_exact(POINTS).map(Pass::new).collect();
        let mut group = Self {
            trees: Vec::with_capacity(trees.len()),
            splits: Vec::new(),
            questions: paths.questions.clone(),
            inverses: Vec::new(),
            passes: (0..=most).map(passes_of).collect(),
        };
        for tree in trees {
            group.add(&paths.splits[tree.splits.clone()], passes::<POINTS>(tree));
        }
        group
    }

    fn add(&mut self, splits: &[Split], passes: usize) {
        let (first_split, first_inverse) = (self.splits.len(), self.inverses.len());
        self.splits.extend(splits);
        for pass in &self.passes[passes] {
            self.inverses.push(Lanes::ONE);
            self.inverses
                .extend(splits.iter().filter(|split| split.is_repeated()).map(|split| pass.inverse(split.earlier_share)));
        }
        self.trees.push(Tree { splits: first_split..self.splits.len(), inverses: first_inverse..self.inverses.len(), passes });
    }

    /// Adds what each tree says to the sums of each feature; those of all points make one contribution. `values` are those of the
    /// features that are asked.
    pub(super) fn explain(&self, values: &[f64], sums: &mut [Lanes<MOST_POINTS>]) {
        let most = self.trees.iter().map(|tree| tree.splits.len()).max().unwrap_or(0);
        let step = Step { others: Lanes::ZERO, factors: [Lanes::ZERO; 2] };
        let mut walk = Walk {
            known: vec![1.0; 2 * (most + 1)],
            products: vec![Lanes::ZERO; 2 * (most + 1)],
            steps: vec![step; most],
            below: vec![Lanes::ZERO; most + 1],
        };
        explain(self, values, &mut walk, sums);
    }
}

/// How often a tree is gone through.
fn passes<const POINTS: usize>(tree: &paths::Tree) -> usize {
    tree.points().div_ceil(POINTS).max(1)
}

impl<const POINTS: usize> Pass<POINTS> {
    fn new(points: &[super::quadrature::Point]) -> Self {
        let lanes = |of: fn(&super::quadrature::Point) -> f64| Lanes(std::array::from_fn(|lane| of(&points[lane])));
        Self {
            at: lanes(|point| point.at),
            from_end: lanes(|point| point.from_end),
            from_end_inverse: lanes(|point| 1.0 / point.from_end),
            weight: lanes(|point| point.weight),
        }
    }

    /// 1 / the factor of a known feature with this share.
    fn inverse(&self, share: f64) -> Lanes<POINTS> {
        Lanes(std::array::from_fn(|lane| 1.0 / (share * self.from_end.0[lane] + self.at.0[lane])))
    }
}

/// All trees of a group. Compiled for wide registers too: no two operations become one there, so the sums are the same bits on every
/// machine.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn explain<const POINTS: usize>(group: &Group<POINTS>, values: &[f64], walk: &mut Walk<POINTS>, sums: &mut [Lanes<MOST_POINTS>]) {
    for tree in &group.trees {
        let splits = &group.splits[tree.splits.clone()];
        let inverses = &group.inverses[tree.inverses.clone()];
        let passes = &group.passes[tree.passes];
        for (pass, inverses) in passes.iter().zip(inverses.chunks_exact(inverses.len() / passes.len())) {
            walk.down(splits, &group.questions, values, pass, inverses);
            walk.up(splits, sums);
        }
    }
}

impl<const POINTS: usize> Walk<POINTS> {
    /// Carries the products down, parents before children.
    #[inline(always)]
    fn down(
        &mut self,
        splits: &[Split],
        questions: &[Question],
        values: &[f64],
        pass: &Pass<POINTS>,
        inverses: &[Lanes<POINTS>],
    ) {
        self.products[0] = pass.weight;
        for (number, (split, step)) in splits.iter().zip(&mut self.steps).enumerate() {
            let edge = 2 * number + 2;
            let (known_before, known_here) = self.known.split_at_mut(edge);
            let (products_before, products_here) = self.products.split_at_mut(edge);
            let known = known_before[split.earlier as usize];
            // A choice without a jump, which nothing could foresee.
            let inverse =
                known * inverses[split.inverse as usize] + ((1.0 - known) * split.earlier_share_inverse) * pass.from_end_inverse;
            step.others = products_before[split.above as usize] * inverse;
            let left = if split.goes_left(values[usize::from(split.slot)], questions) { known } else { 0.0 };
            let sides = [left, known - left];
            for side in 0..2 {
                let factor = split.shares[side] * pass.from_end + sides[side] * pass.at;
                step.factors[side] = factor * inverse;
                products_here[side] = step.others * factor;
                known_here[side] = sides[side];
            }
        }
    }

    /// Gathers the payouts from the leaves, children before parents. A feature counts on the stretch from its question to the next
    /// one about it.
    #[inline(always)]
    fn up(&mut self, splits: &[Split], sums: &mut [Lanes<MOST_POINTS>]) {
        for ((number, split), step) in splits.iter().enumerate().zip(&self.steps[..splits.len()]).rev() {
            let below = |side: usize| self.below[split.below[side] as usize] + Lanes([split.values[side]; POINTS]);
            let (left, right) = (below(0), below(1));
            let both = step.factors[0] * left + step.factors[1] * right;
            let gain = |side: usize| self.known[2 * number + 2 + side] - split.shares[side];
            let earlier_gain = self.known[split.earlier as usize] - split.earlier_share;
            let gained = step.others * (gain(0) * left + gain(1) * right - earlier_gain * both);
            let sums = &mut sums[usize::from(split.slot)].0;
            let gained = Lanes::<POINTS>::of(|lane| sums[lane] + gained.0[lane]);
            self.below[number + 1] = both;
            sums[..POINTS].copy_from_slice(&gained.0);
        }
    }
}
