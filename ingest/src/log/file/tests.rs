mod disks;
mod prepared;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};

use proptest::prelude::*;
use tempfile::TempDir;

use self::disks::{Call, Failing, allow, gate};
use super::segment::{FRAME_BYTES, Frames, HEADER_BYTES, INDEX_BYTES};
use super::*;
use crate::log::suite;

/// The frame of a record of twenty bytes, as most tests write them.
const FRAME: usize = FRAME_BYTES + 20;
/// Four records of twenty bytes, synced one by one, fill a segment of this size.
const FOUR_RECORDS: u64 = (HEADER_BYTES + FRAME + 3 * (FRAME_BYTES + FRAME)) as u64;

#[test]
fn what_is_appended_is_read_back_across_segments_and_restarts() {
    for sync in [SyncPolicy::Sync, SyncPolicy::Async] {
        let folder = TempDir::new().unwrap();
        let options = Options { sync, ..options(100) };
        let topics = [Topic::Event, Topic::Decision, Topic::Label, Topic::Control];
        let mut expect = Vec::new();
        for round in 0..5 {
            let (log, opened) = FileLog::open(folder.path(), options.clone()).unwrap();
            assert_eq!(opened, Opened { records: 10 * round, end: Position(10 * round), torn: None });
            for number in 10 * round..10 * round + 10 {
                let record = Record {
                    position: Position(number),
                    topic: topics[number as usize % 4],
                    payload: vec![number as u8; number as usize],
                };
                assert_eq!(log.append(record.topic, &record.payload).unwrap(), record.position);
                expect.push(record);
            }
            assert_eq!(log.flush().unwrap(), Position(expect.len() as u64));
            assert_eq!(*log.durability().borrow(), Durability::Until { end: Position(expect.len() as u64) });
            for from in 0..=expect.len() {
                assert_eq!(read(&log, from as u64), expect[from..]);
                assert_eq!(log.get(Position(from as u64)).unwrap().as_ref(), expect.get(from));
            }
        }
        assert!(segments(folder.path()).len() > 20, "the log never began a new segment");
    }
}

/// Compared with bytes made by hand (`zlib.crc32` of Python): whoever changes them must read the old ones too.
#[test]
fn the_format_is_pinned() {
    let golden: [&[u8]; 11] = [
        b"RFSLOG\x01\x00\0\0\0\0\0\0\0\0",
        &[0x18, 0x80, 0x58, 0x65],
        &[3, 0, 0, 0],
        &[0xd4, 0xaa, 0xd6, 0xc1],
        b"\x01abc",
        &[0, 0, 0, 0],
        &[0xf8, 0x76, 0x7f, 0x1f],
        &[0],
        &[0, 0, 0, 0],
        &[0xf5, 0x28, 0x2e, 0x13],
        &[3],
    ];
    let folder = TempDir::new().unwrap();
    let log = open(folder.path(), 1000);
    log.append(Topic::Event, b"abc").unwrap();
    log.flush().unwrap();
    log.append(Topic::Label, b"").unwrap();
    drop(log);
    assert_eq!(names(folder.path()), ["00000000000000000000.log", "lock"]);
    assert_eq!(fs::read(folder.path().join("00000000000000000000.log")).unwrap(), golden.concat());
}

#[test]
fn a_tail_torn_at_any_byte_is_saved_and_cut() {
    let folder = TempDir::new().unwrap();
    let expect = fill(folder.path(), FOUR_RECORDS, 7);
    let [_, last] = &segments(folder.path())[..] else { panic!("two segments expected") };
    let whole = fs::read(last).unwrap();
    assert_eq!(whole.len(), HEADER_BYTES + 3 * FRAME + 2 * FRAME_BYTES);
    let record_ends = [HEADER_BYTES + FRAME, HEADER_BYTES + 2 * FRAME + FRAME_BYTES, whole.len()];
    let mark_ends = [record_ends[0] + FRAME_BYTES, record_ends[1] + FRAME_BYTES];

    for length in 0..=whole.len() {
        let copy = copy(folder.path());
        let last = copy.path().join(last.file_name().unwrap());
        fs::write(&last, &whole[..length]).unwrap();

        let records = 4 + record_ends.iter().filter(|end| **end <= length).count();
        let ends = record_ends.iter().chain(&mark_ends).chain(&[HEADER_BYTES]).copied();
        let kept = ends.filter(|end| *end <= length).max().unwrap_or(0);
        // Zeros at the end are room, but for those of a header.
        let last_byte = whole[kept..length].iter().rposition(|byte| *byte != 0);
        let torn_until = if kept == 0 { length } else { last_byte.map_or(kept, |last| kept + last + 1) };
        let (log, opened) = FileLog::open(copy.path(), options(FOUR_RECORDS)).unwrap();
        assert_eq!((opened.records, opened.end), (records as u64, Position(records as u64)), "cut to {length}");
        match opened.torn {
            None => assert_eq!(kept, torn_until),
            Some(torn) => {
                assert_eq!((&torn.segment, torn.position, torn.bytes), (&last, opened.end, (torn_until - kept) as u64));
                assert_eq!(fs::read(&torn.saved).unwrap(), whole[kept..torn_until]);
                assert_eq!(torn.saved, copy.path().join(format!("00000000000000000004.log.torn-{kept}")));
            }
        }
        assert_eq!(read(&log, 0), expect[..records]);

        let position = log.append(Topic::Control, b"after").unwrap();
        drop(log);
        let (log, opened) = FileLog::open(copy.path(), options(FOUR_RECORDS)).unwrap();
        assert_eq!((position, opened.torn), (Position(records as u64), None));
        let after = Record { position, topic: Topic::Control, payload: b"after".to_vec() };
        assert_eq!(read(&log, 0), [&expect[..records], &[after]].concat());
    }
}

#[test]
fn what_a_crash_leaves_behind_the_records_is_cut() {
    let behind_zeros = [&[0; 5000][..], b"never"].concat();
    let huge = [0xff; 40];
    let moved = frame(1, b"elsewhere", 99);
    let unfinished = &frame(1, b"never", 7)[..10];
    for tail in [&behind_zeros[..], &huge, &moved, unfinished] {
        let folder = TempDir::new().unwrap();
        let expect = fill(folder.path(), FOUR_RECORDS, 7);
        append_bytes(&segments(folder.path())[1], tail);
        let (log, opened) = FileLog::open(folder.path(), options(FOUR_RECORDS)).unwrap();
        assert_eq!(opened.torn.unwrap().bytes, tail.len() as u64);
        assert_eq!(read(&log, 0), expect);
    }
}

#[test]
fn two_crashes_at_the_same_byte_leave_two_tails() {
    let folder = TempDir::new().unwrap();
    let expect = fill(folder.path(), 1000, 2);
    let mut saved = Vec::new();
    for tail in [b"first".as_slice(), b"second", b"seco"] {
        append_bytes(&segments(folder.path())[0], tail);
        let (log, opened) = FileLog::open(folder.path(), options(1000)).unwrap();
        assert_eq!(read(&log, 0), expect);
        saved.push((opened.torn.unwrap().saved, tail));
    }
    for (path, tail) in saved {
        assert_eq!(fs::read(path).unwrap(), tail);
    }
}

#[test]
fn a_byte_changed_in_an_earlier_segment_is_damage() {
    let folder = TempDir::new().unwrap();
    let expect = fill(folder.path(), FOUR_RECORDS, 10);
    let middle = &segments(folder.path())[1];
    let whole = fs::read(middle).unwrap();
    for offset in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let copy = copy(folder.path());
            let middle = copy.path().join(middle.file_name().unwrap());
            let mut bytes = whole.clone();
            bytes[offset] ^= flip;
            fs::write(&middle, bytes).unwrap();

            let error = match FileLog::open(copy.path(), options(FOUR_RECORDS)) {
                Err(error) => {
                    assert!(offset < HEADER_BYTES, "{error}");
                    error
                }
                Ok((log, opened)) => {
                    assert_eq!((opened.records, opened.torn), (10, None));
                    let (records, error) = read_until_error(&log, 0);
                    assert_eq!(records, expect[..records.len()]);
                    assert!(records.len() >= 4 && read(&log, 8) == expect[8..]);
                    error.expect("the damage was not noticed")
                }
            };
            let Error::Damaged { path, offset: at, .. } = error else { panic!("{error}") };
            assert_eq!(path, middle.display().to_string());
            assert!(at <= offset as u64, "byte {offset} was changed, {at} reported");
        }
    }
}

#[test]
fn a_byte_changed_in_the_last_segment_is_damage_where_a_mark_follows() {
    let folder = TempDir::new().unwrap();
    let expect = fill(folder.path(), FOUR_RECORDS, 7);
    let last = &segments(folder.path())[1];
    let whole = fs::read(last).unwrap();
    let last_mark = whole.len() - FRAME - FRAME_BYTES;
    for offset in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x01;
        fs::write(last, &bytes).unwrap();
        match FileLog::open(folder.path(), options(FOUR_RECORDS)) {
            Err(Error::Damaged { path, offset: at, .. }) => {
                assert!(offset < last_mark && at <= offset as u64);
                assert_eq!(path, last.display().to_string());
                assert_eq!(fs::read(last).unwrap(), bytes);
            }
            // The last record could have been half-written as well.
            Ok((log, opened)) => {
                assert!(offset >= last_mark);
                assert_eq!(opened.torn.unwrap().position, Position(6));
                assert_eq!(read(&log, 0), expect[..6]);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_record_in_the_place_of_another_is_damage() {
    let folder = TempDir::new().unwrap();
    fill(folder.path(), FOUR_RECORDS, 5);
    let first = &segments(folder.path())[0];
    let mut bytes = fs::read(first).unwrap();
    bytes.copy_within(HEADER_BYTES..HEADER_BYTES + FRAME, HEADER_BYTES + FRAME + FRAME_BYTES);
    fs::write(first, bytes).unwrap();
    let (records, error) = read_until_error(&open(folder.path(), FOUR_RECORDS), 0);
    assert_eq!(records.len(), 1);
    assert!(matches!(error, Some(Error::Damaged { offset, .. }) if offset == (HEADER_BYTES + FRAME + FRAME_BYTES) as u64));
}

#[test]
fn a_missing_segment_is_damage() {
    let folder = TempDir::new().unwrap();
    fill(folder.path(), FOUR_RECORDS, 10);
    let segments = segments(folder.path());
    fs::remove_file(&segments[1]).unwrap();
    let (records, error) = read_until_error(&open(folder.path(), FOUR_RECORDS), 0);
    assert_eq!(records.len(), 4);
    let expect = format!(
        "log segment {} is damaged at byte {FOUR_RECORDS}: it ends before position 4, the next segment begins at 8",
        segments[0].display()
    );
    assert_eq!(error.unwrap().to_string(), expect);

    fs::remove_file(&segments[0]).unwrap();
    let error = FileLog::open(folder.path(), options(FOUR_RECORDS)).unwrap_err();
    let expect =
        format!("log segment {} is damaged at byte 0: it is missing: the log begins at position 8", segments[0].display());
    assert_eq!(error.to_string(), expect);
}

#[test]
fn a_segment_under_another_name_is_damage() {
    let folder = TempDir::new().unwrap();
    fill(folder.path(), FOUR_RECORDS, 5);
    fs::rename(&segments(folder.path())[1], folder.path().join("00000000000000000007.log")).unwrap();
    let error = FileLog::open(folder.path(), options(FOUR_RECORDS)).unwrap_err();
    assert!(error.to_string().ends_with("its first position is not the one in its name"), "{error}");
}

#[test]
fn zeros_in_place_of_a_header_are_torn_only_where_nothing_can_follow() {
    let folder = TempDir::new().unwrap();
    let expect = fill(folder.path(), FOUR_RECORDS, 4);
    let last = folder.path().join("00000000000000000004.log");
    fs::write(&last, [0; HEADER_BYTES + 1]).unwrap();
    let error = FileLog::open(folder.path(), options(FOUR_RECORDS)).unwrap_err();
    assert!(matches!(error, Error::Damaged { offset: 0, .. }));

    fs::write(&last, [0; HEADER_BYTES]).unwrap();
    let (log, opened) = FileLog::open(folder.path(), options(FOUR_RECORDS)).unwrap();
    assert_eq!(opened.torn.map(|torn| (torn.position, torn.bytes)), Some((Position(4), HEADER_BYTES as u64)));
    assert_eq!(read(&log, 0), expect);
}

#[test]
fn what_a_newer_program_wrote_is_refused_and_left_as_it_is() {
    let mut header = segment::header(Position(0));
    header[6] = 2;
    let checksum = crc32fast::hash(&header[..16]).to_le_bytes();
    header[16..].copy_from_slice(&checksum);
    let new_topic = [&segment::header(Position(0))[..], &frame(200, b"new", 0)].concat();
    for (bytes, expect) in [
        (header.to_vec(), "it has format version 2, this program reads version 1"),
        (new_topic, "record 0 has topic 200, which this program does not know"),
    ] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("00000000000000000000.log");
        fs::write(&path, &bytes).unwrap();
        let Err(Error::Io { path: named, source, .. }) = FileLog::open(folder.path(), options(1000)) else {
            panic!("it was not refused")
        };
        assert_eq!(
            (named, source.kind(), source.to_string()),
            (path.display().to_string(), ErrorKind::Unsupported, expect.into())
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_folder_is_open_only_once() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path(), 1000);
    let error = FileLog::open(folder.path(), options(1000)).unwrap_err();
    assert_eq!(error.to_string(), format!("log {} is in use by another riskflow process", folder.path().display()));
    drop(log);
    open(folder.path(), 1000);
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.join("below"), file] {
        let error = FileLog::open(&path, options(1000)).unwrap_err();
        assert!(matches!(&error, Error::Io { path: named, .. } if named.starts_with(&path.display().to_string())), "{error}");
    }
    open(&folder.path().join("several/levels"), 1000);
}

#[test]
fn a_record_has_a_largest_size() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path(), 1000);
    let mut payload = vec![7; MAX_RECORD_BYTES + 1];
    let error = log.append(Topic::Event, &payload).unwrap_err();
    assert_eq!(error.to_string(), "a record of 16777217 bytes is over the limit of 16777216");
    payload.pop();
    assert_eq!(log.append(Topic::Event, &payload).unwrap(), Position(0));
    log.flush().unwrap();
    assert_eq!(log.get(Position(0)).unwrap().unwrap().payload, payload);
}

#[test]
fn threads_get_positions_in_the_order_of_the_file_and_read_meanwhile() {
    for sync in [SyncPolicy::Sync, SyncPolicy::Async] {
        let folder = TempDir::new().unwrap();
        // A small buffer, so that appends wait for room, and small segments.
        let options = Options { buffer_bytes: 500, sync, ..options(20_000) };
        suite::is_one_order(&FileLog::open(folder.path(), options).unwrap().0);
    }
}

#[test]
fn a_record_is_found_near_a_known_place() {
    let folder = TempDir::new().unwrap();
    let open = |segment_bytes| {
        let options = Options { sync: SyncPolicy::Async, ..options(segment_bytes) };
        FileLog::open(folder.path(), options).unwrap().0
    };
    let written = open(8 << 20);
    let payload = |number: u64| vec![number as u8; number as usize % 400];
    let expect: Vec<_> = (0..6_000).map(|number| (Position(number), payload(number))).collect();
    for (_, payload) in &expect {
        written.append(Topic::Event, payload).unwrap();
    }
    written.flush().unwrap();
    let check = |log: &FileLog| {
        for (position, payload) in expect.iter().rev().step_by(97) {
            assert_eq!(&log.get(*position).unwrap().unwrap().payload, payload);
        }
        let segment = Arc::clone(&log.shared.view.now().segments[0]);
        assert!(segment.index_from() > 1 << 20);
        for (position, _) in &expect {
            let mut frames = Frames::open(&segment, *position).unwrap();
            let known = frames.offset;
            while frames.position < *position {
                frames.read().unwrap();
            }
            assert!(frames.offset - known <= INDEX_BYTES);
        }
    };
    check(&written);
    drop(written);
    // Every second time the segment is not the last one, and nothing is known of it but what was looked up.
    check(&open(8 << 20));
    let log = open(0);
    log.append(Topic::Event, b"next segment").unwrap();
    drop(log);
    check(&open(0));
}

#[test]
fn many_appends_share_a_sync_and_are_durable_after_it() {
    let folder = TempDir::new().unwrap();
    let (disk, calls, go) = gate();
    allow(&go, 2);
    let log = FileLog::open_on(folder.path(), options(1 << 20), disk).unwrap().0;
    log.append(Topic::Event, &[0; 20]).unwrap();
    let until_written: Vec<_> = calls.iter().take(3).collect();
    assert_eq!(until_written, [Call::Write(HEADER_BYTES), Call::Sync, Call::Write(FRAME)]);

    for _ in 0..100 {
        log.append(Topic::Event, &[0; 20]).unwrap();
    }
    allow(&go, 1);
    assert_eq!(calls.recv(), Ok(Call::Sync));
    assert_eq!(*log.durability().borrow(), Durability::Until { end: Position(0) });
    assert_eq!(log.get(Position(0)).unwrap(), None);

    allow(&go, 4);
    assert_eq!(log.flush().unwrap(), Position(101));
    assert_eq!(*log.durability().borrow(), Durability::Until { end: Position(101) });
    assert_eq!(calls.try_iter().collect::<Vec<_>>(), [Call::Write(FRAME_BYTES), Call::Write(100 * FRAME), Call::Sync]);
}

#[test]
fn without_sync_it_syncs_on_flush_when_a_segment_is_full_and_at_the_end() {
    let folder = TempDir::new().unwrap();
    let (disk, calls, go) = gate();
    allow(&go, 100);
    let options = Options { sync: SyncPolicy::Async, ..options(FOUR_RECORDS) };
    let log = FileLog::open_on(folder.path(), options, disk).unwrap().0;
    let append = || {
        let end = log.append(Topic::Event, &[0; 20]).unwrap().next();
        while *log.durability().borrow() != (Durability::Until { end }) {
            thread::yield_now();
        }
        calls.try_iter().collect::<Vec<_>>()
    };
    let (header, mark, record) = (Call::Write(HEADER_BYTES), Call::Write(FRAME_BYTES), Call::Write(FRAME));
    assert_eq!(append(), [header, Call::Sync, record]);
    assert_eq!(append(), [record]);
    log.flush().unwrap();
    assert_eq!(append(), [Call::Sync, mark, record]);
    assert_eq!(append(), [record]);
    assert_eq!(append(), [Call::Sync, header, Call::Sync, record]);
    drop(log);
    assert_eq!(calls.try_iter().collect::<Vec<_>>(), [Call::Sync]);
}

#[test]
fn what_is_put_is_written_after_a_push_and_makes_room_then() {
    for sync in [SyncPolicy::Sync, SyncPolicy::Async] {
        let folder = TempDir::new().unwrap();
        let log = FileLog::open(folder.path(), Options { sync, buffer_bytes: 3 * FRAME, ..options(1 << 20) }).unwrap().0;
        log.put(Topic::Event, &[0; 20]).unwrap();
        log.put(Topic::Event, &[0; 20]).unwrap();
        // Where a thread writes, it may have just begun, and look for work before it is told.
        if sync == SyncPolicy::Async {
            assert!(!log.has_room(), "more than half is taken");
            assert_eq!(*log.durability().borrow(), Durability::Until { end: Position(0) });
        }
        log.push();
        while *log.durability().borrow() != (Durability::Until { end: Position(2) }) {
            assert_eq!(sync, SyncPolicy::Sync, "it is handed over at once");
            thread::yield_now();
        }
        assert!(log.has_room());
    }
}

#[test]
fn the_buffer_is_bounded_and_a_failure_frees_who_waits_for_it() {
    let folder = TempDir::new().unwrap();
    let (disk, calls, go) = gate();
    allow(&go, 2);
    let options = Options { buffer_bytes: 3 * FRAME, ..options(1 << 20) };
    let log = FileLog::open_on(folder.path(), options, disk).unwrap().0;
    thread::scope(|scope| {
        // It ends only when the log stops.
        let appender = scope.spawn(|| {
            loop {
                if let Err(error) = log.append(Topic::Event, &[0; 20]) {
                    return error;
                }
            }
        });
        allow(&go, 60);
        drop(go);
        assert!(matches!(appender.join().unwrap(), Error::Stopped { .. }));
    });
    let calls: Vec<_> = calls.try_iter().collect();
    assert_eq!(calls.len(), 63);
    assert!(calls.iter().all(|call| !matches!(call, Call::Write(bytes) if *bytes > 3 * FRAME)), "{calls:?}");
}

#[test]
fn a_failure_at_any_write_or_sync_stops_the_log_and_claims_nothing() {
    let mut failed = 0;
    for calls in 0.. {
        let folder = TempDir::new().unwrap();
        let Ok((log, _)) = FileLog::open_on(folder.path(), options(FOUR_RECORDS), Box::new(Failing { calls })) else {
            assert!(calls < 2, "only the first header is written on opening");
            open(folder.path(), 1000);
            continue;
        };
        let durability = log.durability();
        let (kept, stopped) = append_until_error(&log, 10);
        let Some(error) = stopped else { break };
        failed += 1;

        assert!(matches!(&error, Error::Stopped { reason } if reason.contains(".log: the disk is full")), "{error}");
        assert!(matches!(&*durability.borrow(), Durability::Failed { reason, .. } if error.to_string().contains(reason)));
        for error in [log.append(Topic::Event, b"more").unwrap_err(), log.flush().unwrap_err()] {
            assert!(matches!(error, Error::Stopped { .. }), "{error}");
        }
        assert_eq!(read(&log, 0), kept);
        assert_eq!(log.get(Position(kept.len() as u64)).unwrap(), None);
        drop(log);

        let (log, opened) = FileLog::open(folder.path(), options(FOUR_RECORDS)).unwrap();
        assert_eq!(opened.records, kept.len() as u64);
        assert_eq!(read(&log, 0), kept);
    }
    assert!(failed > 30, "only {failed} failures were tried");
}

#[test]
fn a_segment_that_cannot_be_created_stops_the_log() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path(), FOUR_RECORDS);
    fs::create_dir(folder.path().join("00000000000000000004.log")).unwrap();
    let (kept, error) = append_until_error(&log, 10);
    assert_eq!(kept.len(), 4);
    assert!(error.unwrap().to_string().contains("cannot create"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_is_a_list(
        segment_bytes in 0_u64..2_000,
        buffer_bytes in 0_usize..1_000,
        sync in prop_oneof![Just(SyncPolicy::Sync), Just(SyncPolicy::Async)],
        operations in prop::collection::vec(suite::operation(), 1..60),
    ) {
        let folder = TempDir::new().unwrap();
        let options = Options { segment_bytes, buffer_bytes, sync };
        let open = || {
            let (log, opened) = FileLog::open(folder.path(), options.clone()).unwrap();
            assert!(opened.torn.is_none() && Position(opened.records) == opened.end);
            log
        };
        suite::is_a_list(open, operations)?;
    }
}

fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, buffer_bytes: 1 << 20, sync: SyncPolicy::Sync }
}

fn open(folder: &Path, segment_bytes: u64) -> FileLog {
    FileLog::open(folder, options(segment_bytes)).unwrap().0
}

/// A log of `records` records of twenty bytes, synced one by one.
fn fill(folder: &Path, segment_bytes: u64, records: usize) -> Vec<Record> {
    let (kept, error) = append_until_error(&open(folder, segment_bytes), records);
    assert!(error.is_none());
    kept
}

/// Appends records of twenty bytes, each synced; those that were.
fn append_until_error(log: &FileLog, records: usize) -> (Vec<Record>, Option<Error>) {
    let mut kept = Vec::new();
    for number in 0..records {
        let payload = vec![number as u8; 20];
        let position = match log.append(Topic::Event, &payload).and_then(|position| log.flush().map(|_| position)) {
            Ok(position) => position,
            Err(error) => return (kept, Some(error)),
        };
        kept.push(Record { position, topic: Topic::Event, payload });
    }
    (kept, None)
}

fn read(log: &FileLog, from: u64) -> Vec<Record> {
    let (records, error) = read_until_error(log, from);
    assert!(error.is_none(), "{error:?}");
    records
}

fn read_until_error(log: &FileLog, from: u64) -> (Vec<Record>, Option<Error>) {
    let mut read = Vec::new();
    let mut records = log.read(Position(from)).unwrap();
    for record in records.by_ref() {
        match record {
            Ok(record) => read.push(record),
            Err(error) => {
                assert!(records.next().is_none(), "it went on after an error");
                return (read, Some(error));
            }
        }
    }
    (read, None)
}

fn frame(topic: u8, payload: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    segment::put_frame(&mut bytes, topic, payload, segment::checksum(topic, payload), number);
    bytes
}

fn append_bytes(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn copy(folder: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for path in segments(folder) {
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    names(folder).into_iter().filter(|name| name.ends_with(".log")).map(|name| folder.join(name)).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
