//! Trees as ONNX has them from version 5 of its machine-learning operators on: splits and leaves in lists of their own.

use super::FORMAT;
use super::column::Column;
use super::graph::Value;
use super::operator::{Operator, numbers};
use super::score::{Link, Score, Shape, Sum};
use super::trees::{Mode, question};
use crate::import::Error;
use crate::import::grow::{Foreign, Grove};

/// A TreeEnsemble of one target.
pub(super) fn ensemble(operator: &Operator, columns: &[Column], width: usize) -> Result<Value, Error> {
    let targets = operator.int("n_targets", 1);
    if targets != 1 {
        return Err(operator.unsupported(format!("{targets} targets")));
    }
    let mean = match operator.int("aggregate_function", 1) {
        0 => true,
        1 => false,
        other => return Err(operator.unsupported(format!("aggregate_function {other}"))),
    };
    let link = match operator.int("post_transform", 0) {
        0 => Link::None,
        2 => Link::Logistic,
        other => return Err(operator.unsupported(format!("post_transform {other}"))),
    };
    let lists = Lists::new(operator)?;
    let mut grove = Grove::new(FORMAT, width)?;
    for &root in operator.ints("tree_roots") {
        let foreign = lists.tree(operator, columns, root)?;
        grove.plant(&foreign, 0)?;
    }
    Ok(Value::Score(Score { sum: Sum::Trees { grove, base: 0.0, mean }, link, shape: Shape::One }))
}

struct Lists<'a> {
    features: &'a [i64],
    modes: Vec<f64>,
    thresholds: Vec<f64>,
    when_true: &'a [i64],
    true_is_leaf: &'a [i64],
    when_false: &'a [i64],
    false_is_leaf: &'a [i64],
    tracks_true: &'a [i64],
    weights: Vec<f64>,
}

impl<'a> Lists<'a> {
    fn new(operator: &Operator<'a>) -> Result<Self, Error> {
        let tensor = |name: &str| {
            operator.tensor(name).and_then(numbers).ok_or_else(|| operator.damaged(format!("has no whole tensor {name}")))
        };
        let lists = Self {
            features: operator.ints("nodes_featureids"),
            modes: tensor("nodes_modes")?,
            thresholds: tensor("nodes_splits")?,
            when_true: operator.ints("nodes_truenodeids"),
            true_is_leaf: operator.ints("nodes_trueleafs"),
            when_false: operator.ints("nodes_falsenodeids"),
            false_is_leaf: operator.ints("nodes_falseleafs"),
            tracks_true: operator.ints("nodes_missing_value_tracks_true"),
            weights: tensor("leaf_weights")?,
        };
        let ids = [lists.when_true.len(), lists.true_is_leaf.len(), lists.when_false.len(), lists.false_is_leaf.len()];
        let nodes = lists.features.len();
        if ids != [nodes; 4]
            || [lists.modes.len(), lists.thresholds.len()] != [nodes; 2]
            || ![0, nodes].contains(&lists.tracks_true.len())
            || operator.ints("leaf_targetids").len() != lists.weights.len()
        {
            return Err(operator.damaged("has lists of nodes that differ in length"));
        }
        match operator.ints("leaf_targetids").iter().find(|&&target| target != 0) {
            Some(target) => Err(operator.damaged(format!("has weights for target {target}"))),
            None => Ok(lists),
        }
    }

    /// A tree with its root first, which is a split even over a single leaf. No walk visits more nodes than there are, so that a circle does not go on.
    fn tree(&self, operator: &Operator, columns: &[Column], root: i64) -> Result<Vec<Foreign>, Error> {
        let missing = |what: &str, id: i64| operator.damaged(format!("has no {what} {id}"));
        // Nodes are known by their place in the list; they are filled in as the list is read.
        let mut places = vec![(root, false)];
        let mut foreign = Vec::new();
        while let Some(&(id, is_leaf)) = places.get(foreign.len()) {
            let at = usize::try_from(id).map_err(|_| missing("node", id))?;
            if is_leaf {
                let value = *self.weights.get(at).ok_or_else(|| missing("leaf", id))?;
                foreign.push(Foreign::Leaf { value, cover: 0.0 });
                continue;
            }
            let (&feature, &mode) = self.features.get(at).zip(self.modes.get(at)).ok_or_else(|| missing("node", id))?;
            let mode = match mode {
                0.0 => Mode::AtMost,
                1.0 => Mode::Below,
                2.0 => Mode::AtLeast,
                3.0 => Mode::Above,
                4.0 => Mode::Equal,
                5.0 => Mode::NotEqual,
                _ => return Err(operator.unsupported(format!("nodes_modes {mode}"))),
            };
            if places.len() > 2 * self.features.len() {
                return Err(operator.damaged("has nodes that are children of two"));
            }
            let column = usize::try_from(feature).ok().and_then(|feature| columns.get(feature));
            let tracks_true = self.tracks_true.get(at).is_some_and(|&tracks| tracks != 0);
            let question = question(operator, column, mode, self.thresholds[at], tracks_true)?;
            foreign.push(Foreign::Split { question, left: places.len(), right: places.len() + 1 });
            places.push((self.when_true[at], self.true_is_leaf[at] != 0));
            places.push((self.when_false[at], self.false_is_leaf[at] != 0));
        }
        Ok(foreign)
    }
}
