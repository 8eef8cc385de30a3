//! What a row holds, and what cursors add up of the rows that they pass.

use crate::definition::{Category, Source};

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) of: Operand,
    /// What becomes of it when two events of a hot key are kept as one row.
    pub(crate) merge: Merge,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Number(Source),
    Category(Category),
    /// 1 where the event has the number, else 0.
    Present(Source),
    /// The lower and the upper half of its square.
    SquareLow(Source),
    SquareHigh(Source),
    /// 1: the event itself.
    One,
    /// 1 when it is known to be bad.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    Add,
    Min,
    Max,
    Newest,
}

/// Something that cursors carry: a sum over the rows that they have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) of: Counted,
    /// Bits that the row's tag must have.
    pub(crate) mask: i64,
    /// The column's word in a row.
    pub(crate) word: usize,
    /// Its word in a cursor.
    pub(crate) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Rows,
    Present,
    Sum,
    /// Of the square of a word, 128 bits in two words.
    Square,
    /// Of 128 bits in two words.
    Wide,
    Bad,
}
