//! Spans in the JSON of OTLP 1: ids in hexadecimal, times and whole numbers as text.

use ingest::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// A span.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

/// Of what an attribute is.
pub(super) enum Attribute<'a> {
    Text(&'a str),
    Number(i64),
}

impl<'a> From<&'a str> for Attribute<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Attribute<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Attribute<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Span {
    /// Of a request that was answered here.
    pub(super) fn server(
        trace_id: u128,
        id: u64,
        parent: Option<u64>,
        name: String,
        from: Timestamp,
        until: Timestamp,
        has_failed: bool,
    ) -> Self {
        const SERVER: u8 = 2;
        let status = has_failed.then(|| json!({"code": 2}));
        Self { status, kind: SERVER, name, ..Self::stage(trace_id, id, 0, "", from, until) }.below(parent)
    }

    /// Of a stage within.
    pub(super) fn stage(trace_id: u128, id: u64, parent: u64, name: &str, from: Timestamp, until: Timestamp) -> Self {
        const INTERNAL: u8 = 1;
        let nanos = |time: Timestamp| format!("{}", i128::from(time.micros()) * 1_000);
        Self {
            trace_id: format!("{trace_id:032x}"),
            span_id: hex(id),
            parent_span_id: Some(hex(parent)),
            name: name.to_owned(),
            kind: INTERNAL,
            start_time_unix_nano: nanos(from),
            end_time_unix_nano: nanos(until),
            attributes: Vec::new(),
            status: None,
        }
    }

    fn below(self, parent: Option<u64>) -> Self {
        Self { parent_span_id: parent.map(hex), ..self }
    }

    /// The same with one attribute more.
    pub(super) fn with<'a>(mut self, key: &str, value: impl Into<Attribute<'a>>) -> Self {
        let value = match value.into() {
            Attribute::Text(text) => json!({"stringValue": text}),
            Attribute::Number(number) => json!({"intValue": number.to_string()}),
        };
        self.attributes.push(json!({"key": key, "value": value}));
        self
    }
}

fn hex(id: u64) -> String {
    format!("{id:016x}")
}

/// What is sent to the collector.
pub(super) fn export(spans: &[Span]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let attribute = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    json!({"resourceSpans": [{
        "resource": {"attributes": [attribute("service.name", "riskflow"), attribute("service.version", version)]},
        "scopeSpans": [{"scope": {"name": "riskflow", "version": version}, "spans": spans}],
    }]})
}
