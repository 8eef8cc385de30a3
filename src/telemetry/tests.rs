use axum::http::HeaderValue;
use ingest::EventId;
use scoring::TimingsUs;

use super::*;

fn telemetry(one_in: u64) -> (Telemetry, Receiver<Vec<Span>>) {
    let (traces, waiting) = sync_channel(1);
    (Telemetry { one_in, seed: 7, count: AtomicU64::new(0), traces, figures: Arc::default(), thread: Mutex::default() }, waiting)
}

#[test]
fn the_sender_decides_or_else_one_in_so_many() {
    let picks = |one_in: u64, parent: Option<&'static str>| {
        let (telemetry, _waiting) = telemetry(one_in);
        let headers = parent.map(|parent| ("traceparent".parse().unwrap(), HeaderValue::from_static(parent)));
        let headers: HeaderMap = headers.into_iter().collect();
        (0..10_000).filter(|_| telemetry.pick(&headers).is_some()).count()
    };
    assert_eq!(picks(1, None), 10_000);
    assert!((800..1_200).contains(&picks(10, None)));
    assert_eq!(picks(1_000_000, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")), 10_000);
    assert_eq!(picks(1, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")), 0);
    assert_eq!(picks(1, Some("not one")), 10_000);
}

#[test]
fn parents_are_read_as_they_are_written() {
    let check = |text: &str, expect: Option<(u128, u64, bool)>| {
        let found = parent_of(text).map(|(picked, is_sampled)| (picked.trace_id, picked.parent.unwrap(), is_sampled));
        assert_eq!(found, expect, "{text}");
    };
    check("00-0000000000000000000000000000000a-000000000000000b-01", Some((10, 11, true)));
    check("00-0000000000000000000000000000000a-000000000000000b-02", Some((10, 11, false)));
    check("01-0000000000000000000000000000000a-000000000000000b-01-more", Some((10, 11, true)));
    check("00-00000000000000000000000000000000-000000000000000b-01", None);
    check("00-0000000000000000000000000000000a-0000000000000000-01", None);
    check("00-0000000000000000000000000000000A-000000000000000b-01", None);
    check("ff-0000000000000000000000000000000a-000000000000000b-01", None);
    check("00-0a-0b-01", None);
    check("", None);
}

#[test]
fn stages_lie_within_the_request() {
    let at = Timestamp::from_micros;
    let asked =
        Asked { method: Method::POST, path: "/v1/score".to_owned(), status: 200, started_at: at(1_000), ended_at: at(1_900) };
    let trace = Trace {
        event_id: EventId::new("e1").unwrap(),
        decision: "review",
        engine_mode: "normal",
        timings_us: TimingsUs { queue: 900, features: 20, model: 0, policy: 10 },
        commit_us: 400,
    };
    let picked = Picked { trace_id: 10, parent: Some(11) };
    let mut next = 0;
    let spans = spans(picked, &asked, Some(&trace), || {
        next += 1;
        next
    });
    let expect = serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "riskflow"}},
            {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
        ]},
        "scopeSpans": [{
            "scope": {"name": "riskflow", "version": env!("CARGO_PKG_VERSION")},
            "spans": [
                {"traceId": "0000000000000000000000000000000a", "spanId": "0000000000000001", "parentSpanId": "000000000000000b",
                 "name": "POST /v1/score", "kind": 2, "startTimeUnixNano": "1000000", "endTimeUnixNano": "1900000", "attributes": [
                    {"key": "http.request.method", "value": {"stringValue": "POST"}},
                    {"key": "url.path", "value": {"stringValue": "/v1/score"}},
                    {"key": "http.response.status_code", "value": {"intValue": "200"}},
                    {"key": "riskflow.event_id", "value": {"stringValue": "e1"}},
                    {"key": "riskflow.decision", "value": {"stringValue": "review"}},
                    {"key": "riskflow.engine_mode", "value": {"stringValue": "normal"}},
                ]},
                {"traceId": "0000000000000000000000000000000a", "spanId": "0000000000000002", "parentSpanId": "0000000000000001",
                 "name": "commit", "kind": 1, "startTimeUnixNano": "1500000", "endTimeUnixNano": "1900000", "attributes": []},
                {"traceId": "0000000000000000000000000000000a", "spanId": "0000000000000003", "parentSpanId": "0000000000000001",
                 "name": "policy", "kind": 1, "startTimeUnixNano": "1490000", "endTimeUnixNano": "1500000", "attributes": []},
                {"traceId": "0000000000000000000000000000000a", "spanId": "0000000000000004", "parentSpanId": "0000000000000001",
                 "name": "features", "kind": 1, "startTimeUnixNano": "1470000", "endTimeUnixNano": "1490000", "attributes": []},
                {"traceId": "0000000000000000000000000000000a", "spanId": "0000000000000005", "parentSpanId": "0000000000000001",
                 "name": "queue", "kind": 1, "startTimeUnixNano": "1000000", "endTimeUnixNano": "1470000", "attributes": []},
            ],
        }],
    }]});
    assert_eq!(export(&spans), expect);
}

#[test]
fn names_are_few_and_failures_are_marked() {
    let check = |method: Method, path: &str, status: u16, name: &str, has_failed: bool| {
        let (started_at, ended_at) = (Timestamp::from_micros(0), Timestamp::from_micros(1));
        let asked = Asked { method, path: path.to_owned(), status, started_at, ended_at };
        let spans = spans(Picked { trace_id: 1, parent: None }, &asked, None, || 1);
        let span = serde_json::to_value(&spans[0]).unwrap();
        assert_eq!((span["name"].as_str(), span["status"]["code"].as_u64()), (Some(name), has_failed.then_some(2)), "{span}");
        assert!(spans.len() == 1 && span.get("parentSpanId").is_none());
    };
    check(Method::POST, "/v1/score/batch", 200, "POST /v1/score/batch", false);
    check(Method::POST, "/v1/score", 503, "POST /v1/score", true);
    check(Method::GET, "/v1/score", 405, "GET", false);
    check(Method::GET, "/v1/decisions/4711", 404, "GET", false);
}

#[test]
fn what_finds_no_place_is_counted() {
    let (telemetry, waiting) = telemetry(1);
    let span = || vec![Span::stage(1, 2, 3, "model", Timestamp::from_micros(0), Timestamp::from_micros(1))];
    telemetry.send(span());
    telemetry.send(span());
    assert_eq!(telemetry.figures().lost.load(Ordering::Relaxed), 1);
    assert_eq!(waiting.try_iter().count(), 1);
}
