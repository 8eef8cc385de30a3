//! A number as itself and as the pieces of its values that it lies in, for weighted sums of categories, as other programs write them.

use serde::{Deserialize, Serialize};

use crate::model::Invalid;

/// What columns are made of a number: itself, and one for each piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoded {
    /// Whether the number itself is a column, the first; a missing one stays missing.
    pub number: bool,
    /// For each a column: 1 where the number lies in it, 0 elsewhere.
    pub pieces: Vec<Piece>,
}

/// Some of the values of a number that lie beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The last number before it; `None` where there is none.
    pub above: Option<f64>,
    /// The last number in it; `None` where no number is.
    pub up_to: Option<f64>,
    /// Whether a missing number lies in it.
    pub missing: bool,
}

impl Encoded {
    /// How many columns are made of the number.
    pub fn columns(&self) -> usize {
        usize::from(self.number) + self.pieces.len()
    }

    /// What stands in those columns for one number.
    pub(super) fn cells(&self, number: f64) -> impl Iterator<Item = f64> {
        let pieces = self.pieces.iter().map(move |piece| f64::from(u8::from(piece.holds(number))));
        self.number.then_some(number).into_iter().chain(pieces)
    }

    /// Those columns for many numbers.
    pub(super) fn made(&self, numbers: &[f64]) -> impl Iterator<Item = Vec<f64>> {
        let is_in = |piece: &Piece| numbers.iter().map(|number| f64::from(u8::from(piece.holds(*number)))).collect();
        self.number.then(|| numbers.to_vec()).into_iter().chain(self.pieces.iter().map(is_in))
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        let ends = self.pieces.iter().flat_map(|piece| [piece.above, piece.up_to]);
        let is_good = ends.flatten().all(f64::is_finite);
        if is_good { Ok(()) } else { Err(Invalid::Number { what: "the end of a piece of the preparation" }) }
    }
}

impl Piece {
    /// Whether a number lies in it, NaN where it is missing.
    pub fn holds(&self, number: f64) -> bool {
        if number.is_nan() {
            return self.missing;
        }
        self.above.is_none_or(|above| number > above) && self.up_to.is_some_and(|end| number <= end)
    }
}
