//! The life of a model under drift, from end to end, with the program as its people use it: payments change, which is noticed and told; a model is
//! trained for it, looks on, is compared, and takes over by two people; and decisions are good again.

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use ingest::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use support::{HANDBOOK, Server, json_lines, run, run_well, shared_data, text};

/// From this day on payments are not what they were.
const CHANGED: &str = "2018-07-16";

/// On these days the terminals are missing.
const MISSING: [&str; 2] = ["2018-08-06", "2018-08-11"];

/// What the pipeline file says beside what it ships with. That approvals change is what is wanted here.
const SETTINGS: &str = r#"
[monitoring.drift]
retrain = true

[monitoring.experiment]
max_approval_change = 0.5

[training.schedule]
train_days = 21
test_days = 7
learners = ["boosting"]
challenger_days = 365
"#;

/// A folder with payments that change, a pipeline and a configuration.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// One customer in eight of the Handbook's payments, or, without those, simulated ones.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().expect("a folder") };
        let history = world.path("history.parquet");
        match shared_data("fraud_fdh/transactions.parquet") {
            Some(payments) => keep(&payments, &history, |customer, _| customer % 8 == 0),
            None => {
                let size = ["--customers", "600", "--terminals", "1200", "--days", "183"];
                run_well(&[["simulate", "--out", text(world.folder.path())].as_slice(), &size].concat());
                fs::rename(world.path("transactions.parquet"), &history).expect("it was made");
            }
        }
        let [from, to] = MISSING;
        let drifts =
            [format!("spending:2.0@{CHANGED}"), format!("bursts:3@{CHANGED}"), format!("missing:TERMINAL_ID@{from}..{to}")];
        let drifts: Vec<&str> = drifts.iter().flat_map(|drift| ["--drift", drift]).collect();
        let drifted = world.path("drifted");
        run_well(&[&["simulate", "--history", text(&history), "--out", text(&drifted)], &drifts[..]].concat());
        let handbook = fs::read_to_string(HANDBOOK).expect("it ships with the program");
        let handbook = handbook.replace("column = \"TERMINAL_ID\" }", "column = \"TERMINAL_ID\", required = false }");
        fs::write(world.path("pipeline.toml"), format!("{handbook}{SETTINGS}")).expect("written");
        let sink = "[[notify]]\nname = \"file\"\nurl = \"file://told.jsonl\"\n";
        fs::write(world.path("riskflow.toml"), format!("data = \"{}\"\n{sink}", text(&world.data()))).expect("written");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The arguments of a command on this world.
    fn arguments<'a>(&self, command: &[&'a str], paths: &'a [PathBuf; 2]) -> Vec<&'a str> {
        [command, &["--config", text(&paths[0]), "--pipeline", text(&paths[1])]].concat()
    }

    fn paths(&self) -> [PathBuf; 2] {
        [self.path("riskflow.toml"), self.path("pipeline.toml")]
    }

    /// Has all payments before a day decided, those that were not yet.
    fn live_until(&self, day: &str) {
        let payments = self.path("payments.parquet");
        let until: Timestamp = format!("{day}T00:00:00Z").parse().expect("a time");
        keep(&self.path("drifted").join("transactions.parquet"), &payments, |_, time| time < until.micros());
        // The folder belongs to a history that goes on.
        let claim = self.data().join("demo.json");
        if let Ok(claimed) = fs::read_to_string(&claim) {
            let mut claimed: Value = serde_json::from_str(&claimed).expect("JSON");
            let bytes = fs::metadata(&payments).expect("it was written").len();
            claimed["data"] = json!(format!("payments.parquet, {bytes} bytes"));
            fs::write(claim, claimed.to_string()).expect("written");
        }
        let paths = self.paths();
        run_well(&self.arguments(&["demo", "--once", "--port", "0", "--json", "--data", text(&payments)], &paths));
    }

    /// What people were told of drift: when, what of, and whether it came.
    fn told(&self) -> Vec<(String, String, bool)> {
        let told = fs::read_to_string(self.data().join("told.jsonl")).unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a word: {value}")).to_owned();
        let line = |line: &str| {
            let told: Value = serde_json::from_str(line).expect("JSON");
            let has_come = told["kind"] == "drift_fired";
            let is_drift = has_come || told["kind"] == "drift_cleared";
            is_drift.then(|| (word(&told["at"])[..10].to_owned(), word(&told["details"]["subject"]), has_come))
        };
        told.lines().filter_map(line).collect()
    }

    /// The average precision of what a version decided on some days.
    fn average_precision(&self, server: &Server, key: &str, days: [&str; 2], version: &str) -> f64 {
        let path = format!("/v1/monitor/performance?from={}&to={}", days[0], days[1]);
        let answer = server.ask(key, "GET", &path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = answer.json();
        let versions = answer["versions"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let of_it = versions.iter().find(|cohort| cohort["name"].as_str().is_some_and(|name| name.ends_with(version)));
        let point = &of_it.unwrap_or_else(|| panic!("{version} in {answer}"))["scores"]["figures"]["average_precision"]["point"];
        point.as_f64().unwrap_or_else(|| panic!("{answer}"))
    }
}

/// Copies the payments of which the customer and the time are as wanted.
fn keep(from: &Path, to: &Path, is_wanted: impl Fn(i64, i64) -> bool) {
    let payments = ParquetRecordBatchReaderBuilder::try_new(File::open(from).expect("it is there")).expect("Parquet");
    let mut writer = ArrowWriter::try_new(File::create(to).expect("a file"), payments.schema().clone(), None).expect("a writer");
    for batch in payments.build().expect("a reader") {
        let batch: RecordBatch = batch.expect("it can be read");
        let column = |name: &str, to: &DataType| cast(batch.column_by_name(name).expect("a column"), to).expect("numbers");
        let customers = column("CUSTOMER_ID", &DataType::Int64);
        let times = column("TX_DATETIME", &DataType::Timestamp(TimeUnit::Microsecond, None));
        let rows =
            customers.as_primitive::<Int64Type>().values().iter().zip(times.as_primitive::<TimestampMicrosecondType>().values());
        let mask: BooleanArray = rows.map(|(customer, time)| Some(is_wanted(*customer, *time))).collect();
        writer.write(&filter_record_batch(&batch, &mask).expect("as many rows")).expect("written");
    }
    writer.close().expect("written");
}

fn key(data: &Path, name: &str) -> String {
    run_well(&["key", "--data-dir", text(data), "add", "--name", name, "--scopes", "admin"]).stdout.trim().to_owned()
}

#[test]
fn what_drifts_is_noticed_learned_and_decided_well_again() {
    let world = World::new();
    let paths = world.paths();

    // The quiet weeks tell nobody anything; what changed is told when its second day is over.
    world.live_until("2018-08-20");
    let told = world.told();
    assert!(told.iter().all(|(day, ..)| day.as_str() > "2018-07-17"), "{told:?}");
    for subject in ["amount_minor", "customer_amount_mean_1d", "probability"] {
        let first = told.iter().find(|(_, of, _)| of == subject).unwrap_or_else(|| panic!("{subject} in {told:?}"));
        assert_eq!((first.0.as_str(), first.2), ("2018-07-18", true), "{subject}");
    }
    let terminals: Vec<_> = told.iter().filter(|(_, of, _)| of == "terminal_tx_count_1d").collect();
    let days: Vec<_> = terminals.iter().map(|(day, _, has_come)| (day.as_str(), *has_come)).take(2).collect();
    assert_eq!(days, [("2018-08-08", true), ("2018-08-13", false)], "{told:?}");

    // A training was asked for by drift; what it learned looks on.
    let trained = run_well(&world.arguments(&["retrain", "--now", "--as-of", "2018-08-20", "--json"], &paths));
    let [started, ended, challenging] = &json_lines(&trained)[..] else { panic!("{}", trained.stdout) };
    let asked = started["why"]["asked"].as_array().unwrap_or_else(|| panic!("{started}"));
    let wish = asked.iter().find(|want| want["by"] == "drift").unwrap_or_else(|| panic!("{started}"));
    assert!(wish["reason"].as_str().expect("words").contains("amount"), "{wish}");
    assert_eq!((&ended["outcome"], &ended["models"][0]["version"]), (&json!("published"), &json!(3)), "{ended}");
    assert_eq!((&challenging["version"], &challenging["refused"]), (&json!(3), &Value::Null), "{challenging}");

    // On the same payments it is better, whenever somebody looks.
    world.live_until("2018-09-10");
    let compared = run_well(&world.arguments(&["compare", "--champion", "2", "--challenger", "3", "--json"], &paths));
    let comparison = &json_lines(&compared)[0];
    assert_eq!(comparison["verdict"], "promote", "{comparison}");

    // One person proposes it, another one agrees.
    let (ada, bob) = (key(&world.data(), "ada"), key(&world.data(), "bob"));
    let server = Server::start_with(&world.data(), &paths[1], &[]);
    let ask = |command: &[&str], key: &str| run(&[command, &["--url", &server.url, "--api-key", key]].concat());
    let proposed = ask(&["promote", "--version", "3", "--reason", "it knows what changed in July"], &ada);
    assert!(proposed.status.success(), "{}", proposed.stderr);
    let own = ask(&["changes", "approve", "1"], &ada);
    assert!(!own.status.success() && own.stderr.contains("another person"), "{}", own.stderr);
    let models = || server.ask(&ada, "GET", "/v1/models", &Value::Null).json();
    assert_eq!(models()["models"][1]["role"], "champion");
    let approved = ask(&["changes", "approve", "1", "--reason", "checked on August"], &bob);
    assert!(approved.status.success(), "{}", approved.stderr);
    let models = models();
    assert_eq!(models["models"][2]["role"], "champion", "{models}");
    let last = models["history"].as_array().and_then(|history| history.last()).unwrap_or_else(|| panic!("{models}"));
    assert_eq!((&last["by"], &last["approved_by"]), (&json!("ada"), &json!("bob")));
    server.stop();

    // What it decides is as good as what was decided before the change, and better than meanwhile.
    world.live_until("2018-09-25");
    let server = Server::start_with(&world.data(), &paths[1], &[]);
    let precision = |from: &str, to: &str, version: &str| world.average_precision(&server, &ada, [from, to], version);
    let before = precision("2018-06-20", "2018-07-15", "2");
    let meanwhile = precision("2018-08-20", "2018-09-09", "2");
    let after = precision("2018-09-10", "2018-09-17", "3");
    assert!(meanwhile < before / 2.0 && after > before, "{before} before, {meanwhile} meanwhile, {after} after");
    server.stop();
}
