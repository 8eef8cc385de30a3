//! A model against the champion on the same rows: whether it ranks better, and whose decisions it changes.

use serde::{Deserialize, Serialize};

use super::delong::{self, Difference};
use super::distributions::coin;
use super::figure::{Figure, Missing};
use super::judged::Judged;
use super::measures::Measures;
use super::ranking::{Ranking, Tally};
use super::resample;
use super::settings::Threshold;

/// A model against the champion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The champion's area under the curve.
    pub champion_auc: Figure,
    /// The champion's average precision.
    pub champion_average_precision: Figure,
    /// By how much the area differs, with DeLong's paired test, of whole entities where these are known (Obuchowski, 1997).
    pub auc: Difference,
    /// The model's average precision less the champion's, over resamples that both are measured on.
    pub average_precision: Figure,
    /// Whose decisions change, at each threshold.
    pub flips: Vec<Flips>,
}

/// Rows that the two decide differently at a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flips {
    /// The threshold, the same for both.
    pub threshold: Threshold,
    /// Of all rows: which of the two was right.
    pub all: Mcnemar,
    /// Of bad rows: which of the two flagged them.
    pub bad: Mcnemar,
    /// Of good rows: which of the two let them pass.
    pub good: Mcnemar,
}

/// McNemar's test (1947) on rows where only one of two was right; `p` is that of a fair coin. It takes rows as independent and looks once:
/// where rows of one entity are alike, and where somebody looks again and again, both probabilities are too small.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mcnemar {
    /// Rows where only the model was right.
    pub model_only: u64,
    /// Rows where only the champion was right.
    pub champion_only: u64,
    /// The exact probability of a split as uneven, to either side; never too small.
    pub exact_p: f64,
    /// The mid-p, which counts the split itself by half and is closer to the truth (Fagerland and others, 2013).
    pub mid_p: f64,
}

impl Mcnemar {
    pub(super) fn new(model_only: u64, champion_only: u64) -> Self {
        let (fewer, exactly) = coin(model_only.min(champion_only), model_only + champion_only);
        // An even split lies in the middle of both sides, and would be counted twice; no split at all tells nothing.
        let (exact_p, mid_p) = match model_only == champion_only {
            true if model_only == 0 => (1.0, 1.0),
            true => (1.0, 1.0 - exactly / 2.0),
            false => ((2.0 * (fewer + exactly)).min(1.0), (2.0 * fewer + exactly).min(1.0)),
        };
        Self { model_only, champion_only, exact_p, mid_p }
    }
}

/// What is measured of the two: the figures, and those of each round.
pub(super) struct Measured<'a> {
    pub points: &'a [Measures; 2],
    pub rounds: &'a [[Measures; 2]],
}

pub(super) fn comparison(
    judged: &Judged<'_>,
    champion_scores: &[f64],
    rankings: [&Ranking; 2],
    measured: &Measured<'_>,
    thresholds: &[Threshold],
    z: f64,
) -> Comparison {
    let figure = |pick: fn(&[Measures; 2]) -> Option<f64>, range| {
        resample::figure(measured.points, measured.rounds, pick, range, z, Missing::NoBad)
    };
    let entities = judged.entities.as_ref().map(|entities| entities.codes.as_slice());
    let difference = |[model, champion]: &[Measures; 2]| Some(model.average_precision? - champion.average_precision?);
    Comparison {
        champion_auc: delong::area(rankings[1].groups().map(|group| group.1), z),
        champion_average_precision: figure(|both| both[1].average_precision, (0.0, 1.0)),
        auc: delong::paired(rankings[0], rankings[1], judged.labels, entities, z),
        average_precision: figure(difference, (-1.0, 1.0)),
        flips: thresholds.iter().map(|threshold| flips(judged, champion_scores, threshold)).collect(),
    }
}

pub(super) fn flips(judged: &Judged<'_>, champion_scores: &[f64], threshold: &Threshold) -> Flips {
    // Rows that only the model flags, and rows that only the champion does.
    let (mut model, mut champion) = (Tally::default(), Tally::default());
    for ((score, other), bad) in judged.scores.iter().zip(champion_scores).zip(judged.labels) {
        match (*score >= threshold.at, *other >= threshold.at) {
            (true, false) => model.add(*bad, 0),
            (false, true) => champion.add(*bad, 0),
            _ => {}
        }
    }
    Flips {
        threshold: threshold.clone(),
        all: Mcnemar::new(model.bad + champion.good, champion.bad + model.good),
        bad: Mcnemar::new(model.bad, champion.bad),
        good: Mcnemar::new(champion.good, model.good),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mcnemar_as_scipy_has_it() {
        // exact: min(1, 2 binom.cdf(min, n, .5)); mid-p: exact less binom.pmf(min, n, .5), or 1 - pmf / 2 at an even split.
        let check = |model_only, champion_only, exact_p: f64, mid_p: f64| {
            let got = Mcnemar::new(model_only, champion_only);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.max(1e-6);
            assert!(close(got.exact_p, exact_p) && close(got.mid_p, mid_p), "{got:?}");
        };
        check(0, 0, 1.0, 1.0);
        check(1, 0, 1.0, 0.5);
        check(3, 7, 0.34375, 0.2265625);
        check(5, 5, 1.0, 0.876953125);
        // Fagerland, Lydersen and Laake (2013), table 2: 1 and 7.
        check(1, 7, 0.0703125, 0.0390625);
    }

    #[test]
    fn flips_worked_by_hand() {
        let scores = [0.9, 0.9, 0.1, 0.1, 0.9, 0.1];
        let champion = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9];
        let labels = [true, false, true, true, true, false];
        let judged = Judged::new(&scores, &labels).unwrap();
        let flips = flips(&judged, &champion, &Threshold { name: "review".to_owned(), at: 0.5 });
        let counts = |test: Mcnemar| (test.model_only, test.champion_only);
        assert_eq!((counts(flips.bad), counts(flips.good), counts(flips.all)), ((1, 1), (1, 1), (2, 2)));
    }
}
