//! An application over HTTP: decided once, replayed, or refused with what is wrong with it.

use serde_json::{Value, json};

use super::support::{self, Server};
use super::{application, by_hand, score, serve, with, without};

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
