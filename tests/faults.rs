//! The demo killed or interrupted at random points and started again: in the end every event was accepted and decided exactly once, and every
//! decision is the one of a run that nobody disturbed.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ingest::log::file::{FileLog, Options};
use ingest::log::{Position, Readable, Topic};
use scoring::Control;
use scoring::alerts::Desk;
use support::{decisions, json_lines, riskflow, run_well, text};

const SMALL_WORLD: [&str; 8] = ["--customers", "250", "--terminals", "400", "--days", "45", "--port", "0"];

fn demo(data: &Path) -> Vec<&str> {
    [&["demo", "--once", "--json", "--data-dir", text(data)], SMALL_WORLD.as_slice()].concat()
}

/// The same with many snapshots, so that most starts go on from one, and segments that are prepared.
fn demo_with_snapshots<'a>(data: &'a Path, config: &'a Path) -> Vec<&'a str> {
    [demo(data), vec!["--config", text(config)]].concat()
}

/// The bytes of the log so far, without the room behind them.
fn log_bytes(data: &Path) -> u64 {
    let Ok(folder) = std::fs::read_dir(data.join("log")) else { return 0 };
    let paths = folder.filter_map(|file| Some(file.ok()?.path()));
    let mut segments: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    segments.sort();
    let Some(last) = segments.pop() else { return 0 };
    let content = std::fs::read(last).ok().and_then(|bytes| bytes.iter().rposition(|byte| *byte != 0));
    let before = segments.iter().filter_map(|segment| Some(segment.metadata().ok()?.len()));
    before.sum::<u64>() + content.map_or(0, |last| last as u64 + 1)
}

/// A seeded stream of numbers below a bound.
fn points(seed: u64, bound: u64, count: usize) -> Vec<u64> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).skip(1).take(count).map(|state| (state >> 33) % bound).collect()
}

#[test]
fn a_demo_cut_short_at_random_points_loses_nothing_and_counts_nothing_twice() {
    let undisturbed = tempfile::tempdir().expect("a folder");
    let expect = json_lines(&run_well(&demo(undisturbed.path()))).remove(0);
    let total = log_bytes(undisturbed.path());

    let killed = tempfile::tempdir().expect("a folder");
    let config = undisturbed.path().join("often.toml");
    std::fs::write(&config, "[snapshots]\nevery_records = 2000\n[log]\nsegment_mb = 2\n").expect("written");
    // One within the history, before anything is decided.
    let mut ends = [vec![total / 100], points(7, total, 6)].concat();
    ends.sort_unstable();
    let mut cut_short = 0;
    for (number, at) in ends.into_iter().enumerate() {
        let mut child = riskflow(&demo_with_snapshots(killed.path(), &config))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let deadline = Instant::now() + Duration::from_secs(120);
        // Waits for the thing itself: until the log has grown to the point, or the run is over.
        while log_bytes(killed.path()) < at && child.try_wait().expect("it can be asked").is_none() {
            assert!(Instant::now() < deadline, "the demo hangs at {} of {at} bytes", log_bytes(killed.path()));
            std::thread::park_timeout(Duration::from_millis(1));
        }
        // In turn as a person does, with Ctrl-C, and as a power cut does.
        if number % 2 == 0 {
            Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
        } else {
            child.kill().expect("it can be killed");
        }
        cut_short += u32::from(!child.wait().expect("it ends").success());
    }
    assert!(cut_short >= 4, "only {cut_short} of 7 runs were cut short");
    let report = json_lines(&run_well(&demo_with_snapshots(killed.path(), &config))).remove(0);
    let snapshots = std::fs::read_dir(killed.path().join("snapshots")).expect("a folder");
    let kept =
        snapshots.filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "snapshot")));
    assert_eq!(kept.count(), 2, "the last two are kept");

    for figure in
        ["events", "history_events", "approve", "review", "decline", "labels", "auc", "average_precision", "card_precision_100"]
    {
        assert_eq!(report[figure], expect[figure], "{figure}");
    }
    assert!(expect["events"].as_u64().is_some_and(|events| events > 5_000), "{expect}");
    let (mut found, wanted) = (decisions(killed.path()), decisions(undisturbed.path()));
    for (event, wanted) in &wanted {
        assert_eq!(found.remove(event).as_ref(), Some(wanted), "event {event}");
    }
    assert!(found.is_empty(), "decisions about nothing: {:?}", found.keys());

    // Whatever ended it, each payment that was declined is of one alert, once.
    let declined: Vec<&String> = wanted.iter().filter(|(_, said)| said.starts_with("Decline")).map(|(event, _)| event).collect();
    assert!(declined.len() > 20, "{}", declined.len());
    for data in [killed.path(), undisturbed.path()] {
        let found = alerted(data, "declined");
        assert_eq!(found.iter().collect::<Vec<_>>(), declined, "in {}", data.display());
    }
}

/// The events of all alerts of a policy, in order of their names, as often as they are there.
fn alerted(data: &Path, policy: &str) -> Vec<String> {
    let (log, _) = FileLog::open(&data.join("log"), Options::default()).expect("the log opens");
    let mut desk = Desk::default();
    for record in log.read(Position(0)).expect("it can be read") {
        let record = record.expect("it is whole");
        if record.topic == Topic::Control
            && let Control::Alerts { steps, by, at } = Control::decode(&record.payload).expect("a change")
        {
            steps.into_iter().for_each(|step| desk.apply(step, &by, at, record.position));
        }
    }
    let hits = desk.live().filter(|alert| alert.policy == policy).flat_map(|alert| &alert.hits);
    let mut events: Vec<String> = hits.map(|hit| hit.event_id.to_string()).collect();
    events.sort();
    events
}
