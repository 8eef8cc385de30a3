//! What is told: a type for it, and the JSON that receivers read.

use std::fmt;

use ingest::Timestamp;
use scoring::alerts::Severity;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Something that happened, for people and programs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The same whenever the same is told: who has it already needs it no more.
    pub id: String,
    /// When it happened. Of what is computed by windows it is the end of the window, so that computing it again tells nothing new.
    pub at: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// The pipeline that it is about.
    pub pipeline: String,
    /// One sentence for a person.
    pub summary: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened: in JSON `kind`, and its `details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "details", rename_all = "snake_case")]
pub enum What {
    /// A statistic of a feature, a score or the decisions went over its threshold, and stayed there as long as it must.
    DriftFired(Drift),
    /// It is below again.
    DriftCleared(Drift),
    /// An experiment did harm, or a champion does.
    GuardrailBroke {
        /// The experiment, or the model's version.
        subject: String,
        /// What is guarded: `error_share`, `latency_p99_ms`, `approval_rate_change`.
        guardrail: String,
        /// What it is.
        value: f64,
        /// What it may be.
        limit: f64,
        /// What was done about it: `stopped`, `demoted`; nothing when it is absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
    /// An experiment knows enough.
    VerdictReached {
        /// The experiment.
        experiment: String,
        /// The champion's version.
        champion: String,
        /// The challenger's version.
        challenger: String,
        /// `promote` or `keep`.
        verdict: String,
        /// Why, for a person.
        evidence: String,
    },
    /// An alert was raised, or matters more than it did.
    Alert {
        /// Its id.
        alert_id: String,
        /// What it is about.
        subject: String,
        /// For a person.
        reason: String,
        /// How much it mattered before and matters now, where it was there; nothing when it was raised.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rose: Option<Rose>,
    },
    /// A training published candidates.
    RetrainDone {
        /// The model.
        model: String,
        /// The versions that are new.
        versions: Vec<String>,
    },
    /// A training gave nothing.
    RetrainFailed {
        /// The model.
        model: String,
        /// Why not.
        reason: String,
    },
    /// The warehouse takes no rows. They are kept in the log.
    WarehouseGone {
        /// What it said.
        reason: String,
    },
    /// It takes rows again.
    WarehouseBack {
        /// How many tries failed meanwhile.
        failures: u64,
    },
    /// Somebody wants to see whether this arrives.
    Test,
}

/// An alert matters more than it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rose {
    /// How much it mattered.
    pub from: Severity,
    /// How much it matters now.
    pub to: Severity,
}

/// A statistic and its threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The name of the feature, or `probability`; the model and its version where it is of what probabilities come to.
    pub subject: String,
    /// Which values of a segment it is of; of all when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// `psi`, or what [`Name::statistic`](crate::performance::concept::Name::statistic) says.
    pub statistic: String,
    /// What it is.
    pub value: f64,
    /// From where on it counts as drift.
    pub threshold: f64,
    /// What the values are of: `day`; `week` of what probabilities come to.
    pub window: String,
    /// What they are compared with: `training`; `weeks_before` of what probabilities come to.
    pub reference: String,
}

/// What kind of thing a sink asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`What::DriftFired`].
    DriftFired,
    /// [`What::DriftCleared`].
    DriftCleared,
    /// [`What::GuardrailBroke`].
    GuardrailBroke,
    /// [`What::VerdictReached`].
    VerdictReached,
    /// [`What::Alert`].
    Alert,
    /// [`What::RetrainDone`].
    RetrainDone,
    /// [`What::RetrainFailed`].
    RetrainFailed,
    /// [`What::WarehouseGone`].
    WarehouseGone,
    /// [`What::WarehouseBack`].
    WarehouseBack,
}

impl Notification {
    /// Its id follows from all of it but the sentence.
    pub fn new(at: Timestamp, severity: Severity, pipeline: &str, what: What) -> Self {
        let text = serde_json::to_string(&(at, pipeline, &what)).expect("text and numbers are always JSON");
        let hash = hex::encode(&Sha256::digest(text)[..16]);
        Self { id: format!("ntf_{hash}"), at, severity, pipeline: pipeline.to_owned(), summary: what.to_string(), what }
    }
}

impl What {
    /// Its kind; a test has none, since every sink gets it.
    pub const fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::DriftFired(_) => Kind::DriftFired,
            Self::DriftCleared(_) => Kind::DriftCleared,
            Self::GuardrailBroke { .. } => Kind::GuardrailBroke,
            Self::VerdictReached { .. } => Kind::VerdictReached,
            Self::Alert { .. } => Kind::Alert,
            Self::RetrainDone { .. } => Kind::RetrainDone,
            Self::RetrainFailed { .. } => Kind::RetrainFailed,
            Self::WarehouseGone { .. } => Kind::WarehouseGone,
            Self::WarehouseBack { .. } => Kind::WarehouseBack,
            Self::Test => return None,
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DriftFired(drift) => write!(f, "{drift}, and has drifted"),
            Self::DriftCleared(drift) => write!(f, "{drift}, and has come back"),
            Self::GuardrailBroke { subject, guardrail, value, limit, action } => {
                write!(f, "{subject} broke its guardrail {guardrail}: {value:.4}, and {limit:.4} is the limit")?;
                action.as_ref().map_or(Ok(()), |action| write!(f, "; {action}"))
            }
            Self::VerdictReached { experiment, champion, challenger, verdict, evidence } => {
                write!(f, "experiment {experiment}, {challenger} against {champion}: {verdict}. {evidence}")
            }
            Self::Alert { alert_id, subject, reason, rose: None } => write!(f, "alert {alert_id} about {subject}: {reason}"),
            Self::Alert { alert_id, subject, reason, rose: Some(Rose { from, to }) } => {
                write!(f, "alert {alert_id} about {subject} rose from {from} to {to}: {reason}")
            }
            Self::RetrainDone { model, versions } => {
                write!(f, "{model} was trained anew, its candidates are {}", versions.join(", "))
            }
            Self::RetrainFailed { model, reason } => write!(f, "{model} could not be trained anew: {reason}"),
            Self::WarehouseGone { reason } => write!(f, "the warehouse takes no rows, they wait in the log: {reason}"),
            Self::WarehouseBack { failures } => write!(f, "the warehouse takes rows again, after {failures} tries that failed"),
            Self::Test => f.write_str("this is a test: nothing happened"),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, segment, statistic, value, threshold, window, reference } = self;
        f.write_str(subject)?;
        if let Some(segment) = segment {
            write!(f, " of {segment}")?;
        }
        write!(f, " has {statistic} {value:.4} (threshold {threshold}) by {window} against {reference}")
    }
}
