//! What a pipeline file says of rules, lists, reasons, policy and governance, and what the log does not know yet. The file has its say at every start: it
//! takes the place of what it said before, and leaves alone what people changed while the program ran under other ids, and a policy that
//! they changed since the file last said another. The file is the operator's: nobody else is asked.

use ingest::Timestamp;

use super::{Control, State, Tables};
use crate::pipeline::Pipeline;
use crate::rules::{Rule, State as RuleState};

/// Who changes what, in the records of changes that come from a pipeline file.
pub const PIPELINE_FILE: &str = "the pipeline file";

/// The records that bring a state to what a pipeline file says.
pub fn declared(pipeline: &Pipeline, state: &State, at: Timestamp) -> Vec<Control> {
    let by = || PIPELINE_FILE.to_owned();
    let mut records = Vec::new();
    let four_eyes = pipeline.governance.four_eyes();
    if state.four_eyes() != four_eyes {
        records.push(Control::Guarded { four_eyes: four_eyes.to_vec(), by: by(), at });
    }
    if state.filed_policy.as_ref() != Some(&pipeline.policy) {
        records.push(Control::Governed { policy: pipeline.policy.clone(), by: by(), at });
    }
    let tables = Tables::of(pipeline);
    if state.tables.as_ref() != Some(&tables) {
        records.push(Control::Declared { tables, by: by(), at });
    }
    let changed = pipeline.rules.iter().filter_map(|rule| next_version(rule, state));
    let is_gone = |rule: &&Rule| pipeline.rules.iter().all(|declared| declared.id != rule.id);
    let archived = (state.filed.iter())
        .filter_map(|id| state.rules.iter().find(|rule| rule.id == *id))
        .filter(|rule| rule.state != RuleState::Archived)
        .filter(is_gone)
        .map(|rule| Rule { version: rule.version + 1, state: RuleState::Archived, ..rule.clone() });
    let rules: Vec<Rule> = changed.chain(archived).collect();
    if !rules.is_empty() {
        records.push(Control::Ruled { rules, by: by(), at });
    }
    records
}

/// The rule with its next version, where it says something else than what is known under its id.
fn next_version(rule: &Rule, state: &State) -> Option<Rule> {
    match state.rules.iter().find(|known| known.id == rule.id) {
        None => Some(Rule { version: 1, ..rule.clone() }),
        Some(known) if (Rule { version: known.version, ..rule.clone() }) == *known => None,
        Some(known) => Some(Rule { version: known.version + 1, ..rule.clone() }),
    }
}
