use arrow::array::AsArray;
use ingest::EventId;
use scoring::alerts::{AlertId, Did, Hit, Joined, Outcome as AlertOutcome, Raise, Severity, Step};
use scoring::decision::Degradation;
use scoring::lists::{Kind, Match};
use scoring::rules::{Fault, Outcome, Points, RuleHit, RuleId};
use scoring::{Ground, Reason, Verdict};

use super::*;
use crate::fixture::{at_desk, change, decided, did, opened, project, reason, sample, shadow, time};

fn rows(table: Table, records: &[ingest::log::Record]) -> Vec<serde_json::Value> {
    let projected = project(records);
    let (_, rows) = projected.rows.into_iter().find(|(of, _)| *of == table).unwrap();
    let mut text = Vec::new();
    let mut writer =
        arrow::json::writer::WriterBuilder::new().with_explicit_nulls(true).build::<_, arrow::json::writer::JsonArray>(&mut text);
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Whoever changes a column raises the version, or a warehouse of before has other columns than this program asks for.
#[test]
fn the_columns_of_the_version_are_pinned() {
    let describe = |table: Table| {
        let column = |field: &Arc<arrow::datatypes::Field>| {
            let optional = if field.is_nullable() { "?" } else { "" };
            format!("{} {}{optional}", field.name(), field.data_type())
        };
        format!("{table}: {}", table.schema().fields().iter().map(column).collect::<Vec<_>>().join(", "))
    };
    let text = Table::PROJECTED.map(describe).join("\n");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!((VERSION, format!("{hash:016x}").as_str()), (3, "b71868aee69758be"), "{text}");
}

#[test]
fn a_decision_says_what_it_rests_on() {
    let hit = |id: &str, outcome, shadow| RuleHit {
        rule_id: RuleId::new(id).unwrap(),
        version: 3,
        outcome,
        shadow,
        action: Some(Verdict::Review),
        score_modifier: Points::default(),
        reason: None,
        evidence: Vec::new(),
    };
    let on_list = Match { list: "stolen".to_owned(), kind: Kind::Block, of: "card".to_owned(), reason: "reported".to_owned() };
    let decision = scoring::Decision {
        ground: Ground::Rule("r_1".to_owned()),
        degradation: Some(Degradation::OutOfTime),
        rules: vec![
            hit("r_1", Outcome::Hit, false),
            hit("r_2", Outcome::Hit, true),
            hit("r_3", Outcome::Snoozed, false),
            hit("r_4", Outcome::Error(Fault::Overflow), true),
        ],
        lists: vec![on_list],
        reasons: vec![Reason { value: None, ..reason() }],
        control_version: Position(41),
        supersedes: EventId::new("before"),
        ..sample(0, "a", "2018-08-01")
    };
    let row = rows(Table::Decisions, &[decided(0, &decision)]).remove(0);
    let expect = [
        ("model_role", serde_json::json!("champion")),
        ("raw_probability", serde_json::json!(0.125)),
        ("ground", serde_json::json!("rule")),
        ("ground_id", serde_json::json!("r_1")),
        ("degradation", serde_json::json!("out_of_time")),
        ("rules_hit", serde_json::json!(["r_1"])),
        ("rules_watched", serde_json::json!(["r_2"])),
        ("lists", serde_json::json!(r#"[{"list":"stolen","kind":"block","of":"card","reason":"reported"}]"#)),
        ("control_version", serde_json::json!(41)),
        ("supersedes", serde_json::json!("before")),
    ];
    for (column, value) in expect {
        assert_eq!(row[column], value, "{column}");
    }
    let hits: Vec<RuleHit> = serde_json::from_str(row["rules"].as_str().unwrap()).unwrap();
    assert_eq!(hits, decision.rules);
}

#[test]
fn every_model_that_scored_has_a_row() {
    let records = [decided(0, &sample(0, "a", "2018-08-01")), shadow(1, 0, "a", "2018-08-01")];
    let said = |row: &serde_json::Value| {
        let column = |name: &str| row[name].to_string();
        ["log_position", "model_version", "role", "decided", "probability", "score", "features_version"].map(column).join(" ")
    };
    let found: Vec<_> = rows(Table::Scores, &records).iter().map(said).collect();
    let expect = [
        r#"0 7 "champion" true 0.125 730 "abc""#,
        r#"1 8 "challenger" false 0.5 899 null"#,
        r#"1 9 "challenger" false 0.25 804 null"#,
    ];
    assert_eq!(found, expect);
    let degraded = scoring::Decision { champion: None, ..sample(0, "a", "2018-08-01") };
    assert!(rows(Table::Scores, &[decided(0, &degraded)]).is_empty());
}

#[test]
fn a_change_says_who_did_what_and_why() {
    let row = rows(Table::Changes, &[change(3, "2018-08-01T10:00:00Z")]).remove(0);
    let expect = r#"{"at":"2018-08-01T10:00:00Z","by":"drift","kind":"retrain_wanted","log_position":3,"reason":"amounts doubled","subject":"{}"}"#;
    assert_eq!(row.to_string(), expect);

    let promoted = scoring::Control::Promoted {
        name: "card_fraud".to_owned(),
        version: 8,
        by: "ann".to_owned(),
        reason: "better".to_owned(),
        at: crate::fixture::time("2018-08-01"),
    };
    let record = crate::fixture::record(0, ingest::log::Topic::Control, &promoted.encode());
    let projected = project(&[record]);
    let (_, changes) = projected.rows.iter().find(|(table, _)| *table == Table::Changes).unwrap();
    let subject = changes.column_by_name("subject").unwrap();
    assert_eq!(subject.as_string_view().value(0), r#"{"name":"card_fraud","version":8}"#);

    let (by, at) = ("ann".to_owned(), crate::fixture::time("2018-08-01"));
    let unlisted = scoring::Control::Unlisted { list: "stolen".to_owned(), values: Vec::new(), by, at };
    let row = |control: &scoring::Control| {
        let record = crate::fixture::record(0, ingest::log::Topic::Control, &control.encode());
        let row = rows(Table::Changes, &[record]).remove(0);
        ["kind", "by", "reason", "subject"].map(|column| row[column].clone())
    };
    let [kind, by, reason, subject] = row(&unlisted.clone().explained("found again"));
    assert_eq!((&kind, &by, &reason), (&"unlisted".into(), &"ann".into(), &"found again".into()));
    assert_eq!([kind, by, serde_json::Value::Null, subject], row(&unlisted), "but for the reason it is the same row");
}

#[test]
fn whatever_happens_with_an_alert_has_a_row() {
    let joined = Joined {
        id: AlertId::new("declined", Position(8)),
        hit: Hit {
            event_id: EventId::new("b").unwrap(),
            decision: Position(9),
            occurred_at: time("2018-08-01"),
            amount_minor: Some(50),
            verdict: Verdict::Decline,
            score: None,
            rules: Vec::new(),
        },
        entities: Default::default(),
        severity: Severity::Critical,
        risen: None,
    };
    let joined = Step::Looked { raised: vec![Raise::Join(joined)], until: Position(10), from: Position(10) };
    let resolved = Did::Resolved { outcome: AlertOutcome::ConfirmedFraud, note: String::new(), events: Vec::new() };
    let records = [
        at_desk(0, Step::Policies(Vec::new()), "the pipeline file", "2018-08-01"),
        at_desk(1, opened(8, "2018-08-01T10:00:00Z", 100), "the alert desk", "2018-08-02"),
        at_desk(2, joined, "the alert desk", "2018-08-02"),
        at_desk(3, did(8, Did::Noted { text: "odd".to_owned() }), "ann", "2018-08-03"),
        at_desk(4, did(8, resolved), "ann", "2018-08-03"),
    ];
    let said = |row: &serde_json::Value| {
        let column = |name: &str| row[name].to_string();
        ["log_position", "at", "alert_id", "policy", "step", "by", "severity", "outcome", "event_id", "amount_minor", "text"]
            .map(column)
            .join(" ")
    };
    let found: Vec<_> = rows(Table::AlertEvents, &records).iter().map(said).collect();
    let expect = [
        r#"1 "2018-08-01T10:00:00Z" "declined-8" "declined" "opened" "the alert desk" "high" null "a" 100 null"#,
        r#"2 "2018-08-02T00:00:00Z" "declined-8" "declined" "joined" "the alert desk" "critical" null "b" 50 null"#,
        r#"3 "2018-08-03T00:00:00Z" "declined-8" "declined" "noted" "ann" null null null null "odd""#,
        r#"4 "2018-08-03T00:00:00Z" "declined-8" "declined" "resolved" "ann" null "confirmed_fraud" null null null"#,
    ];
    assert_eq!(found, expect);
    let changes = rows(Table::Changes, &records);
    assert_eq!((changes.len(), &changes[0]["kind"]), (1, &"alerts".into()), "which policies hold is a change");
}
