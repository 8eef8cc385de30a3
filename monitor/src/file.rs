//! The table `[monitoring]` of a pipeline file. The rest of the file is the business of other crates.

use std::ops::Range;

use ::drift::{Hysteresis, Rules};
use scoring::Pipeline;
use scoring::pipeline::PipelineError;
use serde::Deserialize;
use toml::Spanned;

use crate::{experiment, performance};

/// What a pipeline file says of monitoring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Monitoring {
    /// Attributes of events whose values are watched one by one: the channel, the country.
    pub segments: Vec<String>,
    /// How performance is measured.
    pub performance: performance::Policy,
    /// How a challenger is judged.
    pub experiment: experiment::Policy,
    /// From where on drift is told.
    pub rules: Rules,
    /// How many windows have to agree before something is told, or is no longer.
    pub hysteresis: Hysteresis,
    /// Whether a training is asked for when a feature or the score has come to drift.
    pub retrain: bool,
}

/// More would multiply what is kept beyond what anybody looks at.
const MOST_SEGMENTS: usize = 4;

#[derive(Deserialize)]
struct PipelineFile {
    #[serde(default)]
    monitoring: MonitoringFile,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MonitoringFile {
    segments: Vec<Spanned<String>>,
    performance: Option<Spanned<performance::Policy>>,
    experiment: Option<Spanned<experiment::Policy>>,
    drift: Option<Spanned<DriftFile>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DriftFile {
    watch: Option<f64>,
    drift: Option<f64>,
    false_discovery_rate: Option<f64>,
    minimum_rows: Option<u64>,
    hysteresis: Option<Hysteresis>,
    retrain: bool,
}

impl Monitoring {
    /// Reads the text of a pipeline file that has been checked otherwise; `file` is its name in messages.
    ///
    /// # Errors
    /// With file, line and column, when a key is unknown, a number makes no sense, or there is no such attribute.
    pub fn parse(text: &str, file: &str, pipeline: &Pipeline) -> Result<Self, PipelineError> {
        let fail = |message: String, span: Range<usize>| PipelineError::at(text, file, message, span);
        let PipelineFile { monitoring: read } =
            toml::from_str(text).map_err(|error| fail(error.message().to_owned(), error.span().unwrap_or(0..0)))?;
        for (place, name) in read.segments.iter().enumerate() {
            if pipeline.schema.attribute(name.as_ref()).is_none() {
                return Err(fail(format!("there is no attribute `{}` in [event.attributes]", name.as_ref()), name.span()));
            }
            if read.segments[..place].iter().any(|before| before.as_ref() == name.as_ref()) {
                return Err(fail(format!("`{}` is a segment already", name.as_ref()), name.span()));
            }
            if place >= MOST_SEGMENTS {
                return Err(fail(format!("there can be {MOST_SEGMENTS} segments at most"), name.span()));
            }
        }
        if let Some(policy) = &read.performance {
            policy.as_ref().check().map_err(|error| fail(error.to_string(), policy.span()))?;
            policy.as_ref().concept.check().map_err(|error| fail(error.to_string(), policy.span()))?;
        }
        if let Some(policy) = &read.experiment {
            policy.as_ref().check().map_err(|error| fail(error.to_string(), policy.span()))?;
            if let Some(entity) = policy.as_ref().entity.as_ref().filter(|entity| pipeline.schema.entity(entity).is_none()) {
                return Err(fail(format!("there is no entity `{entity}` in [event.entities]"), policy.span()));
            }
        }
        let mut experiment = read.experiment.map(Spanned::into_inner).unwrap_or_default();
        experiment.entity.get_or_insert_with(|| pipeline.model.review_entity.clone());
        let drift = read.drift.unwrap_or_else(|| Spanned::new(0..0, DriftFile::default()));
        let (span, drift, usual) = (drift.span(), drift.into_inner(), Rules::default());
        let rules = Rules {
            watch: drift.watch.unwrap_or(usual.watch),
            drift: drift.drift.unwrap_or(usual.drift),
            false_discovery_rate: drift.false_discovery_rate.unwrap_or(usual.false_discovery_rate),
            minimum_rows: drift.minimum_rows.unwrap_or(usual.minimum_rows),
        };
        Ok(Self {
            segments: read.segments.into_iter().map(Spanned::into_inner).collect(),
            performance: read.performance.map(Spanned::into_inner).unwrap_or_default(),
            experiment,
            rules: rules.check().map_err(|error| fail(error.to_string(), span))?,
            hysteresis: drift.hysteresis.unwrap_or_default(),
            retrain: drift.retrain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPELINE: &str = include_str!("../../pipelines/card_fraud_handbook.toml");

    fn parse(more: &str) -> Result<Monitoring, String> {
        let text = PIPELINE.replace("[event.entities]", "[event.attributes]\nchannel = { type = \"text\" }\n\n[event.entities]");
        let pipeline = Pipeline::parse(&text, "p.toml").map_err(|error| error.to_string())?;
        Monitoring::parse(&format!("{more}\n"), "p.toml", &pipeline).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_read_or_what_is_wrong_has_a_place() {
        let experiment = experiment::Policy { entity: Some("customer".to_owned()), ..experiment::Policy::default() };
        assert_eq!(parse("").unwrap(), Monitoring { experiment, ..Monitoring::default() });
        assert_eq!(
            parse("[monitoring.experiment]\nentity = \"terminal\"").unwrap().experiment.entity.as_deref(),
            Some("terminal")
        );
        let text = "[monitoring]\nsegments = [\"channel\"]\n[monitoring.performance]\nmaturity = \"30d\"\n[monitoring.experiment]\nmeasure = \"money_saved\"";
        let monitoring = parse(text).unwrap();
        assert_eq!((monitoring.segments.as_slice(), monitoring.performance.mature_at), (["channel".to_owned()].as_slice(), 0.9));
        assert_eq!(monitoring.performance.maturity, Some("30d".parse().unwrap()));
        assert_eq!(monitoring.experiment.measure, experiment::Measure::MoneySaved);
        let text = "[monitoring]\nsegments = [\"channel\"]\n[monitoring.drift]\nwatch = 0.2\nhysteresis = { of = 3, last = 4 }";
        let monitoring = parse(text).unwrap();
        assert_eq!(monitoring.segments, ["channel"]);
        assert_eq!((monitoring.rules.watch, monitoring.rules.drift), (0.2, 0.25));
        assert_eq!(monitoring.hysteresis, Hysteresis::new(3, 4).unwrap());
        let check = |text: &str, expect: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expect), "{error}, not {expect}");
        };
        check("[monitoring]\nsegments = [\"chanel\"]", "p.toml:2:13: there is no attribute `chanel` in [event.attributes]");
        check("[monitoring]\nsegments = [\"channel\", \"channel\"]", "p.toml:2:24: `channel` is a segment already");
        check("[monitoring]\nsegment = []", "p.toml:2:1: unknown field `segment`");
        check("[monitoring.drift]\nwatch = 0.5", "p.toml:1:1: `watch` is 0.5 and `drift` is 0.25");
        check("[monitoring.drift]\nhysteresis = { of = 1, last = 2 }", "p.toml:2:14: 1 of the last 2 windows: it must be more");
        check("[monitoring.experiment]\nentity = \"shop\"", "p.toml:1:1: there is no entity `shop` in [event.entities]");
        check("[monitoring.experiment]\nalfa = 1", "p.toml:2:1: unknown field `alfa`");
        check("[monitoring.experiment]\nalpha = 0.9", "p.toml:1:1: alpha is 0.9");
        check("[monitoring.experiment]\nmeasure = \"f1\"", "p.toml:2:11: unknown variant `f1`");
        check("[monitoring.performance]\nmature_at = 2.0", "p.toml:1:1: a cohort cannot be mature from a share of 2 on");
    }
}
