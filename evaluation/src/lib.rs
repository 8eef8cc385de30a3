//! The evaluation of a model on rows whose outcome is known: how well it ranks, whether its scores are true, what decisions at
//! thresholds come to in rows and in money, for whom and when that differs, and whether it beats the champion. Each figure has an
//! interval, and a figure that does not exist says why. Nothing here reads files or draws a chart.

mod bands;
mod calibration;
mod comparison;
mod concept;
mod contest;
mod days;
mod decisions;
mod delong;
mod distributions;
mod error;
mod expected;
mod fairness;
mod figure;
mod figures;
mod gains;
mod groups;
mod judged;
mod looks;
mod maturity;
mod measures;
pub mod metrics;
mod proportion;
mod ranking;
mod resample;
mod sequential;
mod settings;
mod stability;
pub mod threads;

use serde::{Deserialize, Serialize};

pub use bands::{Band, Bands};
pub use calibration::{Bin, Calibration, HosmerLemeshow, line as calibration_line};
pub use comparison::{Comparison, Flips, Mcnemar};
pub use concept::{Change, ConceptChange, concept_change};
pub use contest::{Contest, Contestant, Contested, Lead, check_cost, contest};
pub use decisions::{Cut, Decision, Flagging, RateCut, decided};
pub use delong::Difference;
pub use error::Error;
pub use expected::{Expected, ExpectedDecision, expected};
pub use fairness::{Fairness, Treatment};
pub use figure::{Estimate, Figure, Interval, Method, Missing};
pub use figures::{Capacity, Figures, Scored, scored};
pub use gains::{Column, Curves, Point, Slice};
pub use groups::{Group, Segment};
pub use judged::Judged;
pub use looks::Quantile;
pub use maturity::{Known, Maturity, check_share};
pub use metrics::Metrics;
pub use proportion::proportion;
pub use sequential::Sequential;
pub use settings::{Settings, Threshold};
pub use stability::{Disturbed, Effect, Feature, Stability, stability};

use days::Days;
use measures::{Measures, Walk};
use ranking::Ranking;
use resample::Resampling;

/// The version of the format of [`Evaluation`].
pub const VERSION: u32 = 1;

/// All that is known of how good a model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The version of this format: [`VERSION`].
    pub version: u32,
    /// What was asked for.
    pub settings: Settings,
    /// Rows.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// How many entities they belong to; `None` where that is not known, and then rows are resampled one by one.
    pub entities: Option<u64>,
    /// The first and the last day, counted from 1970-01-01; `None` where days are not known.
    pub days: Option<[i32; 2]>,
    /// The figures of the whole.
    pub figures: Figures,
    /// What each decision threshold comes to.
    pub decisions: Vec<Decision>,
    /// What people get to see who can look at so much a day.
    pub capacity: Capacity,
    /// What it would be to flag a share of rows.
    pub by_rate: Vec<RateCut>,
    /// What it would be to flag from a score on.
    pub by_score: Vec<Cut>,
    /// Tenths of the rows, the riskiest first.
    pub deciles: Vec<Slice>,
    /// The riskiest part alone, the smallest first.
    pub tops: Vec<Slice>,
    /// Points for charts.
    pub curves: Curves,
    /// The same of the champion, if there is one.
    pub champion_curves: Option<Curves>,
    /// Rows by score, in columns of one width from 0 to 1.
    pub histogram: Vec<Column>,
    /// Whether scores are true.
    pub calibration: Calibration,
    /// By attribute.
    pub segments: Vec<Segment>,
    /// By month; empty where days are not known.
    pub months: Vec<Group>,
    /// By protected attribute and threshold.
    pub fairness: Vec<Fairness>,
    /// Against the champion, if there is one.
    pub comparison: Option<Comparison>,
    /// What disturbed features do; set it to what [`stability`] says.
    pub stability: Option<Stability>,
}

/// Evaluates a model. Equal rows, in whatever order, and equal settings give equal bytes on any number of threads; only where
/// entities of one day tie does [card precision](Capacity::card_precision) depend on the order in which they come.
///
/// # Errors
/// What [`Settings::check`] says; rows were checked when they were taken, and a figure that does not exist is none.
pub fn evaluate(judged: &Judged<'_>, settings: &Settings) -> Result<Evaluation, Error> {
    settings.check()?;
    let z = distributions::reach(settings.level);
    let with_money = judged.minor.is_some();
    let ranking = Ranking::new(judged.scores, judged);
    let resampling = Resampling::new(judged, &ranking, settings);
    let days = Days::new(judged, &ranking, &resampling, settings.capacity_a_day);
    let bins = calibration::bin_ends(&ranking);
    let thresholds = settings.thresholds.iter().map(|threshold| ranking.groups_from(threshold.at)).collect();
    let walk = Walk::new(judged, &ranking, &resampling, thresholds, &bins, days.as_ref());
    let champion = judged.champion.map(|scores| (scores, Ranking::new(scores, judged)));
    let champion_walk = champion.as_ref().map(|(_, ranking)| Walk::new(judged, ranking, &resampling, Vec::new(), &[], None));
    // Both models are measured on the same weights, so that the difference of the two has its own spread.
    let both = |weights: &[u8]| {
        let champion = champion_walk.as_ref().map(|walk| walk.measure(weights));
        [walk.measure(weights), champion.unwrap_or_default()]
    };
    let points = [walk.points(), champion_walk.as_ref().map(Walk::points).unwrap_or_default()];
    let rounds: Vec<[Measures; 2]> = resampling.rounds(both);
    let own: Vec<Measures> = rounds.iter().map(|[own, _]| own.clone()).collect();
    let figures = figures::figures(&ranking, &points[0], &own, z);
    let decision = |(place, threshold): (usize, &Threshold)| {
        let flagging = decisions::flagging(threshold.at, place, &ranking, &points[0], &own, z, with_money);
        Decision { threshold: threshold.clone(), flagging }
    };
    let measured = comparison::Measured { points: &points, rounds: &rounds };
    let comparison = champion.as_ref().map(|(scores, champion)| {
        comparison::comparison(judged, scores, [&ranking, champion], &measured, &settings.thresholds, z)
    });
    let all = ranking.all();
    Ok(Evaluation {
        version: VERSION,
        settings: Settings { threads: 0, ..settings.clone() },
        rows: all.rows(),
        bad: all.bad,
        entities: judged.entities.as_ref().map(|entities| entities.names.len() as u64),
        days: judged.days.and_then(|days| Some([*days.iter().min()?, *days.iter().max()?])),
        decisions: settings.thresholds.iter().enumerate().map(decision).collect(),
        capacity: figures::capacity(judged, &points[0], &own, settings.capacity_a_day, z),
        by_rate: decisions::by_rate(&ranking, with_money),
        by_score: decisions::by_score(&ranking, with_money),
        deciles: gains::deciles(&ranking),
        tops: gains::tops(&ranking),
        curves: gains::curves(&ranking),
        champion_curves: champion.as_ref().map(|(_, ranking)| gains::curves(ranking)),
        histogram: gains::histogram(&ranking),
        calibration: calibration::calibration(&ranking, &bins, figures.calibration_error, z),
        figures,
        segments: judged.segments.iter().map(|segment| groups::segment(segment, judged, &ranking, settings, z)).collect(),
        months: groups::months(judged, &ranking, settings, z),
        fairness: judged.protected.iter().flat_map(|protected| fairness::fairness(protected, judged, settings, z)).collect(),
        comparison,
        stability: None,
    })
}

#[cfg(test)]
mod tests;
