//! LightGBM's text format, versions 3 and 4: a header of `key=value` lines, then a block of them for each tree.
//!
//! A split sends a value left when `value <= threshold`, after numbers within 1e-35 of zero became zero. What a missing value does depends on the split's missing type: with NaN it
//! takes the default way; with none it counts as zero; with zero both it and zeros take the default way.
//! A split on categories cuts the decimals off and sends those of its set left and everything else, also what is missing, right.

use std::collections::HashMap;
use std::str::{self, FromStr};

use scoring::Scorer;
use scoring::model::trees::Combine;

use super::grow::{Foreign, Grove, Question};
use super::threshold::last;
use super::{Error, Imported, Source};

const FORMAT: Source = Source::LightGbm;

/// Numbers as near to zero as this count as zero.
const ZERO: f64 = 1e-35_f32 as f64;

pub(super) fn read(bytes: &[u8]) -> Result<Imported, Error> {
    let text = str::from_utf8(bytes).map_err(|_| FORMAT.damaged("it is not UTF-8"))?;
    let (body, rest) = text.split_once("end of trees").ok_or_else(|| FORMAT.damaged("it ends before the end of the trees"))?;
    let mut blocks = body.split("\nTree=");
    let header = Block::new("the header", blocks.next().unwrap_or_default());
    check_supported(&header, rest)?;

    let features: Vec<String> = header.text("feature_names")?.split(' ').map(str::to_owned).collect();
    if features.len() != header.number::<usize>("max_feature_idx")?.saturating_add(1) {
        return Err(FORMAT.damaged("feature_names and max_feature_idx contradict each other"));
    }
    let mut grove = Grove::new(FORMAT, features.len())?;
    for (tree, lines) in blocks.enumerate() {
        let block = Block::new(&format!("tree {tree}"), lines);
        let foreign = foreign_tree(&block)?;
        if grove.plant(&foreign, 0)? != foreign.len() {
            return Err(block.damaged("has nodes that its root does not lead to"));
        }
    }
    let trees = grove.len();
    if trees != header.list::<u64>("tree_sizes")?.len() {
        return Err(FORMAT.damaged(format!("it has {trees} trees, not as many as tree_sizes tells")));
    }
    // Leaves hold their values after shrinkage and the first tree the average; a forest is the mean of its trees' log-odds.
    let mean = if header.flag("average_output") { 1.0 / trees.max(1) as f64 } else { 1.0 };
    let (model, has_cover) = grove.finish(Combine::LogisticSum, 0.0, mean * sigmoid(&header)?);
    Ok(Imported { source: FORMAT, features, scorer: Scorer::plain(model), has_cover })
}

fn check_supported(header: &Block, rest: &str) -> Result<(), Error> {
    let version = header.text("version")?;
    if !["v3", "v4"].contains(&version) {
        return Err(FORMAT.unsupported(format!("version {version} of the format")));
    }
    for key in ["num_class", "num_tree_per_iteration"] {
        let count: u64 = header.number(key)?;
        if count != 1 {
            return Err(FORMAT.unsupported(format!("a model with {key}={count}")));
        }
    }
    // The codes of a data frame's categories are known to it alone, except where they are what they stand for.
    let categories = rest.lines().find_map(|line| line.strip_prefix("pandas_categorical:")).unwrap_or("null");
    let categories: Option<Vec<serde_json::Value>> =
        serde_json::from_str(categories).map_err(|_| FORMAT.damaged("pandas_categorical is not JSON"))?;
    let its_own_code = |(code, level): (usize, &serde_json::Value)| level.as_u64() == Some(code as u64);
    let plain = |levels: &serde_json::Value| levels.as_array().is_some_and(|levels| levels.iter().enumerate().all(its_own_code));
    if !categories.unwrap_or_default().iter().all(plain) {
        return Err(FORMAT.unsupported("a data frame's column of categories that are not 0, 1, 2 and so on"));
    }
    Ok(())
}

/// What the sum of the trees is multiplied by before the logistic function.
fn sigmoid(header: &Block) -> Result<f64, Error> {
    let objective = header.text("objective")?;
    let mut words = objective.split(' ');
    match words.next() {
        Some("binary") => {
            let sigmoid = words.find_map(|word| word.strip_prefix("sigmoid:")).map_or(Ok(1.0), str::parse);
            sigmoid.map_err(|_| FORMAT.damaged(format!("the objective '{objective}' has no number")))
        }
        Some("cross_entropy") => Ok(1.0),
        _ => Err(FORMAT.unsupported(format!("the objective {objective}"))),
    }
}

/// The nodes of a tree, its splits first, of which the first is the root, and its leaves behind them.
fn foreign_tree(block: &Block) -> Result<Vec<Foreign>, Error> {
    let leaves: usize = block.number("num_leaves")?;
    if block.list::<u8>("is_linear").is_ok_and(|flag| flag.first() == Some(&1)) {
        return Err(FORMAT.unsupported(format!("linear_tree ({})", block.name)));
    }
    let values: Vec<f64> = block.list_of("leaf_value", leaves)?;
    // A tree that is one leaf had no counts in older versions, and needs none.
    let covers: Vec<f64> = if leaves == 1 { vec![1.0] } else { block.list_of("leaf_count", leaves)? };
    let splits = leaves.checked_sub(1).ok_or_else(|| block.damaged("has no leaves"))?;
    let mut nodes = Vec::new();
    if splits > 0 {
        let features: Vec<u16> = block.list_of("split_feature", splits)?;
        let thresholds: Vec<f64> = block.list_of("threshold", splits)?;
        let decisions: Vec<u8> = block.list_of("decision_type", splits)?;
        let lefts: Vec<i32> = block.list_of("left_child", splits)?;
        let rights: Vec<i32> = block.list_of("right_child", splits)?;
        // A child below zero is a leaf: -1 the first.
        let child = |child: i32| if child < 0 { splits + !child as usize } else { child as usize };
        let categories = Categories::new(block)?;
        for split in 0..splits {
            let question = question(&categories, features[split], thresholds[split], decisions[split])?;
            nodes.push(Foreign::Split { question, left: child(lefts[split]), right: child(rights[split]) });
        }
    }
    nodes.extend(values.into_iter().zip(covers).map(|(value, cover)| Foreign::Leaf { value, cover }));
    Ok(nodes)
}

/// The bits of a decision type.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

fn question(categories: &Categories, feature: u16, threshold: f64, decision: u8) -> Result<Question, Error> {
    if threshold.is_nan() {
        return Err(categories.block.damaged("has a threshold that is not a number"));
    }
    if decision & CATEGORICAL != 0 {
        return Ok(Question::new(feature, categories.ends(threshold)?, false, false));
    }
    let default_left = decision & DEFAULT_LEFT != 0;
    match decision >> 2 & 3 {
        0 => Ok(at_most(feature, threshold, 0.0 <= threshold)),
        1 => Ok(zero_as_missing(feature, threshold, default_left)),
        2 => Ok(at_most(feature, threshold, default_left)),
        missing => Err(categories.block.damaged(format!("has a split with the missing type {missing}"))),
    }
}

fn at_most(feature: u16, threshold: f64, missing_left: bool) -> Question {
    let read = |value: f64| if value.abs() <= ZERO { 0.0 } else { value };
    Question::new(feature, [last(|value| read(value) <= threshold)], true, missing_left)
}

/// Zeros go the default way, whatever side of the threshold they are on.
fn zero_as_missing(feature: u16, threshold: f64, default_left: bool) -> Question {
    let ends = match (default_left, threshold < -ZERO, threshold >= ZERO) {
        (true, true, _) => vec![threshold, (-ZERO).next_down(), ZERO],
        (true, _, false) => vec![ZERO],
        (false, _, true) => vec![(-ZERO).next_down(), ZERO, threshold],
        (false, false, _) => vec![(-ZERO).next_down()],
        _ => vec![threshold],
    };
    Question::new(feature, ends.into_iter().map(Some), true, default_left)
}

/// The sets of categories of a tree, as bits.
struct Categories<'a> {
    block: &'a Block<'a>,
    boundaries: Vec<usize>,
    words: Vec<u32>,
}

impl<'a> Categories<'a> {
    fn new(block: &'a Block<'a>) -> Result<Self, Error> {
        let (boundaries, words) = match block.number::<u32>("num_cat")? {
            0 => (Vec::new(), Vec::new()),
            _ => (block.list("cat_boundaries")?, block.list("cat_threshold")?),
        };
        Ok(Self { block, boundaries, words })
    }

    /// Where values enter and leave a set: a category holds from its number up to the next, zero also from -1 on.
    fn ends(&self, set: f64) -> Result<Vec<Option<f64>>, Error> {
        let missing = || self.block.damaged(format!("has no set of categories {set}"));
        let set = if set >= 0.0 { set as usize } else { return Err(missing()) };
        let bounds = self.boundaries.get(set).zip(self.boundaries.get(set.saturating_add(1)));
        let words = bounds.and_then(|(&from, &to)| self.words.get(from..to)).ok_or_else(missing)?;
        let holds = |category: usize| words.get(category / 32).is_some_and(|word| word >> (category % 32) & 1 == 1);
        let first = |category: usize| if category == 0 { -1.0 } else { (category as f64).next_down() };
        let changes = (0..=words.len() * 32).filter(|&category| holds(category) != (category > 0 && holds(category - 1)));
        Ok(changes.map(|category| Some(first(category))).collect())
    }
}

/// Lines of `key=value`.
struct Block<'a> {
    name: String,
    entries: HashMap<&'a str, &'a str>,
}

impl<'a> Block<'a> {
    fn new(name: &str, lines: &'a str) -> Self {
        let entry = |line: &'a str| line.split_once('=').unwrap_or((line, ""));
        Self { name: name.to_owned(), entries: lines.lines().map(|line| entry(line.trim_end())).collect() }
    }

    fn damaged(&self, what: impl AsRef<str>) -> Error {
        FORMAT.damaged(format!("{} {}", self.name, what.as_ref()))
    }

    fn flag(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn text(&self, key: &str) -> Result<&'a str, Error> {
        self.entries.get(key).copied().ok_or_else(|| self.damaged(format!("has no {key}")))
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T, Error> {
        let text = self.text(key)?;
        text.parse().map_err(|_| self.damaged(format!("has {key}={text}, which is no number")))
    }

    fn list<T: FromStr>(&self, key: &str) -> Result<Vec<T>, Error> {
        let number = |word: &str| word.parse().map_err(|_| self.damaged(format!("has {word} in {key}, which is no number")));
        self.text(key)?.split_ascii_whitespace().map(number).collect()
    }

    fn list_of<T: FromStr>(&self, key: &str, length: usize) -> Result<Vec<T>, Error> {
        let list = self.list(key)?;
        match list.len() == length {
            true => Ok(list),
            false => Err(self.damaged(format!("has {} numbers in {key} and not {length}", list.len()))),
        }
    }
}
