//! Snapshots: state as of a position of the log, in files that are refused when a byte is missing or wrong.
//!
//! ```text
//! RISKSNAP                                    the format, 8 bytes
//! length, CRC-32, body | length, CRC-32, body | …   frames; the first body is the header
//! length 0, CRC-32 of all CRCs                the end, without which nothing counts
//! ```
//! A file is written under another name, synced, and renamed; the last two are kept, one that goes has the other name first. A restart
//! reads the newest one that is whole and taken under the same definitions, and the log from there on.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ingest::log::Position;
use ingest::{SteadyFile, background, remove_steadily};

const MAGIC: &[u8; 8] = b"RISKSNAP";

/// The version of what the frames hold. Version 2 knows proposals and experiments, version 3 alerts, version 4 which entities a challenger
/// decides for, version 5 the lists and reasons of the pipeline file; one of before is passed over, and the log read instead.
const VERSION: u32 = 5;

/// A frame ends when its body has so many bytes.
const FRAME: usize = 256 << 10;

/// No frame is longer than this; a longer length is damage.
const LONGEST: usize = 2 * FRAME;

/// How many snapshots are kept.
const KEPT: usize = 2;

/// What the name of a snapshot ends with.
const WHOLE: &str = "snapshot";
/// What the name of one ends with that is not all there, yet or any more.
const PARTIAL: &str = "unfinished";

/// What a snapshot is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The hash of the feature definitions.
    pub definitions: String,
    /// Everything before this was applied.
    pub position: Position,
    /// A hash of the last record that was applied, which tells one log from another.
    pub last_record: u64,
}

/// Why a snapshot cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `write`, `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is cut short, or bytes of it are not those that were written.
    #[error("snapshot {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was written by an older or a newer program.
    #[error("snapshot {} has version {version}, this program reads {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It was taken under other definitions.
    #[error("snapshot {} was taken under the feature definitions {taken}, the pipeline has {present}", path.display())]
    Definitions {
        /// The file.
        path: PathBuf,
        /// The hash of the definitions then.
        taken: String,
        /// The hash of the definitions now.
        present: String,
    },
    /// The log does not have what it was taken after.
    #[error("snapshot {} was taken of another log, or of more of it than there is", path.display())]
    Log {
        /// The file.
        path: PathBuf,
    },
}

/// A folder of snapshots.
#[derive(Clone, Debug)]
pub struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    /// Those in a folder, which is made when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::Io { action: "create", path: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The files, newest first.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be read.
    pub fn list(&self) -> Result<Vec<PathBuf>, Error> {
        self.all(WHOLE)
    }

    /// All files of one kind, the furthest on first.
    fn all(&self, kind: &str) -> Result<Vec<PathBuf>, Error> {
        let fail = |source| Error::Io { action: "read", path: self.folder.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_some_and(|extension| extension == kind) {
                found.push(path);
            }
        }
        // The position has leading zeros, so that names sort as it does.
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// Writes a snapshot: all of it or none. Those before the last two are removed, and those of a position that the log has not
    /// reached. Returns its size in bytes.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written, also where `body` says so, and where one that is to go cannot be removed: then the new
    /// one is there all the same.
    pub fn write(&self, header: &Header, body: impl FnOnce(&mut Writer) -> io::Result<()>) -> Result<u64, Error> {
        let path = self.folder.join(format!("{:020}.{WHOLE}", header.position.0));
        let unfinished = path.with_extension(PARTIAL);
        let written = (|| {
            let mut writer = Writer::create(&unfinished, header)?;
            body(&mut writer)?;
            let bytes = writer.finish()?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.folder)?.sync_all()?;
            Ok(bytes)
        })();
        if written.is_err() {
            // What is left of it counts for nothing; that it cannot be removed either says nothing new.
            let _ = fs::remove_file(&unfinished);
        }
        let bytes = written.map_err(|source| Error::Io { action: "write", path: path.clone(), source })?;
        // One that lies further on than what was just written is of another log, and must not crowd out those of this one.
        let (ahead, behind): (Vec<_>, Vec<_>) = self.list()?.into_iter().partition(|other| *other > path);
        for old in ahead.into_iter().chain(behind.into_iter().skip(KEPT)) {
            // A part of it is no snapshot any more.
            fs::rename(&old, old.with_extension(PARTIAL)).map_err(|source| Error::Io { action: "remove", path: old, source })?;
        }
        // Some of them may be of a process that was ended while it wrote.
        for partial in self.all(PARTIAL)? {
            remove_steadily(&partial).map_err(|source| Error::Io { action: "remove", path: partial, source })?;
        }
        Ok(bytes)
    }
}

/// Writes frames. What it is given is little-endian words and bytes.
#[derive(Debug)]
pub struct Writer {
    file: BufWriter<SteadyFile>,
    frame: Vec<u8>,
    /// Of the checksums of all frames.
    whole: crc32fast::Hasher,
    bytes: u64,
}

impl Writer {
    fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let mut file = BufWriter::new(SteadyFile::new(File::create(path)?));
        file.write_all(MAGIC)?;
        let mut writer = Self { file, frame: Vec::with_capacity(FRAME), whole: crc32fast::Hasher::new(), bytes: 8 };
        writer.u32(VERSION)?;
        writer.bytes(header.definitions.as_bytes())?;
        writer.u64(header.position.0)?;
        writer.u64(header.last_record)?;
        writer.end_frame()?;
        Ok(writer)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        let check = crc32fast::hash(&self.frame);
        self.whole.update(&check.to_le_bytes());
        self.file.write_all(&(self.frame.len() as u32).to_le_bytes())?;
        self.file.write_all(&check.to_le_bytes())?;
        self.file.write_all(&self.frame)?;
        self.bytes += 8 + self.frame.len() as u64;
        self.frame.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        self.end_frame()?;
        self.file.write_all(&0u32.to_le_bytes())?;
        self.file.write_all(&self.whole.clone().finalize().to_le_bytes())?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.into_inner().sync_all()?;
        Ok(self.bytes + 8)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while self.frame.len() + rest.len() > FRAME {
            let (now, later) = rest.split_at(FRAME - self.frame.len());
            self.frame.extend_from_slice(now);
            self.end_frame()?;
            rest = later;
        }
        self.frame.extend_from_slice(rest);
        Ok(())
    }

    /// Writes a number of 32 bits.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn u32(&mut self, number: u32) -> io::Result<()> {
        self.put(&number.to_le_bytes())
    }

    /// Writes a number of 64 bits.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn u64(&mut self, number: u64) -> io::Result<()> {
        self.put(&number.to_le_bytes())
    }

    /// Writes a signed number of 64 bits.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn i64(&mut self, number: i64) -> io::Result<()> {
        self.put(&number.to_le_bytes())
    }

    /// Writes a number of 128 bits.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn u128(&mut self, number: u128) -> io::Result<()> {
        self.put(&number.to_le_bytes())
    }

    /// Writes words one after another, without their number.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn words(&mut self, words: &[i64]) -> io::Result<()> {
        words.iter().try_for_each(|word| self.i64(*word))
    }

    /// Writes bytes behind their number.
    ///
    /// # Errors
    /// Where the file cannot be written, or there are more than 4 GB.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.u32(u32::try_from(bytes.len()).map_err(|_| io::Error::other("more than 4 GB in one piece"))?)?;
        self.put(bytes)
    }
}

/// Reads what a [`Writer`] wrote. Each frame is checked before any of it is handed out.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    frame: Vec<u8>,
    place: usize,
    whole: crc32fast::Hasher,
    header: Header,
}

impl Reader {
    /// Opens a snapshot that was taken under `definitions`.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Damaged`] where it is no snapshot or its header is not whole, [`Error::Version`]
    /// where another program wrote it, and [`Error::Definitions`] where it was taken under others.
    pub fn open(path: &Path, definitions: &str) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })?;
        let mut reader = Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(FRAME, file),
            frame: Vec::new(),
            place: 0,
            whole: crc32fast::Hasher::new(),
            header: Header { definitions: String::new(), position: Position(0), last_record: 0 },
        };
        let mut magic = [0; 8];
        reader.fill(&mut magic)?;
        if magic != *MAGIC {
            return Err(reader.damaged("it does not begin as a snapshot does"));
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(Error::Version { path: path.to_owned(), version });
        }
        let taken = String::from_utf8(reader.bytes()?).map_err(|_| reader.damaged("its header is no text"))?;
        reader.header = Header { definitions: taken, position: Position(reader.u64()?), last_record: reader.u64()? };
        if reader.header.definitions != definitions {
            return Err(Error::Definitions {
                path: path.to_owned(),
                taken: reader.header.definitions,
                present: definitions.to_owned(),
            });
        }
        Ok(reader)
    }

    /// What it is of.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// An error that says that it is damaged.
    pub fn damaged(&self, reason: &str) -> Error {
        Error::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }

    /// An error that says that it does not belong to the log.
    pub fn other_log(&self) -> Error {
        Error::Log { path: self.path.clone() }
    }

    /// Checks that everything was read and that the end is there.
    ///
    /// # Errors
    /// [`Error::Damaged`] where there is more, or the end is not what was written, and [`Error::Io`] where it cannot be read.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.place != self.frame.len() || self.next_frame()? {
            return Err(self.damaged("it has more than it should"));
        }
        let mut more = [0];
        match self.file.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("something follows its end")),
            Err(source) => Err(Error::Io { action: "read", path: self.path, source }),
        }
    }

    /// Reads the next frame, past empty ones; `false` at the end.
    fn next_frame(&mut self) -> Result<bool, Error> {
        let (mut length, mut check) = ([0; 4], [0; 4]);
        self.fill(&mut length)?;
        self.fill(&mut check)?;
        let (length, check) = (u32::from_le_bytes(length) as usize, u32::from_le_bytes(check));
        if length == 0 {
            return match check == self.whole.clone().finalize() {
                true => Ok(false),
                false => Err(self.damaged("the checksum of the whole is wrong")),
            };
        }
        if length > LONGEST {
            return Err(self.damaged("a length is wrong"));
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.resize(length, 0);
        self.fill(&mut frame)?;
        if crc32fast::hash(&frame) != check {
            return Err(self.damaged("a checksum is wrong"));
        }
        self.whole.update(&check.to_le_bytes());
        (self.frame, self.place) = (frame, 0);
        background::rest();
        Ok(true)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact(bytes).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it is cut short"),
            _ => Error::Io { action: "read", path: self.path.clone(), source },
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        if let Some(bytes) = self.frame[self.place..].first_chunk() {
            self.place += N;
            return Ok(*bytes);
        }
        let mut bytes = [0; N];
        self.take_into(&mut bytes)?;
        Ok(bytes)
    }

    fn take_into(&mut self, mut bytes: &mut [u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.place == self.frame.len() && !self.next_frame()? {
                return Err(self.damaged("it ends too early"));
            }
            let now = bytes.len().min(self.frame.len() - self.place);
            let (part, rest) = bytes.split_at_mut(now);
            part.copy_from_slice(&self.frame[self.place..self.place + now]);
            self.place += now;
            bytes = rest;
        }
        Ok(())
    }

    /// Reads a number of 32 bits.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.take().map(u32::from_le_bytes)
    }

    /// Reads a number of 64 bits.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.take().map(u64::from_le_bytes)
    }

    /// Reads a signed number of 64 bits.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn i64(&mut self) -> Result<i64, Error> {
        self.take().map(i64::from_le_bytes)
    }

    /// Reads a number of 128 bits.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn u128(&mut self) -> Result<u128, Error> {
        self.take().map(u128::from_le_bytes)
    }

    /// Fills words.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn words(&mut self, words: &mut [i64]) -> Result<(), Error> {
        words.iter_mut().try_for_each(|word| {
            *word = self.i64()?;
            Ok(())
        })
    }

    /// Reads bytes behind their number.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        let length = self.u32()?;
        self.bytes_of(length)
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it ends before, or a checksum is wrong, and [`Error::Io`] where it cannot be read.
    pub fn bytes_of(&mut self, length: u32) -> Result<Vec<u8>, Error> {
        let length = length as usize;
        let mut bytes = Vec::with_capacity(length.min(FRAME));
        // In parts, so that a wrong number is noticed at the end of the file and not by memory.
        while bytes.len() < length {
            let from = bytes.len();
            bytes.resize((from + FRAME).min(length), 0);
            self.take_into(&mut bytes[from..])?;
        }
        Ok(bytes)
    }
}
