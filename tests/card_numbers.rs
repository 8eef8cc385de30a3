//! Card numbers at every door: where a token is expected they are refused, and neither an answer, a log line nor the disk has one afterwards.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{HANDBOOK, Server, run_well, text, with_champion};

/// A number that no bank gives out, as it may be written.
const WRITTEN: [&str; 3] = ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"];
const CARDS: &str = "\n[[lists]]\nname = \"stolen_cards\"\nkind = \"block\"\nof = \"card\"\n";

/// The pipeline of the handbook, whose payments are made with cards.
fn pipeline(folder: &Path) -> std::path::PathBuf {
    let text = std::fs::read_to_string(HANDBOOK).expect("it ships with the program");
    let entities = "[event.entities]\n";
    assert!(text.contains(entities));
    let with_card = text.replace(entities, &format!("{entities}card = {{ json = \"card.token\", column = \"CARD\" }}\n"));
    let path = folder.join("pipeline.toml");
    std::fs::write(&path, format!("{with_card}{CARDS}")).expect("written");
    path
}

fn key(data: &Path, name: &str, scopes: &str) -> String {
    run_well(&["key", "--data-dir", text(data), "add", "--name", name, "--scopes", scopes]).stdout.trim().to_owned()
}

fn payment(id: &str, card: Value) -> Value {
    let mut payment: Value = serde_json::from_str(&support::payment(id, "2026-04-23T12:00:00Z", 100)).expect("JSON");
    payment["card"] = json!({ "token": card });
    payment
}

/// Every file of a folder in which the number stands, however it is written.
fn holding_the_number(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(holding_the_number(&entry));
        } else if has_number(&std::fs::read(&entry).expect("readable")) {
            found.push(entry.display().to_string());
        }
    }
    found
}

fn has_number(bytes: &[u8]) -> bool {
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(byte, b' ' | b'-')).collect();
    digits.windows(WRITTEN[0].len()).any(|window| window == WRITTEN[0].as_bytes())
}

#[test]
fn no_door_lets_one_in() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let (ada, reader) = (key(folder.path(), "ada", "admin"), key(folder.path(), "reader", "read"));
    let server = Server::start_with(folder.path(), &pipeline(folder.path()), &[]);
    let refused = |method: &str, path: &str, body: &Value, field: &str| {
        let answer = server.ask(&ada, method, path, body);
        assert_eq!(answer.status, 422, "{method} {path}: {}", answer.body);
        assert_eq!(answer.json()["field"], field, "{path}: {}", answer.body);
        assert!(!has_number(answer.body.as_bytes()), "{path}: {}", answer.body);
    };
    assert_eq!(server.ask(&ada, "POST", "/v1/score", &payment("good", json!("tok_1"))).status, 200);

    let rule = |when: &str, name: &str| json!({"name": name, "when": when, "action": "decline", "state": "shadow"});
    refused("PUT", "/v1/rules/4111111111111111", &rule("true", "one"), "rule_id");
    for (number, written) in WRITTEN.iter().enumerate() {
        refused("POST", "/v1/score", &payment(&format!("bad_{number}"), json!(written)), "card.token");
        let events = [payment(&format!("first_{number}"), json!("tok_1")), payment(&format!("bad_{number}"), json!(written))];
        let batch = json!({ "events": events });
        let answer = server.ask(&ada, "POST", "/v1/score/batch", &batch);
        assert!(answer.body.contains("card.token") && !has_number(answer.body.as_bytes()), "{}", answer.body);
        let entries = "/v1/lists/stolen_cards/entries";
        refused("POST", entries, &json!({"entries": [{"value": "tok_2"}, {"value": written}]}), "entries.1.value");
        refused(
            "POST",
            entries,
            &json!({"entries": [{"value": "tok_2", "reason": format!("was {written}")}]}),
            "entries.0.reason",
        );
        let listed = json!({"kind": "listed", "list": "stolen_cards", "entries": [{"value": written}]});
        refused("POST", "/v1/changes", &json!({"change": listed, "reason": "stolen"}), "change.entries.0.value");
        refused("PUT", "/v1/rules/one", &rule(&format!("entity.card == \"{written}\""), "one"), "when");
        refused("PUT", "/v1/rules/one", &rule("true", written), "name");
        let change = json!({"kind": "rule", "rule_id": "one", "rule": rule(&format!("entity.card == \"{written}\""), "one")});
        refused("POST", "/v1/changes", &json!({"change": change, "reason": "stolen"}), "change.rule.when");
        let policy = json!({"kind": "policy", "policy": {"review": 700, "decline": 900, "on_failure": "review"}});
        refused("POST", "/v1/changes", &json!({"change": policy, "reason": format!("for {written}")}), "reason");
        let path = format!("/v1/rules/one?reason={}", written.replace(' ', "%20"));
        let answer = server.ask(&ada, "PUT", &path, &rule("true", "one"));
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("reason")), "{}", answer.body);
        assert!(!has_number(answer.body.as_bytes()), "{}", answer.body);
        let role = json!({"role": "challenger", "reason": format!("for {written}")});
        refused("PUT", "/v1/models/1/role", &role, "reason");
        let mut spoken = rule("true", "one");
        spoken["reason"] = json!({"code": "ONE", "text": format!("it is {written}")});
        refused("PUT", "/v1/rules/one", &spoken, "reason.text");
    }
    refused("POST", "/v1/score", &payment("as_a_number", json!(4_111_111_111_111_111_u64)), "card.token");
    let imported =
        support::post_as(&server.url, &ada, "/v1/lists/stolen_cards/import", "text/csv", "value\ntok_1\n4111111111111111\n");
    assert!(imported.status == 422 && imported.body.contains("line 3"), "{}", imported.body);
    assert_eq!(server.ask(&ada, "GET", "/v1/lists/stolen_cards/entries", &Value::Null).json()["items"], json!([]));

    for path in ["/v1/entities/card/4111111111111111", "/v1/rules/4111%201111%201111%201111", &format!("/v1/rules/{ada}")] {
        assert_eq!(server.ask(&reader, "PUT", path, &json!({})).status, 403, "{path}");
    }
    let said = server.stopped();
    assert_eq!(said.matches("a call was refused").count(), 3, "{said}");
    assert!(said.contains("[a card number]") && said.contains("[a key]"), "{said}");
    assert!(!has_number(said.as_bytes()) && !said.contains("4111%20") && !said.contains(&ada), "{said}");
    assert_eq!(holding_the_number(folder.path()), Vec::<String>::new());
    let audit = std::fs::read_to_string(folder.path().join("audit.jsonl")).expect("the audit");
    assert!(!audit.contains(&ada), "{audit}");
}
