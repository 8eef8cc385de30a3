//! A figure: a number with its confidence interval, or the reason why there is none. What is here is always finite, so that
//! nothing downstream has to ask.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with its interval, or why it does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// It exists.
    Known(Estimate),
    /// It does not.
    Missing {
        /// Why not.
        missing: Missing,
    },
}

/// A number and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number itself.
    pub point: f64,
    /// Its interval; `None` where there was too little to tell.
    #[serde(flatten)]
    pub interval: Option<Interval>,
}

/// A confidence interval, which holds its point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
    /// Where it comes from.
    pub method: Method,
}

/// Where an interval comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// DeLong's variance of the area under the curve, for independent rows; of a difference of two areas, of whole entities where they are
    /// known (Obuchowski, 1997).
    Delong,
    /// Wilson's interval of a proportion, for independent rows.
    Wilson,
    /// The standard error over resamples, of whole entities where they are known.
    Bootstrap,
    /// The spread of the days around their mean.
    Days,
    /// The curvature of the likelihood (Wald).
    Likelihood,
    /// Katz's interval of a ratio of two proportions.
    Katz,
    /// Newcombe's interval of a difference of two proportions.
    Newcombe,
    /// One that holds at every look; see [`Sequential`](crate::Sequential).
    Sequential,
    /// The spread of what outcomes come to that are drawn from the scores; see [`expected`](crate::expected).
    Expected,
    /// Greenwood's variance of a product of shares.
    Greenwood,
}

/// Why a number does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing to look at.
    NoRows,
    /// No bad row.
    NoBad,
    /// No good row.
    NoGood,
    /// No row reaches the threshold.
    NoneFlagged,
    /// No bad row reaches the threshold.
    NoneCaught,
    /// Rows came without amounts.
    NoAmounts,
    /// Bad rows add up to no money.
    NoBadMoney,
    /// Rows came without days.
    NoDays,
    /// Rows came without entities.
    NoEntities,
    /// Fewer rows, or fewer bad or good ones, than the settings ask for.
    InsufficientData,
    /// All rows have one score.
    OneScore,
    /// A score tells bad from good without a fault, so no slope fits best.
    Separated,
    /// All scores are zero.
    NoneExpected,
    /// No group has enough rows to compare with, or its rate is zero.
    NoReference,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRows => "no rows",
            Self::NoBad => "no bad rows",
            Self::NoGood => "no good rows",
            Self::NoneFlagged => "none flagged",
            Self::NoneCaught => "none caught",
            Self::NoAmounts => "no amounts",
            Self::NoBadMoney => "no bad money",
            Self::NoDays => "no days",
            Self::NoEntities => "no entities",
            Self::InsufficientData => "insufficient data",
            Self::OneScore => "one score only",
            Self::Separated => "bad and good fully apart",
            Self::NoneExpected => "none expected",
            Self::NoReference => "nothing to compare with",
        })
    }
}

impl From<Missing> for Figure {
    fn from(missing: Missing) -> Self {
        Self::Missing { missing }
    }
}

impl From<f64> for Figure {
    fn from(point: f64) -> Self {
        Self::Known(Estimate { point, interval: None })
    }
}

impl From<Result<Figure, Missing>> for Figure {
    fn from(figure: Result<Figure, Missing>) -> Self {
        figure.unwrap_or_else(Self::from)
    }
}

impl Figure {
    /// The number, if it exists.
    pub const fn point(&self) -> Option<f64> {
        match self {
            Self::Known(estimate) => Some(estimate.point),
            Self::Missing { .. } => None,
        }
    }

    /// Its interval, if it has one.
    pub const fn interval(&self) -> Option<Interval> {
        match self {
            Self::Known(estimate) => estimate.interval,
            Self::Missing { .. } => None,
        }
    }

    /// With an interval. Its ends move onto the point where rounding put them on the wrong side of it.
    pub(super) const fn within(point: f64, lower: f64, upper: f64, method: Method) -> Self {
        let interval = Interval { lower: lower.min(point), upper: upper.max(point), method };
        Self::Known(Estimate { point, interval: Some(interval) })
    }

    /// With an interval of `reach` to both sides that stays within `range`.
    pub(super) const fn around(point: f64, reach: f64, range: (f64, f64), method: Method) -> Self {
        Self::within(point, (point - reach).max(range.0), (point + reach).min(range.1), method)
    }

    /// The figure that another one becomes by a rising function.
    pub(super) fn map(self, rising: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Known(Estimate { point, interval: Some(Interval { lower, upper, method }) }) => {
                Self::within(rising(point), rising(lower), rising(upper), method)
            }
            Self::Known(Estimate { point, interval: None }) => rising(point).into(),
            missing => missing,
        }
    }
}
