//! What comes from outside or from a disk, with bytes changed at random: it is taken or refused, and nothing panics. `cargo test` tries each for
//! some seconds; `cargo bolero test NAME` tries for as long as it is let, led by what the code does. Conditions of rules have their own beside
//! their tests.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Position, Readable, Record, Topic, record};
use ingest::{EventId, Label, LabelSource, Outcome, Timestamp, decode};
use scoring::engine::ShadowScores;
use scoring::{Control, Decision};
use support::{handbook, payment};

/// So long each is tried.
const TIME: Duration = Duration::from_secs(4);

/// Where, what and how: places are shares of the whole, so that they fit whatever there is.
type Edit = (u16, u8, u8);

/// Bytes with some of them changed, taken out, put in or repeated.
fn edited(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut edited = bytes.to_vec();
    for (at, byte, how) in edits {
        let at = usize::from(*at) * edited.len() / 65_536;
        let until = (at + 1 + usize::from(how / 8)).min(edited.len());
        match how % 8 {
            0 => edited.truncate(at),
            1 => drop(edited.drain(at.min(until)..until)),
            2 => edited.insert(at, *byte),
            3 => edited.splice(at..at, vec![*byte; usize::from(*how)]).for_each(drop),
            4 => edited.extend_from_within(at.min(until)..until),
            5 if at < until => edited[at] ^= 1 << (byte % 8),
            6 if at < until => edited[at..until].fill(*byte),
            _ if at < until => edited[at] = *byte,
            _ => {}
        }
    }
    edited
}

const NOW: Timestamp = Timestamp::from_micros(1_777_000_000_000_000);
const LABEL: &str = r#"{"event_id":"t1","label":"fraud","source":"chargeback","category":"lost","observed_at":"2026-05-20T00:00:00Z","amount_minor":5}"#;

fn event(id: &str) -> ingest::Event {
    decode::json::event(payment(id, "2026-04-23T12:00:00Z", 100).as_bytes(), &handbook().schema).expect("it fits")
}

#[test]
fn bodies_of_requests() {
    let schema = handbook().schema;
    let supersedes = payment("t1", "2026-04-23T12:00:00.5+02:00", 1).replacen('{', r#"{"supersedes":"t0","#, 1);
    let whole = [payment("t1", "2026-04-23T12:00:00Z", 100), supersedes, LABEL.to_owned()];
    bolero::check!().with_test_time(TIME).with_type::<(u8, Vec<Edit>)>().for_each(|(which, edits)| {
        let body = edited(whole[usize::from(*which) % whole.len()].as_bytes(), edits);
        match decode::json::event(&body, &schema) {
            Ok(event) => {
                let kept = record::encode_event(&event, NOW, &schema);
                assert_eq!(record::decode_event(&kept, &schema).expect("it was just written"), (event, NOW));
            }
            Err(rejection) => assert!(!rejection.reason.is_empty()),
        }
        match decode::json::label(&body) {
            Ok(label) => {
                let kept = record::encode_label(&label, NOW);
                assert_eq!(record::decode_label(&kept).expect("it was just written"), (label, NOW));
            }
            Err(rejection) => assert!(!rejection.reason.is_empty()),
        }
        let _ = decode::json::historical(&body, &schema);
    });
}

/// Records of each kind, as a program that ran wrote them.
fn records() -> Vec<Record> {
    let folder = tempfile::tempdir().expect("a folder");
    support::with_champion(folder.path());
    let server = support::Server::start(folder.path());
    for id in ["t1", "t2"] {
        assert_eq!(server.post("/v1/score?reasons=all", &payment(id, "2026-04-23T12:00:00Z", 90_000)).status, 200);
    }
    assert_eq!(server.post("/v1/labels", LABEL).status, 202);
    server.stop();
    let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("it opens");
    let records: Result<Vec<Record>, _> = log.read(Position(0)).expect("it can be read").collect();
    records.expect("it is whole")
}

#[test]
fn payloads_of_records() {
    let (schema, whole) = (handbook().schema, records());
    for topic in [Topic::Event, Topic::Decision, Topic::Label, Topic::Control] {
        assert!(whole.iter().any(|record| record.topic == topic), "{topic:?}");
    }
    bolero::check!().with_test_time(TIME).with_type::<(u8, Vec<Edit>)>().for_each(|(which, edits)| {
        let payload = edited(&whole[usize::from(*which) % whole.len()].payload, edits);
        if let Ok((event, received_at)) = record::decode_event(&payload, &schema) {
            let kept = record::encode_event(&event, received_at, &schema);
            assert_eq!(record::decode_event(&kept, &schema).expect("it was just written"), (event, received_at));
        }
        let _ = (record::decode_label(&payload), Decision::decode(&payload), Control::decode(&payload));
        let _ = (ShadowScores::decode(&payload), record::event_content(&payload));
    });
}

/// What a file of the log gives back is what was put in, whatever was done to the file; or it is refused.
#[test]
fn a_file_of_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let payloads: Vec<Vec<u8>> = (0..6).map(|size| vec![size; usize::from(size) * 9]).collect();
    let (log, _) = FileLog::open(&folder.path().join("whole"), Options::default()).expect("it opens");
    for payload in &payloads {
        log.append(Topic::Event, payload).expect("appended");
        // A mark stands between two of them.
        log.flush().expect("durable");
    }
    drop(log);
    let name = format!("{:020}.log", 0);
    let whole = std::fs::read(folder.path().join("whole").join(&name)).expect("a segment");
    let place = folder.path().join("edited");
    bolero::check!().with_test_time(TIME).with_type::<Vec<Edit>>().for_each(|edits| {
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir(&place).expect("made");
        std::fs::write(place.join(&name), edited(&whole, edits)).expect("written");
        let Ok((log, opened)) = FileLog::open(&place, Options::default()) else { return };
        let read: Vec<Record> = log.read(Position(0)).expect("it is there").map_while(Result::ok).collect();
        assert!(read.len() as u64 <= opened.records);
        for (record, payload) in read.iter().zip(&payloads) {
            assert_eq!((record.topic, &record.payload), (Topic::Event, payload));
        }
        let end = log.append(Topic::Event, b"more").expect("what opens goes on");
        log.flush().expect("durable");
        assert_eq!(log.get(end).expect("it can be read").expect("it is there").payload, b"more");
    });
}

fn snapshot_of(folder: &Path, plan: &Arc<features::Plan>) -> Vec<u8> {
    let mut engine = features::Engine::new(Arc::clone(plan));
    for number in 0..5 {
        engine.apply(&event(&format!("t{number}")), Position(number), &mut Vec::new());
    }
    let event_id = EventId::new("t1").expect("short");
    let (label, source) = (Outcome::Fraud, LabelSource::Analyst);
    engine.learn(&Label { event_id, label, source, category: None, observed_at: NOW, amount_minor: None });
    let snapshots = features::Snapshots::open(folder).expect("a folder");
    let header = features::snapshot::Header { definitions: plan.version().to_owned(), position: Position(5), last_record: 7 };
    snapshots.write(&header, |out| engine.save(out)).expect("written");
    std::fs::read(&snapshots.list().expect("listed")[0]).expect("it is there")
}

/// A snapshot whose only frame with state has other bytes, with checksums that fit.
fn sealed(whole: &[u8], change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let number = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().expect("four bytes"));
    let header_end = 16 + number(8) as usize;
    let body_end = header_end + 8 + number(header_end) as usize;
    let body = change(&whole[header_end + 8..body_end]);
    let (header_check, check) = (number(12), crc32fast::hash(&body));
    let all = crc32fast::hash(&[header_check.to_le_bytes(), check.to_le_bytes()].concat());
    let length = u32::try_from(body.len()).expect("it is short");
    [&whole[..header_end], &length.to_le_bytes(), &check.to_le_bytes(), &body, &0_u32.to_le_bytes(), &all.to_le_bytes()].concat()
}

#[test]
fn snapshots() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Arc::clone(&handbook().plan);
    let whole = snapshot_of(folder.path(), &plan);
    assert_eq!(sealed(&whole, <[u8]>::to_vec), whole, "the test knows the format");
    let path = folder.path().join("edited");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        let mut input = features::snapshot::Reader::open(&path, plan.version())?;
        let engine = features::Engine::load(Arc::clone(&plan), &mut input)?;
        input.finish()?;
        Ok::<_, features::snapshot::Error>(engine)
    };
    assert!(load(&whole).is_ok());
    // Numbers that once asked the machine for more memory than it has, or that had nothing below them.
    for (number, width) in [(u64::MAX, 4), (0x0fff_ffff, 4), (1 << 63, 8)] {
        for at in 0..whole.len() {
            let _ = load(&sealed(&whole, |body| {
                let (mut body, until) = (body.to_vec(), (at + width).min(body.len()));
                body[at.min(until)..until].copy_from_slice(&number.to_le_bytes()[..until - at.min(until)]);
                body
            }));
        }
    }
    bolero::check!().with_test_time(TIME).with_type::<Vec<Edit>>().for_each(|edits| {
        let damaged = edited(&whole, edits);
        assert!(damaged == whole || load(&damaged).is_err(), "a changed byte is noticed");
        // A program of ours never writes these; what reads them may refuse them or not, and does not panic.
        let _ = load(&sealed(&whole, |body| edited(body, edits)));
    });
}
