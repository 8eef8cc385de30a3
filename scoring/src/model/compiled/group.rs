//! Trees whose features are looked up together: a value finds its bin once for all of them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::bins::Bins;
use super::boxes::Boxes;
use super::masks::Masks;
use super::walk::Walk;
use crate::model::Trees;

/// The table of rows has an entry for each bin and block, so that it grows with the square of the trees of a group.
const MOST_TREES: usize = 512;
/// The bins of an event lie on the stack. Trees that ask more features than this are walked.
const MOST_FEATURES: usize = 512;
const FEW_FEATURES: usize = 64;

/// How many trees a block has, by the leaves of its trees.
const NARROW: usize = 16;
const WIDE: usize = 8;

/// Trees that follow one another.
#[derive(Clone, Debug)]
pub(super) struct Group {
    bins: Bins,
    /// For each bin, the row of each block's masks.
    rows: Vec<u16>,
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
enum Block {
    Narrow(Masks<u32, NARROW, 32>),
    Wide(Masks<u64, WIDE, 64>),
    Walk(Walk),
}

/// Which trees make a block, and of which kind.
#[derive(Clone, Debug)]
pub(super) struct Span {
    trees: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Narrow,
    Wide,
    Walk,
}

/// Cuts trees into blocks, and those into groups.
pub(super) fn groups(boxes: &[Option<Boxes>]) -> Vec<Vec<Span>> {
    let mut groups: Vec<Vec<Span>> = Vec::new();
    let (mut features, mut trees) = (BTreeSet::new(), 0);
    for span in spans(boxes) {
        features.extend(asked(boxes, &span));
        trees += span.trees.len();
        match groups.last_mut() {
            Some(group) if features.len() <= MOST_FEATURES && trees <= MOST_TREES => group.push(span),
            _ => {
                features = asked(boxes, &span).collect();
                trees = span.trees.len();
                groups.push(vec![span]);
            }
        }
    }
    groups
}

fn spans(boxes: &[Option<Boxes>]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    while from < boxes.len() {
        let next = |trees: usize| from..boxes.len().min(from + trees);
        let fit = |trees: usize, leaves: usize| {
            let trees = &boxes[next(trees)];
            let asked = || trees.iter().flatten().flat_map(Boxes::asked).collect::<BTreeSet<u16>>();
            trees.iter().all(|tree| tree.as_ref().is_some_and(|tree| tree.len() <= leaves)) && asked().len() <= MOST_FEATURES
        };
        let (trees, kind) = match () {
            () if fit(NARROW, 32) => (next(NARROW), Kind::Narrow),
            () if fit(WIDE, 64) => (next(WIDE), Kind::Wide),
            () => (next(Walk::TREES), Kind::Walk),
        };
        from = trees.end;
        spans.push(Span { trees, kind });
    }
    spans
}

/// The features that a block looks up in bins; some come more than once.
fn asked<'a>(boxes: &'a [Option<Boxes>], span: &Span) -> impl Iterator<Item = u16> + 'a {
    let trees = if span.kind == Kind::Walk { &[] } else { &boxes[span.trees.clone()] };
    trees.iter().flatten().flat_map(Boxes::asked)
}

impl Group {
    pub(super) fn new(trees: &Trees, boxes: &[Option<Boxes>], spans: &[Span], place: &impl Fn(u16) -> usize) -> Self {
        let looked_up = spans.iter().filter(|span| span.kind != Kind::Walk).flat_map(|span| &boxes[span.trees.clone()]);
        let bins = Bins::new(looked_up.flatten(), place);
        let mut rows = vec![0; bins.count() * spans.len()];
        let mut block = |(number, span): (usize, &Span)| {
            let put = |bin: usize, row: u16| rows[bin * spans.len() + number] = row;
            let of_block: Vec<&Boxes> = boxes[span.trees.clone()].iter().flatten().collect();
            match span.kind {
                Kind::Narrow => Block::Narrow(Masks::new(&of_block, &bins, put)),
                Kind::Wide => Block::Wide(Masks::new(&of_block, &bins, put)),
                Kind::Walk => Block::Walk(Walk::new(&trees.nodes, &trees.roots[span.trees.clone()], place)),
            }
        };
        let blocks = spans.iter().enumerate().map(&mut block).collect();
        Self { bins, rows, blocks }
    }

    /// Adds the trees' values, in their order.
    pub(super) fn add(&self, sum: f64, values: &[f64]) -> f64 {
        match self.bins.features() {
            0..=FEW_FEATURES => self.add_looked_up::<FEW_FEATURES>(sum, values),
            _ => self.add_looked_up::<MOST_FEATURES>(sum, values),
        }
    }

    #[inline(always)]
    fn add_looked_up<const FEATURES: usize>(&self, mut sum: f64, values: &[f64]) -> f64 {
        let mut lines = [0; FEATURES];
        self.bins.find(values, |slot, bin| lines[slot] = bin * self.blocks.len());
        for (number, block) in self.blocks.iter().enumerate() {
            let row = |slot: usize| self.rows[lines[slot] + number];
            sum = match block {
                Block::Narrow(masks) => masks.add(sum, row),
                Block::Wide(masks) => masks.add(sum, row),
                Block::Walk(walk) => walk.add(sum, values),
            };
        }
        sum
    }
}
