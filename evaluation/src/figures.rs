//! The figures of the whole, and what people with a limited time get to see.

use serde::{Deserialize, Serialize};

use super::calibration::{self, Calibration};
use super::days::{Days, card_precision};
use super::error::Error;
use super::figure::{Figure, Missing};
use super::judged::Judged;
use super::measures::{Measures, Reviewed, Walk};
use super::ranking::Ranking;
use super::resample::{Resampling, figure};
use super::settings::Settings;
use super::{delong, distributions};

/// The figures of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The probability that a bad row scores above a good one, with DeLong's interval.
    pub auc: Figure,
    /// The same with the interval over resamples: wider than DeLong's where rows of one entity are alike.
    pub auc_resampled: Figure,
    /// Average precision, 0 to 1.
    pub average_precision: Figure,
    /// The widest gap between the shares of bad and of good rows above a score (Kolmogorov and Smirnov), 0 to 1.
    pub ks: Figure,
    /// Twice the area under the curve less one.
    pub gini: Figure,
    /// The mean squared distance of score and outcome (Brier), 0 to 1; lower is better.
    pub brier: Figure,
    /// The mean negative logarithm of the probability given to what happened, in nats; lower is better.
    pub log_loss: Figure,
    /// The mean distance of predicted and observed over the bins of calibration, 0 to 1; lower is better.
    pub calibration_error: Figure,
}

/// How good scores are, without what thresholds make of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The figures of the whole.
    pub figures: Figures,
    /// What people get to see who can look at so much a day.
    pub capacity: Capacity,
    /// Whether scores are true.
    pub calibration: Calibration,
}

/// The part of an [evaluation](super::evaluate) that does not know thresholds, groups or a champion; each costs time, and live figures are many.
///
/// # Errors
/// What [`Settings::check`] says; rows were checked when they were taken.
pub fn scored(judged: &Judged<'_>, settings: &Settings) -> Result<Scored, Error> {
    settings.check()?;
    let z = distributions::reach(settings.level);
    let ranking = Ranking::new(judged.scores, judged);
    let resampling = Resampling::new(judged, &ranking, settings);
    let days = Days::new(judged, &ranking, &resampling, settings.capacity_a_day);
    let bins = calibration::bin_ends(&ranking);
    let walk = Walk::new(judged, &ranking, &resampling, Vec::new(), &bins, days.as_ref());
    let rounds = resampling.rounds(|weights| walk.measure(weights));
    let points = walk.points();
    let figures = figures(&ranking, &points, &rounds, z);
    Ok(Scored {
        capacity: capacity(judged, &points, &rounds, settings.capacity_a_day, z),
        calibration: calibration::calibration(&ranking, &bins, figures.calibration_error, z),
        figures,
    })
}

/// What people get to see who can look at so many events, or entities, a day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// How many a day.
    pub a_day: u64,
    /// Events looked at in all; `None` where days are not known.
    pub reviewed: Option<f64>,
    /// The share of them that is bad.
    pub precision: Figure,
    /// The share of bad events that are looked at.
    pub recall: Figure,
    /// The share of bad money that is looked at.
    pub value_detection_rate: Figure,
    /// The share of bad entities among the riskiest of each day; see [`crate::metrics::card_precision_at`].
    pub card_precision: Figure,
}

pub(super) fn figures(ranking: &Ranking, points: &Measures, rounds: &[Measures], z: f64) -> Figures {
    let auc = delong::area(ranking.groups().map(|group| group.1), z);
    let unranked = ranking.all().ranked().err().unwrap_or(Missing::NoRows);
    let no_bad = if ranking.rows.is_empty() { Missing::NoRows } else { Missing::NoBad };
    let share = |pick: fn(&Measures) -> Option<f64>, missing| figure(points, rounds, pick, (0.0, 1.0), z, missing);
    Figures {
        auc,
        auc_resampled: share(|round| round.auc, unranked),
        average_precision: share(|round| round.average_precision, no_bad),
        ks: share(|round| round.ks, unranked),
        gini: auc.map(|auc| 2.0 * auc - 1.0),
        brier: share(|round| round.brier, Missing::NoRows),
        log_loss: figure(points, rounds, |round| round.log_loss, (0.0, f64::MAX), z, Missing::NoRows),
        calibration_error: share(|round| round.calibration_error, Missing::NoRows),
    }
}

pub(super) fn capacity(judged: &Judged<'_>, points: &Measures, rounds: &[Measures], a_day: usize, z: f64) -> Capacity {
    let share = |pick: fn(&Reviewed) -> Option<f64>, missing: Missing| {
        let missing = if judged.days.is_none() { Missing::NoDays } else { missing };
        figure(points, rounds, |round: &Measures| round.reviewed.as_ref().and_then(pick), (0.0, 1.0), z, missing)
    };
    let no_money = if judged.minor.is_some() { Missing::NoBadMoney } else { Missing::NoAmounts };
    Capacity {
        a_day: a_day as u64,
        reviewed: points.reviewed.map(|reviewed| reviewed.rows),
        precision: share(|reviewed| reviewed.precision, Missing::NoRows),
        recall: share(|reviewed| reviewed.recall, Missing::NoBad),
        value_detection_rate: share(|reviewed| reviewed.value_detected, no_money),
        card_precision: card_precision(judged, a_day, z),
    }
}
