//! A challenger beside the champion as people run it: over HTTP while payments are decided, and on the command line afterwards.

mod support;

use std::path::{Path, PathBuf};

use scoring::model::Linear;
use scoring::registry::Published;
use scoring::{Artifact, FileRegistry, Model, Registry, Scorer};
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

fn event(number: u32) -> Value {
    let amount = number * 7_919 % 10_000 + if is_bad(number) { 6_000 } else { 0 };
    let (day, minute) = (1 + number / 40, number % 40);
    json!({
        "event_id": format!("t{number}"), "event_type": "card_payment", "event_time": format!("2026-04-{day:02}T12:{minute:02}:00Z"),
        "transaction": {"amount_minor": amount, "currency": "EUR"},
        "customer": {"id": format!("cus_{number}")}, "terminal": {"id": "t_4"},
    })
}

/// Scores all payments and labels them.
fn fill(server: &Server) {
    let events: Vec<Value> = (0..EVENTS).map(event).collect();
    for events in events.chunks(600) {
        let scored = server.post("/v1/score/batch", &json!({ "events": events }).to_string());
        assert_eq!(scored.status, 200, "{}", scored.body);
    }
    for number in 0..EVENTS {
        let label = json!({
            "event_id": format!("t{number}"), "label": if is_bad(number) { "fraud" } else { "legit" },
            "source": "chargeback", "observed_at": "2026-05-20T00:00:00Z",
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
    fill(&server);

    let path = "/v1/monitor/comparison?champion=1&challenger=2";
    let compared = server.get(path).json();
    assert_eq!((&compared["verdict"], &compared["state"]), (&json!("promote"), &json!("mature")), "{compared}");
    assert_eq!((&compared["events"], &compared["outcomes"]["bad"]), (&json!(EVENTS), &json!(EVENTS / 5)));
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
    for part in ["card_fraud: 2 against 1, promote", "average precision", "approve -> ", "guardrail", "review: recall"] {
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
