//! What stands between a table and a learner: gaps are filled, tails are clipped, categories become numbers. It is fitted on the
//! training rows alone, so that nothing of the rows that a model is judged by comes into it, and goes with the model. What is done to
//! numbers is applied by [scoring](scoring::model::preparation), for tables and for vectors alike; here it is fitted.

mod category;
mod evidence;
mod levels;
mod number;
#[cfg(test)]
mod tests;
mod vector;

use scoring::model::preparation::{Evidence, Filled};
use serde::{Deserialize, Serialize};

use crate::learners::boosting::Direction;
use crate::learners::scorecard::{self, Bends};
use crate::matrix::{self, Matrix};
use crate::table::{Column, Table, Values};

pub use self::category::{OneHot, TargetMean};
pub(crate) use self::evidence::{Binning, Order, information_value};
pub use self::levels::LevelEvidence;
pub use self::vector::Wish;
pub(crate) use self::vector::{Cut, Prepared, prepare, prepare_bins};

/// What a learner wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// For weighted sums: numbers filled, flagged and clipped, a column for each category.
    Linear,
    /// For scorecards: every column cut into bins, and each bin replaced by its weight of evidence.
    Evidence {
        /// How the risk may go along the bins of a column of numbers.
        bends: Bends,
    },
    /// For trees: numbers as they are, gaps included, and for each category the smoothed share of bad rows among its rows; a training
    /// row does not see its own label.
    Trees,
}

/// How one column becomes numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A number as it is.
    AsIs,
    /// A number without gaps and tails.
    Filled(Filled),
    /// A category, a column for each level.
    OneHot(OneHot),
    /// A category, as the share of bad rows.
    TargetMean(TargetMean),
    /// A number, as the weight of evidence of its bin.
    Evidence(Evidence),
    /// A category, as the weight of evidence of its level.
    LevelEvidence(LevelEvidence),
}

/// A fitted preparation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// The columns that it reads, in this order, and how each is encoded.
    pub columns: Vec<(String, Encoding)>,
}

impl Preparation {
    /// Fits a recipe to the training rows; the preparation, and what it makes of those rows.
    pub fn fit(recipe: Recipe, table: &Table) -> Result<(Self, Matrix), Error> {
        let labels = table.labels();
        let mut columns = Vec::new();
        let mut matrix = Builder::default();
        for column in table.columns() {
            let encoding = match (recipe, &column.values) {
                (Recipe::Linear, Values::Numbers(numbers)) => Encoding::Filled(number::fit(numbers)),
                (Recipe::Linear, Values::Categories(categories)) => Encoding::OneHot(OneHot::fit(categories)),
                (Recipe::Evidence { bends }, Values::Numbers(numbers)) => {
                    let settings = scorecard::Settings { bends, ..scorecard::Settings::default() };
                    Encoding::Evidence(evidence::fit(numbers, labels, settings.binning(Direction::Free)))
                }
                (Recipe::Evidence { .. }, Values::Categories(categories)) => {
                    Encoding::LevelEvidence(LevelEvidence::fit(categories, labels))
                }
                (Recipe::Trees, Values::Numbers(_)) => Encoding::AsIs,
                (Recipe::Trees, Values::Categories(categories)) => Encoding::TargetMean(TargetMean::fit(categories, labels)),
            };
            match (&encoding, &column.values) {
                (Encoding::TargetMean(_), Values::Categories(categories)) => {
                    matrix.push(column.name.clone(), TargetMean::out_of_fold(categories, labels));
                }
                (encoding, _) => encoding.write(column, &mut matrix)?,
            }
            columns.push((column.name.clone(), encoding));
        }
        Ok((Self { columns }, matrix.finish(labels)?))
    }

    /// For each column that it makes, whether its scale means something: the columns of a category, weights of evidence, shares.
    pub fn is_on_scale(&self) -> Vec<bool> {
        let mut columns = Vec::new();
        for (_, encoding) in &self.columns {
            match encoding {
                Encoding::AsIs => columns.push(false),
                Encoding::Filled(filled) => columns.extend(std::iter::repeat_n(false, filled.columns())),
                Encoding::OneHot(one_hot) => columns.extend(one_hot.columns().map(|_| true)),
                Encoding::TargetMean(_) | Encoding::Evidence(_) | Encoding::LevelEvidence(_) => columns.push(true),
            }
        }
        columns
    }

    /// What it makes of other rows: the same columns, found by their names.
    pub fn apply(&self, table: &Table) -> Result<Matrix, Error> {
        let mut matrix = Builder::default();
        for (name, encoding) in &self.columns {
            let column = table.columns().iter().find(|column| column.name == *name);
            encoding.write(column.ok_or_else(|| Error::NoColumn { column: name.clone() })?, &mut matrix)?;
        }
        Ok(matrix.finish(table.labels())?)
    }
}

/// The columns of a matrix that is made.
#[derive(Default)]
struct Builder {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
}

impl Builder {
    fn push(&mut self, name: String, column: Vec<f64>) {
        self.names.push(name);
        self.columns.push(column);
    }

    fn finish(self, labels: &[bool]) -> Result<Matrix, matrix::Error> {
        Matrix::new(self.names, self.columns, labels.to_vec())
    }
}

impl Encoding {
    fn write(&self, column: &Column, matrix: &mut Builder) -> Result<(), Error> {
        let name = &column.name;
        let wrong = |expected| Error::Kind { column: name.clone(), expected };
        match (self, &column.values) {
            (Self::AsIs, Values::Numbers(numbers)) => matrix.push(name.clone(), numbers.clone()),
            (Self::Filled(filled), Values::Numbers(numbers)) => {
                let names = [name.clone(), missing_flag(name)];
                names.into_iter().zip(filled.made(numbers)).for_each(|(name, column)| matrix.push(name, column));
            }
            (Self::OneHot(one_hot), Values::Categories(categories)) => {
                let places: Vec<Option<usize>> = categories.rows().map(|category| one_hot.place(category)).collect();
                for (level, place) in one_hot.columns() {
                    let is = |known: &Option<usize>| f64::from(u8::from(*known == Some(place)));
                    matrix.push(format!("{name} is {level}"), places.iter().map(is).collect());
                }
            }
            (Self::TargetMean(mean), Values::Categories(categories)) => {
                matrix.push(name.clone(), categories.rows().map(|category| mean.apply(category)).collect());
            }
            (Self::Evidence(evidence), Values::Numbers(numbers)) => matrix.push(name.clone(), evidence.made(numbers)),
            (Self::LevelEvidence(evidence), Values::Categories(categories)) => {
                matrix.push(name.clone(), categories.rows().map(|level| evidence.weight(level)).collect());
            }
            (Self::AsIs | Self::Filled(_) | Self::Evidence(_), Values::Categories(_)) => return Err(wrong("numbers")),
            (Self::OneHot(_) | Self::TargetMean(_) | Self::LevelEvidence(_), Values::Numbers(_)) => {
                return Err(wrong("categories"));
            }
        }
        Ok(())
    }
}

/// The name of the column that says where a number is missing.
fn missing_flag(name: &str) -> String {
    format!("{name} is missing")
}

/// Why rows cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A column that was there in training is missing.
    #[error("there is no column {column}, which the model was trained on")]
    NoColumn {
        /// The column.
        column: String,
    },
    /// A column is of another kind than in training.
    #[error("column {column} had {expected} in training and has others now")]
    Kind {
        /// The column.
        column: String,
        /// `numbers` or `categories`.
        expected: &'static str,
    },
    /// The numbers make no matrix.
    #[error(transparent)]
    Matrix(#[from] matrix::Error),
}
