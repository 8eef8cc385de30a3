mod cluster;
mod grafana;

use std::sync::atomic::{AtomicUsize, Ordering};

use ingest::Currency;
use ingest::log::Log;
use ingest::log::file::{FileLog, Options};

use super::bridge::{Bridge, database};
use super::server::Moment;
use super::*;
use crate::fixture::{change, decision, drift_point, event, label, project, shadow};
use crate::points::{DriftPoint, read, write};
use crate::questions::volume;
use crate::{Projector, Table, Window};

/// Events with all that can follow on one; every other falls on another day, in another month.
fn records(count: u64) -> Vec<ingest::log::Record> {
    let of_event = |number: u64| {
        let id = format!("event_{number}");
        let day = if number.is_multiple_of(2) { "2018-08-31T10:00:00Z" } else { "2018-09-01T10:00:00Z" };
        let first = number * 5;
        [
            event(first, &id, day, 100),
            decision(first + 1, first, &id, day),
            shadow(first + 2, first, &id, day),
            label(first + 3, &id, "fraud", "2018-09-09"),
            change(first + 4, day),
        ]
    };
    (0..count).flat_map(of_event).collect()
}

fn open(address: &Address) -> Result<ClickHouseWarehouse, Error> {
    ClickHouseWarehouse::open(address.clone(), KeepDays::new())
}

/// Appends what is not there yet, a stretch of so many records at a time.
fn append_rest(warehouse: &ClickHouseWarehouse, records: &[ingest::log::Record], stretch: usize) -> Result<(), Error> {
    let reached = usize::try_from(warehouse.reached().0).unwrap();
    records[reached..].chunks(stretch).try_for_each(|records| warehouse.append(&project(records)))
}

fn ask(warehouse: &ClickHouseWarehouse, sql: String) -> Vec<RecordBatch> {
    let asked = warehouse
        .wait(async move |tables: Arc<Tables>| tables.server.ask(tables.server.query(&sql)).await.map_err(tables.failed("ask")));
    asked.unwrap()
}

fn run(warehouse: &ClickHouseWarehouse, sql: &str) {
    let sql = sql.to_owned();
    let ran = warehouse.wait(async move |tables: Arc<Tables>| {
        tables.server.execute(tables.server.query(&sql)).await.map_err(tables.failed("run"))
    });
    ran.unwrap();
}

/// Every row once and no other.
fn check_whole(warehouse: &ClickHouseWarehouse, records: &[ingest::log::Record]) {
    for (table, rows) in project(records).rows {
        let found = ask(warehouse, format!("SELECT log_position FROM {table} ORDER BY log_position"));
        let found: Vec<u64> =
            found.iter().flat_map(|rows| rows.column(0).as_primitive::<UInt64Type>().values()).copied().collect();
        assert_eq!(found, rows.column(0).as_primitive::<UInt64Type>().values().to_vec(), "{table}");
    }
}

/// Whatever request is lost, or its answer: whoever starts again, with other stretches, has every row once, also where the server does not
/// remember tokens.
#[test]
fn a_network_that_fails_at_any_request_loses_nothing_and_keeps_nothing_twice() {
    let Some(_) = database() else { return };
    let records = records(2);
    for moment in [Moment::Before, Moment::After] {
        for failing in 0.. {
            let address = database().unwrap();
            let warehouse = open(&address).unwrap();
            for table in Table::PROJECTED {
                run(&warehouse, &format!("ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 0"));
            }
            drop(warehouse);

            let requests = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&requests);
            let hook = move |at: Moment| {
                let is_failing = at == moment && counted.fetch_add(1, Ordering::Relaxed) == failing;
                if is_failing { Err(error::Error::Network("the network is away".into())) } else { Ok(()) }
            };
            let server = Server::new(&address).unwrap().with_hook(hook);
            let warehouse = ClickHouseWarehouse::open_on(server, address.clone(), KeepDays::new()).unwrap();
            let _ = append_rest(&warehouse, &records, 8);
            // From here on nothing fails any more.
            let were_made = requests.swap(failing + 1, Ordering::Relaxed);
            // Once the same goes on, once a new start does.
            let warehouse = if failing.is_multiple_of(2) { warehouse } else { open(&address).unwrap() };
            // Where only the answer was lost, the next try learns that, and the one after it goes on, as the projection does.
            append_rest(&warehouse, &records, 5).or_else(|_| append_rest(&warehouse, &records, 5)).unwrap();
            check_whole(&warehouse, &records);
            if were_made <= failing {
                break;
            }
        }
    }
}

/// Appends a stretch as somebody does who did not notice that its rows came through: all but the checkpoint, with no look at what is there.
fn append_unseen(warehouse: &ClickHouseWarehouse, stretch: &Projected) {
    run(warehouse, "TRUNCATE TABLE checkpoints");
    let stretch = stretch.clone();
    let unseen = Writer { clean_from: Some(0) };
    *warehouse.tables.reached_lock() = Some(stretch.from);
    warehouse.wait(async move |tables: Arc<Tables>| tables.append(unseen, &stretch).await).unwrap();
}

/// What outlives its connection and ends after the next try has looked comes twice, and is kept once by its token.
#[test]
fn a_server_that_remembers_tokens_takes_an_insert_once() {
    let Some(address) = database() else { return };
    let records = records(3);
    let stretch = project(&records);
    let warehouse = open(&address).unwrap();
    for _ in 0..3 {
        append_unseen(&warehouse, &stretch);
        check_whole(&warehouse, &records);
    }
    // Where it does not remember, there is nothing else to tell them by.
    run(&warehouse, "ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 0");
    append_unseen(&warehouse, &stretch);
    let events = ask(&warehouse, "SELECT COUNT(*) AS number FROM events".to_owned());
    assert_eq!(number(&events), Some(6));
}

/// What is in some tables only is not seen.
#[tokio::test]
async fn a_question_sees_all_tables_as_of_one_position() {
    let Some(address) = database() else { return };
    let records = records(3);
    let warehouse = open(&address).unwrap();
    append_rest(&warehouse, &records[..5], 5).unwrap();
    let half = project(&records[5..10]);
    let (table, rows) = half.rows.iter().find(|(table, _)| *table == Table::Events).unwrap().clone();
    let insert =
        async move |tables: Arc<Tables>| tables.server.insert(table.name(), &rows, "half").await.map_err(tables.failed("insert"));
    warehouse.wait(insert).unwrap();
    let events =
        async || volume(&warehouse, Days::ALL, Currency::default()).await.unwrap().iter().map(|day| day.events).sum::<u64>();
    assert_eq!(events().await, 1);
    // Another start finds it.
    let warehouse = open(&address).unwrap();
    append_rest(&warehouse, &records, 7).unwrap();
    check_whole(&warehouse, &records);
}

#[tokio::test]
async fn a_server_that_comes_back_gets_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine").display().to_string();
    let Some(bridge) = Bridge::start(&["--path", &path]) else { return };
    let (port, address) = (bridge.port.to_string(), bridge.address("risk"));
    let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).unwrap();
    let log = Arc::new(log);
    let append = |records: &[ingest::log::Record]| {
        records.iter().for_each(|record| {
            log.append(record.topic, &record.payload).unwrap();
        });
        log.flush().unwrap()
    };
    let records = records(3);
    let warehouse = Arc::new(open(&address).unwrap());
    let flush_interval = std::time::Duration::from_secs(1_000_000);
    let schema = Arc::new(crate::fixture::schema());
    let projector = Projector::start(Arc::clone(&log) as _, Arc::clone(&warehouse) as _, schema, flush_interval).unwrap();
    projector.catch_up(append(&records[..5])).await.unwrap();

    drop(bridge);
    let error = projector.catch_up(append(&records[5..10])).await.unwrap_err().to_string();
    let expect = format!(
        "the projection into the warehouse stopped at position 5: cannot read table checkpoints in {address}: network error"
    );
    assert!(error.starts_with(&expect), "{error}");
    assert!(projector.progress().borrow().failed.is_some());
    let error = volume(&*warehouse, Days::ALL, Currency::default()).await.unwrap_err().to_string();
    assert_eq!(error, format!("cannot answer the question `volume` in {address}"));
    // A start without it is one that waits for it.
    let early = open(&address).unwrap();
    assert_eq!(early.reached(), Position(0));

    let _bridge = Bridge::start(&["--path", &path, "--port", &port]).unwrap();
    let end = append(&records[10..]);
    while projector.catch_up(end).await.is_err() {}
    projector.stop().await.unwrap();
    check_whole(&warehouse, &records);
    let error = early.append(&project(&records[..1])).unwrap_err().to_string();
    assert_eq!(error, "the warehouse has reached position 15 of the log and was given rows from 0 on");
    assert_eq!(early.reached(), Position(15));
}

#[test]
fn what_the_server_refuses_is_said_without_the_password() {
    let Some(address) = database() else { return };
    let wrong = Address { password: "wr0ng".to_owned(), ..address.clone() };
    let error = open(&wrong).err().expect("it is refused");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.to_string(), format!("cannot look for the database in {address}"));
    assert!(source.contains("Authentication failed") && !source.contains("wr0ng"), "{source}");

    let keep = KeepDays::from([("decision".to_owned(), 1)]);
    let error = ClickHouseWarehouse::open(address, keep).err().expect("there is no such table").to_string();
    assert!(error.starts_with("keep_days names a table `decision`; there are decisions, labels,"), "{error}");
}

#[test]
fn tables_of_another_version_are_refused_or_made_again() {
    let Some(address) = database() else { return };
    let records = records(2);
    append_rest(&open(&address).unwrap(), &records, 10).unwrap();
    let warehouse = open(&address).unwrap();
    assert_eq!(warehouse.reached(), Position(10));
    // As an older program has left it.
    run(&warehouse, "TRUNCATE TABLE checkpoints");
    run(&warehouse, "INSERT INTO checkpoints (version, reached) VALUES (1, 10)");
    run(&warehouse, "ALTER TABLE decisions DROP COLUMN ground");
    run(&warehouse, "DROP TABLE scores");
    let warehouse = open(&address).unwrap();
    assert_eq!(warehouse.reached(), Position(0));
    append_rest(&warehouse, &records, 3).unwrap();
    check_whole(&warehouse, &records);

    run(&warehouse, "INSERT INTO checkpoints (version, reached) VALUES (99, 10)");
    let error = open(&address).err().expect("it is newer").to_string();
    assert_eq!(error, format!("the tables in {address} have version 99, this program reads up to {VERSION}"));
}

/// How many tables there are of the name that one of before had.
fn retired(warehouse: &ClickHouseWarehouse) -> Option<u64> {
    let sql =
        "SELECT COUNT(*) AS number FROM system.tables WHERE database = currentDatabase() AND name IN ('alerts', 'alerts_local')";
    number(&ask(warehouse, sql.to_owned()))
}

#[test]
fn a_table_of_before_that_has_no_use_goes_and_somebody_elses_stays() {
    let Some(address) = database() else { return };
    let records = records(2);
    let warehouse = open(&address).unwrap();
    append_rest(&warehouse, &records, 10).unwrap();
    run(
        &warehouse,
        "CREATE TABLE alerts (series String, window String, window_start DateTime64(6, 'UTC'), alert_id String, generation UInt64)
        ENGINE = MergeTree ORDER BY window_start",
    );
    let warehouse = open(&address).unwrap();
    assert_eq!((retired(&warehouse), warehouse.reached()), (Some(0), Position(10)));
    check_whole(&warehouse, &records);
    run(&warehouse, "CREATE TABLE alerts (alert_id String, at DateTime) ENGINE = MergeTree ORDER BY at");
    assert_eq!(retired(&open(&address).unwrap()), Some(1));
}

#[test]
fn another_writer_is_noticed() {
    let Some(address) = database() else { return };
    let records = records(3);
    let (one, other) = (open(&address).unwrap(), open(&address).unwrap());
    append_rest(&one, &records[..5], 5).unwrap();
    let error = other.append(&project(&records[..5])).unwrap_err().to_string();
    assert_eq!(error, "the warehouse has reached position 5 of the log and was given rows from 0 on");
    append_rest(&other, &records, 5).unwrap();
    check_whole(&one, &records);
}

#[test]
fn rows_of_a_table_go_after_the_days_that_are_set() {
    let Some(address) = database() else { return };
    let engine = |warehouse: &ClickHouseWarehouse| {
        let rows = ask(
            warehouse,
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'events'".to_owned(),
        );
        rows[0].column(0).as_string::<i32>().value(0).to_owned()
    };
    assert!(!engine(&open(&address).unwrap()).contains("TTL"));
    for days in [400, 30] {
        let keep = KeepDays::from([("events".to_owned(), days)]);
        for _ in 0..2 {
            let warehouse = ClickHouseWarehouse::open(address.clone(), keep.clone()).unwrap();
            assert!(engine(&warehouse).contains(&format!("TTL day + toIntervalDay({days})")), "{}", engine(&warehouse));
        }
    }
}

/// The points of before count until the new ones do, whatever request is lost.
#[tokio::test]
async fn a_slot_has_its_points_of_before_or_the_new_ones() {
    let Some(address) = database() else { return };
    let point = |name: &str| drift_point(name, None);
    let start = crate::fixture::time("2018-08-01");
    let warehouse = open(&address).unwrap();
    write(&warehouse, "s", Window::Day, start, &[point("before"), point("before")]).unwrap();
    for moment in [Moment::Before, Moment::After] {
        for failing in 0..60 {
            let requests = AtomicUsize::new(0);
            let hook = move |at: Moment| {
                let is_failing = at == moment && requests.fetch_add(1, Ordering::Relaxed) >= failing;
                if is_failing { Err(error::Error::Network("the network is away".into())) } else { Ok(()) }
            };
            let server = Server::new(&address).unwrap().with_hook(hook);
            let failing = ClickHouseWarehouse::open_on(server, address.clone(), KeepDays::new()).unwrap();
            let written = write(&failing, "s", Window::Day, start, &[point("new")]);
            let found = read::<DriftPoint>(&warehouse, Days::ALL).await.unwrap();
            let found: Vec<_> = found.iter().map(|filed| filed.point.name.as_str()).collect();
            assert!(found == ["before", "before"] || found == ["new"], "{found:?}");
            assert!(written.is_err() || found == ["new"]);
            write(&warehouse, "s", Window::Day, start, &[point("before"), point("before")]).unwrap();
        }
    }
}
