//! Some trees of many leaves, walked side by side, so that their reads from memory are waited for at the same time.

use crate::model::Node;

/// Up to [`Walk::TREES`] trees.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Each tree level by level, the two children of a split beside one another.
    nodes: Vec<Step>,
    roots: [u32; Self::TREES],
}

/// A node in 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The threshold of a split, the value of a leaf.
    number: f64,
    /// The left child; the right one lies behind it. The leaf itself in a leaf.
    left: u32,
    /// Where the feature lies in a vector, whether a missing value goes left, whether it is a split; lowest bit last.
    question: u32,
}

impl Step {
    const fn leaf(index: u32, value: f64) -> Self {
        Self { number: value, left: index, question: 0 }
    }

    /// The node that comes next. Nothing is guessed, so nothing is guessed wrong.
    #[inline(always)]
    fn next(&self, values: &[f64]) -> u32 {
        let value = values[(self.question >> 2) as usize];
        let at_most = u32::from(value <= self.number) | (u32::from(value.is_nan()) & (self.question >> 1));
        self.left + (self.question & !at_most & 1)
    }
}

impl Walk {
    /// How many trees are walked at once.
    pub(super) const TREES: usize = 8;

    pub(super) fn new(nodes: &[Node], roots: &[u32], place: &impl Fn(u16) -> usize) -> Self {
        // What adds -0 changes nothing: the lanes without a tree stand still there.
        let mut walk = Self { nodes: vec![Step::leaf(0, -0.0)], roots: [0; Self::TREES] };
        for (own, &root) in walk.roots.iter_mut().zip(roots) {
            *own = walk.nodes.len() as u32;
            walk.nodes.push(Step::leaf(*own, -0.0));
            let mut level = vec![(*own, root)];
            while !level.is_empty() {
                let mut below = Vec::new();
                for (to, index) in level {
                    let node = &nodes[index as usize];
                    let left = walk.nodes.len() as u32;
                    if node.is_leaf(index) {
                        walk.nodes[to as usize] = Step::leaf(to, node.value);
                        continue;
                    }
                    let question = (place(node.feature) as u32) << 2 | u32::from(node.missing_left) << 1 | 1;
                    walk.nodes[to as usize] = Step { number: node.threshold, left, question };
                    walk.nodes.extend([Step::leaf(left, -0.0), Step::leaf(left + 1, -0.0)]);
                    below.extend([(left, node.left), (left + 1, node.right)]);
                }
                level = below;
            }
        }
        walk
    }

    /// Adds the trees' values, in their order.
    pub(super) fn add(&self, sum: f64, values: &[f64]) -> f64 {
        let mut at = self.roots;
        loop {
            let mut moved = 0;
            for index in &mut at {
                let next = self.nodes[*index as usize].next(values);
                moved |= next ^ *index;
                *index = next;
            }
            if moved == 0 {
                break;
            }
        }
        at.iter().fold(sum, |sum, &index| sum + self.nodes[index as usize].number)
    }
}
