//! Who of several instances is active: they are one consumer group on the journal, which has one partition, and whoever is given that one writes.
//! The others stand by. It is for order, not for safety: a writer that does not know that another has taken over is shut out by the cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::watch;

use super::super::Error;
use super::address::Settings;
use super::client::{Clients, Ears, OPENING};
use super::figures::Figures;

/// After so long without a word from it an instance is taken for dead, and another one becomes active. The least that brokers allow as they come is 6 s.
const SESSION: Duration = Duration::from_secs(10);

/// How long an instance whose membership was lost waits to be made active again, while it reaches the cluster; then another one is.
const DOUBT: Duration = Duration::from_secs(30);

/// What an instance is among those of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Another one is active.
    StandingBy,
    /// This one is.
    Active,
    /// This one was, and the cluster has not heard of it for a while: until another one shuts it out, it goes on.
    Doubtful,
    /// This one was, and will not be again.
    Lost {
        /// Why.
        reason: String,
    },
}

/// The membership of an instance, until it is dropped.
pub struct Membership {
    seat: watch::Receiver<Seat>,
    figures: Arc<Figures>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Member {
    ears: Ears,
    figures: Arc<Figures>,
    seat: watch::Sender<Seat>,
    /// Who leaves loses nothing.
    is_leaving: Arc<AtomicBool>,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.ears.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ears.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance
            && partitions.count() > 0
            && !self.is_leaving.load(Ordering::Relaxed)
        {
            Figures::add(&self.figures.rebalances, 1);
            let seat = match consumer.assignment_lost() {
                true => Seat::Doubtful,
                false => Seat::Lost { reason: "another instance was made active".to_owned() },
            };
            tracing::warn!(?seat, "this instance is no longer the active one");
            self.seat.send_replace(seat);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance
            && partitions.count() > 0
        {
            Figures::add(&self.figures.rebalances, 1);
            // The journal is read by position, not here.
            if let Err(error) = consumer.pause(partitions) {
                tracing::warn!(%error, "the journal is read twice");
            }
            self.seat.send_replace(Seat::Active);
        }
    }
}

impl Membership {
    /// Joins the instances of a log, whose topics are made where they are not there. With a name of its own an instance that starts again is the
    /// one that it was; without one it is another.
    ///
    /// # Errors
    /// [`Error::Broker`] for everything that the cluster says, or does not say within a quarter of a minute.
    pub fn join(settings: Settings, name: Option<&str>) -> Result<Self, Error> {
        let figures: Arc<Figures> = Arc::default();
        let clients = Clients { settings, figures: Arc::clone(&figures) };
        clients.reach(&clients.writer()?, OPENING)?;
        let reader = clients.reader(&[])?;
        clients.make_topics()?;
        let journal = clients.settings.address.journal();
        clients.partitions(&reader, &journal)?;
        let mut config = clients.consumer(&[]);
        config.set("group.id", format!("{}.instances", clients.settings.address.prefix));
        config.set("session.timeout.ms", SESSION.as_millis().to_string()).set("heartbeat.interval.ms", "2000");
        config.set("partition.assignment.strategy", "cooperative-sticky").set("auto.offset.reset", "earliest");
        if let Some(name) = name {
            config.set("group.instance.id", name);
        }
        let (sender, seat) = watch::channel(Seat::StandingBy);
        let stop = Arc::new(AtomicBool::new(false));
        let member =
            Member { ears: Ears::new(&figures), figures: Arc::clone(&figures), seat: sender, is_leaving: Arc::clone(&stop) };
        let consumer: BaseConsumer<Member> = config.create_with_context(member).map_err(clients.error("join the instances"))?;
        consumer.subscribe(&[&journal]).map_err(clients.error("join the instances"))?;
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("membership".to_owned()).spawn(move || stay(&consumer, &journal, &stopped));
        let thread = thread.map_err(|source| Error::Io {
            action: "join the instances of",
            path: clients.settings.address.prefix.clone(),
            source,
        })?;
        Ok(Self { seat, figures, stop, thread: Some(thread) })
    }

    /// What this instance is, and every change of it.
    pub fn seat(&self) -> watch::Receiver<Seat> {
        self.seat.clone()
    }

    /// What is counted, for the log to go on with.
    pub fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.figures)
    }
}

impl Drop for Membership {
    /// Leaves, so that another one is active at once; one with a name is waited for.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // There is nothing to be said of a member that is gone.
            let _ = thread.join();
        }
    }
}

fn stay(consumer: &BaseConsumer<Member>, journal: &str, stopped: &AtomicBool) {
    let seat = &consumer.context().seat;
    let mut doubted = None;
    while !stopped.load(Ordering::Relaxed) {
        let lost = match consumer.poll(Duration::from_millis(200)) {
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => Some(code.to_string()),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::FencedInstanceId) => Some(error.to_string()),
            _ => None,
        };
        if *seat.borrow() == Seat::Doubtful {
            // Who cannot reach the cluster learns nothing of others.
            let is_reached = consumer.fetch_metadata(Some(journal), Duration::from_secs(1)).is_ok();
            let since = doubted.get_or_insert_with(Instant::now);
            if !is_reached {
                *since = Instant::now();
            } else if since.elapsed() > DOUBT {
                seat.send_replace(Seat::Lost { reason: "another instance was made active meanwhile".to_owned() });
            }
        } else {
            doubted = None;
        }
        if let Some(reason) = lost {
            seat.send_replace(Seat::Lost { reason: format!("this instance was shut out of the group: {reason}") });
            return;
        }
    }
}
