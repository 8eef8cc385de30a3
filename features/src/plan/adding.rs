//! The plans for which an event takes a short way: where all that its key keeps are times, with one number each to add up.

use ingest::Event;

use super::{Between, Counted, Edge, EntityPlan, Operand, Read, Reading, TAG_FLAGS, Total};
use crate::definition::Source;
use crate::words::ABSENT;

/// What there is to do. Rows are pairs of a time and the word that is added; cursors have one total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adding {
    /// What the word of a row is: a number of the event, or its tag.
    source: Option<Source>,
    /// The bits of the word that are added.
    bits: i64,
    /// How far behind now each edge lies, in microseconds.
    pub(crate) offsets: Vec<i64>,
    /// What is read.
    pub(crate) windows: Vec<AddedWindow>,
}

/// Two cursors, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddedWindow {
    pub(crate) near: usize,
    pub(crate) far: usize,
    /// Nothing of the farther one is taken where this is zero.
    pub(crate) far_mask: i64,
    /// Nothing of the sum is taken where this is zero.
    pub(crate) sum_mask: i64,
}

impl Adding {
    /// `None` where an event does more: where rows are merged, filtered or read without it, where edges lie at midnight, where something
    /// is kept beside rows and cursors.
    pub(super) fn of(plan: &EntityPlan, reads: &[Read]) -> Option<Self> {
        /// Further than any two events lie apart, and so little that no difference overflows.
        const FOREVER: i64 = i64::MAX / 4;
        if plan.tile.is_some() || plan.has_parts() || !plan.before.is_empty() || !plan.filters.is_empty() {
            return None;
        }
        let columns: Vec<Operand> = plan.columns.iter().map(|column| column.of).collect();
        let (source, bits) = match (plan.totals.as_slice(), columns.as_slice(), plan.shape.tagged) {
            ([Total { of: Counted::Sum, .. }], [Operand::Number(source)], false) => (Some(*source), -1),
            ([Total { of: Counted::Bad, .. }], [], true) => (None, 1),
            _ => return None,
        };
        let offset = |edge: &Edge| match edge {
            Edge::Behind(offset) => Some((*offset).min(FOREVER)),
            Edge::Midnight(_) => None,
        };
        let window = |read: &Read| match &read.reading {
            Reading::Totals(between) => Some(AddedWindow::new(between)),
            _ => None,
        };
        let offsets = plan.edges.iter().map(offset).collect::<Option<_>>()?;
        let windows = reads[plan.after.all()].iter().map(window).collect::<Option<_>>()?;
        Some(Self { source, bits, offsets, windows })
    }

    /// The word of an event.
    #[inline(always)]
    pub(crate) fn word(&self, event: &Event, position: u64, is_bad: bool) -> i64 {
        self.source.map_or_else(|| (position << TAG_FLAGS) as i64 | i64::from(is_bad), |source| source.word(event))
    }

    /// What the word of a row adds: nothing where it is [`ABSENT`], which is the highest bit and nothing else.
    #[inline(always)]
    pub(crate) const fn added(&self, word: i64) -> i64 {
        const { assert!(ABSENT == i64::MIN) };
        ((word & self.bits) << 1) >> 1
    }
}

impl AddedWindow {
    fn new(between: &Between) -> Self {
        let all_or_nothing = |is_all: bool| -i64::from(is_all);
        Self {
            near: between.near,
            far: between.far.unwrap_or(between.near),
            far_mask: all_or_nothing(between.far.is_some()),
            sum_mask: all_or_nothing(between.sum > 0),
        }
    }
}
