//! A column of numbers as it comes, and its values of some ranks without sorting the rest.

use crate::lanes;
use crate::layout::Layout;
use crate::sorted::{key, number};

/// Values, of which some are missing.
pub(crate) struct Column<'a> {
    values: &'a [f64],
    /// How many are there.
    pub(crate) present: usize,
    /// Infinity where there is none.
    pub(crate) lowest: f64,
    /// Minus infinity where there is none.
    pub(crate) highest: f64,
}

/// Values of a column that say where cells have to be narrow.
pub(crate) const SAMPLE: usize = 4_096;

impl<'a> Column<'a> {
    /// NaN is missing.
    pub(crate) fn new(values: &'a [f64]) -> Self {
        let (lowest, highest) = lanes::extremes(values);
        Self { values, present: values.len() - lanes::missing(values) as usize, lowest, highest }
    }

    /// How many rows it has, those without a value included.
    pub(crate) const fn rows(&self) -> usize {
        self.values.len()
    }

    /// The values that are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = f64> {
        self.values.iter().copied().filter(|value| !value.is_nan())
    }

    /// The keys of some of the values, from all over the column.
    pub(crate) fn sample(&self) -> impl Iterator<Item = u64> {
        self.values.iter().step_by((self.values.len() / SAMPLE).max(1)).filter(|value| !value.is_nan()).map(|value| key(*value))
    }

    /// The values at rising ranks of those present, from 0 at the lowest: values are counted in narrow cells, and only those in the cell of
    /// a wanted rank are looked at more closely.
    ///
    /// # Panics
    /// When there is no such rank, or one comes twice.
    pub(crate) fn at_ranks(&self, ranks: &[usize]) -> Vec<f64> {
        let layout = Layout::new(self.sample().collect(), 1);
        let places = || self.present().map(|value| (key(value), layout.place(key(value))));
        let mut counts = vec![0_u32; layout.cells()];
        places().for_each(|(_, place)| counts[place] += 1);

        let wanted = wanted(&counts, ranks);
        let mut gathered: Vec<Vec<u64>> = wanted.iter().map(|wanted| Vec::with_capacity(counts[wanted.place] as usize)).collect();
        let mut slots = vec![u16::MAX; layout.cells()];
        wanted.iter().zip(0..).for_each(|(wanted, slot)| slots[wanted.place] = slot);
        places().for_each(|(key, place)| {
            if let Some(keys) = gathered.get_mut(usize::from(slots[place])) {
                keys.push(key);
            }
        });
        let mut found = Vec::with_capacity(ranks.len());
        for (wanted, mut keys) in wanted.into_iter().zip(gathered) {
            select(&mut keys, &wanted.ranks, 0, &mut found);
        }
        found.into_iter().map(number).collect()
    }
}

/// A cell with wanted ranks.
struct Wanted {
    place: usize,
    /// The wanted ranks among its values.
    ranks: Vec<usize>,
}

fn wanted(counts: &[u32], ranks: &[usize]) -> Vec<Wanted> {
    let mut cells: Vec<Wanted> = Vec::new();
    let (mut place, mut before) = (0, 0);
    for rank in ranks {
        while before + counts[place] as usize <= *rank {
            before += counts[place] as usize;
            place += 1;
        }
        match cells.last_mut().filter(|last| last.place == place) {
            Some(last) => last.ranks.push(rank - before),
            None => cells.push(Wanted { place, ranks: vec![rank - before] }),
        }
    }
    cells
}

/// The keys at rising ranks, where the first key has the rank `first`.
fn select(keys: &mut [u64], ranks: &[usize], first: usize, found: &mut Vec<u64>) {
    let middle = ranks.len() / 2;
    let Some(rank) = ranks.get(middle) else { return };
    let (lower, key, upper) = keys.select_nth_unstable(rank - first);
    select(lower, &ranks[..middle], first, found);
    found.push(*key);
    select(upper, &ranks[middle + 1..], rank + 1, found);
}
