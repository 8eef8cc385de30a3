//! What a declared experiment says of its guardrails goes before what the pipeline file says of all.

use scoring::control::{Experiment, Guardrails};

use super::{Policy, Request};
use crate::declarations::experiments;
use crate::error::Error;
use crate::warehouse::Warehouse;

/// The policy that holds between two versions: that of the file, with the limits of the experiment that was declared last for them.
pub(super) async fn policy(warehouse: &dyn Warehouse, request: &Request, of_file: &Policy) -> Result<Policy, Error> {
    let declared = experiments(warehouse).await?.into_iter().rfind(|experiment| is_between(experiment, request));
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
