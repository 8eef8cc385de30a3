//! A dataset from the log of a running program: the events that were decided, their features as they were logged or as the engine gives
//! them again, and the labels that were known at a point in time. Both ways give the same rows, bit for bit.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::log::record::{RecordError, decode_event};
use ingest::log::{Position, Readable, Record, Topic};
use ingest::{Duration, Event, Timestamp};
use scoring::{Decision, Labels, Pipeline, engine};
use serde::{Deserialize, Serialize};

use super::build::RowBuilder;
use super::decided::{Decided, Known};
use super::{Examples, Period};
use crate::error::Error;

/// The events of a log, as of a point in time.
#[derive(Clone)]
pub struct LogSource {
    /// The log, which a server may be writing.
    pub log: Arc<dyn Readable>,
    /// Where features come from.
    pub vectors: Vectors,
    /// A label that was observed later is not known yet.
    pub as_of: Timestamp,
    /// An event that is older than this and has no label counts as good; without it such an event is left out.
    pub maturity: Option<Duration>,
}

/// Where the features of a decided event come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vectors {
    /// From its decision.
    Logged,
    /// From the engine, which reads the log again.
    Replayed,
}

impl Vectors {
    /// Its word on the command line and in pipeline files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Replayed => "replayed",
        }
    }
}

/// What was passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Labels that were observed after the point in time.
    pub labels_from_the_future: u64,
    /// Events without a label that are too young to count as good.
    pub unlabelled: u64,
    /// Decisions that were made with other feature definitions than the pipeline has.
    pub other_definitions: u64,
}

impl Examples {
    /// The decided events of a period. Their labels reached the features when they arrived; entities of a test are left out once the
    /// delay has passed. `progress` is told the events so far.
    pub(super) fn from_log(
        source: &LogSource,
        pipeline: &Arc<Pipeline>,
        period: Period,
        delay: Duration,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        let labels = Labels::read(&*source.log, source.as_of)?;
        let known = Known { as_of: source.as_of, maturity: source.maturity };
        let mut decided = Decided::new(RowBuilder::new(pipeline, period.from), period, known, progress);
        let mut push = |position: Position, event: &Event, vector: &[f64]| -> Result<(), Error> {
            decided.take(event.occurred_at, labels.is_bad(&event.event_id), |rows, is_bad| {
                rows.push(position.0 as i64, event, is_bad, vector)
            })
        };
        let other_definitions = match source.vectors {
            Vectors::Logged => logged(source, pipeline, &mut push)?,
            Vectors::Replayed => replayed(source, pipeline, &mut push)?,
        };
        let labels_from_the_future = labels.from_the_future;
        decided.passed = Passed { labels_from_the_future, other_definitions, ..decided.passed };
        decided.examples(delay)
    }
}

type Push<'a> = &'a mut dyn FnMut(Position, &Event, &[f64]) -> Result<(), Error>;

/// Each decided event with the vector of its decision, in the order of events; how many had other definitions.
fn logged(source: &LogSource, pipeline: &Pipeline, push: Push<'_>) -> Result<u64, Error> {
    // Decisions come out of order; those that wait for one before them are few.
    let mut open: BTreeMap<Position, (Event, Option<Decision>)> = BTreeMap::new();
    let mut others = 0;
    let mut close = |position: Position, (event, decision): (Event, Option<Decision>)| match decision {
        Some(decision) if decision.features_version == pipeline.plan.version() => push(position, &event, &decision.vector),
        Some(_) => {
            others += 1;
            Ok(())
        }
        None => Ok(()),
    };
    for record in source.log.read(Position(0))? {
        let record = record?;
        match record.topic {
            Topic::Event => {
                let (event, _) = decode_event(&record.payload, &pipeline.schema).map_err(unreadable(&record))?;
                open.insert(record.position, (event, None));
            }
            Topic::Decision => {
                let decision = Decision::decode(&record.payload).map_err(unreadable(&record))?;
                if let Some(waiting) = open.get_mut(&decision.event_position) {
                    waiting.1 = Some(decision);
                }
            }
            Topic::Label | Topic::Control | Topic::History | Topic::Shadow => {}
        }
        while let Some(first) = open.first_entry().filter(|first| first.get().1.is_some()) {
            let (position, decided) = first.remove_entry();
            close(position, decided)?;
        }
    }
    open.into_iter().try_for_each(|(position, decided)| close(position, decided))?;
    Ok(others)
}

/// Each decided event with its vector computed anew. What was decided with other definitions is here, too.
fn replayed(source: &LogSource, pipeline: &Arc<Pipeline>, push: Push<'_>) -> Result<u64, Error> {
    let mut pushed = Ok(());
    engine::recompute(Arc::clone(pipeline), &*source.log, &mut |case| {
        if pushed.is_ok() {
            pushed = push(case.position, &case.event, &case.vector);
        }
    })?;
    pushed.map(|()| 0)
}

fn unreadable(record: &Record) -> impl FnOnce(RecordError) -> Error {
    let position = record.position;
    move |source| Error::Scoring(scoring::Error::Unreadable { position, source })
}
