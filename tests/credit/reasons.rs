//! What an applicant is told: points, and the reasons why there are not more of them.

use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Topic};
use scoring::{Control, FileRegistry, Registry};
use serde_json::{Value, json};

use super::support::{run, text};
use super::trained::{copy, train, trained};
use super::{CREDIT, application, by_hand, score, serve, with, without};

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
