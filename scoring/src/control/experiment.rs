//! Experiments: a challenger beside the champion, declared with what must hold meanwhile and when it is to end.

use std::fmt;

use ingest::decode::has_card_number;
use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

/// A challenger beside the champion, as it was declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Experiment {
    /// Names it for good: 1 to 64 letters, digits, underscores and hyphens.
    pub name: String,
    /// The name of both models.
    pub model: String,
    /// The champion's version.
    pub champion: u32,
    /// The challenger's version.
    pub challenger: u32,
    /// The share of entities that the challenger decides for, in percent; 0 in shadow, where it only looks on.
    pub share_percent: u8,
    /// What must hold while the challenger decides for somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Guardrails>,
    /// When it ends, unless somebody ends it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub planned_end: Option<Timestamp>,
}

/// What must hold while a model is tried. Each limit is judged over windows, and has to be broken in two of them, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Guardrails {
    /// By how much the share of approved events may differ from the champion's, 0 to 1: 0.05 are five percentage points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_rate_change: Option<f64>,
    /// The time from the door to the decision that 99 of 100 events stay under, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p99_ms: Option<f64>,
    /// The share of events for which the model may give no number, or be out of time, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_share: Option<f64>,
    /// A window has at least so many events of the model; fewer say nothing. What it is compared with has as many, too.
    #[serde(default = "two_hundred")]
    pub minimum_events: u64,
    /// A window lasts at least so long.
    #[serde(default = "one_minute")]
    #[cfg_attr(feature = "http", schema(value_type = String, example = "1m"))]
    pub window: Duration,
}

const fn two_hundred() -> u64 {
    200
}

const fn one_minute() -> Duration {
    Duration::seconds(60)
}

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = ExperimentOutcome))]
pub enum Outcome {
    /// The challenger became champion.
    Promoted,
    /// The champion stays.
    Kept,
    /// It was broken off, or what it compared is no longer so.
    Aborted,
    /// A guardrail broke: the challenger decides for nobody any more, and looks on.
    Stopped,
    /// It was planned to end then.
    Over,
}

impl Outcome {
    /// Whether it says something against the challenger.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Kept | Self::Aborted | Self::Stopped)
    }

    /// Its word in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Kept => "kept",
            Self::Aborted => "aborted",
            Self::Stopped => "stopped",
            Self::Over => "over",
        }
    }
}

/// How, when and through whom an experiment ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Through whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

/// An experiment and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// As it was declared.
    pub experiment: Experiment,
    /// Through whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub started_at: Timestamp,
    /// How it ended; `None` while it runs.
    pub ended: Option<Ended>,
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, model, champion, challenger, share_percent, .. } = self;
        match share_percent {
            0 => write!(f, "experiment {name}: {model} {challenger} looks on beside {champion}"),
            share => write!(f, "experiment {name}: {model} {challenger} decides for {share} % of the entities beside {champion}"),
        }
    }
}

/// What is wrong with an experiment by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The field that it is about, as a path.
    pub field: &'static str,
    /// In words.
    pub what: String,
}

impl Flaw {
    fn new(field: &'static str, what: impl Into<String>) -> Self {
        Self { field, what: what.into() }
    }
}

impl Experiment {
    /// What is wrong with it by itself, if anything.
    pub fn check(&self, now: Timestamp) -> Result<(), Flaw> {
        let letters = self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !letters || !(1..=64).contains(&self.name.len()) {
            let what = format!("name `{}` is not of 1 to 64 letters, digits, underscores and hyphens", self.name);
            return Err(Flaw::new("name", what));
        }
        if has_card_number(&self.name) {
            return Err(Flaw::new("name", "its name has what looks like a card number in it"));
        }
        if self.champion == self.challenger {
            return Err(Flaw::new("challenger", format!("version {} cannot be compared with itself", self.challenger)));
        }
        if self.planned_end.is_some_and(|end| end <= now) {
            return Err(Flaw::new("planned_end", "planned_end lies in the past"));
        }
        match &self.guardrails {
            Some(_) if self.share_percent == 0 => Err(Flaw::new(
                "guardrails",
                "a challenger in shadow decides for nobody, so that guardrails have nothing to stop: leave them out, or give a share",
            )),
            Some(guardrails) => guardrails.check(),
            None => Ok(()),
        }
    }
}

impl Guardrails {
    /// What is wrong with them, if anything.
    pub fn check(&self) -> Result<(), Flaw> {
        let Self { approval_rate_change, latency_p99_ms, error_share, minimum_events, window } = self;
        let shares = [
            ("guardrails.approval_rate_change", "approval_rate_change", approval_rate_change),
            ("guardrails.error_share", "error_share", error_share),
        ];
        for (field, name, share) in shares {
            if share.is_some_and(|share| !(share > 0.0 && share < 1.0)) {
                return Err(Flaw::new(field, format!("{name} is a share between 0 and 1")));
            }
        }
        if latency_p99_ms.is_some_and(|limit| !(limit.is_finite() && limit > 0.0)) {
            return Err(Flaw::new("guardrails.latency_p99_ms", "latency_p99_ms is a time above 0"));
        }
        if [approval_rate_change, latency_p99_ms, error_share].into_iter().all(Option::is_none) {
            let what = "guardrails without a limit hold nothing: give approval_rate_change, latency_p99_ms or error_share";
            return Err(Flaw::new("guardrails", what));
        }
        if *minimum_events == 0 || *window <= Duration::ZERO {
            let field = if *minimum_events == 0 { "guardrails.minimum_events" } else { "guardrails.window" };
            return Err(Flaw::new(field, "a window has at least one event and takes some time"));
        }
        Ok(())
    }
}
