//! The `[[features]]` and `[state]` tables of a pipeline file as they are written, and their check against the schema. What is
//! wrong is said with its place in the file.

use std::collections::{BTreeMap, HashSet};

use ingest::Duration;
use ingest::schema::{Schema, ValueType};
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::filter::{self, FilterFile};
use super::{
    Aggregate, Category, Definition, DefinitionError, EntityState, Kind, MAX_EVENTS, Source, Span, StateLimits, TileState,
    Window, version,
};

/// The word for a kind in a pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindWord {
    Value,
    Category,
    Weekend,
    Night,
    Ratio,
    Count,
    Sum,
    Mean,
    Variance,
    Std,
    Min,
    Max,
    Last,
    Previous,
    TimeSinceLast,
    Distinct,
    TopShare,
    Entropy,
    FirstSeen,
    Quantile,
    ZScore,
    DecayedCount,
    DecayedSum,
    Speed,
    LabelRate,
    LabelCount,
}

impl KindWord {
    const fn is_windowed(self) -> bool {
        !matches!(self, Self::Value | Self::Category | Self::Weekend | Self::Night | Self::Ratio)
    }

    const fn is_decayed(self) -> bool {
        matches!(self, Self::DecayedCount | Self::DecayedSum)
    }

    /// Compares the event with what came before it, so it never counts the event itself.
    const fn looks_back(self) -> bool {
        matches!(self, Self::Previous | Self::TimeSinceLast | Self::FirstSeen | Self::ZScore | Self::Speed)
    }

    /// Is computed from the newest event or from the categories seen last, which a delay would have to wait for.
    const fn takes_no_delay(self) -> bool {
        self.looks_back() || matches!(self, Self::Last | Self::Distinct)
    }

    /// Keeps something for every event of the window.
    const fn needs_an_end(self) -> bool {
        matches!(self, Self::TopShare | Self::Entropy | Self::Quantile | Self::LabelRate | Self::LabelCount)
    }

    const fn reads_a_field(self) -> bool {
        !matches!(
            self,
            Self::Weekend
                | Self::Night
                | Self::Ratio
                | Self::Count
                | Self::TimeSinceLast
                | Self::DecayedCount
                | Self::Speed
                | Self::LabelRate
                | Self::LabelCount
        )
    }
}

/// An entity, or several whose keys together make one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "an entity is a name, or a list of names for a pair")]
pub enum EntityFile {
    /// `entity = "card"`.
    One(String),
    /// `entity = ["card", "merchant"]`.
    Several(Vec<String>),
}

/// A `[[features]]` table as it is written. `{window}` in the name stands for each of `windows` (or `half_lives`), as it is
/// written there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionFile {
    name: Spanned<String>,
    kind: Spanned<KindWord>,
    entity: Option<Spanned<EntityFile>>,
    of: Option<Spanned<String>>,
    windows: Option<Spanned<Vec<Spanned<String>>>>,
    half_lives: Option<Spanned<Vec<Spanned<String>>>>,
    delay: Option<Spanned<Duration>>,
    exclude_current: Option<Spanned<bool>>,
    r#where: Option<Spanned<FilterFile>>,
    quantile: Option<Spanned<f64>>,
    latitude: Option<Spanned<String>>,
    longitude: Option<Spanned<String>>,
    time_zone: Option<Spanned<String>>,
    numerator: Option<Spanned<String>>,
    denominator: Option<Spanned<String>>,
    default: Option<f64>,
}

/// Checks the tables in the order in which they are written; a table with several windows becomes as many features.
///
/// # Errors
/// Where a table says what cannot be computed: an entity, a field or a feature that there is not, a window or an aggregation that does
/// not fit, a name that is none or that another has. The error names the feature or the place in the file.
pub fn check(files: Vec<DefinitionFile>, schema: &Schema) -> Result<Vec<Definition>, DefinitionError> {
    let places: HashSet<String> = files.iter().flat_map(DefinitionFile::names).collect();
    let mut checked: Vec<Definition> = Vec::new();
    for file in files {
        let span = file.name.span();
        for (name, kind, default) in file.check(schema, &checked, &places)? {
            if checked.iter().any(|known| known.name == name) {
                return Err(DefinitionError { message: format!("two features have the name `{name}`"), span });
            }
            let version = version::digest(&version::rendering(&kind, default, &checked, schema));
            checked.push(Definition { name, kind, default, version, span: span.clone() });
        }
    }
    Ok(checked)
}

/// Name, kind and default of each feature that a table declares.
type Declared = Vec<(String, Kind, f64)>;

impl DefinitionFile {
    /// The names that it declares.
    fn names(&self) -> Vec<String> {
        let name = self.name.as_ref();
        match self.windows.as_ref().or(self.half_lives.as_ref()) {
            Some(windows) => windows.as_ref().iter().map(|window| name.replace("{window}", window.as_ref())).collect(),
            None => vec![name.clone()],
        }
    }

    fn check(self, schema: &Schema, before: &[Definition], declared: &HashSet<String>) -> Result<Declared, DefinitionError> {
        self.refuse_unused()?;
        let name = self.name.as_ref().clone();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_{}".contains(c)) {
            return fail(&self.name, format!("feature name `{name}` may have small letters, digits and underscores"));
        }
        let plain = |kind: Kind| vec![(name.clone(), kind, self.default.unwrap_or(f64::NAN))];
        let declared = match self.kind.as_ref() {
            KindWord::Value => plain(Kind::Value(self.source(&self.of, "of", schema)?)),
            KindWord::Category => plain(self.words(schema)?),
            KindWord::Weekend => plain(Kind::Weekend(self.zone()?.unwrap_or(TimeZone::UTC))),
            KindWord::Night => plain(Kind::Night(self.zone()?.unwrap_or(TimeZone::UTC))),
            KindWord::Ratio => plain(self.ratio(before, declared)?),
            _ => self.windowed(schema)?,
        };
        match declared.iter().find(|(name, ..)| name.contains(['{', '}'])) {
            Some((name, ..)) => fail(&self.name, format!("feature `{name}`: braces are for {{window}} only")),
            None => Ok(declared),
        }
    }

    fn windowed(&self, schema: &Schema) -> Result<Declared, DefinitionError> {
        let (name, kind) = (self.name.as_ref(), *self.kind.as_ref());
        let key = self.key(schema)?;
        let (lengths, word) = if kind.is_decayed() { (&self.half_lives, "half_lives") } else { (&self.windows, "windows") };
        let Some(lengths) = lengths.as_ref().filter(|lengths| !lengths.as_ref().is_empty()) else {
            return fail(&self.name, format!("feature `{name}` needs `{word}`, as in {word} = [\"1h\", \"7d\"]"));
        };
        if lengths.as_ref().len() > 1 && !name.contains("{window}") {
            return fail(&self.name, format!("feature `{name}` has several {word}: put {{window}} into its name"));
        }
        let delay = self.delay.as_ref().map_or(Duration::ZERO, |delay| *delay.as_ref());
        if let (Some(written), true) = (&self.delay, kind.takes_no_delay()) {
            return fail(written, format!("feature `{name}`: its kind looks at the newest events and takes no `delay`"));
        }
        if let (Some(exclude), true) = (&self.exclude_current, delay > Duration::ZERO) {
            let message = format!("feature `{name}`: a delayed window never holds the event itself; leave `exclude_current` out");
            return fail(exclude, message);
        }
        if let (Some(exclude), true) = (&self.exclude_current, kind.looks_back()) {
            let message = format!("feature `{name}`: its kind never counts the event itself; leave `exclude_current` out");
            return fail(exclude, message);
        }
        let exclude_current = kind.looks_back() || self.exclude_current.as_ref().is_some_and(|exclude| *exclude.as_ref());
        let filter = self.r#where.as_ref().map(|file| filter::check(file, name, schema)).transpose()?;
        let zone = self.zone()?;
        let mut declared = Vec::new();
        let mut zone_used = false;
        for length in lengths.as_ref() {
            let span = self.span(length, zone.as_ref())?;
            zone_used |= matches!(span, Span::LocalDay(_));
            let (aggregate, span) = match span {
                Span::Sliding(half_life) if kind.is_decayed() => (self.aggregate(schema, half_life)?, Span::Lifetime),
                _ if kind.is_decayed() => {
                    return fail(length, format!("feature `{name}`: `{}` is no half-life", length.as_ref()));
                }
                span => (self.aggregate(schema, Duration::ZERO)?, span),
            };
            if kind.needs_an_end() && span == Span::Lifetime {
                return fail(length, format!("feature `{name}`: its kind keeps every event of its window, which must end"));
            }
            if delay > Duration::ZERO && matches!(span, Span::LocalDay(_)) {
                return fail(length, format!("feature `{name}`: a window of the local day takes no `delay`"));
            }
            let empty = match aggregate {
                Aggregate::LabelRate | Aggregate::DecayedCount(_) | Aggregate::DecayedSum(..) => 0.0,
                _ => f64::NAN,
            };
            let window = Window { key: key.clone(), aggregate, filter: filter.clone(), span, delay, exclude_current };
            let name = name.replace("{window}", length.as_ref());
            declared.push((name, Kind::Windowed(window), self.default.unwrap_or(empty)));
        }
        match &self.time_zone {
            Some(zone) if !zone_used => fail(zone, format!("feature `{name}`: only a `local_day` window has a `time_zone`")),
            _ => Ok(declared),
        }
    }

    fn span(&self, length: &Spanned<String>, zone: Option<&TimeZone>) -> Result<Span, DefinitionError> {
        let name = self.name.as_ref();
        match length.as_ref().as_str() {
            "lifetime" => Ok(Span::Lifetime),
            "local_day" => match zone {
                Some(zone) => Ok(Span::LocalDay(zone.clone())),
                None => fail(length, format!("feature `{name}`: a `local_day` needs a `time_zone`, as in \"Europe/Berlin\"")),
            },
            text => match text.parse() {
                Ok(Duration::ZERO) => fail(length, format!("feature `{name}`: a window of {text} holds nothing")),
                Ok(length) => Ok(Span::Sliding(length)),
                Err(error) => fail(length, format!("feature `{name}`: {error}; or `lifetime`, or `local_day`")),
            },
        }
    }

    fn aggregate(&self, schema: &Schema, half_life: Duration) -> Result<Aggregate, DefinitionError> {
        let number = || self.source(&self.of, "of", schema);
        let whole = || {
            let source = number()?;
            match (source, &self.of) {
                (Source::Number(_), Some(of)) => fail(
                    of,
                    format!(
                        "feature `{}`: `{}` is number, but this kind needs a whole number (integer or flag), so that sums are exact",
                        self.name.as_ref(),
                        of.as_ref()
                    ),
                ),
                _ => Ok(source),
            }
        };
        let category = || self.category(schema);
        Ok(match self.kind.as_ref() {
            KindWord::Value | KindWord::Category | KindWord::Weekend | KindWord::Night | KindWord::Ratio => {
                unreachable!("no window")
            }
            KindWord::Count => Aggregate::Count,
            KindWord::Sum => Aggregate::Sum(whole()?),
            KindWord::Mean => Aggregate::Mean(whole()?),
            KindWord::Variance => Aggregate::Variance(whole()?),
            KindWord::Std => Aggregate::Std(whole()?),
            KindWord::ZScore => Aggregate::ZScore(whole()?),
            KindWord::Min => Aggregate::Min(number()?),
            KindWord::Max => Aggregate::Max(number()?),
            KindWord::Last | KindWord::Previous => Aggregate::Last(number()?),
            KindWord::TimeSinceLast => Aggregate::TimeSinceLast,
            KindWord::Distinct => Aggregate::Distinct(category()?),
            KindWord::TopShare => Aggregate::TopShare(category()?),
            KindWord::Entropy => Aggregate::Entropy(category()?),
            KindWord::FirstSeen => Aggregate::FirstSeen(category()?),
            KindWord::Quantile => Aggregate::Quantile(number()?, self.quantile()?),
            KindWord::DecayedCount => Aggregate::DecayedCount(half_life),
            KindWord::DecayedSum => Aggregate::DecayedSum(whole()?, half_life),
            KindWord::Speed => Aggregate::Speed {
                latitude: self.source(&self.latitude, "latitude", schema)?,
                longitude: self.source(&self.longitude, "longitude", schema)?,
            },
            KindWord::LabelRate => Aggregate::LabelRate,
            KindWord::LabelCount => Aggregate::LabelCount,
        })
    }

    fn key(&self, schema: &Schema) -> Result<Vec<usize>, DefinitionError> {
        let name = self.name.as_ref();
        let Some(entity) = &self.entity else {
            return fail(&self.name, format!("feature `{name}` needs an `entity`"));
        };
        check_key(entity, schema)
            .map_err(|error| DefinitionError { message: format!("feature `{name}`: {}", error.message), ..error })
    }

    fn source(&self, of: &Option<Spanned<String>>, word: &str, schema: &Schema) -> Result<Source, DefinitionError> {
        let name = self.name.as_ref();
        let Some(of) = of else {
            return fail(&self.name, format!("feature `{name}` needs `{word}`: `amount_minor` or an attribute"));
        };
        if of.as_ref() == "amount_minor" {
            return match schema.amount_minor {
                Some(_) => Ok(Source::Amount),
                None => fail(of, format!("feature `{name}`: the events of this pipeline have no `amount_minor`")),
            };
        }
        let Some(slot) = schema.attribute(of.as_ref()) else {
            let known = names(std::iter::once("amount_minor").chain(schema.attributes.iter().map(|each| each.name.as_str())));
            return fail(of, format!("feature `{name}`: field `{}` is not declared (there are: {known})", of.as_ref()));
        };
        match schema.attributes[slot].value_type {
            ValueType::Integer | ValueType::Flag => Ok(Source::Integer(slot)),
            ValueType::Number => Ok(Source::Number(slot)),
            ValueType::Text => fail(of, format!("feature `{name}`: `{}` is text, but this kind needs a number", of.as_ref())),
        }
    }

    fn category(&self, schema: &Schema) -> Result<Category, DefinitionError> {
        let name = self.name.as_ref();
        let Some(of) = &self.of else {
            return fail(&self.name, format!("feature `{name}` needs `of`: an attribute or an entity"));
        };
        if let Some(slot) = schema.entity(of.as_ref()) {
            return Ok(Category::Entity(slot));
        }
        match schema.attribute(of.as_ref()) {
            Some(slot) if schema.attributes[slot].value_type == ValueType::Number => fail(
                of,
                format!(
                    "feature `{name}`: `{}` is number, but categories are text, whole numbers, flags or entities",
                    of.as_ref()
                ),
            ),
            Some(slot) => Ok(Category::Attribute(slot)),
            None => {
                let parts = schema.entities.iter().map(|each| each.name.as_str());
                let known = names(parts.chain(schema.attributes.iter().map(|each| each.name.as_str())));
                fail(of, format!("feature `{name}`: field `{}` is not declared (there are: {known})", of.as_ref()))
            }
        }
    }

    fn words(&self, schema: &Schema) -> Result<Kind, DefinitionError> {
        let name = self.name.as_ref();
        let Some(of) = &self.of else {
            return fail(&self.name, format!("feature `{name}` needs `of`: an attribute with `one_of`"));
        };
        match schema.attribute(of.as_ref()).map(|slot| (slot, schema.attributes[slot].allowed.words())) {
            Some((slot, words)) if !words.is_empty() => Ok(Kind::Category { of: slot, words: words.to_vec() }),
            _ => fail(of, format!("feature `{name}`: `{}` is no attribute of text with `one_of`", of.as_ref())),
        }
    }

    fn quantile(&self) -> Result<f64, DefinitionError> {
        let name = self.name.as_ref();
        match &self.quantile {
            None => fail(&self.name, format!("feature `{name}` needs a `quantile`, as in quantile = 0.9")),
            Some(quantile) if (0.0..=1.0).contains(quantile.as_ref()) => Ok(*quantile.as_ref()),
            Some(quantile) => fail(quantile, format!("feature `{name}`: a quantile lies between 0 and 1")),
        }
    }

    fn zone(&self) -> Result<Option<TimeZone>, DefinitionError> {
        let Some(written) = &self.time_zone else { return Ok(None) };
        match TimeZone::get(written.as_ref()) {
            Ok(zone) => Ok(Some(zone)),
            Err(_) => {
                let (name, zone) = (self.name.as_ref(), written.as_ref());
                fail(written, format!("feature `{name}`: there is no time zone `{zone}`; write it as \"Europe/Berlin\""))
            }
        }
    }

    fn ratio(&self, before: &[Definition], declared: &HashSet<String>) -> Result<Kind, DefinitionError> {
        let find = |part: &Option<Spanned<String>>, word: &str| {
            let name = self.name.as_ref();
            let Some(part) = part else {
                return fail(&self.name, format!("feature `{name}` needs a `{word}`"));
            };
            let wanted = part.as_ref();
            match before.iter().position(|definition| definition.name == *wanted) {
                Some(feature) => Ok(feature),
                None if wanted == name => fail(part, format!("feature `{name}` divides by itself: that is a cycle")),
                None if declared.contains(wanted) => fail(
                    part,
                    format!(
                        "feature `{name}`: `{wanted}` is declared below it; a ratio stands below both of its parts, so that no cycle can be written"
                    ),
                ),
                None => fail(part, format!("feature `{name}`: `{wanted}` is not a feature of this pipeline")),
            }
        };
        Ok(Kind::Ratio { numerator: find(&self.numerator, "numerator")?, denominator: find(&self.denominator, "denominator")? })
    }

    /// A key that the kind has no use for is a mistake, not a comment.
    fn refuse_unused(&self) -> Result<(), DefinitionError> {
        let kind = *self.kind.as_ref();
        let (windowed, calendar) = (kind.is_windowed(), matches!(kind, KindWord::Weekend | KindWord::Night));
        let (ratio, speed) = (kind == KindWord::Ratio, kind == KindWord::Speed);
        let given = [
            ("entity", self.entity.as_ref().map(Spanned::span), windowed),
            ("of", self.of.as_ref().map(Spanned::span), kind.reads_a_field()),
            ("windows", self.windows.as_ref().map(Spanned::span), windowed && !kind.is_decayed()),
            ("half_lives", self.half_lives.as_ref().map(Spanned::span), kind.is_decayed()),
            ("delay", self.delay.as_ref().map(Spanned::span), windowed),
            ("exclude_current", self.exclude_current.as_ref().map(Spanned::span), windowed),
            ("where", self.r#where.as_ref().map(Spanned::span), windowed),
            ("quantile", self.quantile.as_ref().map(Spanned::span), kind == KindWord::Quantile),
            ("latitude", self.latitude.as_ref().map(Spanned::span), speed),
            ("longitude", self.longitude.as_ref().map(Spanned::span), speed),
            ("time_zone", self.time_zone.as_ref().map(Spanned::span), calendar || windowed),
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

fn check_key(entity: &Spanned<EntityFile>, schema: &Schema) -> Result<Vec<usize>, DefinitionError> {
    let written = match entity.as_ref() {
        EntityFile::One(name) => std::slice::from_ref(name),
        EntityFile::Several(names) => names.as_slice(),
    };
    if written.is_empty() {
        return fail(entity, "`entity` lists none".to_owned());
    }
    let mut key = Vec::new();
    for name in written {
        let Some(slot) = schema.entity(name) else {
            let known = names(schema.entities.iter().map(|entity| entity.name.as_str()));
            return fail(entity, format!("entity `{name}` is not declared (there are: {known})"));
        };
        if key.contains(&slot) {
            return fail(entity, format!("entity `{name}` is listed twice"));
        }
        key.push(slot);
    }
    // A pair is the same pair in either order.
    key.sort_unstable();
    Ok(key)
}

/// The `[state]` table as it is written: how much memory features may take, and what becomes of idle and of hot keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    memory_limit_mb: Option<Spanned<u64>>,
    #[serde(default)]
    entities: BTreeMap<Spanned<String>, EntityStateFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityStateFile {
    idle_after: Option<Spanned<Duration>>,
    hot_above: Option<Spanned<u32>>,
    tile: Option<Spanned<Duration>>,
    max_events: Option<Spanned<u32>>,
}

impl StateFile {
    /// Checks it against the schema; whether it fits the features is checked when they are compiled.
    ///
    /// # Errors
    /// Where a limit is none, an entity is not declared, or of `tile` and `hot_above` only one is there. The error has the place in the
    /// file.
    pub fn check(self, schema: &Schema) -> Result<StateLimits, DefinitionError> {
        let mut limits = StateLimits::default();
        if let Some(written) = self.memory_limit_mb {
            let bytes = usize::try_from(*written.as_ref()).ok().and_then(|mb| mb.checked_mul(1 << 20));
            match bytes {
                Some(bytes) if bytes > 0 => limits.memory_limit_bytes = bytes,
                _ => return fail(&written, format!("`memory_limit_mb` cannot be {}", written.as_ref())),
            }
        }
        for (name, file) in self.entities {
            let written = Spanned::new(name.span(), EntityFile::Several(name.as_ref().split('+').map(str::to_owned).collect()));
            let key = check_key(&written, schema)?;
            let max_events = file.max_events.as_ref().map_or(MAX_EVENTS, |most| *most.as_ref());
            if let (Some(most), true) = (&file.max_events, max_events < 16) {
                return fail(most, format!("`max_events` of {name} must be at least 16", name = name.as_ref()));
            }
            let tile = match (file.hot_above, file.tile) {
                (None, None) => None,
                (Some(above), Some(resolution)) => {
                    if *resolution.as_ref() == Duration::ZERO {
                        return fail(&resolution, "a `tile` of no length holds nothing".to_owned());
                    }
                    if *above.as_ref() >= max_events || *above.as_ref() == 0 {
                        return fail(&above, format!("`hot_above` must lie between 1 and `max_events` ({max_events})"));
                    }
                    Some(TileState { above: *above.as_ref(), resolution: *resolution.as_ref() })
                }
                (Some(above), None) => return fail(&above, "`hot_above` needs a `tile`, as in tile = \"10m\"".to_owned()),
                (None, Some(tile)) => return fail(&tile, "`tile` needs `hot_above`, as in hot_above = 5000".to_owned()),
            };
            let idle_after = file.idle_after.map(|idle| *idle.as_ref());
            limits.entities.push(EntityState { key, idle_after, tile, max_events });
        }
        Ok(limits)
    }
}

fn fail<T, S>(place: &Spanned<S>, message: String) -> Result<T, DefinitionError> {
    Err(DefinitionError { message, span: place.span() })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}
