//! A neural network from its file to a decision, as users of the program meet it.

mod support;

use std::path::Path;

use support::{Ended, HANDBOOK, Server, json_lines, payment, run, run_well, text};

/// Of two features x and y; the log-odds are h - 0.5 k + 0.25 with h = relu(x - y) and k = relu(x + 2 y - 1).
const ONNX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scoring/tests/network.onnx");

/// The names of the features, which the file has not, and what ONNX Runtime makes of some rows.
const ROWS: &str = "amount_minor,night,prediction\n0,0,0.5621765\n1,0,0.7772999\n3,1,0.5621765\n";

fn import(data: &Path, rows: &str, more: &[&str]) -> Ended {
    let golden = data.join("rows.csv");
    std::fs::write(&golden, rows).expect("written");
    let known = ["model", "import", "--pipeline", HANDBOOK, "--data-dir", text(data), "--by", "ada", "--file", ONNX];
    run(&[&known[..], &["--golden", text(&golden)], more].concat())
}

#[test]
fn a_network_decides_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let imported = import(data, ROWS, &["--missing", "0", "--json"]);
    assert!(imported.status.success(), "{}", imported.stderr);
    let line = &json_lines(&imported)[0];
    assert_eq!((line["version"].as_u64(), line["rows"].as_u64()), (Some(1), Some(3)));
    assert_eq!(line["reasons_are_exact"], false);
    assert!(line["largest_difference"].as_f64().is_some_and(|difference| difference < 1e-6), "{line}");

    let version = ["--data-dir", text(data), "--version", "1"];
    let card = run_well(&[&["model", "show"], &version[..]].concat()).stdout;
    assert!(card.contains("## Neural network") && card.contains("| amount_minor | 0 | 1 |"), "{card}");
    let exported = data.join("again.onnx");
    run_well(&[&["model", "export", "--out", text(&exported)], &version[..]].concat());
    assert!(std::fs::read(exported).expect("exported") == std::fs::read(ONNX).expect("it is there"), "another file");

    let promotion = ["promote", "--pipeline", HANDBOOK, "--by", "ada", "--reason", "to have one"];
    run_well(&[&promotion, &version[..]].concat());
    let server = Server::start(data);
    let answer = server.post("/v1/score?reasons=top", &payment("t1", "2026-04-23T12:00:00Z", 3));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    // By day the log-odds of 3 are 3 - 1 + 0.25, those of the usual 1 are 1 + 0.25.
    let near = |value: &serde_json::Value, expect: f64| value.as_f64().is_some_and(|value| (value - expect).abs() < 1e-5);
    assert!(near(&answer["model"]["probability"], 1.0 / (1.0 + (-2.25_f64).exp())), "{answer}");
    assert_eq!(answer["reasons"][0]["feature"], "amount_minor", "{answer}");
    assert!(near(&answer["reasons"][0]["contribution"], 1.0), "{answer}");
    let replayed = server.get("/v1/decisions/t1/replay");
    assert_eq!((replayed.status, &replayed.json()["identical"]), (200, &serde_json::json!(true)), "{}", replayed.body);
    server.stop();
}

#[test]
fn what_a_network_lacks_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |rows: &str, more: &[&str], expect: &str| {
        let ended = import(folder.path(), rows, more);
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{expect}: {}", ended.stderr);
    };
    let lacking = ROWS.replace("1,0,", "1,,");
    check(&lacking, &[], "row 2 of the known predictions lacks night, and nothing says what a missing value counts as");
    check(ROWS, &["--missing", "age=1"], "the model does not read age");
    check(ROWS, &["--missing", "night=median"], "median is neither a number nor `nan`");
    check(ROWS, &["--output", "logit"], "it is `probability` or `log-odds`");
    check(&ROWS.replace("0.777", "0.778"), &[], "row 2 of the known predictions gives 0.777");
    check(&ROWS.replace("night", "nights"), &[], "the model reads the feature nights, which the pipeline does not have");
}
