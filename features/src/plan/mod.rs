//! The plan: definitions compiled to what a store runs for each event. All windows of one key share one ring of rows; each distinct
//! window edge is one cursor over it, and what cursors cannot carry (extremes, categories, order) is a part fed by them.

mod adding;
mod builder;
mod edge;
mod entity;
mod outputs;
mod parts;
mod plain;
mod reads;
mod row;

use ingest::schema::Schema;
use ingest::time::Duration;
use jiff::tz::TimeZone;

pub(crate) use self::adding::Adding;
use self::builder::Builder;
pub(crate) use self::edge::Edge;
pub(crate) use self::entity::{EntityPlan, Shape, TAG_FLAGS};
use self::outputs::Outputs;
pub(crate) use self::outputs::{Finish, Output};
use self::parts::Over;
pub(crate) use self::parts::{DecayPlan, ExtremePlan, Last, Pass, SeenPlan};
use self::plain::Plain;
pub(crate) use self::plain::PlainKind;
use self::reads::Between;
pub(crate) use self::reads::{Differences, OrderedQuantile, Read, Reading, Reads};
use self::row::Column;
pub(crate) use self::row::{Counted, Merge, Operand, Total};
use crate::definition::{Aggregate, Definition, DefinitionError, Kind, Span, StateLimits, Window, state_rendering, version_of};

/// Compiled definitions.
#[derive(Clone, Debug)]
pub struct Plan {
    definitions: Vec<Definition>,
    pub(crate) entities: Vec<EntityPlan>,
    /// What is read of windows: for one entity together, first what is read before the event enters.
    pub(crate) reads: Vec<Read>,
    /// All windowed features.
    pub(crate) outputs: Outputs,
    /// Features of the event itself, and ratios, in the order of the vector; every feature is either here or among the outputs.
    pub(crate) plain: Vec<Plain>,
    pub(crate) zones: Vec<TimeZone>,
    pub(crate) allowed_lateness: Duration,
    pub(crate) memory_limit_bytes: usize,
    /// How long a label can matter, in microseconds.
    pub(crate) label_reach: i64,
    /// Whether the key of any entity is joined of several.
    pub(crate) has_pairs: bool,
    version: String,
}

impl Plan {
    /// Compiles checked definitions.
    ///
    /// # Errors
    /// Where what is kept of an entity cannot answer a feature of it: more filters than a row has room for, or what tiles of a hot key do
    /// not keep. The error names the feature, and its place in the file.
    pub fn new(
        definitions: Vec<Definition>,
        limits: &StateLimits,
        schema: &Schema,
        allowed_lateness: Duration,
    ) -> Result<Self, DefinitionError> {
        let mut plan = Self {
            entities: Vec::new(),
            reads: Vec::new(),
            outputs: Outputs::default(),
            plain: definitions.iter().enumerate().filter_map(Plain::new).collect(),
            zones: Vec::new(),
            allowed_lateness,
            memory_limit_bytes: limits.memory_limit_bytes,
            label_reach: 0,
            has_pairs: false,
            version: version(&definitions, limits, schema, allowed_lateness),
            definitions,
        };
        let mut keys: Vec<&[usize]> = Vec::new();
        for definition in &plan.definitions {
            if let Kind::Windowed(window) = &definition.kind
                && !keys.contains(&window.key.as_slice())
            {
                keys.push(&window.key);
            }
        }
        keys.sort_unstable();
        for key in keys {
            let state = limits.entities.iter().find(|state| state.key == *key);
            let mut builder = Builder::new(key, state, schema, allowed_lateness.micros(), &mut plan.zones);
            for (feature, definition) in plan.definitions.iter().enumerate() {
                if let Kind::Windowed(window) = &definition.kind
                    && window.key == *key
                {
                    builder.add(feature, definition, window).map_err(|reason| DefinitionError {
                        message: format!("feature `{}`: {reason}", definition.name),
                        span: definition.span.clone(),
                    })?;
                }
            }
            let entity = builder.finish(&mut plan.reads, &mut plan.outputs);
            plan.entities.push(entity);
        }
        let labelled = plan.entities.iter().filter(|entity| entity.labelled);
        plan.label_reach = labelled.map(|entity| entity.retention).max().unwrap_or(0);
        plan.has_pairs = plan.entities.iter().any(|entity| entity.key.len() > 1);
        Ok(plan)
    }

    /// The features, in the order of the vector.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The number of a feature in the vector, by its name.
    pub fn feature(&self, name: &str) -> Option<usize> {
        self.definitions.iter().position(|definition| definition.name == name)
    }

    /// Whether a feature says nothing of the event but when it was: weekend, night.
    pub fn is_of_the_calendar(&self, feature: usize) -> bool {
        matches!(self.definitions[feature].kind, Kind::Weekend(_) | Kind::Night(_))
    }

    /// How many features a vector has.
    pub fn width(&self) -> usize {
        self.definitions.len()
    }

    /// How far behind the newest event one may be and still enter the history.
    pub fn allowed_lateness(&self) -> Duration {
        self.allowed_lateness
    }

    /// The hash of the definitions and of what is kept for them: 16 hexadecimal digits. Equal versions give equal vectors for equal
    /// logs.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names of the entities whose keys have state: `card`, or `card+merchant` for a pair.
    pub fn entity_names(&self) -> impl Iterator<Item = &str> {
        self.entities.iter().map(|entity| entity.name.as_str())
    }

    /// The names of the entities whose bits are set.
    pub fn named(&self, bits: u64) -> impl Iterator<Item = &str> {
        self.entity_names().enumerate().filter(move |(number, _)| bits >> number.min(&63) & 1 == 1).map(|(_, name)| name)
    }

    /// How long a feature must have been watched until its window is covered; `None` for a lifetime, which is never.
    pub fn reach(&self, feature: usize) -> Option<Duration> {
        match &self.definitions[feature].kind {
            Kind::Windowed(window) => window.reach(),
            Kind::Ratio { numerator, denominator } => Some(self.reach(*numerator)?.max(self.reach(*denominator)?)),
            Kind::Value(_) | Kind::Category { .. } | Kind::Weekend(_) | Kind::Night(_) => Some(Duration::ZERO),
        }
    }

    /// Whether any feature counts labels.
    pub(crate) fn is_labelled(&self) -> bool {
        self.entities.iter().any(|entity| entity.labelled)
    }
}

impl Window {
    /// How far back its oldest event lies; `None` for a lifetime. A decay is covered after ten half-lives, when a thousandth is left.
    fn reach(&self) -> Option<Duration> {
        match (&self.span, self.aggregate) {
            (_, Aggregate::DecayedCount(half_life) | Aggregate::DecayedSum(_, half_life)) => {
                Some(self.delay + Duration::from_micros(half_life.micros().saturating_mul(10)))
            }
            (Span::Sliding(length), _) => Some(self.delay + *length),
            (Span::LocalDay(_), _) => Some(Duration::days(1)),
            (Span::Lifetime, _) => None,
        }
    }
}

fn version(definitions: &[Definition], limits: &StateLimits, schema: &Schema, allowed_lateness: Duration) -> String {
    let mut text = format!("features 2, lateness {allowed_lateness}\n");
    for definition in definitions {
        text.push_str(&format!("{} = {}\n", definition.name, definition.version));
    }
    let mut states: Vec<String> = limits.entities.iter().map(|state| state_rendering(state, schema)).collect();
    states.sort_unstable();
    version_of(&(text + &states.concat()))
}
