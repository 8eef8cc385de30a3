//! History in the order in which it became known: events at their own time, each label when its delay is over. Replays and
//! training read files through it, so that neither ever sees a label too early.

use std::collections::VecDeque;

use crate::decode::Historical;
use crate::event::{Event, EventId};
use crate::label::{Label, Outcome};
use crate::time::{Duration, Timestamp};

/// What becomes known next.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// An event happened; `outcome` is what it will turn out to be, for whoever keeps the score.
    Event {
        /// The event.
        event: Event,
        /// The label that will come, if the history has one.
        outcome: Option<Outcome>,
    },
    /// A label arrived.
    Label(Label),
}

/// Holds labels back until they are due.
#[derive(Debug)]
pub struct Timeline {
    delay: Duration,
    pending: VecDeque<(Timestamp, EventId, Outcome)>,
}

impl Timeline {
    /// Labels become known `delay` after their event.
    pub fn new(delay: Duration) -> Self {
        Self { delay, pending: VecDeque::new() }
    }

    /// Hands over the labels that are known by the time of the next event, then the event. Events come in the order of time; a
    /// label that is due at the very time of an event comes before it.
    pub fn next(&mut self, historical: Historical, mut hand_over: impl FnMut(Known)) {
        let Historical { event, label: outcome } = historical;
        self.until(event.occurred_at, &mut hand_over);
        if let Some(outcome) = outcome {
            self.pending.push_back((event.occurred_at + self.delay, event.event_id.clone(), outcome));
        }
        hand_over(Known::Event { event, outcome });
    }

    /// Hands over the labels that are known by `now`.
    pub fn until(&mut self, now: Timestamp, mut hand_over: impl FnMut(Known)) {
        while let Some((observed_at, event_id, outcome)) = self.pending.pop_front_if(|(due, ..)| *due <= now) {
            hand_over(Known::Label(Label {
                event_id,
                label: outcome,
                source: outcome.usual_source(),
                category: None,
                observed_at,
                amount_minor: None,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_when_they_are_due_and_before_an_event_of_the_same_time() {
        let mut timeline = Timeline::new(Duration::seconds(10));
        let mut seen = Vec::new();
        for (id, second, label) in
            [("a", 0, Some(Outcome::Fraud)), ("b", 5, None), ("c", 5, Some(Outcome::Legit)), ("d", 10, None), ("e", 30, None)]
        {
            let event = Event {
                event_id: EventId::new(id).expect("short"),
                occurred_at: Timestamp::from_micros(second * 1_000_000),
                amount: None,
                entities: Vec::new(),
                attributes: Vec::new(),
                supersedes: None,
            };
            timeline.next(Historical { event, label }, |known| {
                seen.push(match known {
                    Known::Event { event, .. } => event.event_id.to_string(),
                    Known::Label(label) => format!("{} is {:?}", label.event_id, label.label),
                });
            });
        }
        assert_eq!(seen, ["a", "b", "c", "a is Fraud", "d", "c is Legit", "e"]);
    }
}
