use std::path::Path;

use ingest::log::file::{FileLog, Options};
use scoring::{FileRegistry, Pipeline, Registry};

use super::*;
use crate::file::Monitoring;
use crate::fixture;
use crate::warehouse::{ParquetWarehouse, Warehouse};

const PIPELINE: &str = include_str!("../../../pipelines/card_fraud_handbook.toml");

struct Parts {
    log: Arc<FileLog>,
    warehouse: Arc<ParquetWarehouse>,
    watch: Arc<Watch>,
}

fn open(folder: &Path) -> Parts {
    let (log, _) = FileLog::open(&folder.join("log"), Options::default()).unwrap();
    let warehouse = Arc::new(ParquetWarehouse::open(&folder.join("warehouse")).unwrap());
    let registry: Arc<dyn Registry> = Arc::new(FileRegistry::open(&folder.join("registry")).unwrap());
    let text = PIPELINE.replace("[event.entities]", "[event.attributes]\nchannel = { type = \"text\" }\n\n[event.entities]");
    let pipeline = Arc::new(Pipeline::parse(&text, "p.toml").unwrap());
    let monitoring = Monitoring { segments: vec!["channel".to_owned()], ..Monitoring::default() };
    let watch = Arc::new(Watch::new(Arc::clone(&warehouse) as Arc<dyn Warehouse>, registry, pipeline, monitoring));
    Parts { log: Arc::new(log), warehouse, watch }
}

fn event(log: &FileLog, at: &str) -> Position {
    log.append(Topic::Event, &fixture::event(0, "a", at, 100).payload).unwrap()
}

fn decide(log: &FileLog, event: Position, at: &str) {
    log.append(Topic::Decision, &fixture::decision(0, event.0, "a", at).payload).unwrap();
}

async fn observe(parts: &Parts) {
    let observer = Observer::start(Arc::clone(&parts.log) as _, Arc::clone(&parts.watch), Box::new(|_| {})).unwrap();
    observer.catch_up(parts.log.flush().unwrap()).await.unwrap();
    observer.stop().await;
}

/// Decisions in the profiles, by hour and segment.
async fn counted(watch: &Watch) -> Vec<String> {
    let hours = watch.hours(Days::ALL).await.unwrap();
    let line = |start: &Timestamp, segment: &str, decisions: u64| format!("{} {segment} {decisions}", &start.to_string()[..13]);
    let of_hour = |(start, hour): (&Timestamp, &Hour)| {
        let profiles = hour.profiles.iter();
        profiles.map(|(key, profile)| line(start, &key.segment, profile.decisions.iter().sum())).collect::<Vec<_>>()
    };
    hours.iter().flat_map(of_hour).collect()
}

#[tokio::test]
async fn every_decision_is_counted_once_wherever_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (ten, eleven) = ("2018-08-01T10:30:00Z", "2018-08-01T11:00:00Z");
    let waiting;
    {
        let parts = open(folder.path());
        for at in [ten, eleven, ten] {
            let event = event(&parts.log, at);
            decide(&parts.log, event, at);
        }
        waiting = event(&parts.log, eleven);
        observe(&parts).await;
        observe(&parts).await;
        assert_eq!(
            counted(&parts.watch).await,
            ["2018-08-01T10  2", "2018-08-01T10 channel=ecom 2", "2018-08-01T11  1", "2018-08-01T11 channel=ecom 1"]
        );
    }
    let parts = open(folder.path());
    // It was decided after the start, and its segment is known all the same.
    decide(&parts.log, waiting, eleven);
    observe(&parts).await;
    assert_eq!(
        counted(&parts.watch).await,
        ["2018-08-01T10  2", "2018-08-01T10 channel=ecom 2", "2018-08-01T11  2", "2018-08-01T11 channel=ecom 2"]
    );
}

#[tokio::test]
async fn drift_is_written_down_by_hour_and_day() {
    let folder = tempfile::tempdir().unwrap();
    let parts = open(folder.path());
    for day in ["2018-08-01", "2018-08-08"] {
        let at = format!("{day}T10:30:00Z");
        for _ in 0..120 {
            let event = event(&parts.log, &at);
            decide(&parts.log, event, &at);
        }
    }
    observe(&parts).await;
    let points = points::read::<DriftPoint>(&*parts.warehouse, Days::ALL).await.unwrap();
    let of_it = |reference: &str, window: &str| {
        let is_it = |filed: &&points::Filed<DriftPoint>| {
            (filed.series.as_str(), filed.window.as_str(), filed.point.segment.as_str()) == (reference, window, "channel=ecom")
        };
        let line = |filed: &points::Filed<DriftPoint>| {
            format!("{} {} {} {:?}", filed.window_start.date(), filed.point.name, filed.point.severity, filed.point.value)
        };
        points.iter().filter(is_it).map(line).collect::<Vec<_>>()
    };
    // Of hours the last two days, though both are there to be held against.
    assert_eq!(of_it("same_hours", "hour"), ["2018-08-08 probability stable Some(0.0)", "2018-08-08 decision stable Some(0.0)"]);
    // Nothing is known of what this model has learned from.
    assert_eq!(
        of_it("training", "day"),
        ["2018-08-01 probability insufficient_data None", "2018-08-08 probability insufficient_data None"]
    );
}

#[tokio::test]
async fn a_warehouse_that_is_away_is_said_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let parts = open(folder.path());
    let observer = Observer::start(Arc::clone(&parts.log) as _, Arc::clone(&parts.watch), Box::new(|_| {})).unwrap();
    let (there, away) = (folder.path().join("warehouse"), folder.path().join("away"));
    observer.catch_up(Position(0)).await.unwrap();
    std::fs::rename(&there, &away).unwrap();
    let at = "2018-08-01T10:30:00Z";
    let position = event(&parts.log, at);
    decide(&parts.log, position, at);
    let end = parts.log.flush().unwrap();
    let error = observer.catch_up(end).await.unwrap_err().to_string();
    assert!(error.contains("there is no warehouse in"), "{error}");
    std::fs::rename(&away, &there).unwrap();
    // Somebody who waits has it tried again at once.
    let event = event(&parts.log, at);
    decide(&parts.log, event, at);
    observer.catch_up(parts.log.flush().unwrap()).await.unwrap();
    observer.stop().await;
    assert_eq!(counted(&parts.watch).await[0], "2018-08-01T10  2");
}
