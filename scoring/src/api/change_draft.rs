//! What is proposed at `/v1/changes`, and how it is read. Of an object that says its kind serde forgets where in it something is wrong,
//! so the kind is read first, and then all of it as what it is.

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Reason;
use super::experiments::End;
use super::json::{json, read};
use super::lists::EntryDraft;
use super::models::Wanted;
use super::problem::Problem;
use super::rules::RuleDraft;
use crate::lists::Pattern;
use crate::policy::Policy;

/// A change to be proposed.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposalDraft {
    pub(super) change: ChangeDraft,
    pub(super) reason: Reason,
}

/// What is to change.
#[derive(Debug, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ChangeDraft {
    /// A version of the model gets a role.
    Role {
        version: u32,
        role: Wanted,
        /// For a challenger: the share of entities that it decides for, in percent, 0 to 99.
        #[serde(default)]
        share_percent: u8,
    },
    /// A rule, or its next version.
    Rule { rule_id: String, rule: RuleDraft },
    /// Entries come on a list.
    Listed { list: String, entries: Vec<EntryDraft> },
    /// Entries go off a list.
    Unlisted {
        list: String,
        #[schema(value_type = Vec<String>)]
        values: Vec<Pattern>,
    },
    /// Thresholds, and what holds on failure, until the pipeline file says others.
    Policy { policy: Policy },
    /// An experiment ends.
    ExperimentEnd { name: String, outcome: End },
}

/// The kinds of changes, as they are written.
const KINDS: [&str; 6] = ["role", "rule", "listed", "unlisted", "policy", "experiment_end"];

impl ProposalDraft {
    /// That of a body.
    pub(super) fn of(body: &Bytes) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members<'a> {
            #[serde(borrow)]
            change: &'a RawValue,
            reason: Reason,
        }
        let Members { change, reason } = json(body)?;
        let change = ChangeDraft::of(change.get()).map_err(|problem| problem.within("change"))?;
        Ok(Self { change, reason })
    }
}

impl ChangeDraft {
    /// That of a text of JSON.
    fn of(text: &str) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Tagged {
            kind: String,
        }
        // Of a list serde would take the first element for the kind.
        if !text.starts_with('{') {
            return Err(Problem::invalid(None, "it has to be an object, which says its `kind`".to_owned()));
        }
        let text = text.as_bytes();
        let Tagged { kind } = read(text)?;
        Ok(match kind.as_str() {
            "role" => {
                let Role { version, role, share_percent, .. } = read(text)?;
                Self::Role { version, role, share_percent }
            }
            "rule" => {
                let Rule { rule_id, rule, .. } = read(text)?;
                Self::Rule { rule_id, rule }
            }
            "listed" => {
                let Listed { list, entries, .. } = read(text)?;
                Self::Listed { list, entries }
            }
            "unlisted" => {
                let Unlisted { list, values, .. } = read(text)?;
                Self::Unlisted { list, values }
            }
            "policy" => {
                let Thresholds { policy, .. } = read(text)?;
                Self::Policy { policy }
            }
            "experiment_end" => {
                let ExperimentEnd { name, outcome, .. } = read(text)?;
                Self::ExperimentEnd { name, outcome }
            }
            other => {
                let detail = format!("there is no change of kind `{other}`; there are {}", KINDS.join(", "));
                return Err(Problem::invalid(Some("kind".to_owned()), detail));
            }
        })
    }
}

// The members of each kind, which a test holds against what is described.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    version: u32,
    role: Wanted,
    #[serde(default)]
    share_percent: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    rule_id: String,
    rule: RuleDraft,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    list: String,
    entries: Vec<EntryDraft>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlisted {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    list: String,
    values: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    policy: Policy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentEnd {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    name: String,
    outcome: End,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;

    fn draft(body: &Value) -> Result<ProposalDraft, Value> {
        let bytes = Bytes::from(body.to_string());
        ProposalDraft::of(&bytes).map_err(|problem| serde_json::to_value(problem).expect("plain data"))
    }

    fn proposed(change: &Value) -> Result<ProposalDraft, Value> {
        draft(&json!({"change": change, "reason": "because"}))
    }

    #[test]
    fn what_fits_is_read() {
        let rule = json!({"name": "large", "when": "true", "state": "draft", "priority": 7});
        let policy = json!({"review": 700, "decline": 900, "on_failure": "review"});
        for change in [
            json!({"kind": "role", "version": 2, "role": "challenger", "share_percent": 5}),
            json!({"version": 2, "role": "champion", "kind": "role"}),
            json!({"kind": "rule", "rule_id": "r", "rule": rule}),
            json!({"kind": "listed", "list": "stolen", "entries": [{"value": "tok_1"}]}),
            json!({"kind": "unlisted", "list": "stolen", "values": ["tok_1", "41*"]}),
            json!({"kind": "policy", "policy": policy}),
            json!({"kind": "experiment_end", "name": "november", "outcome": "keep"}),
        ] {
            let ProposalDraft { change: read, reason: Reason(reason) } = proposed(&change).expect("it fits");
            let is_it = match (&read, change["kind"].as_str().expect("a word")) {
                (ChangeDraft::Role { version: 2, role: Wanted::Challenger, share_percent: 5 }, "role")
                | (ChangeDraft::Role { version: 2, role: Wanted::Champion, share_percent: 0 }, "role")
                | (ChangeDraft::Rule { .. }, "rule")
                | (ChangeDraft::Policy { policy: Policy { review: 700, .. } }, "policy")
                | (ChangeDraft::ExperimentEnd { outcome: End::Keep, .. }, "experiment_end") => true,
                (ChangeDraft::Listed { entries, .. }, "listed") => entries.len() == 1,
                (ChangeDraft::Unlisted { values, .. }, "unlisted") => values.len() == 2,
                _ => false,
            };
            assert!(is_it && reason == "because", "{change}: {read:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_whole_path() {
        let check = |change: Value, field: &str, detail: &str| {
            let problem = proposed(&change).expect_err("it does not fit");
            let found = (problem["status"].as_u64(), problem["field"].as_str(), problem["detail"].as_str().expect("it is said"));
            assert_eq!(found, (Some(422), Some(field), detail), "{change}");
        };
        let rule = |member: &str, value: Value| {
            let mut rule = json!({"name": "large", "when": "true", "state": "draft"});
            rule[member] = value;
            json!({"kind": "rule", "rule_id": "r", "rule": rule})
        };
        let number = "invalid type: string \"high\", expected a whole number";
        check(rule("priority", json!("high")), "change.rule.priority", number);
        let percent = "percent 100 is not from 1 to 99: use `shadow` for none and `active` for all";
        let rollout = rule("state", json!({"rollout": {"percent": 100, "by": "customer"}}));
        check(rollout, "change.rule.state.rollout.percent", percent);
        let states = "invalid type: integer `5`, expected one of `draft`, `shadow`, `rollout`, `active`, `paused`, `archived`";
        check(rule("state", json!(5)), "change.rule.state", states);
        let verdicts = "invalid type: integer `3`, expected one of `approve`, `challenge`, `review`, `decline`";
        check(rule("action", json!(3)), "change.rule.action", verdicts);
        check(rule("reason", json!({"code": "LARGE"})), "change.rule.reason.text", "missing field `text`");
        check(
            json!({"kind": "rule", "rule_id": "r", "rule": {"when": "true", "state": "draft"}}),
            "change.rule.name",
            "missing field `name`",
        );
        check(json!({"kind": "rule", "rule_id": "r"}), "change.rule", "missing field `rule`");
        let role = |version: Value| json!({"kind": "role", "version": version, "role": "champion"});
        check(role(json!(-1)), "change.version", "invalid value: integer `-1`, expected a whole number from 0 to 4294967295");
        let unlisted = json!({"kind": "unlisted", "list": "stolen", "values": ["tok_1", "a*b"]});
        check(unlisted, "change.values.1", "`*` stands for any ending, after at least one character");
        let entries = json!({"kind": "listed", "list": "stolen", "entries": [{"value": "tok_1", "why": "x"}]});
        let members = "unknown field `why`, expected one of `value`, `reason`, `valid_from`, `valid_until`";
        check(entries, "change.entries.0.why", members);
        let ends = "unknown variant `kept`, expected one of `promote`, `keep`, `abort`";
        check(json!({"kind": "experiment_end", "name": "november", "outcome": "kept"}), "change.outcome", ends);
        let kinds = "there is no change of kind `promotion`; there are role, rule, listed, unlisted, policy, experiment_end";
        check(json!({"kind": "promotion", "version": 2}), "change.kind", kinds);
        check(json!({"version": 2}), "change.kind", "missing field `kind`");
        check(json!({"kind": 7}), "change.kind", "invalid type: integer `7`, expected a text");
        for none in [json!(null), json!(7), json!(["role", 2, "champion"])] {
            check(none, "change", "it has to be an object, which says its `kind`");
        }
    }

    #[test]
    fn what_is_wrong_beside_the_change_is_named() {
        let check = |body: Value, field: &str| {
            let problem = draft(&body).expect_err("it does not fit");
            assert_eq!(problem["field"], field, "{body}: {problem}");
        };
        let change = || json!({"kind": "role", "version": 2, "role": "champion"});
        check(json!({"reason": "because"}), "change");
        check(json!({"change": change()}), "reason");
        check(json!({"change": change(), "reason": " "}), "reason");
        check(json!({"change": change(), "reason": "because", "by": "ada"}), "by");
    }

    #[test]
    fn what_is_described_is_what_is_read() {
        let described = serde_json::to_value(ChangeDraft::schema()).expect("plain data");
        let all = described["oneOf"].as_array().expect("one of several");
        let kinds: Vec<&str> = all.iter().map(|one| one["properties"]["kind"]["enum"][0].as_str().expect("a word")).collect();
        assert_eq!(kinds, KINDS);
        for (kind, one) in kinds.into_iter().zip(all) {
            let members: BTreeSet<&str> = one["properties"].as_object().expect("members").keys().map(String::as_str).collect();
            let problem = proposed(&json!({"kind": kind, "zzz": 1})).expect_err("there is no such member");
            // unknown field `zzz`, expected one of `kind`, ...
            let said = problem["detail"].as_str().expect("it is said");
            let read: BTreeSet<&str> = said.split('`').skip(3).step_by(2).collect();
            assert_eq!(read, members, "{said}");
        }
    }
}
