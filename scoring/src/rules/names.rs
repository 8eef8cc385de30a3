//! The names that a condition may use, and what they stand for.

use features::Plan;
use ingest::Value;
use ingest::schema::{Schema, ValueType};

use super::facts::{Facts, ListId};

/// Where the value of a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// A feature, by its number in the vector.
    Feature(usize),
    /// An attribute, by its number in the schema.
    Attribute(usize),
    /// An entity's key, by its number in the schema.
    Entity(usize),
    AmountMinor,
    Currency,
    Time,
    Id,
    /// The champion's, before any rule changes it.
    Score,
    Probability,
}

/// What kind of value a name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Flag,
    Whole,
    Number,
    Text,
    Time,
}

/// The names that there are: of an event's schema, of a plan's features, and of lists.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    schema: &'a Schema,
    plan: &'a Plan,
    lists: &'a [String],
}

impl<'a> Names<'a> {
    /// `lists` are the names of the lists; their places are their [`ListId`]s.
    pub const fn new(schema: &'a Schema, plan: &'a Plan, lists: &'a [String]) -> Self {
        Self { schema, plan, lists }
    }

    /// A name that stands alone: a feature, `score` or `probability`.
    pub(super) fn bare(&self, name: &str) -> Option<(Source, Holds)> {
        match name {
            "score" => Some((Source::Score, Holds::Whole)),
            "probability" => Some((Source::Probability, Holds::Number)),
            _ => Some((Source::Feature(self.plan.feature(name)?), Holds::Number)),
        }
    }

    /// A name that stands after `event.`, `entity.`, `feature.` or `model.`.
    pub(super) fn of(&self, group: &str, name: &str) -> Option<(Source, Holds)> {
        match (group, name) {
            ("event", "amount_minor") => self.schema.amount_minor.is_some().then_some((Source::AmountMinor, Holds::Whole)),
            ("event", "currency") => self.schema.amount_minor.is_some().then_some((Source::Currency, Holds::Text)),
            ("event", "time") => Some((Source::Time, Holds::Time)),
            ("event", "id") => Some((Source::Id, Holds::Text)),
            ("event", _) => {
                let slot = self.schema.attribute(name)?;
                Some((Source::Attribute(slot), holds(self.schema.attributes[slot].value_type)))
            }
            ("entity", _) => Some((Source::Entity(self.schema.entity(name)?), Holds::Text)),
            ("feature", _) => Some((Source::Feature(self.plan.feature(name)?), Holds::Number)),
            ("model", "score" | "probability") => self.bare(name),
            _ => None,
        }
    }

    /// A list, by its name.
    pub(super) fn list(&self, name: &str) -> Option<ListId> {
        self.lists.iter().position(|list| list == name).map(ListId)
    }

    /// The names of the entities, in the order of the schema.
    pub(super) fn entities(&self) -> impl Iterator<Item = &'a str> {
        self.schema.entities.iter().map(|entity| entity.name.as_str())
    }

    /// Whether a name is that of a group, which has names after a dot.
    pub(super) fn is_group(name: &str) -> bool {
        GROUPS.contains(&name)
    }

    /// All names that a condition may use, as it would write them.
    fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = ["score", "probability", "event.time", "event.id"].map(str::to_owned).into();
        if self.schema.amount_minor.is_some() {
            all.extend(["event.amount_minor", "event.currency"].map(str::to_owned));
        }
        all.extend(self.plan.definitions().iter().map(|definition| definition.name.clone()));
        all.extend(self.schema.attributes.iter().map(|attribute| format!("event.{}", attribute.name)));
        all.extend(self.schema.entities.iter().map(|entity| format!("entity.{}", entity.name)));
        all.extend(self.lists.iter().map(|list| format!("lists.{list}")));
        all
    }

    /// The name that may have been meant, if there is one near it.
    pub(super) fn near(&self, written: &str) -> Option<String> {
        let all = self.all();
        let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        // Another group, or none: `channel` for `event.channel`.
        let elsewhere = all.iter().find(|name| last(name) == last(written)).cloned();
        elsewhere.or_else(|| nearest(written, all.iter().map(String::as_str)))
    }
}

pub(super) const GROUPS: [&str; 5] = ["event", "entity", "feature", "model", "lists"];

/// The candidate that fewest edits away, where that is near enough to be a slip.
pub(crate) fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let allowed = (written.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| (strsim::osa_distance(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

const fn holds(value_type: ValueType) -> Holds {
    match value_type {
        ValueType::Text => Holds::Text,
        ValueType::Integer => Holds::Whole,
        ValueType::Number => Holds::Number,
        ValueType::Flag => Holds::Flag,
    }
}

/// How values are looked up. What is not there, or not of the kind that the schema says, is missing.
impl Facts<'_> {
    /// NaN where it is missing.
    #[inline]
    pub(super) fn feature(&self, feature: usize) -> f64 {
        self.vector.get(feature).copied().unwrap_or(f64::NAN)
    }

    #[inline]
    pub(super) fn attribute(&self, slot: usize) -> Option<&Value> {
        self.event.attributes.get(slot)?.as_ref()
    }

    #[inline]
    pub(super) fn entity(&self, slot: usize) -> Option<&str> {
        self.event.entities.get(slot)?.as_deref()
    }

    #[inline]
    pub(super) fn amount_minor(&self) -> Option<i64> {
        self.event.amount.map(ingest::Amount::minor)
    }

    #[inline]
    pub(super) fn currency(&self) -> Option<&str> {
        self.currency.as_ref().map(ingest::Currency::as_str)
    }

    #[inline]
    pub(super) fn score(&self) -> Option<i64> {
        self.score.map(i64::from)
    }

    /// NaN where it is missing.
    #[inline]
    pub(super) fn probability(&self) -> f64 {
        self.probability.unwrap_or(f64::NAN)
    }
}

impl Source {
    /// Whether its value is there.
    pub(super) fn is_there(self, facts: &Facts) -> bool {
        match self {
            Self::Feature(feature) => !facts.feature(feature).is_nan(),
            Self::Attribute(slot) => facts.attribute(slot).is_some(),
            Self::Entity(slot) => facts.entity(slot).is_some(),
            Self::AmountMinor | Self::Currency => facts.event.amount.is_some(),
            Self::Score => facts.score.is_some(),
            Self::Probability => !facts.probability().is_nan(),
            Self::Time | Self::Id => true,
        }
    }
}
