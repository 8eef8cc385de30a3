//! The seam between what features mean and where their state is kept. A store takes an event once, for all of its keys, and
//! answers with whole numbers; what they mean is [finished](Partial) by one plain function, so that every store gives the same
//! bits.

use ingest::Event;
use ingest::log::Position;

use crate::plan::{EntityPlan, Finish, Output, Plan};
use crate::words;

/// Where the state of features is kept. One thread applies; each call is one round trip, and atomic.
pub trait Store {
    /// What can go wrong.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Applies an event to all of its keys, and writes what is read of each window, in the order of the plan.
    ///
    /// # Errors
    /// Where the store cannot be reached or is not what it should be; then nothing was applied.
    fn apply(&mut self, touch: &Touch<'_>, partials: &mut [Partial]) -> Result<Applied, Self::Error>;

    /// Says whether an event that was applied is bad. `false` when the event is not known, or no window can reach it any more: then
    /// nothing changes.
    ///
    /// # Errors
    /// As [`Store::apply`]; then nothing changed.
    fn learn(&mut self, fingerprint: u128, is_bad: bool) -> Result<bool, Self::Error>;

    /// Keeps the same for an event that has not come yet.
    ///
    /// # Errors
    /// As [`Store::apply`]; then nothing is kept.
    fn learn_early(&mut self, fingerprint: u128, is_bad: bool) -> Result<(), Self::Error>;

    /// What is kept, by entity.
    fn usage(&self) -> Vec<Usage>;
}

/// An event as a store takes it.
#[derive(Clone, Copy, Debug)]
pub struct Touch<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its place in the log.
    pub position: Position,
    /// No event comes any more that is older than this, in microseconds.
    pub horizon: i64,
    /// Midnight before the event in each time zone of the plan, in microseconds.
    pub midnights: &'a [i64],
    /// The joined keys of pairs, by the plan's entity; empty where it is no pair or a part is absent.
    pub pairs: &'a [String],
}

impl Touch<'_> {
    /// The key of an entity of the plan; `None` where the event has none.
    pub fn key(&self, plan: &Plan, number: usize) -> Option<&str> {
        self.key_of(&plan.entities[number], number)
    }

    /// The same, of an entity whose number is known.
    #[inline(always)]
    pub(crate) fn key_of(&self, entity: &EntityPlan, number: usize) -> Option<&str> {
        match entity.key.as_slice() {
            [slot] => self.event.entities[*slot].as_deref(),
            _ => Some(self.pairs[number].as_str()).filter(|pair| !pair.is_empty()),
        }
    }
}

/// When a key is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: i64,
    pub(crate) midnights: &'a [i64],
}

/// What became of an event in a store. The bits stand for the entities of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// It was put behind newer events of one of its keys.
    pub is_late: bool,
    /// Entities whose windows hold tiles, lack forgotten events, or are estimates.
    pub coarse: u64,
    /// Entities whose key was not taken, since memory is full.
    pub refused: u64,
}

/// How much is kept of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The entity, or `labels` for what finds the events of labels.
    pub what: String,
    /// Keys (or events that a label can still find).
    pub keys: u64,
    /// Bytes of what is kept.
    pub bytes: u64,
    /// Keys that were not taken, since memory was full.
    pub refused: u64,
}

/// What a window holds, as whole numbers. What each means depends on the feature: a count, a sum, a sum of squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// How many events (or values) there are.
    pub count: i64,
    /// A sum, an extreme, the bits of a decayed sum.
    pub value: i64,
    /// A sum of squares, or whatever needs more than 64 bits.
    pub wide: i128,
}

impl Partial {
    /// The window is empty.
    pub const EMPTY: Self = Self { count: 0, value: 0, wide: 0 };
    /// The event lacks the entity.
    pub const ABSENT: Self = Self { count: i64::MIN, ..Self::EMPTY };
    /// The store did not take the key.
    pub const REFUSED: Self = Self { count: i64::MIN + 1, ..Self::EMPTY };

    /// A word, if it is one.
    pub(crate) const fn word(word: i64) -> Self {
        Self { count: (word != words::ABSENT) as i64, value: word, wide: 0 }
    }

    pub(crate) const fn first_seen(is_first: bool) -> Self {
        Self { count: 1, value: is_first as i64, wide: 0 }
    }

    /// The value of a feature that is a count.
    #[inline(always)]
    pub(crate) fn count(&self, output: &Output) -> f64 {
        if self.count >= 0 { self.count as f64 } else { self.nothing(output) }
    }

    /// The value of a feature that is a sum divided by a count.
    #[inline(always)]
    pub(crate) fn quotient(&self, output: &Output) -> f64 {
        if self.count > 0 { self.value as f64 / self.count as f64 } else { self.nothing(output) }
    }

    /// The value of any other feature.
    pub(crate) fn finish(&self, output: &Output, event: &Event) -> f64 {
        let value = if self.count >= 0 { self.value(output.finish, event) } else { None };
        value.unwrap_or_else(|| self.nothing(output))
    }

    /// The value of a feature that has nothing to be made from.
    fn nothing(&self, output: &Output) -> f64 {
        if self.count == Self::REFUSED.count { f64::NAN } else { output.default }
    }

    fn value(&self, finish: Finish, event: &Event) -> Option<f64> {
        let count = self.count as f64;
        let some = self.count > 0;
        match finish {
            Finish::Count => Some(count),
            Finish::Sum => Some(self.value as f64),
            Finish::Mean | Finish::Rate | Finish::Share => some.then(|| self.value as f64 / count),
            Finish::Variance => self.variance(),
            Finish::Std => self.variance().map(f64::sqrt),
            Finish::ZScore(source) => {
                let (now, deviation) = (source.number(event), self.variance()?.sqrt());
                (deviation > 0.0 && !now.is_nan()).then(|| (now - self.value as f64 / count) / deviation)
            }
            Finish::Word(source) => some.then(|| source.of_word(self.value)),
            Finish::Seconds => some.then_some(self.value as f64 / 1e6),
            Finish::Distinct => Some(count * (1u64 << self.value) as f64),
            Finish::First => some.then_some(self.value as f64),
            Finish::Bits => some.then(|| {
                let weighted = self.wide as f64 / 4_294_967_296.0;
                (libm::log2(count) - weighted / count).max(0.0)
            }),
            Finish::Quantile(source, quantile) => some.then(|| {
                let (.., share) = quantile.place(self.count as usize);
                let (lower, upper) = (source.of_word(self.value), source.of_word(self.wide as i64));
                if share == 0.0 { lower } else { lower + (upper - lower) * share }
            }),
            Finish::Decayed => some.then(|| f64::from_bits(self.value as u64)),
            Finish::Speed { latitude, longitude } => {
                let here = (latitude.number(event), longitude.number(event));
                if !some || here.0.is_nan() || here.1.is_nan() {
                    return None;
                }
                let there = (latitude.of_word((self.wide >> 64) as i64), longitude.of_word(self.wide as i64));
                let hours = (self.value as f64 / 1e6).max(1.0) / 3_600.0;
                Some(great_circle_km(there, here) / hours)
            }
        }
    }

    /// The sample variance, from whole numbers.
    fn variance(&self) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let (n, sum) = (i128::from(self.count), i128::from(self.value));
        let squared = n.wrapping_mul(self.wide).wrapping_sub(sum.wrapping_mul(sum));
        Some(squared as f64 / (n as f64 * (n - 1) as f64))
    }
}

/// The distance of two places, in kilometres, on a sphere of the Earth's mean radius (the haversine formula).
fn great_circle_km((from_lat, from_lon): (f64, f64), (to_lat, to_lon): (f64, f64)) -> f64 {
    const MEAN_RADIUS_KM: f64 = 6_371.008_8;
    let half_sine = |degrees: f64| libm::sin(degrees.to_radians() / 2.0);
    let (north, east) = (half_sine(to_lat - from_lat), half_sine(to_lon - from_lon));
    let cosines = libm::cos(from_lat.to_radians()) * libm::cos(to_lat.to_radians());
    2.0 * MEAN_RADIUS_KM * libm::asin((north * north + cosines * east * east).sqrt().min(1.0))
}
