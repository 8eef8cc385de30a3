//! Features cut into bins, so that the search for a split reads a table of a thousand sums instead of every row. The cut looks at
//! the values alone, never at the labels.

use crate::matrix::between;

/// A feature in bins: bin 0 holds the lowest values, the last holds the missing ones, if there are any.
pub(super) struct Binned {
    /// The bin of each row.
    pub(super) bins: Vec<u16>,
    /// The lowest and the highest value in each bin, except the missing one.
    pub(super) ranges: Vec<(f64, f64)>,
}

impl Binned {
    /// Cuts a column into `max_bins` bins at most, not counting the missing one.
    pub(super) fn new(column: &[f64], max_bins: u16) -> Self {
        let mut order: Vec<u32> = (0..column.len() as u32).filter(|&row| !column[row as usize].is_nan()).collect();
        let value = |row: u32| column[row as usize];
        order.sort_unstable_by(|&a, &b| value(a).total_cmp(&value(b)));
        let runs: Vec<&[u32]> = order.chunk_by(|&a, &b| value(a) == value(b)).collect();
        let cells = cells(&runs, max_bins);

        let mut ranges: Vec<(f64, f64)> = Vec::new();
        let mut bins = vec![0; column.len()];
        for (at, run) in runs.iter().enumerate() {
            if at == 0 || cells[at] != cells[at - 1] {
                ranges.push((value(run[0]), value(run[0])));
            }
            let bin = ranges.len() - 1;
            ranges[bin].1 = value(run[0]);
            run.iter().for_each(|&row| bins[row as usize] = bin as u16);
        }
        for (bin, value) in bins.iter_mut().zip(column) {
            if value.is_nan() {
                *bin = ranges.len() as u16;
            }
        }
        Self { bins, ranges }
    }

    /// The bin of the missing values.
    pub(super) fn missing(&self) -> usize {
        self.ranges.len()
    }

    /// Where to cut between two bins that have nothing between them that was learned from: the last bin on the left. The bins between them
    /// go to the side that they are nearer to, whole, so that rows that were not learned from go where the tree will send them.
    pub(super) fn last_left(&self, lower: usize, upper: usize) -> usize {
        let middle = between(self.ranges[lower].1, self.ranges[upper].0);
        (lower + 1..upper).rev().find(|bin| self.ranges[*bin].1 <= middle).unwrap_or(lower)
    }

    /// A threshold above the values of a bin, and below those of the next.
    pub(super) fn above(&self, bin: usize) -> f64 {
        between(self.ranges[bin].1, self.ranges[bin + 1].0)
    }
}

/// Which bin each run of equal values falls into, rising, with gaps. When there are more runs than bins, half of the bins are
/// spread evenly over the rows, and half over the logarithm of the rank counted from the nearer end: a thin tail, where
/// amounts tell most, is cut finely. A value that many rows share counts for one bin, so that it takes no room from the others.
fn cells(runs: &[&[u32]], max_bins: u16) -> Vec<usize> {
    let bins = usize::from(max_bins);
    if runs.len() <= bins {
        return (0..runs.len()).collect();
    }
    let rows: usize = runs.iter().map(|run| run.len()).sum();
    let weight = |run: &[u32]| run.len().min(rows.div_ceil(bins)) as f64;
    let total: f64 = runs.iter().map(|run| weight(run)).sum();
    let tail = |rank: f64| rank.ln_1p() / (2.0 * (total / 2.0).ln_1p());
    let mut before = 0.0;
    runs.iter()
        .map(|run| {
            let rank = before + weight(run) / 2.0;
            before += weight(run);
            let tail = if rank <= total / 2.0 { tail(rank) } else { 1.0 - tail(total - rank) };
            ((rank / total + tail) / 2.0 * bins as f64) as usize
        })
        .collect()
}
