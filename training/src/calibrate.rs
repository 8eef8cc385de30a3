//! The choice of a calibration: each kind is fitted on some rows that the model did not learn from and judged on others. Chosen is the
//! one that comes nearest to the truth there; of equals the plainer.

use scoring::model::{Calibration, Linear};
use scoring::{Model, Scorer};

use crate::learners::{Error, Learner, Settings};
use crate::matrix::Matrix;
use evaluation::calibration_line;
use evaluation::threads::on_threads;

/// Into so many folds rows are cut.
pub const FOLDS: u32 = 3;

/// What a learner says of rows that it did not learn from: a model for each fold learns from the other folds. Equal input gives equal
/// probabilities on any number of threads. `folds` says which fold each row is in. Nothing where the rows without some fold have one
/// label only: of a few bad entities all may be in one.
pub fn out_of_fold(
    learner: Learner,
    matrix: &Matrix,
    folds: &[u32],
    settings: &Settings,
    seed: u64,
    threads: usize,
) -> Result<Option<Vec<f64>>, Error> {
    let labels_without = |fold: u32| folds.iter().zip(matrix.labels()).filter(move |(at, _)| **at != fold).map(|(_, bad)| *bad);
    let teaches = |fold: u32| labels_without(fold).any(|bad| bad) && labels_without(fold).any(|bad| !bad);
    if !(0..FOLDS).all(teaches) {
        return Ok(None);
    }
    let outer = threads.clamp(1, FOLDS as usize);
    let fold = |fold: usize| -> Result<Vec<(usize, f64)>, Error> {
        let (held, rest): (Vec<usize>, Vec<usize>) = (0..matrix.rows()).partition(|row| folds[*row] as usize == fold);
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let model = learner.learn(&matrix.select(&rest), settings, seed, (threads / outer).max(1))?;
        let probabilities = model.probabilities(matrix.select(&held).columns());
        Ok(held.into_iter().zip(probabilities).collect())
    };
    let mut probabilities = vec![0.0; matrix.rows()];
    for held in on_threads(FOLDS as usize, outer, || (), |number, ()| fold(number)) {
        held?.into_iter().for_each(|(row, probability)| probabilities[row] = probability);
    }
    Ok(Some(probabilities))
}

/// What takes the weight of bad rows out again without looking at any: odds that were multiplied are divided. It holds as far as the learner
/// says probabilities of the rows as they weigh.
pub fn without_weight(times: f64) -> Calibration {
    if times == 1.0 { Calibration::Identity } else { Calibration::Platt { slope: 1.0, intercept: -times.ln() } }
}

/// A weighted sum with a straight calibration as one without: the same probabilities, and what each feature adds is part of them.
pub fn folded(scorer: Scorer) -> Scorer {
    match (scorer.model, scorer.calibration) {
        (Model::Linear(linear), Calibration::Platt { slope, intercept }) => {
            let weights = linear.weights.iter().map(|weight| slope * weight).collect();
            let model = Model::Linear(Linear { intercept: slope * linear.intercept + intercept, weights, ..linear });
            Scorer { model, calibration: Calibration::Identity, ..scorer }
        }
        (model, calibration) => Scorer { model, calibration, ..scorer },
    }
}

/// The calibration of probabilities of rows that were not learned from, by their labels, each row as often as it counts. `plain` is the one
/// that needs no rows, and holds where others gain nothing or cannot be fitted.
///
/// # Panics
/// When the slices differ in length.
pub fn choose(
    probabilities: &[f64],
    labels: &[bool],
    weights: Option<&[f64]>,
    folds: &[u32],
    plain: &Calibration,
) -> Calibration {
    let rows = Judged { probabilities: probabilities.to_vec(), labels: labels.to_vec(), weights: weights.map(<[f64]>::to_vec) };
    let fits: [Fit<'_>; 3] = [&|_| Some(plain.clone()), &platt, &isotonic];
    let least = LEAST_GAIN * rows.total_weight();
    let mut best: Option<(f64, Calibration)> = None;
    for fit in fits {
        let Some(loss) = loss_on_other_folds(fit, &rows, folds) else { continue };
        if best.as_ref().is_none_or(|(lowest, _)| loss < lowest - least)
            && let Some(calibration) = fit(&rows)
        {
            best = Some((loss, calibration));
        }
    }
    best.map_or_else(|| plain.clone(), |(_, calibration)| calibration)
}

/// Rows with what a model says of them.
struct Judged {
    probabilities: Vec<f64>,
    labels: Vec<bool>,
    /// How often each counts; once where there are none.
    weights: Option<Vec<f64>>,
}

impl Judged {
    fn select(&self, rows: &[usize]) -> Self {
        Self {
            probabilities: rows.iter().map(|row| self.probabilities[*row]).collect(),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
            weights: self.weights.as_ref().map(|weights| rows.iter().map(|row| weights[*row]).collect()),
        }
    }

    /// Each row's probability, label and weight.
    fn rows(&self) -> impl Iterator<Item = (f64, bool, f64)> {
        let weight = |row: usize| self.weights.as_ref().map_or(1.0, |weights| weights[row]);
        self.probabilities.iter().zip(&self.labels).enumerate().map(move |(row, (at, bad))| (*at, *bad, weight(row)))
    }

    fn total_weight(&self) -> f64 {
        self.rows().map(|(_, _, weight)| weight).sum()
    }
}

/// Fits a kind of calibration to rows, where it can be.
type Fit<'a> = &'a dyn Fn(&Judged) -> Option<Calibration>;

/// A gain a row, in nats, that is worth a calibration.
const LEAST_GAIN: f64 = 1e-5;

/// The log-loss of all rows, each under a calibration that was fitted on the other folds.
fn loss_on_other_folds(fit: Fit<'_>, rows: &Judged, folds: &[u32]) -> Option<f64> {
    let mut loss = 0.0;
    for fold in 0..FOLDS {
        let (held, rest): (Vec<usize>, Vec<usize>) = (0..rows.labels.len()).partition(|row| folds[*row] == fold);
        let calibration = fit(&rows.select(&rest))?;
        let held = rows.select(&held);
        loss += held.rows().map(|(at, bad, weight)| weight * log_loss(calibration.apply(at), bad)).sum::<f64>();
    }
    Some(loss)
}

fn log_loss(probability: f64, bad: bool) -> f64 {
    let right = if bad { probability } else { 1.0 - probability };
    -right.max(1e-15).ln()
}

/// Of each label so many rows are needed, whatever they weigh: a line has two numbers to find, a curve many.
const LEAST_FOR_A_LINE: usize = 10;
const LEAST_FOR_A_CURVE: usize = 100;

fn has_of_each(labels: &[bool], least: usize) -> bool {
    let bad = labels.iter().filter(|bad| **bad).count();
    bad.min(labels.len() - bad) >= least
}

fn platt(rows: &Judged) -> Option<Calibration> {
    if !has_of_each(&rows.labels, LEAST_FOR_A_LINE) {
        return None;
    }
    let [intercept, slope] = calibration_line(&rows.probabilities, &rows.labels, rows.weights.as_deref())?;
    let calibration = Calibration::Platt { slope, intercept };
    calibration.check().is_ok().then_some(calibration)
}

/// Pools neighbours until shares rise (Ayer and others, 1955), and draws a line through the middles of the pools, so that of two
/// events the riskier stays it. A pool's share is smoothed by half a row on each side: no certainty comes of few rows.
fn isotonic(rows: &Judged) -> Option<Calibration> {
    struct Pool {
        rows: f64,
        bad: f64,
        /// The sum of the probabilities.
        sum: f64,
    }
    if !has_of_each(&rows.labels, LEAST_FOR_A_CURVE) {
        return None;
    }
    let share = |pool: &Pool| (pool.bad + 0.5) / (pool.rows + 1.0);
    let mut rows: Vec<(f64, bool, f64)> = rows.rows().collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut pools: Vec<Pool> = Vec::new();
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let weight = |of: fn(&&(f64, bool, f64)) -> bool| tied.iter().filter(of).map(|row| row.2).sum::<f64>();
        let all = weight(|_| true);
        let mut pool = Pool { rows: all, bad: weight(|row| row.1), sum: tied[0].0 * all };
        while let Some(last) = pools.pop_if(|last| last.bad / last.rows >= pool.bad / pool.rows) {
            pool = Pool { rows: pool.rows + last.rows, bad: pool.bad + last.bad, sum: pool.sum + last.sum };
        }
        pools.push(pool);
    }
    let mut points = vec![(0.0, 0.0)];
    for pool in &pools {
        let (at, share) = (pool.sum / pool.rows, share(pool));
        let (before, below) = points[points.len() - 1];
        if at > before && at < 1.0 && share > below {
            points.push((at, share));
        }
    }
    points.push((1.0, 1.0));
    let calibration = Calibration::Isotonic { points };
    calibration.check().is_ok().then_some(calibration)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::folds::fold_of_row;
    use crate::learners::BadWeight;
    use crate::learners::tests::noisy;
    use crate::sampling::GoodShare;
    use evaluation::metrics::auc;

    /// Probabilities that a distortion was applied to, and labels that were drawn before it.
    fn distorted(rows: usize, distort: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<bool>, Vec<u32>) {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut unit = || f64::from(random.next_u32()) / 2_f64.powi(32);
        let truth: Vec<f64> = (0..rows).map(|_| unit().powi(2)).collect();
        let labels = truth.iter().map(|truth| unit() < *truth).collect();
        (truth.into_iter().map(distort).collect(), labels, (0..rows).map(|row| fold_of_row(row, FOLDS)).collect())
    }

    #[test]
    fn the_kind_that_fits_is_chosen() {
        let check = |distort: fn(f64) -> f64, expect: &str, reach: f64| {
            let (probabilities, labels, folds) = distorted(30_000, distort);
            let calibration = choose(&probabilities, &labels, None, &folds, &Calibration::Identity);
            assert_eq!(calibration.name(), expect, "{calibration:?}");
            assert_eq!(calibration.check(), Ok(()));
            let found: Vec<f64> = probabilities.iter().map(|probability| calibration.apply(*probability)).collect();
            for (low, high) in [(0.05, 0.2), (0.4, 0.6), (0.8, 0.95)] {
                let rows: Vec<usize> = (0..found.len()).filter(|row| (low..high).contains(&found[*row])).collect();
                let mean = rows.iter().map(|row| found[*row]).sum::<f64>() / rows.len() as f64;
                let bad = rows.iter().filter(|row| labels[**row]).count() as f64 / rows.len() as f64;
                assert!((mean - bad).abs() < reach, "{expect}: {mean} said, {bad} seen");
            }
            let (before, after) = (auc(&probabilities, &labels).unwrap(), auc(&found, &labels).unwrap());
            assert!((before - after).abs() < 1e-3, "{before} {after}");
        };
        check(|truth| truth, "none", 0.02);
        // Odds that are squared: a line of slope one half brings them back.
        check(|truth| truth.powi(2) / (truth.powi(2) + (1.0 - truth).powi(2)), "Platt", 0.02);
        check(|truth| if truth < 0.5 { truth / 5.0 } else { 0.1 + (truth - 0.5) * 1.8 }, "isotonic", 0.03);
    }

    #[test]
    fn bad_weights_and_sampled_rows_leave_probabilities_those_of_the_population() {
        let population = noisy(9_000, 1);
        let numbers: Vec<i64> = (0..9_000).collect();
        let share = GoodShare(0.2);
        let sampled = share.sampled(&population, &share.kept(population.labels(), &numbers, 1));
        assert!(sampled.rows() < 4_500, "{}", sampled.rows());
        let fresh = noisy(9_000, 2);
        let check = |learner: Learner, matrix: &Matrix, bad_weight: BadWeight| {
            let settings = Settings { bad_weight, ..Settings::default() };
            let folds: Vec<u32> = (0..matrix.rows()).map(|row| fold_of_row(row, FOLDS)).collect();
            let held = out_of_fold(learner, matrix, &folds, &settings, 1, 2).unwrap().unwrap();
            let calibration = choose(&held, matrix.labels(), matrix.weights(), &folds, &Calibration::Identity);
            let learned = learner.learn(matrix, &settings, 1, 2).unwrap();
            let found = Scorer { calibration, ..learned }.probabilities(fresh.columns());
            let (mean, bad) = (found.iter().sum::<f64>() / 9_000.0, fresh.bad() as f64 / 9_000.0);
            assert!((mean - bad).abs() < 0.02, "{learner:?} {bad_weight:?}: {mean} said, {bad} seen");
            let high: Vec<usize> = (0..9_000).filter(|row| found[*row] > 0.5).collect();
            let mean = high.iter().map(|row| found[*row]).sum::<f64>() / high.len() as f64;
            let bad = high.iter().filter(|row| fresh.labels()[**row]).count() as f64 / high.len() as f64;
            assert!((mean - bad).abs() < 0.06, "{learner:?} {bad_weight:?}, high: {mean} said, {bad} seen");
        };
        for learner in Learner::ALL.into_iter().filter(|learner| learner.is_supervised()) {
            check(learner, &population, BadWeight::Times(8.0));
            check(learner, &population, BadWeight::BALANCED);
            check(learner, &sampled, BadWeight::default());
            check(learner, &sampled, BadWeight::Times(5.0));
        }
    }

    #[test]
    fn a_straight_calibration_is_part_of_the_weights() {
        let linear = Linear { intercept: -1.5, weights: vec![0.5, -2.0], means: vec![1.0, 0.0], deviations: vec![2.0, 1.0] };
        let plain = Scorer::plain(Model::Linear(linear));
        let scorer = Scorer { calibration: Calibration::Platt { slope: 0.5, intercept: -7.0_f64.ln() }, ..plain };
        let folded = folded(scorer.clone());
        assert_eq!(folded.calibration, Calibration::Identity);
        for row in [[0.0, 0.0], [3.0, -1.0], [-8.0, 2.5]] {
            let apart = scorer.probability(&row) - folded.probability(&row);
            assert!(apart.abs() < 1e-12, "{row:?}: {apart}");
        }
    }

    #[test]
    fn few_rows_are_left_as_they_are() {
        let plain = without_weight(4.0);
        assert_eq!(choose(&[0.2, 0.7], &[false, true], None, &[0, 1], &plain), plain);
        assert_eq!(choose(&[0.2; 9], &[false; 9], None, &[0, 1, 2, 0, 1, 2, 0, 1, 2], &plain).check(), Ok(()));
        // Odds of 4 : 1 that were multiplied by 4 were even.
        assert!((plain.apply(0.8) - 0.5).abs() < 1e-12);
        assert_eq!(without_weight(1.0), Calibration::Identity);
    }

    #[test]
    fn bad_rows_of_one_fold_say_nothing_of_it() {
        let matrix = noisy(900, 1);
        let folds: Vec<u32> =
            matrix.labels().iter().enumerate().map(|(row, bad)| if *bad { 1 } else { row as u32 % 3 }).collect();
        assert_eq!(out_of_fold(Learner::Boosting, &matrix, &folds, &Settings::default(), 1, 2).unwrap(), None);
        Learner::Boosting.fit(&matrix, &Settings::default(), 1, 2).unwrap();
    }

    #[test]
    fn a_row_is_judged_by_a_model_that_did_not_see_it() {
        let matrix = noisy(900, 1);
        let folds: Vec<u32> = (0..900).map(|row| fold_of_row(row, FOLDS)).collect();
        let of =
            |threads: usize| out_of_fold(Learner::Boosting, &matrix, &folds, &Settings::default(), 1, threads).unwrap().unwrap();
        let held = of(1);
        assert_eq!(held, of(2));
        let rest: Vec<usize> = (0..900).filter(|row| folds[*row] != 1).collect();
        let model = Learner::Boosting.fit(&matrix.select(&rest), &Settings::default(), 1, 1).unwrap();
        let row = folds.iter().position(|fold| *fold == 1).unwrap();
        assert_eq!(held[row], model.probability(&matrix.row(row)));
    }
}
