//! The plan: definitions compiled to what the engine runs for each event. All windows of one entity share one ring of events and
//! one cursor for each distinct edge; a feature is the difference between two cursors.

use ingest::Schema;
use ingest::time::Duration;
use sha2::{Digest, Sha256};

use crate::definition::{Aggregate, Definition, Kind, Source};

/// Compiled definitions.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) entities: Vec<EntityPlan>,
    pub(crate) allowed_lateness: Duration,
    version: String,
}

/// What is kept for each key of one entity.
#[derive(Clone, Debug)]
pub(crate) struct EntityPlan {
    /// The entity's number in the schema.
    pub(crate) entity: usize,
    /// The whole numbers that are summed.
    pub(crate) sources: Vec<Source>,
    /// How long before "now" each cursor stands, in microseconds, ascending.
    pub(crate) edges: Vec<i64>,
    /// Whether labels are counted.
    pub(crate) labelled: bool,
    /// What is read off the cursors.
    pub(crate) outputs: Vec<Output>,
}

/// One windowed feature: between the cursor at the window's far edge and the one at its near edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) feature: usize,
    pub(crate) measure: Measure,
    pub(crate) near: usize,
    pub(crate) far: usize,
    pub(crate) exclude_current: bool,
    pub(crate) default: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    Count,
    Sum(usize),
    Mean(usize),
    LabelRate,
}

impl Plan {
    /// Compiles checked definitions.
    pub fn new(definitions: Vec<Definition>, schema: &Schema, allowed_lateness: Duration) -> Self {
        let mut entities: Vec<EntityPlan> = Vec::new();
        for slot in 0..schema.entities.len() {
            entities.extend(EntityPlan::new(slot, &definitions));
        }
        let version = version(&definitions, schema, allowed_lateness);
        Self { definitions, entities, allowed_lateness, version }
    }

    /// The features, in the order of the vector.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The number of a feature in the vector, by its name.
    pub fn feature(&self, name: &str) -> Option<usize> {
        self.definitions.iter().position(|definition| definition.name == name)
    }

    /// How many features a vector has.
    pub fn width(&self) -> usize {
        self.definitions.len()
    }

    /// How far behind the newest event one may be and still enter the history.
    pub fn allowed_lateness(&self) -> Duration {
        self.allowed_lateness
    }

    /// The hash of the definitions: 16 hexadecimal digits. Equal versions give equal vectors for equal logs.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl EntityPlan {
    /// `None` when no feature is about the entity.
    fn new(entity: usize, definitions: &[Definition]) -> Option<Self> {
        let mut plan = Self { entity, sources: Vec::new(), edges: Vec::new(), labelled: false, outputs: Vec::new() };
        let windows = || {
            definitions.iter().enumerate().filter_map(|(feature, definition)| match definition.kind {
                Kind::Windowed(window) if window.entity == entity => Some((feature, definition, window)),
                _ => None,
            })
        };
        for (_, _, window) in windows() {
            plan.edges.extend([window.delay.micros(), (window.delay + window.length).micros()]);
        }
        plan.edges.sort_unstable();
        plan.edges.dedup();
        for (feature, definition, window) in windows() {
            let edge = |offset: Duration| plan.edges.binary_search(&offset.micros()).expect("every edge was collected above");
            let (near, far) = (edge(window.delay), edge(window.delay + window.length));
            let measure = match window.aggregate {
                Aggregate::Count => Measure::Count,
                Aggregate::Sum(source) => Measure::Sum(position_or_push(&mut plan.sources, source)),
                Aggregate::Mean(source) => Measure::Mean(position_or_push(&mut plan.sources, source)),
                Aggregate::LabelRate => Measure::LabelRate,
            };
            plan.labelled |= matches!(measure, Measure::LabelRate);
            let exclude_current = window.exclude_current;
            plan.outputs.push(Output { feature, measure, near, far, exclude_current, default: definition.default });
        }
        (!plan.outputs.is_empty()).then_some(plan)
    }

    /// The longest that an event matters to a feature.
    pub(crate) fn reach(&self) -> i64 {
        self.edges.last().copied().unwrap_or(0)
    }
}

fn position_or_push(sources: &mut Vec<Source>, source: Source) -> usize {
    sources.iter().position(|known| *known == source).unwrap_or_else(|| {
        sources.push(source);
        sources.len() - 1
    })
}

/// Over a rendering by names, so that the order of declarations in the schema does not matter.
fn version(definitions: &[Definition], schema: &Schema, allowed_lateness: Duration) -> String {
    let source = |source: Source| match source {
        Source::Amount => "amount_minor".to_owned(),
        Source::Attribute(slot) => schema.attributes[slot].name.clone(),
    };
    let mut hash = Sha256::new();
    hash.update(format!("features 1, lateness {allowed_lateness}\n"));
    for definition in definitions {
        let what = match definition.kind {
            Kind::Value(of) => format!("value {}", source(of)),
            Kind::Weekend => "weekend".to_owned(),
            Kind::Night => "night".to_owned(),
            Kind::Ratio { numerator, denominator } => {
                format!("ratio {} {}", definitions[numerator].name, definitions[denominator].name)
            }
            Kind::Windowed(window) => {
                let aggregate = match window.aggregate {
                    Aggregate::Count => "count".to_owned(),
                    Aggregate::Sum(of) => format!("sum {}", source(of)),
                    Aggregate::Mean(of) => format!("mean {}", source(of)),
                    Aggregate::LabelRate => "label_rate".to_owned(),
                };
                let entity = &schema.entities[window.entity].name;
                format!(
                    "{aggregate} by {entity} over {} after {} without_current {}",
                    window.length, window.delay, window.exclude_current
                )
            }
        };
        hash.update(format!("{} = {what}, default {}\n", definition.name, definition.default));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
