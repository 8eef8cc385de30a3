//! A challenger beside the champion as people run it: over HTTP while payments are decided, and on the command line afterwards.

mod support;

use std::path::{Path, PathBuf};

use ingest::log::file::FileReader;
use ingest::log::{Position, Readable, Topic};
use ingest::{Clock, Duration, SystemClock, Timestamp};
use monitor::Days;
use monitor::points::{ExperimentPoint, Filed, MetricPoint, Point, read};
use monitor::warehouse::ParquetWarehouse;
use scoring::model::Linear;
use scoring::registry::Published;
use scoring::{Artifact, Control, FileRegistry, Model, Registry, Scorer};
use serde_json::{Value, json};
use support::{HANDBOOK, Server, handbook, json_lines, run, run_well, text, until};

/// A champion that knows nothing, a challenger that knows the amount, and a pipeline by which they are compared.
fn world(folder: &Path) -> PathBuf {
    let pipeline = handbook();
    let registry = FileRegistry::open(&folder.join("registry")).expect("a registry");
    for weight in [0.0, 0.0005] {
        let width = pipeline.plan.width();
        let mut weights = vec![0.0; width];
        weights[pipeline.plan.feature("amount_minor").expect("it is in the file")] = weight;
        let linear = Linear { intercept: -5.0, weights, means: vec![0.0; width], deviations: vec![1.0; width] };
        let features = pipeline.plan.definitions().iter().map(|definition| definition.name.clone()).collect();
        let published = Published { at: ingest::Timestamp::from_micros(0), by: "tests".to_owned() };
        let scorer = Scorer::plain(Model::Linear(linear));
        let artifact = Artifact::foreign(&pipeline.model.name, "tests", features, &pipeline.plan, scorer, published);
        registry.publish(&artifact.expect("the features are the plan's")).expect("published");
    }
    let arguments = ["promote", "--pipeline", HANDBOOK, "--data-dir", text(folder), "--version", "1"];
    run_well(&[arguments.as_slice(), &["--by", "tests", "--reason", "to have one"]].concat());
    let file = folder.join("pipeline.toml");
    let handbook = std::fs::read_to_string(HANDBOOK).expect("it ships with the program");
    // Models as different as these approve differently.
    std::fs::write(&file, format!("{handbook}\n[monitoring.experiment]\nmax_approval_change = 1.0\n")).expect("written");
    file
}

const EVENTS: u32 = 1_200;

/// Every fifth payment is bad, and then larger, though not always.
fn is_bad(number: u32) -> bool {
    number.is_multiple_of(5)
}

/// Forty a day, from a day on.
fn event(number: u32, first: Timestamp) -> Value {
    let amount = number * 7_919 % 10_000 + if is_bad(number) { 6_000 } else { 0 };
    let of_day = Duration::seconds(12 * 3_600 + 60 * i64::from(number % 40));
    let time = first + Duration::days(i64::from(number / 40)) + of_day;
    json!({
        "event_id": format!("t{number}"), "event_type": "card_payment", "event_time": time.to_string(),
        "transaction": {"amount_minor": amount, "currency": "EUR"},
        "customer": {"id": format!("cus_{number}")}, "terminal": {"id": "t_4"},
    })
}

/// Scores all payments and labels them, seven weeks after the first day.
fn fill(server: &Server, first: Timestamp) {
    let events: Vec<Value> = (0..EVENTS).map(|number| event(number, first)).collect();
    let observed_at = (first + Duration::days(49)).to_string();
    for events in events.chunks(600) {
        let scored = server.post("/v1/score/batch", &json!({ "events": events }).to_string());
        assert_eq!(scored.status, 200, "{}", scored.body);
    }
    for number in 0..EVENTS {
        let label = json!({
            "event_id": format!("t{number}"), "label": if is_bad(number) { "fraud" } else { "legit" },
            "source": "chargeback", "observed_at": observed_at,
        });
        let answer = server.post("/v1/labels", &label.to_string());
        assert!(answer.status < 300, "{}", answer.body);
    }
    until("the warehouse has it all", || {
        let status = server.get("/v1/status").json();
        status["warehouse_position"] == status["log_position"] && status["labels"] == EVENTS
    });
}

#[test]
fn a_better_challenger_is_seen_to_be_better() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, pipeline) = (folder.path(), world(folder.path()));
    let server = Server::start_with(data, &pipeline, &[]);
    let role = server.put("/v1/models/2/role", &json!({"role": "challenger", "reason": "it knows the amount"}).to_string());
    assert_eq!(role.status, 200, "{}", role.body);
    fill(&server, "2026-04-01T00:00:00Z".parse().expect("a time"));

    let path = "/v1/monitor/comparison?champion=1&challenger=2";
    let compared = server.get(path).json();
    assert_eq!((&compared["verdict"], &compared["state"]), (&json!("promote"), &json!("mature")), "{compared}");
    assert_eq!((&compared["events"], &compared["outcomes"]["bad"]), (&json!(EVENTS), &json!(EVENTS / 5)));
    assert_eq!((&compared["currency"], &compared["other_currency"]), (&json!("EUR"), &json!(0)));
    assert_eq!(compared["contest"]["champion"]["figures"]["auc"]["point"], 0.5);
    assert_eq!(server.get(path).json(), compared, "it is kept");
    let performance = server.get("/v1/monitor/performance").json();
    assert_eq!((&performance["whole"]["decisions"], &performance["days"][0]["name"]), (&json!(EVENTS), &json!("2026-04-01")));
    let empty = server.get("/v1/monitor/performance?from=2026-06-01").json();
    assert_eq!(
        (&empty["whole"]["state"], &empty["whole"]["scores"]["figures"]["auc"]["missing"]),
        (&json!("no_data"), &json!("no_rows"))
    );
    assert_eq!(server.get("/v1/monitor/comparison?champion=1&challenger=9").status, 404);
    assert_eq!(server.get("/v1/monitor/comparison?champion=2&challenger=2").status, 400);
    let page = server.get("/models");
    assert!(page.status == 200 && page.body.contains("Challenger"), "{}", page.body);

    let versions = ["compare", "--champion", "1", "--challenger", "2", "--data-dir", text(data)];
    // The server has the warehouse, and can be asked.
    let refused = run(&versions);
    assert!(!refused.status.success() && refused.stderr.contains("--url"), "{}", refused.stderr);
    let asked = json_lines(&run_well(&[versions.as_slice(), &["--url", &server.url, "--json"]].concat())).remove(0);
    assert_eq!(asked, compared);
    server.stop();

    // Without the pipeline file its usual guardrails hold: so much less is approved that it is kept out.
    let usual = json_lines(&run_well(&[versions.as_slice(), &["--json"]].concat())).remove(0);
    assert_eq!(usual["verdict"], "keep", "{usual}");
    let with_file = [versions.as_slice(), &["--pipeline", text(&pipeline)]].concat();
    let again = json_lines(&run_well(&[with_file.as_slice(), &["--json"]].concat())).remove(0);
    assert_eq!(again, compared);
    let said = run_well(&with_file).stdout;
    for part in [
        "card_fraud: 2 against 1, promote",
        "average precision",
        "approve -> ",
        "guardrail",
        "review: recall",
        "decline: money stopped, EUR",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }

    let check = |more: &[&str], expect: &str| {
        let ended = run(&[&["compare", "--data-dir", text(data)], more].concat());
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{more:?}: {}", ended.stderr);
    };
    check(&["--champion", "1", "--challenger", "1"], "card_fraud 1 cannot be compared with itself");
    check(&["--champion", "1", "--challenger", "7"], "model card_fraud has no version 7");
    check(
        &["--champion", "1", "--challenger", "2", "--from", "2026-05-01", "--to", "2026-04-01"],
        "--to 2026-04-01 is before --from",
    );
    let none = run_well(&[versions.as_slice(), &["--from", "2026-06-01"]].concat()).stdout;
    assert!(none.contains("no data: no event was scored by both"), "{none}");
}

/// The points of a table, once the program has let go of its warehouse.
fn points<P: Point>(data: &Path) -> Vec<Filed<P>> {
    let warehouse = ParquetWarehouse::open(&data.join("warehouse")).expect("a warehouse");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(read(&warehouse, Days::ALL)).expect("points")
}

/// Why trainings were asked for.
fn wanted(data: &Path) -> Vec<String> {
    let log = FileReader::open(&data.join("log")).expect("a log");
    let records = log.read(Position(0)).expect("it can be read").map(|record| record.expect("it is whole"));
    let controls = records.filter(|record| record.topic == Topic::Control);
    let reason = |control: Control| match control {
        Control::RetrainWanted { reason, by, .. } => Some(format!("{by}: {reason}")),
        _ => None,
    };
    controls.filter_map(|record| reason(Control::decode(&record.payload).expect("a control record"))).collect()
}

#[test]
fn what_a_server_finds_is_written_down_and_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, pipeline) = (folder.path(), world(folder.path()));
    let server = Server::start_with(data, &pipeline, &[]);
    let role = json!({"role": "challenger", "reason": "it knows the amount"}).to_string();
    assert_eq!(server.put("/v1/models/2/role", &role).status, 200);
    // It judges what is not older than 90 days.
    let today = Timestamp::start_of_day(SystemClock.now().day());
    fill(&server, today - Duration::days(82));
    server.stop();
    let settings = "\n[monitoring.performance.retrain_below]\nauc = 0.6\n";
    let with_floor = std::fs::read_to_string(&pipeline).expect("it was written") + settings;
    std::fs::write(&pipeline, with_floor).expect("written");
    let config = folder.path().join("riskflow.toml");
    std::fs::write(&config, "[[notify]]\nname = \"file\"\nurl = \"file://told.jsonl\"\n").expect("written");
    let told = || -> Vec<Value> {
        let lines = std::fs::read_to_string(data.join("told.jsonl")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };

    // It judges when it starts, what the warehouse has by then.
    let server = Server::start_with(data, &pipeline, &["--config", text(&config)]);
    until("a verdict is told", || !told().is_empty());
    until("a training is asked for", || !wanted(data).is_empty());
    let report = json_lines(&run_well(&["monitor", "--url", &server.url, "--json"])).remove(0);
    assert_eq!(report["challengers"][0]["verdict"], "promote", "{report}");
    let concept = report["performance"]["concept"].as_array().expect("weeks");
    assert_eq!((&concept[0]["version"], &concept[0]["figures"][1]["name"]), (&json!(1), &json!("calibration")));
    server.stop();
    let verdict = &told()[0];
    assert_eq!((&verdict["kind"], &verdict["severity"]), (&json!("verdict_reached"), &json!("medium")), "{verdict}");
    let details = &verdict["details"];
    assert_eq!((&details["verdict"], &details["experiment"]), (&json!("promote"), &json!("card_fraud 2 against 1")));
    let reasons = wanted(data);
    assert!(reasons.len() == 1 && reasons[0].starts_with("performance: AUC 0.500 "), "{reasons:?}");
    let written = points::<ExperimentPoint>(data);
    assert_eq!(written.last().map(|filed| filed.point.verdict.as_str()), Some("promote"));
    let figures = points::<MetricPoint>(data);
    let days =
        figures.iter().filter(|filed| filed.series == "performance" && filed.point.metric == "auc" && !filed.point.estimated);
    assert_eq!(days.count(), 30, "one a day");
    let weeks =
        figures.iter().filter(|filed| filed.series == "concept card_fraud 1" && filed.point.metric == "calibration_factor");
    assert!([5, 6].contains(&weeks.count()), "one a week that the 30 days have a part of");

    // The next start finds the same, which is no news, also where it does not know any more what it has found.
    let verdicts = data.join("warehouse/experiment_points");
    std::fs::remove_dir_all(&verdicts).expect("it was written");
    let server = Server::start_with(data, &pipeline, &["--config", text(&config)]);
    until("it has judged again", || verdicts.exists());
    server.stop();
    assert_eq!((told().len(), wanted(data).len()), (1, 1), "{:?} {:?}", told(), wanted(data));
    let here = ["monitor", "--pipeline", text(&pipeline), "--data-dir", text(data)];
    let said = run_well(&here).stdout;
    for part in ["1,200 decisions", "version 1", "challenger 2 against 1: promote", "guardrails: approval rate holds"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    run_well(&[here.as_slice(), &["--check"]].concat());
    let empty = tempfile::tempdir().expect("a folder");
    let nothing = run(&["monitor", "--pipeline", text(&pipeline), "--data-dir", text(empty.path())]);
    assert!(
        nothing.status.code() == Some(1) && nothing.stderr.contains("no data: nothing has been decided yet"),
        "{}",
        nothing.stderr
    );
}
