//! Text files: split into pieces that should each be a row, whose decoder is tried on one after another.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::elements::Elements;
use super::lines::Lines;
use super::{CHUNK_ROWS, Error, in_file};
use crate::decode::check::Reason;
use crate::decode::{Constant, Rejection, Row, csv, json};
use crate::schema::Schema;

/// The longest line or JSON object that is read, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// A text file, being read.
pub(super) struct Text {
    pub(super) path: PathBuf,
    schema: Schema,
    pieces: Pieces,
    format: Format,
}

impl Text {
    pub(super) fn open_json(path: &Path, schema: &Schema) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let mut lines = Lines::new(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)?;
        let pieces = match lines.peek().map_err(failed)? {
            Some(b'[') => Pieces::Elements(lines.into_elements()),
            _ => Pieces::Lines(lines),
        };
        Ok(Self { path: path.to_owned(), schema: schema.clone(), pieces, format: Format::Json })
    }

    pub(super) fn open_csv(path: &Path, partition: &[Constant], schema: &Schema) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let bad_header = |reason| Error::Header { path: path.to_owned(), reason };
        let mut lines = Lines::new(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)?;
        let Some(header) = lines.next().map_err(failed)? else { return Err(Error::Empty { path: path.to_owned() }) };
        let names = header.text.and_then(csv::names).map_err(bad_header)?;
        let format = Format::Csv(Box::new(csv::Decoder::new(&names, partition, schema).map_err(|error| in_file(error, path))?));
        Ok(Self { path: path.to_owned(), schema: schema.clone(), pieces: Pieces::Lines(lines), format })
    }

    /// Whether labels may be in it. JSON says so row by row.
    pub(super) fn has_label(&self) -> bool {
        match &self.format {
            Format::Json => true,
            Format::Csv(decoder) => decoder.has_label(),
        }
    }

    /// The next rows; `None` at the end.
    pub(super) fn chunk(&mut self) -> Result<Option<Vec<Row>>, Error> {
        let mut rows = Vec::new();
        while rows.len() < CHUNK_ROWS {
            let piece = self.pieces.next().map_err(|source| Error::Io { path: self.path.clone(), source })?;
            let Some(Piece { line, text }) = piece else { break };
            let row = match (text, &mut self.format) {
                (Err(reason), _) => Err(Rejection::whole(reason)),
                (Ok(text), Format::Json) => json::historical(text, &self.schema),
                (Ok(text), Format::Csv(decoder)) => decoder.historical(text, &self.schema),
            };
            rows.push(row.map_err(|rejection| rejection.at(line)));
        }
        Ok((!rows.is_empty()).then_some(rows))
    }
}

/// A stretch of a text file that should be one row, and the line on which it begins.
pub(super) struct Piece<'a> {
    pub(super) line: u64,
    pub(super) text: Result<&'a [u8], Reason>,
}

enum Pieces {
    Lines(Lines<BufReader<File>>),
    Elements(Elements<BufReader<File>>),
}

impl Pieces {
    fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Elements(elements) => elements.next(),
        }
    }
}

enum Format {
    Json,
    Csv(Box<csv::Decoder>),
}

/// Goes past white space; the next byte, which stays unread, and the line breaks that were passed.
pub(super) fn skip_blank(input: &mut impl BufRead) -> io::Result<(Option<u8>, u64)> {
    let mut breaks = 0;
    loop {
        match input.fill_buf()?.first() {
            Some(byte) if byte.is_ascii_whitespace() => breaks += u64::from(*byte == b'\n'),
            first => return Ok((first.copied(), breaks)),
        }
        input.consume(1);
    }
}
