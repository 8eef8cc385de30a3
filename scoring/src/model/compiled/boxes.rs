//! A tree as its leaves, each with what every feature must be for an event to come there. How the tree asks no longer matters.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::model::Node;

/// Trees of more leaves are walked. A leaf that came about by repeating the leaves of another program's split counts until it is
/// joined with its likes.
const MOST_LEAVES: usize = 512;
/// Up to so many leaves there is nothing to gain from joining some.
const FEW_LEAVES: usize = 32;
/// Leaves are joined feature by feature, up to so many times: what a program repeats is together after one or two.
const MOST_PASSES: usize = 8;

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
    /// For each feature the pieces that lead here.
    pieces: Vec<u64>,
}

impl Boxes {
    /// The leaves of a tree; `None` where there are too many.
    pub(super) fn new(nodes: &[Node], root: u32) -> Option<Self> {
        let features = features(nodes, root)?;
        let mut leaves = Vec::new();
        let mut open = vec![(root, features.iter().flat_map(Feature::all).collect::<Vec<u64>>())];
        while let Some((index, pieces)) = open.pop() {
            let node = &nodes[index as usize];
            if node.is_leaf(index) {
                leaves.push(Leaf { value: node.value, pieces });
                continue;
            }
            let feature = &features[features.partition_point(|feature| feature.feature < node.feature)];
            let (mut left, mut right) = (pieces.clone(), pieces);
            feature.keep(&mut left, |piece| feature.goes_left(piece, node));
            feature.keep(&mut right, |piece| !feature.goes_left(piece, node));
            // What the questions above rule out is no leaf.
            let possible = |pieces: &[u64]| pieces[feature.words.clone()].iter().any(|&word| word != 0);
            open.extend([(node.right, right), (node.left, left)].into_iter().filter(|(_, pieces)| possible(pieces)));
        }
        let mut boxes = Self { features, leaves };
        if boxes.leaves.len() > FEW_LEAVES {
            boxes.join();
        }
        Some(boxes)
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

    /// The thresholds of a feature, and for each of its pieces the leaves that it leads to, as bits: below the first threshold, …,
    /// above the last, missing. `None` for a feature that the tree does not ask. There are at most 64 leaves.
    pub(super) fn masks(&self, feature: u16) -> Option<(&[f64], Vec<u64>)> {
        let feature = self.features.iter().find(|asked| asked.feature == feature)?;
        let leads = |leaf: &Leaf, piece: usize| leaf.pieces[feature.words.start + piece / 64] >> (piece % 64) & 1;
        let mask = |piece| (0..).zip(&self.leaves).map(|(bit, leaf)| leads(leaf, piece) << bit).fold(0, |all, bit| all | bit);
        Some((&feature.thresholds, (0..feature.pieces()).map(mask).collect()))
    }

    /// Joins leaves of one value that differ in what a single feature must be: together they are one leaf for either.
    fn join(&mut self) {
        let values: HashSet<u64> = self.leaves.iter().map(|leaf| leaf.value.to_bits()).collect();
        if values.len() == self.leaves.len() {
            return;
        }
        for pass in 0..MOST_PASSES {
            let before = self.leaves.len();
            // A chain of questions whose features rise is together after one pass down, one whose features fall after one up.
            let mut marks: Vec<u64> = self.leaves.iter().map(|leaf| mark(&leaf.pieces, 0..leaf.pieces.len())).collect();
            for at in 0..self.features.len() {
                let feature = if pass % 2 == 0 { self.features.len() - 1 - at } else { at };
                join_by(&mut self.leaves, &mut marks, self.features[feature].words.clone());
            }
            if self.leaves.len() == before {
                return;
            }
        }
    }
}

/// Joins the leaves of one value that differ in these words alone. `marks` holds the mark of each leaf's words.
fn join_by(leaves: &mut Vec<Leaf>, marks: &mut Vec<u64>, words: Range<usize>) {
    let mut places = HashMap::new();
    let mut joined = 0;
    for at in 0..leaves.len() {
        let others = marks[at].wrapping_sub(mark(&leaves[at].pieces, words.clone()));
        let place = *places.entry((leaves[at].value.to_bits(), others)).or_insert(joined);
        let (kept, rest) = leaves.split_at_mut(at);
        match kept[..joined].get_mut(place) {
            Some(one) if one.equals_but_for(&rest[0], &words) => {
                one.pieces.iter_mut().zip(&rest[0].pieces).for_each(|(one, other)| *one |= other);
                marks[place] = others.wrapping_add(mark(&one.pieces, words.clone()));
            }
            _ => {
                leaves.swap(joined, at);
                marks.swap(joined, at);
                joined += 1;
            }
        }
    }
    leaves.truncate(joined);
    marks.truncate(joined);
}

/// A sum over the words at these places that differs, but for chance, where one of them does; so it is known at once without some.
fn mark(pieces: &[u64], words: Range<usize>) -> u64 {
    let of_word = |at: usize| xxhash_rust::xxh3::xxh3_64_with_seed(&pieces[at].to_le_bytes(), at as u64);
    words.map(of_word).fold(0, u64::wrapping_add)
}

impl Leaf {
    fn equals_but_for(&self, other: &Self, words: &Range<usize>) -> bool {
        self.pieces[..words.start] == other.pieces[..words.start] && self.pieces[words.end..] == other.pieces[words.end..]
    }
}

impl Feature {
    fn pieces(&self) -> usize {
        self.thresholds.len() + 2
    }

    fn goes_left(&self, piece: usize, node: &Node) -> bool {
        match self.thresholds.get(piece) {
            // All values of a piece lie at or below the threshold that ends it.
            Some(&end) => end <= node.threshold,
            None if piece == self.thresholds.len() => false,
            None => node.missing_left,
        }
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
fn features(nodes: &[Node], root: u32) -> Option<Vec<Feature>> {
    let mut asked = Vec::new();
    let mut open = vec![root];
    while let Some(index) = open.pop() {
        let node = &nodes[index as usize];
        if !node.is_leaf(index) {
            asked.push((node.feature, node.threshold));
            open.extend([node.left, node.right]);
        }
        if asked.len() >= MOST_LEAVES {
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
