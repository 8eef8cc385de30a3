//! What a rule is asked about: the event, its features, what the champion said, and the lists. All of it is borrowed and at hand.

use ingest::{Currency, Event};

/// The number of a list, in the order in which the lists' names were given when the rules were compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(pub usize);

/// What knows the entries of lists. It answers at once, from memory.
pub trait Lists {
    /// Whether `value` is on the list.
    fn contains(&self, list: ListId, value: &str) -> bool;
}

/// For pipelines without lists: nothing is on any.
impl Lists for () {
    fn contains(&self, _list: ListId, _value: &str) -> bool {
        false
    }
}

/// What is known of one event when its rules are asked.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub(super) event: &'a Event,
    pub(super) vector: &'a [f64],
    pub(super) score: Option<u16>,
    pub(super) probability: Option<f64>,
    pub(super) lists: &'a dyn Lists,
    pub(super) currency: Option<Currency>,
}

impl<'a> Facts<'a> {
    /// The event and its vector are of the schema and the plan that the rules were compiled against; where they are not, what they
    /// lack is missing.
    pub fn new(event: &'a Event, vector: &'a [f64], lists: &'a dyn Lists) -> Self {
        let currency = event.amount.map(ingest::Amount::currency);
        Self { event, vector, score: None, probability: None, lists, currency }
    }

    /// With what the champion said: its score from 0 to 1000, before any rule changes it, and its probability from 0 to 1.
    #[must_use]
    pub fn scored(self, score: Option<u16>, probability: Option<f64>) -> Self {
        Self { score, probability, ..self }
    }
}
