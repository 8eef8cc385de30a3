//! The history of one key: its events in time order in one ring buffer, and a cursor for each window edge.
//!
//! A cursor stands after the events that are older than its edge and carries their totals since the key began. A window's count
//! and sums are the difference of two cursors, so its cost does not depend on its length: each event is pushed once and passed
//! once by each cursor. Totals wrap around; their differences are exact.

/// The shape of every ring of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whole numbers kept for each event.
    pub(crate) sources: usize,
    /// Whether the event's position and label are kept.
    pub(crate) labelled: bool,
}

impl Shape {
    /// Words of a row: time, sources, tag.
    const fn row(self) -> usize {
        1 + self.sources + self.labelled as usize
    }

    /// Words of a cursor: index, sources, bad.
    const fn cursor(self) -> usize {
        1 + self.sources + self.labelled as usize
    }
}

/// What lies between two cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) count: i64,
    pub(crate) sum: i64,
    pub(crate) bad: i64,
}

/// The history of one key.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Rows in a circle; how many fit is a power of two.
    rows: Box<[i64]>,
    /// How many rows fit, less one.
    mask: usize,
    /// One cursor an edge, in the order of the plan.
    cursors: Box<[i64]>,
    /// The number of the oldest row that is kept.
    head: i64,
    /// The number of the next row.
    tail: i64,
    /// The latest time that was applied.
    latest: i64,
}

const FIRST_CAPACITY: usize = 4;

impl Ring {
    pub(crate) fn new(shape: Shape, edges: usize) -> Self {
        Self {
            rows: vec![0; FIRST_CAPACITY * shape.row()].into_boxed_slice(),
            mask: FIRST_CAPACITY - 1,
            cursors: vec![0; edges * shape.cursor()].into_boxed_slice(),
            head: 0,
            tail: 0,
            latest: i64::MIN,
        }
    }

    /// The latest time that was applied; `i64::MIN` before the first.
    pub(crate) const fn latest(&self) -> i64 {
        self.latest
    }

    /// Rows kept.
    pub(crate) const fn len(&self) -> usize {
        (self.tail - self.head) as usize
    }

    /// Bytes on the heap.
    pub(crate) const fn bytes(&self) -> usize {
        size_of_val(&*self.rows) + size_of_val(&*self.cursors)
    }

    /// Puts an event where its time belongs, after those of the same time; cursors that already passed that time count it.
    pub(crate) fn insert(&mut self, shape: Shape, edges: &[i64], time: i64, sources: impl Iterator<Item = i64>, tag: i64) {
        let width = shape.row();
        if self.len() > self.mask {
            self.grow(shape);
        }
        let mut index = self.tail;
        self.tail += 1;
        if time < self.latest {
            let place = self.upper_bound(shape, time, index);
            while index > place {
                let (from, to) = (self.offset(shape, index - 1), self.offset(shape, index));
                self.rows.copy_within(from..from + width, to);
                index -= 1;
            }
        }
        let offset = self.offset(shape, index);
        self.rows[offset] = time;
        for (slot, value) in self.rows[offset + 1..].iter_mut().zip(sources) {
            *slot = value;
        }
        if shape.labelled {
            self.rows[offset + width - 1] = tag;
        }
        if time < self.latest {
            self.count_in_passed(shape, edges, time, offset);
        }
        self.latest = self.latest.max(time);
    }

    /// Moves every cursor to its edge as of `now`, and forgets the rows that are at least `retention` old.
    pub(crate) fn advance(&mut self, shape: Shape, edges: &[i64], now: i64, retention: i64) {
        for (edge, cursor) in edges.iter().zip(self.cursors.chunks_exact_mut(shape.cursor())) {
            let limit = now.saturating_sub(*edge);
            while cursor[0] < self.tail {
                let offset = (cursor[0] as usize & self.mask) * shape.row();
                let row = &self.rows[offset..offset + shape.row()];
                if row[0] > limit {
                    break;
                }
                pass(shape, cursor, row);
            }
        }
        let limit = now.saturating_sub(retention);
        while self.head < self.tail && self.rows[self.offset(shape, self.head)] <= limit {
            self.head += 1;
        }
    }

    /// What lies between the cursor of edge `far` and the one of edge `near`.
    pub(crate) fn between(&self, shape: Shape, far: usize, near: usize, source: Option<usize>) -> Totals {
        let width = shape.cursor();
        let (far, near) = (&self.cursors[far * width..][..width], &self.cursors[near * width..][..width]);
        Totals {
            count: near[0] - far[0],
            sum: source.map_or(0, |source| near[1 + source].wrapping_sub(far[1 + source])),
            bad: if shape.labelled { near[width - 1] - far[width - 1] } else { 0 },
        }
    }

    /// The same by looking at every row: events with `after < time <= until`. For late events, whose "now" the cursors have
    /// left behind, and in tests as the oracle.
    pub(crate) fn scan(&self, shape: Shape, after: i64, until: i64, source: Option<usize>) -> Totals {
        let mut totals = Totals { count: 0, sum: 0, bad: 0 };
        for index in self.head..self.tail {
            let row = &self.rows[self.offset(shape, index)..][..shape.row()];
            if row[0] > after && row[0] <= until {
                totals.count += 1;
                totals.sum = totals.sum.wrapping_add(source.map_or(0, |source| row[1 + source]));
                totals.bad += if shape.labelled { row[shape.row() - 1] & 1 } else { 0 };
            }
        }
        totals
    }

    /// Marks the event of `time` and log position `position` as bad or not; `false` when it is no longer kept.
    pub(crate) fn mark(&mut self, shape: Shape, time: i64, position: u64, bad: bool) -> bool {
        let mut index = self.upper_bound(shape, time, self.tail);
        while index > self.head {
            index -= 1;
            let offset = self.offset(shape, index);
            if self.rows[offset] != time {
                return false;
            }
            let tag = &mut self.rows[offset + shape.row() - 1];
            if *tag >> 1 == position as i64 {
                let change = i64::from(bad) - (*tag & 1);
                *tag += change;
                for cursor in self.cursors.chunks_exact_mut(shape.cursor()).filter(|cursor| cursor[0] > index) {
                    cursor[shape.cursor() - 1] += change;
                }
                return true;
            }
        }
        false
    }

    /// The number of the first row before `end` that is later than `time`.
    fn upper_bound(&self, shape: Shape, time: i64, end: i64) -> i64 {
        let (mut low, mut high) = (self.head, end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.rows[self.offset(shape, middle)] <= time { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn count_in_passed(&mut self, shape: Shape, edges: &[i64], time: i64, offset: usize) {
        let row = &self.rows[offset..offset + shape.row()];
        for (edge, cursor) in edges.iter().zip(self.cursors.chunks_exact_mut(shape.cursor())) {
            if time <= self.latest.saturating_sub(*edge) {
                pass(shape, cursor, row);
            }
        }
    }

    const fn offset(&self, shape: Shape, index: i64) -> usize {
        (index as usize & self.mask) * shape.row()
    }

    fn grow(&mut self, shape: Shape) {
        let width = shape.row();
        let mut larger = vec![0; self.rows.len() * 2].into_boxed_slice();
        let mask = self.mask * 2 + 1;
        for index in self.head..self.tail {
            let (from, to) = (self.offset(shape, index), (index as usize & mask) * width);
            larger[to..to + width].copy_from_slice(&self.rows[from..from + width]);
        }
        self.rows = larger;
        self.mask = mask;
    }
}

/// Moves a cursor over one row.
fn pass(shape: Shape, cursor: &mut [i64], row: &[i64]) {
    cursor[0] += 1;
    for source in 1..=shape.sources {
        cursor[source] = cursor[source].wrapping_add(row[source]);
    }
    if shape.labelled {
        cursor[shape.cursor() - 1] += row[shape.row() - 1] & 1;
    }
}
