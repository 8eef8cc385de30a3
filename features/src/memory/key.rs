//! One key: what an event does to it, and what its windows hold.

use compact_str::CompactString;
use ingest::Event;

use super::decay::Decayed;
use super::labels::Labelled;
use super::order::Order;
use super::parts::{Parts, fading, value};
use super::ring::{Ring, merge, wide};
use super::table::Table;
use crate::plan::{Counted, Edge, EntityPlan, OrderedQuantile, Read, Reading, Reads, TAG_FLAGS};
use crate::store::{Moment, Partial};
use crate::words::ABSENT;

/// The state of one key: one cache line, and one block of words for what is read of every event. The name lies first, since texts are
/// compared by loads that reach behind their end, and those should not touch another line.
#[derive(Clone, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Key {
    pub(super) name: CompactString,
    pub(super) ring: Ring,
    pub(super) parts: Option<Box<Parts>>,
}

const _: () = assert!(size_of::<Option<Key>>() == 64);

/// What the keys of an event are told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) event: &'a Event,
    pub(super) position: u64,
    /// Whether it is known to be bad.
    pub(super) is_bad: bool,
    pub(super) moment: Moment<'a>,
    /// No event comes behind it.
    pub(super) horizon: i64,
    /// All that is read, by the plan's numbers.
    pub(super) reads: &'a [Read],
    /// Whether there is memory for more.
    pub(super) may_grow: bool,
}

/// How many rows are looked at for one of the same tile and the same filters.
const TILE_ROWS: i64 = 8;

impl Key {
    pub(super) fn new(name: CompactString, plan: &EntityPlan) -> Self {
        let ring = Ring::new(plan.shape, plan.edges.len());
        Self { name, ring, parts: Parts::new(plan) }
    }

    /// What it takes, with its place in the slab.
    pub(super) fn bytes(&self) -> usize {
        let name = if self.name.is_heap_allocated() { self.name.len() } else { 0 };
        size_of::<Self>() + name + self.history_bytes()
    }

    /// The part of it that an event may change.
    #[inline(always)]
    pub(super) fn history_bytes(&self) -> usize {
        self.ring.bytes() + self.parts.as_ref().map_or(0, |parts| parts.bytes())
    }

    /// The latest time that was applied; `i64::MIN` before the first.
    pub(super) const fn latest(&self) -> i64 {
        self.ring.latest()
    }

    /// Whether it saw nothing for so long before `now` that it starts anew.
    pub(super) fn is_idle(&self, plan: &EntityPlan, now: i64) -> bool {
        plan.idle_after.is_some_and(|idle| self.latest() != i64::MIN && now.saturating_sub(self.latest()) > idle)
    }

    /// Whether a window that ends at `now` holds tiles, lacks events that were forgotten, or estimates.
    pub(super) fn is_coarse(&self, plan: &EntityPlan, now: i64) -> bool {
        self.ring.coarse_until() > now.saturating_sub(plan.retention)
            || self.parts.as_ref().is_some_and(|parts| parts.is_estimate())
    }

    /// Applies an event and reads all windows; whether it was behind newer ones. `row` is room for its row.
    #[inline(always)]
    pub(super) fn apply(&mut self, plan: &EntityPlan, step: &Step<'_>, row: &mut Vec<i64>, partials: &mut [Partial]) -> bool {
        if self.is_idle(plan, step.moment.now) {
            self.start_anew(plan);
        }
        let is_late = step.moment.now < self.latest();
        match &plan.adding {
            Some(adding) if !is_late => self.apply_adding(plan, adding, step, partials),
            _ => {
                plan.write_row(step.event, step.position, step.is_bad, row);
                if is_late { self.apply_late(plan, step, row, partials) } else { self.apply_newest(plan, step, row, partials) }
            }
        }
        is_late
    }

    #[cold]
    fn start_anew(&mut self, plan: &EntityPlan) {
        *self = Self::new(std::mem::take(&mut self.name), plan);
    }

    /// Applies an event that is not behind others.
    #[inline(never)]
    fn apply_newest(&mut self, plan: &EntityPlan, step: &Step<'_>, row: &[i64], partials: &mut [Partial]) {
        let moment = &step.moment;
        // What is read without the event, or forgotten to make room for it, wants the cursors where they belong first.
        let is_hot = plan.tile.is_some_and(|tile| self.ring.len() >= tile.above as usize);
        let is_early = !plan.before.is_empty() || self.ring.is_full() || is_hot;
        if is_early {
            self.advance(plan, moment, plan.edges.len());
            self.read(plan, step, &plan.before, row, partials);
        }
        self.enter(plan, step, row);
        self.ring.set_latest(moment.now);
        // Then only the one without a delay can pass the event itself.
        self.advance(plan, moment, if is_early { plan.edges.len().min(1) } else { plan.edges.len() });
        self.read(plan, step, &plan.after, row, partials);
    }

    #[cold]
    fn apply_late(&mut self, plan: &EntityPlan, step: &Step<'_>, row: &[i64], partials: &mut [Partial]) {
        self.read_late(plan, step, plan.before.all(), row, partials);
        self.enter(plan, step, row);
        self.read_late(plan, step, plan.after.all(), row, partials);
    }

    /// Marks the event as bad, or no longer; nothing where its row is not kept any more.
    pub(super) fn mark(&mut self, plan: &EntityPlan, event: &Labelled, is_bad: bool) {
        let (shape, change) = (plan.shape, if is_bad { 1 } else { -1 });
        let found = match plan.bad_word() {
            Some(word) => {
                self.tile_of(plan, event.occurred_at).inspect(|number| self.ring.row_mut(shape, *number)[word] += change)
            }
            None => self.row_of(plan, event).inspect(|number| self.ring.row_mut(shape, *number)[1] ^= 1),
        };
        let Some(number) = found else { return };
        let row = self.ring.row(shape, number);
        let tag = if shape.tagged { row[1] } else { 0 };
        for total in &plan.totals {
            let counts_bad = total.of == Counted::Bad || plan.bad_word() == Some(total.word);
            if counts_bad && tag & total.mask == total.mask {
                self.ring.change(shape, number, total, change);
            }
        }
    }

    /// The number of the event's own row.
    fn row_of(&self, plan: &EntityPlan, event: &Labelled) -> Option<i64> {
        let position = (event.position() << TAG_FLAGS) as i64 >> TAG_FLAGS;
        let mut number = self.ring.upper_bound(plan.shape, event.occurred_at);
        while number > self.ring.first() {
            number -= 1;
            let row = self.ring.row(plan.shape, number);
            if row[0] != event.occurred_at {
                return None;
            }
            if row[1] >> TAG_FLAGS == position {
                return Some(number);
            }
        }
        None
    }

    /// The number of a row of the tile that holds a time; among those the last one that is not later.
    fn tile_of(&self, plan: &EntityPlan, time: i64) -> Option<i64> {
        let after = self.ring.upper_bound(plan.shape, time);
        let holds = |number: &i64| {
            (self.ring.first()..self.ring.tail()).contains(number) && same_tile(plan, self.ring.row(plan.shape, *number)[0], time)
        };
        [after - 1, after].into_iter().find(holds)
    }

    /// Moves the first cursors to their edges.
    fn advance(&mut self, plan: &EntityPlan, moment: &Moment<'_>, cursors: usize) {
        let Self { ring, parts, .. } = self;
        ring.advance(plan, &plan.edges[..cursors], moment, |edge, row| {
            if let Some(parts) = parts {
                parts.pass(plan, edge, row);
            }
        });
    }

    fn enter(&mut self, plan: &EntityPlan, step: &Step<'_>, row: &[i64]) {
        if !self.merge(plan, &step.moment, row) {
            if self.ring.is_full() {
                self.make_room(plan, step);
            }
            let latest = self.latest();
            let Self { ring, parts, .. } = self;
            if row[0] >= latest {
                ring.push(plan.shape, row);
            } else {
                ring.insert(plan, row, |edge| {
                    if let Some(parts) = parts {
                        parts.pass(plan, edge, row);
                    }
                });
            }
        }
        if let Some(parts) = &mut self.parts {
            parts.enter(plan, row);
        }
    }

    /// Adds the row to one of the same tile, when the key is hot and there is one.
    fn merge(&mut self, plan: &EntityPlan, moment: &Moment<'_>, row: &[i64]) -> bool {
        let Some(tile) = plan.tile.filter(|tile| self.ring.len() >= tile.above as usize) else { return false };
        self.forget_passed(plan, moment);
        if self.ring.len() < tile.above as usize {
            return false;
        }
        let shape = plan.shape;
        let flags = |row: &[i64]| if shape.tagged { row[1] & ((1 << TAG_FLAGS) - 1) } else { 0 };
        let place = self.ring.upper_bound(shape, row[0]);
        let near = (place - TILE_ROWS).max(self.ring.first())..(place + TILE_ROWS).min(self.ring.tail());
        let fits = |number: &i64| {
            let known = self.ring.row(shape, *number);
            same_tile(plan, known[0], row[0]) && flags(known) == flags(row)
        };
        let Some(number) = near.rev().find(fits) else { return false };
        merge(plan, self.ring.row_mut(shape, number), row);
        let Self { ring, parts, .. } = self;
        ring.count_in(plan, number, row, |edge| {
            if let Some(parts) = parts {
                parts.pass(plan, edge, row);
            }
        });
        self.ring.set_coarse(row[0]);
        true
    }

    /// Forgets what no window reaches any more; what some still reach, where the key may not grow.
    #[inline(never)]
    pub(super) fn make_room(&mut self, plan: &EntityPlan, step: &Step<'_>) {
        self.forget_passed(plan, &step.moment);
        if !self.ring.is_full() {
            return;
        }
        if step.may_grow && self.ring.len() < plan.max_events as usize {
            self.ring.grow(plan.shape);
            return;
        }
        let Self { ring, parts, .. } = self;
        ring.pass_first(plan, |edge, row| {
            if let Some(parts) = parts {
                parts.pass(plan, edge, row);
            }
        });
        let oldest = self.ring.row(plan.shape, self.ring.first())[0];
        self.ring.set_coarse(oldest);
        self.forget_first(plan);
    }

    fn forget_passed(&mut self, plan: &EntityPlan, moment: &Moment<'_>) {
        let limit = moment.now.max(self.latest()).saturating_sub(plan.retention);
        while self.ring.len() > 0
            && self.ring.row(plan.shape, self.ring.first())[0] <= limit
            && self.ring.is_first_passed(plan.shape)
        {
            self.forget_first(plan);
        }
    }

    fn forget_first(&mut self, plan: &EntityPlan) {
        if let Some(parts) = &mut self.parts {
            parts.forget(plan, self.ring.row(plan.shape, self.ring.first()));
        }
        self.ring.pop();
    }

    /// Reads windows that end at the latest time, where the cursors stand.
    fn read(&self, plan: &EntityPlan, step: &Step<'_>, which: &Reads, row: &[i64], partials: &mut [Partial]) {
        self.ring.read(plan.shape, &which.differences, &mut partials[which.first..]);
        if let Some(parts) = &self.parts {
            for (read, partial) in step.reads[which.parts()].iter().zip(&mut partials[which.parts()]) {
                *partial = read_part(parts, plan, read, &step.moment, row);
            }
        }
    }

    /// Reads windows that end before the latest time: cursors are walked back, and parts are made anew from the rows.
    fn read_late(
        &self,
        plan: &EntityPlan,
        step: &Step<'_>,
        which: std::ops::Range<usize>,
        row: &[i64],
        partials: &mut [Partial],
    ) {
        let moment = &step.moment;
        for (read, partial) in step.reads[which.clone()].iter().zip(&mut partials[which]) {
            if let Reading::Totals(between) = &read.reading {
                let at = |edge: usize| self.ring.cursor_at(plan, edge, limit(plan.edges[edge], moment));
                let (near, far) = (at(between.near), between.far.map(at));
                let far = far.as_deref();
                let difference = |at: usize| near[at].wrapping_sub(far.map_or(0, |far| far[at]));
                let wide = |at: usize| wide(&near[at..]).wrapping_sub(far.map_or(0, |far| wide(&far[at..])));
                *partial = Partial {
                    count: difference(between.count),
                    value: if between.sum > 0 { difference(between.sum) } else { 0 },
                    wide: if between.squares > 0 { wide(between.squares) } else { 0 },
                };
            } else if let Some(parts) = &self.parts {
                *partial = self.scan(parts, plan, read, moment, row);
            }
        }
    }

    fn scan(&self, parts: &Parts, plan: &EntityPlan, read: &Read, moment: &Moment<'_>, row: &[i64]) -> Partial {
        let until = limit(read.until, moment);
        let after = read.after.map_or(i64::MIN, |edge| limit(edge, moment));
        let rows = || self.ring.rows(plan.shape, after, until);
        match read.reading {
            Reading::Totals(_) => Partial::EMPTY,
            Reading::Extreme(number) => {
                let extreme = &plan.extremes[number];
                let words = rows().filter_map(|row| value(row, extreme.mask, extreme.word));
                Partial::word(parts.extremes[number].scan(extreme, words, read.after.is_none()))
            }
            Reading::LastWord(number, _) | Reading::LastPlace(number, _) => {
                let newest = rows().filter(|row| plan.lasts[number].fits(row)).last();
                let forgotten = read.after.is_none().then(|| register(&parts.forgotten, plan, number)).flatten();
                last(newest.or(forgotten), read.reading, moment.now)
            }
            Reading::Distinct(number) if read.after.is_none() => {
                let known = &parts.seen[number];
                Partial { count: known.count_first(until), value: i64::from(known.level), wide: 0 }
            }
            Reading::Distinct(number) => {
                let seen = &plan.seen[number];
                let mut words: Vec<i64> = rows().filter_map(|row| value(row, seen.mask, seen.word)).collect();
                words.sort_unstable();
                words.dedup();
                Partial { count: words.len() as i64, value: 0, wide: 0 }
            }
            Reading::FirstSeen(number) => {
                let seen = &plan.seen[number];
                let known = &parts.seen[number];
                match row[seen.word] {
                    ABSENT => Partial::EMPTY,
                    word if read.after.is_some() => {
                        Partial::first_seen(!rows().any(|row| value(row, seen.mask, seen.word) == Some(word)))
                    }
                    word if !known.keeps(word) => Partial::EMPTY,
                    word => Partial::first_seen(known.find(word).is_none_or(|seen| seen.first > until)),
                }
            }
            Reading::TopShare(number) | Reading::Entropy(number) => {
                let over = &plan.tables[number];
                table(&Table::of(rows().filter_map(|row| value(row, over.mask, over.word))), read.reading)
            }
            Reading::Order(number, quantile) => {
                let over = &plan.orders[number];
                let mut sorted: Vec<i64> = rows().filter_map(|row| value(row, over.mask, over.word)).collect();
                sorted.sort_unstable();
                order(&Order { sorted }, quantile)
            }
            Reading::Decay(number) => {
                let decay = &plan.decays[number];
                let [_, mut sum] = parts.decays[number];
                let sealed = self.ring.cursor(plan.shape, decay.sealed)[0];
                for number in sealed..self.ring.upper_bound(plan.shape, until) {
                    let row = self.ring.row(plan.shape, number);
                    if let Some(value) = fading(row, decay.mask, decay.word) {
                        sum.enter(decay, row[0], value);
                    }
                }
                faded(&sum, sum.as_of(decay, until))
            }
        }
    }
}

fn read_part(parts: &Parts, plan: &EntityPlan, read: &Read, moment: &Moment<'_>, row: &[i64]) -> Partial {
    let after = read.after.map(|edge| limit(edge, moment));
    match read.reading {
        Reading::Totals(_) => Partial::EMPTY,
        Reading::Extreme(number) => Partial::word(parts.extremes[number].read(&plan.extremes[number], after)),
        Reading::LastWord(number, _) | Reading::LastPlace(number, _) => {
            let newest = register(&parts.lasts, plan, number).filter(|row| after.is_none_or(|after| row[0] > after));
            last(newest, read.reading, moment.now)
        }
        Reading::Distinct(number) => {
            let known = &parts.seen[number];
            Partial { count: known.count(after), value: i64::from(known.level), wide: 0 }
        }
        Reading::FirstSeen(number) => {
            let known = &parts.seen[number];
            match row[plan.seen[number].word] {
                ABSENT => Partial::EMPTY,
                word if !known.keeps(word) => Partial::EMPTY,
                word => {
                    let seen = known.find(word);
                    Partial::first_seen(seen.is_none_or(|seen| after.is_some_and(|after| seen.last <= after)))
                }
            }
        }
        Reading::TopShare(number) | Reading::Entropy(number) => table(&parts.tables[number], read.reading),
        Reading::Order(number, quantile) => order(&parts.orders[number], quantile),
        Reading::Decay(number) => {
            let [sum, _] = &parts.decays[number];
            faded(sum, sum.as_of(&plan.decays[number], limit(read.until, moment)))
        }
    }
}

fn limit(edge: Edge, moment: &Moment<'_>) -> i64 {
    edge.limit(moment.now, moment.midnights)
}

fn same_tile(plan: &EntityPlan, a: i64, b: i64) -> bool {
    let tile = plan.tile.map_or(1, |tile| tile.resolution.micros());
    a.div_euclid(tile) == b.div_euclid(tile)
}

fn register<'a>(rows: &'a [i64], plan: &EntityPlan, number: usize) -> Option<&'a [i64]> {
    let row = &rows[number * plan.shape.row..][..plan.shape.row];
    (row[0] != ABSENT).then_some(row)
}

fn last(row: Option<&[i64]>, reading: Reading, now: i64) -> Partial {
    match (row, reading) {
        (Some(row), Reading::LastWord(_, word)) => Partial::word(row[word]),
        (Some(row), Reading::LastPlace(_, [first, second])) => Partial {
            count: 1,
            value: now.saturating_sub(row[0]),
            wide: (i128::from(row[first]) << 64) | i128::from(row[second] as u64),
        },
        _ => Partial::EMPTY,
    }
}

fn table(table: &Table, reading: Reading) -> Partial {
    let count = table.events as i64;
    match reading {
        Reading::TopShare(_) => Partial { count, value: table.top(), wide: 0 },
        _ => Partial { count, value: 0, wide: table.weighted },
    }
}

fn order(order: &Order, quantile: OrderedQuantile) -> Partial {
    if order.sorted.is_empty() {
        return Partial::EMPTY;
    }
    let (lower, upper, _) = quantile.place(order.sorted.len());
    Partial { count: order.sorted.len() as i64, value: order.sorted[lower], wide: i128::from(order.sorted[upper]) }
}

fn faded(sum: &Decayed, now: f64) -> Partial {
    Partial { count: i64::from(sum.at != i64::MIN), value: now.to_bits() as i64, wide: 0 }
}
