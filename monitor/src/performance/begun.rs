//! Since where in the log each rule is there. Nothing of this is in decisions: a rule that holds nowhere leaves no trace in them.

use std::collections::BTreeMap;

use crate::declarations::rules;
use crate::error::Error;
use crate::warehouse::Warehouse;

/// Where the first version of each rule lies in the log, by the rule's id; a rule of which the warehouse does not know it is not among
/// them.
pub(super) async fn begun(warehouse: &dyn Warehouse) -> Result<BTreeMap<String, i64>, Error> {
    let mut begun = BTreeMap::new();
    for (position, rule) in rules(warehouse).await?.into_iter().filter(|(_, rule)| rule.version == 1) {
        begun.entry(rule.id.into()).or_insert(position);
    }
    Ok(begun)
}
