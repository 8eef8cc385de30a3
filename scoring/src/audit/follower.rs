//! Follows the log and tells the chain of every control record, once. It reads what is durable, so that a change is in the log before it is in
//! the chain; after a crash it goes on behind the last record that the chain tells of. While the chain takes nothing it says so and tries again:
//! what it has not told is still in the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::log::record::RecordError;
use ingest::log::{Log, Position, Topic};
use ingest::{background, replace_file, with_causes};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Chain, Draft, Recorded, told};
use crate::control::{Control, State};

/// How often it looks for more.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// After a failure it waits, twice as long each time.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// So many entries are written at once at most.
const AT_ONCE: usize = 1_000;
/// The version of what it remembers.
const FORMAT: u8 = 2;

/// What tells the chain of control records, on a thread of its own. Dropped, it ends without being waited for.
#[derive(Debug)]
pub struct Auditor {
    orders: watch::Sender<()>,
    thread: JoinHandle<()>,
}

impl Auditor {
    /// Starts behind the last record that the chain in `folder` tells of.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(log: Arc<dyn Log>, folder: &Path) -> io::Result<Self> {
        let (orders, ordered) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let mut follower = Follower { log, chain: Chain::of(folder), memory: folder.join("audit.position"), known: None };
        let thread = background::spawn("auditor", move || runtime.block_on(follower.follow(ordered)))?;
        Ok(Self { orders, thread })
    }

    /// Tells of everything that is durable by now, and ends.
    pub async fn stop(self) {
        let Self { orders, thread } = self;
        drop(orders);
        // A panic was told by the thread itself.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

struct Follower {
    log: Arc<dyn Log>,
    chain: Chain,
    memory: PathBuf,
    /// Not known before the chain was asked, and after a failure.
    known: Option<Known>,
}

/// Where the follower is.
struct Known {
    /// Everything before it was looked at.
    position: Position,
    /// The last record that the chain tells of.
    told: Option<Position>,
    /// What control records before the position come to.
    state: State,
}

/// What is kept between two runs, so that the log is not read from its beginning.
#[derive(Serialize, Deserialize)]
struct Memory {
    position: Position,
    told: Option<Position>,
    state: State,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Chain(#[from] super::Error),
    #[error(transparent)]
    Log(#[from] ingest::log::Error),
    #[error("the control record at position {position} cannot be read: {source}")]
    Record { position: Position, source: RecordError },
}

impl Follower {
    async fn follow(&mut self, mut ordered: watch::Receiver<()>) {
        let mut durability = self.log.durability();
        let mut pause = BETWEEN_LOOKS;
        loop {
            let looked = self.look();
            match &looked {
                Ok(()) => pause = BETWEEN_LOOKS,
                Err(failure) => {
                    self.known = None;
                    pause = LONGEST_PAUSE.min(pause * 2);
                    tracing::error!(failure = with_causes(failure), "the audit chain is behind the log; it is tried again");
                }
            }
            let has_more = async {
                tokio::time::sleep(pause).await;
                // After a failure there is more to do, whatever the log does.
                looked.is_err() || durability.changed().await.is_ok()
            };
            let goes_on = tokio::select! {
                more = has_more => more,
                // Only ever closed.
                _ = ordered.changed() => false,
            };
            if !goes_on {
                break;
            }
        }
        match self.look() {
            Ok(()) => self.remember(),
            Err(failure) => {
                tracing::error!(failure = with_causes(&failure), "the audit chain is behind the log; the next start goes on");
            }
        }
    }

    /// Tells of everything that is durable as of now.
    fn look(&mut self) -> Result<(), Failure> {
        if self.known.is_none() {
            self.known = Some(self.recall()?);
        }
        let Some(known) = &mut self.known else { return Ok(()) };
        let end = self.log.durability().borrow().end();
        if known.position >= end {
            return Ok(());
        }
        let mut drafts: Vec<Draft> = Vec::new();
        for record in self.log.read(known.position)? {
            let record = record?;
            if record.topic == Topic::Control {
                let position = record.position;
                let control = Control::decode(&record.payload).map_err(|source| Failure::Record { position, source })?;
                if known.told.is_none_or(|told| position > told) {
                    let recorded = Some(Recorded::new(position, &record.payload));
                    if let Some(draft) = told(&control, &known.state) {
                        drafts.push(Draft { record: recorded, ..draft });
                        known.told = Some(position);
                    }
                }
                known.state.apply(control, position);
            }
            known.position = record.position.next();
            if drafts.len() == AT_ONCE {
                self.chain.append(std::mem::take(&mut drafts))?;
            }
        }
        Ok(self.chain.append(drafts)?)
    }

    /// Where the chain and the memory of the last run are. A memory that cannot be used costs time, and nothing else.
    fn recall(&self) -> Result<Known, Failure> {
        let told = last_told(&self.chain)?;
        let memory = std::fs::read(&self.memory).ok();
        let memory = memory.and_then(|bytes| postcard::from_bytes::<Memory>(bytes.strip_prefix(&[FORMAT])?).ok());
        let end = self.log.durability().borrow().end();
        if let Some(Memory { told: before, .. }) = memory.as_ref().filter(|memory| memory.told > told) {
            tracing::error!(?before, ?told, "the audit chain has lost entries; those of control records are written again");
        }
        let memory = memory.filter(|memory| memory.position <= end && memory.told <= told);
        let (position, state) = memory.map_or_else(Default::default, |memory| (memory.position, memory.state));
        Ok(Known { position, told, state })
    }

    fn remember(&self) {
        let Some(Known { position, told, state }) = &self.known else { return };
        let memory = Memory { position: *position, told: *told, state: state.clone() };
        let bytes = postcard::to_extend(&memory, vec![FORMAT]).expect("plain data always encodes");
        if let Err(error) = replace_file(&self.memory, &bytes) {
            tracing::warn!(%error, "the next start reads the log from its beginning for the audit chain");
        }
    }
}

/// The last record that a chain tells of.
fn last_told(chain: &Chain) -> Result<Option<Position>, super::Error> {
    let mut cursor = None;
    loop {
        let found = chain.page(|entry| entry.record.is_some(), cursor, 1)?;
        if let Some(sealed) = found.entries.into_iter().next() {
            return Ok(sealed.entry.record.map(|recorded| recorded.position));
        }
        cursor = found.next;
        if cursor.is_none() {
            return Ok(None);
        }
    }
}
