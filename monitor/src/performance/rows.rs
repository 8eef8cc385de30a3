//! The decisions of some days as columns, each joined with what is known of its event.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use evaluation::Known;
use ingest::{Currency, Timestamp};
use scoring::{Thresholds, Verdict};

use crate::error::Error;
use crate::outcome::{Judging, Outcome};
use crate::questions::columns::{Columns, known, money};
use crate::questions::{Days, Question};
use crate::warehouse::Warehouse;

/// Decisions in the order of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub position: Vec<i64>,
    pub occurred_at: Vec<Timestamp>,
    pub flagged: Vec<bool>,
    pub approved: Vec<bool>,
    /// The version of the model that decided.
    pub version: Vec<Option<u32>>,
    pub probability: Vec<Option<f64>>,
    /// What is at stake: the loss that a label names, else the event's amount; zero without one, or in another currency.
    pub minor: Vec<i64>,
    pub label: Vec<Option<bool>>,
    pub outcome: Vec<Outcome>,
    /// The rows that each rule hit.
    pub rules: BTreeMap<String, Vec<usize>>,
    /// The rows that each rule hit while it was in shadow.
    pub rules_in_shadow: BTreeMap<String, Vec<usize>>,
    /// Whether any event moved money of the currency that was asked for.
    pub has_money: bool,
    /// How many events are in other currencies.
    pub other_currency: u64,
    /// Those of the newest decision.
    pub thresholds: Option<Thresholds>,
}

impl Rows {
    pub(super) async fn ask(warehouse: &dyn Warehouse, days: Days, currency: Currency, judging: Judging) -> Result<Self, Error> {
        let question = Question::Judged { days, as_of: judging.as_of, currency };
        let name = question.name();
        let mut rows = Self::default();
        for batch in &warehouse.answer(question).await? {
            rows.take(&Columns::new(name, batch), judging)?;
        }
        Ok(rows)
    }

    fn take(&mut self, columns: &Columns<'_>, judging: Judging) -> Result<(), Error> {
        let positions = columns.whole("event_position")?;
        let times = columns.times("occurred_at")?;
        let decisions = columns.texts("decision")?;
        let versions = columns.whole("model_version")?;
        let probabilities = columns.numbers("probability")?;
        let [amounts, losses] = [columns.whole("amount_minor")?, columns.whole("loss_minor")?];
        let others = columns.texts("other_currency")?;
        let thresholds = [columns.whole("review_threshold")?, columns.whole("decline_threshold")?];
        let labels = columns.flags("bad")?;
        let [rules, watched] = [columns.lists("rules_hit")?, columns.lists("rules_watched")?];
        for (row, &occurred_at) in times.iter().enumerate() {
            let decision = decisions.value(row);
            let label = known(&labels, row, |row| labels.value(row));
            let is_elsewhere = others.is_valid(row);
            let [amount, loss] = [&amounts, &losses].map(|column| known(column, row, |row| column.value(row)));
            let (amount, stake) = money(amount, loss, is_elsewhere);
            let number = self.position.len();
            for (hits, of) in [(&rules, &mut self.rules), (&watched, &mut self.rules_in_shadow)] {
                for rule in hits.value(row).as_string::<i32>().iter().flatten() {
                    of.entry(rule.to_owned()).or_default().push(number);
                }
            }
            self.position.push(positions.value(row));
            self.occurred_at.push(occurred_at);
            self.flagged.push([Verdict::Review, Verdict::Decline].iter().any(|verdict| verdict.name() == decision));
            self.approved.push(decision == Verdict::Approve.name());
            self.version.push(known(&versions, row, |row| versions.value(row)).and_then(|version| u32::try_from(version).ok()));
            self.probability.push(known(&probabilities, row, |row| probabilities.value(row)));
            self.minor.push(stake);
            self.label.push(label);
            self.outcome.push(judging.outcome(occurred_at, decision == Verdict::Decline.name(), label));
            self.has_money |= amount.is_some();
            self.other_currency += u64::from(is_elsewhere);
            self.thresholds = thresholds_of(thresholds[0].value(row), thresholds[1].value(row)).or(self.thresholds);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.position.len()
    }
}

/// Thresholds as the warehouse keeps them.
pub(crate) fn thresholds_of(review: i64, decline: i64) -> Option<Thresholds> {
    Some(Thresholds { review: u16::try_from(review).ok()?, decline: u16::try_from(decline).ok()? })
}

/// How long it took until bad events were known, in microseconds, of all that the warehouse has.
pub(crate) async fn delays(warehouse: &dyn Warehouse, as_of: Timestamp) -> Result<Vec<Known>, Error> {
    let question = Question::Delays { as_of };
    let name = question.name();
    let mut delays = Vec::new();
    for batch in &warehouse.answer(question).await? {
        let columns = Columns::new(name, batch);
        let pairs = columns.times("occurred_at")?.into_iter().zip(columns.times("observed_at")?);
        delays.extend(
            pairs.map(|(occurred_at, observed_at)| Known {
                after: age(occurred_at, observed_at),
                watched: age(occurred_at, as_of),
            }),
        );
    }
    Ok(delays)
}

/// Microseconds from one time to another; none where the other is earlier.
pub(crate) fn age(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.micros() - from.micros()).unwrap_or_default()
}

/// The values of some attributes, row for row of the decisions; empty where an event has none.
pub(super) async fn attributes(
    warehouse: &dyn Warehouse,
    days: Days,
    names: &[String],
    positions: &[i64],
) -> Result<Vec<Vec<String>>, Error> {
    let mut values = vec![vec![String::new(); positions.len()]; names.len()];
    if names.is_empty() {
        return Ok(values);
    }
    let question = Question::Attributes { days };
    let name = question.name();
    // Both are in the order of the log.
    let mut row = 0;
    for batch in &warehouse.answer(question).await? {
        let columns = Columns::new(name, batch);
        let (at, maps) = (columns.whole("event_position")?, columns.maps("attributes")?);
        for (number, position) in at.values().iter().enumerate() {
            while row < positions.len() && positions[row] < *position {
                row += 1;
            }
            if positions.get(row) != Some(position) || maps.is_null(number) {
                continue;
            }
            let entries = maps.value(number);
            let texts = |column: usize| arrow::compute::cast(entries.column(column), &arrow::datatypes::DataType::Utf8);
            let unreadable = |source| crate::questions::unreadable(name, source);
            let (keys, found) = (texts(0).map_err(unreadable)?, texts(1).map_err(unreadable)?);
            for (key, value) in keys.as_string::<i32>().iter().zip(found.as_string::<i32>()) {
                if let Some(place) = names.iter().position(|name| Some(name.as_str()) == key) {
                    values[place][row] = value.unwrap_or_default().to_owned();
                }
            }
        }
    }
    Ok(values)
}
