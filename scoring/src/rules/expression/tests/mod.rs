//! Conditions, case by case and against a plain interpreter of the tree.

mod oracle;
mod random;
mod refused;
mod semantics;

use super::*;
use crate::rules::tests::{SCHEMA, event, lists, plan, vector};

/// The outcome of a condition for the event and the vector of the tests.
pub(super) fn outcome(text: &str) -> Result<bool, Fault> {
    let (schema, plan, names) = (toml::from_str(SCHEMA).unwrap(), plan(), lists());
    let expression = Expression::new(text, &Names::new(&schema, &plan, &names)).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (event, vector) = (event(), vector());
    expression.holds(&Facts::new(&event, &vector, &crate::rules::tests::OnLists).scored(Some(640), Some(0.25)))
}
