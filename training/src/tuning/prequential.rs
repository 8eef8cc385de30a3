//! Folds that follow each other in time: each is tested on the days after those that it learned from, as a model in use is. Between the
//! two lies the delay of the labels.

use std::collections::BTreeMap;

use ingest::Duration;
use serde_json::Number;

use super::{Task, Value};
use crate::dataset::{Examples, Period, Rows, Split};
use crate::error::Error;
use crate::learners::{Learner, Settings};
use crate::sampling::GoodShare;
use evaluation::metrics::Metrics;

/// The setting that says how many days before a fold are learned from; all others are the learner's own.
pub const HISTORY_DAYS: &str = "history_days";

/// A period cut into folds of equal length: the splits, each with so many days to learn from. Entities are left out of a test that were
/// known to be compromised in the last days of training, as many as a fold has, however many more were learned from.
pub fn splits(tested: Period, folds: u32, delay: Duration, history: Duration) -> Vec<Split> {
    let length = Duration::from_micros(tested.until.since(tested.from).micros() / i64::from(folds));
    let fold = |fold: u32| {
        let from = tested.from + Duration::from_micros(length.micros() * i64::from(fold));
        let known = from - delay;
        Split {
            train: Period { from: known - history, until: known },
            test: Period { from, until: from + length },
            known_since: known - length,
        }
    };
    (0..folds).map(fold).collect()
}

/// The rows of folds.
pub struct Folds {
    /// Learned from, and tested on.
    rows: Vec<(Rows, Rows)>,
}

impl Folds {
    /// The rows of splits, which hold as much history as any trial will ask for; of the good ones to learn from, a share.
    pub async fn new(examples: &Examples, splits: &[Split], share: GoodShare, seed: u64) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for split in splits {
            let (train, test) = examples.split(split).await?;
            rows.push((train.sampled(share, seed), test));
        }
        Ok(Self { rows })
    }

    /// Learns with a task's settings, which go over others, and tests.
    pub fn evaluate(&self, task: &Task, learner: Learner, settings: &Settings, seed: u64) -> Result<Metrics, Error> {
        let (train, test) = &self.rows[task.fold as usize];
        let days = task.settings.get(HISTORY_DAYS).and_then(Value::number);
        let shorter = days.map(|days| train.last_days(days as i32));
        let train = shorter.as_ref().unwrap_or(train);
        let settings = settings.with(learner, &task.settings)?;
        let model = learner
            .learn(&train.matrix, &settings, seed, 1)
            .map_err(|source| Error::Learner { learner: learner.name(), source })?;
        Ok(test.judge(&model))
    }
}

impl Settings {
    /// These, with other values for some settings of one learner.
    pub fn with(&self, learner: Learner, values: &BTreeMap<String, Value>) -> Result<Self, Error> {
        let mut settings = serde_json::to_value(self).expect("settings are plain data");
        let own = &mut settings[learner.name()];
        for (name, value) in values.iter().filter(|(name, _)| *name != HISTORY_DAYS) {
            let wrong = |reason: String| Error::TunedSetting { learner: learner.name(), name: name.clone(), reason };
            let Some(setting) = own.get_mut(name) else { return Err(wrong("there is none of this name".to_owned())) };
            *setting = match value {
                // A whole number may stand for any other, but not the other way round.
                Value::Number(number) if number.fract() == 0.0 => Number::from(*number as i64).into(),
                Value::Number(number) => Number::from_f64(*number).ok_or_else(|| wrong(format!("{number} is no number")))?.into(),
                Value::Word(word) => word.as_str().into(),
            };
        }
        let wrong = |reason: String| Error::TunedSetting {
            learner: learner.name(),
            name: values.keys().cloned().collect::<Vec<_>>().join(", "),
            reason,
        };
        let settings: Self = serde_json::from_value(settings).map_err(|error| wrong(error.to_string()))?;
        settings.check().map_err(|error| wrong(error.to_string()))?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;

    use super::*;
    use crate::preparation::Wish;

    #[test]
    fn folds_are_those_of_the_handbook() {
        let day = |text: &str| text.parse::<Timestamp>().unwrap();
        let period = |from: &str, until: &str| Period { from: day(from), until: day(until) };
        let delay = Duration::days(7);
        let folds = splits(period("2018-07-04", "2018-08-01"), 4, delay, Duration::days(7));
        let starts: Vec<String> = folds.iter().map(|fold| fold.train.from.date()).collect();
        assert_eq!(starts, ["2018-06-20", "2018-06-27", "2018-07-04", "2018-07-11"]);
        let longer = splits(period("2018-08-08", "2018-09-05"), 4, delay, Duration::days(28));
        assert_eq!(longer[3].train, period("2018-07-25", "2018-08-22"));
        assert_eq!(longer[3].test, period("2018-08-29", "2018-09-05"));
        assert_eq!(longer[3].known_since, day("2018-08-15"));
    }

    #[test]
    fn settings_are_set_by_name() {
        let settings =
            |name: &str, value: Value| BTreeMap::from([(name.to_owned(), value), (HISTORY_DAYS.to_owned(), Value::Number(28.0))]);
        let with =
            |learner: Learner, name: &str, value: f64| Settings::default().with(learner, &settings(name, Value::Number(value)));
        assert_eq!(with(Learner::Boosting, "leaves", 31.0).unwrap().boosting.leaves, 31);
        assert_eq!(with(Learner::Boosting, "rate", 1.0).unwrap().boosting.rate, 1.0);
        assert_eq!(with(Learner::Logistic, "penalty", 0.5).unwrap().logistic.penalty, 0.5);
        let prepared = |word: &str| {
            let word = settings("preparation", Value::Word(word.to_owned()));
            Settings::default().with(Learner::Logistic, &word).map(|settings| settings.logistic.preparation)
        };
        assert_eq!(prepared("evidence").unwrap(), Wish::Evidence);
        let unknown = prepared("evidenc").unwrap_err().to_string();
        assert!(unknown.ends_with("unknown variant `evidenc`, expected one of `none`, `linear`, `evidence`"), "{unknown}");
        let check = |learner: Learner, name: &str, value: f64, expect: &str| {
            assert_eq!(with(learner, name, value).unwrap_err().to_string(), expect);
        };
        check(Learner::Forest, "leaves", 31.0, "forest cannot be tuned by leaves: there is none of this name");
        check(
            Learner::Boosting,
            "rate",
            2.0,
            "boosting cannot be tuned by history_days, rate: the setting rate of boosting is out of its range",
        );
        let half = with(Learner::Boosting, "leaves", 2.5).unwrap_err().to_string();
        assert!(half.contains("invalid type: floating point `2.5`"), "{half}");
    }
}
