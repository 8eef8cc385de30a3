//! What is seen of a feature that knows the label, and how it is said.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Leak;

/// What was seen of a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Seen {
    /// Its two values (missing may be one) say the label of every row.
    Copy {
        /// Rows.
        rows: u64,
        /// Bad ones among them.
        bad: u64,
    },
    /// Its two values say the label of nearly every row.
    NearCopy {
        /// Its correlation with the label, 0 to 1.
        agreement: f64,
        /// The rows in which it says the other label.
        differing: u64,
        /// All rows.
        rows: u64,
    },
    /// The order of its values alone separates.
    Separates {
        /// The area under the curve, 0.5 to 1.
        auc: f64,
        /// Bad rows.
        bad: u64,
        /// Good rows.
        good: u64,
    },
    /// Its few values alone separate, though not in their order.
    CodesSeparate {
        /// The area under the curve when the values are ordered by their share of bad rows, 0.5 to 1.
        auc: f64,
        /// How many values it has; missing is one.
        codes: u64,
    },
    /// Whether it is missing alone separates.
    MissingSeparates {
        /// The area under the curve, 0.5 to 1.
        auc: f64,
        /// The share of the bad rows in which it is missing, 0 to 1.
        missing_of_bad: f64,
        /// The share of the good rows in which it is missing, 0 to 1.
        missing_of_good: f64,
    },
    /// All rows of one label have it alike, or lack it.
    OneValue {
        /// Whether these are the bad rows.
        of_bad: bool,
        /// How many they are.
        rows: u64,
        /// The value that they have; `None` when it is missing.
        value: Option<f64>,
        /// The share of the rows of the other label that have another value, 0 to 1.
        otherwise: f64,
    },
    /// It is missing in rows of one label only.
    NeverMissing {
        /// Whether it is the bad rows that always have it.
        of_bad: bool,
        /// How many they are.
        rows: u64,
        /// The share of the rows of the other label in which it is missing, 0 to 1.
        otherwise: f64,
    },
    /// It separates in old rows and hardly in those of the last days.
    KnownLater {
        /// The area under the curve in the oldest half of the days, 0.5 to 1.
        auc_before: f64,
        /// The area under the curve in the last days, in the same direction, 0 to 1.
        auc_last: f64,
        /// How many days these are.
        last_days: u32,
        /// Bad rows in the last days.
        bad: u64,
        /// When nearly all bad rows of the last days have the same value, or none, and those before had not, the share of them, 0
        /// to 1.
        empty: Option<f64>,
    },
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.feature;
        match &self.seen {
            Seen::Copy { rows, bad } => {
                write!(
                    f,
                    "{name} is the label under another name: it tells good from bad in all {rows} rows, of which {bad} are bad"
                )
            }
            Seen::NearCopy { agreement, differing, rows } => {
                write!(
                    f,
                    "{name} is nearly a copy of the label: it differs in {differing} of {rows} rows (correlation {agreement:.3})"
                )
            }
            Seen::Separates { auc, bad, good } => {
                write!(
                    f,
                    "{name} alone separates {bad} bad from {good} good rows all but perfectly (area under the curve {auc:.4})"
                )
            }
            Seen::CodesSeparate { auc, codes } => {
                write!(f, "the {codes} values of {name} alone separate bad from good rows all but perfectly ")?;
                write!(f, "(area under the curve {auc:.4})")
            }
            Seen::MissingSeparates { auc, missing_of_bad, missing_of_good } => {
                let (bad, good) = (Percent(*missing_of_bad), Percent(*missing_of_good));
                write!(f, "{name} is missing in {bad} of the bad rows and in {good} of the good ones, ")?;
                write!(f, "which alone separates them (area under the curve {auc:.4})")
            }
            Seen::OneValue { of_bad, rows, value, otherwise } => {
                let (one, other, otherwise) = (label(*of_bad), label(!of_bad), Percent(*otherwise));
                match value {
                    Some(value) => write!(
                        f,
                        "{name} is {value} in all {rows} {one} rows and has another value in {otherwise} of the {other} ones"
                    ),
                    None => {
                        write!(f, "{name} is missing in all {rows} {one} rows and filled in for {otherwise} of the {other} ones")
                    }
                }
            }
            Seen::NeverMissing { of_bad, rows, otherwise } => {
                let (one, other, otherwise) = (label(*of_bad), label(!of_bad), Percent(*otherwise));
                write!(f, "{name} is filled in for all {rows} {one} rows and missing in {otherwise} of the {other} ones")
            }
            Seen::KnownLater { auc_before, auc_last, last_days, bad, empty } => {
                write!(f, "{name} separates well in old rows (area under the curve {auc_before:.3}) and hardly in ")?;
                write!(f, "the last {last_days} days ({auc_last:.3}, {bad} bad rows)")?;
                match empty {
                    Some(share) => write!(
                        f,
                        ", where {} of the bad rows do not have it yet: it seems to be filled in only afterwards",
                        Percent(*share)
                    ),
                    None => write!(f, ": it seems to be known only afterwards"),
                }
            }
        }
    }
}

const fn label(is_bad: bool) -> &'static str {
    if is_bad { "bad" } else { "good" }
}

/// A share as a percentage that says 0 and 100 only where it means it.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.0;
        match percent {
            _ if percent > 0.0 && percent < 0.1 => write!(f, "under 0.1 %"),
            _ if percent > 99.9 && percent < 100.0 => write!(f, "over 99.9 %"),
            _ => write!(f, "{} %", (percent * 10.0).round() / 10.0),
        }
    }
}
