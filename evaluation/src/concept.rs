//! Concept drift: whether a model's probabilities rank and mean on later rows what they did on earlier ones. Features may lie where they lay
//! while what follows from them is another thing; only labels tell that.

use serde::{Deserialize, Serialize};

use super::delong::area_and_variance;
use super::distributions::{reach, two_sided};
use super::figure::{Figure, Method, Missing};
use super::judged::Judged;
use super::ranking::Ranking;

/// A figure of earlier rows and of later ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Of the earlier rows.
    pub before: Figure,
    /// Of the later ones.
    pub now: Figure,
    /// How far it has moved, with its interval.
    pub change: Figure,
    /// The probability of a change as large if there were none, to either side; `None` where that cannot be said.
    pub p: Option<f64>,
}

/// What has changed between what probabilities say and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConceptChange {
    /// The area under the curve, 0 to 1. The change is the later one less the earlier one, of rows that are independent of each other, each with
    /// DeLong's variance.
    pub auc: Change,
    /// Bad rows over as many as their probabilities let expect, 1 where these are true. The change is the later ratio over the earlier one, with
    /// Katz's interval (1978) of a ratio of two shares.
    pub calibration: Change,
}

/// How later rows differ from earlier ones in what becomes of a probability. `level` is that of the intervals, 0 to 1.
pub fn concept_change(before: &Judged<'_>, now: &Judged<'_>, level: f64) -> ConceptChange {
    let z = reach(level);
    ConceptChange { auc: of_areas(before, now, z), calibration: of_ratios(Ratio::of(before), Ratio::of(now), z) }
}

fn of_areas(before: &Judged<'_>, now: &Judged<'_>, z: f64) -> Change {
    let [before, now] = [before, now].map(|judged| {
        let ranking = Ranking::new(judged.scores, judged);
        area_and_variance(ranking.groups().map(|group| group.1))
    });
    let point = |area: Result<(f64, Option<f64>), Missing>| Figure::from(area.map(|(area, _)| Figure::from(area)));
    let (was, is) = (point(before), point(now));
    let (change, p) = match before.and_then(|before| Ok((before, now?))) {
        Err(missing) => (missing.into(), None),
        Ok(((before, of_before), (now, of_now))) => match of_before.zip(of_now) {
            None => ((now - before).into(), None),
            Some((of_before, of_now)) => {
                let error = (of_before + of_now).sqrt();
                let change = Figure::around(now - before, z * error, (-1.0, 1.0), Method::Delong);
                (change, (error > 0.0).then(|| two_sided((now - before) / error)))
            }
        },
    };
    Change { before: was, now: is, change, p }
}

/// Bad rows beside those that are expected.
struct Ratio {
    rows: f64,
    bad: f64,
    expected: f64,
}

impl Ratio {
    fn of(judged: &Judged<'_>) -> Self {
        Self {
            rows: judged.labels.len() as f64,
            bad: judged.labels.iter().filter(|bad| **bad).count() as f64,
            expected: judged.scores.iter().sum(),
        }
    }

    fn known(&self) -> Result<f64, Missing> {
        match self {
            Self { rows: 0.0, .. } => Err(Missing::NoRows),
            Self { expected: 0.0, .. } => Err(Missing::NoneExpected),
            Self { bad, expected, .. } => Ok(bad / expected),
        }
    }

    /// Of the logarithm of the share of bad rows.
    fn variance(&self) -> f64 {
        1.0 / self.bad - 1.0 / self.rows
    }
}

fn of_ratios(before: Ratio, now: Ratio, z: f64) -> Change {
    let (was, is) = (before.known(), now.known());
    let (change, p) = match was.and_then(|was| Ok((was, is?))) {
        Err(missing) => (missing.into(), None),
        // The logarithm of none is none.
        Ok(_) if before.bad == 0.0 || now.bad == 0.0 => (Missing::NoBad.into(), None),
        Ok((was, is)) => {
            let (moved, error) = (libm::log(is / was), (before.variance() + now.variance()).sqrt());
            let change = Figure::around(moved, z * error, (f64::NEG_INFINITY, f64::INFINITY), Method::Katz).map(libm::exp);
            (change, (error > 0.0).then(|| two_sided(moved / error)))
        }
    };
    Change { before: was.map(Figure::from).into(), now: is.map(Figure::from).into(), change, p }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Rows, close, fixtures};

    fn change(before: (&[f64], &[bool]), now: (&[f64], &[bool])) -> ConceptChange {
        concept_change(&Judged::new(before.0, before.1).unwrap(), &Judged::new(now.0, now.1).unwrap(), 0.95)
    }

    #[test]
    fn both_changes_are_those_of_scipy() {
        let fixtures = fixtures();
        let Rows { scores, labels, .. } = Rows::of_fixtures();
        let half = scores.len() / 2;
        let found = change((&scores[..half], &labels[..half]), (&scores[half..], &labels[half..]));
        for (name, found) in [("auc", found.auc), ("calibration", found.calibration)] {
            let expect = |part: &str| fixtures["concept"][name][part].as_f64().unwrap();
            close(found.before.point().unwrap(), expect("before"), 1e-12);
            close(found.now.point().unwrap(), expect("now"), 1e-12);
            close(found.change.point().unwrap(), expect("change"), 1e-12);
            let interval = found.change.interval().unwrap();
            close(interval.lower, expect("lower"), 1e-9);
            close(interval.upper, expect("upper"), 1e-9);
            close(found.p.unwrap(), expect("p"), 1e-9);
        }
    }

    #[test]
    fn what_is_not_there_says_why() {
        let whole: (&[f64], &[bool]) = (&[0.1, 0.2, 0.3, 0.4], &[false, true, false, true]);
        let check = |now: (&[f64], &[bool]), auc: Missing, calibration: Missing| {
            let found = change(whole, now);
            assert_eq!((found.auc.change, found.auc.p), (auc.into(), None));
            assert_eq!((found.calibration.change, found.calibration.p), (calibration.into(), None));
        };
        check((&[], &[]), Missing::NoRows, Missing::NoRows);
        check((&[0.1, 0.2], &[false, false]), Missing::NoBad, Missing::NoBad);
        check((&[0.0, 0.0], &[true, true]), Missing::NoGood, Missing::NoneExpected);
        assert_eq!(change(whole, whole).calibration.change.point(), Some(1.0));
    }
}
