//! Entries out of CSV: a header that names `value` and any of `reason`, `valid_from`, `valid_until`, then a line an entry.

use csv_core::{ReadRecordResult, ReaderBuilder};
use ingest::Timestamp;

use super::{Entry, EntryError, Pattern};

/// Why a file is not read, or a line of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ImportError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

const COLUMNS: [&str; 4] = ["value", "reason", "valid_from", "valid_until"];

/// All entries of a text, put there by `created_by`; the first line that is wrong is named, and then none is taken. `of_tokens` is whether
/// the list's keys stand for card numbers.
pub fn entries(text: &str, created_by: &str, of_tokens: bool) -> Result<Vec<Entry>, ImportError> {
    let mut lines = records(text);
    let fail = |line: u64, what: String| Err(ImportError { line, what });
    let Some((_, header)) = lines.next() else { return fail(1, "there is no header".to_owned()) };
    let mut places = Vec::new();
    for name in &header {
        let Some(place) = COLUMNS.iter().position(|column| column == name) else {
            return fail(1, format!("there is no column `{name}`, there are: {}", COLUMNS.join(", ")));
        };
        if places.contains(&place) {
            return fail(1, format!("column `{name}` is there twice"));
        }
        places.push(place);
    }
    if !places.contains(&0) {
        return fail(1, "column `value` is missing".to_owned());
    }
    let mut entries = Vec::new();
    for (line, fields) in lines {
        if fields.len() != places.len() {
            return fail(line, format!("it has {} fields, the header has {}", fields.len(), places.len()));
        }
        let field = |column: usize| {
            places.iter().position(|place| *place == column).map(|at| fields[at].as_str()).filter(|text| !text.is_empty())
        };
        let wrong = |what: String| ImportError { line, what };
        let refused = |error: EntryError| match error.field() {
            Some(field) => wrong(format!("{field} {error}")),
            None => wrong(error.to_string()),
        };
        let time = |column: usize| -> Result<Option<Timestamp>, ImportError> {
            let read = |text: &str| text.parse().map_err(|_| wrong(format!("{} `{text}` is no time", COLUMNS[column])));
            field(column).map(read).transpose()
        };
        let pattern = Pattern::parse(field(0).unwrap_or_default()).map_err(|error| wrong(error.to_string()))?;
        let entry = Entry {
            pattern,
            reason: field(1).unwrap_or_default().to_owned(),
            created_by: created_by.to_owned(),
            approved_by: None,
            valid_from: time(2)?,
            valid_until: time(3)?,
        };
        entry.check(of_tokens).map_err(refused)?;
        entries.push(entry);
    }
    Ok(entries)
}

/// The records of a text with the line that each begins on; empty lines are none.
fn records(text: &str) -> impl Iterator<Item = (u64, Vec<String>)> {
    let mut reader = ReaderBuilder::new().build();
    let (mut rest, mut ended) = (text.as_bytes(), false);
    // A field has no more bytes, and no record more fields, than the text has bytes.
    let (mut bytes, mut ends) = (vec![0; text.len() + 1], vec![0; 16]);
    std::iter::from_fn(move || {
        let (mut written, mut fields) = (0, 0);
        let line = reader.line();
        while !ended {
            let (result, read, wrote, ended_fields) = reader.read_record(rest, &mut bytes[written..], &mut ends[fields..]);
            rest = &rest[read..];
            (written, fields) = (written + wrote, fields + ended_fields);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => bytes.resize(bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                ReadRecordResult::End => ended = true,
                ReadRecordResult::Record => {
                    let mut from = 0;
                    let field = |until: &usize| {
                        let text = String::from_utf8_lossy(&bytes[from..*until]).into_owned();
                        from = *until;
                        text
                    };
                    return Some((line, ends[..fields].iter().map(field).collect()));
                }
            }
        }
        None
    })
}
