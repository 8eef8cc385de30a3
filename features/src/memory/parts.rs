//! What a key keeps beside its rows and cursors: whatever is no difference of two sums.

use super::decay::Decayed;
use super::extreme::Extreme;
use super::order::Order;
use super::seen::Categories;
use super::table::Table;
use crate::plan::{EntityPlan, Last, Pass};
use crate::words::ABSENT;

/// One of each for everything that the plan lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    /// The newest row of each [`Last`], one after another; the time is [`ABSENT`] where there is none.
    pub(super) lasts: Box<[i64]>,
    /// The newest of the rows that the ring has forgotten.
    pub(super) forgotten: Box<[i64]>,
    pub(super) extremes: Box<[Extreme]>,
    pub(super) seen: Box<[Categories]>,
    pub(super) tables: Box<[Table]>,
    pub(super) orders: Box<[Order]>,
    /// As of the newest event, and as of the edge behind which none can come any more.
    pub(super) decays: Box<[[Decayed; 2]]>,
}

impl Parts {
    /// `None` where the plan lists nothing.
    pub(super) fn new(plan: &EntityPlan) -> Option<Box<Self>> {
        let rows = || vec![ABSENT; plan.lasts.len() * plan.shape.row].into_boxed_slice();
        plan.has_parts().then(|| {
            Box::new(Self {
                lasts: rows(),
                forgotten: rows(),
                extremes: plan.extremes.iter().map(|_| Extreme::new()).collect(),
                seen: plan.seen.iter().map(|_| Categories::new()).collect(),
                tables: plan.tables.iter().map(|_| Table::default()).collect(),
                orders: plan.orders.iter().map(|_| Order::default()).collect(),
                decays: plan.decays.iter().map(|_| [Decayed::NOTHING; 2]).collect(),
            })
        })
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.lasts)
            + size_of_val(&*self.forgotten)
            + size_of_val(&*self.extremes)
            + size_of_val(&*self.seen)
            + size_of_val(&*self.tables)
            + size_of_val(&*self.orders)
            + size_of_val(&*self.decays)
            + self.extremes.iter().map(Extreme::bytes).sum::<usize>()
            + self.seen.iter().map(Categories::bytes).sum::<usize>()
            + self.tables.iter().map(Table::bytes).sum::<usize>()
            + self.orders.iter().map(Order::bytes).sum::<usize>()
    }

    /// Whether a number of different categories is an estimate.
    pub(super) fn is_estimate(&self) -> bool {
        self.seen.iter().any(Categories::is_estimate)
    }

    /// A row passes an edge.
    pub(super) fn pass(&mut self, plan: &EntityPlan, edge: usize, row: &[i64]) {
        for pass in &plan.passes[edge] {
            match *pass {
                Pass::Extreme(number) => {
                    let extreme = &plan.extremes[number];
                    if let Some(word) = value(row, extreme.mask, extreme.word) {
                        self.extremes[number].enter(extreme, row[0], word);
                    }
                }
                Pass::EnterTable(number) | Pass::LeaveTable(number) => {
                    let over = &plan.tables[number];
                    match (value(row, over.mask, over.word), pass) {
                        (Some(word), Pass::EnterTable(_)) => self.tables[number].enter(word),
                        (Some(word), _) => self.tables[number].leave(word),
                        (None, _) => {}
                    }
                }
                Pass::EnterOrder(number) | Pass::LeaveOrder(number) => {
                    let over = &plan.orders[number];
                    match (value(row, over.mask, over.word), pass) {
                        (Some(word), Pass::EnterOrder(_)) => self.orders[number].enter(word),
                        (Some(word), _) => self.orders[number].leave(word),
                        (None, _) => {}
                    }
                }
                Pass::Decay(number) | Pass::SealDecay(number) => {
                    let decay = &plan.decays[number];
                    let sealed = usize::from(matches!(pass, Pass::SealDecay(_)));
                    if let Some(value) = fading(row, decay.mask, decay.word) {
                        self.decays[number][sealed].enter(decay, row[0], value);
                    }
                }
            }
        }
    }

    /// A row comes, whatever edges it passes.
    pub(super) fn enter(&mut self, plan: &EntityPlan, row: &[i64]) {
        remember(plan, &mut self.lasts, row);
        for (seen, known) in plan.seen.iter().zip(&mut self.seen) {
            if let Some(word) = value(row, seen.mask, seen.word) {
                known.enter(seen, row[0], word);
            }
        }
    }

    /// The ring forgets a row.
    pub(super) fn forget(&mut self, plan: &EntityPlan, row: &[i64]) {
        remember(plan, &mut self.forgotten, row);
        for (extreme, known) in plan.extremes.iter().zip(&mut self.extremes) {
            if let Some(word) = value(row, extreme.mask, extreme.word) {
                known.forget(extreme, word);
            }
        }
    }
}

/// Keeps a row in place of the one that was newest so far.
fn remember(plan: &EntityPlan, rows: &mut [i64], row: &[i64]) {
    for (last, known) in plan.lasts.iter().zip(rows.chunks_exact_mut(plan.shape.row)) {
        if last.fits(row) && (known[0] == ABSENT || row[0] >= known[0]) {
            known.copy_from_slice(row);
        }
    }
}

impl Last {
    pub(super) fn fits(&self, row: &[i64]) -> bool {
        passes(row, self.mask) && self.needs.iter().all(|word| row[*word] != ABSENT)
    }
}

/// Whether a row passes the filters of a mask.
pub(super) fn passes(row: &[i64], mask: i64) -> bool {
    mask == 0 || row[1] & mask == mask
}

/// A word of a row that passes the filters and has it.
pub(super) fn value(row: &[i64], mask: i64, word: usize) -> Option<i64> {
    (passes(row, mask) && row[word] != ABSENT).then(|| row[word])
}

/// What a row adds to a decayed sum; word 0 counts it.
pub(super) fn fading(row: &[i64], mask: i64, word: usize) -> Option<f64> {
    let value = value(row, mask, word)?;
    Some(if word == 0 { 1.0 } else { value as f64 })
}
