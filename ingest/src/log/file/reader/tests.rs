use std::fs::{self, OpenOptions};
use std::io::Write;

use tempfile::TempDir;

use super::super::segment::FRAME_BYTES;
use super::super::{FileLog, Options, SyncPolicy};
use super::*;
use crate::log::{Log, Topic};

fn writer(folder: &Path, segment_bytes: u64) -> FileLog {
    let options = Options { segment_bytes, buffer_bytes: 1 << 20, sync: SyncPolicy::Sync };
    FileLog::open(folder, options).unwrap().0
}

fn append(log: &FileLog, payloads: impl Iterator<Item = u8>) -> Position {
    for number in payloads {
        log.append(Topic::Event, &[number; 20]).unwrap();
    }
    log.flush().unwrap()
}

fn payloads(log: &dyn Readable, from: u64) -> Vec<u8> {
    log.read(Position(from)).unwrap().map(|record| record.unwrap().payload[0]).collect()
}

fn last_segment(folder: &Path) -> PathBuf {
    recovery::list(folder).unwrap().last().unwrap().path.clone()
}

fn append_bytes(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_log_is_followed_while_its_writer_holds_it() {
    for segment_bytes in [100, 10_000] {
        let folder = TempDir::new().unwrap();
        let reader = FileReader::open(&folder.path().join("log")).unwrap();
        assert_eq!((reader.refresh().unwrap(), payloads(&reader, 0)), (Position(0), vec![]), "nobody has begun it");
        let log = writer(&folder.path().join("log"), segment_bytes);
        for round in 0..5_u8 {
            let end = append(&log, round * 10..round * 10 + 10);
            assert_eq!(payloads(&reader, 0).len(), usize::from(round) * 10, "until it is refreshed it is as it was");
            assert_eq!(reader.refresh().unwrap(), end);
            let expect: Vec<u8> = (0..round * 10 + 10).collect();
            for from in [0, u64::from(round) * 10, end.0 - 1, end.0] {
                assert_eq!(payloads(&reader, from), expect[from as usize..]);
                assert_eq!(reader.get(Position(from)).unwrap(), log.get(Position(from)).unwrap());
            }
        }
        drop(log);
        let again = writer(&folder.path().join("log"), segment_bytes);
        assert_eq!(again.append(Topic::Event, &[50; 20]).unwrap(), Position(50), "a reader is in no writer's way");
        again.flush().unwrap();
        assert_eq!(reader.refresh().unwrap(), Position(51));
    }
}

#[test]
fn readers_beside_a_writer_see_whole_records_in_order() {
    let folder = TempDir::new().unwrap();
    let log = writer(folder.path(), 4_000);
    std::thread::scope(|scope| {
        let read = || {
            let reader = FileReader::open(folder.path()).unwrap();
            let mut seen = 0;
            while seen < 3_000 {
                let end = reader.refresh().unwrap();
                for record in reader.read(Position(seen)).unwrap() {
                    let record = record.unwrap();
                    assert_eq!((record.position, record.payload), (Position(seen), vec![seen as u8; seen as usize % 300]));
                    seen += 1;
                }
                assert_eq!(Position(seen), end);
            }
        };
        let readers = [scope.spawn(read), scope.spawn(read)];
        for number in 0..3_000_u64 {
            log.append(Topic::Event, &vec![number as u8; number as usize % 300]).unwrap();
        }
        log.flush().unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn what_is_being_written_is_not_there_yet() {
    let folder = TempDir::new().unwrap();
    append(&writer(folder.path(), 10_000), 0..7);
    let whole = fs::read(last_segment(folder.path())).unwrap();
    for length in 0..whole.len() {
        fs::write(last_segment(folder.path()), &whole[..length]).unwrap();
        let end = FileReader::open(folder.path()).unwrap();
        let whole_frames = length.saturating_sub(HEADER_BYTES) / (FRAME_BYTES + 20);
        assert!(payloads(&end, 0).len() <= whole_frames.min(7), "{length} bytes hold at most {whole_frames} records");
    }
    fs::write(last_segment(folder.path()), &whole).unwrap();
    let reader = FileReader::open(folder.path()).unwrap();
    fs::write(folder.path().join(format!("{:020}.log", 7)), [0; 11]).unwrap();
    assert_eq!(reader.refresh().unwrap(), Position(7), "the next segment has no header yet");
}

#[test]
fn damage_is_told_from_what_is_being_written() {
    let folder = TempDir::new().unwrap();
    let log = writer(folder.path(), 10_000);
    for number in 0..3 {
        append(&log, number..number + 1);
    }
    drop(log);
    let path = last_segment(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    append_bytes(&path, &[9, 0, 0, 0, 1, 2, 3]);
    assert_eq!(FileReader::open(folder.path()).unwrap().refresh().unwrap(), Position(3), "half a record");
    bytes[HEADER_BYTES + FRAME_BYTES] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = FileReader::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is damaged at byte 20: a record does not match its checksum"), "{error}");
    fs::remove_file(&path).unwrap();
    fs::write(folder.path().join(format!("{:020}.log", 7)), segment::header(Position(7))).unwrap();
    let error = FileReader::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("it is missing: the log begins at position 7"), "{error}");
}
