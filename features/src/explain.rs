//! A plan in words and figures: what is kept for each entity's keys, and what it takes.

use crate::Plan;
use crate::definition::{Aggregate, Kind, Span};
use crate::plan::{Edge, EntityPlan};

/// What is kept of one entity.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    /// The entity, or several joined by `+`.
    pub entity: String,
    /// Families of features, in the order of their first use.
    pub families: Vec<&'static str>,
    /// How many features are read for an event.
    pub features: usize,
    /// How many cursors a row passes.
    pub cursors: usize,
    /// What is kept beside rows and cursors: extremes, categories, tables of categories, ordered values, decayed sums.
    pub parts: usize,
    /// Bytes of a key without events.
    pub key_bytes: usize,
    /// Bytes of each event within the longest window; categories and ordered values come on top.
    pub event_bytes: usize,
    /// How long an event is kept, in seconds.
    pub kept_seconds: i64,
    /// A key that saw nothing for so long starts anew, in seconds; `None` for one that never does.
    pub idle_seconds: Option<i64>,
    /// The resolution of hot keys in seconds, and above how many events a key is one.
    pub tile: Option<(i64, u32)>,
}

/// Explains each entity of a plan.
pub fn explain(plan: &Plan) -> Vec<Explained> {
    plan.entities.iter().map(|entity| entity_of(plan, entity)).collect()
}

fn entity_of(plan: &Plan, entity: &EntityPlan) -> Explained {
    let windows = || {
        plan.definitions().iter().filter_map(|definition| match &definition.kind {
            Kind::Windowed(window) if window.key == entity.key => Some(window),
            _ => None,
        })
    };
    let mut families = Vec::new();
    for window in windows() {
        let named = [family(window.aggregate), span(&window.span)];
        for name in named.into_iter().chain(window.filter.is_some().then_some("where")) {
            if !families.contains(&name) {
                families.push(name);
            }
        }
    }
    Explained {
        entity: entity.name.clone(),
        families,
        features: plan.outputs.iter().filter(|output| entity.reads().contains(&output.read)).count(),
        cursors: entity.edges.len(),
        parts: entity.lasts.len()
            + entity.extremes.len()
            + entity.seen.len()
            + entity.tables.len()
            + entity.orders.len()
            + entity.decays.len(),
        key_bytes: crate::memory::key_bytes(entity),
        event_bytes: entity.shape.row * size_of::<i64>(),
        kept_seconds: entity.retention / 1_000_000,
        idle_seconds: entity.idle_after.map(|idle| idle / 1_000_000),
        tile: entity.tile.map(|tile| (tile.resolution.micros() / 1_000_000, tile.above)),
    }
}

/// Where windows begin and end, as an analyst writes them: `7d`, `midnight`.
pub fn edges(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let edge = |edge: &Edge| match edge {
        Edge::Behind(micros) => ingest::Duration::from_micros(*micros).to_string(),
        Edge::Midnight(zone) => format!("midnight in {}", plan.zones[*zone].iana_name().unwrap_or("UTC")),
    };
    plan.entities.iter().map(|entity| (entity.name.clone(), entity.edges.iter().map(edge).collect())).collect()
}

const fn family(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum(_) => "sum",
        Aggregate::Mean(_) => "mean",
        Aggregate::Variance(_) => "variance",
        Aggregate::Std(_) => "std",
        Aggregate::Min(_) => "min",
        Aggregate::Max(_) => "max",
        Aggregate::Last(_) => "last",
        Aggregate::TimeSinceLast => "time_since_last",
        Aggregate::Distinct(_) => "distinct",
        Aggregate::TopShare(_) => "top_share",
        Aggregate::Entropy(_) => "entropy",
        Aggregate::FirstSeen(_) => "first_seen",
        Aggregate::Quantile(..) => "quantile",
        Aggregate::ZScore(_) => "z_score",
        Aggregate::DecayedCount(_) => "decayed_count",
        Aggregate::DecayedSum(..) => "decayed_sum",
        Aggregate::Speed { .. } => "speed",
        Aggregate::LabelRate => "label_rate",
        Aggregate::LabelCount => "label_count",
    }
}

const fn span(span: &Span) -> &'static str {
    match span {
        Span::Sliding(_) => "sliding",
        Span::LocalDay(_) => "local_day",
        Span::Lifetime => "lifetime",
    }
}
