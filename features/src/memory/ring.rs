//! The history of one key in one block of words: a header, a cursor for each window edge, and its rows in the order of time in one
//! ring.
//!
//! A cursor stands before the first row that its edge has not passed and carries the totals of all rows before it, since the key
//! began. A window's count and sums are the difference of two cursors, so its cost does not depend on its length: each row is
//! pushed once and passed once by each cursor. Totals wrap around; their differences are exact.

use super::prefetch::prefetch;
use crate::plan::{Counted, Differences, Edge, EntityPlan, Merge, Operand, Shape, Total};
use crate::store::{Moment, Partial};
use crate::words::ABSENT;

/// Rows and cursors of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    /// The header, the cursors, then as many rows as fit.
    pub(super) words: Box<[i64]>,
    /// Rows kept.
    pub(super) len: u32,
    /// Where the oldest row lies.
    pub(super) head: u32,
    /// How many rows fit.
    pub(super) capacity: u32,
}

const FIRST_CAPACITY: u32 = 4;

/// The words of the header: the number of the next row, the latest time that was applied (`i64::MIN` before the first), the time up to
/// which rows were merged into tiles or forgotten early, and one that is free, so that a row of two words lies in one cache line.
pub(super) const TAIL: usize = 0;
pub(super) const LATEST: usize = 1;
const COARSE_UNTIL: usize = 2;
pub(crate) const HEADER: usize = 4;

/// The words of a cursor: the number of the next row, its time (or [`NO_ROW`]), and totals.
pub(super) const NEXT: usize = 0;
pub(super) const NEXT_TIME: usize = 1;
/// Where the totals of a cursor begin.
pub(crate) const TOTALS: usize = 2;

/// In place of the next row's time when every row was passed.
pub(super) const NO_ROW: i64 = i64::MAX;

impl Ring {
    pub(super) fn new(shape: Shape, edges: usize) -> Self {
        let mut words = vec![0; HEADER + shape.cursors + FIRST_CAPACITY as usize * shape.row].into_boxed_slice();
        words[LATEST] = i64::MIN;
        words[COARSE_UNTIL] = i64::MIN;
        for edge in 0..edges {
            words[HEADER + edge * shape.cursor + NEXT_TIME] = NO_ROW;
        }
        Self { words, len: 0, head: 0, capacity: FIRST_CAPACITY }
    }

    /// The number of the next row.
    pub(super) const fn tail(&self) -> i64 {
        self.words[TAIL]
    }

    pub(super) const fn latest(&self) -> i64 {
        self.words[LATEST]
    }

    pub(super) fn set_latest(&mut self, time: i64) {
        self.words[LATEST] = time;
    }

    pub(super) const fn coarse_until(&self) -> i64 {
        self.words[COARSE_UNTIL]
    }

    pub(super) fn set_coarse(&mut self, time: i64) {
        self.words[COARSE_UNTIL] = self.words[COARSE_UNTIL].max(time);
    }

    /// Asks for the header and the cursors.
    pub(super) fn prefetch_cursors(&self, shape: Shape) {
        let last = HEADER + shape.cursors - 1;
        let mut word = 0;
        while word < last {
            prefetch(&self.words, word);
            word += 8;
        }
        prefetch(&self.words, last);
    }

    /// Asks for the rows that the next event will read: those that cursors may pass, and the place of the next.
    pub(super) fn prefetch_rows(&self, shape: Shape) {
        let (before, rows) = self.words.split_at(HEADER + shape.cursors);
        prefetch(rows, self.place_behind(shape, self.len));
        let first = self.first();
        each_cursor(&before[HEADER..], shape.cursor, |cursor| {
            // The next row, and the one behind it, whose time becomes the next one: mostly they lie in one cache line.
            let place = self.place_behind(shape, (cursor[NEXT] - first) as u32);
            prefetch(rows, place);
            prefetch(rows, place + shape.row);
        });
    }

    /// The header and the cursors.
    pub(super) fn before_rows(&self, shape: Shape) -> &[i64] {
        &self.words[..HEADER + shape.cursors]
    }

    pub(super) fn before_rows_mut(&mut self, shape: Shape) -> &mut [i64] {
        &mut self.words[..HEADER + shape.cursors]
    }

    /// Makes room for so many rows in a ring that has none.
    pub(super) fn set_capacity(&mut self, shape: Shape, capacity: u32) {
        self.words = vec![0; HEADER + shape.cursors + capacity as usize * shape.row].into_boxed_slice();
        (self.capacity, self.len, self.head) = (capacity, 0, 0);
    }

    fn cursors(&self, shape: Shape) -> &[i64] {
        &self.words[HEADER..HEADER + shape.cursors]
    }

    fn cursors_mut(&mut self, shape: Shape) -> &mut [i64] {
        &mut self.words[HEADER..HEADER + shape.cursors]
    }

    pub(super) const fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// The number of the oldest row.
    pub(super) const fn first(&self) -> i64 {
        self.tail() - self.len as i64
    }

    /// Where row `number` begins.
    fn place(&self, shape: Shape, number: i64) -> usize {
        HEADER + shape.cursors + self.place_behind(shape, (number - self.first()) as u32)
    }

    /// Where the row that comes so many behind the oldest begins, among the words of the rows.
    #[inline(always)]
    pub(super) const fn place_behind(&self, shape: Shape, rows: u32) -> usize {
        let slot = self.head + rows;
        (if slot >= self.capacity { slot - self.capacity } else { slot }) as usize * shape.row
    }

    pub(super) fn row(&self, shape: Shape, number: i64) -> &[i64] {
        let place = self.place(shape, number);
        &self.words[place..place + shape.row]
    }

    pub(super) fn row_mut(&mut self, shape: Shape, number: i64) -> &mut [i64] {
        let place = self.place(shape, number);
        &mut self.words[place..place + shape.row]
    }

    fn time(&self, shape: Shape, number: i64) -> i64 {
        self.words[self.place(shape, number)]
    }

    /// The rows with `after < time <= until`, in order.
    pub(super) fn rows(&self, shape: Shape, after: i64, until: i64) -> impl Iterator<Item = &[i64]> {
        let (from, to) = (self.upper_bound(shape, after), self.upper_bound(shape, until));
        (from..to.max(from)).map(move |number| self.row(shape, number))
    }

    /// The number of the first row that is later than `time`.
    pub(super) fn upper_bound(&self, shape: Shape, time: i64) -> i64 {
        let (mut low, mut high) = (self.first(), self.tail());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(shape, middle) <= time { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Puts a row behind all others; there must be room.
    #[inline(always)]
    pub(super) fn push(&mut self, shape: Shape, row: &[i64]) {
        let place = self.place_behind(shape, self.len);
        self.len += 1;
        let (before, rows) = self.words.split_at_mut(HEADER + shape.cursors);
        before[TAIL] += 1;
        // A row is a few words: a loop is faster than a call that copies.
        for (to, word) in rows[place..][..shape.row].iter_mut().zip(row) {
            *to = *word;
        }
        each_cursor_mut(&mut before[HEADER..], shape.cursor, |_, cursor| {
            if cursor[NEXT_TIME] == NO_ROW {
                cursor[NEXT_TIME] = row[0];
            }
        });
    }

    /// Puts a row where its time belongs, behind those of the same time; there must be room. Cursors that have passed that place
    /// count it; `passed` is told which.
    pub(super) fn insert(&mut self, plan: &EntityPlan, row: &[i64], passed: impl FnMut(usize)) {
        let shape = plan.shape;
        let number = self.upper_bound(shape, row[0]);
        self.words[TAIL] += 1;
        self.len += 1;
        for later in (number + 1..self.tail()).rev() {
            let (from, to) = (self.place(shape, later - 1), self.place(shape, later));
            self.words.copy_within(from..from + shape.row, to);
        }
        self.row_mut(shape, number).copy_from_slice(row);
        for cursor in self.cursors_mut(shape).chunks_exact_mut(shape.cursor) {
            if cursor[NEXT] > number {
                cursor[NEXT] += 1;
            } else {
                cursor[NEXT_TIME] = cursor[NEXT_TIME].min(row[0]);
            }
        }
        self.count_in(plan, number, row, passed);
    }

    /// Counts `row` in the cursors that have passed row `number`.
    pub(super) fn count_in(&mut self, plan: &EntityPlan, number: i64, row: &[i64], mut passed: impl FnMut(usize)) {
        let shape = plan.shape;
        for (edge, cursor) in self.cursors_mut(shape).chunks_exact_mut(shape.cursor).enumerate() {
            if cursor[NEXT] > number {
                count::<true>(&plan.totals, cursor, row);
                passed(edge);
            }
        }
    }

    /// Adds `change` to a total of the cursors that have passed row `number`.
    pub(super) fn change(&mut self, shape: Shape, number: i64, total: &Total, change: i64) {
        for cursor in self.cursors_mut(shape).chunks_exact_mut(shape.cursor) {
            if cursor[NEXT] > number {
                cursor[total.at] = cursor[total.at].wrapping_add(change);
            }
        }
    }

    /// Moves the cursors of some edges, from the first on, to where they are as of `now`; `passed` is told of each row and edge.
    pub(super) fn advance(
        &mut self,
        plan: &EntityPlan,
        edges: &[Edge],
        moment: &Moment<'_>,
        mut passed: impl FnMut(usize, &[i64]),
    ) {
        for (edge, limit) in edges.iter().enumerate() {
            let limit = limit.limit(moment.now, moment.midnights);
            if self.words[HEADER + edge * plan.shape.cursor + NEXT_TIME] > limit {
                continue;
            }
            self.pass_until(plan, edge, limit, &mut passed);
        }
    }

    /// Reads windows that end where the cursors stand.
    #[inline(always)]
    pub(super) fn read(&self, shape: Shape, differences: &[Differences], partials: &mut [Partial]) {
        let words = self.before_rows(shape);
        for (difference, partial) in differences.iter().zip(partials) {
            // Word by word: putting a partial together first and copying it would cost more than all the rest.
            partial.count = difference.counted.of(words);
            partial.value = difference.summed.of(words);
            if let Some(squared) = &difference.squared {
                partial.wide = squared.of_wide(words);
            }
        }
    }

    /// Moves one cursor over the rows up to a time.
    fn pass_until(&mut self, plan: &EntityPlan, edge: usize, limit: i64, passed: &mut impl FnMut(usize, &[i64])) {
        let shape = plan.shape;
        let (end, tail, first) = (self.end(shape), self.tail(), self.first());
        let mut place = self.place_behind(shape, (self.cursor(shape, edge)[NEXT] - first) as u32);
        let (before, rows) = self.words.split_at_mut(HEADER + shape.cursors);
        let cursor = &mut before[HEADER + edge * shape.cursor..][..shape.cursor];
        while cursor[NEXT_TIME] <= limit {
            let row = &rows[place..][..shape.row];
            place = if place + shape.row == end { 0 } else { place + shape.row };
            cursor[NEXT] += 1;
            cursor[NEXT_TIME] = if cursor[NEXT] < tail { rows[place] } else { NO_ROW };
            count::<true>(&plan.totals, cursor, row);
            passed(edge, row);
        }
    }

    /// Makes every cursor pass the oldest row, whether or not its edge has, so that it can be forgotten.
    pub(super) fn pass_first(&mut self, plan: &EntityPlan, mut passed: impl FnMut(usize, &[i64])) {
        for edge in 0..plan.edges.len() {
            let [next, time] = [NEXT, NEXT_TIME].map(|word| self.cursor(plan.shape, edge)[word]);
            if next == self.first() {
                self.pass_until(plan, edge, time, &mut passed);
            }
        }
    }

    /// Whether every cursor has passed the oldest row.
    pub(super) fn is_first_passed(&self, shape: Shape) -> bool {
        let first = self.first();
        let mut is_passed = true;
        each_cursor(self.cursors(shape), shape.cursor, |cursor| is_passed &= cursor[NEXT] > first);
        is_passed
    }

    /// Forgets the oldest row.
    pub(super) fn pop(&mut self) {
        self.len -= 1;
        self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
    }

    /// A cursor's words; its number of rows is word 0.
    pub(super) fn cursor(&self, shape: Shape, edge: usize) -> &[i64] {
        &self.words[HEADER + edge * shape.cursor..][..shape.cursor]
    }

    /// A cursor as it would stand if the rows that are later than `limit` had not come yet. The cost is the rows between there and
    /// where it stands.
    pub(super) fn cursor_at(&self, plan: &EntityPlan, edge: usize, limit: i64) -> CursorAt {
        let mut cursor = CursorAt::from_slice(self.cursor(plan.shape, edge));
        while cursor[NEXT] > self.first() && self.time(plan.shape, cursor[NEXT] - 1) > limit {
            cursor[NEXT] -= 1;
            let row = self.row(plan.shape, cursor[NEXT]);
            count::<false>(&plan.totals, &mut cursor, row);
        }
        while cursor[NEXT] < self.tail() && self.time(plan.shape, cursor[NEXT]) <= limit {
            let row = self.row(plan.shape, cursor[NEXT]);
            count::<true>(&plan.totals, &mut cursor, row);
            cursor[NEXT] += 1;
        }
        cursor
    }

    /// Makes room for a twelfth more rows, at least four.
    pub(super) fn grow(&mut self, shape: Shape) {
        let capacity = grown(self.capacity);
        let rows = HEADER + shape.cursors;
        let mut words = Vec::with_capacity(rows + capacity as usize * shape.row);
        words.extend_from_slice(&self.words[..rows]);
        let head = rows + self.head as usize * shape.row;
        words.extend_from_slice(&self.words[head..]);
        words.extend_from_slice(&self.words[rows..head]);
        words.resize(rows + capacity as usize * shape.row, 0);
        self.words = words.into_boxed_slice();
        self.head = 0;
        self.capacity = capacity;
    }

    /// One after the last word, among those of the rows.
    const fn end(&self, shape: Shape) -> usize {
        self.capacity as usize * shape.row
    }
}

/// The next larger capacity.
const fn grown(capacity: u32) -> u32 {
    let more = capacity / 12;
    capacity + if more > 4 { more } else { 4 }
}

/// The largest capacity of a ring that grows only while it has fewer than `max_events` rows.
pub(super) const fn most_capacity(max_events: u32) -> u32 {
    let before = if max_events > FIRST_CAPACITY { max_events } else { FIRST_CAPACITY };
    before.saturating_add(before / 12).saturating_add(4)
}

/// Visits each cursor. Most have one total: of those the compiler knows where they lie.
#[inline(always)]
fn each_cursor(cursors: &[i64], words: usize, mut visit: impl FnMut(&[i64])) {
    if words == TOTALS + 1 {
        cursors.as_chunks::<{ TOTALS + 1 }>().0.iter().for_each(|cursor| visit(cursor));
    } else {
        cursors.chunks_exact(words).for_each(visit);
    }
}

/// The same, to change them, with their numbers.
#[inline(always)]
fn each_cursor_mut(cursors: &mut [i64], words: usize, mut visit: impl FnMut(usize, &mut [i64])) {
    if words == TOTALS + 1 {
        let (cursors, _) = cursors.as_chunks_mut::<{ TOTALS + 1 }>();
        cursors.iter_mut().enumerate().for_each(|(edge, cursor)| visit(edge, cursor));
    } else {
        cursors.chunks_exact_mut(words).enumerate().for_each(|(edge, cursor)| visit(edge, cursor));
    }
}

/// A cursor off its ring.
pub(super) type CursorAt = smallvec::SmallVec<[i64; 12]>;

/// Adds a row to a cursor's totals, or takes it away.
#[inline(always)]
fn count<const ADD: bool>(totals: &[Total], cursor: &mut [i64], row: &[i64]) {
    // By far the most common: one sum of a number that every event has, or how many are bad.
    let only = match totals {
        [Total { of: Counted::Sum, mask: 0, word, at }] if row[*word] != ABSENT => Some((*at, row[*word])),
        [Total { of: Counted::Bad, mask: 0, at, .. }] => Some((*at, row[1] & 1)),
        _ => None,
    };
    if let Some((at, one)) = only {
        cursor[at] = if ADD { cursor[at].wrapping_add(one) } else { cursor[at].wrapping_sub(one) };
        return;
    }
    for total in totals {
        if total.mask != 0 && row[1] & total.mask != total.mask {
            continue;
        }
        let word = row[total.word];
        let one = match total.of {
            Counted::Rows => 1,
            Counted::Bad => row[1] & 1,
            Counted::Present => i64::from(word != ABSENT),
            Counted::Sum if word == ABSENT => 0,
            Counted::Sum => word,
            Counted::Square if word == ABSENT => continue,
            Counted::Square => {
                add_wide::<ADD>(&mut cursor[total.at..], i128::from(word) * i128::from(word));
                continue;
            }
            Counted::Wide => {
                add_wide::<ADD>(&mut cursor[total.at..], wide(&row[total.word..]));
                continue;
            }
        };
        let sum = &mut cursor[total.at];
        *sum = if ADD { sum.wrapping_add(one) } else { sum.wrapping_sub(one) };
    }
}

fn add_wide<const ADD: bool>(words: &mut [i64], number: i128) {
    let sum = wide(words);
    let sum = if ADD { sum.wrapping_add(number) } else { sum.wrapping_sub(number) };
    (words[0], words[1]) = (sum as i64, (sum >> 64) as i64);
}

/// 128 bits out of two words, the lower one first.
pub(crate) const fn wide(words: &[i64]) -> i128 {
    ((words[1] as i128) << 64) | (words[0] as u64 as i128)
}

/// Adds a newer row to the row of a tile, word by word. The tile keeps the time of its first event.
pub(super) fn merge(plan: &EntityPlan, tile: &mut [i64], row: &[i64]) {
    let columns = 1 + usize::from(plan.shape.tagged);
    for (number, column) in plan.columns.iter().enumerate() {
        let at = columns + number;
        match (column.of, row[at]) {
            // The upper half is added with the lower one.
            (Operand::SquareHigh(_), _) => {}
            (Operand::SquareLow(_), _) => {
                let sum = wide(&tile[at..]).wrapping_add(wide(&row[at..]));
                (tile[at], tile[at + 1]) = (sum as i64, (sum >> 64) as i64);
            }
            (_, ABSENT) => {}
            (_, word) if tile[at] == ABSENT => tile[at] = word,
            (_, word) => {
                tile[at] = match column.merge {
                    Merge::Add => tile[at].wrapping_add(word),
                    Merge::Min => tile[at].min(word),
                    Merge::Max => tile[at].max(word),
                    Merge::Newest => word,
                }
            }
        }
    }
}
