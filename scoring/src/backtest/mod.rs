//! A backtest: what a changed rule, list, threshold or model would have decided about the events of the past. Decisions are made again by
//! [`decide`](crate::decide), from the vectors that were logged; there is no second implementation of what decides, and nothing is written.

mod change;
mod judge;
mod past;
mod proportion;
mod report;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ingest::log::{Position, Readable};
use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::change::Change;
use self::judge::Judge;
use self::past::Past;
pub use self::proportion::{Proportion, wilson};
pub use self::report::{Day, Figures, Money, Move, Picked, Report, RuleFigures, Sides};
use crate::control::declared;
use crate::decide::{Deciders, LoadedModel, Models};
use crate::engine::after;
use crate::error::Error;
use crate::pipeline::Pipeline;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first event time.
    pub from: Timestamp,
    /// The first event time after it.
    pub until: Timestamp,
    /// A label that was observed later is not known.
    pub as_of: Timestamp,
    /// An event that is older than this, has no label and was not declined counts as good; without it such an event is left unlabelled.
    pub maturity: Option<Duration>,
    /// What the change is compared with.
    pub against: Against,
    /// What is to be tried, all of it at once; without any, what decides at present is compared with what was decided.
    pub changes: Vec<Change>,
    /// On how many threads events are decided; on one, the caller's. The figures are the same on any number.
    pub threads: usize,
}

/// What a change is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = BacktestAgainst))]
pub enum Against {
    /// The decisions as they are in the log.
    #[default]
    Logged,
    /// What decides at present, without the change, from the same vectors.
    Present,
}

impl Against {
    /// Its word on the command line and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Present => "present",
        }
    }
}

/// How far a backtest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records of the log that were read; every one is read twice.
    pub records: u64,
    /// Decided events of the range so far.
    pub events: u64,
}

/// Is told the progress now and then; an error ends the backtest.
pub type Watch<'a> = dyn FnMut(Progress) -> Result<(), Error> + 'a;

/// Why there is no backtest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No event of the range was decided.
    #[error("no event from {from} to {until} was decided: {there}")]
    Nothing {
        /// The first event time.
        from: Timestamp,
        /// The first event time after it.
        until: Timestamp,
        /// What there is.
        there: There,
    },
    /// Thresholds that are none.
    #[error("the thresholds cannot be used: {reason}")]
    Thresholds {
        /// Why not.
        reason: String,
    },
    /// More events than whoever asks may have decided again.
    #[error(
        "more than {most} decided events lie in the range: choose a shorter one, or run `riskflow backtest`, which has no limit"
    )]
    TooMany {
        /// The most.
        most: u64,
    },
    /// It took longer than whoever asks may wait.
    #[error("it was not done after {seconds} s: choose a shorter range, or run `riskflow backtest`, which has no limit")]
    TooLong {
        /// The longest.
        seconds: u64,
    },
    /// Whoever asked has gone.
    #[error("nobody waits for the backtest any more")]
    Abandoned,
}

/// Which decided events a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct There {
    /// The first event time and the last one of all events that were to be decided; `None` without any.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many of the range were decided with other feature definitions than the pipeline has.
    pub other_definitions: u64,
}

impl fmt::Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.other_definitions, self.span) {
            (1.., _) => write!(f, "{} were, with other feature definitions than the pipeline has", self.other_definitions),
            (_, Some((first, last))) => write!(f, "the log has events from {first} to {last}"),
            (_, None) => f.write_str("the log has none"),
        }
    }
}

/// Decides the events of a range again. What decides at present is what the log's control records come to, and what the pipeline says beside
/// them; `models` finds a version of a model.
///
/// # Errors
/// [`Error::Backtest`] for what cannot be answered, the errors of a change that names what there is not, and whatever `watch` returns.
pub fn run(
    log: &dyn Readable,
    pipeline: &Arc<Pipeline>,
    models: &mut Models<'_>,
    request: Request,
    watch: &mut Watch<'_>,
) -> Result<Report, Error> {
    let started = Instant::now();
    let mut progress = Progress::default();
    let Past { labels, control: mut state } = Past::read(log, request.as_of, &mut progress, watch)?;
    for control in declared(pipeline, &state, request.as_of) {
        state.apply(control, Position(0));
    }
    // A model that serves before and after the change is one.
    let mut loaded: HashMap<(String, u32), Arc<LoadedModel>> = HashMap::new();
    let mut models = |name: &str, version: u32| -> Result<Arc<LoadedModel>, Error> {
        let key = (name.to_owned(), version);
        match loaded.get(&key) {
            Some(model) => Ok(Arc::clone(model)),
            None => Ok(Arc::clone(loaded.entry(key).or_insert(models(name, version)?))),
        }
    };
    let (present, _) = Deciders::new(&state, pipeline, &mut models);
    let controls: Vec<_> =
        request.changes.iter().map(|change| change.control(&state, pipeline, request.as_of)).collect::<Result<_, _>>()?;
    let candidate = after(&controls, state, &present.missing, pipeline, &mut models)?;
    let judge = Judge::new(&request, &labels, &present, &candidate);
    let (tally, found) = judge.all(log, &mut progress, watch)?;
    if tally.events() == 0 {
        let there = There { span: found.span, other_definitions: tally.other_definitions };
        return Err(Refused::Nothing { from: request.from, until: request.until, there }.into());
    }
    Ok(judge.report(&tally, found.undecided, labels.from_the_future, started.elapsed()))
}
