//! Whether a score of 0.2 means that one in five is bad: observed shares against predicted ones in bins of about one size, and
//! the logistic recalibration (Cox, 1958) `logit(bad) = intercept + slope x logit(score)`, which is 0 and 1 for a calibrated
//! model. A slope below one means that scores are too extreme, an intercept below zero that they are too high.

use serde::{Deserialize, Serialize};

use super::distributions::chi_square_above;
use super::figure::{Figure, Method, Missing};
use super::judged::Judged;
use super::proportion::share;
use super::ranking::{Ranking, Tally};

/// Bins of about one size.
const BINS: u64 = 20;
/// Newton's steps before a slope counts as without end.
const MOST_STEPS: usize = 100;
/// Scores are moved so far from 0 and 1 before their logit is taken.
const EDGE: f64 = 1e-9;

/// How true scores are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The bins, the riskiest first; rows of one score are in one bin.
    pub bins: Vec<Bin>,
    /// The mean distance of predicted and observed, over rows, 0 to 1.
    pub error: Figure,
    /// The slope of the recalibration; 1 is right.
    pub slope: Figure,
    /// Its intercept, in nats; 0 is right.
    pub intercept: Figure,
    /// The share of bad rows over the mean score; 1 is right, and below it scores are too high.
    pub observed_to_predicted: Figure,
    /// The test whether all bins are off by chance only; `None` without rows.
    pub hosmer_lemeshow: Option<HosmerLemeshow>,
}

/// Rows of neighbouring scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The lowest score.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// How many rows.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// The mean score.
    pub predicted: f64,
    /// The share that is bad.
    pub observed: Figure,
}

/// Hosmer and Lemeshow's test, on rows that the model did not learn from: as many degrees of freedom as bins ("Applied Logistic
/// Regression", 2013, chapter 5.2.2). On a million rows a deviation that nobody minds is significant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HosmerLemeshow {
    /// The sum of squared deviations, each over its variance.
    pub statistic: f64,
    /// Bins.
    pub freedom: u64,
    /// The probability of deviations as large by chance.
    pub p: f64,
}

/// How many groups there are up to the end of each bin, of which there are at most [`BINS`].
pub(super) fn bin_ends(ranking: &Ranking) -> Vec<usize> {
    let rows = ranking.all().rows();
    let mut ends: Vec<usize> = (1..=BINS).map(|bin| ranking.groups_of((rows * bin).div_ceil(BINS))).collect();
    ends.dedup();
    ends.retain(|end| *end > 0);
    ends
}

pub(super) fn calibration(ranking: &Ranking, ends: &[usize], error: Figure, z: f64) -> Calibration {
    let bins = bins(ranking, ends, z);
    let (slope, intercept) = match recalibration(ranking) {
        Ok(fit) => {
            let figure =
                |place: usize| Figure::around(fit.at[place], z * fit.errors[place], (f64::MIN, f64::MAX), Method::Likelihood);
            (figure(1), figure(0))
        }
        Err(missing) => (missing.into(), missing.into()),
    };
    let all = ranking.all();
    let predicted: f64 = bins.iter().map(|bin| bin.predicted * bin.rows as f64).sum();
    let observed_to_predicted = match predicted > 0.0 {
        true => share(all.bad, all.rows(), z, Missing::NoRows).map(|rate| rate * all.rows() as f64 / predicted),
        false => Missing::NoneExpected.into(),
    };
    Calibration { hosmer_lemeshow: hosmer_lemeshow(&bins), bins, error, slope, intercept, observed_to_predicted }
}

fn bins(ranking: &Ranking, ends: &[usize], z: f64) -> Vec<Bin> {
    let mut start = 0;
    let bin = |end: &usize| {
        let groups = start..*end;
        let tally = ranking.above(groups.end).less(ranking.above(groups.start));
        let weighted = ranking.groups().skip(groups.start).take(groups.len());
        let predicted = weighted.map(|(score, group)| score * group.rows() as f64).sum::<f64>() / tally.rows() as f64;
        start = *end;
        Bin {
            lowest: ranking.scores[groups.end - 1],
            highest: ranking.scores[groups.start],
            rows: tally.rows(),
            bad: tally.bad,
            predicted,
            observed: share(tally.bad, tally.rows(), z, Missing::NoRows),
        }
    };
    ends.iter().map(bin).collect()
}

fn hosmer_lemeshow(bins: &[Bin]) -> Option<HosmerLemeshow> {
    let deviation = |bin: &Bin| {
        let [rows, bad, predicted] = [bin.rows as f64, bin.bad as f64, bin.predicted.clamp(EDGE, 1.0 - EDGE)];
        (bad - rows * predicted).powi(2) / (rows * predicted * (1.0 - predicted))
    };
    let statistic = bins.iter().map(deviation).sum();
    let freedom = bins.len() as u64;
    (freedom > 0).then(|| HosmerLemeshow { statistic, freedom, p: chi_square_above(statistic, freedom as f64) })
}

/// Intercept and slope with their standard errors.
struct Fit {
    at: [f64; 2],
    errors: [f64; 2],
}

/// The most likely intercept and slope of the log-odds of scores, where each row counts as often as its weight says; `None` where there
/// are none.
pub fn line(scores: &[f64], labels: &[bool], weights: Option<&[f64]>) -> Option<[f64; 2]> {
    let judged = Judged::new(scores, labels).ok()?;
    let ranking = Ranking::new(scores, &judged);
    let Some(weights) = weights else { return Some(recalibration(&ranking).ok()?.at) };
    if ranking.all().ranked().is_err() || ranking.scores.len() < 2 {
        return None;
    }
    let point = |((score, bad), weight): ((&f64, &bool), &f64)| [logit(*score), if *bad { *weight } else { 0.0 }, *weight];
    let points: Vec<[f64; 3]> = scores.iter().zip(labels).zip(weights).map(point).collect();
    Some(most_likely(&points).ok()?.at)
}

fn recalibration(ranking: &Ranking) -> Result<Fit, Missing> {
    ranking.all().ranked()?;
    if ranking.scores.len() < 2 {
        return Err(Missing::OneScore);
    }
    let point = |(score, group): (f64, Tally)| [logit(score), group.bad as f64, group.rows() as f64];
    most_likely(&ranking.groups().map(point).collect::<Vec<_>>())
}

/// The log-odds of a score.
fn logit(score: f64) -> f64 {
    let kept = score.clamp(EDGE, 1.0 - EDGE);
    libm::log(kept / (1.0 - kept))
}

/// The most likely intercept and slope, by Newton's method with halved steps where the likelihood would fall. A point is a logit, with the
/// weight of its bad rows and of all its rows.
fn most_likely(points: &[[f64; 3]]) -> Result<Fit, Missing> {
    let mut at = [0.0, 1.0];
    let mut here = likelihood(points, at);
    for _ in 0..MOST_STEPS {
        let [[a, b], [_, d]] = here.information;
        let determinant = a * d - b * b;
        if determinant.is_nan() || determinant <= 1e-12 * a * d {
            return Err(Missing::Separated);
        }
        let step = [(d * here.slope[0] - b * here.slope[1]) / determinant, (a * here.slope[1] - b * here.slope[0]) / determinant];
        let (mut size, mut next, mut there);
        size = 1.0;
        loop {
            next = [at[0] + size * step[0], at[1] + size * step[1]];
            there = likelihood(points, next);
            if there.value >= here.value || size < 1e-6 {
                break;
            }
            size /= 2.0;
        }
        let moved = (next[0] - at[0]).abs().max((next[1] - at[1]).abs());
        (at, here) = (next, there);
        if moved < 1e-10 {
            let [[a, b], [_, d]] = here.information;
            let determinant = a * d - b * b;
            return Ok(Fit { at, errors: [(d / determinant).sqrt(), (a / determinant).sqrt()] });
        }
    }
    Err(Missing::Separated)
}

/// The logarithm of the likelihood, with its slope and the negative of its curvature.
struct Likelihood {
    value: f64,
    slope: [f64; 2],
    information: [[f64; 2]; 2],
}

fn likelihood(points: &[[f64; 3]], [intercept, slope]: [f64; 2]) -> Likelihood {
    let mut sum = Likelihood { value: 0.0, slope: [0.0; 2], information: [[0.0; 2]; 2] };
    for &[x, bad, rows] in points {
        let t = intercept + slope * x;
        // exp(-|t|) is at most 1, so nothing overflows.
        let small = libm::exp(-t.abs());
        let p = if t >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
        sum.value += bad * t - rows * (t.max(0.0) + libm::log1p(small));
        let (gap, weight) = (bad - rows * p, rows * p * (1.0 - p));
        sum.slope[0] += gap;
        sum.slope[1] += gap * x;
        sum.information[0][0] += weight;
        sum.information[0][1] += weight * x;
        sum.information[1][1] += weight * x * x;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    fn fit(scores: &[f64], labels: &[bool]) -> Result<[f64; 2], Missing> {
        recalibration(&Ranking::new(scores, &Judged::new(scores, labels).unwrap())).map(|fit| fit.at)
    }

    #[test]
    fn recalibration_worked_by_hand() {
        // One in four is bad at 0.1 and three in four at 0.9: the line through logit 1/4 and 3/4, of slope ln 3 / ln 9.
        let scores = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9];
        let labels = [true, false, false, false, true, true, true, false];
        let [intercept, slope] = fit(&scores, &labels).unwrap();
        assert!(intercept.abs() < 1e-9 && (slope - 0.5).abs() < 1e-9, "{intercept} {slope}");
    }

    #[test]
    fn a_weight_is_a_number_of_equal_rows() {
        let scores = [0.1, 0.2, 0.4, 0.6, 0.7, 0.9];
        let labels = [false, true, false, true, false, true];
        let weights = [3.0, 1.0, 2.0, 1.0, 2.0, 5.0];
        let repeat = |row: usize| std::iter::repeat_n(row, weights[row] as usize);
        let (repeated, repeated_labels): (Vec<f64>, Vec<bool>) =
            (0..6).flat_map(repeat).map(|row| (scores[row], labels[row])).unzip();
        let [intercept, slope] = line(&scores, &labels, Some(&weights)).unwrap();
        let expect = line(&repeated, &repeated_labels, None).unwrap();
        assert!((intercept - expect[0]).abs() < 1e-9 && (slope - expect[1]).abs() < 1e-9, "{intercept} {slope} {expect:?}");
        assert_eq!(line(&[0.1, 0.9], &[false, true], Some(&[1.0, 2.0])), None, "separated");
        assert_eq!(line(&[0.5, 0.5], &[false, true], Some(&[1.0, 2.0])), None, "one score");
    }

    #[test]
    fn what_has_no_slope_says_why() {
        let check = |scores: &[f64], labels: &[bool], expect| assert_eq!(fit(scores, labels), Err(expect), "{scores:?}");
        check(&[], &[], Missing::NoRows);
        check(&[0.1, 0.2], &[true, true], Missing::NoGood);
        check(&[0.1, 0.2], &[false, false], Missing::NoBad);
        check(&[0.1, 0.1], &[true, false], Missing::OneScore);
        check(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true], Missing::Separated);
        check(&[0.0, 0.0, 1.0, 1.0], &[false, false, true, true], Missing::Separated);
        check(&[0.0, 0.5, 0.5, 1.0], &[false, false, true, true], Missing::Separated);
    }

    #[test]
    fn bins_keep_ties_together_and_cover_all() {
        let scores: Vec<f64> = (0..100).map(|row| f64::from(row / 10) / 10.0).collect();
        let labels: Vec<bool> = (0..100).map(|row| row % 3 == 0).collect();
        let ranking = Ranking::new(&scores, &Judged::new(&scores, &labels).unwrap());
        let bins = bins(&ranking, &bin_ends(&ranking), 1.96);
        assert_eq!(bins.len(), 10);
        assert_eq!(bins.iter().map(|bin| bin.rows).sum::<u64>(), 100);
        assert!(bins.iter().all(|bin| bin.lowest == bin.highest && (bin.predicted - bin.lowest).abs() < 1e-12));
    }
}
