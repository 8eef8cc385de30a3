use std::path::Path;

use ingest::Currency;
use ingest::log::Topic;
use ingest::log::file::{FileLog, Options};

use super::*;
use crate::fixture;
use crate::questions::{Days, volume};
use crate::warehouse::ParquetWarehouse;

const NEVER: Duration = Duration::from_secs(1_000_000);
const AT_ONCE: Duration = Duration::ZERO;

fn open(folder: &Path) -> (Arc<FileLog>, Arc<ParquetWarehouse>) {
    let (log, _) = FileLog::open(&folder.join("log"), Options::default()).unwrap();
    (Arc::new(log), Arc::new(ParquetWarehouse::open(&folder.join("warehouse")).unwrap()))
}

fn start(log: &Arc<FileLog>, warehouse: &Arc<ParquetWarehouse>, flush_interval: Duration) -> Projector {
    Projector::start(Arc::clone(log) as _, Arc::clone(warehouse) as _, Arc::new(fixture::schema()), flush_interval).unwrap()
}

/// Appends so many events of one day.
fn append(log: &FileLog, events: u64) -> Position {
    for _ in 0..events {
        let payload = fixture::event(0, "a", "2018-08-01T10:00:00Z", 100).payload;
        log.append(Topic::Event, &payload).unwrap();
    }
    log.flush().unwrap()
}

async fn events(warehouse: &ParquetWarehouse) -> u64 {
    volume(warehouse, Days::ALL, Currency::default()).await.unwrap().iter().map(|day| day.events).sum()
}

#[tokio::test]
async fn catching_up_does_not_wait_for_the_interval() {
    let folder = tempfile::tempdir().unwrap();
    let (log, warehouse) = open(folder.path());
    let projector = start(&log, &warehouse, NEVER);
    let end = append(&log, 3);
    projector.catch_up(end).await.unwrap();
    assert_eq!(events(&warehouse).await, 3);
    assert_eq!(*projector.progress().borrow(), Progress { projected: end, rows: 3, ..Progress::default() });
    projector.stop().await.unwrap();
}

#[tokio::test]
async fn a_few_rows_are_written_after_the_interval() {
    let folder = tempfile::tempdir().unwrap();
    let (log, warehouse) = open(folder.path());
    let projector = start(&log, &warehouse, AT_ONCE);
    let end = append(&log, 3);
    projector.progress().wait_for(|progress| progress.projected == end).await.unwrap();
    assert_eq!(events(&warehouse).await, 3);
}

#[tokio::test]
async fn many_rows_are_written_before_the_interval() {
    let folder = tempfile::tempdir().unwrap();
    let (log, warehouse) = open(folder.path());
    let projector = start(&log, &warehouse, NEVER);
    append(&log, FLUSH_ROWS as u64);
    projector.progress().wait_for(|progress| progress.rows >= FLUSH_ROWS as u64).await.unwrap();
    assert_eq!(events(&warehouse).await, FLUSH_ROWS as u64);
}

#[tokio::test]
async fn the_rest_is_written_at_the_end_and_the_next_start_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (log, warehouse) = open(folder.path());
        let projector = start(&log, &warehouse, NEVER);
        append(&log, 3);
        projector.stop().await.unwrap();
        assert_eq!(events(&warehouse).await, 3);
    }
    let (log, warehouse) = open(folder.path());
    let end = append(&log, 2);
    let projector = start(&log, &warehouse, NEVER);
    projector.catch_up(end).await.unwrap();
    assert_eq!(events(&warehouse).await, 5);
    assert_eq!(*projector.progress().borrow(), Progress { projected: end, rows: 2, ..Progress::default() });
}

#[tokio::test]
async fn a_warehouse_that_was_away_gets_everything_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (log, warehouse) = open(folder.path());
    let projector = start(&log, &warehouse, AT_ONCE);
    let first = append(&log, 2);
    projector.catch_up(first).await.unwrap();
    let (place, away) = (folder.path().join("warehouse"), folder.path().join("away"));
    std::fs::rename(&place, &away).unwrap();
    let end = append(&log, 3);
    let error = projector.catch_up(end).await.unwrap_err().to_string();
    assert!(error.contains("stopped at position 2: there is no warehouse in"), "{error}");
    let mut progress = projector.progress();
    progress.wait_for(|progress| progress.failures >= 2).await.unwrap();
    assert!(progress.borrow().failed.is_some());
    std::fs::rename(&away, &place).unwrap();
    progress.wait_for(|progress| progress.projected == end).await.unwrap();
    assert_eq!(progress.borrow().failed, None);
    assert_eq!(events(&warehouse).await, 5);
    projector.stop().await.unwrap();
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_it_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (log, warehouse) = open(folder.path());
    append(&log, 2);
    log.append(Topic::Label, b"\x01nonsense").unwrap();
    let end = append(&log, 2);
    let projector = start(&log, &warehouse, NEVER);
    let error = projector.catch_up(end).await.unwrap_err().to_string();
    assert!(error.contains("cannot read record 2 of the log: a record of kind label is malformed"), "{error}");
    assert!(matches!(projector.stop().await.unwrap_err(), Error::Record { position: Position(2), .. }));
    assert_eq!(warehouse.reached(), Position(0));
}

#[test]
fn rows_that_somebody_waits_for_or_that_grow_too_many_are_written_without_a_rest() {
    let has_no_time = |end: u64, wanted: u64| has_no_time(Position(5), Position(end), Position(wanted));
    assert!(!has_no_time(5 + FAR_BEHIND, 5));
    assert!(has_no_time(6 + FAR_BEHIND, 5));
    assert!(has_no_time(6, 6));
}
