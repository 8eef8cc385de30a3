//! The table `[training]` of a pipeline file. The rest of the file is the business of the crates before this one.

use std::collections::BTreeMap;
use std::ops::Range;

use scoring::Pipeline;
use scoring::pipeline::PipelineError;
use serde::Deserialize;
use toml::Spanned;

use crate::card::Notes;
use crate::learners::boosting::{self, Direction};
use crate::learners::{Error, Settings, forest, logistic};

/// What a pipeline file says of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// How learners learn.
    pub settings: Settings,
    /// An SQL condition on the rows that are learned from and tested on.
    pub condition: Option<String>,
    /// What the model card says beyond what is known.
    pub card: Notes,
    /// Features that seem to know the label and are learned from all the same.
    pub allowed_leaks: Vec<String>,
    /// Attributes of events whose values are judged one by one: the channel, the country.
    pub segments: Vec<String>,
    /// Attributes by which nobody may be treated worse.
    pub protected: Vec<String>,
}

#[derive(Deserialize)]
struct PipelineFile {
    #[serde(default)]
    training: TrainingFile,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TrainingFile {
    logistic: Option<Spanned<logistic::Settings>>,
    forest: Option<Spanned<forest::Settings>>,
    boosting: Option<Spanned<boosting::Settings>>,
    directions: BTreeMap<Spanned<String>, Direction>,
    #[serde(rename = "where")]
    condition: Option<String>,
    card: Notes,
    allowed_leaks: Vec<Spanned<String>>,
    segments: Vec<Spanned<String>>,
    protected: Vec<Spanned<String>>,
}

impl Training {
    /// Reads the text of a pipeline file that has been checked otherwise, or of another that has the table alone; `file` is its name in
    /// messages.
    pub fn parse(text: &str, file: &str, pipeline: &Pipeline) -> Result<Self, PipelineError> {
        let fail = |message: String, span: Range<usize>| PipelineError::at(text, file, message, span);
        let PipelineFile { training: read } =
            toml::from_str(text).map_err(|error| fail(error.message().to_owned(), error.span().unwrap_or(0..0)))?;
        let wrong = |(message, span)| fail(message, span);
        let settings = Settings {
            logistic: checked(read.logistic, logistic::Settings::check).map_err(wrong)?,
            forest: checked(read.forest, forest::Settings::check).map_err(wrong)?,
            boosting: checked(read.boosting, boosting::Settings::check).map_err(wrong)?,
            directions: read.directions.iter().map(|(name, direction)| (name.as_ref().clone(), *direction)).collect(),
        };
        if let Some(name) = read.directions.keys().find(|name| pipeline.plan.feature(name.as_ref()).is_none()) {
            return Err(fail(format!("there is no feature `{}` to have a direction", name.as_ref()), name.span()));
        }
        if let Some(name) = read.allowed_leaks.iter().find(|name| pipeline.plan.feature(name.as_ref()).is_none()) {
            return Err(fail(format!("there is no feature `{}` to be a leak", name.as_ref()), name.span()));
        }
        for name in read.segments.iter().chain(&read.protected) {
            if pipeline.schema.attribute(name.as_ref()).is_none() {
                return Err(fail(format!("there is no attribute `{}` in [event.attributes]", name.as_ref()), name.span()));
            }
        }
        let plain = |names: Vec<Spanned<String>>| names.into_iter().map(Spanned::into_inner).collect();
        let condition = read.condition;
        Ok(Self {
            settings,
            condition,
            card: read.card,
            allowed_leaks: plain(read.allowed_leaks),
            segments: plain(read.segments),
            protected: plain(read.protected),
        })
    }
}

/// The settings of one learner, or its own.
fn checked<S: Default>(
    settings: Option<Spanned<S>>,
    check: impl Fn(&S) -> Result<(), Error>,
) -> Result<S, (String, Range<usize>)> {
    let Some(settings) = settings else { return Ok(S::default()) };
    check(settings.as_ref()).map_err(|error| (error.to_string(), settings.span()))?;
    Ok(settings.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preparation::Wish;

    fn parse(training: &str) -> Result<Training, String> {
        let text = format!("{}\n{training}", include_str!("../../pipelines/card_fraud_handbook.toml"));
        let pipeline = Pipeline::parse(&text, "p.toml").map_err(|error| error.to_string())?;
        let lines_before = include_str!("../../pipelines/card_fraud_handbook.toml").lines().count();
        Training::parse(&text, "p.toml", &pipeline).map_err(|error| format!("+{}: {}", error.line - lines_before, error.message))
    }

    #[test]
    fn what_is_not_said_is_as_it_comes() {
        assert_eq!(parse(""), Ok(Training::default()));
        let boosting = boosting::Settings { trees: 300, rate: 0.05, ..boosting::Settings::default() };
        let directions = BTreeMap::from([("terminal_fraud_rate_7d".to_owned(), Direction::Rising)]);
        let settings = Settings { boosting, directions, ..Settings::default() };
        let expect = Training { settings, ..Training::default() };
        assert_eq!(
            parse("[training]\nboosting = { trees = 300, rate = 0.05 }\ndirections = { terminal_fraud_rate_7d = \"rising\" }"),
            Ok(expect)
        );
    }

    #[test]
    fn a_preparation_is_wished_for_by_its_word() {
        let wish = |line: &str| parse(&format!("[training.logistic]\n{line}")).unwrap().settings.logistic.preparation;
        assert_eq!(wish(""), Wish::None);
        assert_eq!(wish("preparation = \"none\""), Wish::None);
        assert_eq!(wish("preparation = \"linear\""), Wish::Linear);
        assert_eq!(wish("preparation = \"evidence\""), Wish::Evidence);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let check = |training: &str, expect: &str| assert_eq!(parse(training).unwrap_err(), expect, "{training}");
        check("[training.boosting]\ntrees = 3\nrate = 2.0", "+2: the setting rate of boosting is out of its range");
        check("[training.forest]\ntrees = 0", "+2: the setting trees of forest is out of its range");
        check("[training.logistic]\nsteps = 1", "+3: unknown field `steps`, expected `penalty` or `preparation`");
        check(
            "[training.logistic]\npreparation = \"woe\"",
            "+3: unknown variant `woe`, expected one of `none`, `linear`, `evidence`",
        );
        check("[training]\nsegments = [\"channel\"]", "+3: there is no attribute `channel` in [event.attributes]");
        check(
            "[training.card]\nlimit = \"none\"",
            "+3: unknown field `limit`, expected one of `owner`, `intended_use`, `limits`",
        );
        check("[training.directions]\nterminal_risk = \"rising\"", "+3: there is no feature `terminal_risk` to have a direction");
        check("[training.directions]\nweekend = \"up\"", "+3: unknown variant `up`, expected one of `free`, `rising`, `falling`");
    }
}
