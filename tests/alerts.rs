//! The alert desk against the program itself: decisions raise alerts, people with keys work on them and get in each other's way, an outcome becomes a label that
//! training sees, and all of it is the same after the program was killed.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::file::FileReader;
use serde_json::{Value, json};
use support::{Answer, HANDBOOK, Server, handbook, run, run_well, text, until, with_champion};
use training::dataset::Unlabelled;
use training::{LogSource, Period, Source, Training, Vectors};

const ALERTS: &str = r#"
[[alerts]]
name = "declined"
description = "somebody else's card?"
when = { decisions = ["decline"] }
about = { entity = "customer", join_within = "1d" }
severity = "high"
rises = [{ to = "critical", from = { money_minor = 60000 } }]
group = "fraud"

[[alerts]]
name = "reviewed"
when = { decisions = ["review"] }
severity = "low"
"#;

/// Makes a key; its secret.
fn key(data: &Path, name: &str, scopes: &str) -> String {
    let arguments = ["key", "--data-dir", text(data), "add", "--name", name, "--scopes", scopes];
    run_well(&arguments).stdout.trim().to_owned()
}

fn pipeline(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("pipeline.toml");
    std::fs::write(&path, std::fs::read_to_string(HANDBOOK).expect("it ships with the program") + more).expect("written");
    path
}

fn said(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// What is wrong, in words.
fn refused(answer: &Answer, status: u16) -> String {
    said(answer, status)["detail"].as_str().expect("words").to_owned()
}

/// Has a payment decided; what was decided.
fn decided(server: &Server, key: &str, id: &str, customer: &str, minor: i64) -> String {
    let event = json!({
        "event_id": id, "event_type": "card_payment", "event_time": "2026-04-23T12:00:00Z",
        "transaction": {"amount_minor": minor, "currency": "EUR"},
        "customer": {"id": customer}, "terminal": {"id": format!("t_{customer}")},
    });
    said(&server.ask(key, "POST", "/v1/score", &event), 200)["decision"].as_str().expect("a word").to_owned()
}

/// The alerts that a view has: policy, what it is about and how many events it has, in its order.
fn queue(server: &Server, key: &str, query: &str) -> Vec<(String, String, u64)> {
    let page = said(&server.ask(key, "GET", &format!("/v1/alerts{query}"), &Value::Null), 200);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = page["items"].as_array().expect("a page").iter();
    items.map(|item| (word(&item["policy"]), word(&item["subject"]["key"]), item["events"].as_u64().expect("a number"))).collect()
}

fn line(policy: &str, key: &str, events: u64) -> (String, String, u64) {
    (policy.to_owned(), key.to_owned(), events)
}

#[test]
fn people_work_on_alerts_and_what_they_find_is_learned_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    let (ann, bob) = (key(data, "ann", "review,read"), key(data, "bob", "review,read"));
    let (viewer, shop) = (key(data, "viewer", "read"), key(data, "shop", "score"));
    let eva = key(data, "eva", "alerts,read");
    let (file, none) = (pipeline(data, ALERTS), Value::Null);
    let config = data.join("riskflow.toml");
    let sink = |name: &str, file: &str, least: &str| {
        format!("[[notify]]\nname = \"{name}\"\nurl = \"file://{file}\"\nkinds = [\"alert\"]\nleast_severity = \"{least}\"\n")
    };
    std::fs::write(&config, sink("desk", "told.jsonl", "high") + &sink("pager", "paged.jsonl", "critical")).expect("written");
    let server = Server::start_with(data, &file, &["--config", text(&config)]);

    // Five payments of two customers come to three alerts.
    for (id, customer, minor, expect) in [
        ("e1", "a", 20_000, "decline"),
        ("e2", "b", 30_000, "decline"),
        ("e3", "c", 14_000, "review"),
        ("e4", "d", 100, "approve"),
    ] {
        assert_eq!(decided(&server, &shop, id, customer, minor), expect, "{id}");
    }
    assert_eq!(decided(&server, &shop, "e5", "a", 20_000), "decline");
    until("three alerts", || {
        queue(&server, &viewer, "?sort=oldest") == [line("declined", "a", 2), line("declined", "b", 1), line("reviewed", "", 1)]
    });
    assert_eq!(queue(&server, &viewer, ""), [line("declined", "a", 2), line("declined", "b", 1), line("reviewed", "", 1)]);
    assert_eq!(queue(&server, &viewer, "?severity=low,critical"), [line("reviewed", "", 1)]);
    assert_eq!(queue(&server, &viewer, "?money_at_least=30000&sort=money"), [line("declined", "a", 2), line("declined", "b", 1)]);
    assert_eq!(queue(&server, &viewer, "?key=b&policy=declined&group=fraud"), [line("declined", "b", 1)]);
    assert_eq!(queue(&server, &viewer, "?older_than=1h"), []);
    let first = said(&server.ask(&viewer, "GET", "/v1/alerts?limit=2", &none), 200);
    let rest = format!("?limit=2&cursor={}", first["next_cursor"].as_str().expect("there is more"));
    assert_eq!((queue(&server, &viewer, &rest), &first["counts"]["high"]["open"]), (vec![line("reviewed", "", 1)], &json!(2)));
    assert_eq!((&first["me"], &first["policies"][0]["description"]), (&json!("viewer"), &json!("somebody else's card?")));
    for path in ["/v1/alerts?cursor=zzz".to_owned(), format!("/v1/alerts{rest}&sort=newest"), "/v1/changes?cursor=1".to_owned()] {
        assert_eq!(said(&server.ask(&viewer, "GET", &path, &none), 400)["field"], "cursor", "{path}");
    }
    let id = first["items"][0]["id"].as_str().expect("an id").to_owned();
    let at = |act: &str| format!("/v1/alerts/{id}/{act}");

    // Who looks may not work; of two who want it at once one gets it, and the other is told who did.
    let claim = json!({"version": 2});
    assert!(refused(&server.ask(&viewer, "POST", &at("claim"), &claim), 403).contains("it needs the scope `alerts`"));
    let claims: Vec<Answer> = std::thread::scope(|scope| {
        let claims = [&ann, &bob].map(|key| scope.spawn(|| server.ask(key, "POST", &at("claim"), &claim)));
        claims.into_iter().map(|claim| claim.join().expect("it is answered")).collect()
    });
    let winner = claims.iter().position(|answer| answer.status == 200).expect("one has it");
    let (name, has, other) = if winner == 0 { ("ann", &ann, &bob) } else { ("bob", &bob, &ann) };
    let told = refused(&claims[1 - winner], 409);
    assert!(told.starts_with(&format!("alert {id}: it has changed since version 2: {name} claimed it at")), "{told}");

    // Notes, escalation, and what does not belong to them.
    assert_eq!(said(&server.ask(has, "POST", &at("note"), &json!({"version": 3, "note": "called: no answer"})), 200)["notes"], 1);
    let stale = said(&server.ask(has, "POST", &at("note"), &json!({"version": 3, "note": "again"})), 409);
    assert_eq!((&stale["field"], &stale["type"]), (&json!("version"), &json!("/problems/changed")));
    for (act, body, status, words) in [
        ("escalate", json!({"version": 4}), 422, "`escalate` wants a `reason`"),
        ("resolve", json!({"version": 4, "outcome": "fraud"}), 422, "unknown variant `fraud`"),
        ("resolve", json!({"version": 4, "outcome": "duplicate", "events": ["e9"]}), 422, "it has no event `e9`"),
        ("claim", json!({}), 422, "missing field `version`"),
        ("close", json!({"version": 4}), 404, "nothing can be done with an alert by `close`"),
    ] {
        let told = refused(&server.ask(has, "POST", &at(act), &body), status);
        assert!(told.contains(words), "{told}");
    }
    let resolve =
        |version: u32| json!({"version": version, "outcome": "confirmed_fraud", "note": "the owner says so", "events": ["e1"]});
    let theirs = refused(&server.ask(other, "POST", &at("resolve"), &resolve(4)), 409);
    assert!(theirs.contains(&format!("it is in_review, and {name} has it since")), "{theirs}");
    said(&server.ask(has, "POST", &at("escalate"), &json!({"version": 4, "reason": "over my limit"})), 200);
    // That is for reviewers: an analyst passes over it, and may neither claim nor resolve it.
    for (act, body) in
        [("claim", json!({"version": 5})), ("resolve", resolve(5)), ("dismiss", json!({"version": 5, "reason": "x"}))]
    {
        let told = refused(&server.ask(&eva, "POST", &at(act), &body), 403);
        assert!(told.contains(&format!("it was escalated by {name} at 2")) && told.contains("the role reviewer"), "{told}");
    }
    let of_eva = said(&server.ask(&eva, "POST", "/v1/alerts/next", &json!({})), 200);
    assert_eq!(of_eva["subject"]["key"], "b");
    let release = format!("/v1/alerts/{}/release", of_eva["id"].as_str().expect("an id"));
    said(&server.ask(&eva, "POST", &release, &json!({"version": 2})), 200);
    assert_eq!(queue(&server, other, "?limit=1"), [line("declined", "a", 2)], "a reviewer sees it first");
    assert_eq!(queue(&server, &eva, "?limit=1"), [line("declined", "b", 1)]);
    let taken = said(&server.ask(other, "POST", "/v1/alerts/next", &json!({})), 200);
    assert_eq!((&taken["id"], &taken["state"]), (&json!(id), &json!("escalated")));

    // Resolved: one of its events is fraud, and that is a label.
    let closed = said(&server.ask(other, "POST", &at("resolve"), &resolve(6)), 200);
    assert_eq!(
        (&closed["state"], &closed["outcome"], &closed["version"]),
        (&json!("resolved"), &json!("confirmed_fraud"), &json!(7))
    );
    let closer = if winner == 0 { "bob" } else { "ann" };
    let twice = refused(&server.ask(has, "POST", &at("resolve"), &resolve(6)), 409);
    assert!(twice.contains(&format!("it was resolved as confirmed_fraud by {closer} at 2")), "{twice}");
    let label = |server: &Server, id: &str| {
        said(&server.ask(&viewer, "GET", &format!("/v1/decisions/{id}"), &none), 200)["label"].clone()
    };
    let arrived = label(&server, "e1");
    assert_eq!((&arrived["label"], &arrived["source"]), (&json!("fraud"), &json!("analyst")));
    assert_eq!(label(&server, "e5"), Value::Null, "it was not ticked");

    // The next one is the most severe that is open, until none is.
    let next = || server.ask(&ann, "POST", "/v1/alerts/next", &json!({}));
    assert_eq!(said(&next(), 200)["subject"]["key"], "b");
    let genuine = server.ask(&ann, "POST", "/v1/alerts/next?policy=reviewed", &json!({}));
    let genuine = said(&genuine, 200);
    assert_eq!(genuine["policy"], "reviewed");
    assert_eq!(next().status, 204);
    let of_it = format!("/v1/alerts/{}/resolve", genuine["id"].as_str().expect("an id"));
    said(&server.ask(&ann, "POST", &of_it, &json!({"version": 2, "outcome": "false_positive"})), 200);
    assert_eq!(label(&server, "e3")["label"], "legit");
    assert_eq!(queue(&server, &ann, "?assignee=me"), [line("declined", "b", 1)]);
    assert_eq!(queue(&server, &ann, "?state=resolved&sort=newest").len(), 2);

    // One alert, with what is known of it.
    let page = said(&server.ask(&viewer, "GET", &format!("/v1/alerts/{id}"), &none), 200);
    let done: Vec<&str> =
        page["timeline"].as_array().expect("entries").iter().map(|entry| entry["did"].as_str().expect("a word")).collect();
    assert_eq!(done, ["claimed", "noted", "escalated", "claimed", "resolved"]);
    assert_eq!((&page["timeline"][1]["text"], &page["timeline"][4]["events"]), (&json!("called: no answer"), &json!(["e1"])));
    assert_eq!((&page["lead"]["decision"], &page["entities"]["customer"]), (&json!("decline"), &json!(["a"])));
    assert_eq!((page["hits"].as_array().map(Vec::len), &page["about"]), (Some(2), &json!("somebody else's card?")));

    // What is not there, or not so, is named.
    let check = |path: &str, status: u16, words: &str| {
        let told = refused(&server.ask(&viewer, "GET", path, &none), status);
        assert!(told.contains(words), "{path}: {told}");
    };
    check("/v1/alerts/declined-999999", 404, "there is no alert `declined-999999`");
    check("/v1/alerts?severity=hgh", 400, "`hgh` is none of low, medium, high, critical");
    check("/v1/alerts?state=closed", 400, "`closed` is none of open, in_review, escalated");
    check("/v1/alerts?sort=age", 400, "`age` is none of priority, escalated, money, oldest, newest");
    check("/v1/alerts?older_than=long", 400, "`long` is not a length of time");
    check("/v1/alerts?money_at_least=a", 400, "a whole number of minor units");
    check("/v1/alerts?limit=0", 400, "it is from 1 to 1000");
    check("/v1/alerts?colour=red", 400, "unknown field `colour`");

    // Killed and started again it is the same, and nobody is told twice.
    let told = || {
        let lines = std::fs::read_to_string(data.join("told.jsonl")).unwrap_or_default();
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            *told.entry(line["details"]["alert_id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        told
    };
    until("two are told of", || told().len() == 2);
    let before = said(&server.ask(&viewer, "GET", "/v1/alerts?state=open,in_review,resolved", &none), 200)["items"].clone();
    server.kill();
    let server = Server::start_with(data, &file, &["--config", text(&config)]);
    let after = said(&server.ask(&viewer, "GET", "/v1/alerts?state=open,in_review,resolved", &none), 200)["items"].clone();
    assert_eq!(after, before);
    let again = said(&server.ask(&viewer, "GET", &format!("/v1/alerts/{id}"), &none), 200);
    assert_eq!((&again["timeline"], &again["hits"]), (&page["timeline"], &page["hits"]));

    // What comes of a customer whose alert is closed is another alert; metrics and the warehouse count them.
    assert_eq!(decided(&server, &shop, "e6", "a", 70_000), "decline");
    until("another alert", || queue(&server, &viewer, "?key=a") == [line("declined", "a", 1)]);
    let metrics = server.ask(&viewer, "GET", "/metrics", &none).body;
    let metric = |name: &str| support::metric(&metrics, name);
    assert_eq!(metric(r#"riskflow_scoring_alerts{severity="critical",state="open"}"#), 1);
    assert_eq!(metric(r#"riskflow_scoring_alerts{severity="high",state="in_review"}"#), 1);
    assert_eq!(metric("riskflow_scoring_alerts_opened_total"), 1);
    until("the warehouse has them", || {
        let days = said(&server.ask(&viewer, "GET", "/v1/monitor/alerts", &none), 200);
        let sum =
            |name: &str| days.as_array().expect("days").iter().map(|day| day[name].as_u64().expect("a number")).sum::<u64>();
        (sum("opened"), sum("confirmed_fraud"), sum("false_positive"), sum("waiting")) == (4, 1, 1, 2)
    });
    let did = said(&server.ask(&viewer, "GET", "/v1/entities/customer/a?limit=2", &none), 200);
    let items = &did["items"];
    let ids = (&items[0]["event_id"], &items[1]["event_id"], items.as_array().map(Vec::len));
    assert_eq!(ids, (&json!("e6"), &json!("e5"), Some(2)));
    let rest = format!("/v1/entities/customer/a?cursor={}", did["next_cursor"].as_str().expect("there is more"));
    let rest = said(&server.ask(&viewer, "GET", &rest, &none), 200);
    assert!(rest["items"].as_array().is_some_and(|items| !items.is_empty() && items.iter().all(|item| item["event_id"] != "e5")));
    assert_eq!(rest["next_cursor"], Value::Null);
    until("the last one is told of, after whatever is told again", || told().len() == 3);
    assert!(told().values().all(|times| *times == 1), "{:?}", told());

    // One that comes to matter more is told of again, also to whom it did not matter before; another event that changes nothing is not.
    for (id, minor) in [("e7", 40_000), ("e8", 100_000)] {
        assert_eq!(decided(&server, &shop, id, "b", minor), "decline");
    }
    until("both have joined", || queue(&server, &viewer, "?key=b&severity=critical") == [line("declined", "b", 3)]);
    let of_b = said(&server.ask(&viewer, "GET", "/v1/alerts?key=b", &none), 200)["items"][0]["id"].clone();
    let paged = || std::fs::read_to_string(data.join("paged.jsonl")).unwrap_or_default();
    let rises = || -> Vec<Value> {
        let lines: Vec<Value> = paged().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        lines.into_iter().filter(|line| line["details"]["alert_id"] == of_b).collect()
    };
    until("the rise is told of", || rises().len() == 1 && told()[of_b.as_str().expect("an id")] == 2);
    server.kill();
    let server = Server::start_with(data, &file, &["--config", text(&config)]);
    assert_eq!(decided(&server, &shop, "e9", "f", 70_000), "decline");
    until("what came later is told of, after whatever is told again", || told().len() == 4);
    let rose = &rises()[0];
    assert_eq!((rises().len(), &rose["severity"]), (1, &json!("critical")));
    assert_eq!(rose["details"]["rose"], json!({"from": "high", "to": "critical"}));
    let summary = rose["summary"].as_str().expect("a sentence");
    assert!(summary.contains("about customer b rose from high to critical: declined: event e7, decline at score"), "{summary}");
    server.stop();

    // Training learns from what was found.
    let labels = learned(data);
    assert_eq!(labels, [true, false], "e1 is fraud, e3 is genuine, and of the others nothing is known");
}

/// Whether each labelled event of the log is bad, in their order, as a dataset has it.
fn learned(data: &Path) -> Vec<bool> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let time = |text: &str| text.parse::<Timestamp>().expect("a time");
    let period = Period { from: time("2026-04-23"), until: time("2026-04-24") };
    let log = Arc::new(FileReader::open(&data.join("log")).expect("a log"));
    let source = LogSource { log, vectors: Vectors::Logged, as_of: time("2100-01-01"), maturity: None };
    let (pipeline, delay) = (Arc::new(handbook()), ingest::Duration::ZERO);
    runtime.block_on(async {
        let source = Source::Log(source);
        let examples = source.examples(&pipeline, &Training::default(), period, delay, Unlabelled::LeftOut, &mut |_| {}).await;
        let rows = examples.expect("it can be read").judged(period, period.until).await.expect("rows");
        rows.matrix.labels().to_vec()
    })
}

#[test]
fn a_policy_that_cannot_be_starts_no_server_and_changes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    let wrong = ALERTS.replace("entity = \"customer\"", "entity = \"custmer\"");
    let file = pipeline(data, &wrong);
    let ended = run(&["run", "--pipeline", text(&file), "--data-dir", text(data), "--listen", "127.0.0.1:0"]);
    let expect = "alert policy `declined`: there is no entity `custmer` in [event.entities]: did you mean `customer`?";
    assert!(
        !ended.status.success() && ended.stderr.contains(expect) && ended.stderr.contains("pipeline.toml:15"),
        "{}",
        ended.stderr
    );

    // Without policies there is nothing to look at; they can be declared while it runs, and hold from then on.
    let file = pipeline(data, "");
    let server = Server::start_with(data, &file, &[]);
    assert_eq!(server.get("/v1/alerts").json()["policies"], json!([]));
    let score =
        |id: &str| server.post("/v1/score", &support::payment(id, "2026-04-23T12:00:00Z", 30_000)).json()["decision"].clone();
    assert_eq!(score("e1"), "decline");
    pipeline(data, ALERTS);
    server.signal("HUP");
    until("the policies hold", || {
        server.get("/v1/alerts").json()["policies"].as_array().is_some_and(|policies| policies.len() == 2)
    });
    assert_eq!(score("e2"), "decline");
    let events = || server.get("/v1/alerts").json()["items"][0]["events"].clone();
    until("an alert", || events() == json!(1));
    let page = server.get("/alerts").body;
    assert!(page.contains("<title>Alerts, riskflow</title>"), "{page}");
    server.stop();
}
