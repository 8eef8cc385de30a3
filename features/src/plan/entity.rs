//! What is kept for each key of an entity, and how an event becomes a row of it.

use std::ops::Range;

use ingest::Event;

use super::adding::Adding;
use super::edge::Edge;
use super::parts::{DecayPlan, ExtremePlan, Last, Over, Pass, SeenPlan};
use super::reads::Reads;
use super::row::{Column, Operand, Total};
use crate::definition::{Filter, TileState};
use crate::words::ABSENT;

/// What is kept for each key of one entity, or of a pair of them.
#[derive(Clone, Debug)]
pub(crate) struct EntityPlan {
    /// The entities' numbers in the schema.
    pub(crate) key: Vec<usize>,
    /// Their names, joined by `+`.
    pub(crate) name: String,
    /// The values of a row.
    pub(crate) columns: Vec<Column>,
    /// The filters; the first is bit 1 of a row's tag.
    pub(crate) filters: Vec<Filter>,
    /// What every cursor carries.
    pub(crate) totals: Vec<Total>,
    /// The short way of an event, where it does nothing to a key but add to one plain sum, as in most plans.
    pub(crate) adding: Option<Adding>,
    /// One cursor each, in the order in which a row passes them.
    pub(crate) edges: Vec<Edge>,
    /// What a row does beside the totals when it passes an edge.
    pub(crate) passes: Vec<Vec<Pass>>,
    pub(crate) lasts: Vec<Last>,
    pub(crate) extremes: Vec<ExtremePlan>,
    pub(crate) seen: Vec<SeenPlan>,
    pub(crate) tables: Vec<Over>,
    pub(crate) orders: Vec<Over>,
    pub(crate) decays: Vec<DecayPlan>,
    /// What is read before the event enters.
    pub(crate) before: Reads,
    /// And after.
    pub(crate) after: Reads,
    /// How long a row is kept, in microseconds.
    pub(crate) retention: i64,
    /// A key that saw nothing for longer starts anew, in microseconds.
    pub(crate) idle_after: Option<i64>,
    pub(crate) tile: Option<TileState>,
    pub(crate) max_events: u32,
    /// Whether labels are counted.
    pub(crate) labelled: bool,
    pub(crate) shape: Shape,
}

/// How many words things have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of a row: time, tag, columns.
    pub(crate) row: usize,
    /// Of a cursor: the next row, totals.
    pub(crate) cursor: usize,
    /// Of all cursors.
    pub(crate) cursors: usize,
    /// Whether a row has a tag: position, filters, label.
    pub(crate) tagged: bool,
}

impl EntityPlan {
    /// Whether a key keeps anything beside rows and cursors.
    pub(crate) const fn has_parts(&self) -> bool {
        !(self.lasts.is_empty()
            && self.extremes.is_empty()
            && self.seen.is_empty()
            && self.tables.is_empty()
            && self.orders.is_empty()
            && self.decays.is_empty())
    }

    /// The numbers of all that is read of it.
    pub(crate) const fn reads(&self) -> Range<usize> {
        self.before.first..self.after.all().end
    }

    /// An event's row: time, tag, columns. `bad` is what is known of the event already.
    pub(crate) fn write_row(&self, event: &Event, position: u64, bad: bool, row: &mut Vec<i64>) {
        row.resize(self.shape.row, 0);
        row[0] = event.occurred_at.micros();
        if self.shape.tagged {
            let mut tag = ((position << TAG_FLAGS) as i64) | i64::from(bad);
            for (number, filter) in self.filters.iter().enumerate() {
                tag |= i64::from(filter.holds(event)) << (number + 1);
            }
            row[1] = tag;
        }
        let columns = &mut row[1 + usize::from(self.shape.tagged)..];
        for (word, column) in columns.iter_mut().zip(&self.columns) {
            *word = match column.of {
                Operand::Number(source) => source.word(event),
                Operand::Category(category) => category.word(event),
                Operand::Present(source) => i64::from(source.word(event) != ABSENT),
                Operand::SquareLow(source) => square(source.word(event)) as i64,
                Operand::SquareHigh(source) => (square(source.word(event)) >> 64) as i64,
                Operand::One => 1,
                Operand::Bad => i64::from(bad),
            };
        }
    }

    /// The word at which tiled rows count what is bad.
    pub(crate) fn bad_word(&self) -> Option<usize> {
        let column = self.columns.iter().position(|column| column.of == Operand::Bad)?;
        Some(1 + usize::from(self.shape.tagged) + column)
    }
}

const fn square(word: i64) -> i128 {
    if word == ABSENT { 0 } else { word as i128 * word as i128 }
}

/// The bits of a tag below the position: whether the event is bad, and its filters.
pub(crate) const TAG_FLAGS: u32 = 24;
