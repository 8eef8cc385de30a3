//! What happens when something breaks while payments are decided: for each failure the answer, the engine's mode, the metric, and that no
//! event is lost that was answered with a decision. The table in docs/service.md says the same.

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread::spawn;
use std::time::{Duration, Instant};

use ingest::{ManualClock, Timestamp};
use riskflow::config::Config;
use serde_json::{Value, json};
use support::{Answer, HANDBOOK, Server, decisions, handbook, payment, riskflow, text, until, with_champion};

const NOON: &str = "2026-04-23T12:00:00Z";
const COMMITTER: &str = "log-committer";

fn event(id: &str) -> String {
    payment(id, NOON, 100)
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

/// A server over a folder with a champion, with settings of its own.
fn server(folder: &Path, settings: &str) -> Server {
    let config = configured(folder, settings);
    Server::start_with(folder, Path::new(HANDBOOK), &["--config", text(&config)])
}

/// The same, whose disk can be made to hang.
fn server_on_odd_disk(folder: &Path, settings: &str) -> Option<Server> {
    let config = configured(folder, settings);
    Server::start_with_freezer(folder, &["--config", text(&config)])
}

fn configured(folder: &Path, settings: &str) -> PathBuf {
    with_champion(folder);
    let config = folder.join("config.toml");
    std::fs::write(&config, settings).expect("written");
    config
}

fn check_decided(answer: &Answer, status: &str, mode: &str) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let said = answer.json();
    assert_eq!((said["status"].as_str(), said["engine"]["mode"].as_str()), (Some(status), Some(mode)), "{said}");
}

fn check_problem(answer: &Answer, status: u16, kind: &str, engine: &Value) {
    assert_eq!((answer.status, answer.content_type.as_str()), (status, "application/problem+json"), "{}", answer.body);
    let said = answer.json();
    assert_eq!((&said["type"], &said["status"], &said["engine"]), (&json!(kind), &json!(status), engine), "{said}");
}

/// Every one of these events is in the log, once and decided once, after a start and an end that nothing disturbs.
fn check_kept(data: &Path, accepted: &[String]) {
    Server::start(data).stop();
    let kept = decisions(data);
    for id in accepted {
        assert!(kept.contains_key(id), "{id} was accepted and is lost");
    }
}

/// Sends events at once, each on a connection of its own; the answers come when they come.
fn send_all(server: &Server, ids: &[String]) -> Vec<std::thread::JoinHandle<Answer>> {
    let send = |id: &String| {
        let (url, body) = (server.url.clone(), event(id));
        spawn(move || support::post(&url, "/v1/score", &body))
    };
    ids.iter().map(send).collect()
}

#[test]
fn the_disk_of_the_log_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start_on_small_disk(folder.path(), 32);
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for id in ids("f", 120) {
        let answer = server.post("/v1/score", &event(&id));
        if answer.status == 200 {
            assert!(refused.is_empty(), "after a refusal nothing is accepted");
            check_decided(&answer, "new", "normal");
            accepted.push(id);
        } else {
            check_problem(&answer, 503, "/problems/stopped", &json!({"mode": "stopped", "cause": "log_failed"}));
            refused.push(id);
        }
    }
    assert!(accepted.len() > 5 && refused.len() > 5, "{} accepted, {} refused", accepted.len(), refused.len());

    let ready = server.get("/readyz");
    assert!(ready.status == 503 && ready.body.contains("a log that takes records"), "{}", ready.body);
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/v1/status").json()["engine_mode"], "stopped");
    assert_eq!(server.metric("riskflow_log_failed"), 1);
    assert!(server.metric("riskflow_log_durable_end") >= 2 * accepted.len() as u64, "what is durable stays so");
    assert_eq!(server.metric(r#"riskflow_scoring_refused_total{cause="log_failed"}"#), refused.len() as u64);
    let label = r#"{"event_id":"f0","label":"fraud","source":"chargeback","observed_at":"2026-05-20T00:00:00Z"}"#;
    check_problem(
        &server.post("/v1/labels", label),
        503,
        "/problems/stopped",
        &json!({"mode": "stopped", "cause": "log_failed"}),
    );
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(1), "it says that it did not end well");
    check_kept(folder.path(), &accepted);

    // Whoever was refused sends again.
    let server = Server::start(folder.path());
    for id in &refused {
        assert_eq!(server.post("/v1/score", &event(id)).status, 200);
    }
    server.stop();
    check_kept(folder.path(), &[accepted, refused].concat());
}

#[test]
fn the_log_is_slow() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = server_on_odd_disk(folder.path(), "[server]\nrequest_seconds = 2\n") else { return };
    let sent = ids("s", 2);
    if !server.freeze(COMMITTER) {
        return;
    }
    let started = Instant::now();
    let first = send_all(&server, &sent[..1]);
    server.until("riskflow_scoring_under_way", 1);
    server.thaw();
    for answer in first {
        let answer = answer.join().expect("it ends");
        let waited_us = u64::try_from(started.elapsed().as_micros()).expect("seconds");
        check_decided(&answer, "new", "normal");
        let commit_us = answer.json()["engine"]["timings_us"]["commit"].as_u64().expect("microseconds");
        assert!((1..waited_us).contains(&commit_us), "the wait for the disk is told: {commit_us} of {waited_us}");
    }

    // So slow that nobody waits for it.
    assert!(server.freeze(COMMITTER), "as before");
    let second = send_all(&server, &sent[1..]);
    server.until("riskflow_scoring_under_way", 1);
    for answer in second {
        let answer = answer.join().expect("it ends");
        check_problem(&answer, 503, "/problems/slow", &json!({"mode": "degraded", "cause": "out_of_time"}));
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
    }
    assert_eq!((server.metric("riskflow_server_late_total"), server.metric("riskflow_scoring_under_way")), (1, 1));
    assert_eq!((server.get("/livez").status, server.get("/readyz").status), (200, 200));
    assert_eq!(server.get("/v1/status").json()["engine_mode"], "normal");
    server.thaw();
    server.until("riskflow_scoring_under_way", 0);
    // It was decided all the same, and sent again it is not decided twice.
    check_decided(&server.post("/v1/score", &event("s1")), "duplicate", "normal");
    server.stop();
    check_kept(folder.path(), &sent);
}

#[test]
fn the_queue_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = server_on_odd_disk(folder.path(), "[engine]\nqueue_events = 4\nbusy_after_ms = 50\n") else { return };
    let sent = ids("q", 4);
    if !server.freeze(COMMITTER) {
        return;
    }
    let under_way = send_all(&server, &sent);
    server.until("riskflow_scoring_under_way", 4);
    let busy = json!({"mode": "degraded", "cause": "queue_full"});
    let started = Instant::now();
    let refused = server.post("/v1/score", &event("q4"));
    check_problem(&refused, 503, "/problems/busy", &busy);
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    // Of a batch none is accepted out of its order, and all of it waits once.
    let batch = json!({"events": ids("b", 20).iter().map(|id| event(id).parse().expect("JSON")).collect::<Vec<Value>>()});
    let results = server.post("/v1/score/batch", &batch.to_string()).json()["results"].clone();
    assert!(results.as_array().is_some_and(|all| all.iter().all(|each| each["error"]["engine"] == busy)), "{results}");
    let label = r#"{"event_id":"q0","label":"fraud","source":"chargeback","observed_at":"2026-05-20T00:00:00Z"}"#;
    check_problem(&server.post("/v1/labels", label), 503, "/problems/busy", &busy);
    // Nothing of it waited for the disk, nor does whoever looks.
    assert_eq!(server.metric(r#"riskflow_scoring_refused_total{cause="queue_full"}"#), 22);
    assert_eq!((server.get("/v1/status").status, server.get("/readyz").status), (200, 200));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    server.thaw();
    for answer in under_way {
        check_decided(&answer.join().expect("it ends"), "new", "normal");
    }
    check_decided(&server.post("/v1/score", &event("q4")), "new", "normal");
    server.stop();
    check_kept(folder.path(), &[sent, vec!["q4".to_owned()]].concat());
    assert_eq!(decisions(folder.path()).len(), 5, "what was refused was not accepted");
}

#[test]
fn the_model_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    // None was promoted, and the pipeline has a person look.
    let server = Server::start(folder.path());
    check_decided(&server.post("/v1/score", &event("m0")), "new", "degraded");
    server.stop();

    // One was, and its file is damaged.
    with_champion(folder.path());
    let weights = find(&folder.path().join("registry"), "model");
    let whole = std::fs::read(&weights).expect("it is there");
    std::fs::write(&weights, whole.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).expect("written");
    let server = Server::start(folder.path());
    let ready = server.get("/readyz");
    assert!(ready.status == 503 && ready.body.contains("model card_fraud 1"), "{}", ready.body);
    assert_eq!(server.get("/v1/status").json()["engine_mode"], "degraded");
    let answer = server.post("/v1/score", &event("m1"));
    check_decided(&answer, "new", "degraded");
    let said = answer.json();
    assert_eq!((&said["decision"], &said["engine"]["cause"]), (&json!("review"), &json!("no_model")), "{said}");
    assert_eq!((&said["decided_by"], &said["score"], &said["model"]), (&json!("on_failure"), &Value::Null, &Value::Null));
    assert_eq!(server.metric(r#"riskflow_scoring_degraded_total{cause="no_model"}"#), 1);
    assert_eq!(server.metric(r#"riskflow_scoring_decisions_total{decision="review",engine_mode="degraded"}"#), 1);
    server.stop();

    // The operator would rather refuse.
    let pipeline = folder.path().join("refuse.toml");
    let handbook = std::fs::read_to_string(HANDBOOK).expect("it ships with the program");
    assert!(handbook.contains("on_failure = \"review\""));
    std::fs::write(&pipeline, handbook.replace("on_failure = \"review\"", "on_failure = \"refuse\"")).expect("written");
    let server = Server::start_with(folder.path(), &pipeline, &[]);
    let refused = server.post("/v1/score", &event("m2"));
    check_problem(&refused, 503, "/problems/not-ready", &json!({"mode": "degraded", "cause": "no_model"}));
    assert_eq!(server.metric(r#"riskflow_scoring_refused_total{cause="no_model"}"#), 1);
    assert_eq!(server.metric("riskflow_scoring_events_total"), 0);
    server.stop();

    std::fs::write(&weights, whole).expect("written");
    let server = Server::start(folder.path());
    assert_eq!(server.get("/readyz").status, 200);
    check_decided(&server.post("/v1/score", &event("m2")), "new", "normal");
    server.stop();
    check_kept(folder.path(), &ids("m", 3));
}

/// The file below a folder whose name begins so.
fn find(folder: &Path, begins: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it can be listed").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins));
    let found = files.into_iter().find(named).or_else(|| Some(find(folders.first()?, begins)));
    found.unwrap_or_else(|| panic!("{} has no file {begins}…", folder.display()))
}

#[test]
fn a_rule_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), "");
    let rule = json!({
        "name": "divides by nothing", "when": "1000 / (event.amount_minor - 100) > 5", "action": "decline", "state": "active",
    });
    assert_eq!(server.put("/v1/rules/odd", &rule.to_string()).status, 200);
    let answer = server.post("/v1/score", &payment("r0", NOON, 100));
    check_decided(&answer, "new", "normal");
    let said = answer.json();
    assert_eq!((&said["decision"], &said["decided_by"]), (&json!("approve"), &json!("score")), "{said}");
    assert_eq!((&said["rules"][0]["rule_id"], &said["rules"][0]["outcome"]), (&json!("odd"), &json!("error")), "{said}");
    assert_eq!(server.metric(r#"riskflow_scoring_rule_outcomes_total{rule="odd",outcome="error"}"#), 1);
    // With other events it does what it says.
    assert_eq!(server.post("/v1/score", &payment("r1", NOON, 101)).json()["decided_by"], json!({"rule": "odd"}));
    server.stop();
    check_kept(folder.path(), &ids("r", 2));
}

#[test]
fn the_warehouse_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), "[warehouse]\nflush_seconds = 1\n");
    let (place, away) = (folder.path().join("warehouse"), folder.path().join("away"));
    check_decided(&server.post("/v1/score", &event("w0")), "new", "normal");
    let listed = |server: &Server| server.get("/v1/decisions").json()["items"].as_array().map(Vec::len);
    until("the first one is there", || listed(&server) == Some(1));
    std::fs::rename(&place, &away).expect("moved");
    check_decided(&server.post("/v1/score", &event("w1")), "new", "normal");
    server.until("riskflow_monitor_projection_failing", 1);
    assert!(server.metric("riskflow_monitor_projection_failures_total") >= 1);
    assert!(server.metric("riskflow_monitor_projection_lag") >= 2);
    server.until("riskflow_monitor_observation_failing", 1);
    let status = server.get("/v1/status").json();
    assert!(status["warehouse_error"].as_str().is_some_and(|error| error.contains("there is no warehouse in")), "{status}");
    assert_eq!((&status["engine_mode"], server.get("/readyz").status), (&json!("normal"), 200), "decisions do not need it");
    check_problem(&server.get("/v1/monitor/volume"), 503, "/problems/unavailable", &Value::Null);

    std::fs::rename(&away, &place).expect("moved back");
    server.until("riskflow_monitor_projection_failing", 0);
    server.until("riskflow_monitor_projection_lag", 0);
    server.until("riskflow_monitor_observation_failing", 0);
    assert!(server.metric("riskflow_monitor_observation_failures_total") >= 1);
    server.until("riskflow_monitor_observed_end", server.metric("riskflow_log_durable_end"));
    assert_eq!(listed(&server), Some(2));
    assert_eq!(server.get("/v1/status").json()["warehouse_error"], Value::Null);

    // Gone at the end, too: it says so, and the next start has it all.
    std::fs::rename(&place, &away).expect("moved");
    check_decided(&server.post("/v1/score", &event("w2")), "new", "normal");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(1));
    std::fs::rename(&away, &place).expect("moved back");
    check_kept(folder.path(), &ids("w", 3));
    let server = Server::start(folder.path());
    until("all are there", || listed(&server) == Some(3));
    server.stop();
}

/// Sends a request or a part of it and hangs up; returns what it is answered when the server has seen that and closed the connection.
fn hang_up_after(server: &Server, request: &str, when: impl FnOnce()) -> String {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").expect("plain HTTP")).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    when();
    stream.shutdown(Shutdown::Write).expect("it is open");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it can wait");
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    String::from_utf8(answer).expect("it speaks UTF-8")
}

fn request(method: &str, path: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: riskflow\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_client_hangs_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = server_on_odd_disk(folder.path(), "[engine]\nqueue_events = 4\nbusy_after_ms = 60000\n") else {
        return;
    };
    // In the middle of what it sends: it is no event.
    let whole = request("POST", "/v1/score", &event("h0"));
    let answer = hang_up_after(&server, &whole[..whole.len() - 50], || {});
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    check_decided(&server.post("/v1/score", &event("h1")), "new", "normal");
    assert_eq!(server.metric("riskflow_scoring_events_total"), 1);

    // In the middle of a batch, of which four are accepted and the fifth waits: those are decided, and this is no event.
    if !server.freeze(COMMITTER) {
        return;
    }
    let batch = json!({"events": ids("b", 9).iter().map(|id| event(id).parse().expect("JSON")).collect::<Vec<Value>>()});
    let batch = request("POST", "/v1/score/batch", &batch.to_string());
    assert_eq!(hang_up_after(&server, &batch, || server.until("riskflow_scoring_under_way", 4)), "");
    server.thaw();
    server.until("riskflow_scoring_under_way", 0);
    assert_eq!(server.metric(r#"riskflow_scoring_decisions_total{decision="approve",engine_mode="normal"}"#), 5);
    assert_eq!(server.metric("riskflow_scoring_events_total"), 5);
    for id in ids("b", 4) {
        assert_eq!(server.get(&format!("/v1/decisions/{id}")).status, 200, "{id} was accepted");
    }
    server.stop();
    check_kept(folder.path(), &[ids("b", 4), vec!["h1".to_owned()]].concat());
}

#[test]
fn a_client_never_ends_its_headers() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), "[server]\nheader_seconds = 1\n");
    let (started, mut served) = (Instant::now(), 0);
    let mut stream = connected(&server);
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: riskflow\r\nx-slow: ").expect("it reads");
    // It always sends a little more, and others are answered meanwhile.
    until("it is cut off", || {
        check_decided(&server.post("/v1/score", &event(&format!("l{served}"))), "new", "normal");
        served += 1;
        stream.write_all(b"a").is_err()
    });
    let after = started.elapsed();
    assert!((1..10).contains(&after.as_secs()), "after a second, and not after the 10 of the default: {after:?}");
    // Nor does one stay that says nothing at all.
    let mut silent = connected(&server);
    assert_eq!(silent.read(&mut [0]).expect("it is closed"), 0);
    server.stop();
    check_kept(folder.path(), &ids("l", served));
}

/// A connection that waits for an answer no longer than a test may.
fn connected(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.strip_prefix("http://").expect("plain HTTP")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it can wait");
    stream
}

#[test]
fn a_body_never_comes_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), "[server]\nrequest_seconds = 1\n");
    for path in ["/v1/score", "/v1/labels"] {
        let mut stream = connected(&server);
        let head = format!("POST {path} HTTP/1.1\r\nhost: riskflow\r\nconnection: close\r\ncontent-length: 100\r\n\r\n");
        stream.write_all(format!("{head}{{\"event_id\": ").as_bytes()).expect("it reads");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("it answers, and closes");
        assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("/problems/slow-body"), "{said}");
        assert!(!said.contains("engine"), "the engine has no part in it: {said}");
    }
    check_decided(&server.post("/v1/score", &event("whole")), "new", "normal");
    assert_eq!(server.metric("riskflow_server_slow_bodies_total"), 2);
    assert_eq!(server.metric("riskflow_server_late_total"), 0);
    server.stop();
    check_kept(folder.path(), &["whole".to_owned()]);
}

#[test]
fn it_is_told_to_stop_under_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), "");
    let clients: Vec<_> = ["x", "y", "z"]
        .iter()
        .map(|prefix| {
            let file = folder.path().join(format!("{prefix}.jsonl"));
            let lines: Vec<String> = ids(prefix, 20_000).iter().map(|id| event(id)).collect();
            std::fs::write(&file, lines.join("\n")).expect("written");
            let mut client = riskflow(&["score", text(&file), "--json", "--url", &server.url]);
            client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
        })
        .collect();
    until("it is under load", || server.metric("riskflow_scoring_events_total") >= 200);
    server.signal("TERM");
    assert!(server.ended().success(), "it ends well");
    let mut accepted = Vec::new();
    for client in clients {
        let output = client.wait_with_output().expect("it ends");
        assert!(!output.status.success(), "not all of it can have been answered");
        for line in String::from_utf8(output.stdout).expect("it speaks UTF-8").lines() {
            let said: Value = serde_json::from_str(line).expect("an answer");
            assert_eq!((&said["status"], &said["engine"]["mode"]), (&json!("new"), &json!("normal")), "{said}");
            accepted.push(said["event_id"].as_str().expect("an id").to_owned());
        }
    }
    assert!(accepted.len() >= 150, "{}", accepted.len());
    check_kept(folder.path(), &accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_steps_back() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let noon: Timestamp = NOON.parse().expect("a time");
    let later = move |seconds: i64| Timestamp::from_micros(noon.micros() + seconds * 1_000_000);
    let clock = Arc::new(ManualClock::at(noon));
    let settings = [("RISKFLOW_DATA".to_owned(), text(folder.path()).to_owned())];
    let config = Config::load(None, settings.into_iter()).expect("it fits");
    let parts = riskflow::assemble(&config, handbook(), Arc::clone(&clock) as _, &mut |_| {}).expect("it starts");
    let (engine, described) = (Arc::clone(&parts.engine), utoipa::openapi::OpenApi::default());
    let router = scoring::api::router(engine, Arc::new(|_| {}), axum::Router::new(), described);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { stopped.await.expect("it is told to") };
    let serving = tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(stopped).into_future());

    let asked = tokio::task::spawn_blocking(move || {
        let score = |id: &str, at: Timestamp| support::post(&url, "/v1/score", &payment(id, &at.to_string(), 100));
        let metric = |name: &str| support::metric(&support::get(&url, "/metrics").body, name);
        let page = |id: &str| support::get(&url, &format!("/v1/decisions/{id}")).json();
        check_decided(&score("k0", noon), "new", "normal");
        assert_eq!(metric("riskflow_scoring_clock_behind_seconds"), 0);

        // By less than events may be ahead of it: nobody notices but who looks.
        clock.set(later(-60));
        check_decided(&score("k1", noon), "new", "normal");
        assert_eq!(metric("riskflow_scoring_clock_behind_seconds"), 60);

        // By more: what is of now lies in the future, and is refused; what fits is decided.
        clock.set(later(-3_600));
        let ahead = score("k2", noon);
        check_problem(&ahead, 422, "/problems/invalid", &Value::Null);
        assert_eq!(ahead.json()["field"], "event_time");
        assert_eq!(metric(r#"riskflow_scoring_refused_total{cause="ahead_of_clock"}"#), 1);
        check_decided(&score("k3", later(-3_600)), "new", "normal");
        check_decided(&score("k0", noon), "duplicate", "normal");
        assert_eq!(metric("riskflow_scoring_clock_behind_seconds"), 3_600);
        let time = |name: &str| page("k3")[name].as_str().and_then(|text| text.parse::<Timestamp>().ok()).expect("a time");
        assert!(time("decided_at") >= time("received_at"));

        clock.set(later(1));
        check_decided(&score("k2", noon), "new", "normal");
        assert_eq!(metric("riskflow_scoring_clock_behind_seconds"), 0);
    });
    asked.await.expect("all of it holds");
    stop.send(()).expect("it serves");
    serving.await.expect("it ends").expect("it served");
    parts.stop().await.expect("it ends well");
    let data = folder.path().to_owned();
    tokio::task::spawn_blocking(move || check_kept(&data, &ids("k", 4))).await.expect("nothing is lost");
}
