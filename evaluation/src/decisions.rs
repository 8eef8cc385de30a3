//! What thresholds come to: the ones that decide, and a table of others to choose from.

use serde::{Deserialize, Serialize};

use super::distributions;
use super::error::Error;
use super::figure::{Figure, Missing};
use super::judged::Judged;
use super::measures::{Flagged, Measures, Walk};
use super::proportion::share;
use super::ranking::{Ranking, Tally};
use super::resample::{Resampling, figure};
use super::settings::{Settings, Threshold};

/// Shares of rows to review, from a thousandth to a fifth.
const REVIEW_RATES: [f64; 20] = [
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.125, 0.15, 0.175,
    0.2,
];
/// Scores to flag from.
const SCORES: [f64; 15] = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// What a decision threshold comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The threshold.
    pub threshold: Threshold,
    /// What flagging the rows that reach it comes to.
    #[serde(flatten)]
    pub flagging: Flagging,
}

/// What it comes to that some rows are flagged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flagging {
    /// Rows that are flagged.
    pub flagged: u64,
    /// Bad ones among them.
    pub caught: u64,
    /// The share of rows that is flagged.
    pub rate: Figure,
    /// The share of rows that are decided rightly.
    pub accuracy: Figure,
    /// The share of flagged rows that is bad.
    pub precision: Figure,
    /// The share of bad rows that is flagged.
    pub recall: Figure,
    /// The harmonic mean of precision and recall.
    pub f1: Figure,
    /// The share of good rows that is flagged.
    pub false_positive_rate: Figure,
    /// Good rows flagged for each bad one.
    pub false_positive_ratio: Figure,
    /// The share of bad money that is flagged.
    pub value_detection_rate: Figure,
    /// Bad money that is flagged, in minor units.
    pub money_stopped_minor: Figure,
    /// Good money that is flagged, in minor units.
    pub money_wrongly_stopped_minor: Figure,
}

impl Flagging {
    /// Rows flagged for each bad one among them, at least 1: what an analyst looks at for one find.
    pub fn alerts_per_bad(&self) -> Figure {
        self.false_positive_ratio.map(|ratio| ratio + 1.0)
    }
}

/// What decisions came to that were made already, by whatever made them: rows and their money, each flagged or let pass.
///
/// # Errors
/// [`Error::Length`] where there are not as many decisions as rows, and what [`Settings::check`] says.
pub fn decided(judged: &Judged<'_>, flagged: &[bool], settings: &Settings) -> Result<Flagging, Error> {
    settings.check()?;
    judged.check_length("decisions", flagged.len())?;
    // A decision is a score of two values.
    let scores: Vec<f64> = flagged.iter().map(|flagged| f64::from(u8::from(*flagged))).collect();
    let ranking = Ranking::new(&scores, judged);
    let resampling = Resampling::new(judged, &ranking, settings);
    let walk = Walk::new(judged, &ranking, &resampling, vec![ranking.groups_from(1.0)], &[], None);
    let rounds = resampling.rounds(|weights| walk.measure(weights));
    Ok(flagging(1.0, 0, &ranking, &walk.points(), &rounds, distributions::reach(settings.level), judged.minor.is_some()))
}

/// What any threshold comes to, as plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// The score from which rows are flagged.
    pub threshold: f64,
    /// Rows flagged.
    pub flagged: u64,
    /// Their share of all rows.
    pub rate: Option<f64>,
    /// The share of them that is bad; `None` when none is flagged.
    pub precision: Option<f64>,
    /// The share of bad rows among them; `None` without bad rows.
    pub recall: Option<f64>,
    /// Good rows flagged for each bad one; `None` when no bad one is.
    pub false_positive_ratio: Option<f64>,
    /// The share of bad money flagged; `None` without it.
    pub value_detection_rate: Option<f64>,
    /// Bad money flagged, in minor units; `None` without amounts.
    pub money_stopped_minor: Option<u64>,
    /// Good money flagged, in minor units; `None` without amounts.
    pub money_wrongly_stopped_minor: Option<u64>,
}

/// The cut that a share of rows to review asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateCut {
    /// The share of rows asked for, 0 to 1.
    pub asked: f64,
    /// The lowest threshold above which there are so many rows; ties come in together, so that there may be more.
    pub cut: Cut,
}

pub(super) fn flagging(
    at: f64,
    place: usize,
    ranking: &Ranking,
    points: &Measures,
    rounds: &[Measures],
    z: f64,
    with_money: bool,
) -> Flagging {
    let (all, flagged) = (ranking.all(), ranking.above(ranking.groups_from(at)));
    let resampled = |pick: fn(&Flagged) -> Option<f64>, most: f64, missing| {
        figure(points, rounds, |round: &Measures| pick(&round.flagged[place]), (0.0, most), z, missing)
    };
    let none_of = |missing: Missing| if all.rows() == 0 { Missing::NoRows } else { missing };
    // Of no rows nothing was stopped, which is not to say that it was nothing.
    let money = |pick: fn(&Flagged) -> Option<f64>| match all.rows() {
        0 => Missing::NoRows.into(),
        _ => resampled(pick, f64::MAX, Missing::NoAmounts),
    };
    let no_money = if with_money { Missing::NoBadMoney } else { Missing::NoAmounts };
    let precision = share(flagged.bad, flagged.rows(), z, Missing::NoneFlagged);
    Flagging {
        flagged: flagged.rows(),
        caught: flagged.bad,
        rate: share(flagged.rows(), all.rows(), z, Missing::NoRows),
        accuracy: share(flagged.bad + all.good - flagged.good, all.rows(), z, Missing::NoRows),
        precision,
        recall: share(flagged.bad, all.bad, z, none_of(Missing::NoBad)),
        f1: resampled(|flagged| flagged.f1, 1.0, none_of(Missing::NoBad)),
        false_positive_rate: share(flagged.good, all.good, z, none_of(Missing::NoGood)),
        false_positive_ratio: false_positive_ratio(flagged, z),
        value_detection_rate: resampled(|flagged| flagged.value_detected, 1.0, no_money),
        money_stopped_minor: money(|flagged| flagged.bad_minor),
        money_wrongly_stopped_minor: money(|flagged| flagged.good_minor),
    }
}

/// Good for each bad: the ends of the share of good rows among the flagged, each over what it leaves.
fn false_positive_ratio(flagged: Tally, z: f64) -> Figure {
    match flagged.bad {
        0 if flagged.rows() == 0 => Missing::NoneFlagged.into(),
        0 => Missing::NoneCaught.into(),
        _ => share(flagged.good, flagged.rows(), z, Missing::NoneFlagged).map(|good| good / (1.0 - good)),
    }
}

/// A cut for each of some review rates.
pub(super) fn by_rate(ranking: &Ranking, with_money: bool) -> Vec<RateCut> {
    let all = ranking.all().rows();
    let cut = |asked: f64| {
        let rows = (asked * all as f64).ceil() as u64;
        let groups = ranking.groups_of(rows.max(1));
        let threshold = ranking.scores.get(groups.saturating_sub(1))?;
        Some(RateCut { asked, cut: cut(ranking, *threshold, groups, with_money) })
    };
    REVIEW_RATES.into_iter().filter_map(cut).collect()
}

/// A cut at each of some scores.
pub(super) fn by_score(ranking: &Ranking, with_money: bool) -> Vec<Cut> {
    SCORES.into_iter().map(|score| cut(ranking, score, ranking.groups_from(score), with_money)).collect()
}

fn cut(ranking: &Ranking, threshold: f64, groups: usize, with_money: bool) -> Cut {
    let (all, flagged) = (ranking.all(), ranking.above(groups));
    let over = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    Cut {
        threshold,
        flagged: flagged.rows(),
        rate: over(flagged.rows(), all.rows()),
        precision: over(flagged.bad, flagged.rows()),
        recall: over(flagged.bad, all.bad),
        false_positive_ratio: over(flagged.good, flagged.bad),
        value_detection_rate: over(flagged.bad_minor, all.bad_minor),
        money_stopped_minor: with_money.then_some(flagged.bad_minor),
        money_wrongly_stopped_minor: with_money.then_some(flagged.good_minor),
    }
}
