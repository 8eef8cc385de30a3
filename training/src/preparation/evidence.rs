//! Weight of evidence: a column cut into few bins, and each bin replaced by the logarithm of how much more often bad rows fall into it
//! than good ones. Above zero means riskier than the average.
//!
//! `woe = ln((bad + 1/2) / (all bad + 1/2)) - ln((good + 1/2) / (all good + 1/2))`, and the information value of the column is the sum
//! of the difference of the two fractions times `woe` over its bins (Siddiqi, "Credit Risk Scorecards", 2006; the halves keep an empty
//! side finite). Below 0.02 a column tells next to nothing; above 0.5 it is worth a look for a leak.

use scoring::model::preparation::{Bin, Evidence};

use super::levels::LevelEvidence;
use crate::matrix::between;
use crate::table::Values;

/// How numbers are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Binning {
    /// The most bins of numbers, not counting the missing ones; 1 or more.
    pub(crate) most_bins: usize,
    /// The least share of the rows with a number in a bin.
    pub(crate) least_share: f64,
    /// How the risk may go from bin to bin.
    pub(crate) order: Order,
}

/// How the risk may go from bin to bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It only rises or only falls where that costs little, and goes as it likes where it does not.
    WhereCheap,
    /// It only rises or only falls, whichever tells more.
    OneWay,
    /// As one way; where that costs much, it turns once: a valley or a peak.
    OneTurn,
    /// It never falls.
    Rising,
    /// It never rises.
    Falling,
}

impl Default for Binning {
    fn default() -> Self {
        Self { most_bins: 8, least_share: 0.005, order: Order::WhereCheap }
    }
}

/// The least rows of a bin of numbers.
const LEAST_IN_BIN: u64 = 20;
/// Numbers are cut into so many cells first; bins are put together from them.
const CELLS: usize = 100;
/// A bin has to be worth what one bin more gives by chance in one of twenty columns that tell nothing: the information value of such a column
/// is, times bad x good / rows, nearly distributed as chi square, of which this is the value for one degree of freedom.
const CHANCE: f64 = 3.84;
/// Bins whose risk only rises or only falls are taken when they keep this share of the information value of those that may turn.
const KEPT_BY_ORDER: f64 = 0.95;

/// The bins of numbers.
pub(super) fn fit(numbers: &[f64], labels: &[bool], binning: Binning) -> Evidence {
    fit_beside(numbers, labels, binning, &[])
}

/// The bins of numbers, and one for each special number outside of their order.
pub(super) fn fit_beside(numbers: &[f64], labels: &[bool], binning: Binning, special: &[f64]) -> Evidence {
    let all = Side::of(labels.iter().copied());
    let rows = || numbers.iter().copied().zip(labels.iter().copied());
    let (plain, plain_labels): (Vec<f64>, Vec<bool>) = rows().filter(|row| !special.contains(&row.0)).unzip();
    let Binned { ends, bins, missing } = binned(&plain, &plain_labels, all, binning);
    let side = |value: f64| Side::of(rows().filter(|row| row.0 == value).map(|row| row.1));
    let special: Vec<(f64, Side)> = special.iter().map(|value| (*value, side(*value))).collect();
    let present = special.iter().map(|(_, side)| side).filter(|side| side.rows() > 0);
    let information_value = information(bins.iter().chain(&missing).chain(present), all);
    let bin = |side: Side| if side.rows() > 0 { side.bin(all) } else { Bin::default() };
    Evidence {
        ends,
        bins: bins.into_iter().map(bin).collect(),
        words: Vec::new(),
        special: special.into_iter().map(|(value, side)| (value, bin(side))).collect(),
        missing: missing.map(bin),
        information_value,
    }
}

/// What a column tells of the labels, in nats.
pub(crate) fn information_value(values: &Values, labels: &[bool]) -> f64 {
    match values {
        Values::Numbers(numbers) => fit(numbers, labels, Binning::default()).information_value,
        Values::Categories(categories) => LevelEvidence::fit(categories, labels).information_value,
    }
}

/// What bins tell, in nats.
pub(super) fn information<'a>(sides: impl Iterator<Item = &'a Side>, all: Side) -> f64 {
    sides.map(|side| side.information(all)).sum()
}

/// Bad and good rows of a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Side {
    bad: u64,
    good: u64,
}

impl Side {
    pub(super) fn of(labels: impl Iterator<Item = bool>) -> Self {
        labels.fold(Self::default(), Self::and)
    }

    pub(super) const fn and(self, bad: bool) -> Self {
        Self { bad: self.bad + bad as u64, good: self.good + !bad as u64 }
    }

    pub(super) const fn rows(self) -> u64 {
        self.bad + self.good
    }

    /// Its fraction of all bad rows and of all good ones.
    fn fractions(self, all: Self) -> (f64, f64) {
        let fraction = |part: u64, whole: u64| (part as f64 + 0.5) / (whole as f64 + 0.5);
        (fraction(self.bad, all.bad), fraction(self.good, all.good))
    }

    fn weight(self, all: Self) -> f64 {
        let (bad, good) = self.fractions(all);
        (bad / good).ln()
    }

    /// It as scoring knows it.
    pub(super) fn bin(self, all: Self) -> Bin {
        Bin { rows: self.rows(), bad: self.bad, weight: self.weight(all) }
    }

    fn information(self, all: Self) -> f64 {
        let (bad, good) = self.fractions(all);
        (bad - good) * (bad / good).ln()
    }

    /// Whether the share of bad rows is at least that of another bin.
    fn at_least_as_bad(self, other: Self) -> bool {
        u128::from(self.bad) * u128::from(other.rows()) >= u128::from(other.bad) * u128::from(self.rows())
    }
}

/// The bins of numbers, and where they end.
struct Binned {
    ends: Vec<f64>,
    bins: Vec<Side>,
    missing: Option<Side>,
}

/// The bins of numbers with the highest information value of those whose risk goes as it may.
fn binned(numbers: &[f64], labels: &[bool], all: Side, binning: Binning) -> Binned {
    let mut sorted: Vec<(f64, bool)> = Vec::with_capacity(numbers.len());
    let mut missing = Side::default();
    for (number, bad) in numbers.iter().zip(labels) {
        if number.is_nan() { missing = missing.and(*bad) } else { sorted.push((*number, *bad)) }
    }
    let missing = (missing.rows() > 0).then_some(missing);
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let cells = cells(&sorted);
    let least = ((binning.least_share * sorted.len() as f64).ceil() as u64).max(LEAST_IN_BIN).min(sorted.len() as u64);
    let sides: Vec<Side> = cells.iter().map(|cell| cell.side).collect();
    let best = |path: Path| best_bins(&sides, least, all, binning.most_bins, path);
    let better = |one: Bins, other: Bins| if other.information > one.information { other } else { one };
    let one_way = || better(best(Path::Rising), best(Path::Falling));
    let unless_costly = |ordered: Bins, other: Bins| {
        if ordered.information >= KEPT_BY_ORDER * other.information { ordered } else { other }
    };
    let bins = match binning.order {
        Order::Rising => best(Path::Rising),
        Order::Falling => best(Path::Falling),
        Order::OneWay => one_way(),
        Order::OneTurn => unless_costly(one_way(), better(best(Path::Valley), best(Path::Peak))),
        Order::WhereCheap => unless_costly(one_way(), best(Path::Any)),
    };
    let mut ends = Vec::new();
    for end in bins.ends.iter().take(bins.ends.len().saturating_sub(1)) {
        ends.push(between(cells[end - 1].highest, cells[*end].lowest));
    }
    let starts = std::iter::once(0).chain(bins.ends.iter().copied());
    let bins = starts.zip(&bins.ends).map(|(start, end)| together(&sides[start..*end])).collect();
    Binned { ends, bins, missing }
}

/// Neighbouring numbers that stay in one bin.
struct Cell {
    lowest: f64,
    highest: f64,
    side: Side,
}

/// Sorted rows in cells: half of them of about one size, half over the logarithm of the rank from the nearer end, so that a thin tail
/// can have a bin of its own. Equal numbers stay together.
fn cells(sorted: &[(f64, bool)]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let rows = sorted.len() as f64;
    let tail = |rank: f64| rank.ln_1p() / (2.0 * (rows / 2.0).ln_1p());
    let (mut before, mut last_share) = (0, usize::MAX);
    for run in sorted.chunk_by(|a, b| a.0 == b.0) {
        let rank = before as f64 + run.len() as f64 / 2.0;
        before += run.len();
        let tail = if rank <= rows / 2.0 { tail(rank) } else { 1.0 - tail(rows - rank) };
        let share = ((rank / rows + tail) / 2.0 * CELLS as f64) as usize;
        let side = Side::of(run.iter().map(|row| row.1));
        match cells.last_mut() {
            Some(cell) if share == last_share => {
                cell.highest = run[0].0;
                cell.side = together(&[cell.side, side]);
            }
            _ => cells.push(Cell { lowest: run[0].0, highest: run[0].0, side }),
        }
        last_share = share;
    }
    cells
}

pub(super) fn together(sides: &[Side]) -> Side {
    sides.iter().fold(Side::default(), |sum, side| Side { bad: sum.bad + side.bad, good: sum.good + side.good })
}

/// Where bins end, as numbers of the cells behind them.
struct Bins {
    ends: Vec<usize>,
    information: f64,
}

/// How the risk goes along bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Any,
    Rising,
    Falling,
    /// Falling, then rising.
    Valley,
    /// Rising, then falling.
    Peak,
}

impl Path {
    /// How many legs it has.
    const fn legs(self) -> usize {
        if matches!(self, Self::Valley | Self::Peak) { 2 } else { 1 }
    }

    /// Whether a bin may lie on a leg behind one that lies on a leg.
    fn allows(self, from: usize, to: usize, before: Side, after: Side) -> bool {
        let (rises, falls) = (after.at_least_as_bad(before), before.at_least_as_bad(after));
        match (self, to) {
            (Self::Any, _) => true,
            (Self::Rising, _) | (Self::Peak, 0) => from <= to && rises,
            (Self::Falling, _) | (Self::Valley, 0) => from <= to && falls,
            (Self::Valley, _) => rises,
            (Self::Peak, _) => falls,
        }
    }
}

/// The cut into at most `most_bins` runs of cells, each with `least` rows, that has the highest information value, less what bins have to
/// be worth, of those along which the risk goes a path. Exact, by dynamic programming over the last bin and its leg.
fn best_bins(cells: &[Side], least: u64, all: Side, most_bins: usize, path: Path) -> Bins {
    /// The best way to end with a certain bin.
    #[derive(Clone, Copy)]
    struct Way {
        information: f64,
        /// Where the bin before begins, and on which leg it lies.
        from: usize,
        leg: usize,
    }
    let n = cells.len();
    let worth = CHANCE * all.rows() as f64 / (all.bad.max(1) as f64 * all.good.max(1) as f64);
    let information = |side: Side| side.information(all) - worth;
    let mut sums = vec![vec![Side::default(); n + 1]; n + 1];
    for (start, sums) in sums.iter_mut().enumerate() {
        for end in start..n {
            sums[end + 1] = together(&[sums[end], cells[end]]);
        }
    }
    let legs = path.legs();
    // ways[leg][bins][start][end]: the last of so many bins lies on that leg and holds the cells from start to end.
    let mut ways = vec![vec![vec![vec![None::<Way>; n + 1]; n + 1]; most_bins + 1]; legs];
    for end in 1..=n {
        if sums[0][end].rows() >= least {
            ways[0][1][0][end] = Some(Way { information: information(sums[0][end]), from: 0, leg: 0 });
        }
    }
    for bins in 2..=most_bins {
        for start in 1..n {
            for end in start + 1..=n {
                let side = sums[start][end];
                if side.rows() < least {
                    continue;
                }
                let information = information(side);
                for to in 0..legs {
                    let mut best: Option<Way> = None;
                    for (leg, ways) in ways.iter().enumerate() {
                        for from in 0..start {
                            if let Some(way) = ways[bins - 1][from][start]
                                && best.is_none_or(|best| way.information + information > best.information)
                                && path.allows(leg, to, sums[from][start], side)
                            {
                                best = Some(Way { information: way.information + information, from, leg });
                            }
                        }
                    }
                    ways[to][bins][start][end] = best;
                }
            }
        }
    }
    let mut best: Option<(usize, usize, usize, f64)> = None;
    for (leg, ways) in ways.iter().enumerate() {
        for (bins, ways) in ways.iter().enumerate() {
            for (start, ends) in ways.iter().enumerate() {
                if let Some(way) = ends[n]
                    && best.is_none_or(|(.., information)| way.information > information)
                {
                    best = Some((leg, bins, start, way.information));
                }
            }
        }
    }
    let Some((mut leg, mut bins, mut start, _)) = best else { return Bins { ends: Vec::new(), information: 0.0 } };
    let mut ends = vec![n];
    while bins > 1 {
        let end = *ends.last().expect("one is there from the start");
        let way = ways[leg][bins][start][end].expect("the way was taken");
        ends.push(start);
        (leg, start, bins) = (way.leg, way.from, bins - 1);
    }
    ends.reverse();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let information = starts.zip(&ends).map(|(start, end)| sums[start][*end].information(all)).sum();
    Bins { ends, information }
}
