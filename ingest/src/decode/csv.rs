//! One line of CSV at a time (RFC 4180: commas, double quotes). A quoted field must end on its own line, so that a quote that
//! never closes costs its line and not the rest of the file.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::check::{self, Cell, Reason};
use super::row::{self, Parts};
use super::{ColumnError, Constant, Historical, Rejection};
use crate::event::{Currency, EventId, Value};
use crate::schema::{Place, Schema, ValueType};
use crate::time::Timestamp;

/// The names of the columns, out of a header.
pub(super) fn names(header: &[u8]) -> Result<Vec<String>, Reason> {
    let mut line = Line::new();
    line.split(header)?;
    Ok((0..line.fields).map(|number| String::from_utf8_lossy(line.field(number)).into_owned()).collect())
}

/// Reads the lines below a header.
pub(super) struct Decoder {
    line: Line,
    columns: Columns,
    /// What every line has beyond its fields.
    constants: Vec<String>,
}

impl Decoder {
    /// Refuses columns of which a required one is missing. A partition's columns come after those of the header.
    pub(super) fn new(header: &[String], partition: &[Constant], schema: &Schema) -> Result<Self, ColumnError> {
        let more: Vec<&Constant> = partition.iter().filter(|constant| !header.contains(&constant.column)).collect();
        let names: Vec<String> = header.iter().cloned().chain(more.iter().map(|constant| constant.column.clone())).collect();
        let columns = Columns { count: header.len(), ..Columns::new(&names, schema)? };
        let constants = more.into_iter().map(|constant| constant.value.clone().unwrap_or_default()).collect();
        Ok(Self { line: Line::new(), columns, constants })
    }

    /// Whether there is a column of labels.
    pub(super) const fn has_label(&self) -> bool {
        self.columns.label.is_some()
    }

    /// The event in a line, which comes without its line break.
    pub(super) fn historical(&mut self, line: &[u8], schema: &Schema) -> Result<Historical, Rejection> {
        self.line.split(line).map_err(Rejection::whole)?;
        let (found, expected) = (self.line.fields, self.columns.count);
        if found != expected {
            return Err(Rejection::whole(format!("has {found} fields, the header has {expected}")));
        }
        row::historical(&mut Fields { line: &self.line, columns: &self.columns, constants: &self.constants }, schema)
    }
}

/// The number of each part's column.
struct Columns {
    /// How many fields a line has.
    count: usize,
    event_id: Option<usize>,
    event_time: Option<usize>,
    amount_minor: Option<usize>,
    currency: Option<usize>,
    entities: Vec<Option<usize>>,
    attributes: Vec<Option<usize>>,
    label: Option<usize>,
}

impl Columns {
    fn new(names: &[String], schema: &Schema) -> Result<Self, ColumnError> {
        let optional = |column: &str| names.iter().position(|name| name == column);
        let required = |part: &str, place: &Place, is_required: bool| match optional(&place.column) {
            None if is_required => {
                let (column, part) = (place.column.clone(), part.to_owned());
                Err(ColumnError::Missing { column, part, present: names.join(", ") })
            }
            found => Ok(found),
        };
        Ok(Self {
            count: names.len(),
            event_id: required("event_id", &schema.event_id, true)?,
            event_time: required("event_time", &schema.event_time, true)?,
            amount_minor: match &schema.amount_minor {
                Some(place) => required("amount_minor", place, true)?,
                None => None,
            },
            currency: schema.currency.as_ref().and_then(|place| optional(&place.column)),
            entities: schema
                .entities
                .iter()
                .map(|entity| required(&entity.name, &entity.place, entity.required))
                .collect::<Result<_, _>>()?,
            attributes: schema
                .attributes
                .iter()
                .map(|attribute| required(&attribute.name, &attribute.place, attribute.required))
                .collect::<Result<_, _>>()?,
            label: schema.label.as_ref().and_then(|label| optional(&label.column)),
        })
    }
}

/// A line as the parts of an event. An empty field is an absent one.
struct Fields<'a> {
    line: &'a Line,
    columns: &'a Columns,
    constants: &'a [String],
}

impl Fields<'_> {
    fn at<T>(&self, column: Option<usize>, read: impl Fn(&str) -> Result<T, Reason>) -> Cell<T> {
        let field = |number: usize| match number.checked_sub(self.columns.count) {
            Some(constant) => self.constants[constant].as_bytes(),
            None => self.line.field(number),
        };
        match column.map(field) {
            None | Some([]) => Ok(None),
            Some(bytes) => std::str::from_utf8(bytes).map_err(|_| check::UTF8).and_then(read).map(Some),
        }
    }
}

impl Parts for Fields<'_> {
    fn name(place: &Place) -> String {
        place.column.clone()
    }

    fn event_id(&mut self) -> Cell<EventId> {
        self.at(self.columns.event_id, check::event_id)
    }

    fn event_time(&mut self) -> Cell<Timestamp> {
        self.at(self.columns.event_time, check::time)
    }

    fn amount_minor(&mut self) -> Cell<i64> {
        self.at(self.columns.amount_minor, check::minor_text)
    }

    fn currency(&mut self) -> Cell<Currency> {
        self.at(self.columns.currency, check::currency)
    }

    fn entity(&mut self, number: usize) -> Cell<Box<str>> {
        self.at(self.columns.entities[number], check::key)
    }

    fn attribute(&mut self, number: usize, value_type: ValueType) -> Cell<Value> {
        self.at(self.columns.attributes[number], |text| check::attribute_text(text, value_type))
    }

    fn label(&mut self) -> Cell<bool> {
        self.at(self.columns.label, check::flag_text)
    }
}

/// A line split into fields; its memory is used again for the next one.
struct Line {
    reader: Reader,
    text: Vec<u8>,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    fields: usize,
}

impl Line {
    fn new() -> Self {
        // Lines are split before they come here, so that a carriage return inside one is data.
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { reader, text: Vec::new(), ends: Vec::new(), fields: 0 }
    }

    /// Splits a line that is not empty.
    fn split(&mut self, line: &[u8]) -> Result<(), Reason> {
        self.reader.reset();
        self.fields = 0;
        // A line of n bytes has at most n bytes of text and n + 1 fields; one more byte, since the reader wants room to end in.
        if self.ends.len() <= line.len() {
            self.text.resize(line.len() + 1, 0);
            self.ends.resize(line.len() + 1, 0);
        }
        let (_, _, written, fields) = self.reader.read_record(line, &mut self.text, &mut self.ends);
        let (result, _, _, last) = self.reader.read_record(b"\n", &mut self.text[written..], &mut self.ends[fields..]);
        match result {
            ReadRecordResult::Record => {
                self.fields = fields + last;
                Ok(())
            }
            _ => Err("a quoted field does not end on its line"),
        }
    }

    fn field(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.text[start..self.ends[number]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_into_fields() {
        let mut line = Line::new();
        let mut check = |text: &str, expect: &[&str]| {
            line.split(text.as_bytes()).unwrap();
            let found: Vec<&str> = (0..line.fields).map(|number| std::str::from_utf8(line.field(number)).unwrap()).collect();
            assert_eq!(found, expect, "{text}");
        };
        check("a,b,c", &["a", "b", "c"]);
        check("a", &["a"]);
        check(",", &["", ""]);
        check("a,,", &["a", "", ""]);
        check(r#""a,b","say ""hi""",c"#, &["a,b", r#"say "hi""#, "c"]);
        check("a\rb,c", &["a\rb", "c"]);
        check(r#"a"b,c"#, &[r#"a"b"#, "c"]);
    }

    #[test]
    fn an_open_quote_costs_its_line_only() {
        let mut line = Line::new();
        assert!(line.split(br#"a,"b,c"#).is_err());
        line.split(b"a,b,c").unwrap();
        assert_eq!(line.fields, 3);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_split_or_are_refused(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let text: Vec<u8> = std::iter::once(b' ').chain(text).filter(|byte| *byte != b'\n').collect();
            let mut line = Line::new();
            if line.split(&text).is_ok() {
                let bytes: usize = (0..line.fields).map(|number| line.field(number).len()).sum();
                proptest::prop_assert!(bytes <= text.len());
            }
        }
    }
}
