//! What figures are to be expected before any outcome is known, from calibrated probabilities alone: a row that scores 0.2 is bad in
//! one of five cases (confidence-based performance estimation, as NannyML calls it). It is as true as the calibration is: where bad rows
//! have changed and scores have not, it cannot know, and so it stands beside figures of outcomes and never in their place.

use serde::{Deserialize, Serialize};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::distributions::reach;
use super::error::Error;
use super::figure::{Figure, Method, Missing};
use super::judged::{check_length, check_scores};
use super::resample::standard_error;
use super::settings::{Settings, Threshold};
use crate::threads::on_threads;

/// The figures that probabilities let expect. An interval is where the figure of the true outcomes would lie if the probabilities were
/// right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Rows.
    pub rows: u64,
    /// Bad rows among them, as many as the probabilities add up to.
    pub bad: f64,
    /// The area under the curve, where rows that tie count half.
    pub auc: Figure,
    /// Average precision.
    pub average_precision: Figure,
    /// The mean squared distance of score and outcome.
    pub brier: Figure,
    /// What each threshold comes to.
    pub decisions: Vec<ExpectedDecision>,
}

/// What flagging from a threshold on lets expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpectedDecision {
    /// The threshold.
    pub threshold: Threshold,
    /// Rows that reach it.
    pub flagged: u64,
    /// The share of them that is bad.
    pub precision: Figure,
    /// The share of bad rows that reaches it.
    pub recall: Figure,
    /// The harmonic mean of the two.
    pub f1: Figure,
    /// The share of rows that is decided rightly.
    pub accuracy: Figure,
}

/// What to expect of rows with these probabilities, and of flagging some of them. Thresholds are those of the settings.
///
/// # Errors
/// What [`Settings::check`] says, and [`Error::Score`] where a score is no probability from 0 to 1.
pub fn expected(scores: &[f64], settings: &Settings) -> Result<Expected, Error> {
    settings.check()?;
    check_length("scores", scores.len(), scores.len())?;
    check_scores("scores", scores, scores.len())?;
    let mut sorted: Vec<f64> = scores.iter().map(|score| score + 0.0).collect();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let reached = |threshold: &Threshold| sorted.partition_point(|score| *score >= threshold.at);
    let flagged: Vec<usize> = settings.thresholds.iter().map(reached).collect();
    let point = measure(&sorted, &flagged, |score| score);
    let rounds = on_threads(
        settings.rounds,
        settings.threads,
        || (),
        |round, ()| {
            let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
            random.set_stream(round as u64);
            measure(&sorted, &flagged, |score| f64::from(u8::from(f64::from(random.next_u32()) < score * 2_f64.powi(32))))
        },
    );
    let z = reach(settings.level);
    let figure = |pick: &dyn Fn(&Sums) -> Option<f64>, missing: Missing| -> Figure {
        let Some(value) = pick(&point) else { return missing.into() };
        match standard_error(&rounds, pick) {
            Some(error) => Figure::around(value, z * error, (0.0, 1.0), Method::Expected),
            None => value.into(),
        }
    };
    let rows = sorted.len();
    let without = if rows == 0 { Missing::NoRows } else { Missing::NoneExpected };
    let decision = |(place, threshold): (usize, &Threshold)| {
        let (rows, flagged) = (rows as f64, flagged[place]);
        let over = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        ExpectedDecision {
            threshold: threshold.clone(),
            flagged: flagged as u64,
            precision: figure(&|sums| over(sums.caught[place], flagged as f64), Missing::NoneFlagged),
            recall: figure(&|sums| over(sums.caught[place], sums.bad), without),
            f1: figure(&|sums| over(2.0 * sums.caught[place], sums.bad + flagged as f64), without),
            accuracy: figure(&|sums| over(rows - sums.bad - flagged as f64 + 2.0 * sums.caught[place], rows), Missing::NoRows),
        }
    };
    Ok(Expected {
        rows: rows as u64,
        bad: point.bad,
        auc: figure(&|sums| sums.auc, without),
        average_precision: figure(&|sums| sums.average_precision, without),
        brier: figure(&|sums| sums.brier, Missing::NoRows),
        decisions: settings.thresholds.iter().enumerate().map(decision).collect(),
    })
}

/// The figures of rows of which each is bad to some part.
struct Sums {
    bad: f64,
    auc: Option<f64>,
    average_precision: Option<f64>,
    brier: Option<f64>,
    /// Bad rows that each threshold flags.
    caught: Vec<f64>,
}

/// One walk down the scores; `bad` says to what part a row of a score is bad.
fn measure(sorted: &[f64], flagged: &[usize], mut bad: impl FnMut(f64) -> f64) -> Sums {
    let mut caught = vec![0.0; flagged.len()];
    let (mut all_bad, mut all_good, mut pairs_lost, mut precisions, mut squares) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut place = 0;
    for group in sorted.chunk_by(|a, b| a == b) {
        let (score, rows) = (group[0], group.len() as f64);
        let group_bad: f64 = group.iter().map(|score| bad(*score)).sum();
        let group_good = rows - group_bad;
        pairs_lost += group_bad * (all_good + group_good / 2.0);
        all_bad += group_bad;
        all_good += group_good;
        place += group.len();
        if group_bad > 0.0 {
            precisions += group_bad * all_bad / place as f64;
        }
        squares += group_bad * (1.0 - score) * (1.0 - score) + group_good * score * score;
        for (caught, flagged) in caught.iter_mut().zip(flagged) {
            if place <= *flagged {
                *caught = all_bad;
            }
        }
    }
    let over = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let pairs = all_bad * all_good;
    Sums {
        bad: all_bad,
        auc: over(pairs - pairs_lost, pairs),
        average_precision: over(precisions, all_bad),
        brier: over(squares, sorted.len() as f64),
        caught,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Rows, close, live_fixtures, settings};

    #[test]
    fn as_nannyml_has_it() {
        let fixtures = live_fixtures();
        let expect = |name: &str| fixtures["expected"][name].as_f64().unwrap();
        // Scores of which no two are alike, since NannyML takes rows that tie one after the other.
        let scores: Vec<f64> = (0..1500).map(|row| f64::from(row * 7919 % 1500 + 1) / 2000.0).collect();
        let settings = Settings { thresholds: vec![Threshold { name: "review".to_owned(), at: 0.5 }], ..settings() };
        let expected = expected(&scores, &settings).unwrap();
        let check = |name: &str, figure: Figure| close(figure.point().unwrap(), expect(name), 1e-9);
        check("auc", expected.auc);
        check("average_precision", expected.average_precision);
        let decision = &expected.decisions[0];
        check("precision", decision.precision);
        check("recall", decision.recall);
        check("f1", decision.f1);
        check("accuracy", decision.accuracy);
    }

    #[test]
    fn expected_figures_are_those_of_outcomes_that_come_as_probable() {
        // Each row a hundred times, of which so many are bad as its score says.
        let scores = Rows::of_fixtures().scores[..200].to_vec();
        let copies = |score: &f64| (0..100).map(|copy| (*score, f64::from(copy) < (score * 100.0).round())).collect::<Vec<_>>();
        let (all, labels): (Vec<f64>, Vec<bool>) = scores.iter().flat_map(copies).unzip();
        let expected = expected(&scores, &settings()).unwrap();
        let judged = crate::evaluate(&crate::Judged::new(&all, &labels).unwrap(), &settings()).unwrap();
        let same = |figure: Figure, other: Figure| close(figure.point().unwrap(), other.point().unwrap(), 1e-9);
        same(expected.auc, judged.figures.auc);
        same(expected.average_precision, judged.figures.average_precision);
        same(expected.brier, judged.figures.brier);
        for (expected, judged) in expected.decisions.iter().zip(&judged.decisions) {
            same(expected.precision, judged.flagging.precision);
            same(expected.recall, judged.flagging.recall);
            same(expected.f1, judged.flagging.f1);
            same(expected.accuracy, judged.flagging.accuracy);
        }
    }

    #[test]
    fn intervals_hold_what_then_happens() {
        let scores = Rows::of_fixtures().scores;
        let settings = Settings { rounds: 200, ..settings() };
        let expected = expected(&scores, &settings).unwrap();
        let held = (0..200)
            .filter(|seed| {
                let mut random = ChaCha8Rng::seed_from_u64(1000 + seed);
                let labels: Vec<bool> =
                    scores.iter().map(|score| f64::from(random.next_u32()) < score * 2_f64.powi(32)).collect();
                let auc = crate::metrics::auc(&scores, &labels).unwrap();
                let interval = expected.auc.interval().unwrap();
                (interval.lower..=interval.upper).contains(&auc)
            })
            .count();
        assert!((180..=198).contains(&held), "{held} of 200 lie within an interval of 95 %");
    }

    #[test]
    fn nothing_to_expect_says_why() {
        let check = |scores: &[f64], auc, brier, precision| {
            let why = |figure: Figure| match figure {
                Figure::Missing { missing } => Some(missing),
                Figure::Known(_) => None,
            };
            let expected = expected(scores, &settings()).unwrap();
            assert_eq!([why(expected.auc), why(expected.brier), why(expected.decisions[0].precision)], [auc, brier, precision]);
        };
        check(&[], Some(Missing::NoRows), Some(Missing::NoRows), Some(Missing::NoneFlagged));
        check(&[0.0, 0.0], Some(Missing::NoneExpected), None, Some(Missing::NoneFlagged));
        check(&[0.9, 0.1], None, None, None);
        let error = expected(&[0.5, f64::NAN], &settings()).unwrap_err();
        assert_eq!(error.to_string(), "scores has NaN in row 2, which is no probability from 0 to 1");
    }
}
