//! Since where in the log each rule is there. Nothing of this is in decisions: a rule that holds nowhere leaves no trace in them.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::questions::{Question, ask, unreadable};
use crate::warehouse::Warehouse;

/// Where the first version of each rule lies in the log, by the rule's id; a rule of which the warehouse does not know it is not among
/// them.
pub(super) async fn begun(warehouse: &dyn Warehouse) -> Result<BTreeMap<String, i64>, Error> {
    let mut begun = BTreeMap::new();
    for declaration in ask::<Declaration>(warehouse, Question::Declarations).await? {
        for rule in rules(&declaration.subject)?.into_iter().filter(|rule| rule.version == 1) {
            begun.entry(rule.id).or_insert(declaration.log_position);
        }
    }
    Ok(begun)
}

/// A change that may have declared some.
#[derive(Deserialize)]
struct Declaration {
    log_position: i64,
    subject: String,
}

/// What it changed, as the table keeps it: texts of JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Subject {
    rules: Vec<String>,
    changes: Vec<String>,
}

/// One of several changes that were approved together.
#[derive(Deserialize)]
struct Change {
    #[serde(rename = "Ruled", default)]
    ruled: Subject,
}

/// What matters of a rule here.
#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    id: String,
    version: u32,
}

fn rules(subject: &str) -> Result<Vec<Named>, Error> {
    let Subject { rules: mut texts, changes } = read(subject)?;
    for change in &changes {
        texts.extend(read::<Change>(change)?.ruled.rules);
    }
    texts.iter().map(|rule| read(rule)).collect()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let cause = |error: serde_json::Error| unreadable(Question::Declarations.name(), ArrowError::JsonError(error.to_string()));
    serde_json::from_str(text).map_err(cause)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_found_in_what_was_changed() {
        let rule = |id: &str, version: u32| json!({"id": id, "version": version, "name": "n", "when": "true"}).to_string();
        let check = |subject: serde_json::Value, expect: &[(&str, u32)]| {
            let found = rules(&subject.to_string()).unwrap();
            assert!(found.iter().map(|rule| (rule.id.as_str(), rule.version)).eq(expect.iter().copied()), "{found:?}");
        };
        check(json!({"rules": [rule("a", 1), rule("b", 2)]}), &[("a", 1), ("b", 2)]);
        check(json!({"experiments": ["{}"]}), &[]);
        let ruled = json!({"Ruled": {"rules": [rule("c", 1)], "by": "ada", "at": 0}}).to_string();
        let other = json!({"Listed": {"list": "l", "entries": []}}).to_string();
        check(json!({"id": 3, "changes": [other, ruled]}), &[("c", 1)]);
        assert!(rules("[").is_err());
    }
}
