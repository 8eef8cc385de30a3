//! Some trees of few leaves, side by side: a leaf is a bit. What a value of a feature rules out, it rules out together with all that lower
//! values of it do, so that of most values only what comes new is kept, and a whole row of it now and then: where the trees are many and
//! their thresholds more, that is what stays in the processor's near caches.

use std::ops::BitAndAssign;

use multiversion::multiversion;

use super::bins::Bins;
use super::boxes::Boxes;

/// The leaves of a tree, a bit each; of several that are possible, the lowest is meant.
pub(super) trait Leaves: Copy + Eq + BitAndAssign {
    /// All leaves, and bits of none.
    const ALL: Self;

    /// From the lowest bits.
    fn from_bits(bits: u64) -> Self;

    /// Whether each of these is one of those.
    fn are_among(self, those: Self) -> bool;

    /// The number of the lowest leaf.
    fn lowest(self) -> usize;
}

impl Leaves for u32 {
    const ALL: Self = Self::MAX;

    fn from_bits(bits: u64) -> Self {
        bits as Self
    }

    fn are_among(self, those: Self) -> bool {
        self & !those == 0
    }

    #[inline(always)]
    fn lowest(self) -> usize {
        self.trailing_zeros() as usize
    }
}

impl Leaves for u64 {
    const ALL: Self = Self::MAX;

    fn from_bits(bits: u64) -> Self {
        bits
    }

    fn are_among(self, those: Self) -> bool {
        self & !those == 0
    }

    #[inline(always)]
    fn lowest(self) -> usize {
        self.trailing_zeros() as usize
    }
}

/// Up to `MOST` trees of up to `LEAVES` leaves.
#[derive(Clone, Debug)]
pub(super) struct Masks<L, const MOST: usize, const LEAVES: usize> {
    ruled_out: RuledOut<L>,
    /// What each leaf of each tree adds.
    values: Vec<[f64; LEAVES]>,
}

/// What the values of features rule out.
#[derive(Clone, Debug)]
struct RuledOut<L> {
    /// The features that the trees ask.
    slots: Vec<u16>,
    /// Where in the changes each bin lies.
    places: Vec<u32>,
    /// For every stretch of changes, what is possible before them of each tree. A row is as long as some lines of the processor's cache.
    rows: Vec<L>,
    width: usize,
    /// A stretch has 2 to the power of this many changes.
    stretch: u32,
    changes: Vec<Change<L>>,
}

/// What a threshold that is passed leaves possible of a tree.
#[derive(Clone, Copy, Debug)]
struct Change<L> {
    tree: u32,
    leaves: L,
}

/// Stretches are so long that the rows of thresholds that follow one another take no more than this, and stay near beside all else.
pub(super) const MOST_ROW_BYTES: usize = 384 * 1024;
const LONGEST_STRETCH: u32 = 6;

/// Leaves of trees where a line of the processor's cache begins.
#[repr(align(64))]
struct Possible<L, const MOST: usize>([L; MOST]);

impl<L: Leaves, const MOST: usize, const LEAVES: usize> Masks<L, MOST, LEAVES> {
    /// How many trees there may be.
    pub(super) const MOST: usize = MOST;

    pub(super) fn new(trees: &[&Boxes], bins: &Bins, most_row_bytes: usize) -> Self {
        let values = trees.iter().map(|tree| {
            // What adds -0 changes nothing: the bits of no leaf are that.
            let mut values = [-0.0; LEAVES];
            values.iter_mut().zip(tree.values()).for_each(|(value, of_leaf)| *value = of_leaf);
            values
        });
        Self { ruled_out: RuledOut::new(trees, bins, most_row_bytes), values: values.collect() }
    }

    /// Adds the trees' values, in their order. `bins` holds the bin of each slot.
    pub(super) fn add(&self, mut sum: f64, bins: &[u32]) -> f64 {
        let mut possible = Possible([L::ALL; MOST]);
        rule_out(&mut possible.0[..self.ruled_out.width], &self.ruled_out, bins);
        for (leaves, values) in possible.0.iter().zip(&self.values) {
            sum += values[leaves.lowest() % LEAVES];
        }
        sum
    }
}

/// Leaves what all features leave possible. All rows come before all changes: what is written to memory in small pieces and read as a
/// large one right after is waited for.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn rule_out<L: Leaves>(possible: &mut [L], ruled_out: &RuledOut<L>, bins: &[u32]) {
    let place_of = |slot: &u16| ruled_out.places[bins[usize::from(*slot)] as usize] as usize;
    for place in ruled_out.slots.iter().map(place_of) {
        let row = &ruled_out.rows[(place >> ruled_out.stretch) * possible.len()..][..possible.len()];
        for (possible, row) in possible.iter_mut().zip(row) {
            *possible &= *row;
        }
    }
    if ruled_out.stretch == 0 {
        return;
    }
    for place in ruled_out.slots.iter().map(place_of) {
        for change in &ruled_out.changes[place >> ruled_out.stretch << ruled_out.stretch..place] {
            possible[change.tree as usize] &= change.leaves;
        }
    }
}

impl<L: Leaves> RuledOut<L> {
    fn new(trees: &[&Boxes], bins: &Bins, most_row_bytes: usize) -> Self {
        let mut asked: Vec<u16> = trees.iter().flat_map(|tree| tree.asked()).collect();
        asked.sort_unstable();
        asked.dedup();
        let slots = asked.iter().map(|&feature| bins.slot(feature) as u16).collect();
        let width = trees.len().next_multiple_of(64 / size_of::<L>());
        let all_rows = trees.iter().flat_map(|tree| tree.thresholds()).count() * width * size_of::<L>();
        let stretch = (0..LONGEST_STRETCH).find(|stretch| all_rows >> stretch <= most_row_bytes).unwrap_or(LONGEST_STRETCH);
        let places = vec![0; bins.count()];
        let mut ruled_out = Self { slots, places, rows: Vec::new(), width, stretch, changes: Vec::new() };
        for feature in asked {
            ruled_out.add(feature, trees, bins);
        }
        ruled_out
    }

    /// Adds what the values of a feature rule out, bin by bin.
    fn add(&mut self, feature: u16, trees: &[&Boxes], bins: &Bins) {
        let (first, thresholds) = bins.of(bins.slot(feature));
        let masks: Vec<_> = trees.iter().map(|tree| tree.masks(feature)).collect();
        let possible = |bin: usize| -> Vec<L> {
            let of_tree = |masks: &Option<(&[f64], Vec<u64>)>| {
                let Some((own, masks)) = masks else { return L::ALL };
                let piece = match bin.checked_sub(1).map(|before| thresholds.get(before)) {
                    None => 0,
                    Some(Some(passed)) => own.partition_point(|threshold| threshold <= passed),
                    Some(None) => own.len() + 1,
                };
                L::from_bits(masks[piece])
            };
            masks.iter().map(of_tree).collect()
        };
        let mut before = possible(0);
        self.begin_row(&before);
        let missing = thresholds.len() + 1;
        for bin in 0..=missing {
            let now = possible(bin);
            let changed = (0..).zip(before.iter().zip(&now)).filter(|(_, (before, now))| before != now);
            let new: Vec<_> = changed.map(|(tree, (_, leaves))| Change { tree, leaves: *leaves }).collect();
            // A question about categories may allow again what a lower value ruled out, and so may a value that is missing.
            let only_less = now.iter().zip(&before).all(|(now, before)| now.are_among(*before));
            if only_less && self.changes.len() + new.len() < self.end_of_row() {
                self.changes.extend(new);
            } else {
                self.begin_row(&now);
            }
            self.places[first + bin] = u32::try_from(self.changes.len()).expect("some trees have some thousands of thresholds");
            before = now;
        }
    }

    /// Begins a row: what is possible before the changes that come next.
    fn begin_row(&mut self, possible: &[L]) {
        // Nobody comes to what the last row lacks.
        self.changes.resize(self.end_of_row(), Change { tree: 0, leaves: L::ALL });
        self.rows.extend(possible);
        self.rows.resize(self.rows.len().next_multiple_of(self.width), L::ALL);
    }

    /// Where the changes of the last row end.
    fn end_of_row(&self) -> usize {
        (self.rows.len() / self.width) << self.stretch
    }
}
