//! What a run learned as a challenger in shadow: an experiment on the server, or on its log where none runs. Whether it is better is for
//! others to see, and to promote it for people.

use anyhow::bail;
use ingest::{Duration, Timestamp};
use serde_json::json;
use ureq::http::Method;

use super::runs::{Model, Record};
use crate::commands::target::TargetArgs;

/// After a try at which nobody was reached, so long passes before the next.
const PAUSE: Duration = Duration::seconds(30);

/// Starts experiments.
pub(super) struct Challenge {
    target: TargetArgs,
    days: u16,
    not_before: Option<Timestamp>,
}

impl Challenge {
    /// On a target, for so many days each.
    pub(super) const fn new(target: TargetArgs, days: u16) -> Self {
        Self { target, days, not_before: None }
    }

    /// Tries it, unless a try has just failed. What came of it; an error when nobody was reached, who may be there later.
    pub(super) async fn attempt(&mut self, run: u32, model: &Model, now: Timestamp) -> anyhow::Result<Option<Record>> {
        if self.not_before.is_some_and(|time| now < time) {
            return Ok(None);
        }
        self.not_before = Some(now + PAUSE);
        let Model { learner, version, .. } = model;
        let experiment = format!("retrained_{version}");
        let body = json!({
            "name": experiment,
            "challenger": version,
            "planned_end": now + Duration::days(i64::from(self.days)),
            "reason": format!("the best of run {run} of riskflow retrain ({learner})"),
        });
        let answer = self.target.ask(Method::POST, "/v1/experiments", Some(&body)).await?;
        let refused = match answer.status {
            ..300 => None,
            // A key that is mended, or a server that is not ready yet, takes it later.
            401 | 403 | 429 | 500.. => bail!("{}", answer.refusal()),
            _ => Some(answer.refusal()),
        };
        self.not_before = None;
        Ok(Some(Record::Challenging { run, at: now, version: *version, experiment, refused }))
    }
}
