//! Rows whose predictions are known, which come with a model and prove that it came over whole.

use std::str;

use csv_core::{ReadRecordResult, Reader};
use scoring::{Model, Scorer};

use super::Error;

/// The largest difference in probability that counts as equal. Other programs add up in single precision.
const TOLERANCE: f64 = 1e-6;
/// The same for networks, which add up in single precision here, too, in another order and layer by layer.
const TOLERANCE_OF_NETWORKS: f64 = 1e-5;

/// The column of known predictions.
const PREDICTION: &str = "prediction";

/// Rows whose predictions are known.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenRows {
    /// For each row the values in the order of the model's features, NaN where missing.
    pub values: Vec<Vec<f64>>,
    /// For each row the known probability.
    pub predictions: Vec<f64>,
}

/// How exactly a model gives known predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exactness {
    /// How many rows there were.
    pub rows: usize,
    /// The largest difference in probability, at most 1e-6, of a network 1e-5.
    pub largest_difference: f64,
}

/// Holds a model against known predictions; an error names the first row that differs.
pub fn verify(scorer: &Scorer, rows: &GoldenRows) -> Result<Exactness, Error> {
    let tolerance = match scorer.model {
        Model::Network(_) => TOLERANCE_OF_NETWORKS,
        Model::Linear(_) | Model::Trees(_) => TOLERANCE,
    };
    let mut largest_difference: f64 = 0.0;
    for (row, (values, &expected)) in rows.values.iter().zip(&rows.predictions).enumerate() {
        if values.len() != scorer.width() {
            let what = format!("row {} has {} values, the model {} features", row + 1, values.len(), scorer.width());
            return Err(Error::GoldenRows { what });
        }
        let found = scorer.probability(values);
        let difference = (found - expected).abs();
        if difference.is_nan() || difference > tolerance {
            return Err(Error::Differs { row: row + 1, expected, found });
        }
        largest_difference = largest_difference.max(difference);
    }
    Ok(Exactness { rows: rows.values.len(), largest_difference })
}

impl GoldenRows {
    /// Reads CSV: a header with the name of each of the model's `features` in any order and `prediction`, then a number a cell; an
    /// empty cell is a missing value.
    pub fn read(bytes: &[u8], features: &[String]) -> Result<Self, Error> {
        let mut records = records(bytes)?.into_iter();
        let header = records.next().ok_or_else(|| wrong("there is no header"))?;
        let column =
            |name: &str| header.iter().position(|cell| cell == name).ok_or_else(|| wrong(format!("there is no column {name}")));
        let columns = features.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
        let prediction = column(PREDICTION)?;
        let mut rows = Self { values: Vec::new(), predictions: Vec::new() };
        for (row, record) in (1..).zip(records) {
            let number = |column: usize| number(&record, column).map_err(|what| wrong(format!("row {row} {what}")));
            rows.values.push(columns.iter().map(|&column| number(column)).collect::<Result<_, _>>()?);
            rows.predictions.push(number(prediction)?);
        }
        if rows.values.is_empty() {
            return Err(wrong("there are no rows"));
        }
        Ok(rows)
    }
}

/// The names of all columns but that of predictions.
pub(super) fn features(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let header = records(bytes)?.into_iter().next().ok_or_else(|| wrong("there is no header"))?;
    Ok(header.into_iter().filter(|name| name != PREDICTION).collect())
}

fn wrong(what: impl Into<String>) -> Error {
    Error::GoldenRows { what: what.into() }
}

fn number(record: &[String], column: usize) -> Result<f64, String> {
    match record.get(column).map(|cell| cell.trim()) {
        None => Err(format!("ends before column {}", column + 1)),
        Some("") => Ok(f64::NAN),
        Some(cell) => cell.parse().map_err(|_| format!("has '{cell}' where a number should be")),
    }
}

fn records(bytes: &[u8]) -> Result<Vec<Vec<String>>, Error> {
    let mut reader = Reader::new();
    // A record is complete once its line ends, which the last one may not.
    let text = [bytes, b"\n"].concat();
    // A record is no longer than the text, and has no more cells than the text has bytes.
    let (mut cells, mut ends) = (vec![0; text.len()], vec![0; text.len() + 1]);
    let (mut records, mut rest) = (Vec::new(), text.as_slice());
    loop {
        let (result, read, written, count) = reader.read_record(rest, &mut cells, &mut ends);
        rest = &rest[read..];
        match result {
            ReadRecordResult::Record => records.push(record(&cells, &ends[..count])?),
            _ if written > 0 => return Err(wrong("a quoted cell does not end")),
            _ => return Ok(records),
        }
    }
}

fn record(cells: &[u8], ends: &[usize]) -> Result<Vec<String>, Error> {
    let starts = [0].into_iter().chain(ends.iter().copied());
    let cell = |(start, &end): (usize, &usize)| str::from_utf8(&cells[start..end]).map(str::to_owned);
    starts.zip(ends).map(cell).collect::<Result<_, _>>().map_err(|_| wrong("the text is not UTF-8"))
}
