//! What can be wrong with rows or settings before anything is measured.

/// What can be wrong with rows or settings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A column with another number of rows than there are labels.
    #[error("{column} has {rows} rows, where there are {labels} labels")]
    Length {
        /// The column: `scores`, `amounts`, the name of an attribute or of a feature.
        column: String,
        /// Its rows.
        rows: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// More rows than are counted here.
    #[error("{rows} rows are more than can be evaluated at once, which is {most}")]
    Rows {
        /// How many there are.
        rows: usize,
        /// The most there may be.
        most: usize,
    },
    /// A score that is no probability.
    #[error("{column} has {score} in row {row}, which is no probability from 0 to 1")]
    Score {
        /// `scores`, `champion scores`, or what was done to which feature.
        column: String,
        /// The row, from 1.
        row: usize,
        /// What stands there.
        score: f64,
    },
    /// Money that was not paid but given back.
    #[error("the amount in row {row} is below zero")]
    Amount {
        /// The row, from 1.
        row: usize,
    },
    /// Amounts whose sum is not exact in a 64-bit number.
    #[error("the amounts add up to more than {most} minor units", most = super::judged::MOST_MINOR)]
    Money,
    /// Two attributes of one name.
    #[error("attribute {attribute} is given twice")]
    Twice {
        /// Its name.
        attribute: String,
    },
    /// A decision threshold that is no probability.
    #[error("threshold {name} is {at}, which is no probability from 0 to 1")]
    Threshold {
        /// Its name.
        name: String,
        /// Where it is.
        at: f64,
    },
    /// A figure that nothing can fall below, or everything.
    #[error("the floor of {figure} is {floor}, which does not lie between 0 and 1")]
    Floor {
        /// Of what.
        figure: String,
        /// Where it is.
        floor: f64,
    },
    /// A level of confidence that is none.
    #[error("the confidence level {level} does not lie between 0 and 1")]
    Level {
        /// The level.
        level: f64,
    },
    /// A probability of a false alarm that is none.
    #[error("alpha is {alpha}, which does not lie between 0 and 0.5")]
    Alpha {
        /// The probability.
        alpha: f64,
    },
    /// A share from which on a cohort counts as mature that is none.
    #[error("a cohort cannot be mature from a share of {share} on, which does not lie between 0 and 1")]
    Mature {
        /// The share.
        share: f64,
    },
    /// There is nothing to compare with.
    #[error("there are no champion scores to compare with")]
    NoChampion,
    /// What a wrong stop costs is no share of its money.
    #[error("a wrong stop costs {share} of its money, which is not a number from 0 to 1")]
    Cost {
        /// The share.
        share: f64,
    },
    /// Nobody to look at anything.
    #[error("the review capacity is zero a day")]
    Capacity,
}
