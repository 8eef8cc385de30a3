//! Changes by two people: whether somebody may make a change alone, and what becomes of one that waits for another person. What holds at the
//! approval is checked again then.

use std::sync::Arc;

use ingest::log::file::MAX_RECORD_BYTES;

use super::Engine;
use super::changes::{Loaded, carried};
use crate::control::governance::{alters, needs_two};
use crate::control::proposal::{facts, outdated};
use crate::control::{Control, Facts, May, Person, Proposal, Stage, State, may_be_one};
use crate::error::Error;

/// What became of a change that somebody wants.
#[derive(Clone, Debug)]
pub enum Made<T> {
    /// It holds from the next decision on.
    Now(T),
    /// It waits for a second person.
    Waits(Proposal),
}

impl<T> Made<T> {
    /// The same with what is returned made into something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Made<U> {
        match self {
            Self::Now(said) => Made::Now(f(said)),
            Self::Waits(proposal) => Made::Waits(proposal),
        }
    }
}

/// The most bytes of a proposal, so that its approval, which names who agreed to each entry of a list, fits a record as well.
const MOST_BYTES: usize = MAX_RECORD_BYTES / 2;

impl Engine {
    /// Makes changes that depend on what holds now, or proposes them where a second person is asked; nobody changes anything in between,
    /// but while a model is loaded that they name. `change` says what is returned beside it, and the reason stands in the record. What
    /// cannot be used is refused, and then nothing is recorded.
    pub async fn make<T: Send + 'static>(
        self: &Arc<Self>,
        person: Person,
        reason: &str,
        change: impl FnOnce(&State) -> Result<(Vec<Control>, T), Error> + Send + 'static,
    ) -> Result<Made<T>, Error> {
        let (engine, reason) = (Arc::clone(self), reason.to_owned());
        carried(async move {
            let state = engine.control.lock().await;
            let (controls, said) = change(&state)?;
            let (mut state, ready) = engine.with_models(state, &controls).await;
            let asks = match person.may {
                May::Anything => false,
                May::Change => needs_two(&controls, &state),
                May::Work | May::Propose => controls.iter().any(|control| alters(control, &state).is_some()),
            };
            if asks {
                return Ok(Made::Waits(engine.propose_with(&mut state, controls, person.name, reason, ready).await?));
            }
            let controls = controls.into_iter().map(|control| control.explained(&reason)).collect();
            engine.take(&mut state, engine.present_pipeline(), controls, ready).await?;
            Ok(Made::Now(said))
        })
        .await
    }

    /// Proposes changes, whether a second person is asked or not.
    pub async fn propose(
        self: &Arc<Self>,
        person: Person,
        reason: &str,
        change: impl FnOnce(&State) -> Result<Vec<Control>, Error> + Send + 'static,
    ) -> Result<Proposal, Error> {
        let (engine, reason) = (Arc::clone(self), reason.to_owned());
        carried(async move {
            let state = engine.control.lock().await;
            let controls = change(&state)?;
            let (mut state, ready) = engine.with_models(state, &controls).await;
            engine.propose_with(&mut state, controls, person.name, reason, ready).await
        })
        .await
    }

    /// Approves a proposal: what it changes holds from the next decision on. Refused to who proposed it, where a second person is asked; when
    /// what it rests on has changed meanwhile; and when it cannot be used any more.
    pub async fn approve(self: &Arc<Self>, id: u32, person: Person, reason: &str) -> Result<Proposal, Error> {
        let (engine, reason) = (Arc::clone(self), reason.to_owned());
        carried(async move {
            let present = engine.control();
            let (changes, then) = engine.proposed(&waiting(id, &present)?).await?;
            let may = |state: &State| {
                let proposal = waiting(id, state)?;
                if needs_two(&changes, state) { by_another(&proposal, &person) } else { Ok(()) }
            };
            // For who may not approve it no model is loaded.
            may(&present)?;
            let ready = engine.ready(engine.lacking(&changes)).await;
            let mut state = engine.control.lock().await;
            may(&state)?;
            if let Some(outdated) = outdated(&then, &facts(&changes, &state)) {
                return Err(outdated.into());
            }
            let at = engine.now();
            let changes = changes.into_iter().map(|change| change.approved(&person.name, at)).collect();
            let approved = Control::Approved { id, changes, by: person.name, reason, at };
            engine.take(&mut state, engine.present_pipeline(), vec![approved], ready).await?;
            state.proposal(id).cloned().ok_or(Error::NoProposal { id })
        })
        .await
    }

    /// Rejects a proposal of somebody else.
    pub async fn reject(self: &Arc<Self>, id: u32, person: Person, reason: &str) -> Result<Proposal, Error> {
        self.settle(id, person, reason, by_another, |id, by, reason, at| Control::Rejected { id, by, reason, at }).await
    }

    /// Takes a proposal back, for who made it.
    pub async fn recall(self: &Arc<Self>, id: u32, person: Person, reason: &str) -> Result<Proposal, Error> {
        self.settle(id, person, reason, by_the_same, |id, by, reason, at| Control::Recalled { id, by, reason, at }).await
    }

    /// A proposal, and what exactly it changes.
    pub async fn proposal(&self, id: u32) -> Result<(Proposal, Vec<Control>), Error> {
        let proposal = self.control().proposal(id).cloned().ok_or(Error::NoProposal { id })?;
        let (changes, _) = self.proposed(&proposal).await?;
        Ok((proposal, changes))
    }

    async fn settle(
        self: &Arc<Self>,
        id: u32,
        person: Person,
        reason: &str,
        may: fn(&Proposal, &Person) -> Result<(), Error>,
        control: fn(u32, String, String, ingest::Timestamp) -> Control,
    ) -> Result<Proposal, Error> {
        let (engine, reason) = (Arc::clone(self), reason.to_owned());
        carried(async move {
            let mut state = engine.control.lock().await;
            may(&waiting(id, &state)?, &person)?;
            let control = control(id, person.name, reason, engine.now());
            engine.take(&mut state, engine.present_pipeline(), vec![control], Vec::new()).await?;
            state.proposal(id).cloned().ok_or(Error::NoProposal { id })
        })
        .await
    }

    async fn propose_with(
        &self,
        state: &mut State,
        changes: Vec<Control>,
        by: String,
        reason: String,
        ready: Vec<Loaded>,
    ) -> Result<Proposal, Error> {
        self.try_out(state, self.present_pipeline(), &changes, ready).await?;
        let id = state.proposals.last().map_or(1, |last| last.id + 1);
        let proposed = Control::Proposed { id, facts: facts(&changes, state), changes, by, reason, at: self.now() };
        let bytes = proposed.encode().len();
        if bytes > MOST_BYTES {
            return Err(Error::TooLarge { bytes, most: MOST_BYTES });
        }
        self.take(state, self.present_pipeline(), vec![proposed], Vec::new()).await?;
        state.proposal(id).cloned().ok_or(Error::NoProposal { id })
    }

    /// What the log says of a proposal: what it changes, and what it rests on.
    async fn proposed(&self, proposal: &Proposal) -> Result<(Vec<Control>, Facts), Error> {
        match self.read(proposal.position, Control::decode).await? {
            Control::Proposed { changes, facts, .. } => Ok((changes, facts)),
            _ => Err(Error::Missing { position: proposal.position }),
        }
    }
}

/// A proposal, as long as it waits.
fn waiting(id: u32, state: &State) -> Result<Proposal, Error> {
    let proposal = state.proposal(id).cloned().ok_or(Error::NoProposal { id })?;
    if proposal.stage == Stage::Pending { Ok(proposal) } else { Err(Error::Settled { id, stage: proposal.stage.name() }) }
}

/// Refuses who proposed it.
fn by_another(proposal: &Proposal, person: &Person) -> Result<(), Error> {
    let is_own = person.may != May::Anything && may_be_one(&proposal.by, &person.name);
    if is_own { Err(Error::OwnProposal { id: proposal.id, by: proposal.by.clone() }) } else { Ok(()) }
}

/// Refuses everybody else.
fn by_the_same(proposal: &Proposal, person: &Person) -> Result<(), Error> {
    let is_own = person.may == May::Anything || may_be_one(&proposal.by, &person.name);
    if is_own { Ok(()) } else { Err(Error::NotProposer { id: proposal.id, by: proposal.by.clone() }) }
}
