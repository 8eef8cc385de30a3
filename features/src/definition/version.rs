//! The version of a definition: a hash over a rendering of its meaning by names, so that neither comments nor the order of
//! declarations matter.

use ingest::schema::Schema;
use sha2::{Digest, Sha256};

use super::{Aggregate, Category, Definition, EntityState, Field, Filter, Kind, Source, Span, Test, Window, key_name};

/// 16 hexadecimal digits that stand for a text.
pub(crate) fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

/// What a definition means, in words that do not depend on the order of the schema. `before` are the definitions above it.
pub(super) fn rendering(kind: &Kind, default: f64, before: &[Definition], schema: &Schema) -> String {
    let what = match kind {
        Kind::Value(of) => format!("value {}", source(*of, schema)),
        Kind::Category { of, words } => format!("category {} of {words:?}", schema.attributes[*of].name),
        Kind::Weekend(zone) => format!("weekend in {}", zone_name(zone)),
        Kind::Night(zone) => format!("night in {}", zone_name(zone)),
        // A ratio is another one when what it divides is.
        Kind::Ratio { numerator, denominator } => {
            format!("ratio {} {}", before[*numerator].version, before[*denominator].version)
        }
        Kind::Windowed(window) => windowed(window, schema),
    };
    format!("{what}, default {default}")
}

fn windowed(window: &Window, schema: &Schema) -> String {
    let span = match &window.span {
        Span::Sliding(length) => length.to_string(),
        Span::LocalDay(zone) => format!("the day in {}", zone_name(zone)),
        Span::Lifetime => "a lifetime".to_owned(),
    };
    let filter = window.filter.as_ref().map_or_else(String::new, |filter| format!(" where {}", conditions(filter, schema)));
    format!(
        "{} by {} over {span} after {}{filter} without_current {}",
        aggregate(window.aggregate, schema),
        key_name(&window.key, schema),
        window.delay,
        window.exclude_current
    )
}

fn aggregate(aggregate: Aggregate, schema: &Schema) -> String {
    let of = |of: Source| source(of, schema);
    match aggregate {
        Aggregate::Count => "count".to_owned(),
        Aggregate::Sum(source) => format!("sum {}", of(source)),
        Aggregate::Mean(source) => format!("mean {}", of(source)),
        Aggregate::Variance(source) => format!("variance {}", of(source)),
        Aggregate::Std(source) => format!("std {}", of(source)),
        Aggregate::Min(source) => format!("min {}", of(source)),
        Aggregate::Max(source) => format!("max {}", of(source)),
        Aggregate::Last(source) => format!("last {}", of(source)),
        Aggregate::TimeSinceLast => "time_since_last".to_owned(),
        Aggregate::Distinct(category) => format!("distinct {}", category_name(category, schema)),
        Aggregate::TopShare(category) => format!("top_share {}", category_name(category, schema)),
        Aggregate::Entropy(category) => format!("entropy {}", category_name(category, schema)),
        Aggregate::FirstSeen(category) => format!("first_seen {}", category_name(category, schema)),
        Aggregate::Quantile(source, quantile) => format!("quantile {quantile} {}", of(source)),
        Aggregate::ZScore(source) => format!("z_score {}", of(source)),
        Aggregate::DecayedCount(half_life) => format!("decayed_count {half_life}"),
        Aggregate::DecayedSum(source, half_life) => format!("decayed_sum {half_life} {}", of(source)),
        Aggregate::Speed { latitude, longitude } => format!("speed {} {}", of(latitude), of(longitude)),
        Aggregate::LabelRate => "label_rate".to_owned(),
        Aggregate::LabelCount => "label_count".to_owned(),
    }
}

/// What a key's state means for its features; nothing where it is the default.
pub(crate) fn state_rendering(state: &EntityState, schema: &Schema) -> String {
    let idle = state.idle_after.map_or_else(|| "never".to_owned(), |idle| idle.to_string());
    let tile = state.tile.map_or_else(|| "none".to_owned(), |tile| format!("{} above {}", tile.resolution, tile.above));
    format!("state {}: idle {idle}, tile {tile}, events {}\n", key_name(&state.key, schema), state.max_events)
}

fn source(source: Source, schema: &Schema) -> String {
    match source {
        Source::Amount => "amount_minor".to_owned(),
        Source::Integer(slot) | Source::Number(slot) => schema.attributes[slot].name.clone(),
    }
}

fn category_name(category: Category, schema: &Schema) -> String {
    match category {
        Category::Attribute(slot) => schema.attributes[slot].name.clone(),
        Category::Entity(slot) => schema.entities[slot].name.clone(),
    }
}

fn zone_name(zone: &jiff::tz::TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

fn conditions(filter: &Filter, schema: &Schema) -> String {
    let one = |condition: &super::Condition| {
        let field = match condition.field {
            Field::Amount => "amount_minor",
            Field::Attribute(slot) => &schema.attributes[slot].name,
            Field::Entity(slot) => &schema.entities[slot].name,
        };
        match &condition.test {
            Test::OneOf(values) => format!("{field} in {values:?}"),
            Test::NoneOf(values) => format!("{field} not in {values:?}"),
            Test::Range { at_least, below } => format!("{field} in {at_least:?}..{below:?}"),
        }
    };
    filter.conditions.iter().map(one).collect::<Vec<_>>().join(" and ")
}
