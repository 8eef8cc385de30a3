//! Two columns side by side without sorting them: values are counted in narrow cells of about one share of rows each, and only the cells in
//! which the order of single values can matter are opened. What comes out is exact; sorting both columns is what it is tested against.

use crate::bins::Bins;
use crate::column::{Column, SAMPLE};
use crate::layout::Layout;
use crate::quantiles::ranks;
use crate::sorted::{key, number};

/// What a comparison of numbers is made of. Both columns have values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compared {
    /// Cut at quantiles of the reference.
    pub(crate) bins: Bins,
    /// Values of the reference and of the current column that are not above each edge.
    pub(crate) not_above: Vec<[usize; 2]>,
    /// The furthest that the cumulative counts lie apart, each multiplied by the number of the other column's values.
    pub(crate) furthest: u64,
    /// The area between the cumulative shares.
    pub(crate) area: f64,
}

/// Cells for each value of a sample: of a million rows some thirty share a cell.
const CELLS: usize = 8;

/// Compares two columns; `None` where they are better sorted: few values, or some without an end.
pub(crate) fn compare(reference: &Column<'_>, current: &Column<'_>, bins: usize) -> Option<Compared> {
    let is_few = |column: &Column<'_>| column.present < SAMPLE || u32::try_from(column.present).is_err();
    let span = reference.highest.max(current.highest) - reference.lowest.min(current.lowest);
    if is_few(reference) || is_few(current) || !span.is_finite() {
        return None;
    }
    let layout = Layout::new(reference.sample().chain(current.sample()).collect(), CELLS);
    let sides = [reference, current];
    let cells = Cells::count(&layout, sides);
    let wanted = ranks(reference.present, bins);
    let opened = Opened::gather(&layout, cells.to_open(&wanted), sides);
    Some(cells.walk(&opened, &wanted, reference.highest))
}

/// The values of a cell. The first count is of the reference.
#[derive(Clone, Copy)]
struct Cell {
    counts: [u32; 2],
    /// The sum of the reference's shares of value, less that of the current column's; from the origin on.
    moment: f64,
    lowest: u64,
    highest: u64,
}

struct Cells {
    cells: Vec<Cell>,
    present: [usize; 2],
    /// Where moments are counted from: near the values, so that sums lose little.
    origin: f64,
}

impl Cells {
    fn count(layout: &Layout, sides: [&Column<'_>; 2]) -> Self {
        let empty = Cell { counts: [0; 2], moment: 0.0, lowest: u64::MAX, highest: 0 };
        let mut cells = vec![empty; layout.cells()];
        let origin = sides[0].present().next().unwrap_or(0.0);
        for (side, (column, sign)) in sides.iter().zip([1.0, -1.0]).enumerate() {
            let share = sign / column.present as f64;
            for value in column.present() {
                let key = key(value);
                let cell = &mut cells[layout.place(key)];
                cell.counts[side] += 1;
                cell.moment += (value - origin) * share;
                cell.lowest = cell.lowest.min(key);
                cell.highest = cell.highest.max(key);
            }
        }
        Self { cells, present: sides.map(|column| column.present), origin }
    }

    /// The cells with values, each with the counts before and after it.
    fn steps(&self) -> impl Iterator<Item = (usize, &Cell, [usize; 2], [usize; 2])> {
        let filled = self.cells.iter().enumerate().filter(|(_, cell)| cell.counts != [0; 2]);
        filled.scan([0; 2], |so_far, (place, cell)| {
            let before = *so_far;
            *so_far = [before[0] + cell.counts[0] as usize, before[1] + cell.counts[1] as usize];
            Some((place, cell, before, *so_far))
        })
    }

    /// By how much the reference is ahead: the difference of the cumulative shares, times the values of both.
    fn ahead(&self, reference: usize, current: usize) -> i64 {
        reference as i64 * self.present[1] as i64 - current as i64 * self.present[0] as i64
    }

    /// The cells whose ends do not tell enough: those with a wanted rank, those where the shares may lie further apart than at any end, and
    /// those where one may overtake the other.
    fn to_open(&self, ranks: &[usize]) -> Vec<(usize, [u32; 2])> {
        let at_ends = self.steps().map(|(_, _, _, after)| self.ahead(after[0], after[1]).abs()).max().unwrap_or(0);
        let mut ranks = ranks.iter().peekable();
        let mut open = Vec::new();
        for (place, cell, before, after) in self.steps() {
            let mut has_rank = false;
            while ranks.next_if(|rank| **rank < after[0]).is_some() {
                has_rank = true;
            }
            let (most, least) = (self.ahead(after[0], before[1]), self.ahead(before[0], after[1]));
            let matters = has_rank || most.max(-least) > at_ends || (most > 0 && least < 0);
            if matters && cell.lowest != cell.highest {
                open.push((place, cell.counts));
            }
        }
        open
    }

    fn walk(&self, opened: &Opened, ranks: &[usize], highest: f64) -> Compared {
        let mut ranks = ranks.iter().peekable();
        let (mut edges, mut furthest, mut area) = (Vec::<(f64, [usize; 2])>::new(), 0, 0.0);
        let (mut last, mut apart) = (None, 0.0);
        let share = |counts: [usize; 2]| counts[0] as f64 / self.present[0] as f64 - counts[1] as f64 / self.present[1] as f64;
        for (place, cell, before, after) in self.steps() {
            let (low, high) = (number(cell.lowest), number(cell.highest));
            area += last.map_or(0.0, |last| low - last) * f64::abs(apart);
            furthest = furthest.max(self.ahead(after[0], after[1]).unsigned_abs());
            match opened.cell(place) {
                None => {
                    // No share overtakes the other in here, so that the area is that between their integrals.
                    let (from, until) = (low - self.origin, high - self.origin);
                    if cell.lowest != cell.highest {
                        area += (share(after) * until - share(before) * from - cell.moment).abs();
                    }
                    while ranks.next_if(|rank| **rank < after[0]).is_some() {
                        edges.push((high, after));
                    }
                }
                Some([reference, current]) => {
                    let (mut from, mut apart) = (low, 0.0);
                    for (key, passed) in merged(reference, current) {
                        let (value, counts) = (number(key), [before[0] + passed[0], before[1] + passed[1]]);
                        area += (value - from) * f64::abs(apart);
                        furthest = furthest.max(self.ahead(counts[0], counts[1]).unsigned_abs());
                        while ranks.next_if(|rank| **rank < counts[0]).is_some() {
                            edges.push((value, counts));
                        }
                        (from, apart) = (value, share(counts));
                    }
                }
            }
            (last, apart) = (Some(high), share(after));
        }
        let bins = Bins::cut(edges.iter().map(|(edge, _)| *edge).collect(), highest);
        edges.dedup_by_key(|(edge, _)| *edge);
        let not_above = edges.into_iter().map(|(_, counts)| counts).take(bins.edges().len()).collect();
        Compared { bins, not_above, furthest, area }
    }
}

/// The different keys of two columns in order, rising, each with how many of either are not above it.
fn merged<'a>(left: &'a [u64], right: &'a [u64]) -> impl Iterator<Item = (u64, [usize; 2])> + 'a {
    let mut passed = [0; 2];
    std::iter::from_fn(move || {
        let next = [(left, passed[0]), (right, passed[1])].map(|(keys, passed)| keys.get(passed).copied());
        let key = next.into_iter().flatten().min()?;
        for (passed, keys) in passed.iter_mut().zip([left, right]) {
            while keys.get(*passed) == Some(&key) {
                *passed += 1;
            }
        }
        Some((key, passed))
    })
}

/// The values of the opened cells, in order.
struct Opened {
    /// By cell, which of the opened ones it is.
    slots: Vec<u32>,
    /// Where the values of each opened cell begin, of both sides, and where the last one's end.
    starts: Vec<[usize; 2]>,
    keys: [Vec<u64>; 2],
}

const CLOSED: u32 = u32::MAX;

impl Opened {
    fn gather(layout: &Layout, open: Vec<(usize, [u32; 2])>, sides: [&Column<'_>; 2]) -> Self {
        let mut slots = vec![CLOSED; layout.cells()];
        let mut starts = vec![[0; 2]];
        let mut end = [0; 2];
        for (slot, (place, counts)) in (0..).zip(open) {
            slots[place] = slot;
            end = [end[0] + counts[0] as usize, end[1] + counts[1] as usize];
            starts.push(end);
        }
        let gather = |side: usize| {
            let mut keys = vec![0; end[side]];
            let mut next: Vec<usize> = starts.iter().map(|start| start[side]).collect();
            for key in sides[side].present().map(key) {
                if let Some(next) = next.get_mut(slots[layout.place(key)] as usize) {
                    keys[*next] = key;
                    *next += 1;
                }
            }
            for ends in starts.windows(2) {
                keys[ends[0][side]..ends[1][side]].sort_unstable();
            }
            keys
        };
        let keys = [gather(0), gather(1)];
        Self { slots, starts, keys }
    }

    fn cell(&self, place: usize) -> Option<[&[u64]; 2]> {
        let slot = self.slots[place] as usize;
        let (from, until) = (self.starts.get(slot)?, self.starts.get(slot + 1)?);
        Some([0, 1].map(|side| &self.keys[side][from[side]..until[side]]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kolmogorov::furthest;
    use crate::sorted::Sorted;
    use crate::wasserstein::wasserstein;

    fn agrees_with_sorting(reference: &[f64], current: &[f64], bins: usize) {
        let Some(got) = compare(&Column::new(reference), &Column::new(current), bins) else { panic!("not compared by cells") };
        let (then, now) = (Sorted::new(reference), Sorted::new(current));
        let cut = Bins::of_sorted(&then, bins);
        let not_above: Vec<[usize; 2]> = cut.edges().iter().map(|edge| [then.not_above(*edge), now.not_above(*edge)]).collect();
        assert_eq!((&got.bins, &got.not_above, got.furthest), (&cut, &not_above, furthest(&then, &now)));
        let area = wasserstein(&then, &now).unwrap();
        let scale = then.value(then.present() - 1).unwrap() - then.value(0).unwrap();
        assert!((got.area - area).abs() <= 1e-11 * area + 1e-15 * scale.abs(), "{} {area}", got.area);
    }

    fn columns(kind: u8, seed: u64, rows: usize, moved: f64) -> Vec<f64> {
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut value = || match kind {
            0 => uniform() + moved,
            1 => (0..12).map(|_| uniform()).sum::<f64>() - 6.0 + moved,
            2 => -(1.0 - uniform()).ln() * (1.0 + moved),
            3 => (uniform() * 6.0 + moved).floor(),
            4 if uniform() < 0.4 => 0.0,
            4 => (uniform() * 8.0).exp() + moved,
            5 => 1.7e9 + (uniform() * 86_400.0).floor() + moved,
            6 if uniform() < 0.05 => f64::NAN,
            6 => (uniform() - 0.5).powi(9) + moved,
            _ => 7.0,
        };
        (0..rows).map(|_| value()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn counting_in_cells_is_sorting(
            kind in 0..8_u8, seed: u64, rows in 4_500..20_000_usize, others in 4_500..9_000_usize, bins in 1..20_usize,
            moved in prop_oneof![Just(0.0), -0.5..0.5, Just(1e6)],
        ) {
            agrees_with_sorting(&columns(kind, seed, rows, 0.0), &columns(kind, seed ^ 1, others, moved), bins);
        }

        #[test]
        fn whatever_numbers_come(
            reference in proptest::collection::vec(prop_oneof![-1e300..1e300, (-9..9_i8).prop_map(f64::from), -1.0..1.0], 4_200..6_000),
            current in proptest::collection::vec(prop_oneof![-1e300..1e300, (-9..9_i8).prop_map(f64::from), -1.0..1.0], 4_200..6_000),
        ) {
            agrees_with_sorting(&reference, &current, 10);
            agrees_with_sorting(&reference, &reference, 10);
        }
    }

    #[test]
    fn few_values_and_those_without_an_end_are_sorted() {
        let (few, many) = (vec![1.0; 100], vec![1.0; 5_000]);
        let mut endless = many.clone();
        endless[7] = f64::INFINITY;
        let is_compared =
            |reference: &[f64], current: &[f64]| compare(&Column::new(reference), &Column::new(current), 10).is_some();
        assert!(is_compared(&many, &many));
        assert!(!is_compared(&few, &many) && !is_compared(&many, &few) && !is_compared(&many, &endless));
        assert!(!is_compared(&many, &vec![f64::NAN; 5_000]));
    }
}
