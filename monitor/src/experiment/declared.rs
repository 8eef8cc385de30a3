//! What a declared experiment says of its guardrails goes before what the pipeline file says of all.

use scoring::Control;
use scoring::control::{Experiment, Guardrails};
use serde::Deserialize;

use super::{Policy, Request};
use crate::error::Error;
use crate::questions::{Question, ask};
use crate::warehouse::Warehouse;

/// The policy that holds between two versions: that of the file, with the limits of the experiment that was declared last for them.
pub(super) async fn policy(warehouse: &dyn Warehouse, request: &Request, of_file: &Policy) -> Result<Policy, Error> {
    let declarations: Vec<Declaration> = ask(warehouse, Question::Declarations).await?;
    let mut experiments = declarations.iter().flat_map(Declaration::experiments);
    let declared = experiments.rfind(|experiment| is_between(experiment, request));
    Ok(with(of_file.clone(), declared.and_then(|experiment| experiment.guardrails)))
}

fn is_between(experiment: &Experiment, Request { model, champion, challenger, .. }: &Request) -> bool {
    (&experiment.model, experiment.champion, experiment.challenger) == (model, *champion, *challenger)
}

/// The latency of an experiment is that from the door to the decision, which is guarded while it runs; here the models are compared.
fn with(of_file: Policy, declared: Option<Guardrails>) -> Policy {
    let Some(Guardrails { approval_rate_change, error_share, minimum_events, .. }) = declared else { return of_file };
    Policy {
        max_approval_change: approval_rate_change.unwrap_or(of_file.max_approval_change),
        max_unscored: error_share.unwrap_or(of_file.max_unscored),
        least_events: minimum_events,
        ..of_file
    }
}

/// A change that may have declared some.
#[derive(Deserialize)]
struct Declaration {
    subject: String,
}

/// What it changed, as the table keeps it: texts of JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Subject {
    experiments: Vec<String>,
    changes: Vec<String>,
}

impl Declaration {
    /// One that a newer program wrote in another way declares nothing here.
    fn experiments(&self) -> Vec<Experiment> {
        let Subject { experiments, changes } = serde_json::from_str(&self.subject).unwrap_or_default();
        let approved = changes.iter().filter_map(|change| match serde_json::from_str(change) {
            Ok(Control::Experimented { experiments, .. }) => Some(experiments),
            _ => None,
        });
        let declared = experiments.iter().filter_map(|experiment| serde_json::from_str(experiment).ok());
        declared.chain(approved.flatten()).collect()
    }
}
