//! Follows the log on a thread of its own and has the alert desk look at every decision, in the order of the log. Which are worth an alert is scoring's plain
//! function; that none is looked at twice is the desk's. After a start it reads again as much as patterns need, and tells again of what was
//! raised since then, or refused before: what is told follows from the record alone, so that its id is the same and whoever is told twice knows it.

mod teller;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{self, Instant};

use ingest::log::record::decode_event;
use ingest::log::{Durability, Log, Position, Record, Topic, reached};
use ingest::{Timestamp, background, with_causes};
use scoring::alerts::{Alert, Joined, Policy, Risen, Step, Windows, Worthy};
use scoring::{Control, Decision, Engine};
use tokio::sync::watch;

use self::teller::Teller;
use crate::error::Error;

/// How much is done at once.
#[derive(Clone, Copy)]
struct Pace {
    /// So many records are read before alerts are raised, at most.
    chunk: u64,
    /// After so many records without an alert it is written down how far it is, so that a start need not read them again.
    far: u64,
}

const PACE: Pace = Pace { chunk: 10_000, far: 200_000 };

/// The pause after a failure, and while the desk is full.
const PAUSE: time::Duration = time::Duration::from_secs(5);

/// Who is told of alerts; whether they have taken it: what they have not is told again, also after the next start.
pub type Tell = Box<dyn Fn(&News<'_>) -> bool + Send>;

/// What there is to tell of an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News<'a> {
    /// It was raised.
    Opened(&'a Alert),
    /// It matters more than it did, since an event joined it.
    Rose {
        /// The event, the alert, and how much it matters now.
        joined: &'a Joined,
        /// How much it mattered, and what it is about.
        risen: &'a Risen,
        /// When.
        at: Timestamp,
    },
}

/// The running lookout. Dropped, it stops without anybody waiting for it.
#[derive(Debug)]
pub struct Lookout {
    looked: watch::Receiver<Looked>,
    orders: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// One after the last position that was looked at.
    pub until: Position,
    /// Why the last try failed; `None` when it went well.
    pub failed: Option<String>,
    /// How many tries failed since the start.
    pub failures: u64,
}

impl Lookout {
    /// Starts where the desk is. Where what `tell` did not take lies is kept in the file `memory`.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(log: Arc<dyn Log>, engine: Arc<Engine>, tell: Tell, memory: PathBuf) -> std::io::Result<Self> {
        let teller = Teller::new(tell, memory, log.durability().borrow().end());
        let (publish, looked) = watch::channel(Looked::default());
        let (orders, given) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let run = move || runtime.block_on(follow(&*log, &engine, teller, &publish, given));
        let thread = background::spawn("lookout", run)?;
        Ok(Self { looked, orders, thread })
    }

    /// How far it is, and every change of that.
    pub fn looked(&self) -> watch::Receiver<Looked> {
        self.looked.clone()
    }

    /// Waits until everything before `end` was looked at. What is not durable yet is waited for.
    ///
    /// # Errors
    /// [`Error::Stopped`] when that fails, or the desk is full.
    pub async fn catch_up(&self, end: Position) -> Result<(), Error> {
        let mut looked = self.looked.clone();
        let failures = looked.borrow().failures;
        let reached = looked.wait_for(|looked| looked.until >= end || looked.failures > failures).await;
        if reached.is_ok_and(|looked| looked.until >= end) {
            return Ok(());
        }
        let Looked { until, failed, .. } = looked.borrow().clone();
        Err(Error::Stopped { reached: until, reason: failed.unwrap_or_else(|| "it was told to".to_owned()) })
    }

    /// Ends it after what it is at. What it has not seen it sees after the next start.
    pub async fn stop(mut self) {
        self.orders.send_replace(true);
        while self.looked.changed().await.is_ok() {}
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

async fn follow(
    log: &dyn Log,
    engine: &Arc<Engine>,
    mut teller: Teller,
    publish: &watch::Sender<Looked>,
    mut orders: watch::Receiver<bool>,
) {
    let mut durability = log.durability();
    let mut follower: Option<Follower> = None;
    while !(orders.has_changed().is_err() || *orders.borrow()) {
        let here = follower.get_or_insert_with(|| Follower::at_the_desk(engine, durability.borrow().end(), PACE));
        match here.step(log, engine, &mut teller).await {
            Ok(Stride::More) => {}
            Ok(Stride::End) => {
                let until = here.until;
                publish.send_modify(|looked| (looked.until, looked.failed) = (until, None));
                let more = |durability: &Durability| durability.end() > until || matches!(durability, Durability::Failed { .. });
                tokio::select! {
                    _ = orders.wait_for(|stop| *stop) => {}
                    true = reached(&mut durability, more) => {}
                    () = due(teller.due()) => {}
                }
                if matches!(&*durability.borrow(), Durability::Failed { end, .. } if *end <= until) {
                    let _ = orders.wait_for(|stop| *stop).await;
                }
            }
            Ok(Stride::Full) => {
                wait(publish, "the alert desk is full: decisions wait in the log until alerts are closed".to_owned());
                follower = None;
                pause(&mut orders).await;
            }
            Err(error) => {
                let reason = with_causes(&error);
                tracing::warn!(reason, "decisions were not looked at for alerts; it is tried again");
                wait(publish, reason);
                // What is in memory may be ahead of the desk.
                follower = None;
                pause(&mut orders).await;
            }
        }
    }
}

fn wait(publish: &watch::Sender<Looked>, reason: String) {
    publish.send_modify(|looked| {
        looked.failed = Some(reason);
        looked.failures += 1;
    });
}

async fn pause(orders: &mut watch::Receiver<bool>) {
    tokio::select! {
        _ = orders.wait_for(|stop| *stop) => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

/// Until it is time to tell something again, where something is to be.
async fn due(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// What came of some of the log.
#[derive(Debug, PartialEq, Eq)]
enum Stride {
    /// There is more.
    More,
    /// That was all there is.
    End,
    /// The desk takes no more.
    Full,
}

/// Where the lookout is.
struct Follower {
    pace: Pace,
    until: Position,
    /// What was raised before it was told of.
    told: Position,
    /// Records since memory was last freed of what is too old.
    unpruned: u64,
    windows: Windows,
    policies: BTreeMap<Position, Vec<Arc<Policy>>>,
}

impl Follower {
    /// Where the desk wants the log to be read on from; at its end where there never were policies.
    fn at_the_desk(engine: &Engine, end: Position, pace: Pace) -> Self {
        let (from, told, policies) = engine.desk(|desk| (desk.from(), desk.until(), desk.policies_by_position().clone()));
        let until = if policies.is_empty() { end } else { from };
        Self { pace, until, told, unpruned: 0, windows: Windows::default(), policies }
    }

    async fn step(&mut self, log: &dyn Log, engine: &Arc<Engine>, teller: &mut Teller) -> Result<Stride, Error> {
        let Pace { chunk, far } = self.pace;
        let goes_on = teller.again(log, Instant::now());
        // Where nobody has policies there is nothing to read; one that is declared from here on lies at the end or after it.
        let end = log.durability().borrow().end();
        if self.policies.is_empty() && engine.desk(|desk| desk.policies_by_position().is_empty()) {
            self.until = self.until.max(end);
            return Ok(Stride::End);
        }
        let (mut worthy, mut records) = (Vec::new(), 0);
        for record in log.read(self.until)?.take(chunk as usize) {
            let record = record?;
            match record.topic {
                Topic::Decision => worthy.extend(self.worthy(&record, log, engine)?),
                Topic::Control => self.control(&record, teller)?,
                _ => {}
            }
            self.until = record.position.next();
            records += 1;
        }
        self.unpruned += records;
        if self.unpruned >= chunk {
            self.windows.prune(in_force(&self.policies, self.until));
            self.unpruned = 0;
        }
        let from = self.windows.first().unwrap_or(self.until);
        let (has_policies, known) = engine.desk(|desk| (!desk.policies_by_position().is_empty(), desk.from()));
        let is_far = has_policies && from.0 > known.0 + far;
        if !engine.look_for_alerts(&worthy, self.until, from, is_far).await.map_err(|source| Error::Desk { source })? {
            return Ok(Stride::Full);
        }
        Ok(if records == chunk || goes_on { Stride::More } else { Stride::End })
    }

    /// A decision, where some policy finds it worth an alert.
    fn worthy(&mut self, record: &Record, log: &dyn Log, engine: &Engine) -> Result<Option<Worthy>, Error> {
        let policies = in_force(&self.policies, record.position);
        if policies.is_empty() {
            return Ok(None);
        }
        let malformed = |position: Position| move |source| Error::Record { position, source };
        let decision = Decision::decode(&record.payload).map_err(malformed(record.position))?;
        let mut by = policies.iter().filter(|policy| policy.when.holds(&decision)).peekable();
        if by.peek().is_none() {
            return Ok(None);
        }
        let place = decision.event_position;
        let Some(event) = log.get(place)? else { return Err(Error::NoEvent { decision: record.position, event: place }) };
        let schema = &engine.pipeline().schema;
        let (event, _) = decode_event(&event.payload, schema).map_err(malformed(place))?;
        let mut worthy = Worthy::new(record.position, &decision, event, schema);
        by.for_each(|policy| self.windows.take(policy, &mut worthy));
        Ok(Some(worthy))
    }

    /// What happened at the desk: other policies hold from here on, and who wants to know hears of alerts that were raised or matter more.
    fn control(&mut self, record: &Record, teller: &mut Teller) -> Result<(), Error> {
        let position = record.position;
        let control = Control::decode(&record.payload).map_err(|source| Error::Record { position, source })?;
        let Control::Alerts { steps, at, .. } = control else { return Ok(()) };
        if position >= self.told {
            teller.hear(position, &steps, at, Instant::now());
        }
        for step in steps {
            if let Step::Policies(policies) = step {
                self.policies.insert(position.next(), policies.into_iter().map(Arc::new).collect());
            }
        }
        Ok(())
    }
}

/// The policies that hold for a decision at a position.
fn in_force(policies: &BTreeMap<Position, Vec<Arc<Policy>>>, position: Position) -> &[Arc<Policy>] {
    policies.range(..=position).next_back().map_or(&[], |(_, policies)| policies.as_slice())
}
