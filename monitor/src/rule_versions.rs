//! The versions of a rule: what each says, who wrote it, when and why, and who agreed. The table of changes has them all, whoever made them.

use std::collections::BTreeMap;

use ingest::Timestamp;
use scoring::rules::{Rule, RuleId};
use serde::Serialize;

use crate::declarations::{Change, changes};
use crate::error::Error;
use crate::questions::Declared;
use crate::warehouse::Warehouse;

/// A version of a rule, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleVersion {
    /// Where the change that made it lies in the log.
    pub log_position: u64,
    /// Since when it is the rule.
    pub at: Timestamp,
    /// Who wrote it, and why.
    #[serde(flatten)]
    pub written: Said,
    /// Who agreed, where a second person was asked.
    pub approved: Option<Said>,
    /// The rule as this version has it.
    pub rule: Rule,
}

/// What somebody has said of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Who.
    pub by: String,
    /// Why; it may be left unsaid.
    pub reason: String,
}

/// All versions of a rule that the warehouse knows, in the order of the log; none of a rule that there is not.
pub async fn rule_versions(warehouse: &dyn Warehouse, rule: &RuleId) -> Result<Vec<RuleVersion>, Error> {
    versions(changes(warehouse, Declared::Rule(rule.clone())).await?, rule)
}

fn versions(changes: Vec<Change>, id: &RuleId) -> Result<Vec<RuleVersion>, Error> {
    let mut proposed: BTreeMap<u32, Said> = BTreeMap::new();
    let mut versions = Vec::new();
    for change in changes {
        let (is_proposal, proposal) = (change.is_proposal(), change.proposal()?);
        let rule = change.rules()?.into_iter().find(|rule| rule.id == *id);
        let Change { log_position, at, by, reason, .. } = change;
        let said = Said { by: by.unwrap_or_default(), reason: reason.unwrap_or_default() };
        match (proposal, rule) {
            (Some(proposal), Some(_)) if is_proposal => {
                proposed.insert(proposal, said);
            }
            (Some(proposal), Some(rule)) => {
                let by_author = || Said { by: rule.author.clone(), reason: String::new() };
                let written = proposed.remove(&proposal).unwrap_or_else(by_author);
                versions.push(RuleVersion { log_position, at, written, approved: Some(said), rule });
            }
            (None, Some(rule)) => {
                versions.push(RuleVersion { log_position, at, written: said, approved: None, rule });
            }
            (_, None) => {}
        }
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use ingest::log::{Record, Topic};
    use scoring::Control;
    use scoring::control::{Facts, PIPELINE_FILE};

    use super::*;
    use crate::fixture::{Backend, backends, project, record, time};

    fn rule(id: &str, version: u32) -> Rule {
        let text = format!(
            r#"{{"id":"{id}","version":{version},"name":"large","author":"ada","when":"event.amount_minor > 10","state":"active"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn each_version_says_who_wrote_it_and_why_and_who_agreed() {
        let (name, day) = (str::to_owned, |day: u32| time(&format!("2018-08-{day:02}")));
        let ruled = |rules: Vec<Rule>, by: &str, at| Control::Ruled { rules, by: name(by), at };
        let proposed = |id: u32, version: u32, reason: &str| {
            let (changes, at) = (vec![ruled(vec![rule("large", version)], "ada", day(2))], day(2));
            Control::Proposed { id, changes, facts: Facts::new(), by: name("ada"), reason: name(reason), at }
        };
        let (changes, at) = (vec![ruled(vec![rule("small", 1), rule("large", 2)], "ada", day(3))], day(3));
        let controls = [
            ruled(vec![rule("large", 1)], "ada", day(1)).explained("to see"),
            proposed(1, 2, "it catches them"),
            proposed(2, 2, "nobody agrees"),
            Control::Approved { id: 1, changes, by: name("bob"), reason: name("checked"), at },
            ruled(vec![rule("larger", 1)], "ada", day(3)),
            ruled(vec![rule("small", 2), rule("large", 3)], PIPELINE_FILE, day(4)),
        ];
        let records: Vec<Record> =
            (0..).zip(&controls).map(|(position, control)| record(position, Topic::Control, &control.encode())).collect();
        let said = |by: &str, reason: &str| Said { by: name(by), reason: name(reason) };
        let version = |number: u32, log_position: u64, at: Timestamp, written: Said, approved: Option<Said>| {
            let rule = rule("large", number);
            RuleVersion { log_position, at, written, approved, rule }
        };
        let expect = [
            version(1, 0, day(1), said("ada", "to see"), None),
            version(2, 3, day(3), said("ada", "it catches them"), Some(said("bob", "checked"))),
            version(3, 5, day(4), said(PIPELINE_FILE, ""), None),
        ];
        for Backend { warehouse, name, .. } in backends() {
            warehouse.append(&project(&records)).unwrap();
            let of = async |id: &str| rule_versions(&*warehouse, &RuleId::new(id).unwrap()).await.unwrap();
            assert_eq!(of("large").await, expect, "{name}");
            assert_eq!(of("nobody").await, [], "{name}");
        }
        let told = serde_json::to_value(&expect[1]).unwrap();
        assert_eq!((&told["by"], &told["approved"]["by"], &told["rule"]["version"]), (&"ada".into(), &"bob".into(), &2.into()));
    }
}
