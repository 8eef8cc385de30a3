use std::sync::Arc;

use arrow::array::{
    BooleanArray, Date32Array, Date64Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    LargeStringArray, NullArray, StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt64Array,
};
use proptest::prelude::*;

use super::*;
use crate::decode::tests::schema;
use crate::decode::{Historical, Rejected, csv, json};
use crate::label::Outcome;

/// Four good columns, with those of the same name replaced and the others added.
fn batch(changes: &[(&str, ArrayRef)]) -> RecordBatch {
    let rows = changes.first().map_or(2, |(_, array)| array.len());
    let numbers = || -> ArrayRef { Arc::new(Int32Array::from_iter_values(1..=rows as i32)) };
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0; rows]));
    let good =
        [("TRANSACTION_ID", numbers()), ("TX_DATETIME", times), ("TX_AMOUNT_CENTS", numbers()), ("CUSTOMER_ID", numbers())];
    let mut columns: Vec<(&str, ArrayRef)> = good.to_vec();
    for (name, array) in changes {
        columns.retain(|(other, _)| other != name);
        columns.push((name, Arc::clone(array)));
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn decode(changes: &[(&str, ArrayRef)]) -> Vec<Row> {
    let batch = batch(changes);
    Decoder::new(&batch.schema(), &schema()).unwrap().decode(&batch)
}

/// Reads one column of any type; each row as `pick` shows it, or as the message that rejects it.
fn check<A: Array + 'static>(column: &str, array: A, pick: impl Fn(&Historical) -> String, expect: &[&str]) {
    let data_type = array.data_type().clone();
    let rows = decode(&[(column, Arc::new(array))]);
    let found: Vec<String> = rows.iter().map(|row| row.as_ref().map_or_else(ToString::to_string, &pick)).collect();
    assert_eq!(found, expect, "{column} as {data_type}");
}

#[test]
fn ids_and_keys_of_any_type() {
    let id = |historical: &Historical| historical.event.event_id.to_string();
    let check = |array: ArrayRef, expect: &[&str]| check("TRANSACTION_ID", array, id, expect);
    let missing = "line 2: TRANSACTION_ID: is missing";
    check(Arc::new(Int8Array::from(vec![Some(-7), None])), &["-7", missing]);
    check(Arc::new(Int16Array::from(vec![Some(7), None])), &["7", missing]);
    check(Arc::new(UInt8Array::from(vec![255])), &["255"]);
    check(Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX])), &["-9223372036854775808", "9223372036854775807"]);
    check(Arc::new(UInt64Array::from(vec![u64::MAX])), &["18446744073709551615"]);
    check(Arc::new(StringArray::from(vec![Some("a"), None])), &["a", missing]);
    check(Arc::new(LargeStringArray::from(vec!["a", ""])), &["a", "line 2: TRANSACTION_ID: must have 1 to 200 bytes"]);
    check(
        Arc::new(StringViewArray::from(vec!["a", "a text that is longer than twelve"])),
        &["a", "a text that is longer than twelve"],
    );
    check(Arc::new(NullArray::new(1)), &["line 1: TRANSACTION_ID: is missing"]);
    let control = "line 1: TRANSACTION_ID: must not have control characters in it";
    check(Arc::new(StringArray::from(vec!["a\nb"])), &[control]);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    check(cast(&words, &dictionary).unwrap(), &["a", "b", "a"]);

    let key = |historical: &Historical| historical.event.entities[0].as_deref().unwrap().to_owned();
    super::tests::check("CUSTOMER_ID", Int16Array::from(vec![Some(596), None]), key, &["596", "line 2: CUSTOMER_ID: is missing"]);
}

#[test]
fn times_of_any_unit() {
    let time = |historical: &Historical| historical.event.occurred_at.to_string();
    let check = |array: ArrayRef, expect: &[&str]| check("TX_DATETIME", array, time, expect);
    let whole = "2018-04-01T00:00:31Z";
    let range = "line 2: TX_DATETIME: must lie in the years 1 to 9999";
    check(Arc::new(TimestampSecondArray::from(vec![1_522_540_831, i64::MAX])), &[whole, range]);
    check(Arc::new(TimestampMillisecondArray::from(vec![1_522_540_831_000, i64::MIN])), &[whole, range]);
    check(Arc::new(TimestampMicrosecondArray::from(vec![1_522_540_831_000_000, i64::MIN])), &[whole, range]);
    let zoned = TimestampMicrosecondArray::from(vec![1_522_540_831_000_000]).with_timezone("Europe/Berlin");
    check(Arc::new(zoned), &[whole]);
    let nanoseconds = TimestampNanosecondArray::from(vec![1_522_540_831_000_000_999, -1]);
    check(Arc::new(nanoseconds), &[whole, "1969-12-31T23:59:59.999999Z"]);
    check(Arc::new(Date32Array::from(vec![17_622, i32::MAX])), &["2018-04-01T00:00:00Z", range]);
    check(Arc::new(Date64Array::from(vec![1_522_540_800_000])), &["2018-04-01T00:00:00Z"]);
    let format = "line 2: TX_DATETIME: must be a time as RFC 3339 text, such as 2026-04-23T12:00:00Z";
    check(Arc::new(StringArray::from(vec!["2018-04-01 00:00:31", "31/12/2018"])), &[whole, format]);
}

#[test]
fn amounts_of_any_type() {
    let amount = |historical: &Historical| historical.event.amount.unwrap().minor().to_string();
    let check = |array: ArrayRef, expect: &[&str]| check("TX_AMOUNT_CENTS", array, amount, expect);
    let negative = "line 2: TX_AMOUNT_CENTS: must not be negative";
    let large = "line 2: TX_AMOUNT_CENTS: must not be above 1000000000000 minor units";
    check(Arc::new(Int16Array::from(vec![0, -1])), &["0", negative]);
    check(Arc::new(Int64Array::from(vec![1_000_000_000_000, 1_000_000_000_001])), &["1000000000000", large]);
    check(Arc::new(UInt64Array::from(vec![5, u64::MAX])), &["5", "line 2: TX_AMOUNT_CENTS: must be a whole number of 64 bits"]);
    check(Arc::new(Float32Array::from(vec![57.0, -1.0])), &["57", negative]);
    let whole = "line 2: TX_AMOUNT_CENTS: must be a whole number";
    check(
        Arc::new(Float64Array::from(vec![Some(57.0), Some(57.5), None])),
        &["57", whole, "line 3: TX_AMOUNT_CENTS: is missing"],
    );
}

#[test]
fn whole_floats() {
    let check = |number: f64, expect: Result<i64, Reason>| assert_eq!(super::whole(number), expect, "{number}");
    check(-3.0, Ok(-3));
    check(2.5, Err(check::WHOLE));
    check(1e300, Err(check::WHOLE));
    check(f64::NAN, Err(check::WHOLE));
    check(f64::INFINITY, Err(check::WHOLE));
}

#[test]
fn attributes_and_currencies_of_any_type() {
    let value = |number: usize| move |historical: &Historical| format!("{:?}", historical.event.attributes[number]);
    let (card_present, distance, items, mcc) = (value(0), value(1), value(2), value(3));
    check("mcc", Int32Array::from(vec![Some(5732), None]), mcc, &["Some(Text(\"5732\"))", "None"]);
    check("mcc", StringArray::from(vec![""]), mcc, &["Some(Text(\"\"))"]);
    check("mcc", StringArray::from(vec!["5".repeat(1_025)]), mcc, &["line 1: mcc: must have at most 1024 bytes"]);
    check("items", UInt8Array::from(vec![Some(3), None]), items, &["Some(Integer(3))", "None"]);
    check("items", Float64Array::from(vec![3.0, 3.5]), items, &["Some(Integer(3))", "line 2: items: must be a whole number"]);
    check("distance", Int64Array::from(vec![2]), distance, &["Some(Number(2.0))"]);
    check(
        "distance",
        Float32Array::from(vec![0.5, f32::NAN]),
        distance,
        &["Some(Number(0.5))", "line 2: distance: must be a finite number"],
    );
    check("card_present", BooleanArray::from(vec![Some(true), None]), card_present, &["Some(Flag(true))", "None"]);
    check(
        "card_present",
        Int8Array::from(vec![0, 2]),
        card_present,
        &["Some(Flag(false))", "line 2: card_present: must be 0 or 1"],
    );
    check("card_present", NullArray::new(1), card_present, &["None"]);
    let currency = |historical: &Historical| historical.event.amount.unwrap().currency().to_string();
    let wrong = "line 3: CURRENCY: must be a currency code of three capital letters";
    check("CURRENCY", StringArray::from(vec![Some("USD"), None, Some("usd")]), currency, &["USD", "EUR", wrong]);
}

#[test]
fn labels_of_any_type() {
    let label = |historical: &Historical| format!("{:?}", historical.label);
    check("TX_FRAUD", Int8Array::from(vec![Some(1), Some(0), None]), label, &["Some(Fraud)", "Some(Legit)", "None"]);
    check("TX_FRAUD", BooleanArray::from(vec![true]), label, &["Some(Fraud)"]);
    check("TX_FRAUD", Float64Array::from(vec![0.0]), label, &["Some(Legit)"]);
    check("TX_FRAUD", Int8Array::from(vec![2]), label, &["line 1: TX_FRAUD: must be 0 or 1"]);
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let check = |batch: RecordBatch, expect: &str| {
        assert_eq!(Decoder::new(&batch.schema(), &schema()).unwrap_err().to_string(), expect);
    };
    let missing = batch(&[]).project(&[0, 2, 3]).unwrap();
    check(missing, "column TX_DATETIME (event_time) is missing; there are: TRANSACTION_ID, TX_AMOUNT_CENTS, CUSTOMER_ID");
    let wrong = |column: &str, array: ArrayRef| batch(&[(column, array)]);
    let seconds = wrong("TX_DATETIME", Arc::new(Int64Array::from(vec![1])));
    check(seconds, "column TX_DATETIME (event_time) has the type Int64, it must be timestamps, dates or text");
    let text = wrong("TX_AMOUNT_CENTS", Arc::new(StringArray::from(vec!["1"])));
    check(text, "column TX_AMOUNT_CENTS (amount_minor) has the type Utf8, it must be whole numbers");
    let float = wrong("CUSTOMER_ID", Arc::new(Float64Array::from(vec![1.0])));
    check(float, "column CUSTOMER_ID (customer) has the type Float64, it must be text or whole numbers");
    let text = wrong("TX_FRAUD", Arc::new(StringArray::from(vec!["1"])));
    check(text, "column TX_FRAUD (label) has the type Utf8, it must be booleans, or 0 and 1");
}

#[test]
fn rows_are_numbered_on_and_other_columns_are_left_alone() {
    let first = batch(&[("OTHER", Arc::new(BooleanArray::from(vec![true; 3])))]);
    let mut decoder = Decoder::new(&first.schema(), &schema()).unwrap();
    assert_eq!(decoder.columns().len(), 4);
    assert!(decoder.decode(&first).iter().all(Result::is_ok));
    // A batch that is not what was announced is rejected, row by row.
    let other = first.project(&[0, 1, 3, 4]).unwrap();
    let (field, reason) = (Some("TX_AMOUNT_CENTS".to_owned()), "is missing".to_owned());
    assert_eq!(decoder.decode(&other)[1], Err(Rejected { line: 5, field, reason }));
}

proptest! {
    /// One row says the same in a line of CSV, in a line of JSON and in a batch.
    #[test]
    fn all_formats_agree(
        id in "[a-z0-9 \",é]{1,8}",
        micros in -2_000_000_000_000_000_i64..4_000_000_000_000_000,
        amount in -5_i64..200_000,
        customer in any::<u16>(),
        device in proptest::option::of("[a-z\"]{1,3}"),
        present in proptest::option::of(any::<bool>()),
        distance in proptest::option::of(any::<f64>()),
        items in proptest::option::of(any::<i64>()),
        fraud in proptest::option::of(any::<bool>()),
    ) {
        let schema = schema();
        let time = Timestamp::from_micros(micros);
        let distance = distance.filter(|distance| distance.is_finite());
        let batch = batch(&[
            ("TRANSACTION_ID", Arc::new(StringArray::from(vec![id.as_str()])) as ArrayRef),
            ("TX_DATETIME", Arc::new(TimestampMicrosecondArray::from(vec![micros]))),
            ("TX_AMOUNT_CENTS", Arc::new(Int64Array::from(vec![amount]))),
            ("CUSTOMER_ID", Arc::new(Int32Array::from(vec![i32::from(customer)]))),
            ("DEVICE", Arc::new(StringArray::from(vec![device.as_deref()]))),
            ("card_present", Arc::new(BooleanArray::from(vec![present]))),
            ("distance", Arc::new(Float64Array::from(vec![distance]))),
            ("items", Arc::new(Int64Array::from(vec![items]))),
            ("TX_FRAUD", Arc::new(BooleanArray::from(vec![fraud]))),
        ]);
        let from_arrow = Decoder::new(&batch.schema(), &schema).unwrap().decode(&batch).remove(0);

        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
            value.map_or_else(String::new, |value| value.to_string())
        }
        let line = [
            quoted(&id), time.to_string(), amount.to_string(), customer.to_string(), device.as_deref().map_or_else(String::new, quoted),
            shown(present), shown(distance), shown(items), shown(fraud),
        ];
        let header = "TRANSACTION_ID,TX_DATETIME,TX_AMOUNT_CENTS,CUSTOMER_ID,DEVICE,card_present,distance,items,TX_FRAUD";
        let from_csv = csv::Decoder::new(&csv::names(header.as_bytes()).unwrap(), &[], &schema).unwrap().historical(line.join(",").as_bytes(), &schema);

        let body = serde_json::json!({
            "event_id": id, "event_time": time, "transaction": {"amount_minor": amount, "card_present": present},
            "customer": {"id": customer}, "device": {"id": device}, "distance": distance, "items": items, "TX_FRAUD": fraud,
        });
        let from_json = json::historical(body.to_string().as_bytes(), &schema);

        prop_assert_eq!(&from_csv.clone().map_err(|rejection| rejection.at(1)), &from_arrow);
        match from_arrow {
            Ok(historical) => {
                prop_assert_eq!(historical.label, fraud.map(|fraud| if fraud { Outcome::Fraud } else { Outcome::Legit }));
                prop_assert_eq!(from_json, Ok(historical));
            }
            Err(_) => {
                prop_assert!(amount < 0);
                prop_assert_eq!(from_json.unwrap_err().to_string(), "transaction.amount_minor: must not be negative");
            }
        }
    }
}
