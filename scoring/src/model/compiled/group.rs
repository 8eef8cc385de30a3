//! Trees whose features are looked up together: a value finds its bin once for all of them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::bins::Bins;
use super::boxes::Boxes;
use super::masks::Masks;
use super::walk::Walk;
use crate::model::Trees;

/// A block has a table of all bins of its group, so that tables grow with the square of its trees.
const MOST_TREES: usize = 512;
/// The bins of an event lie on the stack. Trees that ask more features than this are walked.
const MOST_FEATURES: usize = 512;
const FEW_FEATURES: usize = 64;

/// Trees that follow one another.
#[derive(Clone, Debug)]
pub(super) struct Group {
    bins: Bins,
    blocks: Vec<Block>,
}

/// Masks of trees by their leaves.
type Narrow = Masks<u32, 512, 32>;
type Wide = Masks<u64, 256, 64>;

#[derive(Clone, Debug)]
enum Block {
    Narrow(Narrow),
    Wide(Wide),
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

impl Kind {
    /// How many trees a block has at most.
    const fn most(self) -> usize {
        match self {
            Self::Narrow => Narrow::MOST,
            Self::Wide => Wide::MOST,
            Self::Walk => Walk::TREES,
        }
    }
}

/// Cuts trees into groups, and those into blocks: pieces of one kind that follow one another are one.
pub(super) fn groups(boxes: &[Option<Boxes>]) -> Vec<Vec<Span>> {
    let mut groups: Vec<Vec<Span>> = Vec::new();
    let (mut features, mut trees) = (BTreeSet::new(), 0);
    for span in spans(boxes) {
        features.extend(asked(boxes, &span));
        trees += span.trees.len();
        match groups.last_mut() {
            Some(group) if features.len() <= MOST_FEATURES && trees <= MOST_TREES => match group.last_mut() {
                Some(last) if last.kind == span.kind && last.trees.len() + span.trees.len() <= span.kind.most() => {
                    last.trees.end = span.trees.end;
                }
                _ => group.push(span),
            },
            _ => {
                features = asked(boxes, &span).collect();
                trees = span.trees.len();
                groups.push(vec![span]);
            }
        }
    }
    groups
}

/// Cuts trees into pieces of few, each of the kind that fits all of them.
fn spans(boxes: &[Option<Boxes>]) -> Vec<Span> {
    const NARROW: usize = 16;
    const WIDE: usize = 8;
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
    pub(super) fn new(
        trees: &Trees,
        boxes: &[Option<Boxes>],
        spans: &[Span],
        place: &impl Fn(u16) -> usize,
        most_row_bytes: usize,
    ) -> Self {
        let looked_up = spans.iter().filter(|span| span.kind != Kind::Walk).flat_map(|span| &boxes[span.trees.clone()]);
        let bins = Bins::new(looked_up.flatten(), place);
        let block = |span: &Span| {
            let of_block: Vec<&Boxes> = boxes[span.trees.clone()].iter().flatten().collect();
            match span.kind {
                Kind::Narrow => Block::Narrow(Masks::new(&of_block, &bins, most_row_bytes)),
                Kind::Wide => Block::Wide(Masks::new(&of_block, &bins, most_row_bytes)),
                Kind::Walk => Block::Walk(Walk::new(&trees.nodes, &trees.roots[span.trees.clone()], place)),
            }
        };
        let blocks = spans.iter().map(block).collect();
        Self { bins, blocks }
    }

    /// Adds the trees' values, in their order.
    pub(super) fn add(&self, sum: f64, values: &[f64]) -> f64 {
        match self.bins.features() {
            0..=FEW_FEATURES => self.add_looked_up::<FEW_FEATURES>(sum, values),
            _ => self.add_looked_up::<MOST_FEATURES>(sum, values),
        }
    }

    #[inline(always)]
    fn add_looked_up<const FEATURES: usize>(&self, sum: f64, values: &[f64]) -> f64 {
        let mut found = [0; FEATURES];
        self.bins.find(values, |slot, bin| found[slot] = bin);
        self.blocks.iter().fold(sum, |sum, block| match block {
            Block::Narrow(masks) => masks.add(sum, &found),
            Block::Wide(masks) => masks.add(sum, &found),
            Block::Walk(walk) => walk.add(sum, values),
        })
    }
}
