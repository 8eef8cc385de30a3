//! The questions that the warehouse answers, each with the form of its answer. They are asked of any [`Warehouse`]; the SQL is
//! the backend's. No question changes anything, and a warehouse that cannot answer is an error, never an empty answer.

pub(crate) mod columns;

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, WriterBuilder};
use ingest::{Currency, EventId, Timestamp};
use scoring::Verdict;
use scoring::rules::RuleId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::tables::Derived;
use crate::warehouse::Warehouse;

/// A range of days (UTC), both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    first: i32,
    last: i32,
}

impl Days {
    /// Every day there is: years 1 to 9999.
    pub const ALL: Self = Self { first: -719_162, last: 2_932_896 };

    /// From the day of one time to the day of another; without one, the range is open at that end.
    pub fn between(first: Option<Timestamp>, last: Option<Timestamp>) -> Self {
        let day = |time: Timestamp| i32::try_from(time.day().clamp(i64::from(Self::ALL.first), i64::from(Self::ALL.last)));
        let day = |time| day(time).expect("a day of the calendar fits");
        Self { first: first.map_or(Self::ALL.first, day), last: last.map_or(Self::ALL.last, day) }
    }

    /// The first day, counted from 1970-01-01.
    pub const fn first(self) -> i32 {
        self.first
    }

    /// The last day, counted from 1970-01-01.
    pub const fn last(self) -> i32 {
        self.last
    }
}

/// A question to a warehouse. Days are those of the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// See [`volume`].
    Volume {
        /// Of which days.
        days: Days,
        /// What money is in.
        currency: Currency,
    },
    /// See [`decision_mix`].
    DecisionMix(Days),
    /// See [`score_distribution`].
    ScoreDistribution(Days),
    /// See [`latency`].
    Latency(Days),
    /// See [`latency_overall`].
    LatencyOverall(Days),
    /// See [`detection`].
    Detection {
        /// Of which days.
        days: Days,
        /// What money is in.
        currency: Currency,
    },
    /// See [`newest`].
    Newest {
        /// Of which days.
        days: Days,
        /// Which of them.
        wanted: Wanted,
        /// Of those before this position of the log.
        before: u64,
        /// At most how many.
        limit: u32,
    },
    /// See [`vectors`].
    Vectors {
        /// Of the events from this position of the log on.
        first_position: u64,
        /// At most how many.
        limit: u32,
    },
    /// What was decided about each event, and what was known of it; see [`crate::performance`].
    Judged {
        /// Of which days.
        days: Days,
        /// What was observed later is not known.
        as_of: Timestamp,
        /// What money is in.
        currency: Currency,
    },
    /// What two versions of a model said of each event, and what was known of it; see [`crate::experiment`].
    Rivals {
        /// The model.
        model: String,
        /// The version that decides.
        champion: u32,
        /// The one beside it.
        challenger: u32,
        /// Of which days.
        days: Days,
        /// What was observed later is not known.
        as_of: Timestamp,
        /// What money is in.
        currency: Currency,
    },
    /// How long bad events took to be known.
    Delays {
        /// What was observed later is not known.
        as_of: Timestamp,
    },
    /// See [`alerts`].
    Alerts(Days),
    /// See [`entity`].
    Entity {
        /// Which entity, as the pipeline file declares it.
        entity: String,
        /// Its key.
        key: String,
        /// Of which days.
        days: Days,
        /// Of the events before this position of the log.
        before: u64,
        /// At most how many.
        limit: u32,
    },
    /// The attributes of events, in the order of the log.
    Attributes {
        /// Of which days.
        days: Days,
    },
    /// Whose each event was, in the order of the log.
    Keys {
        /// Which entity, as the pipeline file declares it.
        entity: String,
        /// Of which days.
        days: Days,
    },
    /// What experiments and rules were declared, or proposed; see [`crate::experiment`], [`crate::performance`] and [`crate::rule_versions`].
    Declarations {
        /// What people may have declared by it.
        of: Declared,
    },
    /// See [`moment`].
    Moment,
    /// See [`decision`].
    Decision {
        /// Of which event.
        event_id: EventId,
    },
    /// See [`points::read`](crate::points::read).
    Points {
        /// Of which table.
        table: Derived,
        /// On which days their windows begin.
        days: Days,
    },
}

impl Question {
    /// Its name, in messages and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Volume { .. } => "volume",
            Self::DecisionMix(_) => "decision_mix",
            Self::ScoreDistribution(_) => "score_distribution",
            Self::Latency(_) => "latency",
            Self::LatencyOverall(_) => "latency_overall",
            Self::Detection { .. } => "detection",
            Self::Newest { .. } => "newest",
            Self::Vectors { .. } => "vectors",
            Self::Judged { .. } => "judged",
            Self::Rivals { .. } => "rivals",
            Self::Delays { .. } => "delays",
            Self::Alerts(_) => "alerts",
            Self::Entity { .. } => "entity",
            Self::Attributes { .. } => "attributes",
            Self::Keys { .. } => "keys",
            Self::Declarations { .. } => "declarations",
            Self::Moment => "moment",
            Self::Decision { .. } => "decision",
            Self::Points { .. } => "points",
        }
    }
}

/// The events of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeDay {
    /// The day, as `2018-08-01`.
    pub day: String,
    /// How many came.
    pub events: u64,
    /// What they moved together, in minor units of `currency`; events without an amount count nothing.
    pub amount_minor: i64,
    /// What money is in.
    pub currency: Currency,
    /// How many of them are in other currencies: their amounts are not in `amount_minor`.
    pub other_currency: u64,
}

/// How many events came each day, and how much money did they move in a currency? Oldest day first, days without events left out.
pub async fn volume(warehouse: &dyn Warehouse, days: Days, currency: Currency) -> Result<Vec<VolumeDay>, Error> {
    ask(warehouse, Question::Volume { days, currency }).await
}

/// How a day's events were decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixDay {
    /// The day, as `2018-08-01`.
    pub day: String,
    /// Approved.
    pub approve: u64,
    /// Challenged.
    pub challenge: u64,
    /// Sent to review.
    pub review: u64,
    /// Declined.
    pub decline: u64,
}

/// How were each day's events decided? Oldest day first, days without decisions left out.
pub async fn decision_mix(warehouse: &dyn Warehouse, days: Days) -> Result<Vec<MixDay>, Error> {
    ask(warehouse, Question::DecisionMix(days)).await
}

/// A band of scores, 25 wide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreBin {
    /// Its lowest score: 0, 25 to 975. The last band includes 1000.
    pub from_score: u16,
    /// The decisions with a score in it.
    pub decisions: u64,
    /// Those whose label has arrived and is fraud or default.
    pub bad: u64,
    /// Those whose label has arrived and is legit or repaid.
    pub good: u64,
}

/// How are the scores spread, and how many turned out bad or good so far? Lowest band first, empty bands left out; decisions
/// without a score are not counted.
pub async fn score_distribution(warehouse: &dyn Warehouse, days: Days) -> Result<Vec<ScoreBin>, Error> {
    ask(warehouse, Question::ScoreDistribution(days)).await
}

/// How long decisions took, from the door to the decision, in microseconds. A percentile is exact: the smallest time within
/// which at least that share of the decisions was made (nearest rank).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many decisions.
    pub decisions: u64,
    /// The median.
    pub p50_us: f64,
    /// The 90th percentile.
    pub p90_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// The 99.9th percentile.
    pub p999_us: f64,
    /// The longest.
    pub max_us: u64,
}

/// How long the decisions of a day took; percentiles as in [`Latency`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyDay {
    /// The day, as `2018-08-01`.
    pub day: String,
    /// The figures of the day.
    #[serde(flatten)]
    pub latency: Latency,
}

/// How long did a decision take on each day? Oldest day first, days without decisions left out.
pub async fn latency(warehouse: &dyn Warehouse, days: Days) -> Result<Vec<LatencyDay>, Error> {
    ask(warehouse, Question::Latency(days)).await
}

/// How long did a decision take over all days together? `None` without decisions.
pub async fn latency_overall(warehouse: &dyn Warehouse, days: Days) -> Result<Option<Latency>, Error> {
    Ok(ask(warehouse, Question::LatencyOverall(days)).await?.pop())
}

/// How well a day's decisions agree with the labels that have arrived. Of several labels of an event, the one that was observed
/// last holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectionDay {
    /// The day of the events, as `2018-08-01`.
    pub day: String,
    /// The decisions, with a label or without.
    pub decisions: u64,
    /// Those whose label has arrived.
    pub labelled: u64,
    /// Those labelled fraud or default.
    pub bad: u64,
    /// The labelled ones that were sent to review or declined.
    pub flagged: u64,
    /// Those that are both bad and flagged.
    pub caught: u64,
    /// The loss in `caught`, in minor units of `currency`: the label's amount, or the event's where the label has none.
    pub caught_amount_minor: i64,
    /// The loss in `bad`, likewise.
    pub bad_amount_minor: i64,
    /// What money is in.
    pub currency: Currency,
    /// How many of `bad` are in other currencies: their loss is in neither sum.
    pub other_currency: u64,
    /// `caught / flagged`, 0 to 1; `None` when nothing labelled was flagged.
    pub precision: Option<f64>,
    /// `caught / bad`, 0 to 1; `None` when nothing is known to be bad.
    pub recall: Option<f64>,
}

/// How many of each day's bad events were caught, as far as labels have arrived, with the loss in a currency? Oldest day first, days
/// without decisions left out.
pub async fn detection(warehouse: &dyn Warehouse, days: Days, currency: Currency) -> Result<Vec<DetectionDay>, Error> {
    ask(warehouse, Question::Detection { days, currency }).await
}

/// An alert, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCourse {
    /// The policy that raised it.
    pub policy: String,
    /// How much it mattered when it was raised: `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// When somebody took it first; `None` while nobody has.
    pub claimed_at: Option<Timestamp>,
    /// When it was closed, or reopened after that; `None` where it was never closed.
    pub closed_at: Option<Timestamp>,
    /// `resolved` or `dismissed`; `reopened` where it is not closed any more.
    pub closed_as: Option<String>,
    /// What it was, where it was resolved: `confirmed_fraud`, `false_positive`, `inconclusive`, `duplicate`.
    pub outcome: Option<String>,
}

/// Which alerts were raised on some days, and how did each go? In the order in which they were raised.
pub async fn alerts(warehouse: &dyn Warehouse, days: Days) -> Result<Vec<AlertCourse>, Error> {
    ask(warehouse, Question::Alerts(days)).await
}

/// Something that an entity did, and what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityEvent {
    /// Where it lies in the log.
    pub event_position: u64,
    /// The event.
    pub event_id: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Its amount in minor units, if it has one.
    pub amount_minor: Option<i64>,
    /// The currency of the amount.
    pub currency: Option<String>,
    /// What was decided: `approve`, `challenge`, `review`, `decline`; `None` while the decision has not arrived, or once it is kept no more.
    pub decision: Option<String>,
    /// 0 to 1000; `None` when no model ran.
    pub score: Option<u16>,
    /// What the event turned out to be: `fraud`, `legit`, `default`, `repaid`; `None` while nothing has arrived.
    pub label: Option<String>,
    /// Who said so.
    pub label_source: Option<String>,
}

/// What did an entity do on some days, in events before a position of the log (or in all)? The last one in the log first.
pub async fn entity(
    warehouse: &dyn Warehouse,
    entity: &str,
    key: &str,
    days: Days,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<EntityEvent>, Error> {
    let (entity, key, before) = (entity.to_owned(), key.to_owned(), before.unwrap_or(u64::MAX));
    ask(warehouse, Question::Entity { entity, key, days, before, limit }).await
}

/// A decision, as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewestDecision {
    /// Where the decision lies in the log.
    pub log_position: u64,
    /// The event.
    pub event_id: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Its amount in minor units, if it has one.
    pub amount_minor: Option<i64>,
    /// The currency of the amount.
    pub currency: Option<String>,
    /// What was decided: `approve`, `challenge`, `review`, `decline`.
    pub decision: String,
    /// 0 to 1000; `None` when no model ran.
    pub score: Option<u16>,
    /// The champion's name; `None` when no model ran.
    pub model: Option<String>,
    /// The champion's version; `None` when no model ran.
    pub model_version: Option<u32>,
    /// 0 to 1; `None` when no model ran.
    pub probability: Option<f64>,
    /// From the door to the decision, in microseconds.
    pub total_us: u64,
    /// What the event turned out to be: `fraud`, `legit`, `default`, `repaid`; `None` while nothing has arrived.
    pub label: Option<String>,
}

/// What people declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// Experiments.
    Experiments,
    /// Rules.
    Rules,
    /// One rule, with what was proposed of it.
    Rule(RuleId),
}

impl Declared {
    /// The parameters of the question. `kind`: of a change by which they are. `approved`: what the text of an approval has in it where they are
    /// by that. `proposed`: the kind of a proposal, where those are wanted. `about`: what the text of each has in it, and others may have.
    pub(crate) fn parameters(&self) -> [(&'static str, String); 4] {
        let (kind, approved) = match self {
            Self::Experiments => ("experimented", "%Experimented%"),
            Self::Rules | Self::Rule(_) => ("ruled", "%Ruled%"),
        };
        let (proposed, about) = match self {
            Self::Experiments | Self::Rules => ("approved", "%".to_owned()),
            Self::Rule(id) => ("proposed", format!("%{id}%")),
        };
        [("kind", kind.to_owned()), ("approved", approved.to_owned()), ("proposed", proposed.to_owned()), ("about", about)]
    }
}

/// Which decisions are looked for; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that came to this.
    pub verdict: Option<Verdict>,
    /// Those that this rule hit, also where it was in shadow.
    pub rule: Option<RuleId>,
}

/// Which decisions were made last, of those before a position of the log (or of all)? The last one in the log first.
pub async fn newest(
    warehouse: &dyn Warehouse,
    days: Days,
    wanted: Wanted,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<NewestDecision>, Error> {
    ask(warehouse, Question::Newest { days, wanted, before: before.unwrap_or(u64::MAX), limit }).await
}

/// A decision with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionDetail {
    /// Where the decision lies in the log.
    pub log_position: u64,
    /// Where its event lies in the log.
    pub event_position: u64,
    /// The event.
    pub event_id: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it came through the door.
    pub received_at: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Its amount in minor units, if it has one.
    pub amount_minor: Option<i64>,
    /// The currency of the amount.
    pub currency: Option<String>,
    /// The keys of its entities, by the entity's name.
    pub entities: BTreeMap<String, String>,
    /// Its attributes as text, by name.
    pub attributes: BTreeMap<String, String>,
    /// What was decided: `approve`, `challenge`, `review`, `decline`.
    pub decision: String,
    /// 0 to 1000; `None` when no model ran.
    pub score: Option<u16>,
    /// The champion's name; `None` when no model ran.
    pub model: Option<String>,
    /// The champion's version; `None` when no model ran.
    pub model_version: Option<u32>,
    /// 0 to 1; `None` when no model ran.
    pub probability: Option<f64>,
    /// `normal` or `degraded`.
    pub engine_mode: String,
    /// Reviewed from this score on.
    pub review_threshold: u16,
    /// Declined from this score on.
    pub decline_threshold: u16,
    /// The hash of the feature definitions.
    pub features_version: String,
    /// The features as used, in the order of their definitions; `None` where one was missing.
    pub vector: Vec<Option<f64>>,
    /// The reasons, strongest first.
    #[serde(deserialize_with = "json_text")]
    pub reasons: Vec<scoring::Reason>,
    /// Waiting for the engine, in microseconds.
    pub queue_us: u64,
    /// Computing the features.
    pub features_us: u64,
    /// Running the models.
    pub model_us: u64,
    /// Applying the policy and finding the reasons.
    pub policy_us: u64,
    /// From the door to the decision.
    pub total_us: u64,
    /// What the event turned out to be: `fraud`, `legit`, `default`, `repaid`; `None` while nothing has arrived.
    pub label: Option<String>,
    /// Who said so: `chargeback`, `analyst`, `customer`, `issuer`, `servicing`.
    pub label_source: Option<String>,
    /// The source's own word for the kind.
    pub label_category: Option<String>,
    /// When it became known.
    pub label_observed_at: Option<Timestamp>,
}

/// What a decision was made from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LoggedVector {
    /// Where its event lies in the log.
    pub event_position: u64,
    /// The hash of the feature definitions.
    pub features_version: String,
    /// The features as used, in the order of their definitions; `None` where one was missing.
    pub vector: Vec<Option<f64>>,
}

/// From which vectors were decisions made about the events after a position of the log (or about all)? In the order of the log.
pub async fn vectors(warehouse: &dyn Warehouse, after: Option<u64>, limit: u32) -> Result<Vec<LoggedVector>, Error> {
    let first_position = after.map_or(0, |after| after + 1);
    let batches = warehouse.answer(Question::Vectors { first_position, limit }).await?;
    let mut vectors = Vec::new();
    for batch in &batches {
        let positions = batch.column(0).as_primitive::<UInt64Type>();
        let versions = cast(batch.column(1), &DataType::Utf8).map_err(|source| unreadable("vectors", source))?;
        let lists = batch.column(2).as_list::<i32>();
        for (row, (position, version)) in positions.values().iter().zip(versions.as_string::<i32>()).enumerate() {
            vectors.push(LoggedVector {
                event_position: *position,
                features_version: version.unwrap_or_default().to_owned(),
                // By columns and not by way of JSON: there are many, and every bit counts.
                vector: lists.value(row).as_primitive::<Float64Type>().iter().collect(),
            });
        }
    }
    Ok(vectors)
}

/// What is the newest moment that anything is known of, by the time at which it came in? `None` of an empty warehouse.
pub async fn moment(warehouse: &dyn Warehouse) -> Result<Option<Timestamp>, Error> {
    for batch in &warehouse.answer(Question::Moment).await? {
        if let Some(moment) = columns::Columns::new("moment", batch).times("moment")?.first() {
            return Ok(Some(*moment));
        }
    }
    Ok(None)
}

pub(crate) fn unreadable(question: &'static str, source: ArrowError) -> Error {
    Error::Question { question, source: Box::new(source.into()) }
}

/// What was decided about one event, from which numbers and why? `None` when the warehouse has no decision about it.
pub async fn decision(warehouse: &dyn Warehouse, event_id: EventId) -> Result<Option<DecisionDetail>, Error> {
    Ok(ask(warehouse, Question::Decision { event_id }).await?.pop())
}

pub(crate) async fn ask<Row: DeserializeOwned>(warehouse: &dyn Warehouse, question: Question) -> Result<Vec<Row>, Error> {
    let name = question.name();
    rows(name, &warehouse.answer(question).await?)
}

/// Answers are short lists, so the way by JSON costs little, and the rows' own definitions check the columns.
fn rows<Row: DeserializeOwned>(question: &'static str, batches: &[RecordBatch]) -> Result<Vec<Row>, Error> {
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut text);
    let written = batches.iter().try_for_each(|batch| writer.write(batch)).and_then(|()| writer.finish());
    written.map_err(|source| Error::Question { question, source: Box::new(source.into()) })?;
    serde_json::from_slice(&text).map_err(|source| Error::Answer { question, source })
}

fn json_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<scoring::Reason>, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
