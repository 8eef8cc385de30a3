//! What two versions of a model said of the same events, as columns, each joined with what is known of its event.

use arrow::array::Array;
use ingest::Timestamp;
use scoring::{Thresholds, Verdict};

use super::Request;
use crate::error::Error;
use crate::outcome::{Judging, Outcome};
use crate::performance::rows::thresholds_of;
use crate::period::Period;
use crate::questions::columns::{Columns, known, money};
use crate::questions::{Days, Question};
use crate::warehouse::Warehouse;

/// Events in the order of the log, from the first that the challenger scored to the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub position: Vec<i64>,
    pub occurred_at: Vec<Timestamp>,
    pub champion: Vec<Option<f64>>,
    pub challenger: Vec<Option<f64>>,
    /// The version that decided.
    pub decided_by: Vec<Option<u32>>,
    /// How long it ran, in microseconds.
    pub model_us: Vec<u32>,
    /// What is at stake: the loss that a label names, else the event's amount; zero without one, or in another currency.
    pub minor: Vec<i64>,
    /// Whether each is in another currency than the one that was asked for.
    pub other_currency: Vec<bool>,
    pub label: Vec<Option<bool>>,
    pub outcome: Vec<Outcome>,
    /// Whose they are, where that was asked for; an event without such an entity is its own.
    pub whose: Option<Vec<String>>,
    /// Whether any event moved money of the currency that was asked for.
    pub has_money: bool,
    /// Those of the newest decision.
    pub thresholds: Option<Thresholds>,
}

impl Rows {
    pub(super) async fn ask(warehouse: &dyn Warehouse, request: &Request, judging: Judging) -> Result<Self, Error> {
        let Request { model, champion, challenger, period, currency, .. } = request.clone();
        let (days, as_of) = (period.days(), judging.as_of);
        let question = Question::Rivals { model, champion, challenger, days, as_of, currency };
        let name = question.name();
        let (mut rows, mut last) = (Self::default(), None);
        for batch in &warehouse.answer(question).await? {
            rows.take(&Columns::new(name, batch), period, judging, &mut last)?;
        }
        // Before the challenger ran it could not score.
        let first = rows.challenger.iter().position(Option::is_some).unwrap_or(rows.challenger.len());
        let end = rows.challenger.iter().rposition(Option::is_some).map_or(first, |last| last + 1);
        Ok(rows.part(first, end))
    }

    /// Asks whose they are.
    pub(super) async fn ask_whose(&mut self, warehouse: &dyn Warehouse, entity: &str, days: Days) -> Result<(), Error> {
        let question = Question::Keys { entity: entity.to_owned(), days };
        let name = question.name();
        let mut whose: Vec<String> = self.position.iter().map(|position| format!("\0{position}")).collect();
        // Both are in the order of the log.
        let mut row = 0;
        for batch in &warehouse.answer(question).await? {
            let columns = Columns::new(name, batch);
            let (positions, keys) = (columns.whole("event_position")?, columns.texts("key")?);
            for (number, position) in positions.values().iter().enumerate() {
                while row < whose.len() && self.position[row] < *position {
                    row += 1;
                }
                if self.position.get(row) == Some(position) && !keys.value(number).is_empty() {
                    keys.value(number).clone_into(&mut whose[row]);
                }
            }
        }
        self.whose = Some(whose);
        Ok(())
    }

    fn take(&mut self, columns: &Columns<'_>, period: Period, judging: Judging, last: &mut Option<i64>) -> Result<(), Error> {
        let positions = columns.whole("event_position")?;
        let times = columns.times("occurred_at")?;
        let decisions = columns.texts("decision")?;
        let [versions, model_us] = [columns.whole("model_version")?, columns.whole("model_us")?];
        let [champion, challenger] = [columns.numbers("champion_probability")?, columns.numbers("challenger_probability")?];
        let [amounts, losses] = [columns.whole("amount_minor")?, columns.whole("loss_minor")?];
        let others = columns.texts("other_currency")?;
        let thresholds = [columns.whole("review_threshold")?, columns.whole("decline_threshold")?];
        let labels = columns.flags("bad")?;
        for (row, &occurred_at) in times.iter().enumerate() {
            // The warehouse is asked for whole days.
            if !period.contains(occurred_at) {
                continue;
            }
            // A model that was withdrawn and came again may have scored an event twice, and alike.
            if last.replace(positions.value(row)) == Some(positions.value(row)) {
                continue;
            }
            let label = known(&labels, row, |row| labels.value(row));
            let is_elsewhere = others.is_valid(row);
            let [amount, loss] = [&amounts, &losses].map(|column| known(column, row, |row| column.value(row)));
            let (amount, stake) = money(amount, loss, is_elsewhere);
            let is_declined = decisions.value(row) == Verdict::Decline.name();
            self.position.push(positions.value(row));
            self.occurred_at.push(occurred_at);
            self.champion.push(known(&champion, row, |row| champion.value(row)));
            self.challenger.push(known(&challenger, row, |row| challenger.value(row)));
            self.decided_by
                .push(known(&versions, row, |row| versions.value(row)).and_then(|version| u32::try_from(version).ok()));
            self.model_us.push(u32::try_from(model_us.value(row)).unwrap_or(u32::MAX));
            self.minor.push(stake);
            self.other_currency.push(is_elsewhere);
            self.label.push(label);
            self.outcome.push(judging.outcome(occurred_at, is_declined, label));
            self.has_money |= amount.is_some();
            self.thresholds = thresholds_of(thresholds[0].value(row), thresholds[1].value(row)).or(self.thresholds);
        }
        Ok(())
    }

    fn part(self, first: usize, end: usize) -> Self {
        fn part<T: Clone>(column: &[T], first: usize, end: usize) -> Vec<T> {
            column[first..end].to_vec()
        }
        Self {
            position: part(&self.position, first, end),
            occurred_at: part(&self.occurred_at, first, end),
            champion: part(&self.champion, first, end),
            challenger: part(&self.challenger, first, end),
            decided_by: part(&self.decided_by, first, end),
            model_us: part(&self.model_us, first, end),
            minor: part(&self.minor, first, end),
            other_currency: part(&self.other_currency, first, end),
            label: part(&self.label, first, end),
            outcome: part(&self.outcome, first, end),
            ..self
        }
    }

    /// Whose some rows are, where that was asked for.
    pub(super) fn owners(&self, some: &[usize]) -> Option<Vec<&str>> {
        self.whose.as_ref().map(|whose| some.iter().map(|&row| whose[row].as_str()).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.occurred_at.len()
    }

    /// The rows that both scored.
    pub(super) fn both(&self) -> Vec<usize> {
        (0..self.len()).filter(|&row| self.champion[row].is_some() && self.challenger[row].is_some()).collect()
    }
}
