use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn entry(value: &str) -> Entry {
    let pattern = Pattern::parse(value).expect("a pattern");
    Entry {
        pattern,
        reason: value.to_owned(),
        created_by: "ada".to_owned(),
        approved_by: None,
        valid_from: None,
        valid_until: None,
    }
}

fn entries(values: &[&str]) -> Entries {
    let mut entries = Entries::default();
    values.iter().for_each(|value| entries.put(entry(value)));
    entries
}

#[test]
fn patterns_are_read_and_written() {
    let check = |text: &str, is: fn(&Pattern) -> bool| {
        let pattern = Pattern::parse(text).expect(text);
        assert!(is(&pattern), "{pattern:?}");
        assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
    };
    check("tok_1", |pattern| matches!(pattern, Pattern::Exact(_)));
    check("203.0.113.7", |pattern| matches!(pattern, Pattern::Address(_)));
    check("2001:DB8::1", |pattern| matches!(pattern, Pattern::Address(_)));
    check("203.0.113.256", |pattern| matches!(pattern, Pattern::Exact(_)));
    check("a/24", |pattern| matches!(pattern, Pattern::Exact(_)));
    check("4111*", |pattern| matches!(pattern, Pattern::Prefix(_)));
    check("203.0.113.0/24", |pattern| matches!(pattern, Pattern::Network(_)));
    check("2001:db8::/32", |pattern| matches!(pattern, Pattern::Network(_)));
    let refuse = |text: &str, expect: &str| assert_eq!(Pattern::parse(text).expect_err(text).to_string(), expect);
    refuse("", "a list entry has 1 to 200 bytes");
    refuse(&"x".repeat(201), "a list entry has 1 to 200 bytes");
    refuse("*", "`*` stands for any ending, after at least one character");
    refuse("a*b", "`*` stands for any ending, after at least one character");
    refuse("203.0.113.7/24", "the network has bits set beyond its length: write 203.0.113.0/24");
}

#[test]
fn an_address_is_written_in_one_way() {
    let check = |text: &str, expect: &str| assert_eq!(Pattern::parse(text).expect(text).to_string(), expect);
    check("203.0.113.7", "203.0.113.7");
    check("::ffff:203.0.113.7", "203.0.113.7");
    check("2001:DB8:0:0:0:0:0:1", "2001:db8::1");
    check("203.0.113.0/24", "203.0.113.0/24");
    check("::ffff:203.0.113.0/120", "203.0.113.0/24");
    check("::ffff:0:0/96", "0.0.0.0/0");
    check("::/95", "::/95");
    check("2001:DB8::/32", "2001:db8::/32");
}

#[test]
fn an_address_is_found_however_it_is_written() {
    let values = ["203.0.113.0/24", "198.51.100.7", "2001:DB8::1", "::ffff:192.0.2.0/120", "2001:db8:1:*", "198.51.*", "::/8"];
    let mut all = entries(&values);
    let check = |all: &Entries, key: &str, expect: Option<&str>| {
        assert_eq!(all.find(key, at(0)).map(|entry| entry.pattern.to_string()).as_deref(), expect, "{key}");
    };
    for key in ["203.0.113.7", "::ffff:203.0.113.7", "::FFFF:CB00:7107", "0:0:0:0:0:ffff:203.0.113.7"] {
        check(&all, key, Some("203.0.113.0/24"));
    }
    for key in ["198.51.100.7", "::ffff:198.51.100.7", "::ffff:c633:6407"] {
        check(&all, key, Some("198.51.100.7"));
    }
    for key in ["2001:db8::1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:0db8::0001"] {
        check(&all, key, Some("2001:db8::1"));
    }
    check(&all, "192.0.2.9", Some("192.0.2.0/24"));
    check(&all, "::ffff:192.0.2.9", Some("192.0.2.0/24"));
    check(&all, "2001:DB8:1::5", Some("2001:db8:1:*"));
    check(&all, "::ffff:198.51.99.1", Some("198.51.*"));
    check(&all, "::ffff:192.0.3.1", Some("::/8"));
    check(&all, "192.0.3.1", None);
    check(&all, "2001:db8::2", None);
    check(&all, "2001:db8::1%eth0", None);
    assert_eq!(all.len(), values.len());

    all.put(Entry { reason: "again".to_owned(), ..entry("2001:db8:0::1") });
    assert_eq!((all.len(), all.find("2001:DB8::1", at(0)).map(|entry| entry.reason.as_str())), (values.len(), Some("again")));
    assert!(all.remove(&Pattern::parse("2001:0DB8::1").expect("a pattern")));
    check(&all, "2001:db8::1", None);
    // A beginning that no canonical address has is found as it is written.
    check(&entries(&["2001:DB8:*"]), "2001:DB8::1", Some("2001:DB8:*"));
}

#[test]
fn what_is_put_on_a_list_makes_sense() {
    let check = |value: &str, reason: &str, of_tokens: bool, expect: Result<(), EntryError>| {
        let entry = Entry { reason: reason.to_owned(), ..entry(value) };
        assert_eq!(entry.check(of_tokens), expect, "{value} {reason}");
    };
    for value in ["10.0.0.0/33", "10.1.1.256/24", "10.0.0/8", "2001:db8::/129", "2001:db8/32", "10.0.0.0/4294967304"] {
        check(value, "", false, Err(EntryError::Network));
    }
    for value in ["10.0.0.0/8", "2001:db8::/32", "a/24", "tok.1/2", "abc/33", "1/2", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/8/8"] {
        check(value, "", false, Ok(()));
    }
    for value in ["4111111111111111", "4111 1111 1111 1111", "3782-822463-10005", "4111111111111111*"] {
        check(value, "", true, Err(EntryError::Token));
        check(value, "", false, Ok(()));
    }
    for value in ["tok_1", "41111111*", "4111111111111112", "tok_4111111111111111"] {
        check(value, "ticket 4711, 12 cases", true, Ok(()));
    }
    for of_tokens in [false, true] {
        check("tok_1", "4111111111111111", of_tokens, Err(EntryError::Reason));
        check("tok_1", "was 4111-1111-1111-1111, said the bank", of_tokens, Err(EntryError::Reason));
    }
}

#[test]
fn entries_of_before_are_read() {
    let text = r#"[{"value":"10.0.0.0/33"},{"value":"2001:DB8::1"},{"value":"4111111111111111","reason":"4111111111111111"}]"#;
    let all: Entries = serde_json::from_str(text).expect("they are read");
    assert_eq!(all.len(), 3);
    assert!(all.find("2001:db8::1", at(0)).is_some() && all.find("4111111111111111", at(0)).is_some());
    assert!(all.get(&Pattern::parse("10.0.0.0/33").expect("a pattern")).is_some(), "it can be taken off");
}

#[test]
fn tokens_are_those_of_the_schema_and_refused_in_the_words_of_events() {
    let schema = r#"
        type = "card_payment"
        event_id = {}
        event_time = {}
        [entities]
        card = {}
        customer = {}
        [attributes]
        ip = { type = "text" }
    "#;
    let schema: Schema = toml::from_str(schema).expect("a schema");
    let check = |of: &str, expect: bool| assert_eq!(Key::named(of, &schema).expect(of).is_token(&schema), expect, "{of}");
    check("card", true);
    check("customer", false);
    check("ip", false);
    let event = br#"{"event_id":"e","event_time":"2026-04-23T12:00:00Z","card":"4111111111111111","customer":"c","ip":"::1"}"#;
    let told = ingest::decode::json::event(event, &schema).expect_err("it has a card number");
    assert_eq!((told.field.as_deref(), told.reason), (Some("card"), EntryError::Token.to_string()));
}

#[test]
fn the_narrowest_entry_is_found() {
    let all = entries(&["tok_1", "tok_*", "tok_12*", "203.0.113.0/24", "203.0.113.128/25", "2001:db8::/32", "ключ*"]);
    let check = |key: &str, expect: Option<&str>| {
        assert_eq!(all.find(key, at(0)).map(|entry| entry.pattern.to_string()).as_deref(), expect, "{key}");
    };
    check("tok_1", Some("tok_1"));
    check("tok_12", Some("tok_12*"));
    check("tok_123", Some("tok_12*"));
    check("tok_2", Some("tok_*"));
    check("tok", None);
    check("", None);
    check("203.0.113.7", Some("203.0.113.0/24"));
    check("203.0.113.200", Some("203.0.113.128/25"));
    check("203.0.114.1", None);
    check("2001:db8::1", Some("2001:db8::/32"));
    check("2001:db9::1", None);
    check("ключ", Some("ключ*"));
    check("ключи", Some("ключ*"));
    check("клю", None);
}

#[test]
fn an_entry_holds_from_its_first_moment_to_before_its_last() {
    let mut all = entries(&["tok_*"]);
    all.put(Entry { valid_from: Some(at(10)), valid_until: Some(at(20)), ..entry("tok_1") });
    let check = |second: i64, expect: &str| assert_eq!(all.find("tok_1", at(second)).expect("found").reason, expect, "{second}");
    check(9, "tok_*");
    check(10, "tok_1");
    check(19, "tok_1");
    check(20, "tok_*");
    let backwards = Entry { valid_from: Some(at(10)), valid_until: Some(at(10)), ..entry("a") };
    assert_eq!(backwards.check(false), Err(EntryError::Period));
}

#[test]
fn a_copy_keeps_what_it_had() {
    let mut all = entries(&["a", "b*"]);
    let before = all.clone();
    assert!(all.remove(&Pattern::parse("b*").expect("a pattern")));
    assert!(!all.remove(&Pattern::parse("b*").expect("a pattern")));
    all.put(entry("c"));
    assert_eq!((all.len(), before.len()), (2, 2));
    assert!(all.find("bb", at(0)).is_none() && before.find("bb", at(0)).is_some());
    assert!(all.find("c", at(0)).is_some() && before.find("c", at(0)).is_none());
}

#[test]
fn csv_is_read_whole_or_not_at_all() {
    let check = |text: &str, expect: Result<usize, &str>| {
        let got = import::entries(text, "ada", false).map(|entries| entries.len()).map_err(|error| error.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{text}");
    };
    check("value\ntok_1\ntok_2\n", Ok(2));
    check("value,reason\r\ntok_1,\"lost, and found\"\r\n\r\n4111*,\n", Ok(2));
    check("value\n", Ok(0));
    check("", Err("line 1: there is no header"));
    check("reason\nx\n", Err("line 1: column `value` is missing"));
    check("value,since\nx,1\n", Err("line 1: there is no column `since`, there are: value, reason, valid_from, valid_until"));
    check("value,value\nx,1\n", Err("line 1: column `value` is there twice"));
    check("value,reason\na,b\nx\n", Err("line 3: it has 1 fields, the header has 2"));
    check("value\na\n*\n", Err("line 3: `*` stands for any ending, after at least one character"));
    check("value,valid_from\na,yesterday\n", Err("line 2: valid_from `yesterday` is no time"));
    check(
        "value,valid_from,valid_until\na,2026-01-02T00:00:00Z,2026-01-01T00:00:00Z\n",
        Err("line 2: valid_until lies before valid_from"),
    );
    check("value\n10.0.0.0/8\n10.0.0/8\n", Err(format!("line 3: value {}", EntryError::Network).as_str()));
    check("value,reason\na,4111111111111111\n", Err("line 2: reason must not have a card number in it"));
    check("value\n4111111111111111\n", Ok(1));
    let of_tokens = import::entries("value\ntok_1\n4111 1111 1111 1111\n", "ada", true).map_err(|error| error.to_string());
    assert_eq!(of_tokens, Err("line 3: value must be a token: it looks like a card number".to_owned()));
    let read = import::entries("value,reason,valid_until\ntok_1,\"said \"\"lost\"\"\",2026-01-02T00:00:00Z\n", "ada", false);
    let entry = read.expect("it is read").remove(0);
    assert_eq!((entry.reason.as_str(), entry.approved_by.as_deref(), entry.created_by.as_str()), ("said \"lost\"", None, "ada"));
    assert_eq!(entry.valid_until, Some("2026-01-02T00:00:00Z".parse().expect("a time")));
}

proptest! {
    #[test]
    fn it_finds_what_a_search_through_all_finds(
        values in proptest::collection::vec("[ab]{1,4}\\*?", 0..12),
        gone in proptest::collection::vec(0_usize..12, 0..6),
        key in "[ab]{0,6}",
    ) {
        let mut all = Entries::default();
        let mut naive: Vec<String> = Vec::new();
        for value in &values {
            all.put(entry(value));
            naive.retain(|known| known != value);
            naive.push(value.clone());
        }
        for value in gone.iter().filter_map(|at| values.get(*at)) {
            all.remove(&Pattern::parse(value).expect("a pattern"));
            naive.retain(|known| known != value);
        }
        let holds = |value: &&String| match value.strip_suffix('*') {
            None => **value == key,
            Some(prefix) => key.starts_with(prefix),
        };
        // An exact one comes before every prefix, a longer prefix before a shorter one.
        let narrow = |value: &&String| (!value.ends_with('*'), value.len());
        let expect = naive.iter().filter(holds).max_by_key(narrow).cloned();
        prop_assert_eq!(all.find(&key, at(0)).map(|entry| entry.pattern.to_string()), expect);
        prop_assert_eq!(all.len(), naive.len());
    }
}
