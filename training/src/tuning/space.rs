//! What is searched: settings with the range of each. A point of the space is a number from 0 to 1 for each setting, so that a search
//! need not know what they mean.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::prequential::HISTORY_DAYS;
use crate::error::Error;
use crate::learners::Learner;

/// One setting and the values that it may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// The setting.
    pub name: String,
    /// Its values.
    pub range: Range,
}

/// The values that a setting may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// Any number between two above zero, each doubling as likely as the next.
    Log(f64, f64),
    /// Any number between two.
    Linear(f64, f64),
    /// A whole number between two above zero, each doubling as likely as the next.
    WholeLog(u32, u32),
    /// One of these, which rise.
    OneOf(Vec<f64>),
    /// One of these words; those that are nearer to each other stand side by side.
    Words(Vec<String>),
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

impl Value {
    /// The number, where it is one.
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Word(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => word.fmt(f),
        }
    }
}

impl Range {
    /// The value at a place from 0 to 1.
    pub fn at(&self, place: f64) -> Value {
        let one_of = |values: usize| ((place * values as f64) as usize).min(values - 1);
        Value::Number(match self {
            Self::Log(low, high) => significant((low.ln() + place * (high / low).ln()).exp()),
            Self::Linear(low, high) => significant(low + place * (high - low)),
            Self::WholeLog(low, high) => {
                // Half a step beyond both ends, so that the two have the room of the others.
                let (low, high) = (f64::from(*low), f64::from(*high));
                let (from, to) = ((low - 0.5).max(0.5).ln(), (high + 0.5).ln());
                (from + place * (to - from)).exp().round().clamp(low, high)
            }
            Self::OneOf(values) => values[one_of(values.len())],
            Self::Words(words) => return Value::Word(words[one_of(words.len())].clone()),
        })
    }
}

/// Three significant digits: what a person would write, and what is lost by it nobody could measure.
fn significant(value: f64) -> f64 {
    format!("{value:.2e}").parse().expect("a number that was just written")
}

/// The space of a learner that is searched where nothing else is said.
pub fn of(learner: Learner) -> Vec<Dimension> {
    parse(include_str!("spaces.toml"), "the built-in spaces", learner).expect("the built-in spaces are whole")
}

/// Reads a learner's space from a text like that of the built-in ones; `file` is its name in messages.
pub fn parse(text: &str, file: &str, learner: Learner) -> Result<Vec<Dimension>, Error> {
    let wrong = |reason: String| Error::Space { file: file.to_owned(), reason };
    let mut spaces: BTreeMap<String, Vec<Dimension>> =
        toml::from_str(text).map_err(|error| wrong(error.to_string().trim().to_owned()))?;
    if let Some(unknown) = spaces.keys().find(|name| Learner::ALL.iter().all(|learner| learner.name() != *name)) {
        return Err(wrong(format!("there is no learner `{unknown}`")));
    }
    let space = spaces.remove(learner.name()).unwrap_or_default();
    if space.is_empty() {
        return Err(wrong(format!("nothing is searched for `{}`", learner.name())));
    }
    for Dimension { name, range } in &space {
        let is_good = match range {
            Range::Log(low, high) => 0.0 < *low && low < high && high.is_finite(),
            Range::Linear(low, high) => low < high && low.is_finite() && high.is_finite(),
            Range::WholeLog(low, high) => 0 < *low && low < high,
            Range::OneOf(values) => {
                !values.is_empty() && values.is_sorted_by(|a, b| a < b) && values.iter().all(|v| v.is_finite())
            }
            Range::Words(words) => !words.is_empty() && name != HISTORY_DAYS,
        };
        if !is_good {
            return Err(wrong(format!(
                "the range of `{name}` has to rise, a logarithmic one to be above zero, and words to be words of a setting"
            )));
        }
    }
    Ok(space)
}

/// The settings at a point: a place for each dimension.
pub fn settings(space: &[Dimension], point: &[f64]) -> BTreeMap<String, Value> {
    space.iter().zip(point).map(|(dimension, place)| (dimension.name.clone(), dimension.range.at(*place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_spaces_are_of_settings_that_there_are() {
        for learner in Learner::ALL {
            let space = of(learner);
            for place in [0.0, 1.0] {
                let values = settings(&space, &vec![place; space.len()]);
                crate::learners::Settings::default().with(learner, &values).unwrap();
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_space_is_said() {
        let check = |text: &str, expect: &str| {
            let error = parse(text, "s.toml", Learner::Boosting).unwrap_err().to_string();
            assert!(error.starts_with("s.toml: ") && error.contains(expect), "{error}");
        };
        check("boosting = 3", "invalid type: integer `3`, expected a sequence");
        check("bosting = []", "there is no learner `bosting`");
        check("forest = []", "nothing is searched for `boosting`");
        check("boosting = [{ name = 'rate', range = { log = [0.0, 1.0] } }]", "the range of `rate` has to rise");
        check("boosting = [{ name = 'rate', range = { one_of = [2, 1] } }]", "the range of `rate` has to rise");
        check("boosting = [{ name = 'rate', range = { words = [] } }]", "the range of `rate` has to rise");
        check("boosting = [{ name = 'rate', range = { exp = [2, 1] } }]", "unknown variant `exp`");
    }

    #[test]
    fn a_range_is_covered_from_end_to_end() {
        let number = |range: &Range, place: f64| range.at(place).number().unwrap();
        let check =
            |range: Range, expect: [f64; 3]| assert_eq!([0.0, 0.5, 1.0].map(|place| number(&range, place)), expect, "{range:?}");
        check(Range::Log(0.01, 1.0), [0.01, 0.1, 1.0]);
        check(Range::Linear(0.5, 1.0), [0.5, 0.75, 1.0]);
        check(Range::WholeLog(1, 100), [1.0, 7.0, 100.0]);
        check(Range::OneOf(vec![7.0, 14.0, 28.0]), [7.0, 14.0, 28.0]);
        assert_eq!(number(&Range::Log(0.01, 0.3), 0.4), 0.039);
        let words = Range::Words(["none", "linear", "evidence"].map(str::to_owned).to_vec());
        let found = [0.0, 0.3, 0.4, 0.7, 1.0].map(|place| words.at(place).to_string());
        assert_eq!(found, ["none", "none", "linear", "evidence", "evidence"]);
        let places = (0..4_000).map(|place| number(&Range::WholeLog(1, 3), f64::from(place) / 4_000.0));
        let ones = places.filter(|value| *value == 1.0).count();
        assert!((1_900..2_500).contains(&ones), "{ones} of 4000 are 1, where the doubling from 1 to 2 has most room");
    }
}
