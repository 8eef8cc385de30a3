//! What people have declared, as the table of changes keeps it: experiments, and rules. Some stands in a change of its own, and some in the
//! approval of several, which were proposed before.

use arrow::error::ArrowError;
use ingest::Timestamp;
use scoring::Control;
use scoring::control::Experiment;
use scoring::rules::Rule;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::questions::{Declared, Question, ask, unreadable};
use crate::warehouse::Warehouse;

/// Every experiment that was declared, in the order of the log.
pub(crate) async fn experiments(warehouse: &dyn Warehouse) -> Result<Vec<Experiment>, Error> {
    let mut declared = Vec::new();
    for change in changes(warehouse, Declared::Experiments).await? {
        declared.extend(change.experiments()?);
    }
    Ok(declared)
}

/// Every version of a rule that was written, in the order of the log, with where its change lies in it.
pub(crate) async fn rules(warehouse: &dyn Warehouse) -> Result<Vec<(i64, Rule)>, Error> {
    let mut declared = Vec::new();
    for change in changes(warehouse, Declared::Rules).await? {
        declared.extend(change.rules()?.into_iter().map(|rule| (change.log_position as i64, rule)));
    }
    Ok(declared)
}

/// Every change that may have declared some, in the order of the log, with the proposals where those are asked for.
pub(crate) async fn changes(warehouse: &dyn Warehouse, of: Declared) -> Result<Vec<Change>, Error> {
    ask(warehouse, Question::Declarations { of }).await
}

/// A change that may have declared some, or a proposal to.
#[derive(Deserialize)]
pub(crate) struct Change {
    pub(crate) log_position: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) by: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) subject: String,
}

/// What it changed, as the table keeps it: texts of JSON. Proposals and approvals have the id of the proposal.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Subject {
    id: Option<u32>,
    experiments: Vec<String>,
    rules: Vec<String>,
    changes: Vec<String>,
}

impl Change {
    /// Whether nothing of it holds.
    pub(crate) fn is_proposal(&self) -> bool {
        self.kind == "proposed"
    }

    /// The proposal that it is, or approves.
    pub(crate) fn proposal(&self) -> Result<Option<u32>, Error> {
        Ok(read::<Subject>(&self.subject)?.id)
    }

    fn experiments(&self) -> Result<Vec<Experiment>, Error> {
        let Subject { experiments, changes, .. } = read(&self.subject)?;
        declared(&experiments, &changes, |change| match change {
            Control::Experimented { experiments, .. } => experiments,
            _ => Vec::new(),
        })
    }

    /// The rules as they are by it, or would be.
    pub(crate) fn rules(&self) -> Result<Vec<Rule>, Error> {
        let Subject { rules, changes, .. } = read(&self.subject)?;
        declared(&rules, &changes, |change| match change {
            Control::Ruled { rules, .. } => rules,
            _ => Vec::new(),
        })
    }
}

/// What a change says by itself, and what those say that it approves.
fn declared<T: DeserializeOwned>(own: &[String], approved: &[String], of: fn(Control) -> Vec<T>) -> Result<Vec<T>, Error> {
    let own = own.iter().map(|text| read(text)).collect::<Result<Vec<T>, _>>()?;
    let approved = approved.iter().map(|text| read(text).map(of)).collect::<Result<Vec<_>, _>>()?;
    Ok(own.into_iter().chain(approved.into_iter().flatten()).collect())
}

/// What cannot be read might hold a challenger to more than the file does, so that nothing is answered without it.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let cause = |error: serde_json::Error| unreadable("declarations", ArrowError::JsonError(error.to_string()));
    serde_json::from_str(text).map_err(cause)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_declared_is_found_in_what_was_changed() {
        let rule = |id: &str, version: u32| {
            json!({"id": id, "version": version, "name": "n", "author": "ada", "when": "true", "state": "draft"}).to_string()
        };
        let experiment =
            |name: &str| json!({"name": name, "model": "m", "champion": 1, "challenger": 2, "share_percent": 0}).to_string();
        let change = |subject: String| {
            let (at, kind) = (Timestamp::from_micros(0), "ruled".to_owned());
            Change { log_position: 7, at, kind, by: None, reason: None, subject }
        };
        let check = |subject: serde_json::Value, rules: &[(&str, u32)], experiments: &[&str]| {
            let change = change(subject.to_string());
            let found = change.rules().unwrap();
            assert!(found.iter().map(|rule| (rule.id.as_str(), rule.version)).eq(rules.iter().copied()), "{found:?}");
            let found = change.experiments().unwrap();
            assert!(found.iter().map(|experiment| experiment.name.as_str()).eq(experiments.iter().copied()), "{found:?}");
        };
        check(json!({"rules": [rule("a", 1), rule("b", 2)]}), &[("a", 1), ("b", 2)], &[]);
        check(json!({"experiments": [experiment("x")]}), &[], &["x"]);
        let at = "2018-07-25T10:00:00Z";
        let ruled = json!({"Ruled": {"rules": [rule("c", 1)], "by": "ada", "at": at}}).to_string();
        let other = json!({"Listed": {"list": "l", "entries": [], "by": "ada", "at": at}}).to_string();
        let tried = json!({"Experimented": {"experiments": [experiment("y")], "by": "ada", "reason": "", "at": at}}).to_string();
        check(json!({"id": 3, "changes": [other, ruled, tried]}), &[("c", 1)], &["y"]);
        assert!(change("[".to_owned()).rules().is_err());
    }
}
