//! Learning from tables: a preparation and a model that belong together, for data whose features are columns already, as credit
//! applications are.

use scoring::Model;
use serde::{Deserialize, Serialize};

use crate::learners::scorecard::{self, Bends};
use crate::learners::{self, boosting, logistic};
use crate::matrix::Matrix;
use crate::preparation::{self, Preparation, Recipe};
use crate::table::Table;

/// A way to learn from a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approach {
    /// A logistic regression on numbers without gaps and a column for each category.
    Logistic,
    /// A logistic regression on weights of evidence: what becomes the points of a scorecard.
    Scorecard,
    /// Gradient-boosted trees.
    Boosting,
}

/// The penalty of both regressions: C = 0.1 of scikit-learn, since a column for each category makes many weights.
const PENALTY: f64 = 10.0;
/// With fewer rows, boosting takes fewer steps.
const MANY_ROWS: usize = 3_000;
/// With fewer bad rows, too: a hundred bad ones among thousands teach no more than a hundred among hundreds.
const MANY_BAD: usize = 200;

impl Approach {
    /// All of them, from the plainest on.
    pub const ALL: [Self; 3] = [Self::Logistic, Self::Scorecard, Self::Boosting];

    /// Its word in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Scorecard => "scorecard",
            Self::Boosting => "boosting",
        }
    }

    /// How it wants its columns.
    const fn recipe(self, bends: Bends) -> Recipe {
        match self {
            Self::Logistic => Recipe::Linear,
            Self::Scorecard => Recipe::Evidence { bends },
            Self::Boosting => Recipe::Trees,
        }
    }

    /// Learns from the rows of a table; a scorecard as a pipeline's does where nothing is said.
    pub fn fit(self, table: &Table) -> Result<Fitted, Error> {
        self.fit_as(table, Bends::default())
    }

    /// The same; `bends` says how the risk may go along the features of a scorecard.
    pub fn fit_as(self, table: &Table, bends: Bends) -> Result<Fitted, Error> {
        let (preparation, matrix) = Preparation::fit(self.recipe(bends), table)?;
        let model = match self {
            Self::Scorecard => {
                let settings = scorecard::Settings { bends, ..scorecard::Settings::default() };
                Model::Linear(scorecard::fit(&matrix, &settings, logistic::Settings::default().threads)?)
            }
            Self::Logistic => {
                let settings =
                    logistic::Settings { penalty: PENALTY, kept: preparation.is_on_scale(), ..logistic::Settings::default() };
                Model::Linear(logistic::fit(&matrix, &settings)?)
            }
            Self::Boosting => Model::Trees(boosting::fit(&matrix, &boosting_settings(&matrix))?),
        };
        Ok(Fitted { preparation, model })
    }
}

fn boosting_settings(matrix: &Matrix) -> boosting::Settings {
    let trees = if matrix.rows() < MANY_ROWS || matrix.bad() < MANY_BAD { 120 } else { 300 };
    boosting::Settings {
        trees,
        leaves: 15,
        rate: 0.03,
        min_rows: 30,
        row_share: 0.8,
        feature_share: 0.8,
        ..boosting::Settings::default()
    }
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// What is done to the columns.
    pub preparation: Preparation,
    /// The model of what comes out of it.
    pub model: Model,
}

impl Fitted {
    /// For each row the probability that it is bad.
    pub fn probabilities(&self, table: &Table) -> Result<Vec<f64>, Error> {
        let matrix = self.preparation.apply(table)?;
        Ok(self.model.probabilities(matrix.columns()))
    }
}

/// Why nothing could be learned from a table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The columns could not be prepared.
    #[error(transparent)]
    Preparation(#[from] preparation::Error),
    /// The learner failed.
    #[error(transparent)]
    Learner(#[from] learners::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folds::fold_of_row;
    use crate::table::{Categories, Column, Values};
    use evaluation::metrics::auc;

    /// Bad where the amount is high or the purpose is a house, but not both, mostly.
    fn loans(rows: usize) -> Table {
        let amounts: Vec<f64> = (0..rows).map(|row| if row % 9 == 0 { f64::NAN } else { (row * 7919 % 1000) as f64 }).collect();
        let purpose = |row: usize| ["boat", "car", "house"][row * 31 % 7 / 3];
        let is_bad = |row: usize| (amounts[row] > 600.0) != (purpose(row) == "house") && !row.is_multiple_of(11);
        let labels = (0..rows).map(is_bad).collect();
        let purposes = Categories::new((0..rows).map(|row| Some(purpose(row))));
        let columns = [("amount", Values::Numbers(amounts.clone())), ("purpose", Values::Categories(purposes))];
        Table::new(columns.map(|(name, values)| Column { name: name.to_owned(), values }).to_vec(), labels).unwrap()
    }

    #[test]
    fn every_approach_learns_and_survives_its_text() {
        let table = loans(4_000);
        let (train, test): (Vec<usize>, Vec<usize>) = (0..4_000).partition(|row| fold_of_row(*row, 5) != 0);
        let (train, test) = (table.select(&train), table.select(&test));
        for (approach, least) in [(Approach::Logistic, 0.75), (Approach::Scorecard, 0.75), (Approach::Boosting, 0.93)] {
            let fitted = approach.fit(&train).unwrap();
            let scores = fitted.probabilities(&test).unwrap();
            let auc = auc(&scores, test.labels()).unwrap();
            assert!(auc > least, "{approach:?} {auc}");
            assert_eq!(approach.fit(&train).unwrap(), fitted, "{approach:?}");
            let text = serde_json::to_string(&fitted).unwrap();
            assert_eq!(serde_json::from_str::<Fitted>(&text).unwrap(), fitted, "{approach:?}");
            assert_eq!(serde_json::to_value(approach).unwrap(), approach.name());
        }
    }

    #[test]
    fn one_label_teaches_nothing() {
        let rows: Vec<usize> = (0..400).filter(|row| loans(400).labels()[*row]).collect();
        for approach in Approach::ALL {
            let error = approach.fit(&loans(400).select(&rows)).unwrap_err();
            assert_eq!(error.to_string(), format!("all {} rows have the label fraud", rows.len()), "{approach:?}");
        }
    }
}
