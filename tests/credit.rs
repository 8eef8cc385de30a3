//! Credit: a scorecard trained by the pipeline, applications scored over HTTP, and what is said to whoever is declined.

mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ingest::decode::arrow::Decoder;
use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Topic};
use ingest::simulator::credit::{self, Settings, Simulator};
use scoring::model::preparation::{Bin, Evidence};
use scoring::model::{Linear, Model, Preparation, Scale};
use scoring::profile::Profile;
use scoring::registry::Published;
use scoring::{Artifact, Control, FileRegistry, Pipeline, Registry, Scorer};
use serde_json::{Value, json};

use support::{Ended, Server, json_lines, run, run_well, text};

const CREDIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/credit.toml");

fn pipeline() -> Pipeline {
    riskflow::read_pipeline(Path::new(CREDIT)).expect("it ships with the program")
}

/// An application that a lender would like.
fn application(id: &str) -> Value {
    json!({
        "application_id": id, "event_type": "credit_application", "applied_at": "2026-04-23T12:00:00Z",
        "loan": {"amount_minor": 800_000, "currency": "USD", "term_months": 36, "purpose": "car"},
        "applicant": {
            "id": "per_1", "address_id": "adr_1", "age": 41, "monthly_income_minor": 420_000, "monthly_debt_payments_minor": 42_000,
            "employment": "permanent", "employment_months": 96, "housing": "mortgage",
        },
        "bureau": {
            "delinquencies_24m": 0, "inquiries_6m": 0, "open_lines": 5, "utilisation": 0.12, "oldest_line_months": 150, "insolvent": false,
        },
        "device": {"id": "dev_1"},
    })
}

/// The same with other values, by their paths.
fn with(application: &Value, changes: &[(&str, Value)]) -> Value {
    let mut changed = application.clone();
    for (path, value) in changes {
        let place = changed.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap_or_else(|| panic!("no {path}"));
        *place = value.clone();
    }
    changed
}

fn without(application: &Value, group: &str, member: &str) -> Value {
    let mut changed = application.clone();
    changed[group].as_object_mut().expect("a group").remove(member).unwrap_or_else(|| panic!("no {member}"));
    changed
}

/// A scorecard that a person can add up: at its base 600 points; a high debt costs 40 of them, late payments 20 or 60, a business 10, and
/// long employment gives 10.
fn by_hand(data: &Path) {
    let pipeline = pipeline();
    let scale = pipeline.credit.expect("it scores applications");
    // So many points lost, as log-odds.
    let lost = |points: f64| points * std::f64::consts::LN_2 / scale.points_to_double;
    let bin = |points: f64| Bin { rows: 100, bad: 10, weight: lost(points) };
    let numbers = |ends: &[f64], points: &[f64], missing: f64| Evidence {
        ends: ends.to_vec(),
        bins: points.iter().map(|points| bin(*points)).collect(),
        words: Vec::new(),
        special: Vec::new(),
        missing: Some(bin(missing)),
        information_value: 0.1,
    };
    let words = pipeline.schema.attributes[pipeline.schema.attribute("purpose").expect("declared")].allowed.words().to_vec();
    let features = [
        ("debt_to_income", numbers(&[0.3], &[0.0, 40.0], 5.0)),
        ("delinquencies_24m", numbers(&[0.0, 2.0], &[0.0, 20.0, 60.0], 0.0)),
        ("employment_months", numbers(&[60.0], &[0.0, -10.0], 0.0)),
        (
            "purpose",
            Evidence {
                ends: (0..words.len() - 1).map(|place| place as f64).collect(),
                bins: words.iter().map(|word| bin(if word == "business" { 10.0 } else { 0.0 })).collect(),
                words,
                special: Vec::new(),
                missing: None,
                information_value: 0.1,
            },
        ),
    ];
    let names: Vec<String> = features.iter().map(|(name, _)| (*name).to_owned()).collect();
    let evidence = features.into_iter().map(|(_, evidence)| evidence).collect();
    let linear =
        Linear { intercept: -scale.base_odds.ln(), weights: vec![1.0; 4], means: vec![0.0; 4], deviations: vec![1.0; 4] };
    let scorer = Scorer { preparation: Some(Preparation::Evidence(evidence)), ..Scorer::plain(Model::Linear(linear)) };
    assert_eq!(scorer.check(), Ok(()));
    let published = Published { at: ingest::Timestamp::from_micros(0), by: "tests".to_owned() };
    let artifact = Artifact::foreign("credit", "tests", names, &pipeline.plan, scorer, published).expect("features of the plan");
    let registry = FileRegistry::open(&data.join("registry")).expect("a registry");
    registry.publish(&Artifact { profile: Profile::default(), ..artifact }).expect("published");
    promote(data, "1");
}

fn promote(data: &Path, version: &str) {
    let by = ["--by", "tests", "--reason", "to have one"];
    run_well(&[&["promote", "--pipeline", CREDIT, "--data-dir", text(data), "--version", version], by.as_slice()].concat());
}

fn serve(data: &Path) -> Server {
    Server::start_with(data, Path::new(CREDIT), &[])
}

fn score(server: &Server, application: &Value) -> Value {
    let answer = server.post("/v1/credit/score", &application.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[test]
fn points_reasons_and_decisions_are_those_of_the_card() {
    let folder = tempfile::tempdir().expect("a folder");
    by_hand(folder.path());
    let server = serve(folder.path());
    let base = application("base");
    let check = |id: &str, changes: &[(&str, Value)], decision: &str, score_expected: i64, reasons: &[(&str, &str, f64)]| {
        let id_change = [
            ("application_id", json!(id)),
            ("applicant.id", json!(format!("per_{id}"))),
            ("device.id", json!(format!("dev_{id}"))),
        ];
        let said = score(&server, &with(&base, &[&id_change, changes].concat()));
        assert_eq!((&said["decision"], &said["score"]), (&json!(decision), &json!(score_expected)), "{id}: {said}");
        let found: Vec<(&str, &str, f64)> = said["principal_reasons"]
            .as_array()
            .expect("reasons")
            .iter()
            .map(|reason| {
                let word = |name: &str| reason[name].as_str().expect("a text");
                (word("code"), word("text"), reason["points_lost"].as_f64().unwrap_or(0.0))
            })
            .collect();
        assert_eq!(found, reasons, "{id}");
        let probability = said["probability_of_default"].as_f64().expect("a probability");
        let odds = (1.0 - probability) / probability;
        assert!((600.0 + 20.0 * (odds / 30.0).log2() - score_expected as f64).abs() <= 0.5, "{id}: {said}");
        said
    };
    check("good", &[], "approve", 610, &[]);
    // Two late payments and a high debt: 600 - 20 - 40 + 10.
    let late = ("bureau.delinquencies_24m", json!(2));
    let debt = ("applicant.monthly_debt_payments_minor", json!(168_000));
    let owed = ("DEBT_TO_INCOME", "Payments on existing debt take 40 % of the monthly income", 40.0);
    check(
        "referred",
        &[late.clone(), debt.clone()],
        "refer",
        550,
        &[owed, ("DELINQUENCIES", "Past due payments in the last 24 months: 2", 20.0)],
    );
    let declined = check(
        "declined",
        &[("bureau.delinquencies_24m", json!(3)), debt.clone(), ("loan.purpose", json!("business"))],
        "decline",
        500,
        &[
            ("DELINQUENCIES", "Past due payments in the last 24 months: 3", 60.0),
            owed,
            ("PURPOSE", "The purpose of the loan: business", 10.0),
        ],
    );
    // Whatever is asked for with it, an application that is not approved has its reasons; once taken without, they would be gone.
    let changes = [("bureau.delinquencies_24m", json!(3)), debt.clone(), ("application_id", json!("silenced"))];
    let silenced = server.post("/v1/credit/score?reasons=none", &with(&base, &changes).to_string()).json();
    assert_eq!((&silenced["decision"], &silenced["principal_reasons"][0]["code"]), (&json!("decline"), &json!("DELINQUENCIES")));
    assert_eq!(declined["principal_reasons"][2]["value"], "business");
    assert_eq!(declined["principal_reasons"][1]["value"], 0.4);
    assert_eq!(declined["decided_by"], "score");
    assert_eq!(declined["scale"], json!({"base_points": 600.0, "base_odds": 30.0, "points_to_double": 20.0}));
    // The thresholds of the file, 695 and 805 on the scale of risk, in points.
    assert_eq!(declined["thresholds"], json!({"approve_from": 569.9, "refer_from": 533.2}));
    // Hard cut-offs say why, whatever the score; where the score would have come to the same its reasons stand behind.
    let under = check(
        "young",
        &[("applicant.age", json!(17))],
        "decline",
        610,
        &[("AGE_OF_MAJORITY", "Applicants must be at least 18 years old to enter into a contract", 0.0)],
    );
    assert_eq!(under["decided_by"], json!({"rule": "under_age"}));
    check(
        "burdened",
        &[("applicant.monthly_debt_payments_minor", json!(300_000)), ("bureau.delinquencies_24m", json!(9))],
        "decline",
        510,
        &[
            (
                "EXCESSIVE_OBLIGATIONS",
                "Excessive obligations in relation to income: payments on existing debt take more than 55 % of it",
                0.0,
            ),
            ("DELINQUENCIES", "Past due payments in the last 24 months: 9", 60.0),
            ("DEBT_TO_INCOME", "Payments on existing debt take 71.43 % of the monthly income", 40.0),
        ],
    );
    let silent = without(&with(&base, &[("application_id", json!("silent"))]), "applicant", "monthly_income_minor");
    let said = score(&server, &silent);
    assert_eq!(
        (&said["decision"], &said["principal_reasons"][0]["code"]),
        (&json!("refer"), &json!("INCOME_UNVERIFIED")),
        "{said}"
    );
    assert_eq!(said["score"], 605, "a missing value has a bin of its own");

    // Asked for, what cost points is told of an approved application, too.
    let asked = with(&base, &[("application_id", json!("asked")), late]);
    let said = server.post("/v1/credit/score?reasons=top", &asked.to_string()).json();
    assert_eq!(
        (&said["decision"], &said["principal_reasons"][0]["code"]),
        (&json!("approve"), &json!("DELINQUENCIES")),
        "{said}"
    );
    server.stop();
}

#[test]
fn an_application_is_decided_once_and_can_be_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    by_hand(folder.path());
    let server = serve(folder.path());
    let changes = [
        ("bureau.delinquencies_24m", json!(5)),
        ("loan.purpose", json!("business")),
        ("applicant.monthly_debt_payments_minor", json!(168_000)),
    ];
    let declined = with(&application("app_1"), &changes);
    let first = score(&server, &declined);
    assert_eq!((&first["status"], &first["decision"]), (&json!("new"), &json!("decline")));
    let of = |said: &Value| {
        ["decision_id", "decision", "score", "probability_of_default", "principal_reasons", "thresholds", "model", "versions"]
            .map(|part| said[part].clone())
    };
    let again = score(&server, &declined);
    assert_eq!((&again["status"], of(&again)), (&json!("duplicate"), of(&first)));
    let other = server.post("/v1/credit/score", &with(&declined, &[("loan.amount_minor", json!(900_000))]).to_string());
    assert_eq!((other.status, other.content_type.as_str()), (409, "application/problem+json"));
    assert_eq!(other.json()["field"], "application_id");
    // The same application by the other door is the same decision: there is one path.
    let plain = server.post("/v1/score", &declined.to_string()).json();
    assert_eq!(
        (&plain["status"], &plain["decision_id"], &plain["decision"]),
        (&json!("duplicate"), &first["decision_id"], &json!("decline"))
    );
    let replayed = server.get("/v1/decisions/app_1/replay").json();
    assert_eq!((&replayed["identical"], &replayed["differences"]), (&json!(true), &json!([])), "{replayed}");
    let label = json!({"event_id": "app_1", "label": "default", "source": "servicing", "observed_at": "2026-05-20T00:00:00Z"});
    assert_eq!(server.post("/v1/labels", &label.to_string()).status, 202);
    let page = server.get("/v1/decisions/app_1").json();
    assert_eq!((&page["label"]["label"], &page["attributes"]["purpose"]), (&json!("default"), &json!("business")));
    server.kill();
    let server = serve(folder.path());
    let after = score(&server, &declined);
    assert_eq!((&after["status"], of(&after)), (&json!("duplicate"), of(&first)), "it survives a power cut");
    // A second application of the same person knows of the first.
    let second = with(&application("app_2"), &[("applied_at", json!("2026-04-24T12:00:00Z"))]);
    score(&server, &second);
    let page = server.get("/v1/decisions/app_2").json();
    let feature = |name: &str| {
        page["features"].as_array().and_then(|all| all.iter().find(|each| each["name"] == name)).expect("it is there")
    };
    assert_eq!(feature("applicant_applications_30d")["value"], 1.0);
    assert_eq!(feature("address_applications_30d")["value"], 1.0);
    server.stop();
}

#[test]
fn what_is_wrong_with_an_application_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    by_hand(folder.path());
    let server = serve(folder.path());
    let good = application("app_1");
    let refused = |body: &str, field: Option<&str>, detail: &str| {
        let answer = server.post("/v1/credit/score", body);
        assert_eq!((answer.status, answer.content_type.as_str()), (422, "application/problem+json"), "{body}: {}", answer.body);
        let problem = answer.json();
        assert_eq!((problem["field"].as_str(), problem["detail"].as_str()), (field, Some(detail)), "{body}");
    };
    let check = |path: &str, value: Value, detail: &str| refused(&with(&good, &[(path, value)]).to_string(), Some(path), detail);
    // Missing.
    refused(&without(&good, "bureau", "delinquencies_24m").to_string(), Some("bureau.delinquencies_24m"), "is missing");
    refused(&without(&good, "loan", "amount_minor").to_string(), Some("loan.amount_minor"), "is missing");
    refused(&without(&good, "applicant", "id").to_string(), Some("applicant.id"), "is missing");
    check("application_id", json!(null), "is missing");
    check("applicant.employment", json!(null), "is missing");
    // Out of range.
    check("applicant.age", json!(13), "must be from 14 to 120");
    check("applicant.age", json!(-41), "must be from 14 to 120");
    check("bureau.utilisation", json!(5.01), "must be from 0 to 5");
    check("loan.amount_minor", json!(49_999), "must be from 50000 to 7500000");
    check("loan.amount_minor", json!(7_500_001), "must be from 50000 to 7500000");
    check("loan.term_months", json!(1_000), "must be from 6 to 120");
    check("applicant.monthly_income_minor", json!(-1), "must be from 0 to 10000000");
    // Of another type.
    check("applicant.age", json!("41"), "must be a whole number");
    check("applicant.age", json!(41.5), "must be a whole number");
    check("bureau.insolvent", json!("no"), "must be true or false");
    check("loan.purpose", json!(3), "must be text");
    check("applied_at", json!("yesterday"), "must be a time as RFC 3339 text, such as 2026-04-23T12:00:00Z");
    // A category that there is not.
    check(
        "loan.purpose",
        json!("yacht"),
        "must be one of home_improvement, car, education, medical, other, debt_consolidation, business",
    );
    check("applicant.housing", json!("Owner"), "must be one of owner, mortgage, family, tenant");
    check("event_type", json!("card_payment"), "must be `credit_application`");
    refused("{", None, "is not valid JSON at its line 1, column 1");
    let ahead = server.post("/v1/credit/score", &with(&good, &[("applied_at", json!("2999-01-01T00:00:00Z"))]).to_string());
    assert_eq!((ahead.status, ahead.json()["field"].as_str().map(str::to_owned)), (422, Some("applied_at".to_owned())));
    // An optional value may be null, and at the bounds all is well.
    let bounds = [("applicant.age", json!(120)), ("bureau.utilisation", json!(null)), ("bureau.oldest_line_months", json!(0))];
    score(&server, &with(&good, &bounds));
    assert_eq!(server.post("/v1/credit/score?reasons=some", &good.to_string()).status, 400);
    assert!(server.get("/metrics").body.contains("riskflow_scoring_events_total 1"), "nothing else was accepted");
    let document = server.get("/openapi.json").json();
    let properties = &document["components"]["schemas"]["Event"]["properties"];
    assert_eq!(properties["applicant"]["properties"]["age"], json!({"type": "integer", "minimum": 14.0, "maximum": 120.0}));
    assert_eq!(properties["applicant"]["properties"]["housing"]["enum"][0], "owner");
    server.stop();
}

#[test]
fn a_pipeline_of_payments_scores_no_applications() {
    let folder = tempfile::tempdir().expect("a folder");
    support::with_champion(folder.path());
    let server = Server::start(folder.path());
    let answer = server.post("/v1/credit/score", &application("app_1").to_string());
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("it has no [credit] table"), "{}", answer.body);
}

#[test]
fn what_has_no_points_tells_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    by_hand(data);
    let registry = FileRegistry::open(&data.join("registry")).expect("a registry");
    let mut machine = registry.load("credit", 1).expect("published");
    machine.about.learner = scoring::registry::SVM.to_owned();
    assert_eq!(registry.publish(&machine).expect("published"), 2);
    let promotion =
        ["promote", "--pipeline", CREDIT, "--data-dir", text(data), "--version", "2", "--by", "tests", "--reason", "x"];
    let refused = run(&promotion);
    let expect = "model credit 2 does not add up log-odds, so that no reason of a credit decision could be told in points";
    assert!(!refused.status.success() && refused.stderr.contains(expect), "{}", refused.stderr);

    // One that is in the log all the same, as an earlier program took it: it decides nothing, and nothing is made up.
    let promoted = Control::Promoted {
        name: "credit".to_owned(),
        version: 2,
        by: "tests".to_owned(),
        reason: "once it could".to_owned(),
        at: ingest::Timestamp::from_micros(1),
    };
    let (log, _) = FileLog::open(&data.join("log"), Options::default()).expect("a log");
    log.append(Topic::Control, &promoted.encode()).expect("it has room");
    log.flush().expect("durable");
    drop(log);
    let server = serve(data);
    let said = score(&server, &application("app"));
    assert_eq!((&said["decision"], &said["decided_by"]), (&json!("refer"), &json!("on_failure")), "{said}");
    for member in ["score", "probability_of_default", "model"] {
        assert_eq!(said[member], Value::Null, "{member}: {said}");
    }
    assert_eq!((&said["principal_reasons"], &said["engine"]["mode"]), (&json!([]), &json!("degraded")), "{said}");
    let ready = server.get("/readyz");
    assert!(ready.status == 503 && ready.body.contains("model credit 2, which cannot be used"), "{}", ready.body);
    server.stop();
}

#[test]
fn nobody_is_declined_without_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("credit.toml");
    let shipped = std::fs::read_to_string(CREDIT).expect("it ships with the program");
    let check = |from: &str, to: &str, expect: &str| {
        let text_of = shipped.replacen(from, to, 1);
        assert_ne!(text_of, shipped, "{from}");
        std::fs::write(&file, text_of).expect("write");
        let error = riskflow::read_pipeline(&file).and_then(|pipeline| riskflow::read_training(&file, &pipeline).map(drop));
        let said = error.expect_err("it is refused").to_string();
        assert!(said.contains(expect), "{said}");
    };
    check("on_failure = \"review\"", "on_failure = \"decline\"", "on_failure = \"decline\" gives an applicant no reason");
    let reason = "reason = { code = \"INSOLVENCY\", text = \"An insolvency proceeding is open\" }\n";
    check(reason, "", "rule `insolvent`: an application that it declines needs a `reason`");
    check("points_to_double = 20", "points_to_double = 0", "points_to_double = 0 must be above 0");
    check("base_odds = 30", "base_odds = -1", "base_odds = -1 must be above 0");
    check("base_odds = 30", "odds = 30", "unknown field `odds`");
    check("min = 14, max = 120", "min = nan, max = 120", "`min` and `max` are finite numbers");
    let special = |numbers: &str| format!("[training.scorecard]\nspecial = {{ {numbers} }}\n");
    check("[training.scorecard]\n", &special("purpose = [0]"), "feature `purpose` is a category and has no special numbers");
    check("[training.scorecard]\n", &special("open_lines = [0, 0]"), "special");
    check("bad = \"default\"", "bad = \"late\"", "unknown variant `late`, expected `fraud` or `default`");
    check(
        "kind = \"category\"\nof = \"purpose\"",
        "kind = \"category\"\nof = \"term_months\"",
        "`term_months` is no attribute of text with `one_of`",
    );
    // What is protected makes no feature, and a category has no direction.
    check(
        "protected = [\"age\"]",
        "protected = [\"age\", \"housing\"]",
        "feature `housing` is computed from `housing`, which is protected",
    );
    check(
        "[training.directions]\n",
        "[training.directions]\npurpose = \"rising\"\n",
        "feature `purpose` is a category and has no direction",
    );

    by_hand(folder.path());
    let server = serve(folder.path());
    let rule = json!({"name": "no boats", "when": "event.purpose == \"other\"", "action": "decline", "state": "active"});
    let refused = server.put("/v1/rules/no_boats", &rule.to_string());
    assert_eq!(
        (refused.status, refused.json()["field"].as_str().map(str::to_owned)),
        (422, Some("reason".to_owned())),
        "{}",
        refused.body
    );
    // A rule that takes points helps to decline, and is told of among the reasons of the score, by what it cost.
    let costly = |reason: Value| json!({"name": "no boats", "when": "event.purpose == \"other\"", "score_modifier": 300, "state": "active", "reason": reason});
    assert_eq!(server.put("/v1/rules/no_boats", &costly(Value::Null).to_string()).status, 422);
    let told = costly(json!({"code": "BOATS", "text": "Loans for boats are not made"}));
    assert_eq!(server.put("/v1/rules/no_boats", &told.to_string()).status, 200);
    let said = score(&server, &with(&application("boat"), &[("loan.purpose", json!("other"))]));
    let first = &said["principal_reasons"][0];
    assert_eq!(
        (&said["decided_by"], &first["code"], &first["points_lost"]),
        (&json!("score"), &json!("BOATS"), &json!(100.0)),
        "{said}"
    );
    server.stop();
    // Points that mean something else are not promoted, and neither is what has none.
    std::fs::write(&file, shipped.replacen("points_to_double = 20", "points_to_double = 40", 1)).expect("write");
    let trained = trained();
    let arguments = ["--data-dir", text(folder.path()), "--by", "tests", "--reason", "to try"];
    std::fs::create_dir_all(folder.path().join("registry/credit")).expect("a folder");
    copy(&trained.join("credit/1"), &folder.path().join("registry/credit/2"));
    let refused = run(&[&["promote", "--pipeline", text(&file), "--version", "2"], arguments.as_slice()].concat());
    assert!(refused.stderr.contains("train it again, or leave [credit] as it was"), "{}", refused.stderr);
    let ended = train(&trained, &folder.path().join("registry"), "svm");
    assert!(
        ended.stderr.contains("svm adds up no log-odds, so a pipeline with [credit] takes it for comparison only"),
        "{}",
        ended.stderr
    );
    let refused = run(&[&["promote", "--pipeline", CREDIT, "--version", "3"], arguments.as_slice()].concat());
    assert!(refused.stderr.contains("does not add up log-odds"), "{}", refused.stderr);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

/// Learns from the applications in a folder.
fn train(folder: &Path, registry: &Path, learners: &str) -> Ended {
    let data = folder.join("applications.parquet");
    let from = ["train", "--pipeline", CREDIT, "--data", text(&data), "--out", text(registry), "--learners", learners, "--json"];
    run_well(&[&from[..], &["--train", "2018-04-01..2018-07-10", "--test", "2019-01-07..2019-02-05"]].concat())
}

/// A registry with a scorecard, version 1, and boosting, version 2, both trained on simulated applications, once for all tests.
fn trained() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        run_well(&["simulate", "--use", "credit", "--customers", "20000", "--days", "310", "--out", text(folder.path())]);
        let ended = train(folder.path(), folder.path(), "scorecard,boosting");
        assert!(!ended.stderr.contains("for comparison only"), "{}", ended.stderr);
        std::fs::write(folder.path().join("lines.jsonl"), ended.stdout).expect("write");
        folder
    });
    folder.path().to_owned()
}

#[test]
fn the_simulator_and_the_pipeline_fit() {
    let pipeline = pipeline();
    let mut rows = 0;
    for day in Simulator::new(Settings { days: Some(60), ..Settings::default() }).expect("it can be simulated") {
        let batch = credit::parquet::batch(&day);
        for row in Decoder::new(&batch.schema(), &pipeline.schema).expect("the columns are there").decode(&batch) {
            let historical = row.unwrap_or_else(|rejected| panic!("{rejected}"));
            let label = historical.label.expect("every application has one");
            assert!(matches!(label, ingest::Outcome::Default | ingest::Outcome::Repaid), "{label:?}");
            rows += 1;
        }
    }
    assert!(rows > 10_000, "{rows}");
    let words =
        |name: &str| pipeline.schema.attributes[pipeline.schema.attribute(name).expect("declared")].allowed.words().to_vec();
    assert_eq!(words("purpose"), credit::PURPOSES);
    assert_eq!(words("employment"), credit::EMPLOYMENTS);
    assert_eq!(words("housing"), credit::HOUSINGS);
}

#[test]
fn a_trained_scorecard_scores_as_its_own_table_says() {
    let trained = trained();
    let lines = std::fs::read_to_string(trained.join("lines.jsonl")).expect("it was written");
    for line in lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        assert!(line["auc"].as_f64() > Some(0.72), "{line}");
    }
    let shown = |more: &[&str]| {
        let show = ["model", "show", "--models", text(&trained), "--version", "1"];
        run_well(&[show.as_slice(), more].concat())
    };
    let card = shown(&[]).stdout;
    for expect in [
        "600 at odds of 30 good ones for a bad one, and 20 more double the odds",
        "| feature | bin | rows | share | bad rate | weight of evidence | points |",
        "| purpose | home_improvement | ",
        "| utilisation | missing | ",
    ] {
        assert!(card.contains(expect), "no {expect} in {card}");
    }
    let said = json_lines(&shown(&["--json"])).remove(0);
    assert_eq!(said["calibration"], json!({"kind": "identity"}), "nothing stands between points and probability");
    let scorecard = &said["scorecard"];
    assert_eq!(scorecard["scale"], json!({"base_points": 600.0, "base_odds": 30.0, "points_to_double": 20.0}));
    // Along every feature with a direction points go one way; bins are few and not too thin.
    let training = riskflow::read_training(Path::new(CREDIT), &pipeline()).expect("it ships with the program");
    let features = scorecard["features"].as_array().expect("features");
    let points = |feature: &Value| -> Vec<f64> {
        let entries = feature["entries"].as_array().expect("entries");
        entries[..entries.len() - 1].iter().map(|entry| entry["points"].as_f64().expect("points")).collect()
    };
    let feature = |name: &str| features.iter().find(|feature| feature["feature"] == name).unwrap_or_else(|| panic!("no {name}"));
    for (name, direction) in &training.settings.directions {
        let points = points(feature(name));
        assert!(points.len() <= 6, "{name}: {points:?}");
        let falls = format!("{direction:?}") == "Rising";
        let ordered = if falls { points.is_sorted_by(|a, b| a >= b) } else { points.is_sorted() };
        assert!(ordered, "{name} is {direction:?}: {points:?}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    copy(&trained.join("credit/1"), &folder.path().join("registry/credit/1"));
    promote(folder.path(), "1");
    let artifact =
        FileRegistry::open(&folder.path().join("registry")).and_then(|registry| registry.load("credit", 1)).expect("it is there");
    let scale = artifact.about.points();
    assert_eq!(Some(scale), pipeline().credit);
    let table = artifact.scorer.scorecard(&artifact.about.features, scale).expect("a scorecard");
    let server = serve(folder.path());
    for (number, changes) in [
        vec![],
        vec![("bureau.delinquencies_24m", json!(4)), ("bureau.utilisation", json!(0.97))],
        vec![
            ("bureau.oldest_line_months", json!(null)),
            ("loan.purpose", json!("business")),
            ("applicant.housing", json!("tenant")),
        ],
        vec![
            ("bureau.inquiries_6m", json!(9)),
            ("applicant.employment_months", json!(0)),
            ("loan.amount_minor", json!(3_000_000)),
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("app_{number}");
        let said = score(&server, &with(&application(&id), &[&[("application_id", json!(id))], changes.as_slice()].concat()));
        let page = server.get(&format!("/v1/decisions/{id}")).json();
        let vector: Vec<f64> = page["features"]
            .as_array()
            .expect("features")
            .iter()
            .map(|each| each["value"].as_f64().unwrap_or(f64::NAN))
            .collect();
        let sum =
            table.base_points + artifact.scorer.contributions(&vector).into_iter().map(|part| scale.part(part)).sum::<f64>();
        assert_eq!(said["score"].as_f64(), Some(sum.round()), "{id}: {said}");
        let probability = artifact.scorer.probability(&vector);
        assert_eq!(said["probability_of_default"].as_f64(), Some(probability), "{id}");
        assert!((scale.points((probability / (1.0 - probability)).ln()) - sum).abs() < 1e-6, "{id}");
        let reasons = said["principal_reasons"].as_array().expect("reasons");
        let lost: Vec<f64> = reasons.iter().map(|reason| reason["points_lost"].as_f64().expect("points")).collect();
        assert!(lost.len() <= 4 && lost.iter().all(|points| *points > 0.0) && lost.is_sorted_by(|a, b| a >= b), "{id}: {lost:?}");
        assert_eq!(reasons.is_empty(), said["decision"] == "approve", "{id}: {said}");
        assert_eq!(server.get(&format!("/v1/decisions/{id}/replay")).json()["identical"], true, "{id}");
    }
    server.stop();
}

#[test]
fn a_downturn_is_of_applications_and_drift_of_payments() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |more: &[&str], expect: &str| {
        let ended = run(&[["simulate", "--days", "3", "--out", text(folder.path())].as_slice(), more].concat());
        assert!(!ended.status.success() && ended.stderr.contains(expect), "{more:?}: {}", ended.stderr);
    };
    check(&["--downturn", "2018-04-02"], "--downturn is of applications: say --use credit");
    check(&["--use", "credit", "--drift", "spending:2@2018-04-02"], "--drift is of card transactions");
    check(&["--use", "loans"], "[possible values: cards, credit]");
    check(&["--use", "credit", "--customers", "0"], "cannot simulate with 0 applicants");
}

#[test]
fn the_scale_of_the_shipped_pipeline_is_the_textbooks() {
    let scale = pipeline().credit.expect("it scores applications");
    assert_eq!(scale, Scale { base_points: 600.0, base_odds: 30.0, points_to_double: 20.0 });
    // 60 good ones for a bad one are twice as good as 30.
    assert!((scale.points(-(60_f64).ln()) - 620.0).abs() < 1e-9);
}
