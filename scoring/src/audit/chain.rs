//! The chain in its file, `audit.jsonl`: one entry a line, added at the end by whoever holds the file's lock, in this process or another. An entry
//! is on the disk before anybody goes on. What a crash left unfinished at the end is cut off by the next entry, and told in one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ingest::Timestamp;

use super::Error;
use super::entry::{Draft, Entry, Sealed};
use crate::control::PROGRAM;

/// So much is read at once.
const CHUNK: u64 = 64 << 10;
/// A line is shorter; anything longer is damage.
const LONGEST_LINE: usize = 1 << 20;
/// So many entries are looked at for one page.
const LOOKED_AT: usize = 100_000;

/// The chain of a data folder. It holds nothing in memory, so that any number of them are the same chain.
#[derive(Clone, Debug)]
pub struct Chain {
    path: PathBuf,
}

/// Some entries, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Sealed>,
    /// Where to go on; `None` at the beginning of the chain.
    pub next: Option<u64>,
}

impl Chain {
    /// `audit.jsonl` in a folder; it need not be there.
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join("audit.jsonl") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds entries, all of them or none; they are on the disk then.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Damaged`] when the last entry is not what was written.
    pub fn append(&self, drafts: Vec<Draft>) -> Result<(), Error> {
        let Some(now) = drafts.first().map(|draft| draft.at) else { return Ok(()) };
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path).map_err(self.fail("open"))?;
        file.lock().map_err(self.fail("lock"))?;
        let (end, length) = self.ends(&file)?;
        let mut last = self.entry_before(&file, end)?;
        let mut lines = String::new();
        let cut = (end < length).then(|| unfinished(length - end, now));
        if cut.is_some() {
            file.set_len(end).map_err(self.fail("cut"))?;
        }
        for draft in cut.into_iter().chain(drafts) {
            let next = Sealed::following(last.as_ref(), draft);
            lines.push_str(&next.line());
            lines.push('\n');
            last = Some(next);
        }
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()).map_err(self.fail("write"))
    }

    /// The last entry; `None` where there is none.
    ///
    /// # Errors
    /// As [`Chain::append`].
    pub fn head(&self) -> Result<Option<Sealed>, Error> {
        let Some(file) = self.opened()? else { return Ok(None) };
        let (end, _) = self.ends(&file)?;
        self.entry_before(&file, end)
    }

    /// The newest entries that are wanted, from the one before a cursor on. A page may be short, since only so many entries are looked at for
    /// one; `next` says whether there is more.
    ///
    /// # Errors
    /// As [`Chain::append`]; [`Error::Cursor`].
    pub fn page(&self, wanted: impl Fn(&Entry) -> bool, cursor: Option<u64>, limit: usize) -> Result<Found, Error> {
        let Some(file) = self.opened()? else { return Ok(Found::default()) };
        let (end, _) = self.ends(&file)?;
        if let Some(cursor) = cursor.filter(|cursor| *cursor > end || !is_line_end(&file, *cursor)) {
            return Err(Error::Cursor { cursor });
        }
        let mut lines = Backwards::new(&file, cursor.unwrap_or(end));
        let mut found = Found::default();
        let mut looked_at = 0;
        while let Some((offset, line)) = lines.next().map_err(self.fail("read"))? {
            let sealed = Sealed::parse(&line).map_err(|reason| self.damaged(offset, reason))?;
            if wanted(&sealed.entry) {
                found.entries.push(sealed);
            }
            looked_at += 1;
            if found.entries.len() == limit || looked_at == LOOKED_AT {
                found.next = Some(offset).filter(|offset| *offset > 0);
                break;
            }
        }
        Ok(found)
    }

    /// All lines from the first on, up to the end as it is now; the last one is unfinished after a crash.
    pub(super) fn lines(&self) -> Result<impl Iterator<Item = Result<Vec<u8>, Error>>, Error> {
        let file = self.opened()?;
        let length = file.as_ref().map_or(Ok(0), whole_length).map_err(self.fail("read"))?;
        let mut reader = file.map(|file| BufReader::new(file.take(length)));
        Ok(std::iter::from_fn(move || {
            let mut line = Vec::new();
            match reader.as_mut()?.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line) {
                Ok(0) => None,
                Ok(_) => Some(Ok(line)),
                Err(error) => Some(Err(self.fail("read")(error))),
            }
        }))
    }

    fn opened(&self) -> Result<Option<File>, Error> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fail("open")(error)),
        }
    }

    /// Where its last whole line ends, and its file.
    fn ends(&self, file: &File) -> Result<(u64, u64), Error> {
        let length = file.metadata().map_err(self.fail("read"))?.len();
        let mut end = length;
        while end > 0 && !is_line_end(file, end) {
            end -= 1;
            if length - end > LONGEST_LINE as u64 {
                return Err(self.damaged(end, "no line ends here".to_owned()));
            }
        }
        Ok((end, length))
    }

    fn entry_before(&self, file: &File, end: u64) -> Result<Option<Sealed>, Error> {
        let last = Backwards::new(file, end).next().map_err(self.fail("read"))?;
        last.map(|(offset, line)| Sealed::parse(&line).map_err(|reason| self.damaged(offset, reason))).transpose()
    }

    fn fail(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = self.path.display().to_string();
        move |source| Error::Io { action, path, source }
    }

    fn damaged(&self, offset: u64, reason: String) -> Error {
        Error::Damaged { path: self.path.display().to_string(), offset, reason }
    }
}

/// Its length while nobody writes.
fn whole_length(file: &File) -> io::Result<u64> {
    file.lock_shared()?;
    let length = file.metadata()?.len();
    file.unlock()?;
    Ok(length)
}

/// Says that the end of the chain was cut.
fn unfinished(bytes: u64, at: Timestamp) -> Draft {
    Draft {
        reason: "the program ended while it was written".to_owned(),
        ..Draft::new(at, PROGRAM, "cut", format!("an unfinished entry of {bytes} bytes"))
    }
}

/// Whether a line ends before an offset, or the file begins there.
fn is_line_end(mut file: &File, offset: u64) -> bool {
    let Some(before) = offset.checked_sub(1) else { return true };
    let mut byte = [0];
    file.seek(SeekFrom::Start(before)).and_then(|_| file.read_exact(&mut byte)).is_ok() && byte == *b"\n"
}

/// The lines of a file before an offset, where one ends, the last one first.
struct Backwards<'a> {
    file: &'a File,
    /// Where the bytes in hand begin; `None` when the first line was handed out.
    at: Option<u64>,
    bytes: Vec<u8>,
}

impl<'a> Backwards<'a> {
    fn new(file: &'a File, end: u64) -> Self {
        Self { file, at: end.checked_sub(1), bytes: Vec::new() }
    }

    /// A line and where it begins.
    fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        while let Some(at) = self.at {
            if let Some(place) = self.bytes.iter().rposition(|byte| *byte == b'\n') {
                let line = self.bytes.split_off(place + 1);
                self.bytes.pop();
                return Ok(Some((at + place as u64 + 1, line)));
            }
            if at == 0 {
                self.at = None;
                return Ok(Some((0, std::mem::take(&mut self.bytes))));
            }
            if self.bytes.len() > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
            }
            let from = at.saturating_sub(CHUNK);
            let mut chunk = vec![0; usize::try_from(at - from).expect("a chunk is small")];
            self.file.seek(SeekFrom::Start(from))?;
            self.file.read_exact(&mut chunk)?;
            chunk.append(&mut self.bytes);
            (self.bytes, self.at) = (chunk, Some(from));
        }
        Ok(None)
    }
}
