//! What goes out of the program beside its answers, as those receive it who are meant to: notifications, traces, metrics; and drift in
//! histories, which all of it is about.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use monitor::Table;
use scoring::Pipeline;
use serde_json::Value;
use support::{HANDBOOK, Server, json_lines, missing, payment, run, run_well, shared_data, text, until, with_champion};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Python's own hmac beside it.
struct Webhook {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Webhook {
    /// `None` where there is no Python, and that is said.
    fn start() -> Option<Self> {
        let mut command = Command::new("python3");
        command.args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/receiver.py"), SECRET]);
        let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else {
            missing("python3 for the receiver");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut port = String::new();
        lines.read_line(&mut port).expect("it speaks UTF-8");
        Some(Self { child, lines, url: format!("http://127.0.0.1:{}/hook", port.trim()) })
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it speaks UTF-8");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // Nothing is left to end when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configured(folder: &Path, settings: &str) -> String {
    let path = folder.join("riskflow.toml");
    fs::write(&path, settings).expect("write");
    text(&path).to_owned()
}

#[test]
fn a_test_reaches_every_sink_and_its_signature_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut webhook) = Webhook::start() else { return };
    fs::write(folder.path().join("secret"), SECRET).expect("write");
    let sinks = format!(
        "[[notify]]\nname = \"told\"\nurl = \"file://told.jsonl\"\n[[notify]]\nname = \"pager\"\nurl = \"{}\"\nsecret_file = \"secret\"\n",
        webhook.url
    );
    let config = configured(folder.path(), &sinks);
    let arguments = ["notify", "--data-dir", text(folder.path()), "--config", &config];
    assert_eq!(run_well(&arguments).stdout, "told: took it\npager: took it\n");
    let received = webhook.next();
    assert_eq!(
        (&received["valid"], &received["body"]["kind"], &received["id"]),
        (&true.into(), &"test".into(), &received["body"]["id"])
    );
    let told = fs::read_to_string(folder.path().join("told.jsonl")).expect("it was told");
    assert_eq!((told.lines().count(), told.contains("\"kind\":\"test\"")), (1, true));

    drop(webhook);
    let ended = run(&[arguments.as_slice(), &["--json"]].concat());
    assert_eq!(ended.status.code(), Some(1));
    let lines = json_lines(&ended);
    assert_eq!((&lines[0]["sink"], lines[0].get("failed")), (&"told".into(), None));
    assert!(lines[1]["failed"].as_str().is_some_and(|reason| reason.starts_with("the receiver cannot be reached")), "{lines:?}");
    assert!(ended.stderr.contains("1 sinks did not take the test") && !ended.stderr.contains("AAECAw"), "{}", ended.stderr);
    let unknown = run(&[arguments.as_slice(), &["--sink", "nobody"]].concat());
    assert!(unknown.stderr.contains("there is no sink nobody; there are: told, pager"), "{}", unknown.stderr);
    let nobody = run(&["notify", "--data-dir", text(folder.path())]);
    assert!(nobody.stderr.contains("there is no [[notify]]"), "{}", nobody.stderr);
}

#[test]
fn a_warehouse_that_is_gone_is_told_and_that_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let sink = "[[notify]]\nname = \"told\"\nurl = \"file://told.jsonl\"\nkinds = [\"warehouse_gone\", \"warehouse_back\"]\n";
    let config = configured(folder.path(), sink);
    let server = Server::start_with(folder.path(), Path::new(HANDBOOK), &["--config", &config]);
    let (here, away) = (folder.path().join("warehouse"), folder.path().join("warehouse.away"));
    fs::rename(&here, &away).expect("it is there");
    fs::write(&here, "in the way").expect("write");
    assert_eq!(server.post("/v1/score", &payment("a", "2018-08-01T12:00:00Z", 4_711)).status, 200, "decisions go on");
    let told = || -> Vec<Value> {
        let text = fs::read_to_string(folder.path().join("told.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    until("that it is gone", || told().len() == 1);
    let gone = told().remove(0);
    assert_eq!(
        (&gone["kind"], &gone["severity"], &gone["pipeline"]),
        (&"warehouse_gone".into(), &"high".into(), &"card_fraud_handbook".into())
    );
    fs::remove_file(&here).expect("it is there");
    fs::rename(&away, &here).expect("it is there");
    until("that it is back", || told().len() == 2);
    assert_eq!(told()[1]["kind"], "warehouse_back");
    server.until("riskflow_monitor_projection_lag", 0);
    server.until("riskflow_notify_delivered_total{sink=\"told\"}", 2);
    assert_eq!(server.metric("riskflow_notify_waiting{sink=\"told\"}"), 0);
    server.stop();
}

/// A collector that keeps what it gets.
fn collect() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    let (exports, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let (mut head, mut length) = (String::new(), 0);
            while reader.read_line(&mut head).expect("it speaks UTF-8") > 2 {
                let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                if let Some(value) = last.strip_prefix("content-length: ") {
                    length = value.trim().parse().expect("a number");
                }
            }
            assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
            assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).expect("it listens");
            if exports.send(serde_json::from_slice(&body).expect("JSON")).is_err() {
                return;
            }
        }
    });
    (url, received)
}

#[test]
fn a_collector_gets_the_spans_of_traced_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let (collector, received) = collect();
    let config = configured(folder.path(), &format!("[telemetry]\notlp = \"{collector}\"\none_in = 4294967295\n"));
    let server = Server::start_with(folder.path(), Path::new(HANDBOOK), &["--config", &config]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let score = |id: &str, flags: &str| {
        let parent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let request = agent.post(format!("{}/v1/score", server.url)).header("traceparent", parent);
        request.header("content-type", "application/json").send(payment(id, "2018-08-01T12:00:00Z", 4_711)).expect("an answer")
    };
    assert_eq!(score("untraced", "00").status(), 200);
    assert_eq!(score("traced", "01").status(), 200);
    let export = received.recv_timeout(Duration::from_secs(30)).expect("spans");
    let resource = &export["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "riskflow");
    let spans = resource["scopeSpans"][0]["spans"].as_array().expect("spans");
    let names: Vec<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    assert_eq!((names[0], names.contains(&"commit")), ("POST /v1/score", true), "{names:?}");
    assert!(spans.iter().all(|span| span["traceId"] == "0af7651916cd43dd8448eb211c80319c"), "only what its sender had traced");
    assert_eq!(spans[0]["parentSpanId"], "b7ad6b7169203331");
    let nanos = |span: &Value, name: &str| span[name].as_str().and_then(|nanos| nanos.parse::<i64>().ok()).expect("nanoseconds");
    let (from, until) = (nanos(&spans[0], "startTimeUnixNano"), nanos(&spans[0], "endTimeUnixNano"));
    for stage in &spans[1..] {
        assert_eq!(stage["parentSpanId"], spans[0]["spanId"]);
        let (start, end) = (nanos(stage, "startTimeUnixNano"), nanos(stage, "endTimeUnixNano"));
        assert!(from <= start && start <= end && end <= until, "{stage} within {}", spans[0]);
    }
    let attribute = |key: &str| {
        let attributes = spans[0]["attributes"].as_array().expect("attributes");
        attributes.iter().find(|attribute| attribute["key"] == key).map(|attribute| attribute["value"].clone())
    };
    assert_eq!(attribute("riskflow.event_id"), Some(serde_json::json!({"stringValue": "traced"})));
    assert_eq!(attribute("http.response.status_code"), Some(serde_json::json!({"intValue": "200"})));
    server.until("riskflow_telemetry_spans_sent_total", spans.len() as u64);
    assert_eq!(server.metric("riskflow_telemetry_spans_lost_total"), 0);
    server.stop();
}

/// The names of metrics that a server says, without what each kind puts behind them.
fn metric_names(metrics: &str) -> BTreeSet<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .flat_map(|(name, kind)| match kind {
            "counter" => vec![format!("{name}_total")],
            "histogram" => ["_bucket", "_count", "_sum"].map(|suffix| format!("{name}{suffix}")).into(),
            _ => vec![name.to_owned()],
        })
        .collect()
}

/// Words of letters, digits and `_`, each with what stands behind it.
fn words(text: &str) -> Vec<(&str, char)> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$';
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let word = &rest[start..];
        let end = word.find(|letter: char| !is_word(letter)).unwrap_or(word.len());
        words.push((&word[..end], word[end..].chars().next().unwrap_or(' ')));
        rest = &word[end..];
    }
    words
}

/// The words that follow on a keyword.
fn behind<'a>(words: &[(&'a str, char)], keyword: &str) -> Vec<&'a str> {
    words.windows(2).filter(|pair| pair[0].0 == keyword).map(|pair| pair[1].0).collect()
}

/// Leaves out what stands between quotes.
fn unquoted(sql: &str) -> String {
    sql.split('\'').step_by(2).collect()
}

#[test]
fn a_dashboard_asks_only_for_what_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path(), "[[notify]]\nname = \"told\"\nurl = \"file://told.jsonl\"\n");
    let server = Server::start_with(folder.path(), Path::new(HANDBOOK), &["--config", &config]);
    let (one, other) = (payment("a", "2018-08-01T12:00:00Z", 1), payment("a", "2018-08-01T12:00:00Z", 2));
    assert_eq!((server.post("/v1/score", &one).status, server.post("/v1/score", &other).status), (200, 409));
    let mut known = metric_names(&server.get("/metrics").body);
    // Without a rule or a list in the pipeline nothing is counted of them.
    known.insert("riskflow_scoring_rule_outcomes_total".to_owned());
    server.stop();

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitor/grafana/riskflow.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("JSON");
    let columns: BTreeMap<&str, BTreeSet<String>> = Table::all()
        .map(|table| (table.name(), table.schema().fields().iter().map(|field| field.name().clone()).collect()))
        .collect();
    let (mut asked, mut queried) = (0, BTreeSet::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = &panel["title"];
        for target in panel["targets"].as_array().into_iter().flatten() {
            for (metric, _) in words(target["expr"].as_str().unwrap_or_default()) {
                if metric.starts_with("riskflow_") || metric.starts_with("process_") {
                    assert!(known.contains(metric), "{title}: no metric {metric}; there are {known:?}");
                    asked += 1;
                }
            }
            let Some(sql) = target["rawSql"].as_str() else { continue };
            let sql = unquoted(sql);
            let words = words(&sql);
            let (tables, made) = (behind(&words, "FROM"), behind(&words, "AS"));
            let of_tables: Vec<&BTreeSet<String>> =
                tables.iter().map(|table| columns.get(table).unwrap_or_else(|| panic!("{title}: no table {table}"))).collect();
            queried.extend(tables.iter().map(|table| (*table).to_owned()));
            for (word, next) in &words {
                let is_other = word.starts_with(|letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit())
                    || word.starts_with('$')
                    || *next == '('
                    || tables.contains(word)
                    || made.contains(word);
                assert!(
                    is_other || of_tables.iter().any(|columns| columns.contains(*word)),
                    "{title}: no column {word} in {tables:?}"
                );
            }
        }
    }
    assert!(asked > 30, "{asked}");
    assert_eq!(
        queried.into_iter().collect::<Vec<_>>(),
        ["alert_events", "decisions", "drift_points", "experiment_points", "metric_points"]
    );
}

/// How many rows a file has on each day, how many of its terminals are empty, and the sum of its amounts.
fn by_day(path: &Path) -> BTreeMap<i64, (u64, u64, i64)> {
    // The pipeline wants a terminal; a row without one would be set aside.
    let text = fs::read_to_string(HANDBOOK).expect("it ships with the program");
    let text = text.replace("column = \"TERMINAL_ID\" }", "column = \"TERMINAL_ID\", required = false }");
    let pipeline = Pipeline::parse(&text, HANDBOOK).expect("it is a pipeline");
    let mut days = BTreeMap::new();
    for chunk in ingest::decode::file::open(path, &pipeline.schema).expect("it is a history") {
        for row in chunk.expect("it can be read") {
            let event = row.expect("an event").event;
            let day: &mut (u64, u64, i64) = days.entry(event.occurred_at.day()).or_default();
            day.0 += 1;
            day.1 += u64::from(event.entities[1].is_none());
            day.2 += event.amount.expect("an amount").minor();
        }
    }
    days
}

#[test]
fn the_handbooks_own_data_drifts_from_a_day_on() {
    let Some(data) = shared_data("fraud_fdh/transactions.parquet") else { return };
    let out = tempfile::tempdir().expect("a folder");
    let drifts =
        ["--drift", "spending:2.0@2018-08-15", "--drift", "bursts:20@2018-08-22", "--drift", "missing:TERMINAL_ID@2018-08-29"];
    let arguments = ["simulate", "--history", text(&data), "--out", text(out.path()), "--json"];
    let written = json_lines(&run_well(&[arguments.as_slice(), &drifts].concat())).remove(0);
    let added = written["added"].as_u64().expect("a number");
    assert_eq!(written["transactions"].as_u64(), Some(1_754_155 + added));
    let (before, after) = (by_day(&data), by_day(&out.path().join("transactions.parquet")));
    let day = |date: &str| date.parse::<ingest::Timestamp>().expect("a day").day();
    for (today, (rows, _, sum)) in &before {
        let (rows_after, empty, sum_after) = after[today];
        match *today {
            today if today < day("2018-08-15") => assert_eq!((rows_after, empty, sum_after), (*rows, 0, *sum)),
            today if today < day("2018-08-22") => assert_eq!((rows_after, empty, sum_after), (*rows, 0, 2 * sum)),
            today => {
                assert!((120..=240).contains(&(rows_after - rows)), "{rows_after} after {rows}");
                assert_eq!(empty, if today < day("2018-08-29") { 0 } else { rows_after });
            }
        }
    }
    assert_eq!(after.values().map(|(rows, ..)| rows).sum::<u64>(), 1_754_155 + added);
}
