//! The alert desk within the engine: what people do with alerts, and decisions that raise them, one after another in the order of the log. Two who want
//! the same alert at once are told apart here. Nothing of it is in the path of a decision.

use std::sync::{MutexGuard, PoisonError};

use ingest::log::Position;
use ingest::{Label, LabelSource, Timestamp};

use super::Engine;
use super::core::Core;
use super::writer::Writer;
use crate::alerts::{Action, Alert, AlertId, Desk, Did, Filter, Hit, Policy, Step, Worthy};
use crate::control::{Control, DESK, PIPELINE_FILE, Person};
use crate::error::Error;

impl Engine {
    /// Looks at the alerts. Nobody changes anything meanwhile, so `look` waits for nothing.
    pub fn desk<T>(&self, look: impl FnOnce(&Desk) -> T) -> T {
        look(&self.hold_desk())
    }

    /// An alert, whenever it was closed.
    pub async fn alert(&self, id: &AlertId) -> Result<Alert, Error> {
        let (at_hand, closed) = self.desk(|desk| (desk.get(id).cloned(), desk.closed(id)));
        let none = || Error::NoAlert { id: id.to_string() };
        match (at_hand, closed) {
            (Some(alert), _) => Ok(alert),
            (None, None) => Err(none()),
            (None, Some(position)) => {
                let control = self.read(position, Control::decode).await?;
                let Control::Alerts { steps, .. } = control else { return Err(Error::Missing { position }) };
                let whole = steps.into_iter().find_map(|step| match step {
                    Step::Did { whole: Some(whole), .. } => Some(*whole),
                    _ => None,
                });
                whole.ok_or(Error::Missing { position })
            }
        }
    }

    /// Somebody does something with an alert, having seen it at a version. Where it says of its events what they were, labels of them are taken with it.
    /// The alert after it, once that is durable.
    ///
    /// # Errors
    /// [`Error::NoAlert`], or [`Error::Alert`] with why it cannot be done and who has it or closed it.
    pub async fn act_on_alert(&self, id: &AlertId, expected: u32, action: Action, by: &Person) -> Result<Alert, Error> {
        let known = self.alert(id).await?;
        self.room().await;
        let (alert, position) = {
            let mut desk = self.hold_desk();
            let at_hand = desk.get(id).cloned();
            let before = at_hand.is_none().then(|| Box::new(known.clone()));
            self.take_step(&mut desk, at_hand.unwrap_or(known), before, (expected, action), by)?
        };
        self.log.push();
        self.durable(position).await?;
        Ok(alert)
    }

    /// Somebody takes the alert to look at next, of those that are meant: open, of the highest severity, with the most money, the oldest; a reviewer first one
    /// that another has escalated. `None` when there is none. No two get the same.
    pub async fn claim_next_alert(&self, filter: &Filter, by: &Person) -> Result<Option<Alert>, Error> {
        self.room().await;
        let (alert, position) = {
            let mut desk = self.hold_desk();
            let Some(next) = desk.next(filter, by, self.now()).cloned() else { return Ok(None) };
            let version = next.version;
            self.take_step(&mut desk, next, None, (version, Action::Claim), by)?
        };
        self.log.push();
        self.durable(position).await?;
        Ok(Some(alert))
    }

    /// Raises what decisions are worth that were not looked at yet, in the order of the log. `until` is one after the last that was looked at, `from` where to
    /// read from to go on, which is recorded where it is `far` from what is known. False when the desk became full: what is left has to be looked at again.
    pub async fn look_for_alerts(&self, worthy: &[Worthy], until: Position, from: Position, far: bool) -> Result<bool, Error> {
        let mut last = None;
        for worthy in worthy {
            self.room().await;
            let mut desk = self.hold_desk();
            if desk.is_full() {
                return Ok(false);
            }
            if let Some(step) = desk.plan(worthy) {
                let opened = desk.opened();
                last = Some(self.record(&mut desk, vec![step], DESK, self.now())?);
                self.metrics.opened(desk.opened() - opened);
            }
        }
        if far {
            let step = Step::Looked { raised: Vec::new(), until, from };
            last = Some(self.record(&mut self.hold_desk(), vec![step], DESK, self.now())?);
        }
        if let Some(last) = last {
            self.log.push();
            self.durable(last).await?;
        }
        Ok(true)
    }

    /// Other policies hold from here on, where they are others; whether they are.
    pub(super) async fn declare_alerts(&self, policies: &[Policy]) -> Result<bool, Error> {
        self.room().await;
        let position = {
            let mut desk = self.hold_desk();
            declare(policies, &mut desk, self.now(), self.writer()?.core())?
        };
        let Some(position) = position else { return Ok(false) };
        self.log.push();
        self.durable(position).await?;
        Ok(true)
    }
}

/// Records other policies where they are others; the position of the record.
pub(super) fn declare(policies: &[Policy], desk: &mut Desk, at: Timestamp, core: &Core) -> Result<Option<Position>, Error> {
    if desk.policies().iter().map(AsRef::as_ref).eq(policies) {
        return Ok(None);
    }
    let step = Step::Policies(policies.to_vec());
    let control = Control::Alerts { steps: vec![step.clone()], by: PIPELINE_FILE.to_owned(), at };
    let position = core.control(&control)?;
    desk.apply(step, PIPELINE_FILE, at, position);
    Ok(Some(position))
}

impl Engine {
    fn hold_desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a step into the log and makes it hold.
    fn record(&self, desk: &mut Desk, steps: Vec<Step>, by: &str, at: Timestamp) -> Result<Position, Error> {
        let writer = self.writer()?;
        self.record_with(&writer, desk, steps, by, at)
    }

    fn record_with(
        &self,
        writer: &Writer,
        desk: &mut Desk,
        steps: Vec<Step>,
        by: &str,
        at: Timestamp,
    ) -> Result<Position, Error> {
        let control = Control::Alerts { steps: steps.clone(), by: by.to_owned(), at };
        let position = writer.core().control(&control)?;
        steps.into_iter().for_each(|step| desk.apply(step, by, at, position));
        Ok(position)
    }

    /// Somebody does something with an alert, at hand or not: records it, with labels before it, so that no alert is closed whose labels were lost.
    fn take_step(
        &self,
        desk: &mut Desk,
        alert: Alert,
        before: Option<Box<Alert>>,
        (expected, action): (u32, Action),
        by: &Person,
    ) -> Result<(Alert, Position), Error> {
        let (id, at) = (alert.id.clone(), self.now());
        let (did, next) = alert.did(action, expected, by, at).map_err(|refusal| Error::Alert { id: id.clone(), refusal })?;
        let (outcome, is_closed) = (did.outcome(), next.closed().is_some());
        let closes = is_closed && alert.stage.closed().is_none();
        let labels = labels(&alert, &did, at);
        let after = alert.after(did.clone(), next.clone(), &by.name, at);
        let whole = is_closed.then(|| Box::new(after.clone()));
        let mut writer = self.writer()?;
        for label in &labels {
            writer.label(label, at)?;
        }
        let step = Step::Did { id, did, next, before, whole };
        let position = self.record_with(&writer, desk, vec![step], &by.name, at)?;
        if closes {
            self.metrics.closed(outcome);
        }
        Ok((after, position))
    }
}

/// What an outcome says of an alert's events.
fn labels(alert: &Alert, did: &Did, at: Timestamp) -> Vec<Label> {
    let Did::Resolved { outcome, events, .. } = did else { return Vec::new() };
    let Some(outcome) = outcome.label() else { return Vec::new() };
    let of = |event: &&Hit| events.contains(&event.event_id);
    let label = |hit: &Hit| Label {
        event_id: hit.event_id.clone(),
        label: outcome,
        source: LabelSource::Analyst,
        category: None,
        // An event whose clock was ahead is never known before it happened.
        observed_at: at.max(hit.occurred_at),
        amount_minor: None,
    };
    alert.hits.iter().filter(of).map(label).collect()
}
