//! The compiled form: for each type of value one kind of tree, so that a tree that exists makes sense. Names are numbers, constants
//! are folded, and the comparisons that rules mostly consist of are single nodes.

use jiff::tz::TimeZone;
use regex::Regex;

use super::calendar::Part;
use super::tree::{Arithmetic, Comparison};
use crate::rules::facts::ListId;
use crate::rules::names::Source;

/// A checked value. Moments and lengths of time are whole microseconds.
#[derive(Clone, Debug)]
pub(super) enum Typed {
    Flag(Flag),
    Whole(Whole),
    Number(Number),
    Text(Text),
    Time(Whole),
    Span(Whole),
}

impl Typed {
    /// Its type, as messages say it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Flag(_) => "bool",
            Self::Whole(_) => "int",
            Self::Number(_) => "double",
            Self::Text(_) => "string",
            Self::Time(_) => "timestamp",
            Self::Span(_) => "duration",
        }
    }

    /// Whether it is the same whatever the facts are.
    pub(super) const fn is_constant(&self) -> bool {
        match self {
            Self::Flag(flag) => matches!(flag, Flag::Constant(_)),
            Self::Whole(whole) | Self::Time(whole) | Self::Span(whole) => matches!(whole, Whole::Constant(_)),
            Self::Number(number) => matches!(number, Number::Constant(_)),
            Self::Text(text) => matches!(text, Text::Constant(_)),
        }
    }
}

/// Yes or no.
#[derive(Clone, Debug)]
pub(super) enum Flag {
    Constant(bool),
    Attribute(usize),
    Has(Source),
    Not(Box<Flag>),
    All(Box<[Flag]>),
    Any(Box<[Flag]>),
    Choose(Box<(Flag, Flag, Flag)>),
    /// `==` where the first is true, else `!=`.
    Same(bool, Box<(Flag, Flag)>),
    CompareWhole(Comparison, Box<(Whole, Whole)>),
    CompareNumber(Comparison, Box<(Number, Number)>),
    CompareMixed(Comparison, Box<(Whole, Number)>),
    CompareText(Comparison, Box<(Text, Text)>),
    /// A feature against a constant: most of what rules ask.
    Feature(Comparison, usize, f64),
    /// A whole number of the event, or the score, against a constant.
    Value(Comparison, Source, i64),
    /// Text of the event equals a constant, or does not.
    TextIs(bool, Source, Box<str>),
    /// A text is one of some, sorted.
    OneOf(Text, Box<[Box<str>]>),
    Listed(Text, ListId),
    Find(Find, Box<(Text, Text)>),
    Matches(Text, Box<Regex>),
}

/// Where one text is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Find {
    Start,
    End,
    Anywhere,
}

/// A whole number of 64 bits.
#[derive(Clone, Debug)]
pub(super) enum Whole {
    Constant(i64),
    Attribute(usize),
    AmountMinor,
    Score,
    Time,
    Negate(Box<Whole>),
    Compute(Arithmetic, Box<(Whole, Whole)>),
    /// Where it lies within the bounds of a moment, or of a length of time.
    Within(Bounds, Box<Whole>),
    Absolute(Box<Whole>),
    Extreme(Extreme, Box<[Whole]>),
    Choose(Box<(Flag, Whole, Whole)>),
    Size(Text),
    FromNumber(Box<Number>),
    FromText(Text),
    /// A part of a moment's date or time, in a zone or in UTC.
    Calendar(Part, Option<TimeZone>, Box<Whole>),
    /// A length of time in units of so many microseconds.
    InUnits(i64, Box<Whole>),
}

/// A number of 64 bits; NaN where something is missing.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Constant(f64),
    Feature(usize),
    Attribute(usize),
    Probability,
    Negate(Box<Number>),
    Compute(Arithmetic, Box<(Number, Number)>),
    Absolute(Box<Number>),
    Extreme(Extreme, Box<[Number]>),
    Choose(Box<(Flag, Number, Number)>),
    FromWhole(Box<Whole>),
    FromText(Text),
}

/// Text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Constant(Box<str>),
    Attribute(usize),
    Entity(usize),
    Currency,
    Id,
    /// With small ASCII letters.
    Lower(Box<Text>),
    Choose(Box<(Flag, Text, Text)>),
}

/// The largest or the smallest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extreme {
    Greatest,
    Least,
}

/// What microseconds may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Years 1 to 9999, but for its last day: there some time zone has another year.
    Time,
    /// Up to 10,000 years either way.
    Span,
}

impl Bounds {
    /// Whether `micros` lie within.
    pub(super) const fn hold(self, micros: i64) -> bool {
        match self {
            Self::Time => micros >= -62_135_596_800_000_000 && micros <= 253_402_207_200_000_000,
            Self::Span => micros.unsigned_abs() <= 315_576_000_000_000_000,
        }
    }
}
