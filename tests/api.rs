//! The scoring API as a payment system sees it, over HTTP, against the program itself.

mod support;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::Response;
use ingest::SystemClock;
use riskflow::config::Config;
use scoring::api::{answer_score, router};
use support::{Server, handbook, payment, run_well, text, until, with_champion};
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;

#[test]
fn the_life_of_a_payment() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/readyz").status, 200);

    let body = payment("txn_1", "2026-04-23T12:00:00.123Z", 16_000);
    let first = server.post("/v1/score", &body);
    assert_eq!(first.status, 200, "{}", first.body);
    insta::assert_json_snapshot!("first_answer", first.json(), {
        ".decision_id" => "dec_…",
        ".engine.timings_us" => "…",
        ".model.probability" => insta::rounded_redaction(6),
        ".reasons[].contribution" => insta::rounded_redaction(6),
    });

    for stage in ["queue", "features", "model", "policy", "commit"] {
        assert!(first.json()["engine"]["timings_us"][stage].is_u64(), "{stage}");
    }

    let again = server.post("/v1/score", &body).json();
    assert_eq!(again["status"], "duplicate");
    for part in ["decision_id", "decision", "score", "reasons"] {
        assert_eq!(again[part], first.json()[part], "{part}");
    }

    let other = server.post("/v1/score", &payment("txn_1", "2026-04-23T12:00:00.123Z", 16_001));
    assert_eq!((other.status, other.content_type.as_str()), (409, "application/problem+json"));
    insta::assert_json_snapshot!("other_content", other.json());

    let label = r#"{"event_id":"txn_1","label":"fraud","source":"chargeback","observed_at":"2026-05-20T00:00:00Z"}"#;
    assert_eq!(server.post("/v1/labels", label).status, 202);
    let page = server.get("/v1/decisions/txn_1").json();
    assert_eq!((page["label"]["label"].as_str(), page["features"].as_array().map(Vec::len)), (Some("fraud"), Some(15)));
    assert_eq!(page["features"][0], serde_json::json!({"name": "amount_minor", "value": 16_000.0, "unit": "minor_units"}));
    assert_eq!(server.get("/v1/decisions/txn_2").status, 404);

    let metrics = server.get("/metrics").body;
    for line in [
        "riskflow_scoring_events_total 1",
        "riskflow_scoring_duplicates_total 1",
        r#"riskflow_scoring_refused_total{cause="conflict"} 1"#,
        "riskflow_scoring_labels_total 1",
    ] {
        assert!(metrics.lines().any(|each| each == line), "{line} is not in\n{metrics}");
    }
    server.stop();
}

#[test]
fn what_does_not_fit_is_refused_with_the_field() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let good = payment("txn_1", "2026-04-23T12:00:00Z", 100);
    let check = |body: &str, field: Option<&str>, reason: &str| {
        let answer = server.post("/v1/score", body);
        assert_eq!((answer.status, answer.content_type.as_str()), (422, "application/problem+json"), "{body}: {}", answer.body);
        let problem = answer.json();
        assert_eq!(problem["field"].as_str(), field, "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(reason)), "{body}: {problem}");
    };
    check("{", None, "JSON");
    check("[]", None, "object");
    check(&good.replace("\"event_id\":\"txn_1\",", ""), Some("event_id"), "missing");
    check(&good.replace("cus_9", ""), Some("customer.id"), "");
    check(&good.replace(":100,", ":-1,"), Some("transaction.amount_minor"), "negative");
    check(&good.replace(":100,", ":1.5,"), Some("transaction.amount_minor"), "");
    check(&good.replace("2026-04-23T12:00:00Z", "yesterday"), Some("event_time"), "");
    check(&good.replace("2026-04-23", "2999-04-23"), Some("event_time"), "ahead of the clock");
    check(&good.replace("\"card_payment\"", "\"login\""), Some("event_type"), "");
    check(&good.replace("EUR", "euro"), Some("transaction.currency"), "");
    let label =
        server.post("/v1/labels", r#"{"event_id":"x","label":"maybe","source":"analyst","observed_at":"2026-05-20T00:00:00Z"}"#);
    assert_eq!(label.status, 422, "{}", label.body);
    assert_eq!(server.post("/v1/score", &" ".repeat(100_000)).status, 413);
    for query in ["limit=0", "limit=501", "cursor=", "cursor=x", "cursor=07", "cursor=-1", "cursor=1.5"] {
        let refused = server.get(&format!("/v1/decisions?{query}"));
        assert_eq!((refused.status, refused.json()["field"].as_str()), (400, query.split('=').next()), "{query}");
    }
    assert!(server.get("/metrics").body.contains("riskflow_scoring_events_total 0"), "nothing of it was accepted");
}

/// Whatever is described refuses a parameter that it does not have, whether it has others or none; probes are answered all the same.
#[test]
fn a_parameter_that_there_is_not_is_refused_by_every_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let document = server.get("/openapi.json").json();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let in_place = |part: &str| match part {
            "{entity}" => "customer".to_owned(),
            part if part.starts_with('{') => "1".to_owned(),
            part => part.to_owned(),
        };
        let place = path.split('/').map(in_place).collect::<Vec<_>>().join("/");
        let place = format!("{place}?nonsense=1");
        for (method, call) in methods.as_object().expect("calls") {
            let answer = match method.as_str() {
                "get" => server.get(&place),
                "delete" => server.delete(&place),
                "put" => server.put(&place, "{}"),
                "post" => server.post(&place, "{}"),
                other => panic!("{other} {path} is asked by nobody here"),
            };
            if ["/livez", "/readyz", "/metrics"].contains(&path.as_str()) {
                assert_ne!(answer.status, 400, "{path}");
                continue;
            }
            assert_eq!((answer.status, answer.content_type.as_str()), (400, "application/problem+json"), "{method} {path}");
            assert_eq!(answer.json()["field"], "nonsense", "{method} {path}: {}", answer.body);
            assert!(call["responses"]["400"].is_object(), "{method} {path}");
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
    // Pages read their addresses by themselves.
    assert_eq!((server.get("/rules?rule=large").status, server.get("/v1/nothing?a=1").status), (200, 404));
    assert_eq!(server.put("/v1/status?a=1", "{}").status, 405);
}

/// An event that wants a decision goes past the routes; what it is answered is what the route says.
#[tokio::test(flavor = "multi_thread")]
async fn past_the_routes_an_event_is_answered_as_by_its_route() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let settings = [("RISKFLOW_DATA".to_owned(), text(folder.path()).to_owned())];
    let config = Config::load(None, settings.into_iter()).expect("it fits");
    let parts = riskflow::assemble(&config, handbook(), Arc::new(SystemClock), &mut |_| {}).expect("it starts");
    let router = router(Arc::clone(&parts.engine), Arc::new(|_| {}), Router::new(), OpenApi::default());
    let good = payment("txn_1", "2026-04-23T12:00:00Z", 100);
    let asked = [
        ("", good.clone(), 200),
        ("?reasons=all", payment("txn_2", "2026-04-23T12:00:00Z", 100), 200),
        ("?reasons=some", good.clone(), 400),
        ("?because=all", good.clone(), 400),
        ("", "{".to_owned(), 422),
        ("", good.replace("EUR", "euro"), 422),
        ("", good.replace(":100,", ":101,"), 409),
        ("", " ".repeat(64 * 1024), 422),
        ("", " ".repeat(64 * 1024 + 1), 413),
    ];
    for (query, body, status) in asked {
        let request = || Request::post(format!("/v1/score{query}")).body(Body::from(body.clone())).expect("a request");
        if status == 200 {
            let first = answer_score(&parts.engine, request(), false).await;
            assert_eq!(first.status(), 200, "it is a duplicate from here on, which takes no time");
        }
        let (past, routed) = (answer_score(&parts.engine, request(), false).await, router.clone().oneshot(request()).await);
        let (past, routed) = (said(past).await, said(routed.expect("it answers")).await);
        assert_eq!(past.0, status, "{}", past.2);
        assert_eq!(past, routed, "{query} {}", &body[..body.len().min(100)]);
    }
    parts.stop().await.expect("it stops");
}

/// Its status, its type and its body.
async fn said(answer: Response) -> (u16, String, serde_json::Value) {
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (status, kind, serde_json::from_slice(&body).expect("JSON"))
}

#[test]
fn an_answer_survives_a_power_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let bodies: Vec<String> =
        (0..20).map(|number| payment(&format!("txn_{number}"), "2026-04-23T12:00:00Z", 100 + number)).collect();
    let answers: Vec<_> = bodies.iter().map(|body| server.post("/v1/score", body).json()).collect();
    server.kill();
    let server = Server::start(folder.path());
    for (body, answer) in bodies.iter().zip(&answers) {
        let again = server.post("/v1/score", body).json();
        assert_eq!(
            (&again["status"], &again["decision_id"], &again["score"]),
            (&"duplicate".into(), &answer["decision_id"], &answer["score"])
        );
    }
    for (path, answer) in (0..).map(|number| format!("/v1/decisions/txn_{number}")).zip(&answers) {
        let by_decision = format!("/v1/decisions/{}", answer["decision_id"].as_str().expect("an id"));
        assert_eq!(server.get(&by_decision).json(), server.get(&path).json());
        assert_eq!(server.get(&format!("{by_decision}/replay")).json()["identical"], true);
    }
    for nothing in ["dec_0", "dec_007", "dec_999999", "dec_"] {
        assert_eq!(server.get(&format!("/v1/decisions/{nothing}")).status, 404, "{nothing}");
    }
    let next = server.post("/v1/score", &payment("txn_20", "2026-04-23T12:00:00Z", 1)).json();
    assert_eq!(next["status"], "new");
    let page = server.get("/v1/decisions/txn_20").json();
    let count = page["features"].as_array().and_then(|all| all.iter().find(|each| each["name"] == "customer_tx_count_1d"));
    assert_eq!(count.expect("a feature")["value"], 21.0, "the windows are as they were, each event once");
}

#[test]
fn a_key_is_held_to_its_rate_and_no_other_is() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let key = |name: &str, per_second: &str| {
        let (data, add) = (["key", "--data-dir", text(folder.path())], ["add", "--name", name, "--scopes", "score"]);
        run_well(&[&data[..], &add, &["--per-second", per_second]].concat()).stdout.trim().to_owned()
    };
    let (shop, other, unlimited) = (key("shop", "1"), key("other", "1"), key("unlimited", "0"));
    let server = Server::start(folder.path());
    let ask = |key: &str, id: &str| {
        let event: serde_json::Value = payment(id, "2026-04-23T12:00:00Z", 100).parse().expect("JSON");
        server.ask(key, "POST", "/v1/score", &event)
    };
    // However slow the machine is, two of so many come within a second.
    let mut sent = (0..100).map(|number| format!("txn_{number}")).map(|id| (ask(&shop, &id), id));
    let (refused, id) = sent.find(|(answer, _)| answer.status != 200).expect("one is too many");
    assert_eq!((refused.status, refused.content_type.as_str()), (429, "application/problem+json"), "{}", refused.body);
    assert_ne!(id, "txn_0", "the first is within the rate");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    let problem = refused.json();
    assert_eq!((&problem["type"], &problem["status"]), (&"/problems/too-many-requests".into(), &429.into()), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`shop`")), "{problem}");

    assert_eq!(ask(&other, "txn_other").status, 200, "its rate is its own");
    for number in 0..10 {
        assert_eq!(ask(&unlimited, &format!("txn_unlimited_{number}")).status, 200);
    }
    // What was refused was not accepted, and is when its time has come.
    let mut again = ask(&shop, &id);
    until("its rate allows one more", || {
        again = ask(&shop, &id);
        again.status != 429
    });
    assert_eq!((again.status, &again.json()["status"]), (200, &"new".into()), "{}", again.body);
    server.stop();
}

#[test]
fn a_batch_counts_as_many_requests_as_it_has_events() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let key = |name: &str, more: &[&str]| {
        let (data, add) = (["key", "--data-dir", text(folder.path())], ["add", "--name", name, "--scopes", "score,read"]);
        run_well(&[&data[..], &add, more].concat()).stdout.trim().to_owned()
    };
    let (shop, unlimited) = (key("shop", &["--per-second", "10"]), key("unlimited", &[]));
    let server = Server::start(folder.path());
    let batch = |key: &str, name: &str, events: u32| {
        let event = |number: u32| -> serde_json::Value {
            payment(&format!("{name}_{number}"), "2026-04-23T12:00:00Z", 100).parse().expect("JSON")
        };
        let events: Vec<serde_json::Value> = (0..events).map(event).collect();
        server.ask(key, "POST", "/v1/score/batch", &serde_json::json!({ "events": events }))
    };
    // More than a second's worth, of a key that has sent nothing: it is taken, and owed.
    let first = batch(&shop, "first", 1_000);
    assert_eq!((first.status, first.json()["results"].as_array().map(Vec::len)), (200, Some(1_000)), "{}", first.body);
    for refused in [batch(&shop, "second", 2), server.ask(&shop, "GET", "/v1/status", &serde_json::Value::Null)] {
        assert_eq!((refused.status, refused.content_type.as_str()), (429, "application/problem+json"), "{}", refused.body);
        let wait: u64 = refused.retry_after.as_deref().and_then(|wait| wait.parse().ok()).expect("it says when");
        assert!((30..=101).contains(&wait), "990 at ten a second: {wait}");
    }
    let unknown = server.ask(&unlimited, "GET", "/v1/decisions/second_0", &serde_json::Value::Null);
    assert_eq!(unknown.status, 404, "{}", unknown.body);
    assert_eq!(batch(&unlimited, "third", 1_000).status, 200);
    server.stop();
}

#[test]
fn without_a_champion_it_is_not_ready_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("champion"), "{}", ready.body);
    let answer = server.post("/v1/score", &payment("txn_1", "2026-04-23T12:00:00Z", 100)).json();
    assert_eq!(
        (&answer["decision"], &answer["engine"]["mode"], &answer["score"]),
        (&"review".into(), &"degraded".into(), &serde_json::Value::Null)
    );
}

#[test]
fn the_page_and_its_questions_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let page = server.get("/");
    assert_eq!((page.status, page.content_type.starts_with("text/html")), (200, true));
    for question in ["volume", "decision-mix", "score-distribution", "detection"] {
        let answer = server.get(&format!("/v1/monitor/{question}"));
        assert_eq!((answer.status, answer.body.as_str()), (200, "[]"), "{question}");
    }
    assert_eq!(server.get("/v1/decisions").body, r#"{"items":[]}"#);
    let status = server.get("/v1/status").json();
    assert_eq!(
        (&status["pipeline"], &status["events"], &status["model"]),
        (&"card_fraud_handbook".into(), &0.into(), &serde_json::Value::Null)
    );
}

/// How an answer is encoded, and its bytes as they came.
fn raw(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (Option<String>, Vec<u8>) {
    let mut answer = answer.expect("the server answers");
    let encoding = answer.headers().get("content-encoding").map(|value| value.to_str().expect("ASCII").to_owned());
    (encoding, answer.body_mut().read_to_vec().expect("a body"))
}

#[test]
fn answers_and_assets_come_compressed_to_whom_wants_that_and_decisions_never() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    let server = Server::start(folder.path());
    let request = ureq::post(format!("{}/v1/score", server.url)).header("accept-encoding", "gzip");
    let request = request.header("content-type", "application/json");
    let (encoding, body) = raw(request.send(payment("txn_1", "2026-04-23T12:00:00Z", 100)));
    let decided: serde_json::Value = serde_json::from_slice(&body).expect("JSON as it is");
    assert_eq!((encoding, &decided["decision"]), (None, &"approve".into()), "{decided}");

    for path in ["/v1/decisions/txn_1", "/openapi.json", "/assets/app.js"] {
        let url = format!("{}{path}", server.url);
        let (encoding, plain) = raw(ureq::get(&url).call());
        assert_eq!(encoding, None, "{path}");
        let (encoding, packed) = raw(ureq::get(&url).header("accept-encoding", "gzip").call());
        assert_eq!((encoding.as_deref(), &packed[..2]), (Some("gzip"), [0x1f, 0x8b].as_slice()), "{path}");
        // It ends with the checksum and the length of what is in it.
        let length = u32::try_from(plain.len()).expect("no more than 4 GiB");
        let end = [crc32fast::hash(&plain).to_le_bytes(), length.to_le_bytes()].concat();
        assert!(packed.ends_with(&end), "{path}: another content");
        assert!(packed.len() < plain.len(), "{path}: {} bytes of {}", packed.len(), plain.len());
    }
}
