//! What a body of JSON says; what does not fit is a problem that names the field, in the words of whoever writes the body.

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::problem::Problem;

/// A body of JSON that says what it must.
pub(super) fn json<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::invalid(None, "the body is empty, and has to be JSON".to_owned()));
    }
    read(body)
}

/// A text of JSON that says what it must.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (detail, is_text) = told(error.inner());
        Problem::invalid(if is_text { None } else { field(error.path(), &detail) }, detail)
    })?;
    reader.end().map_err(|error| Problem::invalid(None, told(&error).0))?;
    Ok(value)
}

/// What is wrong, and whether it is the text, which then is no JSON. Where it is a value, its field says where, and no line and column.
fn told(error: &serde_json::Error) -> (String, bool) {
    let text = error.to_string();
    match error.classify() {
        Category::Data => {
            let place = format!(" at line {} column {}", error.line(), error.column());
            (plain(text.strip_suffix(&place).unwrap_or(&text)), false)
        }
        Category::Syntax | Category::Eof | Category::Io => (format!("it is no JSON: {text}"), true),
    }
}

/// The field that an error is about, as `entries.0.value`; of one that is missing or there twice, its place.
pub(super) fn field(path: &Path, detail: &str) -> Option<String> {
    let mut segments: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect();
    segments.extend(named(detail).map(str::to_owned));
    (!segments.is_empty()).then(|| segments.join("."))
}

/// The field that an error has in its words instead of in its path.
fn named(detail: &str) -> Option<&str> {
    let name = detail.strip_prefix("missing field `").or_else(|| detail.strip_prefix("duplicate field `"));
    name?.strip_suffix('`')
}

/// An error of serde without the names of types.
pub(super) fn plain(text: &str) -> String {
    const WORDS: [(&str, &str); 15] = [
        ("u8", "a whole number from 0 to 255"),
        ("u16", "a whole number from 0 to 65535"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u64", "a whole number, not below 0"),
        ("usize", "a whole number, not below 0"),
        ("i16", "a whole number from -32768 to 32767"),
        ("i32", "a whole number"),
        ("i64", "a whole number"),
        ("f64", "a number"),
        ("a sequence", "a list"),
        ("a borrowed string", "a text"),
        ("a string", "a text"),
        ("a boolean", "true or false"),
        ("any valid JSON value", "a value"),
        ("a map", "an object"),
    ];
    let Some((found, expected)) = text.split_once(", expected ") else { return text.to_owned() };
    if expected.starts_with("struct ") || expected.starts_with("internally tagged enum ") {
        return format!("{found}, expected an object");
    }
    let said = WORDS.into_iter().find(|(name, _)| *name == expected).map_or(expected, |(_, said)| said);
    format!("{found}, expected {said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Draft {
        name: String,
        #[serde(default)]
        share: u8,
        #[serde(default)]
        entries: Vec<Entry>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        value: String,
    }

    #[test]
    fn what_does_not_fit_names_its_field() {
        let check = |body: &'static str, field: Option<&str>, detail: &str| {
            let bytes = Bytes::from_static(body.as_bytes());
            let problem = serde_json::to_value(json::<Draft>(&bytes).expect_err(body)).expect("plain data");
            let said = (problem["field"].as_str(), problem["detail"].as_str().expect("it is said"));
            assert_eq!(said, (field, detail), "{body}");
        };
        check(
            r#"{"name":"x","share":300}"#,
            Some("share"),
            "invalid value: integer `300`, expected a whole number from 0 to 255",
        );
        check(r#"{"name":7}"#, Some("name"), "invalid type: integer `7`, expected a text");
        check(r#"{"share":3}"#, Some("name"), "missing field `name`");
        check(
            r#"{"name":"x","entries":[{"value":"a"},{"value":null}]}"#,
            Some("entries.1.value"),
            "invalid type: null, expected a text",
        );
        check(r#"{"name":"x","entries":[{}]}"#, Some("entries.0.value"), "missing field `value`");
        check(r#"{"name":"x","entries":{}}"#, Some("entries"), "invalid type: map, expected a list");
        check(r#"{"name":"x","shares":1}"#, Some("shares"), "unknown field `shares`, expected one of `name`, `share`, `entries`");
        check("[]", None, "invalid length 0, expected an object");
        check("7", None, "invalid type: integer `7`, expected an object");
        check(" ", None, "the body is empty, and has to be JSON");
        check(r#"{"name":"#, None, "it is no JSON: EOF while parsing a value at line 1 column 8");
        check(r#"{"name":"x"} x"#, None, "it is no JSON: trailing characters at line 1 column 14");
    }

    #[test]
    fn what_fits_is_read() {
        let bytes = Bytes::from_static(br#" {"name":"x","entries":[{"value":"a"}]} "#);
        let expect = Draft { name: "x".to_owned(), share: 0, entries: vec![Entry { value: "a".to_owned() }] };
        assert_eq!(json::<Draft>(&bytes), Ok(expect));
    }
}
