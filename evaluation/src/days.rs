//! What people who can look at so many events a day, or so many cards, get to see.

use std::collections::BTreeMap;

use super::figure::{Figure, Method, Missing};
use super::judged::Judged;
use super::ranking::Ranking;
use super::resample::Resampling;
use crate::metrics::daily_card_precisions;

/// The events of each day, the riskiest first.
pub(super) struct Days {
    days: Vec<Vec<Event>>,
    capacity: f64,
}

#[derive(Clone, Copy)]
struct Event {
    score: f64,
    cluster: u32,
    bad: bool,
    minor: u64,
}

/// What reviews came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub rows: f64,
    pub bad: f64,
    pub bad_minor: f64,
}

impl Days {
    /// `None` where days are not known.
    pub(super) fn new(judged: &Judged<'_>, ranking: &Ranking, resampling: &Resampling<'_>, capacity: usize) -> Option<Self> {
        let of = judged.days?;
        let mut days = BTreeMap::<i32, Vec<Event>>::new();
        for &row in &ranking.rows {
            let row = row as usize;
            let (cluster, bad, minor) = (resampling.clusters[row], judged.labels[row], judged.minor_of(row));
            days.entry(of[row]).or_default().push(Event { score: judged.scores[row], cluster, bad, minor });
        }
        Some(Self { days: days.into_values().collect(), capacity: capacity as f64 })
    }

    /// The riskiest of each day, as many as can be looked at. Of events that tie where the capacity ends the same part of each is
    /// taken, which is what chance would give on average.
    pub(super) fn reviewed(&self, weights: &[u8]) -> Seen {
        let mut seen = Seen::default();
        for day in &self.days {
            let mut left = self.capacity;
            for group in day.chunk_by(|a, b| a.score == b.score) {
                let mut here = Seen::default();
                for event in group {
                    let weight = f64::from(weights[event.cluster as usize]);
                    here.rows += weight;
                    if event.bad {
                        here.bad += weight;
                        here.bad_minor += weight * event.minor as f64;
                    }
                }
                let part = if here.rows > left { left / here.rows } else { 1.0 };
                seen.rows += part * here.rows;
                seen.bad += part * here.bad;
                seen.bad_minor += part * here.bad_minor;
                left -= here.rows;
                if left <= 0.0 {
                    break;
                }
            }
        }
        seen
    }
}

/// [Card precision](crate::metrics::card_precision_at) with the interval that the spread of its days gives.
pub(super) fn card_precision(judged: &Judged<'_>, capacity: usize, z: f64) -> Figure {
    let Some(days) = judged.days else { return Missing::NoDays.into() };
    let Some(entities) = &judged.entities else { return Missing::NoEntities.into() };
    let precisions = daily_card_precisions(capacity, days, &entities.codes, judged.scores, judged.labels);
    let count = precisions.len() as f64;
    if precisions.is_empty() {
        return Missing::NoRows.into();
    }
    let mean = precisions.iter().sum::<f64>() / count;
    if precisions.len() < 2 {
        return mean.into();
    }
    let variance = precisions.iter().map(|precision| (precision - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Figure::around(mean, z * (variance / count).sqrt(), (0.0, 1.0), Method::Days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::card_precision_at;

    proptest! {
        #[test]
        fn card_precision_is_that_of_the_metrics(
            rows in prop::collection::vec((0..4_i32, 0..6_u8, 0..5_u8, any::<bool>()), 0..50),
            k in 1..4_usize,
        ) {
            let days: Vec<i32> = rows.iter().map(|row| row.0).collect();
            let entities: Vec<String> = rows.iter().map(|row| row.1.to_string()).collect();
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.2) / 4.0).collect();
            let labels: Vec<bool> = rows.iter().map(|row| row.3).collect();
            let judged = Judged::new(&scores, &labels).unwrap().with_days(&days).unwrap().with_entities(&entities).unwrap();
            let expect = card_precision_at(k, &days, &entities, &scores, &labels);
            prop_assert_eq!(card_precision(&judged, k, 1.96).point(), expect);
        }
    }
}
