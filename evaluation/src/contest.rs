//! A challenger against the champion on the same events while outcomes come in: both with their figures and curves, the differences with
//! intervals for one look and for any number of looks, and what each would have stopped in money.
//!
//! Both score the same events, and events of one entity (a customer, a card) are alike. Where entities are known they are what is
//! independent, in all that an interval is made of:
//!
//! - the standard error s of a difference is that of whole entities. With d the gap of a row to the difference and N rows, s² is in essence
//!   Σ over entities of (Σ over its rows of d)² / N²: the variance of a ratio of sums over what was randomised (Deng, Knoblich and Lu,
//!   "Applying the delta method in metric analytics", KDD 2018, section 3). Of the area under the curve it is Obuchowski's (1997), with d a
//!   row's place among those of the other label; of average precision and money it comes of resamples that draw entities whole;
//! - the n after which the sequence stands, and from which on it says anything at all, is the number of entities with a bad row. So s and n
//!   are those of one sum over entities, as [`Sequential`] wants them, and a row that is there twice moves neither.
//!
//! Where entities are not known each row is one.

use serde::{Deserialize, Serialize};

use super::bands::{self, Bands, Heights, Outline};
use super::calibration::{self, Calibration};
use super::comparison::{Flips, flips};
use super::decisions::{Decision, flagging};
use super::delong;
use super::distributions::{reach, two_sided};
use super::error::Error;
use super::figure::{Figure, Method, Missing};
use super::figures::{Figures, figures};
use super::gains::{Curves, curves};
use super::judged::{Judged, Levels};
use super::measures::{Flagged, Measures, Walk};
use super::ranking::Ranking;
use super::resample::{Resampling, standard_error};
use super::sequential::Sequential;
use super::settings::Settings;

/// The two on the same events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// Events whose outcome is known.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// How many entities they belong to, each of which is drawn whole; `None` where that is not known, and then each row is one.
    pub entities: Option<u64>,
    /// How many of these have a bad row; `None` where entities are not known.
    pub bad_entities: Option<u64>,
    /// The one that wants to be champion.
    pub challenger: Contestant,
    /// The one that is.
    pub champion: Contestant,
    /// The area under the curve, by DeLong's paired test, of whole entities where these are known (Obuchowski, 1997).
    pub auc: Lead,
    /// Average precision, over resamples that both are measured on.
    pub average_precision: Lead,
    /// Each threshold.
    pub decisions: Vec<Contested>,
}

/// What is known of one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contestant {
    /// Its figures.
    pub figures: Figures,
    /// What its scores come to at each threshold.
    pub decisions: Vec<Decision>,
    /// Whether its scores are true.
    pub calibration: Calibration,
    /// Its curves.
    pub curves: Curves,
    /// How far these may lie elsewhere.
    pub bands: Bands,
}

/// By how much the challenger is ahead: its figure less the champion's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// With the interval of a single look.
    pub difference: Figure,
    /// With the interval that holds at every look.
    pub at_every_look: Figure,
    /// The standard error; `None` where there is too little to tell.
    pub standard_error: Option<f64>,
    /// The probability of so large a lead, to either side, if there were none; of a single look.
    pub p: Option<f64>,
}

/// A threshold, as both models decide by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contested {
    /// Whose decisions change, and who was right.
    pub flips: Flips,
    /// Bad money flagged, in minor units.
    pub money_stopped_minor: Lead,
    /// Good money flagged, in minor units.
    pub money_wrongly_stopped_minor: Lead,
    /// Bad money flagged less what flagging good money costs, in minor units.
    pub money_saved_minor: Lead,
}

impl Contest {
    /// What intervals for any number of looks count: entities with a bad row, or bad rows where entities are not known.
    pub fn outcomes(&self) -> u64 {
        self.bad_entities.unwrap_or(self.bad)
    }
}

/// What is measured of each of the two in one round.
type Round = [(Measures, Option<Heights>); 2];

/// Compares the scores of a challenger with those that the champion gave the same rows. Thresholds are those of the settings;
/// `wrong_stop_costs` is the share, 0 to 1, of good money that is lost where it is stopped.
///
/// # Errors
/// [`Error::NoChampion`] where the rows came without the champion's scores, [`Error::Alpha`] and [`Error::Cost`] where `sequential` or
/// `wrong_stop_costs` is out of its range, and what [`Settings::check`] says.
pub fn contest(
    judged: &Judged<'_>,
    settings: &Settings,
    sequential: &Sequential,
    wrong_stop_costs: f64,
) -> Result<Contest, Error> {
    settings.check()?;
    sequential.check()?;
    check_cost(wrong_stop_costs)?;
    let champion_scores = judged.champion.ok_or(Error::NoChampion)?;
    let z = reach(settings.level);
    let rankings = [judged.scores, champion_scores].map(|scores| Ranking::new(scores, judged));
    let resampling = Resampling::new(judged, &rankings[0], settings);
    let bins = [&rankings[0], &rankings[1]].map(calibration::bin_ends);
    let walk = |place: usize| {
        let ranking = &rankings[place];
        let thresholds = settings.thresholds.iter().map(|threshold| ranking.groups_from(threshold.at)).collect();
        Walk::new(judged, ranking, &resampling, thresholds, &bins[place], None)
    };
    let walks = [walk(0), walk(1)];
    let outlines = [0, 1].map(|place| Outline::new(&rankings[place], judged, &resampling));
    let measure = |weights: &[u8]| [0, 1].map(|place| (walks[place].measure(weights), outlines[place].heights(weights)));
    let points: Round = measure(&vec![1; resampling.count]);
    let rounds: Vec<Round> = resampling.rounds(measure);
    let contestant = |place: usize| {
        let own: Vec<Measures> = rounds.iter().map(|round| round[place].0.clone()).collect();
        let (ranking, measured) = (&rankings[place], &points[place].0);
        let figures = figures(ranking, measured, &own, z);
        let with_money = judged.minor.is_some();
        let decision = |(number, threshold): (usize, &super::Threshold)| Decision {
            threshold: threshold.clone(),
            flagging: flagging(threshold.at, number, ranking, measured, &own, z, with_money),
        };
        let heights: Vec<Option<&Heights>> = rounds.iter().map(|round| round[place].1.as_ref()).collect();
        Contestant {
            decisions: settings.thresholds.iter().enumerate().map(decision).collect(),
            calibration: calibration::calibration(ranking, &bins[place], figures.calibration_error, z),
            curves: curves(ranking),
            bands: bands::bands(points[place].1.as_ref(), &heights, z),
            figures,
        }
    };
    let all = rankings[0].all();
    let entities = judged.entities.as_ref();
    let bad_entities = entities.map(|entities| with_bad(entities, judged.labels));
    let outcomes = bad_entities.unwrap_or(all.bad);
    let lead = |pick: &dyn Fn(&Measures) -> Option<f64>, range: (f64, f64), missing: Missing| {
        let gap = |round: &Round| Some(pick(&round[0].0)? - pick(&round[1].0)?);
        let error = standard_error(&rounds, gap);
        // Of no rows there is no difference, not even none.
        let point = if all.rows() == 0 { Err(Missing::NoRows) } else { gap(&points).ok_or(missing) };
        Lead::new(point, error, Method::Bootstrap, outcomes, range, (sequential, z))
    };
    let contested = |(number, threshold): (usize, &super::Threshold)| {
        let money = |of: fn(&Flagged, f64) -> Option<f64>| {
            let pick = move |measures: &Measures| of(&measures.flagged[number], wrong_stop_costs);
            lead(&pick, (f64::MIN, f64::MAX), Missing::NoAmounts)
        };
        Contested {
            flips: flips(judged, champion_scores, threshold),
            money_stopped_minor: money(|flagged, _| flagged.bad_minor),
            money_wrongly_stopped_minor: money(|flagged, _| flagged.good_minor),
            money_saved_minor: money(|flagged, costs| Some(flagged.bad_minor? - costs * flagged.good_minor?)),
        }
    };
    let auc = delong::paired(&rankings[0], &rankings[1], judged.labels, entities.map(|entities| entities.codes.as_slice()), z);
    let missing = all.ranked().err().unwrap_or(Missing::NoRows);
    let auc_lead = auc.difference.point().ok_or(missing);
    let no_bad = if all.rows() == 0 { Missing::NoRows } else { Missing::NoBad };
    Ok(Contest {
        rows: all.rows(),
        bad: all.bad,
        entities: entities.map(|entities| entities.names.len() as u64),
        bad_entities,
        challenger: contestant(0),
        champion: contestant(1),
        auc: Lead::new(auc_lead, auc.standard_error, Method::Delong, outcomes, (-1.0, 1.0), (sequential, z)),
        average_precision: lead(&|measures| measures.average_precision, (-1.0, 1.0), no_bad),
        decisions: settings.thresholds.iter().enumerate().map(contested).collect(),
    })
}

/// How many entities have a bad row.
fn with_bad(entities: &Levels, labels: &[bool]) -> u64 {
    let mut has_bad = vec![false; entities.names.len()];
    for (entity, is_bad) in entities.codes.iter().zip(labels) {
        has_bad[*entity as usize] |= *is_bad;
    }
    has_bad.into_iter().filter(|has_bad| *has_bad).count() as u64
}

/// Checks the share of good money that is lost where it is stopped.
///
/// # Errors
/// [`Error::Cost`] where it is no number from 0 to 1.
pub fn check_cost(share: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&share) { Ok(()) } else { Err(Error::Cost { share }) }
}

impl Lead {
    fn new(
        lead: Result<f64, Missing>,
        standard_error: Option<f64>,
        method: Method,
        outcomes: u64,
        range: (f64, f64),
        (sequential, z): (&Sequential, f64),
    ) -> Self {
        let lead = match lead {
            Ok(lead) => lead,
            Err(missing) => {
                return Self { difference: missing.into(), at_every_look: missing.into(), standard_error: None, p: None };
            }
        };
        let Some(error) = standard_error else {
            return Self {
                difference: lead.into(),
                at_every_look: Missing::InsufficientData.into(),
                standard_error: None,
                p: None,
            };
        };
        Self {
            difference: Figure::around(lead, z * error, range, method),
            at_every_look: sequential.interval(lead, error, outcomes, range),
            standard_error,
            p: (error > 0.0).then(|| two_sided(lead / error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate;
    use crate::tests::{Rows, close, live_fixtures, settings};

    #[test]
    fn two_areas_differ_as_mlstatkit_has_it() {
        let fixtures = live_fixtures();
        let rows = Rows::of_fixtures();
        let found = contest(&rows.judged(), &settings(), &sequential(), 0.1).unwrap();
        let check = |name: &str, got: f64| close(got, fixtures["delong"][name].as_f64().unwrap(), 1e-9);
        let point = |figure: Figure| figure.point().unwrap();
        check("auc", point(found.challenger.figures.auc));
        check("champion_auc", point(found.champion.figures.auc));
        check("z", point(found.auc.difference) / found.auc.standard_error.unwrap());
        close(found.auc.p.unwrap(), fixtures["delong"]["p"].as_f64().unwrap(), 1e-6);
    }

    fn sequential() -> Sequential {
        Sequential { alpha: 0.05, planned: 300, least: 50 }
    }

    #[test]
    fn it_is_an_evaluation_of_both() {
        let rows = Rows::of_fixtures();
        let found = contest(&rows.judged(), &settings(), &sequential(), 0.1).unwrap();
        let evaluation = evaluate(&rows.judged(), &settings()).unwrap();
        assert_eq!(found.challenger.figures, evaluation.figures);
        assert_eq!(found.challenger.decisions, evaluation.decisions);
        assert_eq!(found.challenger.calibration, evaluation.calibration);
        assert_eq!(Some(&found.champion.curves), evaluation.champion_curves.as_ref());
        let comparison = evaluation.comparison.unwrap();
        assert_eq!(found.average_precision.difference, comparison.average_precision);
        assert_eq!(found.auc.difference, comparison.auc.difference);
        assert_eq!((found.auc.standard_error, found.auc.p), (comparison.auc.standard_error, comparison.auc.p));
        assert_eq!(found.decisions.iter().map(|decision| decision.flips.clone()).collect::<Vec<_>>(), comparison.flips);
        // Looking whenever one likes costs width.
        let width = |figure: Figure| figure.interval().map(|interval| interval.upper - interval.lower).unwrap();
        assert!(width(found.auc.at_every_look) > 1.5 * width(found.auc.difference));
        let bands = found.challenger.bands;
        assert!(bands.roc.len() > 50 && bands.precision_recall.len() > 50);
        assert!(bands.roc.iter().all(|band| band.lower <= band.y && band.y <= band.upper));
    }

    #[test]
    fn rows_that_are_an_entity_each_are_what_rows_alone_are() {
        let rows = Rows::of_fixtures();
        let alone = contest(&rows.judged(), &settings(), &sequential(), 0.1).unwrap();
        // Named by their places in the ranking, so that resamples draw the same.
        let mut names = vec![String::new(); rows.scores.len()];
        for (place, row) in Ranking::new(&rows.scores, &rows.judged()).rows.iter().enumerate() {
            names[*row as usize] = format!("{place:05}");
        }
        let judged = rows.judged().with_entities(&names).unwrap();
        let each = contest(&judged, &settings(), &sequential(), 0.1).unwrap();
        assert_eq!((each.entities, each.bad_entities, each.outcomes()), (Some(1_500), Some(alone.bad), alone.outcomes()));
        assert_eq!((each.average_precision, &each.decisions), (alone.average_precision, &alone.decisions));
        close(each.auc.standard_error.unwrap(), alone.auc.standard_error.unwrap(), 1e-9);
        let ends = |contest: &Contest| contest.auc.at_every_look.interval().unwrap();
        close(ends(&each).lower, ends(&alone).lower, 1e-9);
        close(ends(&each).upper, ends(&alone).upper, 1e-9);
    }

    #[test]
    fn what_one_entity_did_again_is_no_outcome_more() {
        let scores = [0.9, 0.8, 0.7, 0.2, 0.1, 0.3];
        let labels = [true, true, false, false, true, false];
        let judged = Judged::new(&scores, &labels).unwrap().with_champion(&scores).unwrap();
        let judged = judged.with_entities(&["a", "a", "a", "b", "c", "d"]).unwrap();
        let found = contest(&judged, &settings(), &sequential(), 0.0).unwrap();
        assert_eq!((found.bad, found.entities, found.bad_entities, found.outcomes()), (3, Some(4), Some(2), 2));
    }

    #[test]
    fn money_of_both_is_that_of_their_decisions() {
        let rows = Rows::of_fixtures();
        let found = contest(&rows.judged(), &settings(), &sequential(), 0.1).unwrap();
        for (number, contested) in found.decisions.iter().enumerate() {
            let [mine, theirs] = [&found.challenger, &found.champion].map(|side| side.decisions[number].flagging);
            let gap = |of: fn(&crate::Flagging) -> Figure| of(&mine).point().unwrap() - of(&theirs).point().unwrap();
            let stopped = gap(|flagging| flagging.money_stopped_minor);
            let wrongly = gap(|flagging| flagging.money_wrongly_stopped_minor);
            let point = |lead: &Lead| lead.difference.point().unwrap();
            assert_eq!(
                (point(&contested.money_stopped_minor), point(&contested.money_wrongly_stopped_minor)),
                (stopped, wrongly)
            );
            assert!((point(&contested.money_saved_minor) - (stopped - 0.1 * wrongly)).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rows = Rows::of_fixtures();
        let judged = Judged::new(&rows.scores, &rows.labels).unwrap();
        let check = |judged: &Judged<'_>, sequential: Sequential, costs: f64, expect: &str| {
            assert_eq!(contest(judged, &settings(), &sequential, costs).unwrap_err().to_string(), expect);
        };
        check(&judged, sequential(), 0.1, "there are no champion scores to compare with");
        let alpha = Sequential { alpha: 0.5, ..sequential() };
        check(&rows.judged(), alpha, 0.1, "alpha is 0.5, which does not lie between 0 and 0.5");
        check(&rows.judged(), sequential(), 1.5, "a wrong stop costs 1.5 of its money, which is not a number from 0 to 1");
    }

    #[test]
    fn nothing_to_compare_says_why() {
        let check = |labels: &[bool], ranked: Missing| {
            let scores = vec![0.5; labels.len()];
            let judged = Judged::new(&scores, labels).unwrap().with_champion(&scores).unwrap();
            let found = contest(&judged, &settings(), &sequential(), 0.0).unwrap();
            assert_eq!(found.auc.at_every_look, ranked.into());
            let no_money = if labels.is_empty() { Missing::NoRows } else { Missing::NoAmounts };
            assert_eq!(found.decisions[0].money_saved_minor.difference, no_money.into());
        };
        check(&[], Missing::NoRows);
        check(&[false], Missing::NoBad);
        check(&[true, false], Missing::InsufficientData);
    }
}
