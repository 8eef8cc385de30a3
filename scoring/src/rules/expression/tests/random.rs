//! Random conditions: those that fit together mean the same compiled as walked, and those that do not are refused in peace.

use ingest::{Amount, Currency, Event, Value};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::parse::parse;
use super::super::tree::Node;
use super::*;
use crate::rules::tests::OnLists;

type Written = BoxedStrategy<String>;

fn one_of(texts: &[&'static str]) -> Written {
    select(texts.to_vec()).prop_map(str::to_owned).boxed()
}

fn comparison() -> Written {
    one_of(&["==", "!=", "<", "<=", ">", ">="])
}

/// A bool, `depth` levels deep at most.
fn flag(depth: u32) -> Written {
    let leaf = one_of(&[
        "true",
        "false",
        "event.vpn",
        "event.card_present",
        "has(event.country)",
        "has(feature.card_speed)",
        "has(entity.device)",
        "has(model.score)",
    ]);
    if depth == 0 {
        return leaf;
    }
    let below = depth - 1;
    let number_or_whole = || prop_oneof![whole(below), number(below)];
    prop_oneof![
        1 => leaf,
        4 => (flag(below), one_of(&["&&", "||", "==", "!="]), flag(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => flag(below).prop_map(|operand| format!("!{operand}")),
        1 => (flag(below), flag(below), flag(below)).prop_map(|(c, t, o)| format!("({c} ? {t} : {o})")),
        5 => (number_or_whole(), comparison(), number_or_whole()).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        3 => (text(below), comparison(), text(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => (time(below), comparison(), time(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => (span(below), comparison(), span(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        2 => (text(below), one_of(&["startsWith", "endsWith", "contains"]), text(below)).prop_map(|(t, f, p)| format!("{t}.{f}({p})")),
        1 => (text(below), one_of(&["'^a'", "'[bB]'", "''"])).prop_map(|(text, pattern)| format!("{text}.matches({pattern})")),
        1 => (text(below), one_of(&["['a', 'ab']", "['B']", "lists.risky_mccs", "lists.stolen_cards"])).prop_map(|(t, l)| format!("({t} in {l})")),
        1 => (number_or_whole(), one_of(&["[0, 1.5, -3]", "[2]"])).prop_map(|(value, list)| format!("({value} in {list})")),
        1 => (one_of(&["exists", "all"]), whole(below), comparison()).prop_map(|(q, w, o)| format!("[0, 1, -2].{q}(x, 6 / x {o} {w})")),
        1 => (one_of(&["exists", "all"]), flag(below), text(below)).prop_map(|(q, f, t)| format!("['a', 'B'].{q}(x, {f} || {t} == x)")),
    ]
    .boxed()
}

fn whole(depth: u32) -> Written {
    let leaf = one_of(&[
        "0",
        "1",
        "-3",
        "2",
        "9223372036854775807",
        "-9223372036854775808",
        "9007199254740993",
        "event.items",
        "event.retries",
        "event.amount_minor",
        "score",
    ]);
    if depth == 0 {
        return leaf;
    }
    let below = depth - 1;
    prop_oneof![
        3 => leaf,
        3 => (whole(below), one_of(&["+", "-", "*", "/", "%"]), whole(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => whole(below).prop_map(|operand| format!("-({operand})")),
        1 => (flag(below), whole(below), whole(below)).prop_map(|(c, t, o)| format!("({c} ? {t} : {o})")),
        1 => text(below).prop_map(|text| format!("size({text})")),
        1 => number(below).prop_map(|number| format!("int({number})")),
        1 => text(below).prop_map(|text| format!("int({text})")),
        1 => (one_of(&["greatest", "least"]), whole(below), whole(below)).prop_map(|(f, l, r)| format!("math.{f}({l}, {r})")),
        1 => whole(below).prop_map(|operand| format!("math.abs({operand})")),
        1 => (time(below), part(), one_of(&["", "'Europe/Berlin'", "'America/St_Johns'"])).prop_map(|(t, p, z)| format!("{t}.{p}({z})")),
        1 => (span(below), one_of(&["getHours", "getMinutes", "getSeconds", "getMilliseconds"])).prop_map(|(s, p)| format!("{s}.{p}()")),
    ]
    .boxed()
}

fn part() -> Written {
    one_of(&[
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
    ])
}

fn number(depth: u32) -> Written {
    let leaf = one_of(&[
        "0.0",
        "1.5",
        "-3.0",
        "2.0",
        "1e300",
        "9007199254740992.0",
        "card_tx_count_1h",
        "card_speed",
        "event.distance",
        "probability",
    ]);
    if depth == 0 {
        return leaf;
    }
    let below = depth - 1;
    prop_oneof![
        3 => leaf,
        3 => (number(below), one_of(&["+", "-", "*", "/"]), number(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => number(below).prop_map(|operand| format!("-({operand})")),
        1 => (flag(below), number(below), number(below)).prop_map(|(c, t, o)| format!("({c} ? {t} : {o})")),
        1 => whole(below).prop_map(|whole| format!("double({whole})")),
        1 => text(below).prop_map(|text| format!("double({text})")),
        1 => (one_of(&["greatest", "least"]), number(below), number(below)).prop_map(|(f, l, r)| format!("math.{f}({l}, {r})")),
        1 => number(below).prop_map(|operand| format!("math.abs({operand})")),
    ]
    .boxed()
}

fn text(depth: u32) -> Written {
    let leaf = one_of(&[
        "'a'",
        "'B'",
        "''",
        "'aB'",
        "'é'",
        "'7'",
        "event.channel",
        "event.country",
        "event.merchant",
        "entity.card",
        "entity.device",
        "event.currency",
        "event.id",
    ]);
    if depth == 0 {
        return leaf;
    }
    let below = depth - 1;
    prop_oneof![
        4 => leaf,
        2 => text(below).prop_map(|text| format!("{text}.lowerAscii()")),
        1 => (flag(below), text(below), text(below)).prop_map(|(c, t, o)| format!("({c} ? {t} : {o})")),
    ]
    .boxed()
}

fn time(depth: u32) -> Written {
    let leaf = one_of(&["event.time", "timestamp('2026-04-23T12:00:00Z')", "timestamp('9999-12-30T00:00:00Z')"]);
    if depth == 0 {
        return leaf;
    }
    let below = depth - 1;
    prop_oneof![2 => leaf, 1 => (time(below), one_of(&["+", "-"]), span(below)).prop_map(|(t, o, s)| format!("({t} {o} {s})"))]
        .boxed()
}

fn span(depth: u32) -> Written {
    let leaf = one_of(&["duration('1h')", "duration('-90m')", "duration('48h')", "duration('87000000h')"]);
    if depth == 0 {
        return leaf;
    }
    let below = depth - 1;
    prop_oneof![
        2 => leaf,
        1 => (time(below), time(below)).prop_map(|(l, r)| format!("({l} - {r})")),
        1 => (span(below), one_of(&["+", "-"]), span(below)).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
    ]
    .boxed()
}

/// An event, a vector, a score and a probability, of values that meet those of the conditions.
fn facts() -> impl Strategy<Value = (Event, Vec<f64>, Option<u16>, Option<f64>)> {
    let words = || prop::option::of(select(vec!["a", "B", "aB", "", "é", "7", "tok_1", "5732", "ab"]));
    let text = move || words().prop_map(|word| word.map(|word| Value::Text(word.into())));
    let whole =
        || prop::option::of(select(vec![0, 1, -3, 3, i64::MAX, i64::MIN, 9_007_199_254_740_993]).prop_map(Value::Integer));
    let number = || select(vec![0.0, 1.5, -3.0, 6.0, f64::NAN, 1e300, 9_007_199_254_740_992.0]);
    let distance = prop::option::of(select(vec![0.0, 2.0, 1.5]).prop_map(Value::Number));
    let flag = || prop::option::of(any::<bool>().prop_map(Value::Flag));
    let attributes = (flag(), text(), text(), distance, whole(), text(), text(), whole(), flag());
    let entities = (words(), words());
    let amount = prop::option::of(select(vec![0, 2, 87_550]));
    let micros = select(vec![0, -1, 1_777_000_000_123_456, 1_761_440_400_000_000]);
    let score = prop::option::of(select(vec![0, 2, 640]));
    let scored = (score, prop::option::of(select(vec![0.0, 0.25, 1.5])), prop::array::uniform3(number()));
    (attributes, entities, amount, micros, scored).prop_map(
        |(attributes, entities, amount, micros, (score, probability, vector))| {
            let (a, b, c, d, e, f, g, h, i) = attributes;
            let event = Event {
                occurred_at: ingest::Timestamp::from_micros(micros),
                amount: amount.map(|minor| Amount::new(minor, Currency::new("EUR").unwrap()).unwrap()),
                entities: [entities.0, entities.1].map(|key| key.map(Into::into)).into(),
                attributes: vec![a, b, c, d, e, f, g, h, i],
                ..event()
            };
            (event, vector.into(), score, probability)
        },
    )
}

/// Pieces of conditions.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "?",
    ":",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "=",
    "&&",
    "||",
    "&",
    "in",
    " ",
    "\n",
    "'",
    "\"",
    "'''",
    "r'",
    "b'",
    "\\",
    "//",
    "true",
    "null",
    "1",
    "1u",
    "1.5",
    "1e9",
    "0x",
    "9223372036854775808",
    "é",
    "event",
    "event.channel",
    "entity.card",
    "lists.stolen_cards",
    "score",
    "x",
    "has(",
    ".exists(x,",
    ".all(",
    ".map(",
    ".matches(",
    "size(",
    "math.",
    "duration('1h')",
    "timestamp(",
    ".getHours(",
    "`",
    "\u{0}",
    "𝄞",
    "if",
    "not",
];

/// Pieces of conditions, in no order.
fn soup() -> Written {
    let piece = one_of(PIECES);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()).boxed()
}

fn taken_or_refused(text: &str) -> Result<(), TestCaseError> {
    let (schema, plan, names) = (toml::from_str(SCHEMA).unwrap(), plan(), lists());
    match Expression::new(text, &Names::new(&schema, &plan, &names)) {
        Ok(expression) => {
            let (event, vector) = (event(), vector());
            let facts = Facts::new(&event, &vector, &OnLists);
            let _ = expression.holds(&facts);
            prop_assert_eq!(expression.evidence(&facts).len() >= expression.names().count().min(1), true);
        }
        Err(error) => {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?} of {:?}", error, text);
            prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
            prop_assert!(
                !error.message.contains("cannot be read with") && error.message != "this expression cannot be read",
                "{text:?}"
            );
        }
    }
    Ok(())
}

type Given = (Event, Vec<f64>, Option<u16>, Option<f64>);

/// Compiled it means the same as walked.
fn agree(text: &str, expression: &Expression, tree: &Node, given: &Given) -> Result<(), TestCaseError> {
    let (event, vector, score, probability) = given;
    let facts = Facts::new(event, vector, &OnLists).scored(*score, *probability);
    // Of two errors either may be the one that is told.
    prop_assert_eq!(expression.holds(&facts).ok(), oracle::holds(tree, &facts).ok(), "{} for {:?} {:?}", text, event, vector);
    Ok(())
}

/// Text of any kind. Led by what the parser does, as `cargo bolero test` leads it, it finds its way in; meanwhile pieces of the language do.
#[test]
fn no_bytes_are_too_wild() {
    let time = std::time::Duration::from_secs(4);
    let (schema, plan, names) = (toml::from_str(SCHEMA).unwrap(), plan(), lists());
    let names = Names::new(&schema, &plan, &names);
    let given = (event(), vector().to_vec(), Some(640), Some(0.25));
    bolero::check!().with_test_time(time).with_type::<Vec<u8>>().for_each(|bytes| {
        let pieces = bytes.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]);
        for text in [String::from_utf8_lossy(bytes).into_owned(), pieces.collect()] {
            let told = taken_or_refused(&text).and_then(|()| match (Expression::new(&text, &names), parse(&text)) {
                (Ok(expression), Ok(tree)) => agree(&text, &expression, &tree, &given),
                _ => Ok(()),
            });
            told.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn compiled_is_as_walked(text in flag(4), all in prop::collection::vec(facts(), 24)) {
        prop_assume!(text.len() <= MAX_BYTES);
        let (schema, plan, names) = (toml::from_str(SCHEMA).unwrap(), plan(), lists());
        let tree = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let expression = Expression::new(&text, &Names::new(&schema, &plan, &names));
        let expression = expression.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        for facts in &all {
            agree(&text, &expression, &tree, facts)?;
        }
    }

    #[test]
    fn no_soup_is_too_thick(text in soup()) {
        taken_or_refused(&text)?;
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,60}") {
        taken_or_refused(&text)?;
    }

    #[test]
    fn no_slip_is_too_odd(text in flag(3), at in any::<prop::sample::Index>(), piece in soup()) {
        let mut text = text;
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &piece);
        taken_or_refused(&text)?;
    }
}

/// How many cases are tried: more where `RULES_CASES` says so.
fn cases(usual: u32) -> u32 {
    std::env::var("RULES_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
