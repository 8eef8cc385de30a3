//! The short way of an event through a key that keeps nothing but times, with one number each to add up: what [`Key`] and [`Ring`] do
//! otherwise, with sizes that the compiler knows.

use super::key::{Key, Step};
use super::ring::{HEADER, LATEST, NEXT, NEXT_TIME, NO_ROW, Ring, TAIL, TOTALS};
use crate::plan::{Adding, EntityPlan, Shape};
use crate::store::Partial;

impl Key {
    /// Applies an event that is not behind others, and reads all windows.
    #[inline(never)]
    pub(super) fn apply_adding(&mut self, plan: &EntityPlan, adding: &Adding, step: &Step<'_>, partials: &mut [Partial]) {
        let now = step.moment.now;
        if self.ring.is_full() {
            // What is forgotten to make room wants the cursors where they belong first.
            self.ring.pairs(plan.shape).advance(adding, now);
            self.make_room(plan, step);
        }
        let mut ring = self.ring.pairs(plan.shape);
        ring.push([now, adding.word(step.event, step.position, step.is_bad)]);
        ring.advance(adding, now);
        ring.read(adding, &mut partials[plan.after.first..]);
    }
}

/// A ring whose rows are pairs and whose cursors have one total.
struct Pairs<'a> {
    header: &'a mut [i64; HEADER],
    cursors: &'a mut [[i64; TOTALS + 1]],
    rows: &'a mut [[i64; 2]],
    len: &'a mut u32,
    head: u32,
}

impl Ring {
    #[inline(always)]
    fn pairs(&mut self, shape: Shape) -> Pairs<'_> {
        let (header, words) = self.words.split_first_chunk_mut().expect("every ring has a header");
        let (cursors, rows) = words.split_at_mut(shape.cursors);
        let (cursors, rows) = (cursors.as_chunks_mut().0, rows.as_chunks_mut().0);
        Pairs { header, cursors, rows, len: &mut self.len, head: self.head }
    }
}

impl Pairs<'_> {
    /// Puts the newest row behind all others; there must be room.
    #[inline(always)]
    fn push(&mut self, row: [i64; 2]) {
        self.rows[place_behind(self.head, *self.len, self.rows.len())] = row;
        *self.len += 1;
        self.header[TAIL] += 1;
        self.header[LATEST] = row[0];
        for cursor in self.cursors.iter_mut() {
            if cursor[NEXT_TIME] == NO_ROW {
                cursor[NEXT_TIME] = row[0];
            }
        }
    }

    /// Moves the cursors to where they are as of `now`.
    #[inline(always)]
    fn advance(&mut self, adding: &Adding, now: i64) {
        let tail = self.header[TAIL];
        let first = tail - i64::from(*self.len);
        for (cursor, offset) in self.cursors.iter_mut().zip(&adding.offsets) {
            let limit = now - offset;
            if cursor[NEXT_TIME] > limit {
                continue;
            }
            let (mut next, mut time, mut total) = (cursor[NEXT], cursor[NEXT_TIME], cursor[TOTALS]);
            let mut place = place_behind(self.head, (next - first) as u32, self.rows.len());
            while time <= limit {
                total = total.wrapping_add(adding.added(self.rows[place][1]));
                next += 1;
                place = if place + 1 == self.rows.len() { 0 } else { place + 1 };
                time = if next < tail { self.rows[place][0] } else { NO_ROW };
            }
            (cursor[NEXT], cursor[NEXT_TIME], cursor[TOTALS]) = (next, time, total);
        }
    }

    /// Reads windows that end where the cursors stand.
    #[inline(always)]
    fn read(&self, adding: &Adding, partials: &mut [Partial]) {
        for (window, partial) in adding.windows.iter().zip(partials) {
            let (near, far) = (&self.cursors[window.near], &self.cursors[window.far]);
            partial.count = near[NEXT] - (far[NEXT] & window.far_mask);
            partial.value = near[TOTALS].wrapping_sub(far[TOTALS] & window.far_mask) & window.sum_mask;
        }
    }
}

/// Where the row lies that comes so many behind the oldest, in a ring of a capacity.
#[inline(always)]
const fn place_behind(head: u32, rows: u32, capacity: usize) -> usize {
    let place = (head + rows) as usize;
    if place >= capacity { place - capacity } else { place }
}
