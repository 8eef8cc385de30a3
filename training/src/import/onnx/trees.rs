//! Trees as ONNX has them up to version 4 of its machine-learning operators: lists with an entry a node, and further ones with an
//! entry for each weight of a leaf.

use std::collections::HashMap;

use super::FORMAT;
use super::column::Column;
use super::graph::Value;
use super::operator::Operator;
use super::score::{Link, Score, Shape, Sum};
use crate::import::Error;
use crate::import::grow::{Foreign, Grove, Question};
use crate::import::threshold::last;

/// A comparison of a value with a threshold, true of which the left child gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    NotEqual,
}

/// A classifier of two classes. Either its leaves have weights for one class, which make the second class's score whatever the number
/// of the class, or for both, and then the second's count.
pub(super) fn classifier(operator: &Operator, columns: &[Column], width: usize) -> Result<Value, Error> {
    let classes = operator.ints("classlabels_int64s").len().max(operator.texts("classlabels_strings")?.len());
    if classes != 2 {
        return Err(operator.unsupported(format!("{classes} classes")));
    }
    let (ids, base) = (operator.ints("class_ids"), operator.numbers("base_values")?);
    if let Some(id) = ids.iter().find(|&&id| id != 0 && id != 1) {
        return Err(operator.damaged(format!("has weights for class {id}")));
    }
    let [has_first, has_second] = [0, 1].map(|class| ids.contains(&class));
    // Of two classes this is the logistic function of the difference, which ONNX Runtime 1.32 does not give.
    let softmax = operator.text("post_transform", "NONE")? == "SOFTMAX" && has_first && has_second;
    let (class, base, shape) = match (has_second, base.as_slice()) {
        (_, []) if softmax => (1, 0.0, Shape::Complementary),
        (_, &[against, base]) if softmax => (1, base - against, Shape::Complementary),
        (false, []) => (0, 0.0, Shape::Complementary),
        (false, &[base]) => (0, base, Shape::Complementary),
        // What runtimes make of more is not what the standard says.
        (true, base) if base.iter().all(|&base| base == 0.0) && base.len() < 2 => (1, 0.0, Shape::Two),
        _ => return Err(operator.unsupported("base_values for two classes")),
    };
    let link = if softmax { Link::Logistic } else { link(operator)? };
    let weights = Weights::new(operator, "class", class, softmax)?;
    if has_first && has_second && !softmax {
        weights.in_every_leaf(operator)?;
    }
    let grove = grow(operator, columns, width, &weights)?;
    Ok(Value::Score(Score { sum: Sum::Trees { grove, base, mean: false }, link, shape }))
}

/// A regressor of one target. The logistic function is applied where the standard says so; ONNX Runtime 1.32 leaves it out.
pub(super) fn regressor(operator: &Operator, columns: &[Column], width: usize) -> Result<Value, Error> {
    let targets = operator.int("n_targets", 1);
    if targets != 1 {
        return Err(operator.unsupported(format!("{targets} targets")));
    }
    let mean = match operator.text("aggregate_function", "SUM")? {
        "SUM" => false,
        "AVERAGE" => true,
        other => return Err(operator.unsupported(format!("aggregate_function {other}"))),
    };
    let base = match operator.numbers("base_values")?.as_slice() {
        [] => 0.0,
        &[base] => base,
        _ => return Err(operator.damaged("has several base_values")),
    };
    let link = link(operator)?;
    let grove = grow(operator, columns, width, &Weights::new(operator, "target", 0, false)?)?;
    Ok(Value::Score(Score { sum: Sum::Trees { grove, base, mean }, link, shape: Shape::One }))
}

fn link(operator: &Operator) -> Result<Link, Error> {
    match operator.text("post_transform", "NONE")? {
        "NONE" => Ok(Link::None),
        "LOGISTIC" => Ok(Link::Logistic),
        post => Err(operator.unsupported(format!("post_transform {post}"))),
    }
}

/// The question that a comparison is, for a column to the value of which things happen before.
pub(super) fn question(
    operator: &Operator,
    column: Option<&Column>,
    mode: Mode,
    threshold: f64,
    tracks_true: bool,
) -> Result<Question, Error> {
    let column = column.ok_or_else(|| operator.damaged("compares a feature that does not exist"))?;
    if threshold.is_nan() {
        return Err(operator.damaged("has a threshold that is not a number"));
    }
    let feature = u16::try_from(column.feature).map_err(|_| operator.damaged("compares a feature that does not exist"))?;
    if let Some(coded) = column.coded() {
        let otherwise = mode.holds(coded.otherwise, threshold);
        let differ = coded.pieces.iter().filter(|(.., code)| mode.holds(*code, threshold) != otherwise);
        let ends = differ.flat_map(|(before, end, _)| [*before, *end]);
        let missing_left = mode.holds(coded.missing, threshold) || (coded.missing.is_nan() && tracks_true);
        return Ok(Question::new(feature, ends, otherwise, missing_left));
    }
    if !column.keeps_order() {
        return Err(operator.unsupported("a feature that is not scaled by a number above zero"));
    }
    let below = || last(|value| column.apply(value) < threshold);
    let at_most = || last(|value| column.apply(value) <= threshold);
    let (ends, first_left) = match mode {
        Mode::AtMost => (vec![at_most()], true),
        Mode::Below => (vec![below()], true),
        Mode::AtLeast => (vec![below()], false),
        Mode::Above => (vec![at_most()], false),
        Mode::Equal => (vec![below(), at_most()], false),
        Mode::NotEqual => (vec![below(), at_most()], true),
    };
    let missing = column.apply(f64::NAN);
    let missing_left = mode.holds(missing, threshold) || (missing.is_nan() && tracks_true);
    Ok(Question::new(feature, ends, first_left, missing_left))
}

impl Mode {
    /// Whether it holds, of a missing value too.
    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtMost => value <= threshold,
            Self::Below => value < threshold,
            Self::AtLeast => value >= threshold,
            Self::Above => value > threshold,
            Self::Equal => value == threshold,
            Self::NotEqual => value != threshold,
        }
    }
}

/// What leaves add, by tree and node.
struct Weights {
    of: HashMap<(i64, i64), f64>,
    /// The leaves that have a weight for any class.
    leaves: Vec<(i64, i64)>,
}

impl Weights {
    /// Those of a class, `against` the other's or by themselves.
    fn new(operator: &Operator, prefix: &str, class: i64, against: bool) -> Result<Self, Error> {
        let list = |name: &str| operator.ints(&format!("{prefix}_{name}"));
        let (trees, nodes, ids) = (list("treeids"), list("nodeids"), list("ids"));
        let weights = operator.numbers(&format!("{prefix}_weights"))?;
        if [trees.len(), nodes.len(), ids.len()] != [weights.len(); 3] {
            return Err(operator.damaged("has lists of weights that differ in length"));
        }
        let leaves: Vec<_> = trees.iter().copied().zip(nodes.iter().copied()).collect();
        let mut of = HashMap::new();
        for ((&leaf, &id), weight) in leaves.iter().zip(ids).zip(weights) {
            if id == class || against {
                *of.entry(leaf).or_insert(0.0) += if id == class { weight } else { -weight };
            }
        }
        Ok(Self { of, leaves })
    }

    /// A row whose leaves have no weight for the second class gets the first's for it in ONNX Runtime.
    fn in_every_leaf(&self, operator: &Operator) -> Result<(), Error> {
        match self.leaves.iter().find(|leaf| !self.of.contains_key(leaf)) {
            None => Ok(()),
            Some((tree, node)) => {
                Err(operator.unsupported(format!("no weight of the second class in leaf {node} of tree {tree}")))
            }
        }
    }
}

fn grow(operator: &Operator, columns: &[Column], width: usize, weights: &Weights) -> Result<Grove, Error> {
    let nodes = Nodes::new(operator)?;
    let mut grove = Grove::new(FORMAT, width)?;
    let mut known = 0;
    for rows in nodes.by_tree() {
        let tree = nodes.trees[rows[0]];
        let (foreign, root) = nodes.tree(operator, columns, &rows, weights)?;
        known += rows.iter().filter(|&&row| weights.of.contains_key(&(tree, nodes.ids[row]))).count();
        if grove.plant(&foreign, root)? != rows.len() {
            return Err(operator.damaged(format!("has a tree {tree} with nodes that its root does not lead to")));
        }
    }
    if known != weights.of.len() {
        return Err(operator.damaged("has a weight for a node that does not exist"));
    }
    Ok(grove)
}

/// The lists that describe nodes.
struct Nodes<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    features: &'a [i64],
    modes: Vec<&'a str>,
    thresholds: Vec<f64>,
    when_true: &'a [i64],
    when_false: &'a [i64],
    tracks_true: &'a [i64],
    hits: Vec<f64>,
}

impl<'a> Nodes<'a> {
    fn new(operator: &Operator<'a>) -> Result<Self, Error> {
        let list = |name: &str| operator.ints(&format!("nodes_{name}"));
        let nodes = Self {
            trees: list("treeids"),
            ids: list("nodeids"),
            features: list("featureids"),
            modes: operator.texts("nodes_modes")?,
            thresholds: operator.numbers("nodes_values")?,
            when_true: list("truenodeids"),
            when_false: list("falsenodeids"),
            tracks_true: list("missing_value_tracks_true"),
            hits: operator.numbers("nodes_hitrates")?,
        };
        let lengths = [nodes.ids.len(), nodes.features.len(), nodes.when_true.len(), nodes.when_false.len()];
        let optional = |length: usize| length == 0 || length == nodes.trees.len();
        if lengths == [nodes.trees.len(); 4]
            && [nodes.modes.len(), nodes.thresholds.len()] == [nodes.trees.len(); 2]
            && optional(nodes.tracks_true.len())
            && optional(nodes.hits.len())
        {
            Ok(nodes)
        } else {
            Err(operator.damaged("has lists of nodes that differ in length"))
        }
    }

    /// The nodes of each tree, trees in the order in which they begin.
    fn by_tree(&self) -> Vec<Vec<usize>> {
        let (mut places, mut rows) = (HashMap::new(), Vec::<Vec<usize>>::new());
        for (row, tree) in self.trees.iter().enumerate() {
            let place = *places.entry(tree).or_insert(rows.len());
            match rows.get_mut(place) {
                Some(tree) => tree.push(row),
                None => rows.push(vec![row]),
            }
        }
        rows
    }

    /// The nodes of a tree in the order of `rows`, and the root: the one that is nobody's child.
    fn tree(
        &self,
        operator: &Operator,
        columns: &[Column],
        rows: &[usize],
        weights: &Weights,
    ) -> Result<(Vec<Foreign>, usize), Error> {
        let tree = self.trees[rows[0]];
        let places: HashMap<i64, usize> = rows.iter().enumerate().map(|(place, &row)| (self.ids[row], place)).collect();
        let damaged = |what: &str| operator.damaged(format!("has a tree {tree} {what}"));
        if places.len() != rows.len() {
            return Err(damaged("with two nodes of one number"));
        }
        let child = |id: i64| places.get(&id).copied().ok_or_else(|| damaged(&format!("without its node {id}")));
        let children = |row: usize| Ok::<_, Error>([child(self.when_true[row])?, child(self.when_false[row])?]);
        let mut is_child = vec![false; rows.len()];
        for &row in rows.iter().filter(|&&row| self.modes[row] != "LEAF") {
            for child in children(row)? {
                is_child[child] = true;
            }
        }
        let root = is_child.iter().position(|is_child| !is_child).ok_or_else(|| damaged("without a root"))?;
        if is_child.iter().filter(|is_child| !**is_child).count() > 1 {
            return Err(damaged("with two roots"));
        }
        let hits = |place: usize| self.hits.get(rows[place]).copied().unwrap_or(0.0);
        let mut add_up = true;
        let mut foreign = Vec::with_capacity(rows.len());
        for (place, &row) in rows.iter().enumerate() {
            if self.modes[row] == "LEAF" {
                let value = weights.of.get(&(tree, self.ids[row])).copied().unwrap_or(0.0);
                foreign.push(Foreign::Leaf { value, cover: hits(place) });
                continue;
            }
            let [left, right] = children(row)?;
            add_up &= (hits(left) + hits(right) - hits(place)).abs() <= 1e-6 * hits(place).abs();
            let column = usize::try_from(self.features[row]).ok().and_then(|feature| columns.get(feature));
            let tracks_true = self.tracks_true.get(row).is_some_and(|&tracks| tracks != 0);
            let question = question(operator, column, mode(operator, self.modes[row])?, self.thresholds[row], tracks_true)?;
            foreign.push(Foreign::Split { question, left, right });
        }
        // Many writers put 1 everywhere: rates that do not add up are none.
        if !add_up {
            for node in &mut foreign {
                if let Foreign::Leaf { cover, .. } = node {
                    *cover = 0.0;
                }
            }
        }
        Ok((foreign, root))
    }
}

fn mode(operator: &Operator, mode: &str) -> Result<Mode, Error> {
    Ok(match mode {
        "BRANCH_LEQ" => Mode::AtMost,
        "BRANCH_LT" => Mode::Below,
        "BRANCH_GTE" => Mode::AtLeast,
        "BRANCH_GT" => Mode::Above,
        "BRANCH_EQ" => Mode::Equal,
        "BRANCH_NEQ" => Mode::NotEqual,
        _ => return Err(operator.unsupported(format!("nodes_modes {mode}"))),
    })
}
