use std::collections::BTreeSet;
use std::fs;

use arrow::array::RecordBatchReader;
use ingest::Currency;

use super::*;
use crate::fixture::{change, decision, event, label, project, time};
use crate::questions::{Days, volume};

/// The rows of so many flushes of an event and its decision each; every third has a label, every other falls on the next day.
fn flushes(count: u64) -> Vec<Projected> {
    let flush = |number: u64| {
        let id = format!("event_{number}");
        let day = if number.is_multiple_of(2) { "2018-08-01T10:00:00Z" } else { "2018-08-02T10:00:00Z" };
        let first = number * 3;
        let last = match number.is_multiple_of(3) {
            true => label(first + 2, &id, "fraud", "2018-08-09"),
            false => change(first + 2, day),
        };
        project(&[event(first, &id, day, 100), decision(first + 1, first, &id, day), last])
    };
    (0..count).map(flush).collect()
}

fn append_rest(warehouse: &ParquetWarehouse, flushes: &[Projected]) -> Result<(), Error> {
    let reached = warehouse.reached();
    flushes.iter().filter(|flush| flush.from >= reached).try_for_each(|flush| warehouse.append(flush))
}

/// Every row once and no other, and on the disk nothing but what counts.
fn check_whole(warehouse: &ParquetWarehouse, flushes: &[Projected]) {
    let parts = Arc::clone(&warehouse.live().parts);
    for table in Table::PROJECTED {
        let of_table = parts.iter().filter(|((of, _), _)| *of == table).flat_map(|(_, parts)| parts);
        let mut found: Vec<u64> = of_table.flat_map(|part| positions(&read(&part.path))).collect();
        found.sort_unstable();
        let given = flushes.iter().flat_map(|flush| &flush.rows).filter(|(of, _)| *of == table);
        assert_eq!(found, given.flat_map(|(_, rows)| positions(rows)).collect::<Vec<_>>(), "{table}");
    }
    assert_eq!(files(&warehouse.folder), parts.values().flatten().map(|part| part.path.clone()).collect());
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    arrow::compute::concat_batches(&reader.schema(), &reader.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
}

fn positions(rows: &RecordBatch) -> Vec<u64> {
    rows.column_by_name("log_position").unwrap().as_primitive::<UInt64Type>().values().to_vec()
}

/// The files of the tables.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let days = Table::PROJECTED.iter().filter_map(|table| fs::read_dir(folder.join(table.name())).ok()).flatten();
    let files = days.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// Parts are merged from the second on, so that few flushes go through every kind of step.
#[test]
fn a_crash_between_any_two_steps_loses_nothing_and_keeps_nothing_twice() {
    const MANY: usize = 2;
    let flushes = flushes(4);
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let run = ParquetWarehouse::open_on(folder.path(), Disk::crashing_after(steps), MANY)
            .and_then(|warehouse| append_rest(&warehouse, &flushes));
        // Crashes while it cleans up after the crash, too.
        for steps in 0..3 {
            let _ = ParquetWarehouse::open_on(folder.path(), Disk::crashing_after(steps), MANY);
        }
        let warehouse = ParquetWarehouse::open_on(folder.path(), Disk::real(), MANY).unwrap();
        append_rest(&warehouse, &flushes).unwrap();
        check_whole(&warehouse, &flushes);
        if run.is_ok() {
            assert!(steps > 100, "only {steps} steps were tried");
            break;
        }
    }
}

#[test]
fn small_parts_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    let flushes = flushes(100);
    append_rest(&warehouse, &flushes).unwrap();
    check_whole(&warehouse, &flushes);
    for ((table, day), parts) in warehouse.live().parts.iter() {
        assert!(parts.len() <= MANY_PARTS, "{table} has {} parts on day {day}", parts.len());
    }
}

#[test]
fn what_is_merged() {
    let check = |parts: &[u64], rows: u64, from: usize| {
        let parts: Vec<_> = parts.iter().map(|rows| Arc::new(Part { rows: *rows, ..part() })).collect();
        assert_eq!(merge_from(&parts, rows, 3), from, "{parts:?}");
    };
    check(&[], 5, 0);
    check(&[1, 1], 5, 2);
    check(&[1, 1, 1], 5, 0);
    check(&[100, 8, 2], 1, 1);
    check(&[100, 20, 5], 1, 3);
    check(&[LARGE_ROWS, 1, 1], LARGE_ROWS - 2, 1);
}

fn part() -> Part {
    Part { path: PathBuf::new(), location: String::new(), day: 0, first: 0, last: 0, rows: 0, bytes: 0 }
}

/// However many small flushes come, a day has few parts and each row is rewritten few times.
#[test]
fn merging_bounds_parts_and_rewriting() {
    const FLUSHES: u64 = 43_200;
    let (mut parts, mut written) = (Vec::new(), 0);
    for _ in 0..FLUSHES {
        let from = merge_from(&parts, 1, MANY_PARTS);
        let rows = 1 + parts.split_off(from).iter().map(|part| part.rows).sum::<u64>();
        parts.push(Arc::new(Part { rows, ..part() }));
        written += rows;
        assert!(parts.len() <= 2 * MANY_PARTS);
    }
    assert!(written < 40 * FLUSHES, "{written} rows were written for {FLUSHES}");
}

#[test]
fn after_a_failed_write_it_goes_on_when_the_cause_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let flushes = flushes(2);
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    // A file stands where a folder must be.
    fs::write(folder.path().join("labels"), "").unwrap();
    warehouse.append(&flushes[0]).unwrap_err();
    fs::remove_file(folder.path().join("labels")).unwrap();
    append_rest(&warehouse, &flushes).unwrap();
    check_whole(&warehouse, &flushes);
}

/// Whatever step fails, and the steps after it: the same warehouse goes on as one that is opened again would.
#[test]
fn a_disk_that_comes_back_loses_nothing_and_keeps_nothing_twice() {
    const MANY: usize = 2;
    let flushes = flushes(6);
    // Opening is the first step; at the last ones merged files are removed, which can wait and is no failure.
    for steps in 1..88 {
        let folder = tempfile::tempdir().unwrap();
        drop(ParquetWarehouse::open(folder.path()).unwrap());
        let warehouse = ParquetWarehouse::open_on(folder.path(), Disk::failing(steps..steps + 3), MANY).unwrap();
        let mut failures = 0;
        while append_rest(&warehouse, &flushes).is_err() {
            failures += 1;
            // Once more where the rows were kept after all, and were given again.
            assert!(failures <= 4, "it fails for more than the disk does");
        }
        // A merged file that could not be removed goes now.
        drop(warehouse);
        let warehouse = ParquetWarehouse::open_on(folder.path(), Disk::real(), MANY).unwrap();
        check_whole(&warehouse, &flushes);
        assert!(failures > 0, "nothing failed at step {steps}");
    }
}

#[test]
fn a_folder_that_was_taken_away_is_not_made_again_without_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (place, away) = (folder.path().join("warehouse"), folder.path().join("away"));
    let flushes = flushes(2);
    let warehouse = ParquetWarehouse::open(&place).unwrap();
    warehouse.append(&flushes[0]).unwrap();
    fs::rename(&place, &away).unwrap();
    let error = warehouse.append(&flushes[1]).unwrap_err().to_string();
    assert_eq!(error, format!("there is no warehouse in {}", place.display()));
    assert!(!place.exists());
    fs::rename(&away, &place).unwrap();
    append_rest(&warehouse, &flushes).unwrap();
    check_whole(&warehouse, &flushes);
}

#[tokio::test]
async fn a_question_reads_no_other_days() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    append_rest(&warehouse, &flushes(2)).unwrap();
    fs::remove_dir_all(folder.path().join("events/day=2018-08-02")).unwrap();
    let first = Days::between(None, Some(time("2018-08-01")));
    assert_eq!(volume(&warehouse, first, Currency::default()).await.unwrap().len(), 1);
    let error = volume(&warehouse, Days::ALL, Currency::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot answer the question `volume`");
}

/// A merged part is there as long as a question may read it.
#[tokio::test]
async fn a_merge_does_not_disturb_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = ParquetWarehouse::open_on(folder.path(), Disk::real(), 1).unwrap();
    let flushes = flushes(5);
    warehouse.append(&flushes[0]).unwrap();
    let asked = Arc::clone(&warehouse.live().parts);
    append_rest(&warehouse, &flushes[..3]).unwrap();
    assert!(asked.values().flatten().all(|part| part.path.exists()));
    let question = Question::Volume { days: Days::ALL, currency: Currency::default() };
    let answer = warehouse.engine.answer(Arc::clone(&asked), question).await.unwrap();
    assert_eq!(answer.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    drop(asked);
    append_rest(&warehouse, &flushes).unwrap();
    check_whole(&warehouse, &flushes);
}

#[test]
fn what_is_wrong_with_a_folder_is_said() {
    let filled = || {
        let folder = tempfile::tempdir().unwrap();
        append_rest(&ParquetWarehouse::open(folder.path()).unwrap(), &flushes(2)).unwrap();
        folder
    };
    let check = |folder: &Path, expect: &str| {
        let error = ParquetWarehouse::open(folder).err().expect("an error").to_string();
        assert_eq!(error, expect.replace("FOLDER", &folder.display().to_string()));
    };

    let folder = filled();
    let _open = ParquetWarehouse::open(folder.path()).unwrap();
    check(folder.path(), "warehouse FOLDER is in use by another riskflow process");

    let folder = filled();
    fs::write(folder.path().join("checkpoint.json"), r#"{"version":4,"new":true}"#).unwrap();
    check(folder.path(), "the checkpoint FOLDER/checkpoint.json has version 4, this program reads up to 3");

    let folder = filled();
    fs::write(folder.path().join("checkpoint.json"), "{").unwrap();
    check(folder.path(), "the checkpoint FOLDER/checkpoint.json cannot be read");

    let folder = filled();
    fs::remove_file(folder.path().join("checkpoint.json")).unwrap();
    check(folder.path(), "FOLDER has tables but no checkpoint.json: move it away, and the warehouse is made again from the log");

    let folder = filled();
    fs::remove_dir_all(folder.path().join("decisions/day=2018-08-01")).unwrap();
    let expect = "table decisions of warehouse FOLDER has 1 rows, its checkpoint counts 2: move it away, and it is made again from the log";
    check(folder.path(), expect);

    let folder = filled();
    let part = files(folder.path()).pop_first().unwrap();
    fs::write(&part, "no longer Parquet").unwrap();
    check(folder.path(), &format!("cannot read {}", part.display()));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    check(&file, "cannot create FOLDER");
}

/// The tables of an earlier version go, whatever they hold, also when that is interrupted; and the log fills the new ones.
#[test]
fn a_warehouse_of_an_earlier_version_is_made_again() {
    let flushes = flushes(4);
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        append_rest(&ParquetWarehouse::open(folder.path()).unwrap(), &flushes[..3]).unwrap();
        fs::remove_dir_all(folder.path().join("scores")).unwrap();
        fs::write(folder.path().join("decisions/day=2018-08-01/part-1-1.parquet"), "other columns").unwrap();
        let checkpoint = r#"{"version":1,"reached":9,"rows":{"decisions":3,"events":3,"labels":1}}"#;
        fs::write(folder.path().join("checkpoint.json"), checkpoint).unwrap();
        let run = ParquetWarehouse::open_on(folder.path(), Disk::crashing_after(steps), 2).map(drop);

        let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
        assert_eq!(warehouse.reached(), Position(0));
        append_rest(&warehouse, &flushes).unwrap();
        check_whole(&warehouse, &flushes);
        if run.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn a_warehouse_that_is_gone_is_an_error_and_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    append_rest(&warehouse, &flushes(2)).unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    let error = volume(&warehouse, Days::ALL, Currency::default()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no warehouse in {}", folder.path().display()));
}
