//! What is no condition is refused, with its place and what may have been meant.

use super::*;

fn error(text: &str) -> ExpressionError {
    let (schema, plan, lists) = (toml::from_str(SCHEMA).unwrap(), plan(), lists());
    let refused = Expression::new(text, &Names::new(&schema, &plan, &lists));
    refused.err().unwrap_or_else(|| panic!("`{text}` was taken"))
}

/// `at` is the part of the text that the error is about.
fn check(text: &str, at: &str, message: &str) {
    let error = error(text);
    assert_eq!((&text[error.span.clone()], error.message.as_str()), (at, message), "{text}");
}

#[test]
fn unknown_names() {
    let near = |text: &str, at: &str, meant: &str| {
        let error = error(text);
        assert_eq!(&text[error.span.clone()], at, "{text}");
        assert!(error.message.ends_with(&format!("did you mean `{meant}`?")), "{text}: {error}");
    };
    near("card_tx_cuont_1h > 5.0", "card_tx_cuont_1h", "card_tx_count_1h");
    near("true && event.chanel == 'ecom'", "event.chanel", "event.channel");
    near("channel == 'ecom'", "channel", "event.channel");
    near("card == 'x'", "card", "entity.card");
    near("event.card == 'x'", "event.card", "entity.card");
    near("event.card_tx_count_1h > 1.0", "event.card_tx_count_1h", "card_tx_count_1h");
    near("events.channel == 'x'", "events.channel", "event.channel");
    near("amount_minor > 1", "amount_minor", "event.amount_minor");
    near("scor > 1", "scor", "score");
    near("event . chanel == 'x'", "event . chanel", "event.channel");
    near("has(event.chanel)", "has(event.chanel", "event.channel");
    near("entity.card in lists.stolen_crads", "lists.stolen_crads", "lists.stolen_cards");
    near("entity.card in list.stolen_cards", "list.stolen_cards", "lists.stolen_cards");
    near("event.channel.startWith('x')", "event.channel.startWith('x'", "startsWith");
    near("greatest(1, 2) > 1", "greatest(1, 2", "math.greatest");
    check("x > 1", "x", "there is no feature `x`");
    check("event.zzzzzzz == 'x'", "event.zzzzzzz", "there is no `event.zzzzzzz`");
    check("event == 'x'", "event", "`event` stands before a dot and a name: `event.…`");
    check("lists.stolen_cards", "lists.stolen_cards", "a list stands after `in`: `entity.card in lists.stolen_cards`");
    check("entity.card in stolen_cards", "stolen_cards", "write `lists.stolen_cards` for the list `stolen_cards`");
}

#[test]
fn types_that_do_not_fit() {
    check("event.channel == 1", "event.channel == 1", "`==` takes two of one type, here are string and int");
    check("event.card_present > true", "event.card_present > true", "`>` has no meaning between two bools");
    check("event.items", "event.items", "a condition is a bool, this is a int");
    check("event.items && true", "event.items", "`&&` takes two bools, this is a int");
    check("!event.items", "event.items", "`!` takes a bool, this is a int");
    check("-event.channel == 1", "event.channel", "`-` takes a number, this is a string");
    check("3 * card_tx_count_1h > 1.0", "3 * card_tx_count_1h", "`*` takes two ints or two doubles: write `3.0` for `3`");
    let double = "`+` takes two ints or two doubles: write `double(event.items)` for `event.items`";
    check("event.items + 0.5 > 1.0", "event.items + 0.5", double);
    check("5.0 % 2.0 == 1.0", "5.0 % 2.0", "`%` takes two ints");
    check("event.channel + 'x' == 'y'", "event.channel + 'x'", "joining text is not supported in rules");
    check("event.time + 1 > event.time", "event.time + 1", "`+` has no meaning between timestamp and int");
    check("event.items in lists.stolen_cards", "event.items", "lists hold strings, this is a int");
    check("event.channel in ['a', 1]", "1", "a string is never equal to this int");
    check("true ? 1 : 'a'", "'a'", "both sides of `:` are of one type, here are int and string");
    check("[1].exists(x, x)", "x", "`exists` and `all` ask for a bool, this is a int");
    check("event.items.startsWith('a')", "event.items", "`startsWith` takes a string, this is a int");
    check("event.channel.getHours() == 1", "event.channel", "`getHours` is not a part of a string");
    check("duration('1h').getFullYear() == 1", "duration('1h'", "`getFullYear` is not a part of a duration");
    check("math.greatest(1, 2.0) > 1", "2.0", "`math.greatest` takes ints alone or doubles alone, this is a double");
}

#[test]
fn what_rules_do_not_have() {
    check("1u == 1u", "1u", "unsigned numbers are not supported in rules: leave out the `u`");
    check("b'x' == b'x'", "b'x'", "bytes are not supported in rules: leave out the `b`");
    let null = "null is not supported in rules: `has(event.name)` says whether something is there";
    check("event.channel == null", "null", null);
    check("{'a': 1}.a == 1", "{", "maps are not supported in rules");
    check("event.channel[0] == 'x'", "event.channel[0", "`[…]` after a value is not supported in rules");
    check("[1, 2].map(x, x) == [1]", "(", "of what runs over lists, rules have `exists` and `all` alone");
    check("[1, 2].exists_one(x, x > 1)", "(", "of what runs over lists, rules have `exists` and `all` alone");
    let written = "`exists` and `all` run over a list that is written out: `[\"a\", \"b\"]`";
    check("event.channel.exists(x, true)", "event.channel", written);
    check("1 in [event.items]", "event.items", "a list that is written out has literals only");
    check("1 in []", "[", "this list is empty");
    check("[1] == [1]", "[1", "a list may stand after `in`, and before `.exists(…)` and `.all(…)`");
    check("1 in 2", "2", "after `in` stands a list of literals, or `lists.` with the name of a list");
    check("event.channel.matches(event.mcc)", "event.mcc", "a pattern is written out as a string");
    check("event.channel.matches('a{99999}')", "'a{99999}'", "this pattern takes too much memory");
    assert!(error("event.channel.matches('(')").message.starts_with("this is no pattern: "));
    check("event.time.getHours('Mars') == 1", "'Mars'", "there is no time zone `Mars`: write it as `Europe/Berlin` or `+02:00`");
    check("duration('1x') > duration('1h')", "'1x'", "`1x` is not a duration: write it as `1h30m` or `15s`");
    check("timestamp('x') > event.time", "'x'", "`x` is not a timestamp: write it as `2026-04-23T12:00:00Z`");
    check("event.time > timestamp(event.channel)", "event.channel", "what `timestamp` takes is written out as a string");
    check("size('a', 'b') == 1", "size('a', 'b'", "`size` takes one argument, here are 2");
    assert!(error("string(1) == '1'").message.starts_with("`string` is not a function that rules have here"));
}

#[test]
fn what_is_not_cel() {
    check("event.items >", "", "the expression ends where something is still missing");
    check("", "", "the expression ends where something is still missing");
    check("event.items = 3", "=", "`=` is not an operator: write `==`");
    check("true and false", "and", "`and` is not an operator: write `&&`");
    check("true or false", "or", "`or` is not an operator: write `||`");
    check("event.items not in [1]", "not", "`not` is not an operator: write `!`, and `!(a in b)` for `a not in b`");
    check("event.items ++ 1", "+", "`+` is not expected here");
    check("'é' == \"abc", "\"abc", "this text has no end, or an escape in it is unknown");
    check("if", "i", "reserved identifier: if");
    check("9223372036854775808 > 1", "9", "invalid int literal");
    let place = error("true &&\n  'é' == x");
    assert_eq!((place.line, place.column, place.to_string().as_str()), (2, 10, "2:10: there is no feature `x`"));
}

#[test]
fn what_is_too_large() {
    let deep = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    let fits = deep(MAX_NESTING - 2);
    assert_eq!(super::outcome(&fits), Ok(true));
    for text in [
        deep(1000),
        "(".repeat(4000),
        "[".repeat(4000),
        "{".repeat(4000),
        "f(".repeat(2000),
        format!("{}true", "true?true:".repeat(400)),
        format!("1{} > 0", "+1".repeat(1500)),
    ] {
        assert!(error(&text).message.contains("nested"), "{}: {}", &text[..10], error(&text));
    }
    assert_eq!(error(&" ".repeat(5000)).message, "an expression may have 4096 bytes, this one has 5000");
    let chain = vec!["event.items > 0"; 200].join(" && ");
    assert_eq!(super::outcome(&chain), Ok(true));
    let hundred = format!("[{}1]", "1,".repeat(99));
    let many = format!("{hundred}.exists(a, {hundred}.exists(b, {hundred}.exists(c, a + b + c == 0)))");
    assert!(error(&many).message.contains("10000 parts"));
}
