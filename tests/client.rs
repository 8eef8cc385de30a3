//! `riskflow score` and `riskflow bench api` against a server, as their users run them.

mod support;

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{HANDBOOK, Server, json_lines, payment, riskflow, run, run_well, text, with_champion};

fn line(id: &str, amount_minor: i64) -> String {
    payment(id, "2026-04-23T12:00:00Z", amount_minor)
}

#[test]
fn events_of_a_file_are_scored() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let path = folder.path().join("events.json");
    let score = |content: &str, more: &[&str]| {
        std::fs::write(&path, content).expect("written");
        run(&[&["score", text(&path), "--url", &server.url], more].concat())
    };

    let one: Value = serde_json::from_str(&line("s1", 900_000)).expect("JSON");
    let table = score(&format!("{one:#}"), &[]);
    assert!(table.status.success(), "{}", table.stderr);
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(lines[0].starts_with("event") && lines[1].starts_with("s1"), "{}", table.stdout);
    assert!(lines[1].contains("decline") && lines[1].contains("AMOUNT"), "{}", table.stdout);

    let lines = [line("s1", 900_000), line("s2", 100)].join("\n");
    let answers = json_lines(&score(&lines, &["--json", "--reasons", "all"]));
    let said: Vec<_> = answers.iter().map(|answer| (&answer["event_id"], &answer["status"], &answer["decision"])).collect();
    assert_eq!(said, [(&json!("s1"), &json!("duplicate"), &json!("decline")), (&json!("s2"), &json!("new"), &json!("approve"))]);
    assert!(answers[1]["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()), "all were asked for");

    let mut wrong: Value = serde_json::from_str(&line("s3", 1)).expect("JSON");
    wrong["transaction"]["amount_minor"] = json!("much");
    let mixed = score(&json!([wrong, serde_json::from_str::<Value>(&line("s4", 1)).expect("JSON")]).to_string(), &[]);
    assert_eq!(mixed.status.code(), Some(1));
    assert!(mixed.stderr.contains("event 1 (s3): 422 transaction.amount_minor must be"), "{}", mixed.stderr);
    assert!(mixed.stderr.contains("1 of 2 events were refused"), "{}", mixed.stderr);
    assert!(mixed.stdout.lines().nth(1).is_some_and(|line| line.starts_with("s4")), "the others are scored: {}", mixed.stdout);

    let broken = score("{\"event_id\": \"s5\"", &[]);
    assert!(broken.status.code() == Some(1) && broken.stderr.contains("is not JSON after event 0"), "{}", broken.stderr);
    let empty = score("", &[]);
    assert!(empty.status.code() == Some(1) && empty.stderr.contains("has no events"), "{}", empty.stderr);
    server.stop();
}

#[test]
fn events_of_a_pipe_are_scored_as_they_come() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let mut command = riskflow(&["score", "-", "--json", "--url", &server.url]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut to = child.stdin.take().expect("it is piped");
    let mut from = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
    for id in ["p1", "p2"] {
        // The answer to one comes before the next is sent.
        writeln!(to, "{}", line(id, 100)).expect("it reads");
        let mut answer = String::new();
        std::io::BufRead::read_line(&mut from, &mut answer).expect("it answers");
        assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON")["event_id"], id);
    }
    drop(to);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_server_that_is_not_there_is_said() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("event.json");
    std::fs::write(&path, line("n1", 1)).expect("written");
    let check = |arguments: &[&str], expect: &str| {
        let ended = run(arguments);
        assert!(ended.status.code() == Some(1) && ended.stderr.contains(expect), "{}", ended.stderr);
    };
    check(&["score", text(&path), "--url", &url], &format!("no server answers at {url}: start one with `riskflow run`"));
    check(&["score", text(&path), "--url", "localhost"], "`localhost` is not of the form http://127.0.0.1:8080 or https://host");
    check(&["score", "nowhere.json"], "cannot read nowhere.json");
    check(&["bench", "api", "--pipeline", HANDBOOK, "--url", &url], &format!("no server answers at {url}"));
}

/// A server in place of riskflow, which says what riskflow says while it reads its log, then what it says afterwards.
#[test]
fn a_server_that_is_starting_is_asked_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = std::thread::spawn(move || {
        let early = r#"{"status": 503, "detail": "missing is all that was before: the log is being read"}"#;
        let decided = r#"{"event_id": "w1", "decision": "approve", "status": "new"}"#;
        for (head, body) in [("503 Service Unavailable\r\nRetry-After: 1", early), ("200 OK", decided)] {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut some = [0; 1024];
                let bytes = std::io::Read::read(&mut stream, &mut some).expect("a request");
                request.extend_from_slice(&some[..bytes]);
            }
            let length = body.len();
            write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").expect("it listens");
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("event.json");
    std::fs::write(&path, line("w1", 1)).expect("written");
    let ended = run(&["score", text(&path), "--url", &url, "--json"]);
    serving.join().expect("both were asked for");
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).expect("JSON")["event_id"], "w1");
    assert!(
        ended.stderr.contains("event 1 (w1): 503 missing is all that was before: the log is being read; asking again"),
        "{}",
        ended.stderr
    );
}

#[test]
fn load_is_accepted_and_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let table = folder.path().join("histogram.txt");
    let arguments = [
        "bench",
        "api",
        "--pipeline",
        HANDBOOK,
        "--url",
        &server.url,
        "--seconds",
        "0.5",
        "--warmup",
        "0.2",
        "--steps",
        "0.5",
        "--connections",
        "4",
        "--histogram",
        text(&table),
    ];
    let lines = json_lines(&run_well(&arguments));
    assert_eq!(lines.len(), 2, "the highest rate, and half of it");
    for line in &lines {
        assert!(line["ok"].as_u64() > Some(0) && line["errors"] == 0, "{line}");
        assert!(line["p50_us"].as_f64() <= line["p99_us"].as_f64(), "{line}");
    }
    let highest = lines[0]["reached"].as_f64().expect("a number");
    assert!((lines[1]["rate"].as_f64().expect("a number") - highest / 2.0).abs() < 1.0, "{lines:?}");
    let table = std::fs::read_to_string(&table).expect("it was written");
    assert_eq!(table.matches("# closed loop").count() + table.matches("requests a second; milliseconds").count(), 2, "{table}");
    server.stop();
}
