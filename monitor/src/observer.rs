//! Follows the log on a thread of its own and keeps profiles and drift points up to date in the warehouse. Each hour of profiles says up to which
//! position of the log it is complete, so that nothing is counted twice or left out wherever the program stops. While the warehouse fails it
//! says so and tries again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time;

use ingest::log::record::decode_event;
use ingest::log::{Durability, Log, Position, Topic, reached};
use ingest::{Duration, Event, Timestamp, Value, background, with_causes};
use scoring::Decision;
use tokio::sync::watch;

use crate::drift::{Against, Moved, Severity, Told, Turn, length, window_start};
use crate::error::Error;
use crate::points::{self, DriftPoint};
use crate::profile::{Hour, ProfilePoint};
use crate::questions::Days;
use crate::tables::Window;
use crate::watch::{SERIES, Watch, earlier};

/// So many records are read before profiles are written, at most.
const CHUNK: usize = 100_000;

/// Events that wait for their decision, at most. Of one that waits longer the segments are not known any more.
const MOST_WAITING: usize = 100_000;

/// How long nothing new is looked at after the last look: what is watched are hours.
const PAUSE: time::Duration = time::Duration::from_secs(20);

/// The windows whose drift is written down, and how far behind the newest decision at most. What is older, and weeks, are computed when
/// they are asked for.
const WRITTEN: [(Window, Duration); 2] = [(Window::Hour, Duration::days(2)), (Window::Day, Duration::days(35))];

/// What is told of as it comes to drift: whole days against what the model has learned from.
const TOLD: (Window, Against) = (Window::Day, Against::Training);

/// How far behind the newest decision drift is told of where none was told before.
const NEWS: Duration = Duration::days(35);

/// Who is told; whether they have taken it: what they have not is told again with what comes next. That they have is kept in the
/// warehouse, so that only an end in between has it told twice.
pub type Tell = Box<dyn Fn(&[Turn]) -> bool + Send>;

/// The running observer. Dropped, it stops without anybody waiting for it.
#[derive(Debug)]
pub struct Observer {
    observed: watch::Receiver<Observed>,
    orders: watch::Sender<Orders>,
    thread: JoinHandle<()>,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// One after the last position that is in the profiles.
    pub until: Position,
    /// Why the last try failed; `None` when it went well.
    pub failed: Option<String>,
    /// How many tries failed since the start.
    pub failures: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    wanted: Position,
    stop: bool,
}

impl Observer {
    /// Starts where the profiles in the warehouse are. `tell` hears what comes to drift and what is back, once the day is over.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(log: Arc<dyn Log>, watch: Arc<Watch>, tell: Tell) -> std::io::Result<Self> {
        let (publish, observed) = watch::channel(Observed::default());
        let (orders, given) = watch::channel(Orders::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let run = move || runtime.block_on(follow(&*log, &watch, &tell, &publish, given));
        let thread = background::spawn("observer", run)?;
        Ok(Self { observed, orders, thread })
    }

    /// How far it is, and every change of that.
    pub fn observed(&self) -> watch::Receiver<Observed> {
        self.observed.clone()
    }

    /// Waits until everything before `end` is in the profiles. What is not durable yet is waited for.
    ///
    /// # Errors
    /// [`Error::Stopped`] when that fails.
    pub async fn catch_up(&self, end: Position) -> Result<(), Error> {
        let mut observed = self.observed.clone();
        let failures = observed.borrow().failures;
        self.orders.send_modify(|orders| orders.wanted = orders.wanted.max(end));
        let reached = observed.wait_for(|observed| observed.until >= end || observed.failures > failures).await;
        if reached.is_ok_and(|observed| observed.until >= end) {
            return Ok(());
        }
        let Observed { until, failed, .. } = observed.borrow().clone();
        Err(Error::Stopped { reached: until, reason: failed.unwrap_or_else(|| "it was told to".to_owned()) })
    }

    /// Ends it after what it is at. What it has not seen it sees after the next start.
    pub async fn stop(mut self) {
        self.orders.send_modify(|orders| orders.stop = true);
        while self.observed.changed().await.is_ok() {}
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

async fn follow(
    log: &dyn Log,
    watch: &Watch,
    tell: &Tell,
    publish: &watch::Sender<Observed>,
    mut orders: watch::Receiver<Orders>,
) {
    let mut durability = log.durability();
    let mut follower: Option<Follower> = None;
    let told_to_stop = |orders: &watch::Receiver<Orders>| orders.has_changed().is_err() || orders.borrow().stop;
    while !told_to_stop(&orders) {
        let step = step(log, watch, tell, &mut follower).await;
        match step {
            Ok((until, has_more)) => {
                publish.send_modify(|observed| {
                    (observed.until, observed.failed) = (until, None);
                });
                if has_more {
                    continue;
                }
                wait_for_more(&mut durability, &mut orders, until).await;
            }
            Err(error) => {
                let reason = with_causes(&error);
                tracing::warn!(reason, "profiles and drift are not kept up to date; it is tried again");
                // What is in memory may be ahead of what is kept.
                follower = None;
                publish.send_modify(|observed| {
                    observed.failed = Some(reason);
                    observed.failures += 1;
                });
                let wanted = orders.borrow().wanted;
                tokio::select! {
                    _ = orders.wait_for(|orders| orders.stop || orders.wanted > wanted) => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Until there is something to see and it is time to, or somebody waits for it.
async fn wait_for_more(durability: &mut watch::Receiver<Durability>, orders: &mut watch::Receiver<Orders>, until: Position) {
    tokio::select! {
        _ = orders.wait_for(|orders| orders.stop) => return,
        true = reached(durability, |durability| durability.end() > until || matches!(durability, Durability::Failed { .. })) => {}
    }
    tokio::select! {
        _ = orders.wait_for(|orders| orders.stop || orders.wanted > until) => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

/// Sees some more of the log; how far it is, and whether there is more.
async fn step(log: &dyn Log, watch: &Watch, tell: &Tell, follower: &mut Option<Follower>) -> Result<(Position, bool), Error> {
    let follower = match follower {
        Some(follower) => follower,
        None => follower.insert(Follower::open(watch).await?),
    };
    let decided = follower.read(log, watch)?;
    let has_more = decided.has_more;
    follower.take(watch, decided).await?;
    if !has_more {
        follower.write_drift(watch, tell).await?;
    }
    Ok((follower.until, has_more))
}

/// Where the observer is, with what it still needs.
#[derive(Default)]
struct Follower {
    until: Position,
    /// The segments of events whose decision has not come yet, by position.
    waiting: BTreeMap<u64, Vec<(String, String)>>,
    hours: BTreeMap<Timestamp, Hour>,
    /// Hours whose drift has not been written since they changed.
    changed: BTreeSet<Timestamp>,
    /// Whether it has just been opened: the last drift before it ended may not have been written.
    is_new: bool,
    /// What people know of drift; `None` where nothing was ever told.
    told: Option<Told>,
    /// The begin of the last day that was looked at for what there is to tell.
    looked: Option<Timestamp>,
}

/// Names of attributes with their values.
type Segments = Vec<(String, String)>;

/// Some decisions in the order of the log, with the segments of their events.
struct Decided {
    decisions: Vec<(Position, Decision, Segments)>,
    has_more: bool,
}

impl Follower {
    async fn open(watch: &Watch) -> Result<Self, Error> {
        let epoch = Timestamp::from_micros(0);
        let rows = points::read::<ProfilePoint>(watch.warehouse(), Days::between(Some(epoch), Some(epoch))).await?;
        let kept = |series: &str| rows.iter().find(|filed| filed.series == series).map(|filed| &filed.point);
        let until = Position(kept(POSITION).map_or(0, |point| point.complete_until));
        Ok(Self { until, is_new: true, told: kept(TOLD_UNTIL).and_then(ProfilePoint::as_told), ..Self::default() })
    }

    fn read(&mut self, log: &dyn Log, watch: &Watch) -> Result<Decided, Error> {
        let schema = &watch.pipeline().schema;
        let segments = &watch.monitoring().segments;
        let places: Vec<(&String, Option<usize>)> = segments.iter().map(|name| (name, schema.attribute(name))).collect();
        let (mut decisions, mut records) = (Vec::new(), 0);
        for record in log.read(self.until)? {
            let record = record?;
            let position = record.position;
            let malformed = |source| Error::Record { position, source };
            match record.topic {
                Topic::Event if !places.is_empty() => {
                    let (event, _) = decode_event(&record.payload, schema).map_err(malformed)?;
                    self.waiting.insert(position.0, named(&event, &places));
                    if self.waiting.len() > MOST_WAITING {
                        self.waiting.pop_first();
                    }
                }
                Topic::Decision => {
                    let decision = Decision::decode(&record.payload).map_err(malformed)?;
                    let segments = self.waiting.remove(&decision.event_position.0).unwrap_or_default();
                    decisions.push((position, decision, segments));
                }
                _ => {}
            }
            self.until = position.next();
            records += 1;
            if records == CHUNK {
                return Ok(Decided { decisions, has_more: true });
            }
        }
        Ok(Decided { decisions, has_more: false })
    }

    /// Counts decisions in their hours and keeps those.
    async fn take(&mut self, watch: &Watch, decided: Decided) -> Result<(), Error> {
        let mut changed = BTreeSet::new();
        for (position, decision, segments) in &decided.decisions {
            let start = Hour::of(decision.occurred_at);
            if !self.hours.contains_key(&start) {
                self.load(watch, start).await?;
            }
            let model = decision.champion.as_ref().map(|model| (model.name.clone(), model.version));
            let reference = watch.reference(model.as_ref())?;
            let hour = self.hours.entry(start).or_default();
            if *position >= hour.until {
                hour.take(*position, decision, segments, &reference);
                changed.insert(start);
            }
        }
        for start in &changed {
            points::write(watch.warehouse(), SERIES, Window::Hour, *start, &self.hours[start].points())?;
        }
        if !decided.decisions.is_empty() {
            self.keep_position(watch)?;
        }
        if let Some(first) = changed.first().filter(|_| self.is_new) {
            self.changed.insert(*first - Duration::days(2));
            self.is_new = false;
        }
        self.changed.append(&mut changed);
        // What came last is what changes next.
        while self.hours.len() > HOURS_HELD {
            self.hours.pop_first();
        }
        Ok(())
    }

    /// All hours of a day, as they are kept, so that each day is read once.
    async fn load(&mut self, watch: &Watch, start: Timestamp) -> Result<(), Error> {
        for (start, hour) in watch.hours(Days::between(Some(start), Some(start))).await? {
            self.hours.entry(start).or_insert(hour);
        }
        let midnight = Timestamp::start_of_day(start.day());
        for hour in 0..24 {
            self.hours.entry(midnight + Duration::seconds(hour * 3_600)).or_default();
        }
        Ok(())
    }

    /// Where to go on after a start: where the first event lies whose decision has not come.
    fn keep_position(&self, watch: &Watch) -> Result<(), Error> {
        let until = self.waiting.keys().next().map_or(self.until.0, |first| self.until.0.min(*first));
        let row = ProfilePoint::position(Position(until));
        points::write(watch.warehouse(), POSITION, Window::Hour, Timestamp::from_micros(0), &[row])
    }

    /// Writes the drift of windows that changed, and of those after them.
    async fn write_drift(&mut self, watch: &Watch, tell: &Tell) -> Result<(), Error> {
        let (Some(first), Some(last)) = (self.changed.first().copied(), self.changed.last().copied()) else { return Ok(()) };
        self.tell(watch, tell, first, last).await?;
        for (window, behind) in WRITTEN {
            let first = window_start(window, first.max(last - behind));
            let hours = watch.hours(earlier(Days::between(Some(first), Some(last)), window)).await?;
            let segments: BTreeSet<&str> =
                hours.range(first..).flat_map(|(_, hour)| hour.profiles.keys()).map(|key| key.segment.as_str()).collect();
            for against in Against::ALL {
                let mut by_window: BTreeMap<Timestamp, Vec<DriftPoint>> = BTreeMap::new();
                for segment in &segments {
                    for moved in watch.moved(&hours, window, against, segment)? {
                        if moved.window_start >= first {
                            let points = by_window.entry(moved.window_start).or_default();
                            points.push(point(watch, against, segment, &moved));
                        }
                    }
                }
                for (start, rows) in by_window {
                    points::write(watch.warehouse(), against.name(), window, start, &rows)?;
                }
            }
        }
        self.changed.clear();
        Ok(())
    }
}

impl Follower {
    /// Tells what turned on days that are over now, behind those that were told: however long ago that was.
    async fn tell(&mut self, watch: &Watch, tell: &Tell, first: Timestamp, last: Timestamp) -> Result<(), Error> {
        let (window, against) = TOLD;
        let over = window_start(window, last) - length(window);
        if self.looked.is_some_and(|looked| looked >= over) {
            return Ok(());
        }
        // Where nothing was ever told, not all of a long history is news; and the day before may have ended unseen.
        let unseen = || window_start(window, first.max(last - NEWS)) - Duration::days(2);
        let until = self.told.as_ref().map_or_else(unseen, |told| told.until);
        let hours = watch.hours(earlier(Days::between(Some(until), Some(last)), window)).await?;
        let moved = watch.moved(&hours, window, against, "")?;
        let mut told = self.told.clone().unwrap_or_else(|| Told::up_to(&moved, window, until));
        let turns = told.next(&moved, window, last);
        if !turns.is_empty() && !tell(&turns) {
            return Ok(());
        }
        if self.told.as_ref() != Some(&told) {
            points::write(watch.warehouse(), TOLD_UNTIL, Window::Hour, Timestamp::from_micros(0), &[ProfilePoint::told(&told)])?;
        }
        (self.told, self.looked) = (Some(told), Some(over));
        Ok(())
    }
}

/// What the row is filed under that says where to go on.
const POSITION: &str = "position";

/// What the row is filed under that says what was told.
const TOLD_UNTIL: &str = "told";

/// Hours that are held in memory.
const HOURS_HELD: usize = 72;

/// The segments of an event: name and value.
fn named(event: &Event, places: &[(&String, Option<usize>)]) -> Vec<(String, String)> {
    let value = |place: Option<usize>| match event.attributes.get(place?)?.as_ref()? {
        Value::Text(text) => Some(text.to_string()),
        Value::Integer(whole) => Some(whole.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
    };
    let named = |(name, place): &(&String, Option<usize>)| {
        let value = value(*place).unwrap_or_else(|| "(none)".to_owned());
        ((*name).clone(), value)
    };
    places.iter().map(named).collect()
}

fn point(watch: &Watch, against: Against, segment: &str, moved: &Moved) -> DriftPoint {
    let figures = &moved.figures;
    let known = figures.psi.filter(|_| moved.seen != Severity::InsufficientData);
    let detail = serde_json::json!({
        "seen": moved.seen,
        "p": figures.psi.map(|psi| psi.p),
        "noise": figures.psi.map(|psi| psi.noise),
        "js": figures.js,
        "ks": moved.ks.map(|ks| ks.statistic),
        "cramers_v": moved.chi_square.map(|test| test.cramers_v),
        "missing_rate_reference": figures.missing.map(|missing| missing.reference_rate),
        "missing_rate_current": figures.missing.map(|missing| missing.current_rate),
        "outside_rate": moved.outside_rate,
    });
    DriftPoint {
        reference: against.name().to_owned(),
        kind: moved.kind.name().to_owned(),
        name: moved.name.clone(),
        segment: segment.to_owned(),
        model: moved.model.clone(),
        model_version: moved.model_version,
        statistic: "psi".to_owned(),
        value: known.map(|psi| psi.value),
        threshold: figures.psi.map(|psi| psi.noise.max(watch.monitoring().rules.watch)),
        n_reference: figures.reference_rows,
        n_current: figures.current_rows,
        severity: moved.severity.name().to_owned(),
        detail: detail.to_string(),
    }
}

#[cfg(test)]
mod tests;
