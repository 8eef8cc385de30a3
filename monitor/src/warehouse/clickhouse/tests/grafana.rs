//! The dashboard for Grafana asks of ClickHouse what ClickHouse can answer.

use scoring::alerts::{Did, Outcome};
use serde_json::Value;

use super::*;
use crate::fixture::{at_desk, did, experiment_point, metric_point, opened, time};

const DASHBOARD: &str = include_str!("../../../../grafana/riskflow.json");

/// What the plugin makes of its macros, for a week from a day on.
fn as_sent(sql: &str, from: Timestamp) -> String {
    let seconds = from.micros() / 1_000_000;
    let (from, to) = (format!("toDateTime({seconds})"), format!("toDateTime({})", seconds + 7 * 86_400));
    let mut parts = sql.split("$__timeFilter(");
    let first = parts.next().unwrap_or_default().to_owned();
    let sent = parts.fold(first, |sent, part| {
        let (column, rest) = part.split_once(')').expect("a macro ends");
        format!("{sent}{column} >= {from} AND {column} <= {to}{rest}")
    });
    let sent = sent.replace("$__fromTime", &from).replace("$__toTime", &to);
    assert!(!sent.contains('$'), "a macro or variable that is not known: {sent}");
    sent
}

/// The title of each panel that asks ClickHouse, with the SQL that it sends.
fn asked(from: Timestamp) -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let sent: Vec<_> = targets.iter().filter_map(|target| target["rawSql"].as_str()).map(|sql| as_sent(sql, from)).collect();
        sent.into_iter().map(move |sql| (title.clone(), sql)).collect::<Vec<_>>()
    };
    dashboard["panels"].as_array().unwrap().iter().flat_map(of_panel).collect()
}

/// A row as JSON, its columns in order.
fn rows(answer: &[RecordBatch]) -> Vec<Value> {
    let mut text = Vec::new();
    let mut writer =
        arrow::json::writer::WriterBuilder::new().with_explicit_nulls(true).build::<_, arrow::json::writer::JsonArray>(&mut text);
    writer.write_batches(&answer.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn every_panel_is_answered_with_rows() {
    let (start, at) = (time("2018-08-01"), "2018-08-01T10:00:00Z");
    let resolved = Did::Resolved { outcome: Outcome::ConfirmedFraud, note: "called".to_owned(), events: Vec::new() };
    let records = [
        event(0, "a", at, 100),
        decision(1, 0, "a", at),
        at_desk(2, opened(1, at, 100), "the alert desk", at),
        at_desk(3, opened(0, "2018-07-31T10:00:00Z", 100), "the alert desk", at),
        at_desk(4, did(1, Did::Claimed), "ann", "2018-08-01T11:00:00Z"),
        at_desk(5, did(1, resolved), "ann", "2018-08-01T12:00:00Z"),
        at_desk(6, did(1, Did::Noted { text: "odd".to_owned() }), "bob", "2018-08-01T13:00:00Z"),
        at_desk(7, did(0, Did::Claimed), "bob", "2018-08-01T13:00:00Z"),
    ];
    for address in [database(), super::bridge::cluster("one"), super::bridge::cluster("two")].into_iter().flatten() {
        let warehouse = open(&address).unwrap();
        warehouse.append(&project(&records)).unwrap();
        write(&warehouse, "training", Window::Day, start, &[drift_point("amount", Some(0.25))]).unwrap();
        write(&warehouse, "card_fraud", Window::Day, start, &[metric_point()]).unwrap();
        write(&warehouse, "card_fraud 7 8", Window::Day, start, &[experiment_point()]).unwrap();
        let asked = asked(start);
        assert_eq!(asked.len(), 9);
        for (title, sql) in asked {
            let found = rows(&ask(&warehouse, sql));
            assert!(!found.is_empty(), "{title}");
            if title == "Alerts" {
                // One that was raised before is not of these days, whatever happens with it in them.
                let [alert] = &found[..] else { panic!("{found:?}") };
                let said =
                    ["alert_id", "policy", "severity", "last_step", "by_whom", "outcome", "text"].map(|column| &alert[column]);
                assert_eq!(said, ["declined-1", "declined", "high", "resolved", "ann", "confirmed_fraud", "odd"]);
            }
        }
    }
}
