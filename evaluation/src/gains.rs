//! How much of what is bad lies in the riskiest part: lift by tenths, the very top, and the points that charts are drawn of.

use serde::{Deserialize, Serialize};

use super::ranking::{Ranking, Tally};

/// The riskiest parts that people ask for.
const TOPS: [f64; 5] = [0.001, 0.005, 0.01, 0.05, 0.1];
/// Points of a curve lie at least this far apart, as a share of its axis.
const APART: f64 = 1.0 / 250.0;
/// Columns of the histogram of scores.
const COLUMNS: usize = 50;

/// The part of rows between two places in the ranking. Of rows that tie at its ends the same part of each is taken, so that bad
/// rows may not be whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Where it begins, as a share of rows from the riskiest.
    pub from: f64,
    /// Where it ends.
    pub until: f64,
    /// Rows in it.
    pub rows: f64,
    /// Bad ones among them.
    pub bad: f64,
    /// The share of them that is bad; `None` without rows.
    pub precision: Option<f64>,
    /// How often that of all rows; `None` without bad rows.
    pub lift: Option<f64>,
    /// The share of bad rows that lie in it or above; `None` without bad rows.
    pub gain: Option<f64>,
}

/// A point of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
}

/// A model's curves, thinned so far that nobody sees it; empty where there are no bad rows or no good ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The share of good rows flagged, and that of bad rows.
    pub roc: Vec<Point>,
    /// Recall and precision.
    pub precision_recall: Vec<Point>,
    /// The share of rows flagged, and that of bad rows.
    pub gains: Vec<Point>,
}

/// Rows by score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Good rows.
    pub good: u64,
    /// Bad rows.
    pub bad: u64,
}

/// The tenths, the riskiest first.
pub(super) fn deciles(ranking: &Ranking) -> Vec<Slice> {
    (0..10).map(|tenth| slice(ranking, f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0)).collect()
}

/// The very top, the smallest part first.
pub(super) fn tops(ranking: &Ranking) -> Vec<Slice> {
    TOPS.into_iter().map(|share| slice(ranking, 0.0, share)).collect()
}

fn slice(ranking: &Ranking, from: f64, until: f64) -> Slice {
    let all = ranking.all();
    let total = all.rows() as f64;
    let (before, through) = (bad_among(ranking, from * total), bad_among(ranking, until * total));
    let (rows, bad) = ((until - from) * total, through - before);
    let precision = (rows > 0.0).then(|| bad / rows);
    let with_bad = |value: f64| (all.bad > 0).then_some(value);
    Slice {
        from,
        until,
        rows,
        bad,
        precision,
        lift: precision.and_then(|precision| with_bad(precision * total / all.bad as f64)),
        gain: with_bad(through / all.bad as f64),
    }
}

/// How many bad rows there are among so many of the riskiest.
fn bad_among(ranking: &Ranking, rows: f64) -> f64 {
    let groups = ranking.sums.partition_point(|sum| (sum.rows() as f64) <= rows);
    let above = ranking.above(groups);
    let Some(through) = ranking.sums.get(groups) else { return above.bad as f64 };
    let group = through.less(above);
    above.bad as f64 + group.bad as f64 * (rows - above.rows() as f64) / group.rows() as f64
}

pub(super) fn curves(ranking: &Ranking) -> Curves {
    let all = ranking.all();
    if all.ranked().is_err() {
        return Curves::default();
    }
    let share = |part: u64, whole: u64| part as f64 / whole as f64;
    let with_start = |point: fn(Tally, Tally) -> Point| {
        let start = [Point { x: 0.0, y: 0.0 }];
        thin(start.into_iter().chain(ranking.sums.iter().map(move |sum| point(*sum, all))), |a, b| {
            (b.x - a.x).abs().max((b.y - a.y).abs())
        })
    };
    let precision = |sum: &Tally| Point { x: share(sum.bad, all.bad), y: share(sum.bad, sum.rows()) };
    Curves {
        roc: with_start(|sum, all| Point { x: sum.good as f64 / all.good as f64, y: sum.bad as f64 / all.bad as f64 }),
        // By recall alone: precision jumps with each of the first rows.
        precision_recall: thin(ranking.sums.iter().map(precision), |a, b| b.x - a.x),
        gains: with_start(|sum, all| Point { x: sum.rows() as f64 / all.rows() as f64, y: sum.bad as f64 / all.bad as f64 }),
    }
}

/// The first point, the last, and those between that lie apart from the one kept before.
fn thin(points: impl Iterator<Item = Point>, distance: impl Fn(Point, Point) -> f64) -> Vec<Point> {
    let (mut kept, mut last) = (Vec::<Point>::new(), None);
    for point in points {
        if kept.last().is_none_or(|before| distance(*before, point) >= APART) {
            kept.push(point);
        }
        last = Some(point);
    }
    if kept.last() != last.as_ref() {
        kept.extend(last);
    }
    kept
}

/// Rows in columns of one width over the scores from 0 to 1.
pub(super) fn histogram(ranking: &Ranking) -> Vec<Column> {
    let mut columns = vec![Column::default(); COLUMNS];
    for (score, group) in ranking.groups() {
        let column = &mut columns[((score * COLUMNS as f64) as usize).min(COLUMNS - 1)];
        column.good += group.good;
        column.bad += group.bad;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Judged;

    #[test]
    fn slices_worked_by_hand() {
        let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0];
        let labels = [true, false, true, false, false, false, false, false, false, false];
        let ranking = Ranking::new(&scores, &Judged::new(&scores, &labels).unwrap());
        let deciles = deciles(&ranking);
        assert_eq!(deciles.iter().map(|slice| slice.bad).sum::<f64>(), 2.0);
        assert_eq!((deciles[0].precision, deciles[0].lift, deciles[0].gain), (Some(1.0), Some(5.0), Some(0.5)));
        assert_eq!(deciles[2].gain, Some(1.0));
        // Half of the top tenth's one row.
        assert_eq!(tops(&ranking)[3].bad, 0.5);
        // All tie: each part has its share of what is bad.
        let scores = [0.5; 10];
        let ranking = Ranking::new(&scores, &Judged::new(&scores, &labels).unwrap());
        assert!(super::deciles(&ranking).iter().all(|slice| (slice.lift.unwrap() - 1.0).abs() < 1e-12));
        let nothing = Ranking::new(&[], &Judged::new(&[], &[]).unwrap());
        assert_eq!(super::deciles(&nothing)[0].lift, None);
    }
}
