//! XGBoost's JSON, of versions 1 to 3, for models of one output whose trees, or weighted features (`gblinear`), add up to log-odds.
//!
//! XGBoost rounds values to single precision and sends one left when it is below the threshold; a missing one takes the default way.
//! A split on categories cuts the decimals off and sends those of its set right. A leaf keeps its value among the thresholds, and
//! the base score is a probability.

use scoring::model::Linear;
use scoring::model::trees::Combine;
use scoring::{Model, Scorer};
use serde_json::Value;

use super::grow::{Foreign, Grove, Question};
use super::threshold::last;
use super::{Error, Imported, Source, numbered};

/// Objectives that predict the probability.
const LOGISTIC: [&str; 2] = ["binary:logistic", "reg:logistic"];
/// The objective that predicts the log-odds and keeps its base score as them. Here it predicts the probability that they stand for.
const LOG_ODDS: &str = "binary:logitraw";

pub(super) fn read(format: Source, file: &Value) -> Result<Imported, Error> {
    let learner = Part { format, path: "learner".to_owned(), value: &file["learner"] };
    let parameters = learner.part("learner_model_param");
    let objective = learner.part("objective").part("name").text()?;
    if !LOGISTIC.contains(&objective) && objective != LOG_ODDS {
        return Err(format.unsupported(format!("the objective {objective}")));
    }
    for key in ["num_class", "num_target"] {
        let count = parameters.part(key);
        // Older versions do not know several targets.
        if !count.value.is_null() && count.written::<usize>()? > 1 {
            return Err(format.unsupported(format!("a model with {key}={}", count.text()?)));
        }
    }
    let width = parameters.part("num_feature").written::<usize>()?;
    let base = base(&parameters.part("base_score"), objective)?;
    let features = names(&learner.part("feature_names"), width)?;
    let gradient_booster = learner.part("gradient_booster");
    if gradient_booster.part("name").text()? == "gblinear" {
        let model = Model::Linear(linear(&gradient_booster.part("model").part("weights"), width, base)?);
        return Ok(Imported { source: format, features, scorer: Scorer::plain(model), has_cover: true });
    }
    let mut grove = Grove::new(format, width)?;
    let (model, drops) = booster(&gradient_booster)?;
    let trees = model.part("trees").parts()?;
    if trees.len() != model.part("gbtree_model_param").part("num_trees").written::<usize>()? {
        return Err(model.damaged("does not have num_trees trees"));
    }
    for (place, tree) in trees.iter().enumerate() {
        // In single precision, as XGBoost multiplies.
        let weight = match &drops {
            Some(drops) => *drops.get(place).ok_or_else(|| model.damaged("has trees without weight_drop"))? as f32,
            None => 1.0,
        };
        grove.plant(&foreign_tree(tree, weight)?, 0)?;
    }
    let (model, has_cover) = grove.finish(Combine::LogisticSum, base, 1.0);
    Ok(Imported { source: format, features, scorer: Scorer::plain(model), has_cover })
}

/// A weight for each feature and the bias. A missing value adds nothing, as one of zero does.
fn linear(weights: &Part, width: usize, base: f64) -> Result<Linear, Error> {
    // In single precision, as XGBoost keeps them.
    let mut weights: Vec<f64> = weights.numbers_of(width + 1)?.iter().map(|&weight| f64::from(weight as f32)).collect();
    let bias = weights.split_off(width)[0];
    Ok(Linear { intercept: base + bias, weights, means: vec![0.0; width], deviations: vec![1.0; width] })
}

/// The part with the trees and, of dart, what each tree counts for.
fn booster<'a>(booster: &Part<'a>) -> Result<(Part<'a>, Option<Vec<f64>>), Error> {
    let (model, drops) = match booster.part("name").text()? {
        "gbtree" => (booster.part("model"), None),
        "dart" => (booster.part("gbtree").part("model"), Some(booster.part("weight_drop").numbers()?)),
        other => return Err(booster.format.unsupported(format!("the booster {other}"))),
    };
    if model.value["cats"]["enc"].as_array().is_some_and(|codes| !codes.is_empty()) {
        return Err(booster.format.unsupported("a data frame's column of categories"));
    }
    Ok((model, drops))
}

/// The base score as log-odds. Since version 3.1 it is a list of one.
fn base(score: &Part, objective: &str) -> Result<f64, Error> {
    let text = score.text()?;
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let number: f32 = inner.parse().map_err(|_| score.damaged(format!("is {text} and not one number")))?;
    let number = f64::from(number);
    if objective == LOG_ODDS {
        return Ok(number);
    }
    if !(0.0 < number && number < 1.0) {
        return Err(score.damaged(format!("is {text} and not between 0 and 1")));
    }
    Ok((number / (1.0 - number)).ln())
}

fn names(part: &Part, width: usize) -> Result<Vec<String>, Error> {
    match part.value.as_array() {
        Some(list) if !list.is_empty() => {
            let names = part.parts()?.iter().map(|name| name.text().map(str::to_owned)).collect::<Result<_, _>>()?;
            if list.len() == width {
                Ok(names)
            } else {
                Err(part.damaged(format!("has {} names for {width} features", list.len())))
            }
        }
        _ => Ok(numbered(width)),
    }
}

fn foreign_tree(tree: &Part, weight: f32) -> Result<Vec<Foreign>, Error> {
    let targets = tree.part("tree_param").part("size_leaf_vector");
    if !targets.value.is_null() && targets.written::<usize>()? > 1 {
        return Err(tree.format.unsupported(format!("trees of {} outputs", targets.text()?)));
    }
    let lefts = tree.part("left_children").numbers()?;
    let nodes = lefts.len();
    let column = |name: &str| tree.part(name).numbers_of(nodes);
    let (rights, features, conditions) = (column("right_children")?, column("split_indices")?, column("split_conditions")?);
    let (defaults, covers) = (column("default_left")?, column("sum_hessian")?);
    // Versions before 1.3 know no categories.
    let kinds = if tree.part("split_type").value.is_null() { vec![0.0; nodes] } else { column("split_type")? };
    let categories = Categories::new(tree)?;
    (0..nodes)
        .map(|node| {
            if lefts[node] < 0.0 {
                return Ok(Foreign::Leaf { value: f64::from(conditions[node] as f32 * weight), cover: covers[node] });
            }
            let feature = index(features[node]).and_then(|feature| u16::try_from(feature).ok());
            let feature = feature.ok_or_else(|| tree.damaged(format!("compares feature {}", features[node])))?;
            let default_left = defaults[node] != 0.0;
            let question = match kinds[node] {
                0.0 => {
                    let threshold = conditions[node] as f32;
                    Question::new(feature, [last(|value| (value as f32) < threshold)], true, default_left)
                }
                _ => Question::new(feature, categories.ends(node)?, true, default_left),
            };
            let child = |child: f64| index(child).ok_or_else(|| tree.damaged(format!("has the child {child}")));
            Ok(Foreign::Split { question, left: child(lefts[node])?, right: child(rights[node])? })
        })
        .collect()
}

/// The categories of a tree's splits that go right.
struct Categories<'a> {
    tree: &'a Part<'a>,
    all: Vec<f64>,
    nodes: Vec<f64>,
    segments: Vec<f64>,
    sizes: Vec<f64>,
}

impl<'a> Categories<'a> {
    fn new(tree: &'a Part<'a>) -> Result<Self, Error> {
        let list = |name| if tree.part(name).value.is_null() { Ok(Vec::new()) } else { tree.part(name).numbers() };
        let (nodes, segments) = (list("categories_nodes")?, list("categories_segments")?);
        Ok(Self { tree, all: list("categories")?, nodes, segments, sizes: list("categories_sizes")? })
    }

    /// Where values enter and leave the set of a node: a category holds from its number up to the next.
    fn ends(&self, node: usize) -> Result<Vec<Option<f64>>, Error> {
        let set = self.set(node).ok_or_else(|| self.tree.damaged(format!("has no categories for node {node}")))?;
        let mut set: Vec<f32> = set.iter().map(|&category| category as f32).collect();
        set.sort_by(f32::total_cmp);
        let below = |bound: f32| last(|value| (value as f32) < bound);
        let (first, end) = (|category: f32| below(category), |category: f32| below(category + 1.0));
        Ok(set.iter().flat_map(|&category| [first(category), end(category)]).collect())
    }

    fn set(&self, node: usize) -> Option<&[f64]> {
        let place = self.nodes.iter().position(|&at| at == node as f64)?;
        let (from, count) = (index(*self.segments.get(place)?)?, index(*self.sizes.get(place)?)?);
        self.all.get(from..from.checked_add(count)?)
    }
}

/// A number that counts nodes, features and the like.
fn index(number: f64) -> Option<usize> {
    (number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX)).then_some(number as usize)
}

/// A part of the file, and where it lies in it.
struct Part<'a> {
    format: Source,
    path: String,
    value: &'a Value,
}

impl<'a> Part<'a> {
    /// What lies under a name; null when there is nothing.
    fn part(&self, name: &str) -> Self {
        Self { format: self.format, path: format!("{}.{name}", self.path), value: &self.value[name] }
    }

    fn parts(&self) -> Result<Vec<Self>, Error> {
        let list = self.value.as_array().ok_or_else(|| self.damaged("is no list"))?;
        let part = |(place, value)| Self { format: self.format, path: format!("{}[{place}]", self.path), value };
        Ok(list.iter().enumerate().map(part).collect())
    }

    fn text(&self) -> Result<&'a str, Error> {
        self.value.as_str().ok_or_else(|| self.damaged("is no text"))
    }

    /// A number that is written as text.
    fn written<T: std::str::FromStr>(&self) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|_| self.damaged(format!("is {text} and no count")))
    }

    /// A list of numbers; of yes and no as 1 and 0.
    fn numbers(&self) -> Result<Vec<f64>, Error> {
        let list = self.value.as_array().ok_or_else(|| self.damaged("is no list"))?;
        let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(|yes| f64::from(u8::from(yes))));
        list.iter().map(number).collect::<Option<_>>().ok_or_else(|| self.damaged("has what is no number"))
    }

    fn numbers_of(&self, length: usize) -> Result<Vec<f64>, Error> {
        let numbers = self.numbers()?;
        if numbers.len() == length {
            Ok(numbers)
        } else {
            Err(self.damaged(format!("has {} numbers and not {length}", numbers.len())))
        }
    }

    fn damaged(&self, what: impl AsRef<str>) -> Error {
        self.format.damaged(format!("{} {}", self.path, what.as_ref()))
    }
}
