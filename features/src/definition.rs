//! Feature definitions: the `[[features]]` tables of a pipeline file, checked against the schema of its events.
//!
//! A definition pins everything that gives a feature its meaning: entity, value, kind, window, delay, default. What is wrong
//! with one is said with its place in the file.

use std::collections::HashMap;
use std::ops::Range;

use ingest::schema::{Schema, ValueType};
use ingest::{Duration, Event};
use serde::Deserialize;
use toml::Spanned;

/// What is wrong with a definition, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DefinitionError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the pipeline file that it is about.
    pub span: Range<usize>,
}

/// A number that an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The amount in minor units.
    Amount,
    /// A numeric attribute, by its number in the schema.
    Attribute(usize),
}

impl Source {
    /// As a float, NaN where the event lacks it.
    pub fn number(self, event: &Event) -> f64 {
        match self {
            Self::Amount => event.amount.map_or(f64::NAN, |amount| amount.minor() as f64),
            Self::Attribute(slot) => event.attributes[slot].as_ref().and_then(ingest::Value::as_f64).unwrap_or(f64::NAN),
        }
    }

    /// As a whole number, 0 where the event lacks it.
    pub fn whole(self, event: &Event) -> i64 {
        match self {
            Self::Amount => event.amount.map_or(0, ingest::Amount::minor),
            Self::Attribute(slot) => match event.attributes[slot] {
                Some(ingest::Value::Integer(whole)) => whole,
                Some(ingest::Value::Flag(flag)) => i64::from(flag),
                _ => 0,
            },
        }
    }
}

/// What is computed over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// How many events.
    Count,
    /// The sum of a whole number.
    Sum(Source),
    /// The mean of a whole number.
    Mean(Source),
    /// The share of events that are known to be bad (fraud, default).
    LabelRate,
}

/// A window over the history of one entity: the events with `t - delay - length < time <= t - delay`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The entity, by its number in the schema.
    pub entity: usize,
    /// What is computed.
    pub aggregate: Aggregate,
    /// How far it reaches; never zero.
    pub length: Duration,
    /// How long before the event it ends.
    pub delay: Duration,
    /// Whether the event itself is left out; only without a delay.
    pub exclude_current: bool,
}

/// How a feature is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number of the event itself.
    Value(Source),
    /// 1 on Saturday and Sunday (UTC), else 0.
    Weekend,
    /// 1 from midnight to 6:59 (UTC), else 0.
    Night,
    /// Over a window of an entity's history.
    Windowed(Window),
    /// One feature divided by another; both come before it, so that no cycle can be written.
    Ratio {
        /// The dividend, by its number.
        numerator: usize,
        /// The divisor, by its number; where it is 0 the ratio is missing.
        denominator: usize,
    },
}

/// A feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// `<entity>_<what>_<window>`, unique in the pipeline.
    pub name: String,
    /// How it is computed.
    pub kind: Kind,
    /// Its value where there is nothing to compute from (an empty window, an absent entity); NaN means missing.
    pub default: f64,
}

/// The word for a kind in a pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindWord {
    Value,
    Weekend,
    Night,
    Count,
    Sum,
    Mean,
    LabelRate,
    Ratio,
}

/// A `[[features]]` table as it is written. `{window}` in the name stands for each of `windows`, as it is written there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionFile {
    name: Spanned<String>,
    kind: Spanned<KindWord>,
    entity: Option<Spanned<String>>,
    of: Option<Spanned<String>>,
    windows: Option<Spanned<Vec<Spanned<String>>>>,
    delay: Option<Spanned<Duration>>,
    exclude_current: Option<Spanned<bool>>,
    numerator: Option<Spanned<String>>,
    denominator: Option<Spanned<String>>,
    default: Option<f64>,
}

/// Checks the tables in the order in which they are written; a table with several windows becomes as many features.
pub fn check(files: Vec<DefinitionFile>, schema: &Schema) -> Result<Vec<Definition>, DefinitionError> {
    let mut checked = Vec::new();
    let mut numbers = HashMap::new();
    for file in files {
        let span = file.name.span();
        for definition in file.check(schema, &numbers)? {
            if numbers.insert(definition.name.clone(), checked.len()).is_some() {
                return Err(DefinitionError { message: format!("two features have the name `{}`", definition.name), span });
            }
            checked.push(definition);
        }
    }
    Ok(checked)
}

impl DefinitionFile {
    fn check(self, schema: &Schema, before: &HashMap<String, usize>) -> Result<Vec<Definition>, DefinitionError> {
        self.refuse_unused()?;
        let name = self.name.as_ref().clone();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_{}".contains(c)) {
            return fail(&self.name, format!("feature name `{name}` may have small letters, digits and underscores"));
        }
        let aggregate = match self.kind.as_ref() {
            KindWord::Value => return Ok(vec![self.plain(Kind::Value(self.source(schema, false)?))]),
            KindWord::Weekend => return Ok(vec![self.plain(Kind::Weekend)]),
            KindWord::Night => return Ok(vec![self.plain(Kind::Night)]),
            KindWord::Ratio => return Ok(vec![self.plain(self.ratio(before)?)]),
            KindWord::Count => Aggregate::Count,
            KindWord::Sum => Aggregate::Sum(self.source(schema, true)?),
            KindWord::Mean => Aggregate::Mean(self.source(schema, true)?),
            KindWord::LabelRate => Aggregate::LabelRate,
        };
        self.windowed(schema, aggregate)
    }

    fn plain(&self, kind: Kind) -> Definition {
        Definition { name: self.name.as_ref().clone(), kind, default: self.default.unwrap_or(f64::NAN) }
    }

    fn windowed(&self, schema: &Schema, aggregate: Aggregate) -> Result<Vec<Definition>, DefinitionError> {
        let name = self.name.as_ref();
        let Some(entity) = &self.entity else {
            return fail(&self.name, format!("feature `{name}` needs an `entity`"));
        };
        let Some(slot) = schema.entity(entity.as_ref()) else {
            let known = names(schema.entities.iter().map(|entity| entity.name.as_str()));
            return fail(entity, format!("feature `{name}`: entity `{}` is not declared (there are: {known})", entity.as_ref()));
        };
        let Some(windows) = self.windows.as_ref().filter(|windows| !windows.as_ref().is_empty()) else {
            return fail(&self.name, format!("feature `{name}` needs `windows`, as in windows = [\"1h\", \"7d\"]"));
        };
        if windows.as_ref().len() > 1 && !name.contains("{window}") {
            return fail(&self.name, format!("feature `{name}` has several windows: put {{window}} into its name"));
        }
        let delay = self.delay.as_ref().map_or(Duration::ZERO, |delay| *delay.as_ref());
        let exclude_current = self.exclude_current.as_ref().is_some_and(|exclude| *exclude.as_ref());
        if let (Some(exclude), true) = (&self.exclude_current, delay > Duration::ZERO) {
            return fail(
                exclude,
                format!("feature `{name}`: a delayed window never holds the event itself; leave `exclude_current` out"),
            );
        }
        let one = |length: &Spanned<String>| {
            let duration: Duration = match length.as_ref().parse() {
                Ok(duration) => duration,
                Err(error) => return fail(length, format!("feature `{name}`: {error}")),
            };
            if duration == Duration::ZERO {
                return fail(length, format!("feature `{name}`: a window of {} holds nothing", length.as_ref()));
            }
            Ok(Definition {
                name: name.replace("{window}", length.as_ref()),
                kind: Kind::Windowed(Window { entity: slot, aggregate, length: duration, delay, exclude_current }),
                default: self.default.unwrap_or(if aggregate == Aggregate::LabelRate { 0.0 } else { f64::NAN }),
            })
        };
        windows.as_ref().iter().map(one).collect()
    }

    fn source(&self, schema: &Schema, whole: bool) -> Result<Source, DefinitionError> {
        let name = self.name.as_ref();
        let Some(of) = &self.of else {
            return fail(&self.name, format!("feature `{name}` needs `of`: `amount_minor` or an attribute"));
        };
        if of.as_ref() == "amount_minor" {
            if schema.amount_minor.is_none() {
                return fail(of, format!("feature `{name}`: the events of this pipeline have no `amount_minor`"));
            }
            return Ok(Source::Amount);
        }
        let Some(slot) = schema.attribute(of.as_ref()) else {
            let known = names(std::iter::once("amount_minor").chain(schema.attributes.iter().map(|each| each.name.as_str())));
            return fail(of, format!("feature `{name}`: field `{}` is not declared (there are: {known})", of.as_ref()));
        };
        let fits = match schema.attributes[slot].value_type {
            ValueType::Integer | ValueType::Flag => true,
            ValueType::Number => !whole,
            ValueType::Text => false,
        };
        if !fits {
            let found = schema.attributes[slot].value_type.name();
            let wants = if whole { "a whole number (integer or flag), so that sums are exact" } else { "a number" };
            return fail(of, format!("feature `{name}`: `{}` is {found}, but this kind needs {wants}", of.as_ref()));
        }
        Ok(Source::Attribute(slot))
    }

    fn ratio(&self, before: &HashMap<String, usize>) -> Result<Kind, DefinitionError> {
        let find = |part: &Option<Spanned<String>>, word: &str| {
            let name = self.name.as_ref();
            let Some(part) = part else {
                return fail(&self.name, format!("feature `{name}` needs a `{word}`"));
            };
            before.get(part.as_ref()).copied().map_or_else(
                || fail(part, format!("feature `{name}`: `{}` is not a feature that is declared above it", part.as_ref())),
                Ok,
            )
        };
        Ok(Kind::Ratio { numerator: find(&self.numerator, "numerator")?, denominator: find(&self.denominator, "denominator")? })
    }

    /// A key that the kind has no use for is a mistake, not a comment.
    fn refuse_unused(&self) -> Result<(), DefinitionError> {
        let windowed = matches!(self.kind.as_ref(), KindWord::Count | KindWord::Sum | KindWord::Mean | KindWord::LabelRate);
        let valued = matches!(self.kind.as_ref(), KindWord::Value | KindWord::Sum | KindWord::Mean);
        let ratio = *self.kind.as_ref() == KindWord::Ratio;
        let given = [
            ("entity", self.entity.as_ref().map(Spanned::span), windowed),
            ("of", self.of.as_ref().map(Spanned::span), valued),
            ("windows", self.windows.as_ref().map(Spanned::span), windowed),
            ("delay", self.delay.as_ref().map(Spanned::span), windowed),
            ("exclude_current", self.exclude_current.as_ref().map(Spanned::span), windowed),
            ("numerator", self.numerator.as_ref().map(Spanned::span), ratio),
            ("denominator", self.denominator.as_ref().map(Spanned::span), ratio),
        ];
        for (key, span, used) in given {
            if let (Some(span), false) = (span, used) {
                let message = format!("feature `{}`: its kind has no use for `{key}`", self.name.as_ref());
                return Err(DefinitionError { message, span });
            }
        }
        Ok(())
    }
}

fn fail<T, S>(place: &Spanned<S>, message: String) -> Result<T, DefinitionError> {
    Err(DefinitionError { message, span: place.span() })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}
