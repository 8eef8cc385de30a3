//! What analysts and operators change while payments are decided, over HTTP, against the program itself.

mod support;

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::thread::spawn;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{HANDBOOK, Server, payment, text, until, with_champion};

const LISTS: &str = r#"
[[lists]]
name = "stolen_cards"
kind = "block"
of = "customer"

[[lists]]
name = "staff"
kind = "allow"
of = "customer"

[[lists]]
name = "odd_terminals"
kind = "watch"
of = "terminal"
"#;

/// A pipeline with lists, in a folder with a champion, and a server over it.
fn server(folder: &tempfile::TempDir) -> (Server, PathBuf) {
    with_champion(folder.path());
    let pipeline = folder.path().join("pipeline.toml");
    let text = std::fs::read_to_string(HANDBOOK).expect("it ships with the program");
    std::fs::write(&pipeline, format!("{text}{LISTS}")).expect("written");
    (Server::start_with(folder.path(), &pipeline, &[]), pipeline)
}

fn at(id: &str, amount_minor: i64) -> String {
    payment(id, "2026-04-23T12:00:00Z", amount_minor)
}

fn decided(server: &Server, id: &str, amount_minor: i64) -> Value {
    let answer = server.post("/v1/score", &at(id, amount_minor));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[test]
fn rules_hold_from_the_next_decision_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = server(&folder);
    assert_eq!(decided(&server, "t1", 5_000)["decision"], "approve");

    let rule = json!({
        "name": "many payments in a day", "when": "customer_tx_count_1d > 1.0 && event.amount_minor >= 5000",
        "action": "decline", "state": "shadow",
        "reason": {"code": "VELOCITY", "text": "more than one payment in a day"},
    });
    let wrong = json!({"name": "n", "when": "customer_tx_count_1h > 1.0", "state": "active"});
    let refused = server.put("/v1/rules/fast", &wrong.to_string());
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("did you mean `customer_tx_count_1d`"), "{}", refused.body);
    let checked = server.post("/v1/rules/check", r#"{"when":"event.amount_minor > \"a\""}"#).json();
    assert_eq!(checked["valid"], false, "{checked}");

    let saved = server.put("/v1/rules/fast", &rule.to_string());
    assert_eq!((saved.status, &saved.json()["version"]), (200, &json!(1)), "{}", saved.body);
    let shadow = decided(&server, "t2", 5_000);
    assert_eq!(
        (&shadow["decision"], &shadow["rules"][0]["outcome"], &shadow["rules"][0]["shadow"]),
        (&json!("approve"), &json!("hit"), &json!(true))
    );
    assert_eq!(shadow["rules"][0]["evidence"], json!({"customer_tx_count_1d": 2.0, "event.amount_minor": 5_000}));

    let active = json!({"state": "active"});
    let with = |changes: &Value| {
        let mut rule = rule.clone();
        rule.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        rule.to_string()
    };
    assert_eq!(server.put("/v1/rules/fast", &with(&active)).json()["version"], 2);
    let active = decided(&server, "t3", 5_000);
    assert_eq!((&active["decision"], &active["decided_by"]), (&json!("decline"), &json!({"rule": "fast"})));
    assert_eq!(decided(&server, "t4", 4_999)["decision"], "approve");

    let draft = server.put("/v1/rules/fast", &with(&json!({"state": "draft"})));
    assert_eq!((draft.status, draft.json()["field"].as_str()), (422, Some("state")), "{}", draft.body);
    assert_eq!(server.put("/v1/rules/fast", &with(&json!({"state": "archived"}))).status, 200);
    assert_eq!(decided(&server, "t5", 5_000)["decision"], "approve");
    assert_eq!(server.get("/v1/rules").json()["items"][0]["state"], "archived");
    assert_eq!(server.get("/v1/rules/none").status, 404);

    // Each decision is made again by what held then, and is the same.
    for id in ["t1", "t2", "t3", "t4", "t5"] {
        let replayed = server.get(&format!("/v1/decisions/{id}/replay")).json();
        assert_eq!((&replayed["identical"], &replayed["differences"]), (&json!(true), &json!([])), "{replayed}");
    }
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains(r#"riskflow_scoring_rule_outcomes_total{rule="fast",outcome="hit"} 2"#), "{metrics}");
    server.stop();
}

#[test]
fn lists_come_before_scores() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = server(&folder);
    let add = |list: &str, value: &str| {
        let body = json!({"entries": [{"value": value, "reason": "said so"}]});
        server.post(&format!("/v1/lists/{list}/entries"), &body.to_string())
    };
    assert_eq!(add("odd_terminals", "t_*").status, 200);
    let watched = decided(&server, "t1", 100);
    assert_eq!((&watched["decision"], &watched["decided_by"]), (&json!("review"), &json!({"list": "odd_terminals"})));
    assert_eq!(watched["lists"][0]["reason"], "said so");
    assert_eq!(add("staff", "cus_9").status, 200);
    assert_eq!(decided(&server, "t2", 100)["decision"], "approve");
    let csv = "value,reason,valid_until\ncus_8,lost,\ncus_9,\"lost, too\",2026-04-24T00:00:00Z\n";
    assert_eq!(server.post("/v1/lists/stolen_cards/import", csv).json(), json!({"changed": 2}));
    assert_eq!(decided(&server, "t3", 100)["decided_by"], json!({"list": "stolen_cards"}));
    assert_eq!(
        server.post("/v1/score", &payment("t4", "2026-04-24T00:00:00Z", 100)).json()["decision"],
        "approve",
        "the entry has ended"
    );

    let page = server.get("/v1/lists/stolen_cards/entries?limit=1").json();
    assert_eq!((&page["items"][0]["value"], &page["next_cursor"]), (&json!("cus_8"), &json!("cus_8")));
    let rest = server.get("/v1/lists/stolen_cards/entries?limit=1&cursor=cus_8").json();
    assert_eq!((&rest["items"][0]["value"], &rest["next_cursor"]), (&json!("cus_9"), &Value::Null));
    assert_eq!(server.delete("/v1/lists/stolen_cards/entries?value=cus_9").status, 200);
    assert_eq!(server.delete("/v1/lists/stolen_cards/entries?value=cus_9").status, 404);
    assert_eq!(
        server.get("/v1/lists").json()[0],
        json!({"name": "stolen_cards", "kind": "block", "of": "customer", "entries": 1})
    );
    for (list, value, status) in [("nobody", "a", 404), ("staff", "a*b", 422), ("staff", "", 422)] {
        assert_eq!(add(list, value).status, status, "{list} {value}");
    }
    let broken = server.post("/v1/lists/stolen_cards/import", "value\nok\n*\n");
    assert!(broken.status == 422 && broken.body.contains("line 3"), "{}", broken.body);
    assert_eq!(server.get("/v1/lists").json()[0]["entries"], 1, "all of a file or nothing");

    // A restart finds them again.
    server.kill();
    let (server, _) = (Server::start_with(folder.path(), &folder.path().join("pipeline.toml"), &[]), ());
    assert_eq!(server.get("/v1/lists").json()[1]["entries"], 1);
}

#[test]
fn a_batch_is_decided_in_its_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = server(&folder);
    let event = |id: &str, minor: i64| -> Value { serde_json::from_str(&at(id, minor)).expect("JSON") };
    let batch =
        json!({"events": [event("b1", 100), event("b2", 200), event("b1", 100), event("b1", 101), json!({"event_id": "b3"})]});
    let answer = server.post("/v1/score/batch?reasons=all", &batch.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let results = &answer.json()["results"];
    assert_eq!(
        (&results[0]["status"], &results[1]["status"], &results[2]["status"]),
        (&json!("new"), &json!("new"), &json!("duplicate"))
    );
    assert_eq!((&results[3]["error"]["status"], &results[4]["error"]["status"]), (&json!(409), &json!(422)));
    let count = |at: usize| {
        let reasons = results[at]["reasons"].as_array().expect("reasons");
        reasons.iter().find(|reason| reason["feature"] == "customer_tx_count_1d").expect("it has a part")["value"].clone()
    };
    assert_eq!((count(0), count(1)), (json!(1.0), json!(2.0)));
    for (body, expect) in [("{}", "events"), (r#"{"events":[]}"#, "1 to 1000"), ("[", "EOF")] {
        let answer = server.post("/v1/score/batch", body);
        assert!(answer.status == 422 && answer.body.contains(expect), "{body}: {}", answer.body);
    }
    assert_eq!(server.post("/v1/score?reasons=some", &at("b4", 1)).status, 400);
    assert!(server.post("/v1/score?reasons=none", &at("b5", 900_000)).json()["reasons"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn a_correction_supersedes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = server(&folder);
    let correction = |of: &str| {
        let mut event: Value = serde_json::from_str(&at("c2", 90)).expect("JSON");
        event["supersedes"] = json!(of);
        event.to_string()
    };
    let unknown = server.post("/v1/score", &correction("c1"));
    assert_eq!((unknown.status, unknown.json()["field"].as_str()), (422, Some("supersedes")));
    assert_eq!(server.post("/v1/score", &correction("c2")).status, 422, "itself");
    decided(&server, "c1", 100);
    assert_eq!(server.post("/v1/score", &correction("c1")).json()["status"], "superseding");
    assert_eq!(server.post("/v1/score", &correction("c1")).json()["status"], "duplicate");
    assert_eq!(server.get("/v1/decisions/c2").json()["supersedes"], "c1");
}

#[test]
fn roles_of_models_change_and_are_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = server(&folder);
    let role = |version: u32, body: Value| server.put(&format!("/v1/models/{version}/role"), &body.to_string());
    assert_eq!(role(2, json!({"role": "challenger", "reason": "try it"})).status, 404);
    assert_eq!(role(1, json!({"role": "challenger", "share_percent": 100, "reason": "try it"})).status, 422);
    let models = server.get("/v1/models").json();
    assert_eq!((&models["models"][0]["role"], &models["history"][0]["by"]), (&json!("champion"), &json!("tests")));
    assert_eq!(role(1, json!({"role": "champion", "reason": "again"})).status, 200);
    assert_eq!(server.get("/v1/models").json()["history"][1]["reason"], "again");
}

#[test]
fn a_changed_pipeline_file_is_taken_on_hangup() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, pipeline) = server(&folder);
    assert_eq!(decided(&server, "h1", 100)["decision"], "approve");
    let rule =
        "[[rules]]\nid = \"all\"\nname = \"all\"\nauthor = \"ada\"\nwhen = \"true\"\naction = \"review\"\nstate = \"active\"\n";
    let text = std::fs::read_to_string(&pipeline).expect("it is there");
    std::fs::write(&pipeline, format!("{text}{rule}")).expect("written");
    server.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.get("/v1/rules").json()["items"].as_array().is_none_or(Vec::is_empty) {
        assert!(Instant::now() < deadline, "it was not taken");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert_eq!(decided(&server, "h2", 100)["decided_by"], json!({"rule": "all"}));
    std::fs::write(&pipeline, "nonsense").expect("written");
    server.signal("HUP");
    assert_eq!(decided(&server, "h3", 100)["decided_by"], json!({"rule": "all"}), "it goes on with what it has");
    server.stop();
}

#[test]
fn a_hangup_before_it_is_ready_does_not_end_it() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    // A pipe: who reads its settings there waits until somebody has written them.
    let settings = folder.path().join("settings.toml");
    assert!(Command::new("mkfifo").arg(&settings).status().expect("mkfifo is there").success());
    let server = Server::start_while(folder.path(), &["--config", text(&settings)], |starting| {
        let pipe = settings.clone();
        let opening = spawn(move || File::options().write(true).open(pipe));
        until("it reads its settings", || opening.is_finished());
        let pipe = opening.join().expect("it ends").expect("it is open");
        starting.signal("HUP");
        drop(pipe);
    });
    // Told then, it does so now.
    server.until_said("was read again: 0 changes recorded");
    assert_eq!(decided(&server, "h1", 100)["decision"], "approve");
    server.stop();
}
