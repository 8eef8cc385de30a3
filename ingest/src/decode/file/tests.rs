use std::fs;

use super::*;
use crate::decode::Historical;
use crate::decode::tests::schema;
use crate::label::Outcome;

/// Reads a file of this name and text to its end.
fn read(name: &str, text: &[u8]) -> Result<Vec<Row>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let mut rows = Vec::new();
    for chunk in open(&path, &schema())? {
        rows.extend(chunk?);
    }
    Ok(rows)
}

/// `id amount label` of what was read, the message of what was rejected.
fn summary(rows: &[Row]) -> Vec<String> {
    let line = |row: &Row| match row {
        Ok(Historical { event, label }) => {
            let label = label.map_or("none", |label| if label == Outcome::Fraud { "fraud" } else { "legit" });
            format!("{} {} {label}", event.event_id, event.amount.unwrap().minor())
        }
        Err(rejected) => rejected.to_string(),
    };
    rows.iter().map(line).collect()
}

fn check(name: &str, text: &str, expect: &[&str]) {
    assert_eq!(summary(&read(name, text.as_bytes()).unwrap()), expect, "{name}");
}

#[test]
fn csv_rows_are_rejected_one_by_one() {
    let text = "TX_FRAUD,TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TX_AMOUNT_CENTS,mcc\n\
        0,1,2018-04-01 00:00:31,596,5716,\n\
        1,2,2018-04-01 00:02:10,4961,-1,5732\n\
        \n\
        1,3,2018-04-01 00:07:56,2,14681\n\
        ,4,2018-04-01T00:09:29Z,\"4,128\",6449,\"5\"\"7\"\n\
        1,5,\"2018-04-01 00:10:34,927,5090,\n\
        1,6,2018-04-01 00:10:45,,7134,\n\
        True,7,2018-04-01 00:11:30,513,1858,";
    let expect = [
        "1 5716 legit",
        "line 3: TX_AMOUNT_CENTS: must not be negative",
        "line 5: has 5 fields, the header has 6",
        "4 6449 none",
        "line 7: a quoted field does not end on its line",
        "line 8: CUSTOMER_ID: is missing",
        "7 1858 fraud",
    ];
    check("a.csv", text, &expect);
    check("A.CSV", &format!("\u{feff}{}", text.replace('\n', "\r\n")), &expect);
}

#[test]
fn csv_that_is_not_text_is_rejected_by_field() {
    let header = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TX_AMOUNT_CENTS\n";
    let text = [header.as_bytes(), b"1,2018-04-01,\xff\xfe,1\n2,2018-04-01,7,1\n"].concat();
    assert_eq!(summary(&read("a.csv", &text).unwrap()), ["line 2: CUSTOMER_ID: must be UTF-8 text", "2 1 none"]);
}

fn event(id: &str, fraud: &str) -> String {
    format!(
        r#"{{"event_id": "{id}", "event_time": "2018-04-01T00:00:31Z", "transaction": {{"amount_minor": 5716}}, "customer": {{"id": 596}}, "TX_FRAUD": {fraud}}}"#
    )
}

#[test]
fn json_lines_are_rejected_one_by_one() {
    let negative = event("2", "0").replace("5716", "-1");
    let text = format!("{}\n\n{negative}\n{{\"event_id\": \n{}\n", event("1", "1"), event("4", "false"));
    let expect = [
        "1 5716 fraud",
        "line 3: transaction.amount_minor: must not be negative",
        "line 4: is not valid JSON at its line 1, column 13",
        "4 5716 legit",
    ];
    for name in ["a.jsonl", "a.ndjson", "a.json"] {
        check(name, &text, &expect);
    }
}

#[test]
fn a_json_array_is_read_element_by_element() {
    let text = format!("\n[\n{},\n{{\"event_id\"}},\n{}\n]\n", event("1", "1"), event("3", "null"));
    check("a.json", &text, &["1 5716 fraud", "line 4: is not valid JSON at its line 1, column 12", "3 5716 none"]);
    let cut_off = format!("[{},\n{{\"event_id\": 4", event("1", "0"));
    check("a.json", &cut_off, &["1 5716 legit", "line 2: is cut off: the array does not end"]);
}

#[test]
fn chunks_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let lines: String = (0..CHUNK_ROWS + 10).map(|id| event(&id.to_string(), "0") + "\n").collect();
    fs::write(&path, lines).unwrap();
    let sizes: Vec<usize> = open(&path, &schema()).unwrap().map(|chunk| chunk.unwrap().len()).collect();
    assert_eq!(sizes, [CHUNK_ROWS, 10]);
}

#[test]
fn an_unusable_file_is_an_error_that_names_it() {
    let check = |name: &str, text: &str, expect: &str| {
        let error = read(name, text.as_bytes()).unwrap_err().to_string();
        let file = format!("/{name}");
        assert!(error.contains(&file), "{error}");
        // The folder has another name each time.
        let words: Vec<&str> = error.split(' ').map(|word| if word.contains(&file) { "FILE" } else { word }).collect();
        assert_eq!(words.join(" "), expect);
    };
    check("a.csv", "", "FILE has no rows");
    check("a.json", " \n", "FILE has no rows");
    check("a.json", "[ ]", "FILE has no rows");
    let header = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TX_AMOUNT_CENTS\n";
    check("a.csv", header, "FILE has no rows");
    check(
        "a.csv",
        "TRANSACTION_ID,DATE,CUSTOMER_ID,TX_AMOUNT_CENTS\n1,2,3,4\n",
        "column TX_DATETIME (event_time) is missing from FILE it has: TRANSACTION_ID, DATE, CUSTOMER_ID, TX_AMOUNT_CENTS",
    );
    check("a.csv", "\"TRANSACTION_ID\n", "the header of FILE is not a line of CSV: a quoted field does not end on its line");
    let unknown = "cannot tell what FILE is: its name must end in .json, .jsonl, .ndjson, .csv or .parquet";
    check("a.txt", header, unknown);
    check("parquet", header, unknown);
    let missing = open(Path::new("/nowhere/a.csv"), &schema()).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /nowhere/a.csv");
    assert!(std::error::Error::source(&missing).is_some());
}

#[test]
fn rows_end_after_an_error() {
    let failed = || Error::Empty { path: PathBuf::from("a.csv") };
    let chunks = Box::new([Ok(Vec::new()), Err(failed()), Ok(Vec::new())].into_iter());
    let rows = Rows { chunks, total: None, has_label: true };
    assert_eq!(rows.map(|chunk| chunk.is_ok()).collect::<Vec<_>>(), [true, false]);
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in 0..4_usize) {
        let header = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TX_AMOUNT_CENTS\n";
        let (name, before) = [("a.csv", header), ("b.csv", ""), ("a.json", "["), ("a.parquet", "PAR1")][kind];
        let _ = read(name, &[before.as_bytes(), &text].concat());
    }
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;

    use super::*;
    use crate::decode::Rejected;
    use crate::simulator::{self, Settings, Simulator};

    fn write(batch: &RecordBatch) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        (folder, path)
    }

    #[test]
    fn rows_are_numbered_through_all_chunks() {
        let day: Vec<_> = Simulator::new(Settings { customers: 6_000, ..Settings::default() }).unwrap().next().unwrap();
        let mut spoilt = day.clone();
        spoilt[9_000].amount_minor = -1;
        let (_folder, path) = write(&simulator::batch(&spoilt));
        let rows = open(&path, &schema()).unwrap();
        assert_eq!(rows.total(), Some(day.len() as u64));
        let rows: Vec<Row> = rows.flat_map(Result::unwrap).collect();
        assert_eq!(rows.len(), day.len());
        for (row, transaction) in rows.iter().zip(&spoilt) {
            match row {
                Ok(Historical { event, label }) => {
                    assert_eq!(event.event_id.as_str(), transaction.transaction_id.to_string());
                    assert_eq!(event.occurred_at, transaction.occurred_at);
                    assert_eq!(event.amount.unwrap().minor(), transaction.amount_minor);
                    assert_eq!(event.entities, [Some(transaction.customer_id.to_string().into()), None]);
                    assert_eq!(*label, Some(if transaction.fraud { Outcome::Fraud } else { Outcome::Legit }));
                }
                Err(rejected) => {
                    let (field, reason) = (Some("TX_AMOUNT_CENTS".to_owned()), "must not be negative".to_owned());
                    assert_eq!(*rejected, Rejected { line: 9_001, field, reason });
                }
            }
        }
        assert_eq!(rows.iter().filter(|row| row.is_err()).count(), 1);
    }

    #[test]
    fn an_unusable_file_is_an_error_that_names_it() {
        let error = read("a.parquet", b"PAR1 no more").unwrap_err();
        assert!(error.to_string().ends_with("/a.parquet as Parquet"), "{error}");

        let ids: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
        let (_folder, path) = write(&RecordBatch::try_from_iter([("TRANSACTION_ID", Arc::clone(&ids))]).unwrap());
        let error = open(&path, &schema()).unwrap_err().to_string();
        let expect = format!("column TX_DATETIME (event_time) is missing from {}; it has: TRANSACTION_ID", path.display());
        assert_eq!(error, expect);

        let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
        let columns = [("TRANSACTION_ID", &ids), ("TX_DATETIME", &text), ("TX_AMOUNT_CENTS", &text), ("CUSTOMER_ID", &ids)];
        let batch = RecordBatch::try_from_iter(columns.map(|(name, array)| (name, Arc::clone(array)))).unwrap();
        let (_folder, path) = write(&batch);
        let error = open(&path, &schema()).unwrap_err().to_string();
        let (start, end) = ("column TX_AMOUNT_CENTS (amount_minor) of ", " has the type Utf8, it must be whole numbers");
        assert!(error.starts_with(start) && error.ends_with(end), "{error}");

        let (_folder, path) = write(&simulator::batch(&[]));
        assert_eq!(open(&path, &schema()).unwrap_err().to_string(), format!("{} has no rows", path.display()));
    }
}

#[test]
fn a_column_may_lie_in_the_name_of_the_folder() {
    let constant = |column: &str, value: Option<&str>| Constant { column: column.to_owned(), value: value.map(str::to_owned) };
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("a.csv");
    fs::write(&text, "TRANSACTION_ID,CUSTOMER_ID,TX_AMOUNT_CENTS\n1,596,5716\n2,597,16\n").unwrap();
    let check = |path: &Path, partition: &[Constant], expect: &[&str]| {
        let rows = open_part(path, partition, &schema()).map_err(|error| error.to_string());
        let found = rows.map(|rows| summary(&rows.flat_map(Result::unwrap).collect::<Vec<_>>()));
        assert_eq!(found.unwrap_or_else(|error| vec![error]), expect, "{}", path.display());
    };
    let day = constant("TX_DATETIME", Some("2018-04-01"));
    check(&text, std::slice::from_ref(&day), &["1 5716 none", "2 16 none"]);
    check(&text, &[day.clone(), constant("TX_FRAUD", Some("1"))], &["1 5716 fraud", "2 16 fraud"]);
    check(&text, &[day.clone(), constant("TX_FRAUD", None)], &["1 5716 none", "2 16 none"]);
    // The file's own column comes first.
    check(&text, &[day, constant("TX_AMOUNT_CENTS", Some("1"))], &["1 5716 none", "2 16 none"]);
    assert!(open(&text, &schema()).unwrap_err().to_string().contains("TX_DATETIME"));
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_may_lack_what_its_folder_says() {
    use crate::decode::arrow::Partition;
    use ::arrow::array::{AsArray, Int64Array, RecordBatch};
    use ::arrow::datatypes::{DataType, Int64Type};
    use std::sync::Arc;

    let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
    let constant = |column: &str, value: Option<&str>| Constant { column: column.to_owned(), value: value.map(str::to_owned) };
    let constants =
        [constant("a", Some("9")), constant("shop", Some("007")), constant("hour", Some("7")), constant("none", None)];
    let partition = Partition::new(&constants, &batch.schema());
    let with = partition.with(batch);
    let types: Vec<_> = with.schema().fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    let expect = [("a", DataType::Int64), ("shop", DataType::Utf8), ("hour", DataType::Int64), ("none", DataType::Null)];
    assert_eq!(types, expect.map(|(name, kind)| (name.to_owned(), kind)));
    assert_eq!(with.column(0).as_primitive::<Int64Type>().values().as_ref(), [1, 2], "the file's own");
    assert_eq!(with.column(1).as_string::<i32>().value(1), "007");
}
