//! Drift: how far the values of now lie from those of then, column by column; how much of that chance alone would do; and from where on
//! it is worth telling. Every figure is a plain function of two samples, or of their counts in the same bins, and names the sizes that
//! it comes from.
//!
//! The reference is what a model has learned from; the current sample is judged against it, never the other way round.

mod bins;
mod cells;
mod chi_square;
mod column;
mod compare;
mod discovery;
mod hysteresis;
mod jensen_shannon;
mod kolmogorov;
mod lanes;
mod layout;
mod missing;
mod places;
mod psi;
mod quantiles;
mod severity;
mod sorted;
#[cfg(test)]
mod tests;
mod walk;
mod wasserstein;

pub use bins::Bins;
pub use chi_square::{ChiSquare, chi_square};
pub use compare::{Feature, Figures, Kind, Levels, categories, numbers};
pub use discovery::adjusted;
pub use hysteresis::{BadHysteresis, Hysteresis};
pub use jensen_shannon::jensen_shannon;
pub use kolmogorov::{Ks, Method, binned_ks, ks};
pub use missing::{MissingChange, missing_change};
pub use psi::{PSEUDO_COUNT, Psi, psi};
pub use severity::{BadRules, Rules, Severity, severities};
pub use sorted::Sorted;
pub use wasserstein::wasserstein;
