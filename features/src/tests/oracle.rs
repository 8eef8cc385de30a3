//! What the features mean, as plainly as it can be written: every event is kept, and every window looks at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ingest::{Event, EventId, Label, Timestamp, Value};
use jiff::tz::TimeZone;

use crate::Plan;
use crate::definition::{Aggregate, Category, Kind, Source, Span, Window};

/// Every event that entered the history, and what is known of it.
pub(crate) struct Oracle {
    plan: Arc<Plan>,
    history: Vec<(Event, bool)>,
    early: Vec<(EventId, bool)>,
    watermark: Timestamp,
}

impl Oracle {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, history: Vec::new(), early: Vec::new(), watermark: Timestamp::MIN }
    }

    pub(crate) fn apply(&mut self, event: &Event) -> Vec<f64> {
        let bad = self.early.iter().rev().find(|(id, _)| *id == event.event_id).is_some_and(|(_, bad)| *bad);
        self.watermark = self.watermark.max(event.occurred_at);
        let too_late = event.occurred_at < self.watermark - self.plan.allowed_lateness();
        self.history.push((event.clone(), bad));
        let mut vector: Vec<f64> = Vec::new();
        for definition in self.plan.definitions() {
            vector.push(match &definition.kind {
                Kind::Value(source) => source.number(event),
                Kind::Category { of, words } => match &event.attributes[*of] {
                    Some(Value::Text(text)) => {
                        words.iter().position(|word| **word == **text).map_or(f64::NAN, |place| place as f64)
                    }
                    _ => definition.default,
                },
                Kind::Weekend(zone) => f64::from(u8::from(local(zone, event.occurred_at).weekday().to_monday_zero_offset() >= 5)),
                Kind::Night(zone) => f64::from(u8::from(local(zone, event.occurred_at).hour() <= 6)),
                Kind::Ratio { denominator, .. } if vector[*denominator] == 0.0 || vector[*denominator].is_nan() => f64::NAN,
                Kind::Ratio { numerator, denominator } => vector[*numerator] / vector[*denominator],
                Kind::Windowed(_) if too_late => f64::NAN,
                Kind::Windowed(window) => self.windowed(window, event).unwrap_or(definition.default),
            });
        }
        if too_late {
            self.history.pop();
        }
        vector
    }

    pub(crate) fn learn(&mut self, label: &Label) {
        match self.history.iter_mut().find(|(event, _)| event.event_id == label.event_id) {
            Some((_, bad)) => *bad = label.label.is_bad(),
            None => self.early.push((label.event_id.clone(), label.label.is_bad())), // or too late, and then nobody asks for it
        }
    }

    fn windowed(&self, window: &Window, event: &Event) -> Option<f64> {
        let key = |event: &Event| window.key.iter().map(|slot| event.entities[*slot].clone()).collect::<Option<Vec<_>>>();
        let wanted = key(event)?;
        let now = event.occurred_at;
        let until = now - window.delay;
        let after = match &window.span {
            Span::Sliding(length) => until - *length,
            Span::LocalDay(zone) => {
                let midnight = local(zone, now).start_of_day().expect("within the calendar").timestamp().as_microsecond();
                Timestamp::from_micros(midnight - 1)
            }
            Span::Lifetime => Timestamp::MIN,
        };
        let mut inside: Vec<&(Event, bool)> = self
            .history
            .iter()
            .filter(|(each, _)| key(each).as_ref() == Some(&wanted))
            .filter(|(each, _)| each.occurred_at > after && each.occurred_at <= until)
            .filter(|(each, _)| window.filter.as_ref().is_none_or(|filter| filter.holds(each)))
            .filter(|(each, _)| !(window.exclude_current && each.event_id == event.event_id))
            .collect();
        // Stable, so that of equal times the order of arrival holds.
        inside.sort_by_key(|(each, _)| each.occurred_at);
        let count = inside.len() as f64;
        let numbers = |source: Source| -> Vec<f64> {
            inside.iter().map(|(each, _)| source.number(each)).filter(|number| !number.is_nan()).collect()
        };
        let categories = |of: Category| -> Vec<String> { inside.iter().filter_map(|(each, _)| category(of, each)).collect() };
        let bad = || inside.iter().filter(|(_, bad)| *bad).count() as f64;
        match window.aggregate {
            Aggregate::Count => Some(count),
            // An empty sum of floats is minus zero.
            Aggregate::Sum(source) => Some(numbers(source).iter().sum::<f64>() + 0.0),
            Aggregate::Mean(source) => mean(&numbers(source)),
            Aggregate::Variance(source) => variance(&numbers(source)),
            Aggregate::Std(source) => variance(&numbers(source)).map(f64::sqrt),
            Aggregate::ZScore(source) => {
                let before = numbers(source);
                let deviation = variance(&before)?.sqrt();
                (deviation > 1e-12).then(|| (source.number(event) - mean(&before).expect("two at least")) / deviation)
            }
            Aggregate::Min(source) => numbers(source).into_iter().reduce(f64::min),
            Aggregate::Max(source) => numbers(source).into_iter().reduce(f64::max),
            Aggregate::Last(source) => numbers(source).last().copied(),
            Aggregate::TimeSinceLast => inside.last().map(|(last, _)| now.since(last.occurred_at).micros() as f64 / 1e6),
            Aggregate::Distinct(of) => Some(categories(of).into_iter().collect::<BTreeSet<_>>().len() as f64),
            Aggregate::FirstSeen(of) => {
                let current = category(of, event)?;
                Some(f64::from(u8::from(!categories(of).contains(&current))))
            }
            Aggregate::TopShare(of) => {
                let all = categories(of);
                shares(&all).into_iter().reduce(f64::max)
            }
            Aggregate::Entropy(of) => {
                let all = categories(of);
                (!all.is_empty()).then(|| -shares(&all).into_iter().map(|share| share * share.log2()).sum::<f64>())
            }
            Aggregate::Quantile(source, quantile) => {
                let mut sorted = numbers(source);
                sorted.sort_by(f64::total_cmp);
                let place = quantile * (sorted.len().checked_sub(1)? as f64);
                let (lower, upper) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
                Some(lower + (upper - lower) * place.fract())
            }
            Aggregate::DecayedCount(half_life) => {
                let fade = |(each, _): &&(Event, bool)| faded(until, each.occurred_at, half_life);
                Some(inside.iter().map(fade).sum())
            }
            Aggregate::DecayedSum(source, half_life) => {
                let values = inside.iter().filter(|(each, _)| !source.number(each).is_nan());
                Some(values.map(|(each, _)| source.number(each) * faded(until, each.occurred_at, half_life)).sum())
            }
            Aggregate::Speed { latitude, longitude } => {
                let place =
                    |event: &Event| Some((latitude.number(event), longitude.number(event))).filter(|(a, b)| !(a + b).is_nan());
                let (there, at) = inside.iter().rev().find_map(|(each, _)| Some((place(each)?, each.occurred_at)))?;
                let hours = (now.since(at).micros() as f64 / 1e6).max(1.0) / 3_600.0;
                Some(distance_km(there, place(event)?) / hours)
            }
            Aggregate::LabelRate => (count > 0.0).then(|| bad() / count),
            Aggregate::LabelCount => Some(bad()),
        }
    }
}

/// Whether a feature's value is the expected one: to the bit, except where it is made of fractions.
pub(crate) fn agree(kind: &Kind, found: f64, expect: f64) -> bool {
    let is_fraction = match kind {
        Kind::Windowed(window) => matches!(
            window.aggregate,
            Aggregate::Variance(_)
                | Aggregate::Std(_)
                | Aggregate::ZScore(_)
                | Aggregate::Entropy(_)
                | Aggregate::DecayedCount(_)
                | Aggregate::DecayedSum(..)
                | Aggregate::Speed { .. }
        ),
        _ => false,
    };
    let close = |found: f64, expect: f64| (found - expect).abs() <= 1e-9 * expect.abs().max(1.0);
    found.to_bits() == expect.to_bits() || (found.is_nan() && expect.is_nan()) || (is_fraction && close(found, expect))
}

fn local(zone: &TimeZone, now: Timestamp) -> jiff::ZonedDateTime {
    jiff::Timestamp::from_microsecond(now.micros()).expect("within the calendar").to_zoned_datetime(zone.clone())
}

fn category(of: Category, event: &Event) -> Option<String> {
    match of {
        Category::Entity(slot) => event.entities[slot].as_deref().map(str::to_owned),
        Category::Attribute(slot) => event.attributes[slot].as_ref().map(Value::to_string),
    }
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn variance(numbers: &[f64]) -> Option<f64> {
    let mean = mean(numbers)?;
    let squares: f64 = numbers.iter().map(|number| (number - mean) * (number - mean)).sum();
    (numbers.len() > 1).then(|| squares / (numbers.len() - 1) as f64)
}

fn shares(categories: &[String]) -> Vec<f64> {
    let mut counts = BTreeMap::new();
    for category in categories {
        *counts.entry(category).or_insert(0.0) += 1.0;
    }
    counts.into_values().map(|count: f64| count / categories.len() as f64).collect()
}

fn faded(now: Timestamp, then: Timestamp, half_life: ingest::Duration) -> f64 {
    0.5f64.powf(now.since(then).micros() as f64 / half_life.micros() as f64)
}

/// By the angle between two vectors, as another way than the engine's.
fn distance_km(from: (f64, f64), to: (f64, f64)) -> f64 {
    let vector = |(lat, lon): (f64, f64)| {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    };
    let ([a, b, c], [x, y, z]) = (vector(from), vector(to));
    let cross = [b * z - c * y, c * x - a * z, a * y - b * x];
    let sine = cross.iter().map(|part| part * part).sum::<f64>().sqrt();
    6_371.008_8 * sine.atan2(a * x + b * y + c * z)
}
