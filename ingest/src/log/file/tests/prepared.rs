//! Segments that were prepared: files of zeros that records are written over.

use super::super::committer::FIRST_SEGMENT_BYTES;
use super::super::prepared;
use super::*;
use crate::log::Followed;

const SEGMENT_BYTES: u64 = 2 * FIRST_SEGMENT_BYTES;
const RECORD_BYTES: usize = 10_000;

fn options() -> Options {
    super::options(SEGMENT_BYTES)
}

fn open(folder: &Path) -> FileLog {
    super::open(folder, SEGMENT_BYTES)
}

fn payload(number: u64) -> Vec<u8> {
    // Zeros within and at the end.
    let mut payload = vec![0; RECORD_BYTES];
    payload[RECORD_BYTES / 2 - 8..][..8].copy_from_slice(&number.to_le_bytes());
    payload[RECORD_BYTES / 2] = 1;
    payload
}

/// Appends so many records, a tenth of them synced one by one, and waits for each segment to be prepared that is begun to be.
fn append(log: &FileLog, records: u64) {
    for _ in 0..records {
        let next = log.shared.view.now().end.0;
        assert_eq!(log.append(Topic::Event, &payload(next)).unwrap(), Position(next));
        log.flush().unwrap();
        while let committer = log.committer.lock().unwrap()
            && committer.prepared.is_begun()
            && !committer.prepared.is_ready()
        {
            drop(committer);
            thread::yield_now();
        }
    }
}

fn holds(log: &dyn Readable, records: u64) {
    let mut read = 0;
    for record in log.read(Position(0)).unwrap() {
        let record = record.unwrap();
        assert_eq!((record.position, record.payload), (Position(read), payload(read)));
        read += 1;
    }
    assert_eq!(read, records);
}

fn lengths(folder: &Path) -> Vec<u64> {
    segments(folder).iter().map(|path| path.metadata().unwrap().len()).collect()
}

/// A closed log of 350 records in three segments, the last of which is prepared and a fifth full.
fn filled() -> TempDir {
    let folder = TempDir::new().unwrap();
    append(&open(folder.path()), 350);
    assert_eq!(lengths(folder.path())[1..], [SEGMENT_BYTES; 2]);
    folder
}

/// Where the last record of the last segment ends.
fn end(folder: &Path) -> usize {
    let last = segments(folder).pop().unwrap();
    fs::read(last).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + RECORD_BYTES / 2
}

/// Changes the bytes of the last segment from where its records end.
fn write_behind(folder: &Path, distance: usize, bytes: &[u8]) {
    let last = segments(folder).pop().unwrap();
    let mut whole = fs::read(&last).unwrap();
    whole[end(folder) + distance..][..bytes.len()].copy_from_slice(bytes);
    fs::write(&last, whole).unwrap();
}

#[test]
fn records_go_on_over_segments_restarts_and_readers() {
    let folder = TempDir::new().unwrap();
    for round in 1..=5 {
        let log = open(folder.path());
        append(&log, 150);
        holds(&log, 150 * round);
        let reader = FileReader::open(folder.path()).unwrap();
        assert_eq!(reader.refresh().unwrap(), Position(150 * round));
        holds(&reader, 150 * round);
    }
    let lengths = lengths(folder.path());
    assert!(lengths[0] <= FIRST_SEGMENT_BYTES, "{lengths:?}");
    assert!(lengths.len() >= 4 && lengths[1..].iter().all(|bytes| *bytes == SEGMENT_BYTES), "{lengths:?}");
}

#[test]
fn nothing_is_prepared_for_a_small_log_and_where_no_sync_is_waited_for() {
    for (sync, records) in [(SyncPolicy::Sync, 50), (SyncPolicy::Async, 350)] {
        let folder = TempDir::new().unwrap();
        let log = FileLog::open(folder.path(), Options { sync, ..options() }).unwrap().0;
        append(&log, records);
        assert!(!log.committer.lock().unwrap().prepared.is_begun());
        drop(log);
        let content: u64 = lengths(folder.path()).iter().sum();
        assert!(content < records * (RECORD_BYTES + 2 * FRAME_BYTES) as u64 + 100, "{content}");
    }
}

#[test]
fn a_name_that_a_power_cut_took_back_is_given_again() {
    let folder = filled();
    let last = segments(folder.path()).pop().unwrap();
    fs::rename(&last, prepared::path(folder.path())).unwrap();
    let (log, opened) = FileLog::open(folder.path(), options()).unwrap();
    assert_eq!((opened.records, opened.torn), (350, None));
    assert!(last.exists());
    append(&log, 1);
    holds(&log, 351);
}

#[test]
fn a_file_that_is_only_room_is_removed() {
    let folder = filled();
    let path = prepared::path(folder.path());
    for zeros in [0, HEADER_BYTES - 1, HEADER_BYTES, 5_000] {
        fs::write(&path, vec![0; zeros]).unwrap();
        holds(&open(folder.path()), 350);
        assert!(!path.exists(), "{zeros} zeros");
    }
}

#[test]
fn a_prepared_file_that_is_something_else_is_refused_and_left() {
    let folder = filled();
    let path = prepared::path(folder.path());
    let taken = segment::header(Position(0));
    for (bytes, expect) in [(&[7; HEADER_BYTES], "it does not begin as a segment does"), (&taken, "cannot create")] {
        fs::write(&path, bytes).unwrap();
        let error = FileLog::open(folder.path(), options()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn what_a_crash_leaves_in_the_room_is_cut() {
    let unfinished = &frame(1, &payload(350), 350)[..RECORD_BYTES / 2];
    for (distance, tail) in [(0, unfinished), (FRAME_BYTES, unfinished), (500_000, b"far")] {
        let folder = filled();
        write_behind(folder.path(), distance, tail);
        let reader = FileReader::open(folder.path()).unwrap();
        assert_eq!(reader.refresh().unwrap(), Position(350));
        let (log, opened) = FileLog::open(folder.path(), options()).unwrap();
        let torn = opened.torn.unwrap();
        assert_eq!((torn.position, opened.records), (Position(350), 350));
        let saved = fs::read(torn.saved).unwrap();
        assert_eq!(saved.len() as u64, torn.bytes);
        assert!(saved[..distance].iter().all(|byte| *byte == 0) && tail.starts_with(&saved[distance..]));
        append(&log, 150);
        holds(&log, 500);
    }
}

#[test]
fn zeros_in_place_of_what_was_durable_are_damage() {
    let folder = filled();
    let last = segments(folder.path()).pop().unwrap();
    let mut whole = fs::read(&last).unwrap();
    let third = HEADER_BYTES + 2 * (RECORD_BYTES + 2 * FRAME_BYTES) - FRAME_BYTES;
    whole[third..third + 4_096].fill(0);
    fs::write(&last, whole).unwrap();
    let errors = [FileLog::open(folder.path(), options()).unwrap_err(), FileReader::open(folder.path()).unwrap_err()];
    for error in errors {
        assert!(error.to_string().ends_with(&format!("is damaged at byte {third}: {}", segment::ZEROS)), "{error}");
    }
}
