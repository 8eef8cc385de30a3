//! A scorecard: each feature cut into few bins along which the risk goes one way, or turns once, each bin replaced by its weight of evidence, and a
//! logistic regression over those (Siddiqi, "Credit Risk Scorecards", 2006). What comes out is a table of points.

use std::collections::BTreeMap;

use scoring::model::Linear;
use serde::{Deserialize, Serialize};

use super::boosting::Direction;
use super::{Error, logistic};
use crate::matrix::Matrix;
use crate::preparation::{Binning, Order};

/// How bins are cut and weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Half of this times the squared weights is added to the log-losses of all rows, as for the logistic regression. Finite, not below 0.
    pub penalty: f64,
    /// The most bins of a feature, not counting the missing values; 2 to 50.
    pub max_bins: usize,
    /// The least share of the rows with a number in a bin; from 0 to 0.5. A bin has at least 20 rows, too.
    pub least_share: f64,
    /// How the risk may go along the bins of a feature without a declared direction.
    pub bends: Bends,
    /// Numbers of a feature, by its name, that mean something else than those around them, as -1 for "none": each has a bin of its own, outside
    /// of the order.
    pub special: BTreeMap<String, Vec<f64>>,
}

/// How the risk may go along the bins of a feature without a declared direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bends {
    /// One way, the one that tells more.
    Never,
    /// One way; where that costs more than a twentieth of the information, it turns once.
    #[default]
    Once,
    /// One way; where that costs more than a twentieth of the information, as it likes, and a feature may count the other way round.
    Freely,
}

impl Default for Settings {
    fn default() -> Self {
        Self { penalty: 10.0, max_bins: 8, least_share: 0.005, bends: Bends::Once, special: BTreeMap::new() }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |name, good: bool| if good { Ok(()) } else { Err(Error::Setting { learner: "scorecard", name }) };
        within("penalty", self.penalty >= 0.0 && self.penalty.is_finite())?;
        within("max_bins", (2..=50).contains(&self.max_bins))?;
        within("least_share", (0.0..=0.5).contains(&self.least_share))?;
        let is_new = |all: &[f64], place: usize| all[place].is_finite() && !all[..place].contains(&all[place]);
        within("special", self.special.values().all(|all| (0..all.len()).all(|place| is_new(all, place))))
    }

    /// How the numbers of a feature are cut along which the risk goes in a direction.
    pub(crate) const fn binning(&self, direction: Direction) -> Binning {
        let order = match direction {
            Direction::Rising => Order::Rising,
            Direction::Falling => Order::Falling,
            Direction::Free => match self.bends {
                Bends::Never => Order::OneWay,
                Bends::Once => Order::OneTurn,
                Bends::Freely => Order::WhereCheap,
            },
        };
        Binning { most_bins: self.max_bins, least_share: self.least_share, order }
    }
}

/// Weighs weights of evidence, a column each. A weight below zero would turn a feature round, so that what is riskier by itself
/// earned points: such features are left out, the worst first, and have a weight of exactly 0.
pub(crate) fn fit(matrix: &Matrix, settings: &Settings, threads: usize) -> Result<Linear, Error> {
    settings.check()?;
    let mut kept: Vec<usize> = (0..matrix.width()).collect();
    loop {
        let part = |columns: &[Vec<f64>]| kept.iter().map(|feature| columns[*feature].clone()).collect();
        let names = kept.iter().map(|feature| matrix.names()[*feature].clone()).collect();
        let rows = matrix.with_features(names, part(matrix.columns()))?;
        let of_logistic = logistic::Settings {
            penalty: settings.penalty,
            kept: vec![true; kept.len()],
            threads,
            ..logistic::Settings::default()
        };
        let linear = logistic::fit(&rows, &of_logistic)?;
        let worst = (0..kept.len()).min_by(|one, other| linear.weights[*one].total_cmp(&linear.weights[*other]));
        match worst.filter(|worst| settings.bends != Bends::Freely && linear.weights[*worst] < 0.0 && kept.len() > 1) {
            Some(worst) => kept.remove(worst),
            None => {
                let least = if settings.bends == Bends::Freely { f64::NEG_INFINITY } else { 0.0 };
                return Ok(whole(&linear, &kept, matrix.width(), least));
            }
        };
    }
}

/// The model of all features, from that of some; no weight is below the least.
fn whole(of_kept: &Linear, kept: &[usize], width: usize, least: f64) -> Linear {
    let mut linear =
        Linear { intercept: of_kept.intercept, weights: vec![0.0; width], means: vec![0.0; width], deviations: vec![1.0; width] };
    for (place, feature) in kept.iter().enumerate() {
        linear.weights[*feature] = of_kept.weights[place].max(least);
        linear.means[*feature] = of_kept.means[place];
        linear.deviations[*feature] = of_kept.deviations[place];
    }
    linear
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scoring::model::{Preparation, Scale};

    use super::*;
    use crate::learners::tests::{matrix, noisy};
    use crate::learners::{Learner, Settings as All};

    /// The first feature's risk bends, the second's falls, the third is three words, the fourth says the first again, turned round by noise.
    fn applications(rows: usize) -> Matrix {
        let one = |row: usize| (row * 7919 % 1000) as f64 / 10.0;
        let two = |row: usize| if row.is_multiple_of(9) { f64::NAN } else { (row * 31 % 97) as f64 };
        let word = |row: usize| (row * 17 % 3) as f64;
        let is_bad = |row: usize| {
            let risk = if one(row) < 30.0 { 4 } else { (one(row) / 12.0) as usize }
                + if two(row) < 20.0 { 4 } else { 0 }
                + 3 * word(row) as usize;
            row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58 < risk
        };
        let columns = vec![
            (0..rows).map(one).collect(),
            (0..rows).map(two).collect(),
            (0..rows).map(word).collect(),
            (0..rows).map(|row| one(row) + (row % 13) as f64).collect(),
        ];
        matrix(columns, (0..rows).map(is_bad).collect())
    }

    fn settings(matrix: &Matrix, directions: &[(usize, Direction)]) -> All {
        let name = |feature: usize| matrix.names()[feature].clone();
        let words = ["car", "boat", "house"].map(str::to_owned).to_vec();
        All {
            directions: directions.iter().map(|(feature, direction)| (name(*feature), *direction)).collect(),
            categories: [(name(2), words)].into(),
            scorecard: Settings { bends: Bends::Never, ..Settings::default() },
            ..All::default()
        }
    }

    #[test]
    fn the_risk_goes_one_way_along_every_feature_of_numbers() {
        let matrix = applications(6_000);
        let check = |directions: &[(usize, Direction)]| {
            let scorer = Learner::Scorecard.learn(&matrix, &settings(&matrix, directions), 0, 1).unwrap();
            assert_eq!((scorer.check(), scorer.width()), (Ok(()), 4));
            for feature in [0, 1, 3] {
                let mut values = matrix.row(5);
                let risks: Vec<f64> = (-5..125)
                    .map(|number| {
                        values[feature] = f64::from(number);
                        scorer.probability(&values)
                    })
                    .collect();
                let (rises, falls) = (risks.is_sorted(), risks.is_sorted_by(|a, b| a >= b));
                let declared = directions.iter().find(|(of, _)| *of == feature).map(|(_, direction)| *direction);
                match declared {
                    Some(Direction::Rising) => assert!(rises, "{feature} {risks:?}"),
                    Some(Direction::Falling) => assert!(falls, "{feature} {risks:?}"),
                    _ => assert!(rises || falls, "{feature} {risks:?}"),
                }
            }
            scorer
        };
        let found = check(&[]);
        check(&[(0, Direction::Rising), (1, Direction::Falling)]);
        check(&[(0, Direction::Falling), (1, Direction::Rising)]);
        assert_eq!(found, check(&[]), "equal rows give an equal scorecard");
        let card = found.scorecard(matrix.names(), Scale::RISK).unwrap();
        assert_eq!(card.features[2].entries.len(), 4, "three words, and none");
        let Model::Linear(linear) = &found.model else { panic!("a scorecard is linear") };
        assert!(linear.weights.iter().all(|weight| *weight >= 0.0), "{linear:?}");
    }

    use scoring::Model;

    #[test]
    fn what_bends_turns_once_where_one_way_costs_much() {
        let rows = 8_000;
        // Risky in the middle and at both ends: three turns.
        let number = |row: usize| (row * 7919 % 1000) as f64;
        let is_bad = |row: usize| {
            let risk = if (400.0..600.0).contains(&number(row)) || !(150.0..850.0).contains(&number(row)) { 30 } else { 5 };
            row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58 < risk
        };
        let matrix = matrix(vec![(0..rows).map(number).collect()], (0..rows).map(is_bad).collect());
        let turns = |bends: Bends| {
            let all = All { scorecard: Settings { bends, ..Settings::default() }, ..All::default() };
            let scorer = Learner::Scorecard.learn(&matrix, &all, 0, 1).unwrap();
            let Some(Preparation::Evidence(features)) = &scorer.preparation else { panic!("it has bins") };
            let weights: Vec<f64> = features[0].bins.iter().map(|bin| bin.weight).collect();
            let rises: Vec<bool> = weights.windows(2).map(|pair| pair[1] > pair[0]).collect();
            (rises.windows(2).filter(|pair| pair[0] != pair[1]).count(), features[0].information_value)
        };
        let (never, once, freely) = (turns(Bends::Never), turns(Bends::Once), turns(Bends::Freely));
        assert_eq!((never.0, once.0, freely.0), (0, 1, 3), "{never:?} {once:?} {freely:?}");
        assert!(never.1 < once.1 && once.1 < freely.1, "{never:?} {once:?} {freely:?}");
    }

    #[test]
    fn a_feature_counts_the_other_way_round_only_where_it_may() {
        // Two readings of one cause; what they differ by is noise of the second, so that the first is worth more with less of the second.
        let rows = 6_000;
        let noise = |row: usize| (row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as f64;
        let cause = |row: usize| (row * 7919 % 1000) as f64;
        let columns = vec![
            (0..rows).map(|row| cause(row) + noise(row)).collect(),
            (0..rows).map(|row| noise(row) + cause(row) / 8.0).collect(),
        ];
        let matrix = matrix(columns, (0..rows).map(|row| cause(row) + (row % 11) as f64 * 30.0 > 900.0).collect());
        let weights = |bends: Bends| {
            let all = All { scorecard: Settings { bends, ..Settings::default() }, ..All::default() };
            let Model::Linear(linear) = Learner::Scorecard.learn(&matrix, &all, 0, 1).unwrap().model else {
                panic!("it is linear")
            };
            linear.weights
        };
        let (once, freely) = (weights(Bends::Once), weights(Bends::Freely));
        assert!(once.iter().all(|weight| *weight >= 0.0) && once.contains(&0.0), "{once:?}");
        assert!(freely.iter().any(|weight| *weight < 0.0), "{freely:?}");
    }

    #[test]
    fn bins_are_as_many_and_as_large_as_wished() {
        let matrix = applications(6_000);
        let check = |max_bins: usize, least_share: f64| {
            let scorecard = Settings { max_bins, least_share, bends: Bends::Once, ..Settings::default() };
            let scorer = Learner::Scorecard.learn(&matrix, &All { scorecard, ..settings(&matrix, &[]) }, 0, 1).unwrap();
            let Some(Preparation::Evidence(features)) = &scorer.preparation else { panic!("it has bins") };
            for evidence in features.iter().filter(|evidence| evidence.words.is_empty()) {
                let rows: u64 = evidence.bins.iter().map(|bin| bin.rows).sum();
                assert!(evidence.bins.len() <= max_bins, "{evidence:?}");
                assert!(evidence.bins.iter().all(|bin| bin.rows as f64 >= least_share * rows as f64), "{evidence:?}");
                assert_eq!(rows + evidence.missing.map_or(0, |bin| bin.rows), 6_000);
            }
            assert_eq!(features[1].missing.map(|bin| bin.rows), Some(667), "missing values have a bin of their own");
        };
        check(3, 0.05);
        check(8, 0.005);
        check(50, 0.2);
    }

    #[test]
    fn special_numbers_stand_outside_of_the_order() {
        let matrix = applications(6_000);
        // Where the second feature is below 5 it stands for something else: put -1 there, of the least risk against its order.
        let mut columns = matrix.columns().to_vec();
        let mut labels = matrix.labels().to_vec();
        for row in (0..6_000).step_by(10) {
            columns[1][row] = -1.0;
            labels[row] = row.is_multiple_of(100);
        }
        let matrix = crate::learners::tests::matrix(columns, labels);
        let special = [(matrix.names()[1].clone(), vec![-1.0, -2.0])].into();
        let scorecard = Settings { special, ..Settings::default() };
        let all = All { scorecard, ..settings(&matrix, &[(1, Direction::Falling)]) };
        let scorer = Learner::Scorecard.learn(&matrix, &all, 0, 1).unwrap();
        let Some(Preparation::Evidence(features)) = &scorer.preparation else { panic!("it has bins") };
        let [(minus_one, bin), (minus_two, unseen)] = features[1].special[..] else { panic!("{:?}", features[1]) };
        assert_eq!((minus_one, bin.rows, bin.bad, minus_two, unseen), (-1.0, 600, 60, -2.0, Default::default()));
        let risk = |value: f64| {
            let mut values = matrix.row(3);
            values[1] = value;
            scorer.probability(&values)
        };
        assert!(risk(-1.0) < risk(0.0), "special numbers go by themselves");
        assert!((0..96).all(|number| risk(f64::from(number)) >= risk(f64::from(number + 1))), "and the others their way");
        let card = scorer.scorecard(matrix.names(), Scale::RISK).unwrap();
        let shares: f64 = card.features[1].entries.iter().map(|entry| entry.share).sum();
        assert!((shares - 1.0).abs() < 1e-12, "{card:?}");
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let check = |scorecard: Settings, expect: &str| {
            let error = Learner::Scorecard.learn(&noisy(300, 1), &All { scorecard, ..All::default() }, 0, 1).unwrap_err();
            assert_eq!(error.to_string(), format!("the setting {expect} of scorecard is out of its range"));
        };
        check(Settings { penalty: f64::NAN, ..Settings::default() }, "penalty");
        check(Settings { max_bins: 1, ..Settings::default() }, "max_bins");
        check(Settings { least_share: 0.6, ..Settings::default() }, "least_share");
        let special = [("one".to_owned(), vec![f64::INFINITY])].into();
        check(Settings { special, ..Settings::default() }, "special");
    }

    proptest! {
        #[test]
        fn points_sum_to_the_scaled_log_odds(one in prop_oneof![Just(f64::NAN), -10.0..120.0], two in -5.0..100.0, word in 0..3_u8) {
            let matrix = applications(900);
            let scorer = Learner::Scorecard.learn(&matrix, &settings(&matrix, &[]), 0, 1).unwrap();
            let scale = Scale { base_points: 600.0, base_odds: 50.0, points_to_double: 20.0 };
            let card = scorer.scorecard(matrix.names(), scale).unwrap();
            let values = [one, two, f64::from(word), one];
            let sum = card.base_points + scorer.contributions(&values).into_iter().map(|part| scale.part(part)).sum::<f64>();
            let probability = scorer.probability(&values);
            let expect = 600.0 + 20.0 * ((1.0 - probability) / probability / 50.0).log2();
            prop_assert!((sum - expect).abs() < 1e-6, "{} is not {}", sum, expect);
        }
    }
}
