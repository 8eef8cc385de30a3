//! A tree as its leaves from left to right, each with what every feature must be for an event not to be led to the right of it: the
//! leftmost leaf that all features allow is the one. Of a feature that is only compared, higher values allow less.

use std::ops::Range;

use crate::model::compact::{Compact, Part, Question, Split};

/// Trees of more leaves are walked. Some of them may turn out to be where no event comes.
const MOST_LEAVES: usize = 512;

/// The leaves of a tree.
#[derive(Clone, Debug)]
pub(super) struct Boxes {
    features: Vec<Feature>,
    leaves: Vec<Leaf>,
}

/// A feature that a tree asks. Its thresholds cut its values into pieces; one more is for a missing value.
#[derive(Clone, Debug)]
struct Feature {
    feature: u16,
    thresholds: Vec<f64>,
    /// Where its pieces lie among the words of a leaf, a bit each.
    words: Range<usize>,
}

#[derive(Clone, Debug)]
struct Leaf {
    value: f64,
    /// For each feature the pieces that do not lead to the right of it.
    pieces: Vec<u64>,
}

/// A part of the tree that is reached.
struct Reached {
    part: u32,
    /// For each feature the pieces that lead here.
    pieces: Vec<u64>,
    /// For each feature the pieces that do not lead to the right of it.
    not_right: Vec<u64>,
}

impl Boxes {
    /// The leaves of a tree; `None` where there are too many.
    pub(super) fn new(tree: &Compact) -> Option<Self> {
        let features = features(tree)?;
        let mut leaves = Vec::new();
        let all: Vec<u64> = features.iter().flat_map(Feature::all).collect();
        let mut open = vec![Reached { part: tree.root(), pieces: all.clone(), not_right: all }];
        while let Some(Reached { part, pieces, not_right }) = open.pop() {
            let split = match tree.part(part) {
                Part::Leaf(value) => {
                    leaves.push(Leaf { value: *value, pieces: not_right });
                    continue;
                }
                Part::Split(split) => split,
            };
            let feature = &features[features.partition_point(|feature| feature.feature < split.feature)];
            let goes_left = |piece| feature.goes_left(piece, &split.question);
            let [left, right] = split.children;
            let mut left = Reached { part: left, pieces: pieces.clone(), not_right: not_right.clone() };
            feature.keep(&mut left.pieces, goes_left);
            feature.keep(&mut left.not_right, goes_left);
            let mut right = Reached { part: right, pieces, not_right };
            feature.keep(&mut right.pieces, |piece| !goes_left(piece));
            // What the questions above rule out is no leaf.
            let is_possible = |reached: &Reached| reached.pieces[feature.words.clone()].iter().any(|&word| word != 0);
            open.extend([right, left].into_iter().filter(is_possible));
        }
        Some(Self { features, leaves })
    }

    /// How many leaves there are.
    pub(super) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// What each leaf adds.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.leaves.iter().map(|leaf| leaf.value)
    }

    /// The features that the tree asks, rising.
    pub(super) fn asked(&self) -> impl Iterator<Item = u16> + '_ {
        self.features.iter().map(|feature| feature.feature)
    }

    /// Its thresholds, each with its feature.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = (u16, f64)> + '_ {
        self.features.iter().flat_map(|feature| feature.thresholds.iter().map(|&threshold| (feature.feature, threshold)))
    }

    /// The thresholds of a feature, and for each of its pieces the leaves that it allows, as bits: below the first threshold, …,
    /// above the last, missing. `None` for a feature that the tree does not ask. There are at most 64 leaves.
    pub(super) fn masks(&self, feature: u16) -> Option<(&[f64], Vec<u64>)> {
        let feature = self.features.iter().find(|asked| asked.feature == feature)?;
        let allows = |piece: usize, leaf: &Leaf| leaf.pieces[feature.words.start + piece / 64] >> (piece % 64) & 1;
        let mask = |piece| (0..).zip(&self.leaves).map(|(bit, leaf)| allows(piece, leaf) << bit).fold(0, |all, bit| all | bit);
        Some((&feature.thresholds, (0..feature.pieces()).map(mask).collect()))
    }
}

impl Feature {
    fn pieces(&self) -> usize {
        self.thresholds.len() + 2
    }

    fn goes_left(&self, piece: usize, question: &Question) -> bool {
        question.goes_left(match self.thresholds.get(piece) {
            // All values of a piece go where the one that ends it goes.
            Some(&end) => end,
            None if piece == self.thresholds.len() => f64::INFINITY,
            None => f64::NAN,
        })
    }

    /// The words of all pieces.
    fn all(&self) -> impl Iterator<Item = u64> {
        let pieces = self.pieces();
        self.words.clone().enumerate().map(move |(at, _)| u64::MAX >> 64_usize.saturating_sub(pieces - at * 64))
    }

    /// Takes away what is not kept.
    fn keep(&self, pieces: &mut [u64], kept: impl Fn(usize) -> bool) {
        for (at, word) in pieces[self.words.clone()].iter_mut().enumerate() {
            *word &= (0..64).filter(|bit| kept(at * 64 + bit)).fold(0, |all, bit| all | 1 << bit);
        }
    }
}

/// What a tree asks; `None` where it has too many leaves.
fn features(tree: &Compact) -> Option<Vec<Feature>> {
    let mut asked = Vec::new();
    let (mut splits, mut open) = (0, vec![tree.root()]);
    while let Some(part) = open.pop() {
        if let Part::Split(Split { feature, question, children, .. }) = tree.part(part) {
            splits += 1;
            asked.extend(question.ends.iter().map(|&end| (*feature, end)));
            open.extend(children);
        }
        if splits >= MOST_LEAVES {
            return None;
        }
    }
    asked.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    asked.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
    let mut end = 0;
    let of_feature = |asked: &[(u16, f64)]| {
        let start = end;
        end += (asked.len() + 2).div_ceil(64);
        let thresholds = asked.iter().map(|&(_, threshold)| threshold).collect();
        Feature { feature: asked[0].0, thresholds, words: start..end }
    };
    Some(asked.chunk_by(|a, b| a.0 == b.0).map(of_feature).collect())
}
