//! What a declared experiment says of its guardrails goes before what the pipeline file says of all.

use arrow::error::ArrowError;
use scoring::Control;
use scoring::control::{Experiment, Guardrails};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Policy, Request};
use crate::error::Error;
use crate::questions::{Question, ask, unreadable};
use crate::warehouse::Warehouse;

/// The policy that holds between two versions: that of the file, with the limits of the experiment that was declared last for them.
pub(super) async fn policy(warehouse: &dyn Warehouse, request: &Request, of_file: &Policy) -> Result<Policy, Error> {
    let mut declared = None;
    for declaration in ask::<Declaration>(warehouse, Question::Declarations).await? {
        let mut experiments = declaration.experiments()?.into_iter();
        declared = experiments.rfind(|experiment| is_between(experiment, request)).or(declared);
    }
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
    fn experiments(&self) -> Result<Vec<Experiment>, Error> {
        let Subject { experiments, changes } = read(&self.subject)?;
        let mut declared = experiments.iter().map(|experiment| read(experiment)).collect::<Result<Vec<_>, _>>()?;
        for change in &changes {
            if let Control::Experimented { experiments, .. } = read(change)? {
                declared.extend(experiments);
            }
        }
        Ok(declared)
    }
}

/// What cannot be read might hold a challenger to more than the file does, so that nothing is compared without it.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let cause = |error: serde_json::Error| unreadable(Question::Declarations.name(), ArrowError::JsonError(error.to_string()));
    serde_json::from_str(text).map_err(cause)
}
