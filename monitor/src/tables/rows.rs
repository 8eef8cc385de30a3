use arrow::array::RecordBatch;
use ingest::log::Position;
use ingest::{Event, Label, Schema, Timestamp};
use scoring::alerts::Step;
use scoring::engine::ShadowScores;
use scoring::{Control, Decision};

use super::Table;
use super::alert_events::AlertEventRows;
use super::changes::ChangeRows;
use super::decisions::DecisionRows;
use super::events::EventRows;
use super::labels::LabelRows;
use super::scores::ScoreRows;

/// Rows of every table, as they gather. Each record that has some gives rows at its own position.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    decisions: DecisionRows,
    labels: LabelRows,
    events: EventRows,
    scores: ScoreRows,
    changes: ChangeRows,
    alert_events: AlertEventRows,
}

impl Rows {
    /// How many there are in all tables together.
    pub(crate) fn len(&self) -> usize {
        let of_records = self.decisions.len() + self.labels.len() + self.events.len() + self.scores.len();
        of_records + self.changes.len() + self.alert_events.len()
    }

    pub(crate) fn push_event(&mut self, position: Position, event: &Event, received_at: Timestamp, schema: &Schema) {
        self.events.push(position, event, received_at, schema);
    }

    pub(crate) fn push_decision(&mut self, position: Position, decision: &Decision) {
        self.decisions.push(position, decision);
        self.scores.push_decision(position, decision);
    }

    pub(crate) fn push_label(&mut self, position: Position, label: &Label, received_at: Timestamp) {
        self.labels.push(position, label, received_at);
    }

    pub(crate) fn push_shadow(&mut self, position: Position, shadow: &ShadowScores) {
        self.scores.push_shadow(position, shadow);
    }

    pub(crate) fn push_change(&mut self, position: Position, control: &Control) {
        let Control::Alerts { steps, by, at } = control else { return self.changes.push(position, control) };
        // Which policies hold is a change like any other; all else is an alert's own history.
        if steps.iter().any(|step| matches!(step, Step::Policies(_))) {
            self.changes.push(position, control);
        }
        steps.iter().for_each(|step| self.alert_events.push(position, step, by, *at));
    }

    /// Hands them over and goes on with none.
    pub(crate) fn finish(&mut self) -> Vec<(Table, RecordBatch)> {
        vec![
            (Table::Decisions, self.decisions.finish()),
            (Table::Labels, self.labels.finish()),
            (Table::Events, self.events.finish()),
            (Table::Scores, self.scores.finish()),
            (Table::Changes, self.changes.finish()),
            (Table::AlertEvents, self.alert_events.finish()),
        ]
    }
}
