//! Foreign trees grown into [`Trees`]. A foreign split may ask what one comparison cannot say, such as whether a category is
//! among several; it becomes several nodes that compare the same feature, and the subtrees below are repeated with their share of
//! the training rows, which leaves both predictions and their reasons as they were.

use scoring::model::trees::Combine;
use scoring::model::{Model, Node, Trees};

use super::{Error, Source};

/// The most nodes of a model, about 160 MB.
const MOST_NODES: usize = 1 << 22;

/// A node of a foreign tree, its children by their place in the list of nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Foreign {
    /// What it adds, and the weight of the training rows that came to it; zero where the file does not say.
    Leaf { value: f64, cover: f64 },
    /// A question with two answers.
    Split { question: Question, left: usize, right: usize },
}

/// A question on one feature. Its values are cut into pieces that go left and right in turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    feature: u16,
    /// The last number of each piece but the last; finite, rising, at least one.
    ends: Vec<f64>,
    first_left: bool,
    missing_left: bool,
}

impl Question {
    /// With the last number of each piece, rising; `None` where a piece is empty because no number is low enough.
    pub(super) fn new(feature: u16, ends: impl IntoIterator<Item = Option<f64>>, first_left: bool, missing_left: bool) -> Self {
        let mut question = Self { feature, ends: Vec::new(), first_left, missing_left };
        for end in ends {
            match end {
                None => question.first_left = !question.first_left,
                // A piece that ends where the one before it does is empty, and its neighbours are one.
                Some(end) if question.ends.last() == Some(&end) => drop(question.ends.pop()),
                Some(end) => question.ends.push(end),
            }
        }
        if question.ends.is_empty() {
            question.ends.push(f64::MAX);
        }
        question
    }

    fn pieces(&self) -> usize {
        self.ends.len() + 1
    }

    const fn goes_left(&self, piece: usize) -> bool {
        self.first_left == piece.is_multiple_of(2)
    }

    /// How many pieces go to one side; never none, since there are two at least.
    const fn copies(&self, left: bool) -> usize {
        let pieces = self.ends.len() + 1;
        if self.first_left == left { pieces.div_ceil(2) } else { pieces / 2 }
    }

    /// The piece that missing values share.
    fn missing(&self) -> usize {
        usize::from(self.missing_left != self.first_left)
    }
}

/// Trees that are being grown.
#[derive(Clone, Debug)]
pub(super) struct Grove {
    trees: Trees,
    /// For each node, the share of the foreign node's training rows that this copy of it stands for.
    shares: Vec<f64>,
    has_cover: bool,
}

/// A node still to be filled in, at `index` of the result.
struct Open {
    index: u32,
    /// The foreign node it stands for.
    foreign: usize,
    /// The pieces of its question that are left to tell apart; none for a node not yet looked at.
    pieces: Option<(usize, usize)>,
}

impl Grove {
    pub(super) fn new(format: Source, width: usize) -> Result<Self, Error> {
        if width > usize::from(u16::MAX) {
            return Err(Error::Unsupported { format, what: format!("a model of {width} features") });
        }
        let trees = Trees { width, combine: Combine::LogisticSum, base: 0.0, roots: Vec::new(), nodes: Vec::new() };
        Ok(Self { trees, shares: Vec::new(), has_cover: true })
    }

    /// How many trees there are.
    pub(super) fn len(&self) -> usize {
        self.trees.roots.len()
    }

    /// Adds a tree; how many of the nodes its root leads to.
    pub(super) fn plant(&mut self, foreign: &[Foreign], root: usize) -> Result<usize, Error> {
        let reached = self.check(foreign, root)?;
        let index = self.add(1.0)?;
        self.trees.roots.push(index);
        let mut open = vec![Open { index, foreign: root, pieces: None }];
        while let Some(next) = open.pop() {
            match &foreign[next.foreign] {
                Foreign::Leaf { value, cover } => {
                    self.has_cover &= *cover > 0.0 && cover.is_finite();
                    self.trees.nodes[next.index as usize].value = *value;
                    self.trees.nodes[next.index as usize].cover = *cover;
                }
                Foreign::Split { question, left, right } => self.split(&next, question, [*left, *right], &mut open)?,
            }
        }
        Ok(reached)
    }

    /// The model, whose output without any tree is `base`, and whether it has covers: where one is not above zero, all leaves
    /// weigh the same. `scale` is what every leaf counts for.
    pub(super) fn finish(mut self, combine: Combine, base: f64, scale: f64) -> (Model, bool) {
        self.trees.combine = combine;
        self.trees.base = base;
        for (node, share) in self.trees.nodes.iter_mut().zip(self.shares) {
            node.value *= scale;
            node.cover = share * if self.has_cover { node.cover } else { 1.0 };
        }
        self.trees.sum_up();
        (Model::Trees(self.trees), self.has_cover)
    }

    /// Cuts what is left of a question in two.
    fn split(&mut self, node: &Open, question: &Question, children: [usize; 2], open: &mut Vec<Open>) -> Result<(), Error> {
        let (from, to) = node.pieces.unwrap_or((0, question.pieces()));
        let middle = usize::midpoint(from, to);
        let share = self.shares[node.index as usize];
        let share_of = |from: usize, to: usize| match to - from {
            1 => share / question.copies(question.goes_left(from)) as f64,
            _ => share,
        };
        let [left, right] = [self.add(share_of(from, middle))?, self.add(share_of(middle, to))?];
        self.trees.nodes[node.index as usize] = Node {
            feature: question.feature,
            missing_left: question.missing() < middle,
            threshold: question.ends[middle - 1],
            left,
            right,
            value: 0.0,
            cover: 0.0,
        };
        for (index, from, to) in [(left, from, middle), (right, middle, to)] {
            open.push(match to - from {
                1 => Open { index, foreign: children[usize::from(!question.goes_left(from))], pieces: None },
                _ => Open { index, foreign: node.foreign, pieces: Some((from, to)) },
            });
        }
        Ok(())
    }

    fn add(&mut self, share: f64) -> Result<u32, Error> {
        if self.trees.nodes.len() >= MOST_NODES {
            return Err(Error::TooLarge { most: MOST_NODES });
        }
        let index = self.trees.nodes.len() as u32;
        self.trees.nodes.push(Node::leaf(index, 0.0, 1.0));
        self.shares.push(share);
        Ok(index)
    }

    /// Whether every walk from the root ends, each node has one parent and all that is named exists; how many nodes there are.
    fn check(&self, foreign: &[Foreign], root: usize) -> Result<usize, Error> {
        let wrong = |node, what| Err(Error::Tree { tree: self.len(), node, what });
        let mut seen = vec![false; foreign.len()];
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            match seen.get_mut(node) {
                None => return wrong(node, "is a child but does not exist"),
                Some(true) => return wrong(node, "is the child of two nodes"),
                Some(seen) => *seen = true,
            }
            match &foreign[node] {
                Foreign::Leaf { value, .. } if !value.is_finite() => return wrong(node, "has a value that is not finite"),
                Foreign::Leaf { .. } => {}
                Foreign::Split { question, .. } if usize::from(question.feature) >= self.trees.width => {
                    return wrong(node, "compares a feature that does not exist");
                }
                Foreign::Split { left, right, .. } => open.extend([*left, *right]),
            }
        }
        Ok(seen.iter().filter(|seen| **seen).count())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A question of many pieces against the one whose answer is a feature of its own: 0 for left, 1 for right.
        #[test]
        fn pieces_predict_and_explain_as_one_split(
            ends in prop::collection::btree_set(-20..20i32, 1..6),
            first_left in any::<bool>(),
            missing_left in any::<bool>(),
            value in prop_oneof![4 => (-22..22i32).prop_map(f64::from), 1 => Just(f64::NAN)],
            other in 0..3u8,
        ) {
            let ends: Vec<f64> = ends.into_iter().map(f64::from).collect();
            let piece = ends.iter().filter(|&&end| value > end).count();
            let goes_left = if value.is_nan() { missing_left } else { first_left == (piece % 2 == 0) };
            let many = Question::new(0, ends.into_iter().map(Some), first_left, missing_left);
            let one = Question::new(0, [Some(0.5)], true, false);
            let (many, one) = (tree(many), tree(one));
            let values = [value, f64::from(other)];
            let answered = [f64::from(u8::from(!goes_left)), f64::from(other)];
            prop_assert_eq!(many.check(), Ok(()));
            prop_assert_eq!(many.probability(&values), one.probability(&answered));
            for (many, one) in many.contributions(&values).iter().zip(one.contributions(&answered)) {
                prop_assert!((many - one).abs() < 1e-12, "{} {}", many, one);
            }
        }
    }

    /// A question above one on another feature, and below another.
    fn tree(question: Question) -> Model {
        let plain = |end| Question::new(1, [Some(end)], true, false);
        let leaf = |value, cover| Foreign::Leaf { value, cover };
        let mut grove = Grove::new(Source::LightGbm, 2).unwrap();
        let foreign = [
            Foreign::Split { question: plain(1.5), left: 1, right: 6 },
            Foreign::Split { question, left: 2, right: 3 },
            Foreign::Split { question: plain(0.5), left: 4, right: 5 },
            leaf(-2.0, 7.0),
            leaf(1.0, 3.0),
            leaf(3.0, 11.0),
            leaf(0.5, 5.0),
        ];
        grove.plant(&foreign, 0).unwrap();
        grove.finish(Combine::LogisticSum, 0.25, 1.0).0
    }

    #[test]
    fn a_tree_that_grows_without_end_is_refused() {
        let ends = || (0..64).map(|end| Some(f64::from(end)));
        let mut foreign = Vec::new();
        for depth in 0..6 {
            let question = Question::new(0, ends(), true, true);
            foreign.push(Foreign::Split { question, left: 2 * depth + 2, right: 2 * depth + 1 });
            foreign.push(Foreign::Leaf { value: 1.0, cover: 1.0 });
        }
        foreign.push(Foreign::Leaf { value: 0.0, cover: 1.0 });
        let grown = Grove::new(Source::LightGbm, 1).unwrap().plant(&foreign, 0);
        assert_eq!(grown, Err(Error::TooLarge { most: MOST_NODES }));
    }
}
