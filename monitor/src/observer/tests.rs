use std::path::Path;
use std::sync::Mutex;

use ingest::log::file::{FileLog, Options};
use scoring::model::Linear;
use scoring::profile::Distribution;
use scoring::registry::Published;
use scoring::{Artifact, FileRegistry, Model, Pipeline, Profile, Registry, Scorer};

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
    let observer = Observer::start(Arc::clone(&parts.log) as _, Arc::clone(&parts.watch), Box::new(|_| true)).unwrap();
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
    let observer = Observer::start(Arc::clone(&parts.log) as _, Arc::clone(&parts.watch), Box::new(|_| true)).unwrap();
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

/// Has a model whose probabilities were anything from 0 to 1; its version.
fn publish(folder: &Path) -> u32 {
    let pipeline = Pipeline::parse(PIPELINE, "p.toml").unwrap();
    let linear = Linear { intercept: 0.0, weights: vec![1.0], means: vec![0.0], deviations: vec![1.0] };
    let published = Published { at: Timestamp::from_micros(0), by: "tests".to_owned() };
    let (features, scorer) = (vec![pipeline.plan.definitions()[0].name.clone()], Scorer::plain(Model::Linear(linear)));
    let artifact = Artifact::foreign("card_fraud", "tests", features, &pipeline.plan, scorer, published).unwrap();
    let values: Vec<f64> = (0..1_000).map(|row| f64::from(row) / 1_000.0).collect();
    let profile = Profile { score: Some(Distribution::new("probability", &values)), ..Profile::default() };
    FileRegistry::open(&folder.join("registry")).unwrap().publish(&Artifact { profile, ..artifact }).unwrap()
}

/// As many decisions of a day as it takes; their probabilities are as they were in training, or all of them high.
fn day(log: &FileLog, version: u32, date: &str, is_shifted: bool) {
    let at = format!("{date}T10:30:00Z");
    for row in 0..120 {
        let event = event(log, &at);
        let mut decision = fixture::sample(event.0, "a", &at);
        let champion = decision.champion.as_mut().unwrap();
        champion.version = version;
        champion.probability = if is_shifted { 0.95 } else { f64::from(row) / 120.0 };
        log.append(Topic::Decision, &fixture::decided(0, &decision).payload).unwrap();
    }
}

/// What is told between a start and an end, where whoever hears of it takes it or not.
async fn told(folder: &Path, takes_it: bool) -> Vec<(String, bool)> {
    let (parts, heard) = (open(folder), Arc::new(Mutex::new(Vec::new())));
    let hears = Arc::clone(&heard);
    let tell = move |turns: &[Turn]| {
        assert!(turns.iter().all(|turn| turn.name == "probability"), "{turns:?}");
        hears.lock().unwrap().extend(turns.iter().map(|turn| (turn.window_end.date(), turn.has_drifted)));
        takes_it
    };
    let observer = Observer::start(Arc::clone(&parts.log) as _, Arc::clone(&parts.watch), Box::new(tell)).unwrap();
    observer.catch_up(parts.log.flush().unwrap()).await.unwrap();
    observer.stop().await;
    heard.lock().unwrap().clone()
}

#[tokio::test]
async fn each_turn_is_told_once_however_long_it_stood_still() {
    let folder = tempfile::tempdir().unwrap();
    let version = publish(folder.path());
    let decide = |days: &[(&str, bool)]| {
        let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).unwrap();
        days.iter().for_each(|(date, is_shifted)| day(&log, version, date, *is_shifted));
        log.flush().unwrap();
    };
    decide(&[("2018-08-01", false), ("2018-08-02", false), ("2018-08-03", true), ("2018-08-04", true)]);
    assert_eq!(told(folder.path(), true).await, [], "the second day has begun");
    // It stands still from there on. That day is over, and was not before it stood.
    decide(&[("2018-09-14", true)]);
    let came = ("2018-08-05".to_owned(), true);
    assert_eq!(told(folder.path(), false).await, std::slice::from_ref(&came));
    decide(&[("2018-09-14", true)]);
    assert_eq!(told(folder.path(), true).await, [came], "it was not taken before");
    decide(&[("2018-09-15", false), ("2018-09-16", false), ("2018-09-17", false)]);
    assert_eq!(told(folder.path(), true).await, [("2018-09-17".to_owned(), false)]);
    decide(&[("2018-09-17", false)]);
    assert_eq!(told(folder.path(), true).await, [], "it is known");
}
