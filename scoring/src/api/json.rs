//! What a body of JSON says; what does not fit is a problem that names the field, in the words of whoever writes the body.

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::BODY_LIMIT;
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
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.inner().classify() {
        Category::Data => misfit(&error),
        // Where one of some words is wanted, the reader takes a number for no JSON. Bodies of many are read once only: a tree of one takes
        // a hundred times its memory, and they have no such words.
        Category::Syntax if text.len() <= BODY_LIMIT => misfit_in_tree::<T>(text).unwrap_or_else(|| no_json(error.inner())),
        Category::Syntax | Category::Eof | Category::Io => no_json(error.inner()),
    })?;
    reader.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

/// A text that is no JSON.
fn no_json(error: &serde_json::Error) -> Problem {
    Problem::invalid(None, format!("it is no JSON: {error}"))
}

/// What is wrong with a value, and where it is.
type Misfit = serde_path_to_error::Error<serde_json::Error>;

/// A value that does not fit: its field says where, and no line and column.
fn misfit(error: &Misfit) -> Problem {
    let (text, line, column) = (error.inner().to_string(), error.inner().line(), error.inner().column());
    let place = format!(" at line {line} column {column}");
    let detail = plain(text.strip_suffix(&place).unwrap_or(&text));
    Problem::invalid(field(error.path(), &detail), detail)
}

/// What does not fit in a text that is JSON, read as a tree. Where something else is there than one of some words, which words there are
/// is said as of a word that is none of them. `None` where the text is no JSON.
fn misfit_in_tree<'a, T: Deserialize<'a>>(text: &[u8]) -> Option<Problem> {
    let mut tree: Value = serde_json::from_slice(text).ok()?;
    let misfit_of = |tree: Value| -> Option<Misfit> { serde_path_to_error::deserialize::<_, T>(tree).err() };
    let error = misfit_of(tree.clone())?;
    let told = error.inner().to_string();
    let Some((found, "string or map" | "map with a single key")) = told.split_once(", expected ") else {
        return Some(misfit(&error));
    };
    *at(&mut tree, error.path())? = Value::String(String::new());
    let wordless = misfit_of(tree)?.inner().to_string();
    let (_, words) = wordless.split_once(", expected ")?;
    let detail = format!("{found}, expected {words}");
    Some(Problem::invalid(field(error.path(), &detail), detail))
}

/// The value at a path.
fn at<'tree>(tree: &'tree mut Value, path: &Path) -> Option<&'tree mut Value> {
    path.iter().try_fold(tree, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(*index),
        Segment::Map { key: name } | Segment::Enum { variant: name } => value.get_mut(name),
        Segment::Unknown => None,
    })
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

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Way {
        On,
        Off,
        Share(Entry),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Switches {
        ways: Vec<Way>,
        #[serde(default)]
        first: Option<Way>,
        #[serde(default)]
        alone: u8,
    }

    #[test]
    fn where_one_of_some_words_is_wanted_they_are_said() {
        let check = |body: &'static str, field: Option<&str>, detail: &str| {
            let problem = json::<Switches>(&Bytes::from_static(body.as_bytes())).expect_err(body);
            let problem = serde_json::to_value(problem).expect("plain data");
            let said = (problem["field"].as_str(), problem["detail"].as_str().expect("it is said"));
            assert_eq!(said, (field, detail), "{body}");
        };
        let words = |found: &str| format!("{found}, expected one of `on`, `off`, `share`");
        check(r#"{"ways":["on","of"]}"#, Some("ways.1"), &words("unknown variant `of`"));
        check(r#"{"ways":[5]}"#, Some("ways.0"), &words("invalid type: integer `5`"));
        check(r#"{"ways":["on",1.5]}"#, Some("ways.1"), &words("invalid type: floating point `1.5`"));
        check(r#"{"ways":["on",null]}"#, Some("ways.1"), &words("invalid type: null"));
        check(r#"{"ways":["on",true]}"#, Some("ways.1"), &words("invalid type: boolean `true`"));
        check(r#"{"ways":["on",["off"]]}"#, Some("ways.1"), &words("invalid type: sequence"));
        check(r#"{"ways":[{}]}"#, Some("ways.0"), &words("invalid value: map"));
        check(r#"{"ways":[{"share":{"value":"a"},"more":1}]}"#, Some("ways.0"), &words("invalid value: map"));
        check(r#"{"ways":[{"share":{"value":7}}]}"#, Some("ways.0.share.value"), "invalid type: integer `7`, expected a text");
        check(r#"{"ways":[],"first":5}"#, Some("first"), &words("invalid type: integer `5`"));
        // Of two that do not fit one is told.
        let number = "invalid value: integer `300`, expected a whole number from 0 to 255";
        check(r#"{"first":5,"ways":[],"alone":300}"#, Some("alone"), number);
        check(r#"{"first":5,"ways":[]"#, None, "it is no JSON: expected value at line 1 column 10");
        check(r#"{"first":x}"#, None, "it is no JSON: expected value at line 1 column 10");
    }

    #[test]
    fn a_large_body_is_read_once() {
        let body = Bytes::from(format!(r#"{{"ways":[{}5]}}"#, r#""on","#.repeat(BODY_LIMIT / 5)));
        let problem = serde_json::to_value(json::<Switches>(&body).expect_err("it is none")).expect("plain data");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with("it is no JSON")), "{problem}");
    }

    #[test]
    fn what_fits_is_read() {
        let bytes = Bytes::from_static(br#" {"name":"x","entries":[{"value":"a"}]} "#);
        let expect = Draft { name: "x".to_owned(), share: 0, entries: vec![Entry { value: "a".to_owned() }] };
        assert_eq!(json::<Draft>(&bytes), Ok(expect));
    }
}
