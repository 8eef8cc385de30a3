//! How much more a bad row counts than a good one while a model learns.

use serde::{Deserialize, Serialize};

use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// What the weight of each bad row is multiplied by while a supervised learner learns. It moves probabilities, which the calibration
/// puts right again, or arithmetic where too few bad rows can be calibrated by; what is left is that more or less is made of bad rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BadWeight {
    /// By this much: finite, above 0; 1 changes nothing.
    Times(f64),
    /// By a word.
    Word(Word),
}

/// A weight that depends on the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// So that all bad rows together weigh as much as all good ones.
    Balanced,
}

impl Default for BadWeight {
    fn default() -> Self {
        Self::Times(1.0)
    }
}

impl BadWeight {
    /// So that all bad rows together weigh as much as all good ones.
    pub const BALANCED: Self = Self::Word(Word::Balanced);

    /// Whether it is a weight.
    pub(crate) fn check(self) -> Result<(), Error> {
        match self {
            Self::Times(weight) if !(weight.is_finite() && weight > 0.0) => {
                Err(Error::Setting { learner: "training", name: "bad_weight" })
            }
            _ => Ok(()),
        }
    }

    /// By how much the weight of the bad rows of a matrix with both labels is multiplied.
    pub(crate) fn times(self, matrix: &Matrix) -> f64 {
        match self {
            Self::Times(times) => times,
            Self::Word(Word::Balanced) => (matrix.total_weight() - matrix.bad_weight()) / matrix.bad_weight(),
        }
    }

    /// The rows as they are learned from; `None` where it changes nothing.
    pub(super) fn weigh(self, matrix: &Matrix) -> Result<Option<Matrix>, Error> {
        self.check()?;
        require_both_labels(matrix)?;
        let times = self.times(matrix);
        if times == 1.0 {
            return Ok(None);
        }
        let weight = |(row, bad): (usize, &bool)| matrix.weight(row) * if *bad { times } else { 1.0 };
        let weights = matrix.labels().iter().enumerate().map(weight).collect();
        match matrix.clone().with_weights(weights) {
            Ok(weighted) => Ok(Some(weighted)),
            // Beyond all numbers, or below.
            Err(_) => Err(Error::Setting { learner: "training", name: "bad_weight" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::tests::matrix;

    #[test]
    fn bad_rows_get_their_weight() {
        let rows = || matrix(vec![vec![0.0; 5]], vec![true, false, false, true, false]);
        let check = |weight: BadWeight, rows: Matrix, expect: Option<&[f64]>| {
            let weighted = weight.weigh(&rows).unwrap();
            assert_eq!(weighted.as_ref().and_then(Matrix::weights), expect, "{weight:?}");
        };
        check(BadWeight::default(), rows(), None);
        check(BadWeight::Times(3.0), rows(), Some(&[3.0, 1.0, 1.0, 3.0, 1.0]));
        check(BadWeight::BALANCED, rows(), Some(&[1.5, 1.0, 1.0, 1.5, 1.0]));
        let sampled = rows().with_weights(vec![1.0, 10.0, 10.0, 2.0, 10.0]).unwrap();
        check(BadWeight::Times(0.5), sampled.clone(), Some(&[0.5, 10.0, 10.0, 1.0, 10.0]));
        check(BadWeight::BALANCED, sampled, Some(&[10.0, 10.0, 10.0, 20.0, 10.0]));
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = BadWeight::Times(weight).weigh(&rows()).unwrap_err().to_string();
            assert_eq!(error, "the setting bad_weight of training is out of its range");
        }
    }

    #[test]
    fn it_is_a_number_or_a_word() {
        let check = |text: &str, expect: Option<BadWeight>| {
            assert_eq!(serde_json::from_str::<BadWeight>(text).ok(), expect, "{text}");
        };
        check("2", Some(BadWeight::Times(2.0)));
        check("0.5", Some(BadWeight::Times(0.5)));
        check("\"balanced\"", Some(BadWeight::BALANCED));
        check("\"even\"", None);
        assert_eq!(serde_json::to_string(&BadWeight::BALANCED).unwrap(), "\"balanced\"");
    }
}
