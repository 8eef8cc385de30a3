//! Dead letters: what could not be read is written down, one JSON object a line, with where it came from and what was wrong, and
//! the run goes on. The rejected body itself is never written: it may hold personal data.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::decode::Rejected;
use crate::time::Timestamp;

/// A file of dead letters. It and its folder come into being with the first one.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    file: Option<File>,
    count: u64,
}

/// A dead letter could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write dead letters to {}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

#[derive(Serialize)]
struct Letter<'a> {
    source: &'a str,
    line: u64,
    field: Option<&'a str>,
    reason: &'a str,
    at: Timestamp,
}

impl DeadLetters {
    /// Touches nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None, count: 0 }
    }

    /// Appends a letter about a row of `source`, rejected `at` a time. On return the operating system has it: it outlives the
    /// end of this process.
    pub fn write(&mut self, source: &str, rejected: &Rejected, at: Timestamp) -> Result<(), Error> {
        let Rejected { line, field, reason } = rejected;
        let letter = Letter { source, line: *line, field: field.as_deref(), reason, at };
        let mut bytes = serde_json::to_vec(&letter).expect("text and numbers are always JSON");
        bytes.push(b'\n');
        self.append(&bytes).map_err(|source| Error { path: self.path.clone(), source })?;
        self.count += 1;
        Ok(())
    }

    /// How many letters were written here.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open(&self.path)?),
        };
        file.write_all(bytes)
    }
}

/// Opens for appending; a last line that a crash cut off is ended, so that no letter is glued to it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::options().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negative(line: u64) -> Rejected {
        Rejected { line, field: Some("transaction.amount_minor".to_owned()), reason: "must not be negative".to_owned() }
    }

    #[test]
    fn a_letter_is_one_line_of_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("dead_letters.jsonl");
        let mut letters = DeadLetters::new(&path);
        assert!(!path.exists() && letters.count() == 0);

        letters.write("part \"1\".csv", &negative(17), Timestamp::from_micros(0)).unwrap();
        let expect = r#"{"source":"part \"1\".csv","line":17,"field":"transaction.amount_minor","reason":"must not be negative","at":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{expect}\n"));

        let whole = Rejected { line: 18, field: None, reason: "is not valid JSON".to_owned() };
        letters.write("b.json", &whole, Timestamp::from_micros(0)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("{\"source\":\"b.json\",\"line\":18,\"field\":null,\"reason\":\"is not valid JSON\",\"at\":\"1970-01-01T00:00:00Z\"}\n"));
        assert_eq!((text.lines().count(), letters.count()), (2, 2));
    }

    #[test]
    fn letters_are_added_to_those_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead_letters.jsonl");
        fs::write(&path, "{\"whole\":1}\n{\"cut o").unwrap();
        let mut letters = DeadLetters::new(&path);
        letters.write("a.csv", &negative(1), Timestamp::from_micros(0)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[1], lines.len()), ("{\"whole\":1}", "{\"cut o", 3));
        assert!(lines[2].starts_with("{\"source\":\"a.csv\""));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let mut letters = DeadLetters::new(file.join("dead_letters.jsonl"));
        let error = letters.write("a.csv", &negative(1), Timestamp::from_micros(0)).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot write dead letters to ") && error.to_string().contains("file/dead_letters")
        );
        assert_eq!(letters.count(), 0);
    }
}
