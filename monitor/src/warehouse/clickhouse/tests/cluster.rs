//! What differs where an operator has made the tables for a cluster. What does not is in the suites that run on one of one shard, too.

use super::bridge::cluster;
use super::*;
use crate::Derived;
use crate::fixture::time;
use crate::questions::{Declared, Wanted};
use ingest::{Currency, EventId};
use scoring::rules::RuleId;

/// The engines of all tables of the warehouse's own, by name.
fn engines(warehouse: &ClickHouseWarehouse) -> Vec<String> {
    let sql = "SELECT concat(name, ' ', engine) FROM system.tables WHERE database = currentDatabase() ORDER BY name";
    let found = ask(warehouse, sql.to_owned());
    found
        .iter()
        .flat_map(|rows| rows.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn count(warehouse: &ClickHouseWarehouse, of: &str) -> u64 {
    number(&ask(warehouse, format!("SELECT COUNT(*) AS number FROM {of}"))).unwrap()
}

#[test]
fn tables_of_an_earlier_version_are_made_again_for_the_cluster() {
    let Some(address) = cluster("one") else { return };
    let records = records(2);
    let keep = KeepDays::from([("events".to_owned(), 1_000_000)]);
    let warehouse = open(&address).unwrap();
    append_rest(&warehouse, &records, 10).unwrap();
    let before = engines(&warehouse);
    assert_eq!(before.iter().filter(|table| table.ends_with(" Distributed")).count(), ddl::DEFINITIONS.len());
    for table in ["scores", "scores_local", "profiles"] {
        run(&warehouse, &format!("DROP TABLE {table}"));
    }
    run(
        &warehouse,
        "CREATE TABLE alerts_local (series String, window_start DateTime, alert_id String, generation UInt64)
        ENGINE = MergeTree ORDER BY window_start",
    );
    run(&warehouse, "CREATE TABLE alerts AS alerts_local ENGINE = Distributed(one, currentDatabase(), alerts_local, 0)");
    run(&warehouse, "ALTER TABLE decisions_local DROP COLUMN ground");
    run(&warehouse, "TRUNCATE TABLE checkpoints_local");
    run(&warehouse, "INSERT INTO checkpoints (version, reached) VALUES (1, 10)");

    let warehouse = ClickHouseWarehouse::open(address.clone(), keep).unwrap();
    assert_eq!((warehouse.reached(), retired(&warehouse)), (Position(0), Some(0)));
    assert_eq!(engines(&warehouse), before);
    append_rest(&warehouse, &records, 3).unwrap();
    check_whole(&warehouse, &records);
    let with_ttl = "system.tables WHERE database = currentDatabase() AND engine_full LIKE '%toIntervalDay(1000000)%'";
    assert_eq!(count(&warehouse, with_ttl), 1);
}

#[test]
fn rows_of_a_table_go_after_the_days_that_are_set() {
    let Some(address) = cluster("one") else { return };
    for days in [400, 30] {
        let keep = KeepDays::from([("events".to_owned(), days)]);
        let warehouse = ClickHouseWarehouse::open(address.clone(), keep).unwrap();
        let of = format!(
            "system.tables WHERE database = currentDatabase() AND name = 'events_local' AND engine_full LIKE '%toIntervalDay({days})%'"
        );
        assert_eq!(count(&warehouse, &of), 1, "{days}");
    }
}

#[tokio::test]
async fn points_that_no_longer_count_are_deleted_on_the_shards() {
    let Some(address) = cluster("one") else { return };
    let warehouse = open(&address).unwrap();
    for name in ["before", "new"] {
        write(&warehouse, "s", Window::Day, time("2018-08-01"), &[drift_point(name, None)]).unwrap();
    }
    let found = read::<DriftPoint>(&warehouse, Days::ALL).await.unwrap();
    assert_eq!(found.iter().map(|filed| filed.point.name.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(count(&warehouse, "drift_points_local"), 1);
}

/// A question of each kind.
fn questions() -> Vec<Question> {
    let (days, as_of, limit, entity) = (Days::ALL, time("2030-01-01"), 10, || "card".to_owned());
    let currency = Currency::default();
    let points = Derived::ALL.map(|table| Question::Points { table, days });
    let others = [
        Question::Volume { days, currency },
        Question::DecisionMix(days),
        Question::ScoreDistribution(days),
        Question::Latency(days),
        Question::LatencyOverall(days),
        Question::Detection { days, currency },
        Question::Newest { days, wanted: Wanted::default(), before: u64::MAX, limit },
        Question::Vectors { first_position: 0, limit },
        Question::Judged { days, as_of, currency },
        Question::Rivals { model: "card_fraud".to_owned(), champion: 7, challenger: 8, days, as_of, currency },
        Question::Delays { as_of },
        Question::Alerts(days),
        Question::Entity { entity: entity(), key: "card_1".to_owned(), days, before: u64::MAX, limit },
        Question::Attributes { days },
        Question::Keys { entity: entity(), days },
        Question::Declarations { of: Declared::Rules },
        Question::Declarations { of: Declared::Rule(RuleId::new("large").unwrap()) },
        Question::Moment,
        Question::Decision { event_id: EventId::new("event_0").unwrap() },
    ];
    others.into_iter().chain(points).collect()
}

/// With more shards than one the server refuses to ask the others from within a question, unless it is told how.
#[tokio::test]
async fn every_question_is_answered_over_several_shards() {
    let Some(address) = cluster("two") else { return };
    let warehouse = open(&address).unwrap();
    append_rest(&warehouse, &records(1), 5).unwrap();
    for question in questions() {
        let answer = warehouse.answer(question.clone()).await;
        answer.unwrap_or_else(|error| panic!("{question:?}: {:?}", std::error::Error::source(&error)));
    }
    // Both shards are asked: here they are the same one, which has the event once.
    let asked = volume(&warehouse, Days::ALL, Currency::default()).await.unwrap();
    assert_eq!((asked[0].events, count(&warehouse, "events_local")), (2, 1));
    let refused = warehouse.wait(async move |tables: Arc<Tables>| {
        let joined = "SELECT event_id FROM decisions WHERE event_id IN (SELECT event_id FROM labels)";
        tables.server.ask(tables.server.query(joined)).await.map_err(tables.failed("ask"))
    });
    let refused = format!("{:?}", std::error::Error::source(&refused.unwrap_err()));
    assert!(refused.contains("DISTRIBUTED_IN_JOIN_SUBQUERY_DENIED"), "it needs to be told: {refused}");
}
