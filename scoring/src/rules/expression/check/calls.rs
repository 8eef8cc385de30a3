//! Functions: which there are, what they take, and what they become.

use std::ops::Range;

use ingest::Timestamp;
use regex::{Regex, RegexBuilder};

use super::{Checker, quoted};
use crate::rules::expression::calendar::{Part, span_micros, zone};
use crate::rules::expression::error::ExpressionError;
use crate::rules::expression::run::truncated;
use crate::rules::expression::tree::{Arithmetic, Node};
use crate::rules::expression::typed::{Bounds, Extreme, Find, Flag, Number, Text, Typed, Whole};
use crate::rules::names::nearest;

/// The most memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 256 << 10;

const FUNCTIONS: [&str; 5] = ["size", "int", "double", "duration", "timestamp"];
const METHODS: [&str; 16] = [
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "lowerAscii",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];
const MATH: [&str; 3] = ["greatest", "least", "abs"];

impl<'a> Checker<'a> {
    pub(super) fn called(
        &mut self,
        function: &str,
        target: Option<&'a Node>,
        arguments: &'a [Node],
        span: &Range<usize>,
    ) -> Result<Typed, ExpressionError> {
        match target {
            None => self.function(function, arguments, span),
            Some(target) if self.group(target) == Some("math") => self.math(function, arguments, span),
            Some(target) => self.method(function, target, arguments, span),
        }
    }

    fn function(&mut self, function: &str, arguments: &'a [Node], span: &Range<usize>) -> Result<Typed, ExpressionError> {
        let [argument] = arguments else {
            return Err(if FUNCTIONS.contains(&function) {
                self.refuse(span, format!("`{function}` takes one argument, here are {}", arguments.len()))
            } else {
                self.no_function(function, &FUNCTIONS, span)
            });
        };
        match function {
            "size" => self.size(argument),
            "duration" | "timestamp" => self.moment(function, argument),
            "int" => Ok(Typed::Whole(match self.node(argument)? {
                Typed::Whole(whole) => whole,
                Typed::Number(Number::Constant(number)) if truncated(number).is_ok() => Whole::Constant(number as i64),
                Typed::Number(number) => Whole::FromNumber(Box::new(number)),
                Typed::Text(text) => Whole::FromText(text),
                other => {
                    return Err(
                        self.refuse(&argument.span, format!("`int` takes a number or a string, this is a {}", other.name()))
                    );
                }
            })),
            "double" => Ok(Typed::Number(match self.node(argument)? {
                Typed::Number(number) => number,
                Typed::Whole(Whole::Constant(whole)) => Number::Constant(whole as f64),
                Typed::Whole(whole) => Number::FromWhole(Box::new(whole)),
                Typed::Text(text) => Number::FromText(text),
                other => {
                    return Err(
                        self.refuse(&argument.span, format!("`double` takes a number or a string, this is a {}", other.name()))
                    );
                }
            })),
            _ => Err(self.no_function(function, &FUNCTIONS, span)),
        }
    }

    fn method(
        &mut self,
        function: &str,
        target: &'a Node,
        arguments: &'a [Node],
        span: &Range<usize>,
    ) -> Result<Typed, ExpressionError> {
        if let Some(part) = Part::of(function) {
            return self.part(part, function, target, arguments, span);
        }
        let takes = match function {
            "size" | "lowerAscii" => 0,
            "startsWith" | "endsWith" | "contains" | "matches" => 1,
            _ => {
                // A wrong target is the better message.
                return Err(self.node(target).err().unwrap_or_else(|| self.no_function(function, &METHODS, span)));
            }
        };
        if arguments.len() != takes {
            return Err(self.refuse(span, format!("`{function}` takes {takes} arguments, here are {}", arguments.len())));
        }
        if function == "size" {
            return self.size(target);
        }
        let text = self.text_of(function, target)?;
        let Some(argument) = arguments.first() else { return Ok(Typed::Text(Text::Lower(Box::new(text)))) };
        if function == "matches" {
            return Ok(Typed::Flag(Flag::Matches(text, Box::new(self.pattern(argument)?))));
        }
        let part = self.text_of(function, argument)?;
        let find = match function {
            "startsWith" => Find::Start,
            "endsWith" => Find::End,
            _ => Find::Anywhere,
        };
        Ok(Typed::Flag(Flag::Find(find, Box::new((text, part)))))
    }

    fn math(&mut self, function: &str, arguments: &'a [Node], span: &Range<usize>) -> Result<Typed, ExpressionError> {
        let extreme = match function {
            "greatest" => Some(Extreme::Greatest),
            "least" => Some(Extreme::Least),
            "abs" => None,
            _ => return Err(self.no_function(function, &MATH, span)),
        };
        let least = if extreme.is_some() { 2 } else { 1 };
        if arguments.len() < least || (extreme.is_none() && arguments.len() > 1) {
            let takes = if extreme.is_some() { "two arguments or more" } else { "one argument" };
            return Err(self.refuse(span, format!("`math.{function}` takes {takes}, here are {}", arguments.len())));
        }
        let (mut whole, mut numbers) = (Vec::new(), Vec::new());
        for argument in arguments {
            match self.node(argument)? {
                Typed::Whole(value) if numbers.is_empty() => whole.push(value),
                Typed::Number(value) if whole.is_empty() => numbers.push(value),
                other => {
                    let message = format!("`math.{function}` takes ints alone or doubles alone, this is a {}", other.name());
                    return Err(self.refuse(&argument.span, message));
                }
            }
        }
        Ok(match (extreme, whole.pop(), numbers.pop()) {
            (None, Some(one), _) => Typed::Whole(Whole::Absolute(Box::new(one))),
            (None, None, Some(one)) => Typed::Number(Number::Absolute(Box::new(one))),
            (Some(extreme), Some(last), _) => Typed::Whole(Whole::Extreme(extreme, whole.into_iter().chain([last]).collect())),
            (Some(extreme), None, Some(last)) => {
                Typed::Number(Number::Extreme(extreme, numbers.into_iter().chain([last]).collect()))
            }
            (_, None, None) => return Err(self.refuse(span, format!("`math.{function}` takes numbers"))),
        })
    }

    /// A part of a moment's date or time, or of a length of time.
    fn part(
        &mut self,
        part: Part,
        function: &str,
        target: &'a Node,
        arguments: &'a [Node],
        span: &Range<usize>,
    ) -> Result<Typed, ExpressionError> {
        let of = self.node(target)?;
        let zone = match (&of, arguments) {
            (_, []) => None,
            (Typed::Time(_), [argument]) => {
                let name = self.constant_text(argument, "a time zone")?;
                let no_zone = || format!("there is no time zone `{name}`: write it as `Europe/Berlin` or `+02:00`");
                Some(zone(&name).ok_or_else(|| self.refuse(&argument.span, no_zone()))?)
            }
            _ => return Err(self.refuse(span, format!("`{function}` takes at most a time zone"))),
        };
        let zone = zone.filter(|zone| *zone != jiff::tz::TimeZone::UTC);
        match (of, part.unit_micros()) {
            (Typed::Time(moment), _) => Ok(Typed::Whole(Whole::Calendar(part, zone, Box::new(moment)))),
            // Of a length CEL counts the milliseconds within its second.
            (Typed::Span(length), Some(unit)) if part == Part::Milliseconds => {
                let second = Whole::Compute(Arithmetic::Remainder, Box::new((length, Whole::Constant(1_000_000))));
                Ok(Typed::Whole(Whole::InUnits(unit, Box::new(second))))
            }
            (Typed::Span(length), Some(unit)) => Ok(Typed::Whole(Whole::InUnits(unit, Box::new(length)))),
            (other, _) => Err(self.refuse(&target.span, format!("`{function}` is not a part of a {}", other.name()))),
        }
    }

    fn size(&mut self, of: &'a Node) -> Result<Typed, ExpressionError> {
        Ok(Typed::Whole(match self.text_of("size", of)? {
            Text::Constant(text) => Whole::Constant(text.chars().count() as i64),
            text => Whole::Size(text),
        }))
    }

    /// `duration("1h")` or `timestamp("2026-01-01T00:00:00Z")`.
    fn moment(&mut self, function: &str, argument: &'a Node) -> Result<Typed, ExpressionError> {
        let written = self.constant_text(argument, &format!("what `{function}` takes"))?;
        if function == "duration" {
            let micros = span_micros(&written).filter(|micros| Bounds::Span.hold(*micros));
            let micros = micros.ok_or_else(|| {
                self.refuse(&argument.span, format!("`{written}` is not a duration: write it as `1h30m` or `15s`"))
            })?;
            return Ok(Typed::Span(Whole::Constant(micros)));
        }
        let moment = written.parse::<Timestamp>().ok().map(Timestamp::micros).filter(|micros| Bounds::Time.hold(*micros));
        let moment = moment.ok_or_else(|| {
            self.refuse(&argument.span, format!("`{written}` is not a timestamp: write it as `2026-04-23T12:00:00Z`"))
        })?;
        Ok(Typed::Time(Whole::Constant(moment)))
    }

    fn pattern(&mut self, argument: &'a Node) -> Result<Regex, ExpressionError> {
        let written = self.constant_text(argument, "a pattern")?;
        RegexBuilder::new(&written).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build().map_err(|error| {
            let message = match error {
                regex::Error::CompiledTooBig(_) => "this pattern takes too much memory".to_owned(),
                other => {
                    let said = other.to_string();
                    let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    format!("this is no pattern: {last}")
                }
            };
            self.refuse(&argument.span, message)
        })
    }

    fn text_of(&mut self, function: &str, node: &'a Node) -> Result<Text, ExpressionError> {
        match self.node(node)? {
            Typed::Text(text) => Ok(text),
            other => Err(self.refuse(&node.span, format!("`{function}` takes a string, this is a {}", other.name()))),
        }
    }

    fn constant_text(&mut self, node: &'a Node, what: &str) -> Result<String, ExpressionError> {
        match self.node(node)? {
            Typed::Text(Text::Constant(text)) => Ok(text.into()),
            _ => Err(self.refuse(&node.span, format!("{what} is written out as a string"))),
        }
    }

    fn no_function(&self, function: &str, known: &[&str], span: &Range<usize>) -> ExpressionError {
        let all = FUNCTIONS.into_iter().chain(METHODS).chain(MATH);
        let hint = match nearest(function, all) {
            Some(near) if near != function => format!(": did you mean `{near}`?"),
            Some(near) if MATH.contains(&near.as_str()) => format!(": did you mean `math.{near}`?"),
            _ => format!("; there are {}", quoted(known)),
        };
        self.refuse(span, format!("`{function}` is not a function that rules have here{hint}"))
    }
}
