//! A tree with what repeats in it put together again. A split that sends several ranges of a feature to one side, such as one on
//! categories, is stored as several splits that compare the feature, with the subtrees below repeated. Here it is one question again:
//! an event comes to the same value, known features or not, and what is gone through is as small as when the tree was grown.

use std::collections::HashMap;

use super::Node;

/// Splits that compare one feature are seen as one up to so many ranges.
const MOST_RANGES: usize = 256;
/// Shares of training rows that differ by less are the same: of repeated subtrees they are, but for rounding.
const SAME_SHARE: f64 = 1e-9;

/// A tree whose repeated subtrees are there once.
#[derive(Clone, Debug)]
pub(super) struct Compact {
    /// Some of them may be of subtrees that became part of others.
    parts: Vec<Part>,
    root: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// What a leaf adds.
    Leaf(f64),
    Split(Split),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    pub(super) feature: u16,
    pub(super) question: Question,
    /// The share of the training rows here that go left.
    pub(super) share: f64,
    /// Left and right.
    pub(super) children: [u32; 2],
}

/// A question about a feature, whose values are cut into ranges that go left and right in turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// The last value of each range but the last; rising, at least one.
    pub(super) ends: Vec<f64>,
    first_left: bool,
    missing_left: bool,
}

impl Question {
    /// Whether a value goes left.
    #[inline]
    pub(super) fn goes_left(&self, value: f64) -> bool {
        if value.is_nan() {
            return self.missing_left;
        }
        self.first_left == self.ends.partition_point(|end| *end < value).is_multiple_of(2)
    }

    /// The threshold and whether a missing value goes left, where that is all that is asked.
    pub(super) fn plain(&self) -> Option<(f64, bool)> {
        (self.first_left && self.ends.len() == 1).then(|| (self.ends[0], self.missing_left))
    }
}

/// What counts as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Subtrees with the same values.
    Values,
    /// Subtrees with the same values, to which the training rows came in the same shares.
    ValuesAndShares,
}

impl Compact {
    /// From the nodes of a tree that passes [`Trees::check`](super::Trees::check).
    pub(super) fn new(nodes: &[Node], root: u32, likeness: Likeness) -> Self {
        let mut order = vec![root];
        let mut at = 0;
        while let Some(&index) = order.get(at) {
            let node = &nodes[index as usize];
            if !node.is_leaf(index) {
                order.extend([node.left, node.right]);
            }
            at += 1;
        }
        let mut maker = Maker { parts: Vec::new(), known: HashMap::new(), likeness };
        let mut seen: HashMap<u32, Seen> = HashMap::with_capacity(order.len());
        // Children come after their parents in this order, and so before them now.
        for &index in order.iter().rev() {
            let node = &nodes[index as usize];
            let subtree = if node.is_leaf(index) {
                Seen { part: maker.part(Part::Leaf(node.value)), ranges: Vec::new(), feature: 0, missing: 0 }
            } else {
                let children = [node.left, node.right];
                let covers = children.map(|child| nodes[child as usize].cover);
                let [left, right] = children.map(|child| seen.remove(&child).expect("a node has one parent"));
                maker.split(node, covers[0] / (covers[0] + covers[1]), left, right)
            };
            seen.insert(index, subtree);
        }
        Self { parts: maker.parts, root: seen[&root].part }
    }

    pub(super) const fn root(&self) -> u32 {
        self.root
    }

    pub(super) fn part(&self, part: u32) -> &Part {
        &self.parts[part as usize]
    }
}

/// A subtree that was gone through.
struct Seen {
    part: u32,
    /// Where it asks: the ranges of the feature that lead to the parts below the splits on it; none where that is not to be gone into.
    ranges: Vec<Range>,
    feature: u16,
    /// The part that a missing value comes to.
    missing: u32,
}

#[derive(Clone, Copy)]
struct Range {
    /// Its last value; infinite for the last range.
    end: f64,
    part: u32,
    /// The share of the training rows that came here.
    share: f64,
}

impl Seen {
    /// The ranges of a feature.
    fn ranges_of(&self, feature: u16) -> (Vec<Range>, u32) {
        if self.ranges.is_empty() || self.feature != feature {
            return self.whole();
        }
        (self.ranges.clone(), self.missing)
    }

    fn whole(&self) -> (Vec<Range>, u32) {
        (vec![Range { end: f64::INFINITY, part: self.part, share: 1.0 }], self.part)
    }
}

struct Maker {
    parts: Vec<Part>,
    known: HashMap<Key, u32>,
    likeness: Likeness,
}

/// What makes a part the same as another.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Leaf(u64),
    Split { feature: u16, ends: Vec<u64>, first_left: bool, missing_left: bool, share: u64, children: [u32; 2] },
}

impl Maker {
    /// The number of a part, which is new where there is none like it.
    fn part(&mut self, part: Part) -> u32 {
        let key = match &part {
            Part::Leaf(value) => Key::Leaf(value.to_bits()),
            Part::Split(Split { feature, question, share, children }) => Key::Split {
                feature: *feature,
                ends: question.ends.iter().map(|end| end.to_bits()).collect(),
                first_left: question.first_left,
                missing_left: question.missing_left,
                share: if self.likeness == Likeness::Values { 0 } else { (share / SAME_SHARE).round() as u64 },
                children: *children,
            },
        };
        *self.known.entry(key).or_insert_with(|| {
            self.parts.push(part);
            self.parts.len() as u32 - 1
        })
    }

    fn split(&mut self, node: &Node, share: f64, left: Seen, right: Seen) -> Seen {
        let Node { feature, threshold, missing_left, .. } = *node;
        let ((lower, lower_missing), (upper, upper_missing)) = (left.ranges_of(feature), right.ranges_of(feature));
        // A range that no value comes to is left where it is, since training rows are said to have come there.
        let lower_is_clear = lower[..lower.len() - 1].iter().all(|range| range.end < threshold);
        let (lower, lower_missing) = if lower_is_clear { (lower, lower_missing) } else { left.whole() };
        let upper_is_clear = upper[..upper.len() - 1].iter().all(|range| range.end > threshold);
        let (upper, upper_missing) = if upper_is_clear { (upper, upper_missing) } else { right.whole() };
        let missing = if missing_left { lower_missing } else { upper_missing };

        let lower = lower.into_iter().map(|range| Range { end: range.end.min(threshold), share: share * range.share, ..range });
        let upper = upper.into_iter().map(|range| Range { share: (1.0 - share) * range.share, ..range });
        let mut ranges: Vec<Range> = Vec::new();
        let mut sides = Sides::default();
        let mut count = 0;
        for range in lower.chain(upper) {
            count += 1;
            sides.add(range);
            match ranges.last_mut() {
                Some(last) if last.part == range.part => (last.end, last.share) = (range.end, last.share + range.share),
                _ => ranges.push(range),
            }
        }
        let part = if sides.all.len() == count {
            let question = Question { ends: vec![threshold], first_left: true, missing_left };
            self.part(Part::Split(Split { feature, question, share, children: [left.part, right.part] }))
        } else {
            self.one_by_one(feature, &ranges, missing, &sides)
        };
        if ranges.len() > MOST_RANGES {
            ranges.clear();
        }
        Seen { part, ranges, feature, missing }
    }

    /// Tells the parts that ranges lead to apart: the first from all others, then the second, and so on.
    fn one_by_one(&mut self, feature: u16, ranges: &[Range], missing: u32, sides: &Sides) -> u32 {
        let (last, others) = sides.all.split_last().expect("a split has a side");
        let of_ranges: Vec<(f64, usize)> = ranges.iter().map(|range| (range.end, sides.places[&range.part])).collect();
        let (mut below, mut share_below) = (last.part, last.share);
        for (place, side) in others.iter().enumerate().rev() {
            // What was told apart before comes here no more, and goes with what lies before it.
            let first_left = of_ranges.iter().find(|(_, of)| *of >= place).is_some_and(|(_, of)| *of == place);
            let mut question = Question { ends: Vec::new(), first_left, missing_left: missing == side.part };
            let (mut is_left, mut before) = (first_left, f64::NEG_INFINITY);
            for &(end, of) in &of_ranges {
                if of >= place && (of == place) != is_left {
                    question.ends.push(before);
                    is_left = !is_left;
                }
                before = end;
            }
            let whole = side.share + share_below;
            let children = [side.part, below];
            below = self.part(Part::Split(Split { feature, question, share: side.share / whole, children }));
            share_below = whole;
        }
        below
    }
}

/// The parts that the ranges of a feature lead to, in the order of the first range of each.
#[derive(Default)]
struct Sides {
    all: Vec<Side>,
    places: HashMap<u32, usize>,
}

impl Sides {
    fn add(&mut self, range: Range) {
        let place = *self.places.entry(range.part).or_insert_with(|| {
            self.all.push(Side { part: range.part, share: 0.0 });
            self.all.len() - 1
        });
        self.all[place].share += range.share;
    }
}

/// A part that ranges lead to, with the share of the training rows that came to it.
struct Side {
    part: u32,
    share: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges of feature 0 that end at the whole numbers, each with what comes there: 10 n for a leaf of n, otherwise a split on
    /// feature 1. Missing values go with the first range.
    fn ranges(nodes: &mut Vec<Node>, kinds: &[u8], first: usize) -> u32 {
        let index = add(nodes, 0.0);
        if let [kind] = kinds {
            if kind.is_multiple_of(10) {
                nodes[index as usize].value = f64::from(*kind);
            } else {
                let (left, right) = (add(nodes, f64::from(*kind)), add(nodes, -f64::from(*kind)));
                nodes[left as usize].cover = 3.0;
                nodes[index as usize] = Node { feature: 1, threshold: 0.5, left, right, ..nodes[index as usize] };
            }
            return index;
        }
        let (lower, upper) = kinds.split_at(kinds.len() / 2);
        let threshold = (first + lower.len() - 1) as f64;
        let (left, right) = (ranges(nodes, lower, first), ranges(nodes, upper, first + lower.len()));
        nodes[index as usize] = Node { missing_left: true, threshold, left, right, ..nodes[index as usize] };
        index
    }

    fn add(nodes: &mut Vec<Node>, value: f64) -> u32 {
        let index = nodes.len() as u32;
        nodes.push(Node::leaf(index, value, 1.0));
        index
    }

    fn compact(kinds: &[u8]) -> (Compact, crate::model::Trees) {
        let mut nodes = Vec::new();
        ranges(&mut nodes, kinds, 0);
        let combine = crate::model::trees::Combine::LogisticSum;
        let mut trees = crate::model::Trees { width: 2, combine, base: 0.0, roots: vec![0], nodes };
        trees.sum_up();
        assert_eq!(trees.check(), Ok(()));
        (Compact::new(&trees.nodes, 0, Likeness::ValuesAndShares), trees)
    }

    /// How many parts there are from the root on.
    fn reached(tree: &Compact) -> usize {
        let mut seen = vec![tree.root()];
        let mut at = 0;
        while let Some(&part) = seen.get(at) {
            if let Part::Split(split) = tree.part(part) {
                seen.extend(split.children);
            }
            at += 1;
        }
        seen.len()
    }

    fn value(tree: &Compact, values: [f64; 2]) -> f64 {
        let mut part = tree.root();
        loop {
            match tree.part(part) {
                Part::Leaf(value) => return *value,
                Part::Split(split) => {
                    let is_left = split.question.goes_left(values[usize::from(split.feature)]);
                    part = split.children[usize::from(!is_left)];
                }
            }
        }
    }

    #[test]
    fn ranges_that_lead_to_the_same_are_one_question() {
        let (tree, _) = compact(&[1, 2, 1, 2, 2, 1]);
        assert_eq!(reached(&tree), 7, "two sides of a split and two leaves each, and the split above");
        let Part::Split(top) = tree.part(tree.root()) else { panic!("a leaf") };
        assert_eq!((top.question.ends.as_slice(), top.question.plain()), (&[0.0, 1.0, 2.0, 4.0][..], None));
        assert!((top.share - 0.5).abs() < 1e-15, "{}", top.share);
    }

    #[test]
    fn ranges_that_all_differ_stay_as_they_are() {
        let (tree, trees) = compact(&[10, 20, 30, 40]);
        assert_eq!(reached(&tree), trees.nodes.len());
        let Part::Split(top) = tree.part(tree.root()) else { panic!("a leaf") };
        assert_eq!((top.question.plain(), top.share), (Some((1.0, true)), 0.5));
    }

    #[test]
    fn every_value_comes_where_it_came() {
        for kinds in [&[1, 2, 3, 1, 3][..], &[10, 20, 10], &[10, 10, 10, 10], &[1, 1, 2, 30, 2, 40, 1, 30], &[3]] {
            let (tree, trees) = compact(kinds);
            let numbers = (-2..20).map(|half| f64::from(half) / 2.0);
            for first in numbers.chain([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]) {
                for second in [0.5, 0.6, f64::NAN] {
                    assert_eq!(value(&tree, [first, second]), trees.output(&[first, second]), "{kinds:?} {first} {second}");
                }
            }
        }
        let (same, _) = compact(&[10, 10, 10, 10]);
        assert_eq!(same.part(same.root()), &Part::Leaf(10.0), "a question whose answer changes nothing is none");
    }
}
