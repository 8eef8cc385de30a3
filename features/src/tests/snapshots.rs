//! A stream with restarts at random places gives what it gives undisturbed; a snapshot that is not whole is refused.

use std::sync::Arc;

use ingest::Duration;
use ingest::log::Position;
use proptest::prelude::*;

use super::{FEATURES, event, label, learn, plan, run, step};
use crate::snapshot::{Error, Header, Reader};
use crate::{Engine, Plan, Snapshots};

fn header(plan: &Plan, position: u64) -> Header {
    Header { definitions: plan.version().to_owned(), position: Position(position), last_record: 7 }
}

/// Writes an engine's state and reads it back.
pub(super) fn restarted(engine: &Engine, snapshots: &Snapshots, position: u64) -> Engine {
    let plan = Arc::clone(engine.plan());
    snapshots.write(&header(&plan, position), |out| engine.save(out)).expect("written");
    let mut reader = Reader::open(&snapshots.list().expect("a folder")[0], plan.version()).expect("it is whole");
    assert_eq!(reader.header(), &header(&plan, position));
    let engine = Engine::load(plan, &mut reader).expect("it is readable");
    reader.finish().expect("nothing is left");
    engine
}

/// With tiles, small rings and a small memory, so that those are restarted too.
fn features(limits: &str) -> String {
    let tiled = r#"
        [[features]]
        name = "all_{window}"
        kind = "std"
        of = "amount_minor"
        entity = "customer"
        windows = ["60s"]
        [[features]]
        name = "rate_{window}"
        kind = "label_rate"
        entity = "customer"
        windows = ["60s"]
        [[features]]
        name = "terminals_{window}"
        kind = "distinct"
        of = "terminal"
        entity = "customer"
        windows = ["30s", "60s"]
    "#;
    if limits.is_empty() { FEATURES.to_owned() } else { format!("{tiled}{limits}") }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn restarts_change_nothing(
        steps in prop::collection::vec(step(), 1..120),
        restarts in prop::collection::btree_set(0usize..120, 0..4),
        lateness in 0i64..30,
        limits in prop_oneof![
            Just(""),
            Just("[state.entities.customer]\ntile = \"5s\"\nhot_above = 4\nmax_events = 16"),
            Just("[state.entities.customer]\nmax_events = 16\nidle_after = \"20s\""),
        ],
    ) {
        let plan = Arc::new(plan(&features(limits), Duration::seconds(lateness)).expect("the features above"));
        let folder = tempfile::tempdir().expect("a folder");
        let snapshots = Snapshots::open(folder.path()).expect("a folder");
        let undisturbed = std::cell::RefCell::new(Engine::new(Arc::clone(&plan)));
        let engine = std::cell::RefCell::new(Engine::new(plan));
        let (mut expect, mut found) = (Vec::new(), Vec::new());
        run(&steps, |event, position| {
            if restarts.contains(&(position.0 as usize)) {
                let again = restarted(&engine.borrow(), &snapshots, position.0);
                *engine.borrow_mut() = again;
            }
            let wanted = undisturbed.borrow_mut().apply(event, position, &mut expect);
            let outcome = engine.borrow_mut().apply(event, position, &mut found);
            let bits = |vector: &[f64]| vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!((outcome, bits(&found)), (wanted, bits(&expect)));
        }, |label, known| {
            for engine in [&undisturbed, &engine] {
                learn(engine, label, known);
            }
        });
        prop_assert_eq!(engine.borrow().usage(), undisturbed.borrow().usage());
    }
}

/// A small state with something of everything.
fn small() -> Engine {
    let mut engine = Engine::new(Arc::new(plan(FEATURES, Duration::seconds(10)).expect("the features above")));
    let mut vector = Vec::new();
    for id in 0..12 {
        let event = event(id, 1_000 + id as i64, id as u8 % 2, Some(id as u8 % 3), 1_000 + id as i64);
        engine.apply(&event, Position(id as u64), &mut vector);
    }
    engine.learn_early(&label(&event(99, 0, 0, None, 0), true));
    engine
}

#[test]
fn a_snapshot_that_is_cut_or_changed_at_any_byte_is_refused() {
    let engine = small();
    let folder = tempfile::tempdir().expect("a folder");
    let snapshots = Snapshots::open(folder.path()).expect("a folder");
    snapshots.write(&header(engine.plan(), 5), |out| engine.save(out)).expect("written");
    let path = snapshots.list().expect("a folder").remove(0);
    let whole = std::fs::read(&path).expect("it is there");
    let read = |bytes: &[u8]| -> Result<Engine, Error> {
        std::fs::write(&path, bytes).expect("written");
        let mut reader = Reader::open(&path, engine.plan().version())?;
        let engine = Engine::load(Arc::clone(engine.plan()), &mut reader)?;
        reader.finish()?;
        Ok(engine)
    };
    read(&whole).expect("it is whole");
    for length in 0..whole.len() {
        let error = read(&whole[..length]).expect_err("it is cut");
        assert!(matches!(error, Error::Damaged { .. }), "cut at {length}: {error}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        read(&changed).expect_err("a byte is another one");
    }
    read(&[whole.as_slice(), &[0]].concat()).expect_err("a byte too many");
}

#[test]
fn a_snapshot_of_other_definitions_is_refused_by_name() {
    let engine = small();
    let folder = tempfile::tempdir().expect("a folder");
    let snapshots = Snapshots::open(folder.path()).expect("a folder");
    snapshots.write(&header(engine.plan(), 5), |out| engine.save(out)).expect("written");
    let error = Reader::open(&snapshots.list().expect("a folder")[0], "another").expect_err("they are others");
    let text = error.to_string();
    assert!(text.contains(engine.plan().version()) && text.contains("the pipeline has another"), "{text}");
}

#[test]
fn the_last_two_are_kept_and_what_failed_leaves_nothing() {
    let engine = small();
    let folder = tempfile::tempdir().expect("a folder");
    let snapshots = Snapshots::open(folder.path()).expect("a folder");
    let killed = folder.path().join("00000000000000000003.unfinished");
    std::fs::write(killed, "RISKSNAP").expect("a process that was ended has left it");
    for position in [5, 70, 600] {
        snapshots.write(&header(engine.plan(), position), |out| engine.save(out)).expect("written");
    }
    let full = |_: &mut crate::snapshot::Writer| Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
    let error = snapshots.write(&header(engine.plan(), 7_000), full).expect_err("the disk is full");
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    let names =
        |path: &std::path::PathBuf| path.file_stem().expect("a name").to_string_lossy().trim_start_matches('0').to_owned();
    assert_eq!(snapshots.list().expect("a folder").iter().map(names).collect::<Vec<_>>(), ["600", "70"]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing unfinished lies about");
    // A log that began anew has shorter ones: those of the log before do not crowd them out.
    snapshots.write(&header(engine.plan(), 8), |out| engine.save(out)).expect("written");
    assert_eq!(snapshots.list().expect("a folder").iter().map(names).collect::<Vec<_>>(), ["8"]);
}
