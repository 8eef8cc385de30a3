//! What a single value must be, whichever format it came in. Reasons are fixed texts, so that no value can slip into one.

use crate::event::{Amount, Currency, EventId, Value};
use crate::schema::ValueType;
use crate::time::Timestamp;

/// What is wrong with a value.
pub(super) type Reason = &'static str;

/// A value, none, or what is wrong with it.
pub(super) type Cell<T> = Result<Option<T>, Reason>;

pub(super) const MISSING: Reason = "is missing";
pub(super) const TEXT: Reason = "must be text";
pub(super) const ID: Reason = "must be text or a whole number";
pub(super) const ID_BYTES: Reason = "must have 1 to 200 bytes";
pub(super) const CONTROL: Reason = "must not have control characters in it";
pub(super) const TEXT_BYTES: Reason = "must have at most 1024 bytes";
pub(super) const UTF8: Reason = "must be UTF-8 text";
pub(super) const TIME: Reason = "must be a time as RFC 3339 text, such as 2026-04-23T12:00:00Z";
pub(super) const TIME_RANGE: Reason = "must lie in the years 1 to 9999";
pub(super) const WHOLE: Reason = "must be a whole number";
pub(super) const WHOLE_RANGE: Reason = "must be a whole number of 64 bits";
pub(super) const NUMBER: Reason = "must be a finite number";
pub(super) const FLAG: Reason = "must be true or false";
pub(super) const MINOR: Reason = "must be a whole number of minor units";
pub(super) const NEGATIVE: Reason = "must not be negative";
pub(super) const TOO_LARGE: Reason = "must not be above 1000000000000 minor units";
pub(super) const CARD_NUMBER: Reason = "must be a token: it looks like a card number";
pub(super) const CURRENCY: Reason = "must be a currency code of three capital letters";

pub(super) fn event_id(text: &str) -> Result<EventId, Reason> {
    name(text).and_then(|text| EventId::new(text).ok_or(ID_BYTES))
}

/// An entity's key.
pub(super) fn key(text: &str) -> Result<Box<str>, Reason> {
    name(text).map(Into::into)
}

/// What names something: it stands in paths, in lines of files and on screens, where a control character is something else.
fn name(text: &str) -> Result<&str, Reason> {
    if !(1..=EventId::MAX_BYTES).contains(&text.len()) {
        return Err(ID_BYTES);
    }
    // Without an early end many bytes are looked at together.
    let has_control = text.bytes().fold(false, |found, byte| found | byte.is_ascii_control());
    if has_control { Err(CONTROL) } else { Ok(text) }
}

/// An attribute that is text.
pub(super) fn words(text: &str) -> Result<Value, Reason> {
    if text.len() <= Value::MAX_TEXT_BYTES { Ok(Value::Text(text.into())) } else { Err(TEXT_BYTES) }
}

/// Minor units of an amount.
pub(super) const fn minor(units: i64) -> Result<i64, Reason> {
    match units {
        ..0 => Err(NEGATIVE),
        0..=Amount::MAX_MINOR => Ok(units),
        _ => Err(TOO_LARGE),
    }
}

pub(super) fn currency(code: &str) -> Result<Currency, Reason> {
    Currency::new(code).ok_or(CURRENCY)
}

pub(super) fn time(text: &str) -> Result<Timestamp, Reason> {
    text.parse().map_err(|_| TIME).and_then(in_range)
}

/// From `0001-01-01T00:00:00Z` to the last whole day that every time zone can print.
pub(super) fn in_range(time: Timestamp) -> Result<Timestamp, Reason> {
    const FIRST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);
    const END: Timestamp = Timestamp::from_micros(253_402_128_000_000_000);
    if (FIRST..END).contains(&time) { Ok(time) } else { Err(TIME_RANGE) }
}

pub(super) fn finite(number: f64) -> Result<f64, Reason> {
    if number.is_finite() { Ok(number) } else { Err(NUMBER) }
}

/// 0 or 1 in a column of numbers.
pub(super) const fn zero_or_one(number: i64) -> Result<bool, Reason> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("must be 0 or 1"),
    }
}

/// A whole number written as text.
pub(super) fn integer_text(text: &str) -> Result<i64, Reason> {
    text.parse().map_err(|_| WHOLE)
}

/// Minor units written as text.
pub(super) fn minor_text(text: &str) -> Result<i64, Reason> {
    text.parse().map_err(|_| MINOR).and_then(minor)
}

/// A flag written as text.
pub(super) fn flag_text(text: &str) -> Result<bool, Reason> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("must be 0, 1, true or false"),
    }
}

/// An attribute written as text.
pub(super) fn attribute_text(text: &str, value_type: ValueType) -> Result<Value, Reason> {
    match value_type {
        ValueType::Text => words(text),
        ValueType::Integer => integer_text(text).map(Value::Integer),
        ValueType::Number => text.parse().map_err(|_| NUMBER).and_then(finite).map(Value::Number),
        ValueType::Flag => flag_text(text).map(Value::Flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let check = |text: &str, expect: Result<i64, Reason>| assert_eq!(minor_text(text), expect, "{text}");
        check("0", Ok(0));
        check("1000000000000", Ok(1_000_000_000_000));
        check("1000000000001", Err(TOO_LARGE));
        check("-1", Err(NEGATIVE));
        check("57.5", Err(MINOR));
        check("57.0", Err(MINOR));
        check("1e3", Err(MINOR));
        check("", Err(MINOR));
        assert!(TOO_LARGE.contains(&Amount::MAX_MINOR.to_string()));
    }

    #[test]
    fn ids_have_1_to_200_bytes() {
        let check = |bytes: usize, ok: bool| {
            let text = "x".repeat(bytes);
            assert_eq!((event_id(&text).is_ok(), key(&text).is_ok()), (ok, ok), "{bytes}");
        };
        check(0, false);
        check(1, true);
        check(200, true);
        check(201, false);
        assert!(ID_BYTES.contains(&EventId::MAX_BYTES.to_string()));
    }

    #[test]
    fn no_id_has_a_control_character() {
        let check = |text: &str, ok: bool| {
            let expect = (!ok).then_some(CONTROL);
            assert_eq!((event_id(text).err(), key(text).err()), (expect, expect), "{text:?}");
        };
        check("txn 1", true);
        check("caf\u{e9} \u{1f4b3}", true);
        check("txn\0", false);
        check("txn_1\n", false);
        check("\u{1b}[31m", false);
        check("txn_1\u{7f}", false);
        check(&format!("{}\t", "x".repeat(199)), false);
    }

    #[test]
    fn texts_have_an_end() {
        let check = |bytes: usize, ok: bool| {
            let found = attribute_text(&"x".repeat(bytes), ValueType::Text);
            assert_eq!(found.err(), (!ok).then_some(TEXT_BYTES), "{bytes}");
        };
        check(0, true);
        check(1_024, true);
        check(1_025, false);
        // Bytes count, as they do in ids.
        assert_eq!(words(&"\u{e9}".repeat(513)), Err(TEXT_BYTES));
        assert!(TEXT_BYTES.contains(&Value::MAX_TEXT_BYTES.to_string()));
    }

    #[test]
    fn times() {
        let check = |text: &str, expect: Result<&str, Reason>| {
            assert_eq!(time(text).map(|time| time.to_string()), expect.map(str::to_owned), "{text}");
        };
        check("2018-04-01T02:00:31.5+02:00", Ok("2018-04-01T00:00:31.5Z"));
        check("2018-04-01 00:00:31", Ok("2018-04-01T00:00:31Z"));
        check("0001-01-01T00:00:00Z", Ok("0001-01-01T00:00:00Z"));
        check("-000001-12-31T23:59:59Z", Err(TIME_RANGE));
        check("9999-12-28T23:59:59Z", Ok("9999-12-28T23:59:59Z"));
        check("9999-12-30T00:00:00Z", Err(TIME_RANGE));
        check("1522540831", Err(TIME));
        check("", Err(TIME));
    }

    #[test]
    fn attributes() {
        let check = |text: &str, value_type: ValueType, expect: Result<Value, Reason>| {
            assert_eq!(attribute_text(text, value_type), expect, "{text}");
        };
        check("-7", ValueType::Integer, Ok(Value::Integer(-7)));
        check("7.5", ValueType::Integer, Err(WHOLE));
        check("7.5", ValueType::Number, Ok(Value::Number(7.5)));
        check("inf", ValueType::Number, Err(NUMBER));
        check("NaN", ValueType::Number, Err(NUMBER));
        check("True", ValueType::Flag, Ok(Value::Flag(true)));
        check("0", ValueType::Flag, Ok(Value::Flag(false)));
        check("2", ValueType::Flag, Err("must be 0, 1, true or false"));
        check("é", ValueType::Text, Ok(Value::Text("é".into())));
    }
}
