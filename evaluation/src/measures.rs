//! The figures of weighted rows, in one walk down the ranking. With all weights one they are the figures themselves; with weights
//! of a resample they are what the figures would have been.

use super::days::Days;
use super::judged::Judged;
use super::ranking::Ranking;
use super::resample::Resampling;

/// The figures of one set of weights; `None` where one does not exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measures {
    pub auc: Option<f64>,
    pub average_precision: Option<f64>,
    pub ks: Option<f64>,
    pub brier: Option<f64>,
    pub log_loss: Option<f64>,
    pub calibration_error: Option<f64>,
    /// By threshold.
    pub flagged: Vec<Flagged>,
    pub reviewed: Option<Reviewed>,
}

/// What a threshold comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flagged {
    pub f1: Option<f64>,
    /// The share of bad money that is stopped.
    pub value_detected: Option<f64>,
    pub bad_minor: Option<f64>,
    pub good_minor: Option<f64>,
}

/// What a day's reviews come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reviewed {
    pub rows: f64,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub value_detected: Option<f64>,
}

/// Rows laid out for the walk.
pub(super) struct Walk<'a> {
    ranking: &'a Ranking,
    /// By place in the ranking: what the row is drawn with, its label and its money.
    rows: Vec<Row>,
    /// By group: the log-loss of a bad row and of a good one.
    losses: Vec<[f64; 2]>,
    /// By cluster: its bad rows and its good ones.
    clusters: Vec<[u32; 2]>,
    /// By threshold: how many groups reach it.
    thresholds: Vec<usize>,
    /// How many groups there are up to the end of each bin of calibration.
    bins: &'a [usize],
    days: Option<&'a Days>,
    with_money: bool,
}

#[derive(Clone, Copy)]
struct Row {
    cluster: u32,
    bad: bool,
    minor: u64,
}

/// Sums of weights on the way down.
#[derive(Clone, Copy, Default)]
struct Sums {
    bad: f64,
    good: f64,
    bad_minor: f64,
    good_minor: f64,
    scores: f64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        judged: &Judged<'_>,
        ranking: &'a Ranking,
        resampling: &Resampling<'_>,
        thresholds: Vec<usize>,
        bins: &'a [usize],
        days: Option<&'a Days>,
    ) -> Self {
        let mut clusters = vec![[0; 2]; resampling.count];
        let row = |row: &u32| {
            let row = *row as usize;
            let (cluster, bad) = (resampling.clusters[row], judged.labels[row]);
            clusters[cluster as usize][usize::from(!bad)] += 1;
            Row { cluster, bad, minor: judged.minor_of(row) }
        };
        let rows = ranking.rows.iter().map(row).collect();
        // A certain score that is wrong would cost without end; scikit-learn, too, moves scores by the least step from 1.
        let loss = |score: f64| -libm::log(score.clamp(f64::EPSILON, 1.0 - f64::EPSILON));
        let losses = ranking.scores.iter().map(|score| [loss(*score), loss(1.0 - score)]).collect();
        Self { ranking, rows, losses, clusters, thresholds, bins, days, with_money: judged.minor.is_some() }
    }

    /// The figures themselves.
    pub(super) fn points(&self) -> Measures {
        self.measure(&vec![1; self.clusters.len()])
    }

    /// The figures of weighted clusters.
    pub(super) fn measure(&self, weights: &[u8]) -> Measures {
        let [all_bad, all_good] = self.totals(weights);
        let mut stops: Vec<usize> = self.thresholds.iter().chain(self.bins).copied().collect();
        stops.push(self.ranking.scores.len());
        stops.sort_unstable();
        stops.dedup();
        let mut sums = Sums::default();
        let mut at_stop = Vec::with_capacity(stops.len());
        let (mut pairs_lost, mut precisions, mut widest, mut squares, mut losses) = (0.0, 0.0, 0.0_f64, 0.0, 0.0);
        let (mut group, mut place) = (0, 0);
        for &stop in &stops {
            while group < stop {
                let end = self.ranking.sums[group].rows() as usize;
                let (mut bad, mut good) = (0_u32, 0_u32);
                for row in &self.rows[place..end] {
                    let weight = weights[row.cluster as usize];
                    if row.bad {
                        bad += u32::from(weight);
                        sums.bad_minor += f64::from(weight) * row.minor as f64;
                    } else {
                        good += u32::from(weight);
                        sums.good_minor += f64::from(weight) * row.minor as f64;
                    }
                }
                let (score, bad, good) = (self.ranking.scores[group], f64::from(bad), f64::from(good));
                pairs_lost += bad * (sums.good + good / 2.0);
                sums.bad += bad;
                sums.good += good;
                sums.scores += (bad + good) * score;
                if bad > 0.0 {
                    precisions += bad * sums.bad / (sums.bad + sums.good);
                }
                widest = widest.max((sums.bad * all_good - sums.good * all_bad).abs());
                squares += bad * (1.0 - score) * (1.0 - score) + good * score * score;
                losses += bad * self.losses[group][0] + good * self.losses[group][1];
                (group, place) = (group + 1, end);
            }
            at_stop.push(sums);
        }
        let sums_at = |groups: usize| match stops.binary_search(&groups) {
            Ok(stop) => at_stop[stop],
            Err(_) => Sums::default(),
        };
        let (pairs, all_rows) = (all_bad * all_good, all_bad + all_good);
        let over = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        Measures {
            auc: over(pairs - pairs_lost, pairs),
            average_precision: over(precisions, all_bad),
            ks: over(widest, pairs),
            brier: over(squares, all_rows),
            log_loss: over(losses, all_rows),
            calibration_error: over(self.miscalibrated(sums_at), all_rows),
            flagged: self.thresholds.iter().map(|groups| self.flagged(sums_at(*groups), sums)).collect(),
            reviewed: self.days.map(|days| self.reviewed(days, weights, sums)),
        }
    }

    /// How many bad rows and good ones there are.
    fn totals(&self, weights: &[u8]) -> [f64; 2] {
        let mut totals = [0_u64; 2];
        for (rows, weight) in self.clusters.iter().zip(weights) {
            for (total, rows) in totals.iter_mut().zip(rows) {
                *total += u64::from(*rows) * u64::from(*weight);
            }
        }
        totals.map(|total| total as f64)
    }

    /// By how much bins miss, each times its rows.
    fn miscalibrated(&self, sums_at: impl Fn(usize) -> Sums) -> f64 {
        let (mut before, mut sum) = (Sums::default(), 0.0);
        for &groups in self.bins {
            let here = sums_at(groups);
            sum += ((here.scores - before.scores) - (here.bad - before.bad)).abs();
            before = here;
        }
        sum
    }

    fn flagged(&self, flagged: Sums, all: Sums) -> Flagged {
        let both = all.bad + flagged.bad + flagged.good;
        let money = |minor: f64| self.with_money.then_some(minor);
        Flagged {
            f1: (both > 0.0).then(|| 2.0 * flagged.bad / both),
            value_detected: (all.bad_minor > 0.0).then(|| flagged.bad_minor / all.bad_minor),
            bad_minor: money(flagged.bad_minor),
            good_minor: money(flagged.good_minor),
        }
    }

    fn reviewed(&self, days: &Days, weights: &[u8], all: Sums) -> Reviewed {
        let seen = days.reviewed(weights);
        let over = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        Reviewed {
            rows: seen.rows,
            precision: over(seen.bad, seen.rows),
            recall: over(seen.bad, all.bad),
            value_detected: over(seen.bad_minor, all.bad_minor),
        }
    }
}
