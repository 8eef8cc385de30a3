//! The preparation of vectors: every feature is a number, and what is fitted goes to scoring with the model.

use scoring::model::Preparation;
use serde::{Deserialize, Serialize};

use super::{Binning, evidence, levels, missing_flag, number};
use crate::matrix::{Error, Matrix};

/// How a learner wants the features of a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// As they are.
    #[default]
    None,
    /// Gaps filled and flagged, tails clipped.
    Linear,
    /// Each cut into bins, and each bin as its weight of evidence: what becomes the points of a scorecard.
    Evidence,
}

/// What was fitted to training rows, and what it makes of them.
pub(crate) struct Prepared {
    /// What scoring applies.
    pub(crate) preparation: Preparation,
    /// The training rows as a learner sees them.
    pub(crate) matrix: Matrix,
    /// For each of its columns, whether its scale means something.
    pub(crate) is_on_scale: Vec<bool>,
}

/// Fits what is wished for to training rows; nothing where they are to stay as they are. Every row counts once.
pub(crate) fn prepare(wish: Wish, matrix: &Matrix) -> Result<Option<Prepared>, Error> {
    let preparation = match wish {
        Wish::None => return Ok(None),
        Wish::Linear => Preparation::Linear(matrix.columns().iter().map(|column| number::fit(column)).collect()),
        Wish::Evidence => return prepare_bins(matrix, |_| Cut::Numbers(Binning::default(), &[])).map(Some),
    };
    let is_on_scale = false;
    prepared(matrix, preparation, is_on_scale).map(Some)
}

/// How a feature is cut into bins.
pub(crate) enum Cut<'a> {
    /// By its numbers, with bins of their own for some of them.
    Numbers(Binning, &'a [f64]),
    /// By the words that its numbers are the places of.
    Words(&'a [String]),
}

/// Fits bins to training rows, those of each feature as `cut` says of its name.
pub(crate) fn prepare_bins<'a>(matrix: &Matrix, cut: impl Fn(&str) -> Cut<'a>) -> Result<Prepared, Error> {
    let labels = matrix.labels();
    let bins = matrix.names().iter().zip(matrix.columns()).map(|(name, column)| match cut(name) {
        Cut::Numbers(binning, special) => evidence::fit_beside(column, labels, binning, special),
        Cut::Words(words) => levels::of_words(column, labels, words),
    });
    let is_on_scale = true;
    prepared(matrix, Preparation::Evidence(bins.collect()), is_on_scale)
}

fn prepared(matrix: &Matrix, preparation: Preparation, is_on_scale: bool) -> Result<Prepared, Error> {
    let names = matrix.names().iter().zip(preparation.spans());
    let names = names.flat_map(|(name, span)| [name.clone(), missing_flag(name)].into_iter().take(span)).collect();
    let matrix = matrix.with_features(names, preparation.columns(matrix.columns()))?;
    let is_on_scale = vec![is_on_scale; matrix.width()];
    Ok(Prepared { preparation, matrix, is_on_scale })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scoring::Scorer;
    use scoring::model::Scale;

    use super::*;
    use crate::calibrate::{FOLDS, out_of_fold};
    use crate::folds::fold_of_row;
    use crate::learners::boosting::Direction;
    use crate::learners::tests::{matrix, noisy};
    use crate::learners::{Learner, Settings, logistic, scorecard};
    use crate::preparation::{Preparation as OfTable, Recipe};
    use crate::table::{Column, Table, Values};
    use evaluation::metrics::auc;

    fn wishing(preparation: Wish) -> Settings {
        Settings { logistic: logistic::Settings { preparation, ..logistic::Settings::default() }, ..Settings::default() }
    }

    fn learn(preparation: Wish, matrix: &Matrix) -> Scorer {
        let scorer = Learner::Logistic.learn(matrix, &wishing(preparation), 0, 1).unwrap();
        assert_eq!((scorer.check(), scorer.width()), (Ok(()), matrix.width()));
        scorer
    }

    /// Risky are the lowest tenth of the first feature, the highest, and one in five of the rows where the second is missing.
    fn bent(rows: usize) -> Matrix {
        let one = |row: usize| (row * 7919 % 1000) as f64 / 10.0;
        let two = |row: usize| if row.is_multiple_of(4) { f64::NAN } else { (row * 31 % 97) as f64 };
        let is_bad = |row: usize| !(10.0..90.0).contains(&one(row)) || (two(row).is_nan() && row.is_multiple_of(5));
        matrix(vec![(0..rows).map(one).collect(), (0..rows).map(two).collect()], (0..rows).map(is_bad).collect())
    }

    #[test]
    fn what_bends_is_learned_from_bins() {
        let (train, test) = bent(4_000).split_at(3_000);
        let check = |wish: Wish, lowest: f64, highest: f64| {
            let scorer = learn(wish, &train);
            let auc = auc(&scorer.probabilities(test.columns()), test.labels()).unwrap();
            assert!((lowest..highest).contains(&auc), "{wish:?} {auc}");
            assert_eq!(scorer, learn(wish, &train));
        };
        check(Wish::None, 0.4, 0.6);
        check(Wish::Linear, 0.5, 0.75);
        check(Wish::Evidence, 0.95, 1.0);
        assert!(learn(Wish::None, &train).preparation.is_none());
        let names = train.names();
        let card = learn(Wish::Evidence, &train).scorecard(names, Scale::RISK).unwrap();
        assert!(card.features[0].information_value > 2.0 && card.features[1].information_value > 0.02, "{card:?}");
    }

    #[test]
    fn a_fold_is_prepared_by_the_others_alone() {
        let matrix = noisy(900, 3);
        let folds: Vec<u32> = (0..900).map(|row| fold_of_row(row, FOLDS)).collect();
        for wish in [Wish::Linear, Wish::Evidence] {
            let held = |threads| out_of_fold(Learner::Logistic, &matrix, &folds, &wishing(wish), 0, threads).unwrap().unwrap();
            let probabilities = held(1);
            assert_eq!(probabilities, held(3), "{wish:?}");
            for fold in 0..FOLDS {
                let rest: Vec<usize> = (0..900).filter(|row| folds[*row] != fold).collect();
                let scorer = learn(wish, &matrix.select(&rest));
                let mut rows = (0..900).filter(|row| folds[*row] == fold);
                assert!(rows.all(|row| scorer.probability(&matrix.row(row)) == probabilities[row]), "{wish:?} {fold}");
            }
        }
    }

    #[test]
    fn learners_that_wish_nothing_get_rows_as_they_are() {
        let matrix = noisy(300, 1);
        for learner in [Learner::Forest, Learner::Boosting] {
            let scorer = learner.learn(&matrix, &wishing(Wish::Evidence), 1, 1).unwrap();
            assert_eq!(scorer, Scorer::plain(learner.fit(&matrix, &Settings::default(), 1, 1).unwrap()), "{learner:?}");
        }
    }

    /// Often the same, often missing, sometimes huge.
    fn column(rows: usize) -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            2 => Just(f64::NAN),
            4 => (0..20_u8).prop_map(f64::from),
            4 => -1e3..1e3,
            1 => prop::sample::select(vec![f64::MAX, f64::MIN, -0.0, f64::MIN_POSITIVE]),
        ];
        prop::collection::vec(value, rows)
    }

    proptest! {
        #[test]
        fn vectors_are_prepared_as_tables_are(
            (train, labels, test) in (2..120_usize).prop_flat_map(|rows| (
                prop::collection::vec(column(rows), 3), prop::collection::vec(any::<bool>(), rows), prop::collection::vec(column(9), 3),
            )),
        ) {
            let table = |columns: &[Vec<f64>], labels: &[bool]| {
                let named = columns.iter().zip(["a", "b", "c"]);
                let columns = named.map(|(numbers, name)| Column { name: name.to_owned(), values: Values::Numbers(numbers.clone()) });
                Table::new(columns.collect(), labels.to_vec()).unwrap()
            };
            let bits = |columns: &[Vec<f64>]| columns.iter().flatten().map(|number| number.to_bits()).collect::<Vec<_>>();
            let rows = matrix(train.clone(), labels.clone());
            let as_it_comes = scorecard::Settings::default().binning(Direction::Free);
            let ours = [
                (prepare(Wish::Linear, &rows).unwrap().unwrap(), Recipe::Linear),
                (prepare_bins(&rows, |_| Cut::Numbers(as_it_comes, &[])).unwrap(), Recipe::Evidence { bends: scorecard::Bends::Once }),
            ];
            for (ours, recipe) in ours {
                let (of_table, prepared) = OfTable::fit(recipe, &table(&train, &labels)).unwrap();
                prop_assert_eq!(ours.preparation.check(), Ok(()));
                prop_assert_eq!(ours.matrix.names(), prepared.names());
                prop_assert_eq!(bits(ours.matrix.columns()), bits(prepared.columns()));
                prop_assert_eq!(ours.is_on_scale, of_table.is_on_scale());
                let seen = of_table.apply(&table(&test, &[false; 9])).unwrap();
                for row in 0..9 {
                    let values: Vec<f64> = test.iter().map(|column| column[row]).collect();
                    prop_assert_eq!(ours.preparation.row(&values), seen.row(row));
                }
            }
        }
    }
}
