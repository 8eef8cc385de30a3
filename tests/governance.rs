//! Changes by two people, experiments and the way back, against the program itself, as people with keys and at a command line use it.

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Answer, HANDBOOK, Server, json_lines, payment, published, run, run_well, text, until, with_champion};

/// Makes a key; its secret.
fn key(data: &Path, name: &str, more: &[&str]) -> String {
    let arguments = ["key", "--data-dir", text(data), "add", "--name", name, "--scopes"];
    run_well(&[&arguments, more].concat()).stdout.trim().to_owned()
}

/// A pipeline with a list, and what it says of governance.
fn pipeline(folder: &Path, governance: &str) -> PathBuf {
    let path = folder.join("pipeline.toml");
    let handbook = std::fs::read_to_string(HANDBOOK).expect("it ships with the program");
    let list = "[[lists]]\nname = \"stolen_cards\"\nkind = \"block\"\nof = \"customer\"\n";
    std::fs::write(&path, format!("{handbook}\n{list}\n{governance}")).expect("written");
    path
}

fn said(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    answer.json()
}

/// The version that decides about an event, and what it decides.
fn decided(server: &Server, key: &str, id: &str) -> (String, String) {
    let event: Value = serde_json::from_str(&payment(id, "2026-04-23T12:00:00Z", 100)).expect("JSON");
    let answer = said(&server.ask(key, "POST", "/v1/score", &event), 200);
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    (word(&answer["model"]["version"]), word(&answer["decision"]))
}

#[test]
fn who_proposes_a_change_does_not_approve_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    assert_eq!(published(data, 5.0), 2);
    let (ada, bob) = (key(data, "ada", &["admin"]), key(data, "bob", &["admin"]));
    let (tablet, eve) = (key(data, "tablet", &["admin", "--owner", "ada"]), key(data, "eve", &["review,read"]));
    let file = pipeline(data, "");
    let server = Server::start_with(data, &file, &[]);
    let none = Value::Null;

    let role = json!({"role": "champion", "reason": "it stops more"});
    let proposed = said(&server.ask(&ada, "PUT", "/v1/models/2/role", &role), 202);
    assert_eq!(
        (&proposed["id"], &proposed["state"], &proposed["by"], &proposed["what"]),
        (&json!(1), &json!("pending"), &json!("ada"), &json!(["card_fraud 2 becomes champion"]))
    );
    assert_eq!(decided(&server, &ada, "e1"), ("1".to_owned(), "approve".to_owned()));
    for own in [&ada, &tablet] {
        let refused = said(&server.ask(own, "POST", "/v1/changes/1/approve", &json!({})), 403);
        let detail = refused["detail"].as_str().expect("words");
        assert_eq!(
            detail,
            "change 1 was proposed by ada, and needs another person: whoever proposes a change may only withdraw it"
        );
        assert_eq!(refused["type"], "/problems/four-eyes");
    }
    assert_eq!(server.ask(&eve, "POST", "/v1/changes/1/approve", &json!({})).status, 403, "she may only propose");
    let approved = said(&server.ask(&bob, "POST", "/v1/changes/1/approve", &json!({"reason": "checked"})), 200);
    assert_eq!((&approved["state"], &approved["settled"]["by"]), (&json!("approved"), &json!("bob")));
    assert_eq!(decided(&server, &ada, "e2"), ("2".to_owned(), "decline".to_owned()), "from the next decision on");
    let models = said(&server.ask(&ada, "GET", "/v1/models", &none), 200);
    let last = models["history"].as_array().expect("changes").last().expect("one").clone();
    assert_eq!(
        (&models["models"][1]["role"], &last["by"], &last["approved_by"]),
        (&json!("champion"), &json!("ada"), &json!("bob"))
    );
    assert_eq!(server.ask(&bob, "POST", "/v1/changes/1/approve", &json!({})).status, 409);

    // Rules, lists and thresholds as well; what looks on needs nobody.
    let rule = |state: &str| json!({"name": "n", "when": "event.amount_minor > 10", "action": "review", "state": state});
    assert_eq!(server.ask(&ada, "PUT", "/v1/rules/r?reason=to%20see", &rule("shadow")).status, 200);
    let active = said(&server.ask(&ada, "PUT", "/v1/rules/r?reason=it%20catches%20them", &rule("active")), 202);
    assert_eq!(active["reason"], "it catches them");
    until("the audit says why", || {
        let ruled = said(&server.ask(&ada, "GET", "/v1/audit?what=ruled", &none), 200);
        ruled["items"][0]["reason"] == "to see"
    });
    let entries = json!({"entries": [{"value": "cus_9", "reason": "stolen"}]});
    let listed = said(&server.ask(&ada, "POST", "/v1/lists/stolen_cards/entries", &entries), 202);
    assert_eq!((&listed["id"], &listed["what"][0]), (&json!(3), &json!("list stolen_cards gets 1: cus_9")));
    let policy = json!({"review": 950, "decline": 990, "on_failure": "review"});
    let draft = json!({"change": {"kind": "policy", "policy": policy}, "reason": "fewer reviews"});
    assert_eq!(said(&server.ask(&eve, "POST", "/v1/changes", &draft), 201)["by"], "eve");
    said(&server.ask(&ada, "POST", "/v1/changes/3/reject", &json!({})), 403);
    assert_eq!(said(&server.ask(&ada, "POST", "/v1/changes/3/withdraw", &json!({})), 200)["state"], "withdrawn");
    said(&server.ask(&ada, "POST", "/v1/changes/4/approve", &json!({})), 200);
    said(&server.ask(&bob, "POST", "/v1/changes/2/reject", &json!({"reason": "too broad"})), 200);
    let shown = said(&server.ask(&eve, "GET", "/v1/changes/2", &none), 200);
    assert_eq!((&shown["changes"][0]["rules"][0]["state"], &shown["settled"]["reason"]), (&json!("active"), &json!("too broad")));
    let states = |server: &Server| -> Vec<String> {
        let page = said(&server.ask(&ada, "GET", "/v1/changes", &none), 200);
        page["items"].as_array().expect("a page").iter().map(|change| change["state"].to_string()).collect()
    };
    assert_eq!(states(&server), ["\"approved\"", "\"withdrawn\"", "\"rejected\"", "\"approved\""]);
    assert_eq!(said(&server.ask(&ada, "GET", "/v1/status", &none), 200)["thresholds"]["review"], 950);
    assert_eq!(server.ask(&ada, "POST", "/v1/changes/9/approve", &json!({})).status, 404);

    // A restart, without warning, changes nothing of it; the way back takes one person.
    server.kill();
    let server = Server::start_with(data, &file, &[]);
    assert_eq!((states(&server).len(), decided(&server, &ada, "e3").0), (4, "2".to_owned()));
    assert_eq!(said(&server.ask(&ada, "GET", "/v1/status", &none), 200)["thresholds"]["review"], 950);
    let said_by = run_well(&["rollback", "--url", &server.url, "--api-key", &ada, "--reason", "it stops too much"]).stderr;
    assert!(said_by.contains("card_fraud 1 is champion again"), "{said_by}");
    assert_eq!(decided(&server, &ada, "e4").0, "1");
    assert_eq!(server.ask(&ada, "POST", "/v1/models/rollback", &json!({"reason": "more"})).status, 409);
    let promote = ["promote", "--url", &server.url, "--api-key", &ada, "--version", "2", "--reason", "once more"];
    let waits = run_well(&promote).stderr;
    assert!(waits.contains("change 5 waits for a second person") && waits.contains("riskflow changes approve 5"), "{waits}");
    let refused = run(&["changes", "approve", "5", "--url", &server.url, "--api-key", &ada]);
    assert!(refused.status.code() == Some(1) && refused.stderr.contains("needs another person"), "{}", refused.stderr);
    run_well(&["changes", "approve", "5", "--url", &server.url, "--api-key", &bob]);
    assert_eq!(decided(&server, &ada, "e5").0, "2");
    server.stop();
}

#[test]
fn on_a_log_the_same_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    published(data, 5.0);
    let on_log =
        |command: &[&str], by: &str| run(&[command, &["--pipeline", HANDBOOK, "--data-dir", text(data), "--by", by]].concat());
    let waits = on_log(&["promote", "--version", "2", "--reason", "better"], "ada");
    assert!(waits.stderr.contains("change 1 waits for a second person"), "{}", waits.stderr);
    let own = on_log(&["changes", "approve", "1"], "Ada");
    assert!(own.status.code() == Some(1) && own.stderr.contains("needs another person"), "{}", own.stderr);
    let nobody = run(&["changes", "approve", "1", "--pipeline", HANDBOOK, "--data-dir", text(data)]);
    assert!(nobody.stderr.contains("say with --by who does it"), "{}", nobody.stderr);
    let listed = run_well(&["changes", "list", "--json", "--pipeline", HANDBOOK, "--data-dir", text(data)]);
    assert_eq!(json_lines(&listed)[0]["state"], "pending");
    assert!(on_log(&["changes", "approve", "1", "--reason", "checked"], "bob").status.success());
    let back = on_log(&["rollback", "--reason", "no"], "ada");
    assert!(back.stderr.contains("card_fraud 1 is champion again"), "{}", back.stderr);

    // A server without keys does not pretend.
    let file = pipeline(data, "[governance]\nfour_eyes = [\"models\"]\n");
    let refused = run(&["run", "--pipeline", text(&file), "--data-dir", text(data), "--listen", "127.0.0.1:0"]);
    assert!(refused.stderr.contains("asks for four eyes, and without keys nobody is told from anybody"), "{}", refused.stderr);
    let wrong = pipeline(data, "[governance]\nfour_eyes = [\"everything\"]\n");
    let refused = run(&["run", "--pipeline", text(&wrong), "--data-dir", text(data), "--listen", "127.0.0.1:0"]);
    assert!(
        refused.stderr.contains("unknown variant `everything`") && refused.stderr.contains("pipeline.toml:"),
        "{}",
        refused.stderr
    );
}

/// Has so many events scored, each of a customer of its own.
fn score(server: &Server, from: u32, count: u32) {
    let event = |number: u32| {
        let mut event: Value = serde_json::from_str(&payment(&format!("n{number}"), "2026-04-23T12:00:00Z", 100)).expect("JSON");
        event["customer"]["id"] = json!(format!("c{number}"));
        event
    };
    let batch = json!({"events": (from..from + count).map(event).collect::<Vec<_>>()});
    assert_eq!(server.post("/v1/score/batch?reasons=none", &batch.to_string()).status, 200);
}

#[test]
fn a_guardrail_that_breaks_gives_the_decisions_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    // It declines everything.
    assert_eq!(published(data, 9.0), 2);
    let guardrails = "{ approval_rate_change = 0.2, minimum_events = 50, window = \"1s\" }";
    let file = pipeline(
        data,
        &format!("[governance]\nfour_eyes = []\n[governance.probation]\nlength = \"1d\"\nguardrails = {guardrails}\n"),
    );
    let config = data.join("riskflow.toml");
    std::fs::write(&config, "[[notify]]\nname = \"desk\"\nurl = \"file://told.jsonl\"\nkinds = [\"guardrail_broke\"]\n")
        .expect("written");
    let server = Server::start_with(data, &file, &["--config", text(&config)]);
    let mut from = 0;
    let mut until_so = |what: &str, is_so: &dyn Fn() -> bool| {
        until(what, || {
            score(&server, from, 200);
            from += 200;
            is_so()
        });
    };
    let start = json!({
        "name": "split", "challenger": 2, "share_percent": 50, "reason": "to see",
        "guardrails": {"approval_rate_change": 0.2, "minimum_events": 50, "window": "1s"},
    });
    let started = said(&server.post("/v1/experiments", &start.to_string()), 200);
    assert_eq!(started["inputs"], json!({"only_champion": [], "only_challenger": []}));
    let experiment = || server.get("/v1/experiments").json()["items"][0].clone();
    until_so("the experiment is stopped", &|| !experiment()["ended"].is_null());
    let ended = experiment()["ended"].clone();
    assert_eq!((&ended["outcome"], &ended["by"]), (&json!("stopped"), &json!("guardrail")));
    let reason = ended["reason"].as_str().expect("words").to_owned();
    assert!(reason.starts_with("0.0 % of ") && reason.contains("the limit is a difference of 20.0 points"), "{reason}");
    let role = |version: usize| server.get("/v1/models").json()["models"][version - 1].clone();
    assert_eq!((&role(2)["role"], &role(2)["share_percent"]), (&json!("challenger"), &json!(0)), "it looks on");

    // The same model as champion is on probation.
    assert_eq!(server.put("/v1/models/2/role", &json!({"role": "champion", "reason": "all the same"}).to_string()).status, 200);
    assert_eq!(role(2)["role"], "champion");
    until_so("the champion gives its place back", &|| role(1)["role"] == "champion");
    let history = server.get("/v1/models").json()["history"].clone();
    let last = history.as_array().expect("changes").last().expect("one").clone();
    assert_eq!((&last["by"], &last["version"]), (&json!("guardrail"), &json!(1)));
    let told = || std::fs::read_to_string(data.join("told.jsonl")).unwrap_or_default();
    until("both are told", || told().lines().count() == 2);
    for words in ["split broke its guardrail approval_rate_change: 1.0000", "; stopped", "card_fraud 2 broke", "; demoted"] {
        assert!(told().contains(words), "{words}: {}", told());
    }
    server.stop();
    let listed = run_well(&["experiments", "list", "--pipeline", text(&file), "--data-dir", text(data)]).stdout;
    assert!(listed.contains("split") && listed.contains("stopped by guardrail: 0.0 % of"), "{listed}");
}

#[test]
fn what_is_wrong_with_a_proposal_names_its_whole_path() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let check = |change: Value, status: u16, field: &str| {
        let answer = server.post("/v1/changes", &json!({"change": change, "reason": "because"}).to_string());
        assert_eq!((answer.status, &answer.json()["field"]), (status, &json!(field)), "{change}: {}", answer.body);
    };
    let rule = |id: &str, member: &str, value: Value| {
        let mut rule = json!({"name": "large", "when": "true", "state": "active", "action": "review"});
        rule[member] = value;
        json!({"kind": "rule", "rule_id": id, "rule": rule})
    };
    check(rule("a b", "name", json!("large")), 422, "change.rule_id");
    check(rule("large", "when", json!("event.amount_minr > 1")), 422, "change.rule.when");
    check(rule("large", "state", json!({"rollout": {"percent": 5, "by": "nobody"}})), 422, "change.rule.state");
    check(rule("large", "state", json!(5)), 422, "change.rule.state");
    check(rule("large", "version", json!(7)), 409, "change.rule.version");
    check(json!({"kind": "role", "version": 1, "role": "challenger"}), 409, "change.role");
    check(json!({"kind": "policy", "policy": {"review": 900, "decline": 700, "on_failure": "review"}}), 422, "change.policy");
}

#[test]
fn the_end_of_an_experiment_is_proposed_as_any_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    assert_eq!(published(data, -7.0), 2);
    let (ada, eve) = (key(data, "ada", &["admin"]), key(data, "eve", &["review,read"]));
    let server = Server::start(data);
    let none = Value::Null;
    let start = json!({"name": "november", "challenger": 2, "reason": "to see"});
    said(&server.ask(&eve, "POST", "/v1/experiments", &start), 200);
    let end = json!({"outcome": "keep", "reason": "no better"});
    said(&server.ask(&eve, "POST", "/v1/experiments/november/end", &end), 403);

    let propose = |name: &str, outcome: Value, status: u16| {
        let change = json!({"kind": "experiment_end", "name": name, "outcome": outcome});
        said(&server.ask(&eve, "POST", "/v1/changes", &json!({"change": change, "reason": "no better"})), status)
    };
    assert_eq!(propose("december", json!("keep"), 404)["detail"], "there is no experiment `december`");
    let wrong = propose("november", json!(3), 422);
    let words = "invalid type: integer `3`, expected one of `promote`, `keep`, `abort`";
    assert_eq!((&wrong["field"], &wrong["detail"]), (&json!("change.outcome"), &json!(words)));
    let kept = propose("november", json!("keep"), 201);
    assert_eq!((&kept["by"], &kept["what"]), (&json!("eve"), &json!(["experiment november ends: kept"])));
    let shown = said(&server.ask(&eve, "GET", "/v1/changes/1", &none), 200);
    assert_eq!(shown["changes"], json!([{"kind": "experiment_end", "name": "november", "outcome": "kept"}]));
    let aborted = propose("november", json!("abort"), 201);
    let promoted = propose("november", json!("promote"), 201);
    assert_eq!(promoted["what"], json!(["card_fraud 2 becomes champion"]));

    assert_eq!(said(&server.ask(&ada, "POST", "/v1/changes/1/approve", &json!({})), 200)["state"], "approved");
    let ended = said(&server.ask(&eve, "GET", "/v1/experiments", &none), 200)["items"][0]["ended"].clone();
    assert_eq!((&ended["outcome"], &ended["by"], &ended["reason"]), (&json!("kept"), &json!("eve"), &json!("no better")));
    // It ends once.
    for change in [&aborted["id"], &promoted["id"]] {
        let late = said(&server.ask(&ada, "POST", &format!("/v1/changes/{change}/approve"), &json!({})), 409);
        assert_eq!(late["type"], "/problems/outdated", "{late}");
    }
    let late = propose("november", json!("abort"), 422);
    let detail = "experiment `november`: it has ended: kept";
    assert_eq!((&late["field"], &late["detail"]), (&json!("change.outcome"), &json!(detail)));
    server.stop();
}

#[test]
fn the_versions_of_a_rule_say_who_wrote_each_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    let (ada, bob) = (key(data, "ada", &["admin"]), key(data, "bob", &["admin"]));
    let vera = key(data, "vera", &["read"]);
    let server = Server::start(data);
    let rule = |state: &str| json!({"name": "n", "when": "event.amount_minor > 10", "action": "review", "state": state});
    said(&server.ask(&ada, "PUT", "/v1/rules/r?reason=to%20see", &rule("shadow")), 200);
    said(&server.ask(&ada, "PUT", "/v1/rules/r?reason=too%20broad", &rule("active")), 202);
    said(&server.ask(&bob, "POST", "/v1/changes/1/reject", &json!({})), 200);
    said(&server.ask(&ada, "PUT", "/v1/rules/r?reason=it%20catches%20them", &rule("active")), 202);
    said(&server.ask(&bob, "POST", "/v1/changes/2/approve", &json!({"reason": "checked"})), 200);

    let versions = |query: &str| said(&server.ask(&vera, "GET", &format!("/v1/rules/r/versions{query}"), &Value::Null), 200);
    until("both are in the warehouse", || versions("")["items"].as_array().is_some_and(|items| items.len() == 2));
    let page = versions("?limit=1");
    let newest = &page["items"][0];
    assert_eq!((&newest["rule"]["version"], &newest["rule"]["state"]), (&json!(2), &json!("active")));
    assert_eq!((&newest["by"], &newest["reason"]), (&json!("ada"), &json!("it catches them")));
    assert_eq!(newest["approved"], json!({"by": "bob", "reason": "checked"}));
    let rest = versions(&format!("?cursor={}", page["next_cursor"].as_str().expect("there is another page")));
    let first = &rest["items"][0];
    assert_eq!((&first["rule"]["version"], &first["rule"]["state"]), (&json!(1), &json!("shadow")));
    assert_eq!((&first["by"], &first["reason"], &first["approved"]), (&json!("ada"), &json!("to see"), &Value::Null));
    assert!(rest["next_cursor"].is_null() && first["at"].is_string(), "{rest}");
    server.stop();
}
