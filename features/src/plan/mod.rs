//! The plan: definitions compiled to what a store runs for each event. All windows of one key share one ring of rows; each distinct
//! window edge is one cursor over it, and what cursors cannot carry (extremes, categories, order) is a part fed by them.

mod adding;
mod builder;

use std::ops::Range;

use ingest::Event;
use ingest::schema::Schema;
use ingest::time::Duration;
use jiff::tz::TimeZone;

pub(crate) use self::adding::Adding;
use self::builder::Builder;
use crate::definition::{
    Aggregate, Category, Definition, DefinitionError, Filter, Kind, Source, Span, StateLimits, TileState, Window,
    state_rendering, version_of,
};
use crate::memory::ring::{HEADER, wide};
use crate::words::ABSENT;

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

/// A feature that needs no state.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub(crate) feature: usize,
    pub(crate) default: f64,
    pub(crate) what: PlainKind,
}

/// The zone of a calendar feature is `None` for UTC, which needs no look at a calendar.
#[derive(Clone, Debug)]
pub(crate) enum PlainKind {
    Value(Source),
    Category(usize, Vec<String>),
    Weekend(Option<TimeZone>),
    Night(Option<TimeZone>),
    Ratio(usize, usize),
}

impl Plain {
    fn new((feature, definition): (usize, &Definition)) -> Option<Self> {
        let zone = |zone: &TimeZone| (*zone != TimeZone::UTC).then(|| zone.clone());
        let what = match &definition.kind {
            Kind::Value(source) => PlainKind::Value(*source),
            Kind::Category { of, words } => PlainKind::Category(*of, words.clone()),
            Kind::Weekend(of) => PlainKind::Weekend(zone(of)),
            Kind::Night(of) => PlainKind::Night(zone(of)),
            Kind::Ratio { numerator, denominator } => PlainKind::Ratio(*numerator, *denominator),
            Kind::Windowed(_) => return None,
        };
        Some(Self { feature, default: definition.default, what })
    }
}

/// What is kept for each key of one entity, or of a pair of them.
#[derive(Clone, Debug)]
pub(crate) struct EntityPlan {
    /// The entities' numbers in the schema.
    pub(crate) key: Vec<usize>,
    /// Their names, joined by `+`.
    pub(crate) name: String,
    /// The values of a row.
    pub(crate) columns: Vec<Column>,
    /// The filters; the first is bit 1 of a row's tag.
    pub(crate) filters: Vec<Filter>,
    /// What every cursor carries.
    pub(crate) totals: Vec<Total>,
    /// The short way of an event, where it does nothing to a key but add to one plain sum, as in most plans.
    pub(crate) adding: Option<Adding>,
    /// One cursor each, in the order in which a row passes them.
    pub(crate) edges: Vec<Edge>,
    /// What a row does beside the totals when it passes an edge.
    pub(crate) passes: Vec<Vec<Pass>>,
    pub(crate) lasts: Vec<Last>,
    pub(crate) extremes: Vec<ExtremePlan>,
    pub(crate) seen: Vec<SeenPlan>,
    pub(crate) tables: Vec<Over>,
    pub(crate) orders: Vec<Over>,
    pub(crate) decays: Vec<DecayPlan>,
    /// What is read before the event enters.
    pub(crate) before: Reads,
    /// And after.
    pub(crate) after: Reads,
    /// How long a row is kept, in microseconds.
    pub(crate) retention: i64,
    /// A key that saw nothing for longer starts anew, in microseconds.
    pub(crate) idle_after: Option<i64>,
    pub(crate) tile: Option<TileState>,
    pub(crate) max_events: u32,
    /// Whether labels are counted.
    pub(crate) labelled: bool,
    pub(crate) shape: Shape,
}

/// How many words things have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of a row: time, tag, columns.
    pub(crate) row: usize,
    /// Of a cursor: the next row, totals.
    pub(crate) cursor: usize,
    /// Of all cursors.
    pub(crate) cursors: usize,
    /// Whether a row has a tag: position, filters, label.
    pub(crate) tagged: bool,
}

/// Where a window begins or ends; the rows with `time <= limit` lie behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edge {
    /// So many microseconds before now.
    Behind(i64),
    /// Midnight, in a time zone of the plan.
    Midnight(usize),
}

impl Edge {
    /// `midnights` are those before now, zone by zone.
    pub(crate) fn limit(self, now: i64, midnights: &[i64]) -> i64 {
        match self {
            Self::Behind(offset) => now.saturating_sub(offset),
            Self::Midnight(zone) => midnights[zone] - 1,
        }
    }

    /// The longest that it may lie behind now.
    const fn reach(self) -> i64 {
        /// No local day was ever longer.
        const LONGEST_DAY: i64 = 49 * 3_600 * 1_000_000;
        match self {
            Self::Behind(offset) => offset,
            Self::Midnight(_) => LONGEST_DAY,
        }
    }
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) of: Operand,
    /// What becomes of it when two events of a hot key are kept as one row.
    pub(crate) merge: Merge,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Number(Source),
    Category(Category),
    /// 1 where the event has the number, else 0.
    Present(Source),
    /// The lower and the upper half of its square.
    SquareLow(Source),
    SquareHigh(Source),
    /// 1: the event itself.
    One,
    /// 1 when it is known to be bad.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    Add,
    Min,
    Max,
    Newest,
}

/// Something that cursors carry: a sum over the rows that they have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) of: Counted,
    /// Bits that the row's tag must have.
    pub(crate) mask: i64,
    /// The column's word in a row.
    pub(crate) word: usize,
    /// Its word in a cursor.
    pub(crate) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Rows,
    Present,
    Sum,
    /// Of the square of a word, 128 bits in two words.
    Square,
    /// Of 128 bits in two words.
    Wide,
    Bad,
}

/// What a passing row does beside the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Extreme(usize),
    EnterTable(usize),
    LeaveTable(usize),
    EnterOrder(usize),
    LeaveOrder(usize),
    Decay(usize),
    SealDecay(usize),
}

/// The newest row that passes a filter and has certain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) mask: i64,
    /// Words of the row that must be there; 0 (the time) always is.
    pub(crate) needs: [usize; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtremePlan {
    pub(crate) word: usize,
    pub(crate) mask: i64,
    pub(crate) is_max: bool,
    pub(crate) near: usize,
    /// The longest window that ends, in microseconds; 0 when there is none.
    pub(crate) length: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeenPlan {
    pub(crate) word: usize,
    pub(crate) mask: i64,
    /// The longest window; `None` for a lifetime.
    pub(crate) length: Option<i64>,
}

/// A column between two cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) word: usize,
    pub(crate) mask: i64,
    pub(crate) near: usize,
    pub(crate) far: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DecayPlan {
    /// The word that is summed; 0 counts events.
    pub(crate) word: usize,
    pub(crate) mask: i64,
    /// The half-life in microseconds.
    pub(crate) half_life: f64,
    pub(crate) near: usize,
    /// The cursor behind which no event can come any more.
    pub(crate) sealed: usize,
}

/// Windowed features, by how numbers are made of what was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    /// Those that are a count.
    pub(crate) counts: Vec<Output>,
    /// Those that are a sum divided by a count.
    pub(crate) quotients: Vec<Output>,
    pub(crate) others: Vec<Output>,
}

impl Outputs {
    fn push(&mut self, output: Output) {
        match output.finish {
            Finish::Count => self.counts.push(output),
            Finish::Mean | Finish::Rate | Finish::Share => self.quotients.push(output),
            _ => self.others.push(output),
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Output> {
        self.counts.iter().chain(&self.quotients).chain(&self.others)
    }
}

/// One windowed feature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) feature: usize,
    pub(crate) default: f64,
    pub(crate) finish: Finish,
    /// The number of what is read for it; a count and a mean over one window share it.
    pub(crate) read: usize,
}

/// What is read of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) reading: Reading,
    /// Where the window ends.
    pub(crate) until: Edge,
    /// Where it begins; `None` for a lifetime.
    pub(crate) after: Option<Edge>,
}

impl Read {
    /// One read that answers both, if there is one.
    fn joined(self, other: Self) -> Option<Self> {
        let reading = match (self.reading, other.reading) {
            (Reading::Totals(one), Reading::Totals(other)) => Reading::Totals(one.joined(other)?),
            (one, other) => (one == other).then_some(one)?,
        };
        ((self.until, self.after) == (other.until, other.after)).then_some(Self { reading, ..self })
    }
}

/// What a store reads for it, as whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The difference of two cursors.
    Totals(Between),
    Extreme(usize),
    /// A word of the newest row of a [`Last`].
    LastWord(usize, usize),
    /// How long ago it was, and two words of it.
    LastPlace(usize, [usize; 2]),
    Distinct(usize),
    FirstSeen(usize),
    TopShare(usize),
    Entropy(usize),
    Order(usize, OrderedQuantile),
    Decay(usize),
}

/// A quantile in millionths of a millionth, so that the plan stays comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderedQuantile(pub(crate) u64);

impl OrderedQuantile {
    fn new(quantile: f64) -> Self {
        Self(quantile.to_bits())
    }

    /// The numbers of the two order statistics and how far between them it lies.
    pub(crate) fn place(self, count: usize) -> (usize, usize, f64) {
        let place = f64::from_bits(self.0) * (count - 1) as f64;
        let lower = place.floor() as usize;
        (lower, (lower + 1).min(count - 1), place - place.floor())
    }
}

/// What is read of two cursors. Totals are words of a cursor: 0 is the number of its next row for a count, and nothing for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Between {
    pub(crate) near: usize,
    /// `None` for a lifetime.
    pub(crate) far: Option<usize>,
    pub(crate) count: usize,
    pub(crate) sum: usize,
    pub(crate) squares: usize,
}

/// Reads of one entity that follow one another in the plan: first differences of cursors, then what is read of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// The number of the first.
    pub(crate) first: usize,
    end: usize,
    /// The first of them, as they are read where the cursors stand.
    pub(crate) differences: Vec<Differences>,
}

impl Reads {
    fn new(first: usize, reads: &[Read], shape: Shape) -> Self {
        let differences = reads[first..].iter().map_while(|read| match &read.reading {
            Reading::Totals(between) => Some(Differences::new(between, shape)),
            _ => None,
        });
        Self { first, end: reads.len(), differences: differences.collect() }
    }

    /// Their numbers.
    pub(crate) const fn all(&self) -> Range<usize> {
        self.first..self.end
    }

    /// The numbers of those that read parts.
    pub(crate) const fn parts(&self) -> Range<usize> {
        self.first + self.differences.len()..self.end
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.first == self.end
    }
}

/// The totals of a window that ends where the cursors stand, in the words of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Differences {
    pub(crate) counted: Difference,
    pub(crate) summed: Difference,
    pub(crate) squared: Option<Difference>,
}

impl Differences {
    fn new(between: &Between, shape: Shape) -> Self {
        let at = |edge: usize| HEADER + edge * shape.cursor;
        let (near, far) = (at(between.near), between.far.map(at));
        let total = |at: usize| Some(at).filter(|at| *at > 0);
        Self {
            counted: Difference::new(near, far, Some(between.count)),
            summed: Difference::new(near, far, total(between.sum)),
            squared: total(between.squares).map(|at| Difference::new(near, far, Some(at))),
        }
    }
}

/// The difference of two words, without a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    near: u32,
    far: u32,
    /// Nothing of the second word is taken where this is zero.
    mask: i64,
}

impl Difference {
    /// Of the total at `at` in the cursors that lie at `near` and `far`; always zero where `at` is `None`.
    fn new(near: usize, far: Option<usize>, at: Option<usize>) -> Self {
        let word = |cursor: usize| (cursor + at.unwrap_or(0)) as u32;
        match (far, at) {
            (_, None) => Self { near: word(near), far: word(near), mask: -1 },
            (None, _) => Self { near: word(near), far: word(near), mask: 0 },
            (Some(far), _) => Self { near: word(near), far: word(far), mask: -1 },
        }
    }

    #[inline(always)]
    pub(crate) fn of(self, words: &[i64]) -> i64 {
        words[self.near as usize].wrapping_sub(words[self.far as usize] & self.mask)
    }

    /// The same of totals of 128 bits.
    pub(crate) fn of_wide(self, words: &[i64]) -> i128 {
        wide(&words[self.near as usize..]).wrapping_sub(wide(&words[self.far as usize..]) & i128::from(self.mask))
    }
}

impl Between {
    /// Totals are named by their numbers from 1, and become words at the end.
    fn new(near: usize, far: Option<usize>) -> Self {
        Self { near, far, count: 0, sum: 0, squares: 0 }
    }

    /// Both in one, where neither asks for what the other has in another way.
    fn joined(self, other: Self) -> Option<Self> {
        let either = |one: usize, other: usize| match (one, other) {
            (0, total) | (total, 0) => Some(total),
            (one, other) => (one == other).then_some(one),
        };
        let is_one_window = (self.near, self.far, self.count) == (other.near, other.far, other.count);
        let (sum, squares) = (either(self.sum, other.sum)?, either(self.squares, other.squares)?);
        is_one_window.then_some(Self { sum, squares, ..self })
    }
}

/// How whole numbers become the feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Count,
    Sum,
    Mean,
    Variance,
    Std,
    ZScore(Source),
    Rate,
    Word(Source),
    Seconds,
    Distinct,
    First,
    Share,
    Bits,
    Quantile(Source, OrderedQuantile),
    Decayed,
    Speed { latitude: Source, longitude: Source },
}

impl Plan {
    /// Compiles checked definitions. Fails where what is kept of an entity cannot answer a feature of it.
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

impl EntityPlan {
    /// Whether a key keeps anything beside rows and cursors.
    pub(crate) const fn has_parts(&self) -> bool {
        !(self.lasts.is_empty()
            && self.extremes.is_empty()
            && self.seen.is_empty()
            && self.tables.is_empty()
            && self.orders.is_empty()
            && self.decays.is_empty())
    }

    /// The numbers of all that is read of it.
    pub(crate) const fn reads(&self) -> Range<usize> {
        self.before.first..self.after.all().end
    }

    /// An event's row: time, tag, columns. `bad` is what is known of the event already.
    pub(crate) fn write_row(&self, event: &Event, position: u64, bad: bool, row: &mut Vec<i64>) {
        row.resize(self.shape.row, 0);
        row[0] = event.occurred_at.micros();
        if self.shape.tagged {
            let mut tag = ((position << TAG_FLAGS) as i64) | i64::from(bad);
            for (number, filter) in self.filters.iter().enumerate() {
                tag |= i64::from(filter.holds(event)) << (number + 1);
            }
            row[1] = tag;
        }
        let columns = &mut row[1 + usize::from(self.shape.tagged)..];
        for (word, column) in columns.iter_mut().zip(&self.columns) {
            *word = match column.of {
                Operand::Number(source) => source.word(event),
                Operand::Category(category) => category.word(event),
                Operand::Present(source) => i64::from(source.word(event) != ABSENT),
                Operand::SquareLow(source) => square(source.word(event)) as i64,
                Operand::SquareHigh(source) => (square(source.word(event)) >> 64) as i64,
                Operand::One => 1,
                Operand::Bad => i64::from(bad),
            };
        }
    }

    /// The word at which tiled rows count what is bad.
    pub(crate) fn bad_word(&self) -> Option<usize> {
        let column = self.columns.iter().position(|column| column.of == Operand::Bad)?;
        Some(1 + usize::from(self.shape.tagged) + column)
    }
}

const fn square(word: i64) -> i128 {
    if word == ABSENT { 0 } else { word as i128 * word as i128 }
}

/// The bits of a tag below the position: whether the event is bad, and its filters.
pub(crate) const TAG_FLAGS: u32 = 24;

fn version(definitions: &[Definition], limits: &StateLimits, schema: &Schema, allowed_lateness: Duration) -> String {
    let mut text = format!("features 2, lateness {allowed_lateness}\n");
    for definition in definitions {
        text.push_str(&format!("{} = {}\n", definition.name, definition.version));
    }
    let mut states: Vec<String> = limits.entities.iter().map(|state| state_rendering(state, schema)).collect();
    states.sort_unstable();
    version_of(&(text + &states.concat()))
}
