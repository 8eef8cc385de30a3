use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int8Type, Int32Type, Int64Type};

use super::*;
use crate::simulator::{Error, Settings, Simulator, batch, parquet};

#[test]
fn what_a_person_writes() {
    let check = |text: &str, expect: &str| match text.parse::<Drift>() {
        Ok(drift) => assert_eq!((drift.to_string().as_str(), expect), (text, "")),
        Err(error) => assert_eq!(error.to_string(), expect),
    };
    check("spending:2.0@2018-07-01", "");
    check("spending:0.5:0.3@2018-07-01..2018-07-08", "");
    check("bursts:20@2018-07-01", "");
    check("missing:TERMINAL_ID:0.5@2018-07-01", "");
    check("spending:2.0", "it lacks a day: write it as spending:2.0@2018-07-01");
    check("spending:2.0@july", "`july` is no day: write it as 2018-07-01");
    check("spending:2.0@2018-07-01T12:00:00Z", "`2018-07-01T12:00:00Z` is no day: write it as 2018-07-01");
    check("spending:2.0@2018-02-30", "`2018-02-30` is no day: write it as 2018-07-01");
    check(
        "spending:2.0@2018-07-01..2018-07-01",
        "2018-07-01..2018-07-01 holds no day: the second one is the first on which all is as before",
    );
    check("spending@2018-07-01", "write it as spending:FACTOR@DAY or spending:FACTOR:SHARE@DAY");
    check("spending:two@2018-07-01", "`two` is no factor: give a number above 0, and at most 1000");
    check("spending:nan@2018-07-01", "`nan` is no factor: give a number above 0, and at most 1000");
    check("spending:2:0@2018-07-01", "`0` is no share: give a number above 0, and at most 1");
    check("bursts:0@2018-07-01", "`0` is no number of victims: give a whole number from 1 on");
    check("bursts:3:0.5@2018-07-01", "write it as bursts:VICTIMS@DAY, with so many victims a day");
    check("missing:@2018-07-01", "write it as missing:COLUMN@DAY or missing:COLUMN:SHARE@DAY");
    check("quake:1@2018-07-01", "there is no drift `quake`: there are spending, bursts, missing");
}

/// Twenty days from 2018-04-01 on.
fn world() -> Simulator {
    let settings = Settings { customers: 100, terminals: 400, days: Some(20), seed: 3, radius: 10.0, ..Settings::default() };
    Simulator::new(settings).unwrap()
}

fn plain() -> RecordBatch {
    let days: Vec<_> = world().map(|day| batch(&day)).collect();
    concat_batches(&days[0].schema(), &days).unwrap()
}

/// With drifts, cut into batches of so many rows.
fn drifted(rows: &RecordBatch, drifts: &[&str], seed: u64, size: usize) -> Result<RecordBatch, Error> {
    let mut injection = Injection::new(drifts.iter().map(|drift| drift.parse().unwrap()).collect(), seed);
    let columns = injection.columns(&rows.schema())?;
    let mut batches = Vec::new();
    for from in (0..rows.num_rows()).step_by(size) {
        batches.push(injection.apply(&rows.slice(from, size.min(rows.num_rows() - from)), &columns)?);
    }
    batches.push(injection.finish(&columns)?);
    injection.check_begun()?;
    Ok(concat_batches(&columns, &batches).unwrap())
}

fn numbers(rows: &RecordBatch, name: &str) -> Vec<i64> {
    let array = arrow::compute::cast(rows.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Int64).unwrap();
    array.as_primitive::<Int64Type>().values().to_vec()
}

fn days(rows: &RecordBatch) -> Vec<String> {
    numbers(rows, parquet::TIME).iter().map(|micros| Timestamp::from_micros(*micros).date()).collect()
}

#[test]
fn spending_changes_amounts_and_nothing_else() {
    let before = plain();
    let amounts = |rows: &RecordBatch| numbers(rows, parquet::AMOUNT);
    let after = drifted(&before, &["spending:2.5@2018-04-08..2018-04-15"], 0, 1_000).unwrap();
    for ((old, new), day) in amounts(&before).iter().zip(amounts(&after)).zip(days(&before)) {
        let is_within = ("2018-04-08".."2018-04-15").contains(&day.as_str());
        assert_eq!(new, if is_within { (*old as f64 * 2.5).round() as i64 } else { *old }, "{day}");
    }
    for (name, (old, new)) in before.schema().fields().iter().zip(before.columns().iter().zip(after.columns())) {
        assert_eq!(name.name() == parquet::AMOUNT, old != new, "{name}");
    }

    let some = drifted(&before, &["spending:3:0.3@2018-04-01"], 7, 1_000).unwrap();
    let customers = numbers(&before, parquet::CUSTOMER);
    let of = |is_changed: bool| -> BTreeSet<i64> {
        let rows = amounts(&before).into_iter().zip(amounts(&some)).zip(&customers);
        rows.filter(|((old, new), _)| *old > 0 && (old != new) == is_changed).map(|(_, customer)| *customer).collect()
    };
    assert!(of(true).is_disjoint(&of(false)), "a customer changes wholly or not at all");
    assert!((20..40).contains(&of(true).len()), "{}", of(true).len());
}

/// The Handbook's own files have numbers of 32 bits.
#[test]
fn narrow_numbers_of_payments_become_wide() {
    let before = plain();
    let narrow = |array: &arrow::array::ArrayRef| arrow::compute::cast(array, &arrow::datatypes::DataType::Int32).unwrap();
    let schema = before.schema();
    let columns = schema.fields().iter().zip(before.columns()).map(|(field, array)| {
        let array = if field.name() == parquet::ID { narrow(array) } else { array.clone() };
        (field.name().clone(), array)
    });
    let narrow = RecordBatch::try_from_iter(columns).unwrap();
    let [wide, narrow] = [&before, &narrow].map(|payments| drifted(payments, &["bursts:5@2018-04-11"], 0, 1_000).unwrap());
    assert_eq!(numbers(&wide, parquet::ID), numbers(&narrow, parquet::ID));
}

#[test]
fn bursts_are_added_in_the_order_of_time() {
    let before = plain();
    let after = drifted(&before, &["bursts:5@2018-04-11"], 0, 1_000).unwrap();
    assert!(numbers(&after, parquet::TIME).is_sorted());
    let ids = numbers(&after, parquet::ID);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let rows = |is_added: bool| {
        let rows = ids.iter().zip(0_u32..).filter(|(id, _)| (**id >= 2_000_000_000) == is_added).map(|(_, row)| row);
        take_record_batch(&after, &UInt32Array::from_iter_values(rows)).unwrap()
    };
    assert_eq!(rows(false), before, "what was there is as it was");
    let added = rows(true);
    assert!(days(&added).iter().all(|day| day.as_str() >= "2018-04-11"));
    assert_eq!(days(&added).iter().collect::<BTreeSet<_>>().len(), 10, "one burst or more on each of ten days");
    assert!((10 * 5 * 6..=10 * 5 * 12).contains(&added.num_rows()), "{}", added.num_rows());
    assert!(added.column_by_name(parquet::FRAUD).unwrap().as_primitive::<Int8Type>().values().iter().all(|fraud| *fraud == 1));
    assert!(numbers(&added, parquet::AMOUNT).iter().all(|amount| (100..=500).contains(amount)));
    let visits = |rows: &RecordBatch| -> BTreeSet<(i64, i64)> {
        numbers(rows, parquet::CUSTOMER).into_iter().zip(numbers(rows, parquet::TERMINAL)).collect()
    };
    let first = numbers(&added, parquet::TIME)[0];
    let known = numbers(&before, parquet::TIME).partition_point(|time| *time < first);
    let first_day = days(&added).iter().filter(|day| *day == "2018-04-11").count();
    let victims: BTreeSet<i64> = visits(&added.slice(0, first_day)).into_iter().map(|(customer, _)| customer).collect();
    assert_eq!(victims.len(), 5);
    assert!(visits(&added.slice(0, first_day)).is_disjoint(&visits(&before.slice(0, known))), "far from what they know");
}

#[test]
fn a_column_goes_missing() {
    let before = plain();
    let check = |drift: &str, column: &str, range: std::ops::Range<f64>| {
        let after = drifted(&before, &[drift], 0, 1_000).unwrap();
        let gone = after.column_by_name(column).unwrap();
        let (mut within, mut empty) = (0.0, 0.0);
        for (row, day) in days(&before).iter().enumerate() {
            let is_within = day.as_str() >= "2018-04-11";
            assert!(is_within || gone.is_valid(row));
            within += f64::from(u8::from(is_within));
            empty += f64::from(u8::from(gone.is_null(row)));
        }
        assert!(range.contains(&(empty / within)), "{drift}: {}", empty / within);
    };
    check("missing:TERMINAL_ID@2018-04-11", "TERMINAL_ID", 1.0..1.1);
    check("missing:CUSTOMER_ID:0.25@2018-04-11", "CUSTOMER_ID", 0.22..0.28);
}

#[test]
fn the_same_whatever_the_batches_and_the_order_of_drifts() {
    let before = plain();
    let drifts = ["spending:2@2018-04-05", "bursts:4@2018-04-06", "missing:TERMINAL_ID:0.5@2018-04-07"];
    let whole = drifted(&before, &drifts, 1, 100_000).unwrap();
    assert_eq!(whole, drifted(&before, &drifts, 1, 37).unwrap());
    assert_eq!(whole, drifted(&before, &[drifts[2], drifts[1], drifts[0]], 1, 1_000).unwrap());
    assert_ne!(whole, drifted(&before, &drifts, 2, 1_000).unwrap());
    assert_eq!(before, drifted(&before, &[], 1, 1_000).unwrap());
    let amounts = drifted(&before, &drifts[..2], 1, 1_000).unwrap();
    assert!(
        numbers(&amounts, parquet::ID)
            .iter()
            .zip(numbers(&amounts, parquet::AMOUNT))
            .all(|(id, amount)| *id < 1_000_000 || amount <= 500)
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let rows = plain();
    let check = |drift: &str, rows: &RecordBatch, expect: &str| {
        assert_eq!(drifted(rows, &[drift], 0, 1_000).unwrap_err().to_string(), expect);
    };
    check(
        "missing:DEVICE@2018-04-05",
        &rows,
        "cannot inject missing:DEVICE@2018-04-05: there is no column DEVICE; there are: TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, \
         TERMINAL_ID, TX_AMOUNT_CENTS, TX_FRAUD, TX_FRAUD_SCENARIO",
    );
    check(
        "missing:TX_AMOUNT_CENTS@2018-04-05",
        &rows,
        "cannot inject missing:TX_AMOUNT_CENTS@2018-04-05: a payment without TX_AMOUNT_CENTS is none: name another column",
    );
    check(
        "spending:2@2019-01-01",
        &rows,
        "cannot inject spending:2@2019-01-01: there is no payment on these days; the last one was made on 2018-04-20",
    );
    let without = rows.project(&[0, 1, 2, 4]).unwrap();
    let error = drifted(&without, &["bursts:2@2018-04-05"], 0, 1_000).unwrap_err().to_string();
    assert!(error.contains("there is no column TERMINAL_ID"), "{error}");
    let backwards = take_record_batch(&rows, &UInt32Array::from(vec![9, 3])).unwrap();
    let error = drifted(&backwards, &["spending:2@2018-04-01"], 0, 1_000).unwrap_err().to_string();
    assert!(error.starts_with("cannot change the payments: payments are not in the order of time: one of 2018-04-01"), "{error}");
    let twice = drifted(&rows, &["bursts:2@2018-04-05"], 0, 1_000).unwrap();
    let error = drifted(&twice, &["bursts:2@2018-04-05"], 0, 1_000).unwrap_err().to_string();
    assert!(error.ends_with("has a number that only those have which are added: 2000000000 or more"), "{error}");
}

#[test]
fn files_are_copied_with_what_else_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let columns = |path: &Path| {
        let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let schema = std::sync::Arc::clone(file.schema());
        let batches: Vec<_> = file.build().unwrap().map(Result::unwrap).collect();
        concat_batches(&schema, &batches).unwrap()
    };
    let inject = |drift: &str| Injection::new(vec![drift.parse().unwrap()], 5);
    let simulated = parquet::write(world(), &mut inject("bursts:3@2018-04-05"), &at("simulated.parquet"), &mut |_| {}).unwrap();
    parquet::write(world(), &mut Injection::none(), &at("plain.parquet"), &mut |_| {}).unwrap();
    let mut read = 0;
    let mut injection = inject("bursts:3@2018-04-05");
    let copied = parquet::copy(&at("plain.parquet"), &mut injection, &at("copied.parquet"), &mut |rows| read = rows).unwrap();
    assert_eq!((simulated, read + injection.added()), (copied, copied));
    assert_eq!(
        columns(&at("simulated.parquet")),
        columns(&at("copied.parquet")),
        "a drift is the same in what is simulated and in files"
    );

    // Other types, and a column of somebody's own that may be empty.
    let rows = plain();
    let custom = arrow::compute::cast(rows.column(2), &arrow::datatypes::DataType::Utf8).unwrap();
    let customer = arrow::compute::cast(rows.column(2), &arrow::datatypes::DataType::Int64).unwrap();
    let columns_of = |array: &arrow::array::ArrayRef, name: &str| (name.to_owned(), std::sync::Arc::clone(array), true);
    let named = rows
        .schema()
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, array)| columns_of(array, field.name()))
        .collect::<Vec<_>>();
    let mut named = named;
    named[2].1 = customer;
    named.push(columns_of(&custom, "CHANNEL"));
    let wide = RecordBatch::try_from_iter_with_nullable(named).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(at("wide.parquet")).unwrap(), wide.schema(), None).unwrap();
    writer.write(&wide).unwrap();
    writer.close().unwrap();
    let mut both =
        Injection::new(["bursts:3@2018-04-05", "missing:CHANNEL@2018-04-10"].map(|drift| drift.parse().unwrap()).into(), 5);
    parquet::copy(&at("wide.parquet"), &mut both, &at("wider.parquet"), &mut |_| {}).unwrap();
    let wider = columns(&at("wider.parquet"));
    let expected = columns(&at("copied.parquet"));
    assert_eq!(wider.column(0), expected.column(0));
    assert_eq!(
        numbers(&wider, parquet::CUSTOMER),
        expected.column(2).as_primitive::<Int32Type>().values().iter().map(|each| i64::from(*each)).collect::<Vec<_>>()
    );
    let channel = wider.column_by_name("CHANNEL").unwrap();
    let is_empty = |row: usize| channel.is_null(row);
    let ids = numbers(&wider, parquet::ID);
    assert!(
        days(&wider)
            .iter()
            .enumerate()
            .all(|(row, day)| is_empty(row) == (day.as_str() >= "2018-04-10" || ids[row] >= 2_000_000_000))
    );

    let error =
        parquet::copy(&at("none.parquet"), &mut Injection::none(), &at("x.parquet"), &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.ends_with("/none.parquet"), "{error}");
    let late = parquet::copy(&at("plain.parquet"), &mut inject("bursts:3@2020-01-01"), &at("x.parquet"), &mut |_| {});
    assert!(late.is_err() && !at("x.parquet").exists() && !at("x.parquet.part").exists());
}
