//! What can go wrong in scoring.

use ingest::EventId;
use ingest::log::Position;
use ingest::log::record::RecordError;

use crate::alerts::{AlertId, Refusal};
use crate::decide::Mismatch;
use crate::registry;

/// What can go wrong in scoring.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The same event id was accepted before with other content.
    #[error("event {event_id} was accepted before with other content")]
    Conflict {
        /// The id.
        event_id: EventId,
    },
    /// The event was imported as history, which is not decided.
    #[error("event {event_id} was imported as history and is not decided")]
    History {
        /// The id.
        event_id: EventId,
    },
    /// There is no champion, and the pipeline's `on_failure` is to refuse.
    #[error("no champion model is loaded, and the pipeline refuses to decide without one")]
    NotReady,
    /// As many events are under way as may be, and that for longer than a sender waits.
    #[error("too many events are under way: what was accepted is not on the disk yet")]
    Busy,
    /// The machine gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
    /// A feature that serves has another definition now.
    #[error(
        "feature {feature} serves with definition {serving} and the pipeline now says {present}: what models were trained on never changes its meaning. Give the new definition a name of its own (as {feature}_v2); it is filled from the log at the start, is `warming` until its window is covered, and then a model can be trained on it"
    )]
    FeatureChanged {
        /// The feature.
        feature: String,
        /// The hash of the definition that serves.
        serving: String,
        /// The hash of the definition in the pipeline file.
        present: String,
    },
    /// A snapshot could not be kept.
    #[error(transparent)]
    Snapshot(#[from] features::snapshot::Error),
    /// The log did not take or give a record.
    #[error(transparent)]
    Log(#[from] ingest::log::Error),
    /// A record in the log cannot be read.
    #[error("log record {position} cannot be read")]
    Unreadable {
        /// Its position.
        position: Position,
        /// Why not.
        source: RecordError,
    },
    /// A record that the ledger names is not in the log.
    #[error("log record {position} is missing")]
    Missing {
        /// Its position.
        position: Position,
    },
    /// A model could not be loaded or kept.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A rule is wrong.
    #[error(transparent)]
    Rule(#[from] crate::rules::RuleError),
    /// A rule that declines applications without saying why.
    #[error("rule `{rule}`: {}", crate::rules::Rule::NEEDS_REASON)]
    NoReason {
        /// The rule.
        rule: crate::rules::RuleId,
    },
    /// A rule that somebody else has changed.
    #[error("rule `{rule}` has version {present} by now: read it again")]
    RuleChanged {
        /// The rule.
        rule: crate::rules::RuleId,
        /// Its version; 0 where there is no such rule.
        present: u32,
    },
    /// A list that the pipeline does not declare.
    #[error("there is no list `{list}` in the pipeline file, there are: {known}")]
    NoList {
        /// What was asked for.
        list: String,
        /// The lists that there are.
        known: String,
    },
    /// An event corrects one that is not known.
    #[error("the event {event_id} that is to be corrected is not known")]
    NothingToSupersede {
        /// The event that is not known.
        event_id: EventId,
    },
    /// A pipeline file that changed in a part that is read at the start only.
    #[error("{what} of the pipeline file has changed, which needs a new start; nothing of it was taken")]
    NeedsRestart {
        /// The part.
        what: &'static str,
    },
    /// A role that a model cannot have now.
    #[error("{what}")]
    Role {
        /// What stands against it.
        what: String,
    },
    /// A share that leaves the champion nothing, or less.
    #[error("challengers would decide for {percent} % of the entities: at most 99 % are theirs")]
    Share {
        /// All shares together.
        percent: u32,
    },
    /// Thresholds that cannot be.
    #[error("{what}")]
    Policy {
        /// What is wrong.
        what: String,
    },
    /// There is no such proposal.
    #[error("there is no change {id}")]
    NoProposal {
        /// Its number.
        id: u32,
    },
    /// Somebody has settled it already.
    #[error("change {id} is {stage} already")]
    Settled {
        /// Its number.
        id: u32,
        /// What became of it.
        stage: &'static str,
    },
    /// Who proposes a change cannot approve or reject it.
    #[error("change {id} was proposed by {by}, and needs another person: whoever proposes a change may only withdraw it")]
    OwnProposal {
        /// Its number.
        id: u32,
        /// Who proposed it.
        by: String,
    },
    /// Only who proposed a change can take it back.
    #[error("change {id} was proposed by {by}, and nobody else can withdraw it: reject it instead")]
    NotProposer {
        /// Its number.
        id: u32,
        /// Who proposed it.
        by: String,
    },
    /// What a proposal rests on has changed.
    #[error(transparent)]
    Outdated(#[from] crate::control::Outdated),
    /// A proposal that no record holds.
    #[error("a proposal has at most {most} bytes, this one has {bytes}: propose it in parts")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// No champion was before the present one.
    #[error("there is no champion to go back to: none was promoted before the present one")]
    NoFormer,
    /// An experiment that there cannot be.
    #[error("experiment `{name}`: {what}")]
    Experiment {
        /// Its name.
        name: String,
        /// What of it is wrong, by the name of its field; `experiment` where it is all of it.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
    /// There is no such experiment.
    #[error("there is no experiment `{name}`")]
    NoExperiment {
        /// Its name.
        name: String,
    },
    /// There is no such alert.
    #[error("there is no alert `{id}`")]
    NoAlert {
        /// Its id.
        id: String,
    },
    /// Something cannot be done with an alert.
    #[error("alert {id}: {refusal}")]
    Alert {
        /// Its id.
        id: AlertId,
        /// Why not.
        refusal: Refusal,
    },
    /// A rule cannot take this state.
    #[error(transparent)]
    Forbidden(#[from] crate::rules::Forbidden),
    /// A backtest that there cannot be.
    #[error(transparent)]
    Backtest(#[from] crate::backtest::Refused),
    /// A model does not fit the pipeline.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl Error {
    /// Why an event got no decision, as metrics and refusals call it.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::History { .. } => "history",
            Self::NothingToSupersede { .. } => "nothing_to_supersede",
            Self::NotReady => "no_model",
            Self::Busy => "queue_full",
            Self::Log(_) => "log_failed",
            Self::Stopped => "stopped",
            _ => "failed",
        }
    }
}
