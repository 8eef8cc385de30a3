//! A neural network: an ONNX file that another program wrote, what its numbers mean, and what a missing feature counts as. The file
//! is kept as it came; it is made ready once, and run one event at a time in single precision, so that many events get the very numbers
//! that one gets.
//!
//! A network says nothing of its reasons. What a feature contributes is found by occlusion: the log-odds of the event minus the
//! log-odds of the same event with the feature at its usual value (Robnik-Šikonja and Kononenko, "Explaining classifications for
//! individual instances", 2008). Such contributions need not add up to the output: two features that only tell together share nothing.

#[cfg(feature = "networks")]
mod plain;
#[cfg(feature = "networks")]
mod plan;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::calibration::log_odds;
use super::{Invalid, sigmoid};

#[cfg(feature = "networks")]
use plan::Plan;

/// A neural network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// For each feature, what a missing value counts as.
    pub missing: Vec<Missing>,
    /// For each feature the value that is usual, against which it is explained; one without has no part in reasons.
    pub usual: Vec<Option<f64>>,
    /// The name of the output that is read.
    pub output: String,
    /// What that output is.
    pub gives: Gives,
    /// The ONNX file, which lies beside this in an artifact.
    #[serde(skip)]
    file: File,
}

/// What a missing value counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing: an event without the feature gets no score.
    #[default]
    Refused,
    /// This number.
    Value(f64),
    /// Itself: the network gets NaN and deals with it.
    Given,
}

/// What an output is. Of two numbers the second is that of bad events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gives {
    /// The probability of a bad event, or those of a good and a bad one.
    #[default]
    Probability,
    /// The log-odds of a bad event, or two numbers whose difference they are.
    LogOdds,
}

/// A file and what it is made ready into.
#[derive(Clone, Default)]
struct File {
    bytes: Arc<[u8]>,
    ready: Arc<OnceLock<Result<Plan, String>>>,
}

/// So far may a probability lie beyond 0 or 1, from rounding.
const SLACK: f64 = 1e-6;

impl Network {
    /// Of an ONNX file that reads so many features and gives a probability. Nothing may be missing, nothing is usual.
    pub fn new(onnx: Vec<u8>, output: String, width: usize) -> Self {
        Self {
            missing: vec![Missing::Refused; width],
            usual: vec![None; width],
            output,
            gives: Gives::Probability,
            file: File::new(onnx),
        }
    }

    /// The same with its file, which is kept beside it.
    #[must_use]
    pub fn with_file(self, onnx: Vec<u8>) -> Self {
        Self { file: File::new(onnx), ..self }
    }

    /// The ONNX file as it came.
    pub fn onnx(&self) -> &[u8] {
        &self.file.bytes
    }

    /// How many features it reads.
    pub const fn width(&self) -> usize {
        self.missing.len()
    }

    /// Whether it can be made ready, which it is then.
    pub fn check(&self) -> Result<(), Invalid> {
        let usable = |what, good: bool| if good { Ok(()) } else { Err(Invalid::Number { what }) };
        let fills = self.missing.iter().all(|missing| !matches!(missing, Missing::Value(value) if !value.is_finite()));
        usable("the value of a missing feature", fills)?;
        usable("a usual value", self.usual.len() == self.width() && self.usual.iter().flatten().all(|value| value.is_finite()))?;
        self.ready().map(drop).map_err(|what| Invalid::Network { what: what.to_owned() })
    }

    /// The probability, 0 to 1, that the event is bad; NaN where a feature is missing that may not be, and where the network fails or
    /// gives no such number.
    pub fn probability(&self, values: &[f64]) -> f64 {
        match (self.gives, self.run(values).as_deref()) {
            (Gives::Probability, Some(&[bad] | &[_, bad])) if (-SLACK..=1.0 + SLACK).contains(&bad) => bad.clamp(0.0, 1.0),
            (Gives::LogOdds, Some(numbers)) => difference(numbers).map_or(f64::NAN, sigmoid),
            _ => f64::NAN,
        }
    }

    /// What each feature adds to the log-odds against its usual value, all others as they are.
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        let margin = self.margin(values);
        let mut occluded = values.to_vec();
        let contribution = |(feature, usual): (usize, &Option<f64>)| {
            let kept = std::mem::replace(&mut occluded[feature], usual.unwrap_or(values[feature]));
            let contribution = margin - self.margin(&occluded);
            occluded[feature] = kept;
            if contribution.is_finite() { contribution } else { 0.0 }
        };
        self.usual.iter().enumerate().map(contribution).collect()
    }

    /// The log-odds of an event all of whose features are usual.
    pub fn expected_output(&self) -> f64 {
        self.margin(&self.usual.iter().map(|usual| usual.unwrap_or(f64::NAN)).collect::<Vec<_>>())
    }

    fn margin(&self, values: &[f64]) -> f64 {
        match self.gives {
            Gives::Probability => log_odds(self.probability(values)),
            Gives::LogOdds => self.run(values).as_deref().and_then(difference).unwrap_or(f64::NAN),
        }
    }

    /// What comes out; `None` where a feature is missing that may not be, and where the network fails.
    fn run(&self, values: &[f64]) -> Option<Vec<f64>> {
        let given = self.missing.iter().zip(values).map(|(missing, &value)| match missing {
            Missing::Refused if value.is_nan() => None,
            Missing::Value(number) if value.is_nan() => Some(*number),
            _ => Some(value),
        });
        self.ready().ok()?.run(&given.collect::<Option<Vec<_>>>()?)
    }

    fn ready(&self) -> Result<&Plan, &str> {
        let make = || Plan::new(&self.file.bytes, &self.output, self.width());
        self.file.ready.get_or_init(make).as_ref().map_err(String::as_str)
    }
}

/// The log-odds that one number is, or that two differ by.
fn difference(numbers: &[f64]) -> Option<f64> {
    match numbers {
        [margin] => Some(*margin),
        [good, bad] => Some(bad - good),
        _ => None,
    }
}

impl File {
    fn new(onnx: Vec<u8>) -> Self {
        Self { bytes: onnx.into(), ready: Arc::default() }
    }
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

/// What is there in place of networks where the program is built without them.
#[cfg(not(feature = "networks"))]
enum Plan {}

#[cfg(not(feature = "networks"))]
impl Plan {
    fn new(_: &[u8], _: &str, _: usize) -> Result<Self, String> {
        Err("this program is built without them".to_owned())
    }

    const fn run(&self, _: &[f64]) -> Option<Vec<f64>> {
        match *self {}
    }
}
