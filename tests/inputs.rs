//! What a user gets wrong, and what the program says to it: the thing by its name, a non-zero exit, and nothing lost.

mod support;

use std::fs;
use std::path::Path;

use support::{HANDBOOK, json_lines, run, run_well, text};

const HEADER: &str = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT_CENTS,TX_FRAUD";

fn fails(arguments: &[&str], code: i32, expect: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.status.code(), Some(code), "{arguments:?} said {}", ended.stderr);
    for part in expect {
        assert!(ended.stderr.contains(part), "{arguments:?} said\n{}\nwithout {part}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn broken_lines_are_set_aside_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    let lines = [
        HEADER,
        "1,2018-04-01T00:00:01Z,7,9,1200,0",
        "2,2018-04-01T00:00:02Z,7,9,-5,0",
        "3,yesterday,7,9,1200,0",
        "4,2018-04-01T00:00:04Z,,9,1200,0",
        "5,2018-04-01T00:00:05Z,7,9",
        "6,2018-04-01T00:00:06Z,8,9,300,1",
    ];
    fs::write(&file, lines.join("\n")).expect("write");
    let data = folder.path().join("data");
    let import = ["import", "--pipeline", HANDBOOK, "--data-dir", text(&data), "--data", text(&file), "--json"];
    let ended = run_well(&import);
    let report = &json_lines(&ended)[0];
    assert_eq!((&report["events"], &report["labels"], &report["rejected"]), (&2.into(), &2.into(), &4.into()), "{report}");
    assert!(ended.stderr.contains("4 rows") && ended.stderr.contains("dead-letters.jsonl"), "{}", ended.stderr);
    let letters = fs::read_to_string(data.join("dead-letters.jsonl")).expect("dead letters");
    let letters: Vec<serde_json::Value> = letters.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said: Vec<_> = letters.iter().map(|letter| (letter["line"].as_u64(), letter["field"].as_str())).collect();
    let column = |name| Some(name);
    assert_eq!(
        said,
        [
            (Some(3), column("TX_AMOUNT_CENTS")),
            (Some(4), column("TX_DATETIME")),
            (Some(5), column("CUSTOMER_ID")),
            (Some(6), None)
        ]
    );
    let again = &json_lines(&run_well(&import))[0];
    assert_eq!((&again["events"], &again["labels"]), (&0.into(), &0.into()), "a second import changes nothing: {again}");
}

#[test]
fn the_future_is_set_aside_and_disorder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("history.csv"), folder.path().join("data"));
    let import = ["import", "--pipeline", HANDBOOK, "--data-dir", text(&data), "--data", text(&file), "--json"];
    let (early, late) = ("1,2018-04-01T00:00:01Z,7,9,1200,0", "2,2018-04-02T00:00:01Z,7,9,1200,0");
    fs::write(&file, [HEADER, early, late, "3,2999-01-01T00:00:00Z,7,9,1200,0"].join("\n")).expect("write");
    let report = &json_lines(&run_well(&import))[0];
    assert_eq!((&report["events"], &report["rejected"]), (&2.into(), &1.into()), "{report}");
    fs::write(&file, [HEADER, late, early].join("\n")).expect("write");
    fails(&import, 1, &["not in the order of time", "event 1 of 2018-04-01T00:00:01Z"]);
    let third = "4,2018-04-03T00:00:01Z,7,9,1200,0";
    fs::write(&file, [HEADER, late, third, early].join("\n")).expect("write");
    fails(&import, 1, &["not in the order of time"]);
    fs::write(&file, [HEADER, early, late, third].join("\n")).expect("write");
    let report = &json_lines(&run_well(&import))[0];
    assert_eq!(report["events"], 0, "what came before the disorder was kept: {report}");
}

#[test]
fn an_event_id_with_other_content_stops_the_import_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("history.csv"), folder.path().join("data"));
    let import = ["import", "--pipeline", HANDBOOK, "--data-dir", text(&data), "--data", text(&file), "--json"];
    let (first, second) = ("1,2018-04-01T00:00:01Z,7,9,1200,0", "2,2018-04-01T00:00:02Z,7,9,1300,0");
    fs::write(&file, [HEADER, first, second, "1,2018-04-01T00:00:03Z,7,9,1200,0"].join("\n")).expect("write");
    fails(&import, 1, &["event 1 was accepted before with other content"]);
    fs::write(&file, [HEADER, first, second, "3,2018-04-01T00:00:03Z,7,9,1200,0"].join("\n")).expect("write");
    let report = &json_lines(&run_well(&import))[0];
    assert_eq!(report["events"], 1, "what came before it was kept: {report}");
}

#[test]
fn a_file_that_does_not_fit_is_named_with_its_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.csv");
    fs::write(&file, "TRANSACTION_ID,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT_CENTS,TX_FRAUD\n1,2,3,4,0\n").expect("write");
    let data = folder.path().join("data");
    let data = text(&data);
    fails(
        &["import", "--pipeline", HANDBOOK, "--data-dir", data, "--data", text(&file)],
        1,
        &["TX_DATETIME", "history.csv", "CUSTOMER_ID"],
    );
    let train = [
        "train",
        "--pipeline",
        HANDBOOK,
        "--data",
        text(&file),
        "--train",
        "2018-05-01..2018-05-08",
        "--test",
        "2018-05-15..2018-05-22",
        "--out",
        data,
    ];
    fails(&train, 1, &["TX_DATETIME", "history.csv"]);
    fails(&["demo", "--once", "--port", "0", "--data-dir", data, "--data", text(&file)], 1, &["TX_DATETIME", "history.csv"]);
    fails(&["demo", "--once", "--port", "0", "--data-dir", data, "--data", "nowhere.parquet"], 1, &["nowhere.parquet"]);
}

#[test]
fn a_pipeline_file_that_does_not_fit_is_named_with_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read_to_string(HANDBOOK).expect("it ships with the program");
    let file = folder.path().join("mine.toml");
    let check = |from: &str, to: &str, expect: &str| {
        assert!(whole.contains(from), "{from}");
        let changed = whole.replacen(from, to, 1);
        let line = changed.lines().zip(whole.lines()).position(|(changed, whole)| changed != whole).expect("it changed") + 1;
        fs::write(&file, &changed).expect("write");
        fails(
            &["run", "--listen", "127.0.0.1:0", "--data-dir", text(&folder.path().join("data")), "--pipeline", text(&file)],
            1,
            &[&format!("mine.toml:{line}:"), expect],
        );
    };
    check("on_failure = ", "on_failures = ", "unknown field `on_failures`");
    check("kind = \"weekend\"", "kind = \"weekends\"", "unknown variant `weekends`");
    check("review_entity = \"customer\"", "review_entity = \"card\"", "review_entity `card` is not a declared entity");
    check("kind = \"count\"\nentity = \"customer\"", "kind = \"count\"\nentity = \"card\"", "entity `card` is not declared");
    check("windows = [\"1d\", \"7d\", \"30d\"]", "windows = [\"0d\", \"7d\", \"30d\"]", "a window of 0d holds nothing");
    check("feature = \"night\"", "feature = \"nights\"", "there is no such feature");
    check("customer = { json", "Customer = { json", "use small letters");
}

#[test]
fn places_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("write");
    let inside = file.join("data");
    fails(&["demo", "--once", "--port", "0", "--data-dir", text(&inside)], 1, &[text(&inside)]);
    fails(&["run", "--listen", "127.0.0.1:0", "--pipeline", HANDBOOK, "--data-dir", text(&inside)], 1, &[text(&inside)]);
    fails(&["simulate", "--days", "1", "--out", text(&inside)], 1, &[text(&inside)]);
    let simulate = |more: &[&str], code: i32, parts: &[&str]| {
        fails(
            &[["simulate", "--days", "3", "--customers", "9", "--out", text(folder.path())].as_slice(), more].concat(),
            code,
            parts,
        );
    };
    simulate(&["--drift", "quake:1@2018-04-02"], 2, &["quake:1@2018-04-02", "spending, bursts, missing"]);
    simulate(&["--drift", "spending:2@soon"], 2, &["`soon` is no day"]);
    simulate(&["--drift", "missing:DEVICE@2018-04-02"], 1, &["no column DEVICE", "TERMINAL_ID"]);
    simulate(&["--drift", "spending:2@2018-05-01"], 1, &["spending:2@2018-05-01", "the last one was made on 2018-04-03"]);
    simulate(&["--drift", "spending:2@2018-04-02", "--history", "x.parquet"], 2, &["--history", "--days"]);
    fails(&["simulate", "--history", "x.parquet", "--out", text(folder.path())], 2, &["--drift"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = folder.path().join("data");
    fails(
        &["run", "--listen", &address, "--pipeline", HANDBOOK, "--data-dir", text(&data)],
        1,
        &[&address, "choose another port"],
    );
    let port = taken.local_addr().expect("an address").port().to_string();
    fails(&["demo", "--once", "--port", &port, "--data-dir", text(&data)], 1, &[&address]);
    assert!(!data.exists(), "nothing was begun");
}

#[test]
fn arguments_that_do_not_fit_exit_with_two() {
    let out = Path::new("unused");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.parquet");
    fs::write(&file, "").expect("write");
    let data = text(&file);
    let train = |train, test| {
        [
            "train",
            "--pipeline",
            HANDBOOK,
            "--data",
            // A file that is there: what it holds is not read before the days are checked.
            data,
            "--train",
            train,
            "--delay",
            "7d",
            "--test",
            test,
            "--out",
            text(out),
        ]
    };
    fails(&["dream"], 2, &["dream"]);
    fails(&train("2018-07-25", "2018-08-08..2018-08-15"), 2, &["--train", "2018-07-25..2018-08-01"]);
    fails(&train("2018-08-01..2018-07-25", "2018-08-08..2018-08-15"), 2, &["is not before"]);
    fails(&train("2018-07-25..2018-08-01", "2018-08-05..2018-08-15"), 1, &["before the labels of the training days are known"]);
    assert!(!out.exists());
}

#[test]
fn a_data_folder_belongs_to_one_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("demo.json"), r#"{"data":"simulated: others","features_version":"0"}"#).expect("write");
    fails(&["demo", "--once", "--port", "0", "--data-dir", text(folder.path())], 1, &["simulated: others", "--data-dir"]);
}
