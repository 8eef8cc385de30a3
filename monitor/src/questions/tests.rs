use ingest::log::Record;
use scoring::alerts::{Did, Outcome as AlertOutcome};
use scoring::rules::{Outcome, RuleHit};
use scoring::{Decision, TimingsUs, Verdict};

use super::*;
use crate::fixture::{
    Backend, at_desk, backends, decided, did, event, event_in, label, label_of, opened, project, reason, rule_hit, sample, time,
};

/// One line of the fixture: an event and what was decided about it.
type Line = (&'static str, &'static str, i64, Verdict, Option<u16>, u32);

const LINES: [Line; 8] = [
    ("a", "2018-08-01T10:00:00Z", 1_000, Verdict::Approve, Some(12), 10),
    ("b", "2018-08-01T11:00:00Z", 2_000, Verdict::Approve, Some(24), 20),
    ("c", "2018-08-01T12:00:00Z", 4_000, Verdict::Review, Some(725), 30),
    ("d", "2018-08-01T23:59:59.999999Z", 8_000, Verdict::Decline, Some(1_000), 40),
    ("e", "2018-08-02T00:00:00Z", 16_000, Verdict::Approve, Some(30), 10),
    ("f", "2018-08-02T01:00:00Z", 32_000, Verdict::Challenge, Some(980), 10),
    ("g", "2018-08-03T01:00:00Z", 64_000, Verdict::Review, None, 500),
    ("h", "2018-08-03T02:00:00Z", 128_000, Verdict::Approve, Some(0), 10),
];

fn decision_of(line: Line, event_position: u64) -> Decision {
    let (id, at, amount, decision, score, total_us) = line;
    let sample = sample(event_position, id, at);
    Decision {
        amount_minor: Some(amount),
        decision,
        score,
        champion: score.and(sample.champion.clone()),
        reasons: if decision >= Verdict::Review { vec![reason()] } else { Vec::new() },
        timings_us: TimingsUs { queue: total_us - 3, features: 1, model: 1, policy: 1 },
        ..sample
    }
}

/// Events and decisions at positions 0 to 15, labels after them.
fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for line in LINES {
        let position = records.len() as u64;
        records.push(event(position, line.0, line.1, line.2));
        records.push(decided(position + 1, &decision_of(line, position)));
    }
    records.extend([
        label(16, "a", "legit", "2018-08-08"),
        // Contradicted by what was observed later,
        label(17, "b", "legit", "2018-08-08"),
        label(18, "b", "fraud", "2018-08-10"),
        // and by what was observed later though it came first.
        label_of(19, "c", "fraud", "2018-08-12", Some(3_500)),
        label(20, "c", "legit", "2018-08-09"),
        // Observed at the same time, so the last in the log holds.
        label(21, "d", "fraud", "2018-08-09"),
        label(22, "d", "legit", "2018-08-09"),
        label(23, "f", "default", "2018-08-03"),
        label(24, "unknown", "fraud", "2018-08-03"),
    ]);
    records
}

/// A warehouse of each kind with the records.
fn filled() -> impl Iterator<Item = Backend> {
    backends().inspect(|backend| backend.warehouse.append(&project(&records())).unwrap())
}

/// The rows as JSON, one a line.
fn lines<Row: Serialize>(rows: &[Row]) -> String {
    rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect::<Vec<_>>().join("\n")
}

fn euro() -> Currency {
    Currency::default()
}

fn days(first: &str, last: &str) -> Days {
    Days::between(Some(time(first)), Some(time(last)))
}

#[tokio::test]
async fn volume_by_day() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"day":"2018-08-01","events":4,"amount_minor":15000,"currency":"EUR","other_currency":0}
{"day":"2018-08-02","events":2,"amount_minor":48000,"currency":"EUR","other_currency":0}
{"day":"2018-08-03","events":2,"amount_minor":192000,"currency":"EUR","other_currency":0}"#;
        assert_eq!(lines(&volume(&*warehouse, Days::ALL, euro()).await.unwrap()), expect.trim());
    }
}

#[tokio::test]
async fn decisions_by_day() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"day":"2018-08-01","approve":2,"challenge":0,"review":1,"decline":1}
{"day":"2018-08-02","approve":1,"challenge":1,"review":0,"decline":0}
{"day":"2018-08-03","approve":1,"challenge":0,"review":1,"decline":0}"#;
        assert_eq!(lines(&decision_mix(&*warehouse, Days::ALL).await.unwrap()), expect.trim());
    }
}

#[tokio::test]
async fn scores_in_bands() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"from_score":0,"decisions":3,"bad":1,"good":1}
{"from_score":25,"decisions":1,"bad":0,"good":0}
{"from_score":725,"decisions":1,"bad":1,"good":0}
{"from_score":975,"decisions":2,"bad":1,"good":1}"#;
        assert_eq!(lines(&score_distribution(&*warehouse, Days::ALL).await.unwrap()), expect.trim());
    }
}

#[tokio::test]
async fn latency_by_day_and_overall() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"day":"2018-08-01","decisions":4,"p50_us":20.0,"p90_us":40.0,"p99_us":40.0,"p999_us":40.0,"max_us":40}
{"day":"2018-08-02","decisions":2,"p50_us":10.0,"p90_us":10.0,"p99_us":10.0,"p999_us":10.0,"max_us":10}
{"day":"2018-08-03","decisions":2,"p50_us":10.0,"p90_us":500.0,"p99_us":500.0,"p999_us":500.0,"max_us":500}"#;
        assert_eq!(lines(&latency(&*warehouse, Days::ALL).await.unwrap()), expect.trim());

        let overall = latency_overall(&*warehouse, Days::ALL).await.unwrap();
        let expect = Latency { decisions: 8, p50_us: 10.0, p90_us: 500.0, p99_us: 500.0, p999_us: 500.0, max_us: 500 };
        assert_eq!(overall, Some(expect));
    }
}

#[tokio::test]
async fn detection_by_day_with_the_label_observed_last() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"day":"2018-08-01","decisions":4,"labelled":4,"bad":2,"flagged":2,"caught":1,"caught_amount_minor":3500,"bad_amount_minor":5500,"currency":"EUR","other_currency":0,"precision":0.5,"recall":0.5}
{"day":"2018-08-02","decisions":2,"labelled":1,"bad":1,"flagged":0,"caught":0,"caught_amount_minor":0,"bad_amount_minor":32000,"currency":"EUR","other_currency":0,"precision":null,"recall":0.0}
{"day":"2018-08-03","decisions":2,"labelled":0,"bad":0,"flagged":0,"caught":0,"caught_amount_minor":0,"bad_amount_minor":0,"currency":"EUR","other_currency":0,"precision":null,"recall":null}"#;
        assert_eq!(lines(&detection(&*warehouse, Days::ALL, euro()).await.unwrap()), expect.trim());
    }
}

#[tokio::test]
async fn a_label_that_comes_late_joins_its_decision() {
    for Backend { warehouse, .. } in filled() {
        warehouse.append(&project(&[label(25, "g", "fraud", "2018-11-01")])).unwrap();
        let of_day = detection(&*warehouse, days("2018-08-03", "2018-08-03"), euro()).await.unwrap();
        let expect = r#"{"day":"2018-08-03","decisions":2,"labelled":1,"bad":1,"flagged":1,"caught":1,"caught_amount_minor":64000,"bad_amount_minor":64000,"currency":"EUR","other_currency":0,"precision":1.0,"recall":1.0}"#;
        assert_eq!(lines(&of_day), expect);
    }
}

#[tokio::test]
async fn money_in_another_currency_is_left_out_and_counted() {
    const AT: &str = "2018-08-01T13:00:00Z";
    let yen = Currency::new("JPY").unwrap();
    let decision = |id: &'static str, verdict, position| decision_of((id, AT, 900_000, verdict, Some(800), 30), position);
    let in_yen = [
        event_in(25, "y", AT, 900_000, "JPY"),
        decided(26, &decision("y", Verdict::Review, 25)),
        event_in(27, "z", AT, 900_000, "JPY"),
        decided(28, &decision("z", Verdict::Approve, 27)),
        // A label's own loss is in the currency of its event.
        label_of(29, "y", "fraud", "2018-08-09", Some(700_000)),
        label(30, "z", "legit", "2018-08-09"),
    ];
    for Backend { warehouse, name, .. } in filled() {
        warehouse.append(&project(&in_yen)).unwrap();
        let check = async |currency: Currency, moved: (i64, u64), lost: (i64, i64, u64)| {
            let of_day = volume(&*warehouse, days("2018-08-01", "2018-08-01"), currency).await.unwrap().remove(0);
            assert_eq!((of_day.events, of_day.amount_minor, of_day.other_currency), (6, moved.0, moved.1), "{name}");
            let found = detection(&*warehouse, days("2018-08-01", "2018-08-01"), currency).await.unwrap().remove(0);
            assert_eq!((found.bad, found.flagged, found.caught), (3, 3, 2), "{name}");
            assert_eq!((found.caught_amount_minor, found.bad_amount_minor, found.other_currency), lost, "{name}");
            assert_eq!((of_day.currency, found.currency), (currency, currency), "{name}");
        };
        check(euro(), (15_000, 2), (3_500, 5_500, 1)).await;
        check(yen, (1_800_000, 4), (700_000, 700_000, 2)).await;
        check(Currency::new("USD").unwrap(), (0, 6), (0, 0, 3)).await;
        let newest = newest(&*warehouse, days("2018-08-01", "2018-08-01"), Wanted::default(), None, 3).await.unwrap();
        let told: Vec<_> = newest.iter().map(|row| (row.amount_minor, row.currency.as_deref())).collect();
        assert_eq!(told, [(Some(900_000), Some("JPY")), (Some(900_000), Some("JPY")), (Some(8_000), Some("EUR"))], "{name}");
    }
}

#[tokio::test]
async fn newest_first() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"log_position":7,"event_id":"d","occurred_at":"2018-08-01T23:59:59.999999Z","decided_at":"2018-08-01T23:59:59.999999Z","amount_minor":8000,"currency":"EUR","decision":"decline","score":1000,"model":"card_fraud","model_version":7,"probability":0.125,"total_us":40,"label":"legit"}
{"log_position":5,"event_id":"c","occurred_at":"2018-08-01T12:00:00Z","decided_at":"2018-08-01T12:00:00Z","amount_minor":4000,"currency":"EUR","decision":"review","score":725,"model":"card_fraud","model_version":7,"probability":0.125,"total_us":30,"label":"fraud"}"#;
        assert_eq!(
            lines(&newest(&*warehouse, days("2018-08-01", "2018-08-01"), Wanted::default(), None, 2).await.unwrap()),
            expect.trim()
        );

        let ids: Vec<_> = newest(&*warehouse, Days::ALL, Wanted::default(), None, 3)
            .await
            .unwrap()
            .into_iter()
            .map(|row| (row.event_id, row.label))
            .collect();
        assert_eq!(ids, [("h".to_owned(), None), ("g".to_owned(), None), ("f".to_owned(), Some("default".to_owned()))]);
    }
}

#[tokio::test]
async fn the_newest_that_came_to_something_or_that_a_rule_hit() {
    const AT: &str = "2018-08-01T10:00:00Z";
    let made = |position: u64, id: &str, decision: Verdict, rules: Vec<RuleHit>| {
        let of = sample(position, id, AT);
        [event(position, id, AT, 100), decided(position + 1, &Decision { decision, rules, ..of })]
    };
    let records = [
        made(0, "a", Verdict::Review, vec![rule_hit("large", Outcome::Hit, false)]),
        made(2, "b", Verdict::Approve, vec![rule_hit("large", Outcome::Hit, true), rule_hit("fast", Outcome::Snoozed, false)]),
        made(4, "c", Verdict::Decline, vec![rule_hit("large_one", Outcome::Hit, false)]),
        made(6, "d", Verdict::Review, Vec::new()),
    ]
    .concat();
    for Backend { warehouse, name, .. } in backends() {
        warehouse.append(&project(&records)).unwrap();
        let check = async |verdict: Option<Verdict>, rule: &str, limit: u32, expect: &[&str]| {
            let wanted = Wanted { verdict, rule: RuleId::new(rule) };
            let found = newest(&*warehouse, Days::ALL, wanted, None, limit).await.unwrap();
            let found: Vec<_> = found.iter().map(|row| row.event_id.as_str()).collect();
            assert_eq!(found, expect, "{name}: {verdict:?} {rule}");
        };
        check(None, "", 9, &["d", "c", "b", "a"]).await;
        check(Some(Verdict::Review), "", 9, &["d", "a"]).await;
        check(Some(Verdict::Review), "", 1, &["d"]).await;
        check(None, "large", 9, &["b", "a"]).await;
        check(Some(Verdict::Review), "large", 9, &["a"]).await;
        // Who is snoozed is not hit, and no rule has hit everything.
        check(None, "fast", 9, &[]).await;
        check(Some(Verdict::Challenge), "", 9, &[]).await;
    }
}

#[tokio::test]
async fn one_decision_with_everything() {
    for Backend { warehouse, .. } in filled() {
        let found = decision(&*warehouse, EventId::new("c").unwrap()).await.unwrap().unwrap();
        let expect = r#"{"log_position":5,"event_position":4,"event_id":"c","occurred_at":"2018-08-01T12:00:00Z","received_at":"2018-08-01T12:00:00Z","decided_at":"2018-08-01T12:00:00Z","amount_minor":4000,"currency":"EUR","entities":{"card":"card_1"},"attributes":{"channel":"ecom","items":"3"},"decision":"review","score":725,"model":"card_fraud","model_version":7,"probability":0.125,"engine_mode":"normal","review_threshold":700,"decline_threshold":900,"features_version":"abc","vector":[1.5,null],"reasons":[{"code":"VELOCITY","text":"6 payments in 1 h","feature":"card_tx_count_1h","value":6.0,"usual":null,"contribution":0.41}],"queue_us":27,"features_us":1,"model_us":1,"policy_us":1,"total_us":30,"label":"fraud","label_source":"chargeback","label_category":"10.4","label_observed_at":"2018-08-12T00:00:00Z"}"#;
        assert_eq!(lines(&[found]), expect);
        assert_eq!(decision(&*warehouse, EventId::new("z").unwrap()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_range_of_days_includes_both_ends() {
    for Backend { warehouse, .. } in filled() {
        let check = async |range: Days, expect: &[&str]| {
            let found: Vec<_> = volume(&*warehouse, range, euro()).await.unwrap().into_iter().map(|row| row.day).collect();
            assert_eq!(found, expect, "{range:?}");
            let found: Vec<_> = detection(&*warehouse, range, euro()).await.unwrap().into_iter().map(|row| row.day).collect();
            assert_eq!(found, expect, "{range:?}");
        };
        check(days("2018-08-01", "2018-08-02T15:00:00Z"), &["2018-08-01", "2018-08-02"]).await;
        check(days("2018-08-02", "2018-08-02"), &["2018-08-02"]).await;
        check(Days::between(Some(time("2018-08-02")), None), &["2018-08-02", "2018-08-03"]).await;
        check(Days::between(None, Some(time("2018-08-01"))), &["2018-08-01"]).await;
        check(days("2018-08-04", "2018-08-04"), &[]).await;
        check(days("2018-08-03", "2018-08-01"), &[]).await;
    }
}

#[tokio::test]
async fn an_empty_warehouse_gives_empty_answers() {
    for Backend { warehouse, .. } in backends() {
        assert_eq!(volume(&*warehouse, Days::ALL, euro()).await.unwrap(), []);
        assert_eq!(decision_mix(&*warehouse, Days::ALL).await.unwrap(), []);
        assert_eq!(score_distribution(&*warehouse, Days::ALL).await.unwrap(), []);
        assert_eq!(latency(&*warehouse, Days::ALL).await.unwrap(), []);
        assert_eq!(latency_overall(&*warehouse, Days::ALL).await.unwrap(), None);
        assert_eq!(detection(&*warehouse, Days::ALL, euro()).await.unwrap(), []);
        assert_eq!(newest(&*warehouse, Days::ALL, Wanted::default(), None, 10).await.unwrap(), []);
        assert_eq!(decision(&*warehouse, EventId::new("a").unwrap()).await.unwrap(), None);
    }
}

#[test]
fn an_unexpected_column_is_an_error_that_names_the_question() {
    let column = std::sync::Arc::new(arrow::array::StringArray::from(vec!["many"])) as _;
    let batch = RecordBatch::try_from_iter([("events", column)]).unwrap();
    let error = rows::<VolumeDay>("volume", &[batch]).unwrap_err();
    assert_eq!(error.to_string(), "the answer to the question `volume` has an unexpected form");
}

#[tokio::test]
async fn vectors_in_the_order_of_the_log() {
    for Backend { warehouse, .. } in filled() {
        let positions = async |after: Option<u64>, limit: u32| {
            vectors(&*warehouse, after, limit).await.unwrap().into_iter().map(|row| row.event_position).collect::<Vec<_>>()
        };
        assert_eq!(positions(None, 3).await, [0, 2, 4]);
        assert_eq!(positions(Some(4), 100).await, [6, 8, 10, 12, 14]);
        assert_eq!(positions(Some(14), 100).await, Vec::<u64>::new());
        let first = vectors(&*warehouse, None, 1).await.unwrap().remove(0);
        assert_eq!((first.features_version.as_str(), first.vector), ("abc", vec![Some(1.5), None]));
    }
}

#[tokio::test]
async fn alerts_and_how_they_went() {
    let resolved = |outcome| Did::Resolved { outcome, note: String::new(), events: Vec::new() };
    let dismissed = || Did::Dismissed { reason: "known".to_owned() };
    let reopened = || Did::Reopened { reason: "not so".to_owned() };
    let records = [
        at_desk(0, opened(10, "2018-08-01T10:00:00Z", 100), "the alert desk", "2018-08-01"),
        at_desk(1, opened(11, "2018-08-01T11:00:00Z", 100), "the alert desk", "2018-08-01"),
        at_desk(2, opened(12, "2018-08-02T11:00:00Z", 100), "the alert desk", "2018-08-02"),
        at_desk(3, did(10, Did::Claimed), "ann", "2018-08-02T12:00:00Z"),
        at_desk(4, did(10, Did::Released), "ann", "2018-08-02T13:00:00Z"),
        at_desk(5, did(10, Did::Claimed), "bob", "2018-08-02T14:00:00Z"),
        at_desk(6, did(10, resolved(AlertOutcome::FalsePositive)), "bob", "2018-08-03T12:00:00Z"),
        at_desk(7, did(10, reopened()), "ann", "2018-08-03T13:00:00Z"),
        at_desk(8, did(10, resolved(AlertOutcome::ConfirmedFraud)), "ann", "2018-08-03T14:00:00Z"),
        at_desk(9, did(11, dismissed()), "ann", "2018-08-03T14:00:00Z"),
        at_desk(10, did(11, reopened()), "ann", "2018-08-03T15:00:00Z"),
    ];
    for Backend { warehouse, .. } in backends() {
        warehouse.append(&project(&records)).unwrap();
        let expect = r#"
{"policy":"declined","severity":"high","opened_at":"2018-08-01T10:00:00Z","claimed_at":"2018-08-02T12:00:00Z","closed_at":"2018-08-03T14:00:00Z","closed_as":"resolved","outcome":"confirmed_fraud"}
{"policy":"declined","severity":"high","opened_at":"2018-08-01T11:00:00Z","claimed_at":null,"closed_at":"2018-08-03T15:00:00Z","closed_as":"reopened","outcome":null}
{"policy":"declined","severity":"high","opened_at":"2018-08-02T11:00:00Z","claimed_at":null,"closed_at":null,"closed_as":null,"outcome":null}"#;
        assert_eq!(lines(&alerts(&*warehouse, Days::ALL).await.unwrap()), expect.trim());
        assert_eq!(alerts(&*warehouse, days("2018-08-02", "2018-08-09")).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_an_entity_did() {
    for Backend { warehouse, .. } in filled() {
        let expect = r#"
{"event_position":6,"event_id":"d","occurred_at":"2018-08-01T23:59:59.999999Z","amount_minor":8000,"currency":"EUR","decision":"decline","score":1000,"label":"legit","label_source":"chargeback"}
{"event_position":4,"event_id":"c","occurred_at":"2018-08-01T12:00:00Z","amount_minor":4000,"currency":"EUR","decision":"review","score":725,"label":"fraud","label_source":"chargeback"}"#;
        let found = entity(&*warehouse, "card", "card_1", days("2018-08-01", "2018-08-01"), None, 2).await.unwrap();
        assert_eq!(lines(&found), expect.trim());
        assert_eq!(entity(&*warehouse, "card", "card_1", Days::ALL, None, 100).await.unwrap().len(), 8);
        for (entity_name, key) in [("card", "card_2"), ("terminal", "card_1"), ("o'brien", "card_1"), ("card", "' OR '1'='1")] {
            assert_eq!(entity(&*warehouse, entity_name, key, Days::ALL, None, 100).await.unwrap(), [], "{entity_name} {key}");
        }
    }
}

#[tokio::test]
async fn an_event_without_its_decision_is_something_that_an_entity_did() {
    for Backend { warehouse, .. } in filled() {
        warehouse.append(&project(&[event(25, "i", "2018-08-03T03:00:00Z", 100)])).unwrap();
        let found = entity(&*warehouse, "card", "card_1", Days::ALL, None, 2).await.unwrap();
        let found: Vec<_> = found.iter().map(|event| (event.event_id.as_str(), event.decision.as_deref())).collect();
        assert_eq!(found, [("i", None), ("h", Some("approve"))]);
    }
}

/// Every event of the same moment, and others that come in while somebody reads.
#[tokio::test]
async fn what_lies_before_the_last_row_is_the_rest() {
    const AT: &str = "2018-08-01T10:00:00Z";
    let pair = |number: u64| {
        let (position, id) = (number * 2, format!("event_{number}"));
        [event(position, &id, AT, 100), decided(position + 1, &sample(position, &id, AT))]
    };
    for Backend { warehouse, name, .. } in backends() {
        warehouse.append(&project(&(0..7).flat_map(pair).collect::<Vec<_>>())).unwrap();
        let (mut decisions, mut events) = (Vec::new(), Vec::new());
        let (mut last_decision, mut last_event) = (None, None);
        for come in 7..11 {
            let found = newest(&*warehouse, Days::ALL, Wanted::default(), last_decision, 2).await.unwrap();
            last_decision = found.last().map(|row| row.log_position);
            decisions.extend(found.into_iter().map(|row| row.event_id));
            let found = entity(&*warehouse, "card", "card_1", Days::ALL, last_event, 2).await.unwrap();
            last_event = found.last().map(|row| row.event_position);
            events.extend(found.into_iter().map(|row| row.event_id));
            warehouse.append(&project(&pair(come))).unwrap();
        }
        let expect: Vec<_> = (0..7).rev().map(|number| format!("event_{number}")).collect();
        assert_eq!((&decisions, &events), (&expect, &expect), "{name}");
    }
}
