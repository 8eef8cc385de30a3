//! One file of the log: its bytes, and how they are read back one frame after another. What the bytes mean is written in the
//! [parent module](super). Nothing here writes a file.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crc32fast::Hasher;

use super::{Error, MAX_RECORD_BYTES, Position, Topic, damaged, io_error};

const FORMAT_VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 20;
/// What a frame has before its payload.
pub(super) const FRAME_BYTES: usize = 9;
/// How far apart the entries of an index are: what one look-up reads, on top of the record.
pub(super) const INDEX_BYTES: u64 = 64 << 10;

const MAGIC: [u8; 6] = *b"RFSLOG";
const MARK: u8 = 0;
/// In place of the head of a frame: room for one.
const NOTHING: [u8; FRAME_BYTES] = [0; FRAME_BYTES];

/// Why zeros are not room when something lies behind them.
pub(super) const ZEROS: &str = "zeros lie where a record should be";

/// One file of the log, and where some of its records lie.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// The position of its first record.
    pub(super) first: Position,
    /// Sorted, never empty. It grows at its end, as records are written or read for the first time.
    index: Mutex<Vec<Entry>>,
}

/// Where a record begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) offset: u64,
}

impl Segment {
    /// The segment of a folder that begins with `first`; the file is not looked at.
    pub(super) fn new(folder: &Path, first: Position) -> Self {
        let path = folder.join(format!("{first:020}.log"));
        Self { path, first, index: Mutex::new(vec![Entry { position: first, offset: HEADER_BYTES as u64 }]) }
    }

    /// The position in a file's name, if it is the name of a segment.
    pub(super) fn first_of(name: &str) -> Option<Position> {
        let digits = name.strip_suffix(".log")?;
        let named = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| named).map(Position)
    }

    /// Keeps the place of a record, unless one is known that is as near or farther on.
    pub(super) fn note(&self, entry: Entry) {
        let mut index = self.index();
        if entry.offset >= index[index.len() - 1].offset + INDEX_BYTES {
            index.push(entry);
        }
    }

    /// From where on a place is worth a note.
    pub(super) fn index_from(&self) -> u64 {
        let index = self.index();
        index[index.len() - 1].offset + INDEX_BYTES
    }

    /// The last known place that is not after `position`.
    fn floor(&self, position: Position) -> Entry {
        let index = self.index();
        index[index.partition_point(|entry| entry.position <= position).max(1) - 1]
    }

    /// Entries are pushed whole, so that an index is right even after a panic.
    fn index(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header of a segment.
pub(super) fn header(first: Position) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..6].copy_from_slice(&MAGIC);
    bytes[6..8].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[8..16].copy_from_slice(&first.0.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// What the header in `bytes` of the file `path` says of its first position; none where it was never written.
pub(super) fn first_in(path: &Path, bytes: &[u8]) -> Result<Option<Position>, Error> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>().filter(|header| **header != [0; HEADER_BYTES]) else {
        return Ok(None);
    };
    let first = header[8..16].try_into().map(u64::from_le_bytes).map(Position).expect("eight bytes");
    check_header(path, first, header)?;
    Ok(Some(first))
}

/// Whether `bytes` begin the segment `path`, whose name says `first`.
pub(super) fn check_header(path: &Path, first: Position, bytes: &[u8]) -> Result<(), Error> {
    let Some(&bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(damaged(path, bytes.len() as u64, "it ends within its header"));
    };
    if bytes[..6] != MAGIC {
        return Err(damaged(path, 0, "it does not begin as a segment does"));
    }
    if crc32fast::hash(&bytes[..16]).to_le_bytes() != bytes[16..] {
        return Err(damaged(path, 0, "its header does not match its checksum"));
    }
    let version = u16::from_le_bytes([bytes[6], bytes[7]]);
    if version != FORMAT_VERSION {
        let reason = format!("it has format version {version}, this program reads version {FORMAT_VERSION}");
        return Err(unsupported(path, reason));
    }
    if bytes != header(first) {
        return Err(damaged(path, 8, "its first position is not the one in its name"));
    }
    Ok(())
}

/// The checksum of a frame, up to the number that [`put_frame`] adds.
pub(super) fn checksum(topic: u8, payload: &[u8]) -> Hasher {
    let mut checksum = Hasher::new();
    checksum.update(&[topic]);
    checksum.update(payload);
    checksum
}

fn finish(mut checksum: Hasher, number: u64) -> u32 {
    checksum.update(&number.to_le_bytes());
    checksum.finalize()
}

/// Appends a frame to `buffer`. `number` is the position of a record.
pub(super) fn put_frame(buffer: &mut Vec<u8>, topic: u8, payload: &[u8], checksum: Hasher, number: u64) {
    let mut head = [0; FRAME_BYTES];
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4..8].copy_from_slice(&finish(checksum, number).to_le_bytes());
    head[8] = topic;
    buffer.extend_from_slice(&head);
    buffer.extend_from_slice(payload);
}

/// The length of the first frame of `frames`, which were put there by [`put_frame`].
pub(super) fn frame_bytes(frames: &[u8]) -> usize {
    FRAME_BYTES + u32::from_le_bytes([frames[0], frames[1], frames[2], frames[3]]) as usize
}

/// The mark that says that everything before `offset`, where it is written, is durable.
pub(super) fn mark(offset: u64) -> [u8; FRAME_BYTES] {
    let mut bytes = [0; FRAME_BYTES];
    bytes[4..8].copy_from_slice(&finish(checksum(MARK, &[]), offset).to_le_bytes());
    bytes
}

/// Whether a mark lies behind what `content` begins with, at `offset` of its segment. Behind the content is room.
pub(super) fn has_mark(content: &[u8], offset: u64) -> bool {
    let whole = [content, &NOTHING].concat();
    let is_mark = |window: &[u8], at| window[..4] == NOTHING[..4] && window != NOTHING && window == mark(at);
    whole.windows(FRAME_BYTES).zip(offset..).skip(1).any(|(window, at)| is_mark(window, at))
}

/// The bytes of `source` up to the last that is not zero; behind it is room.
pub(super) fn content(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut content, mut room) = (Vec::new(), 0);
    let mut chunk = Vec::new();
    while source.take(INDEX_BYTES).read_to_end(&mut chunk)? > 0 {
        match chunk.iter().rposition(|byte| *byte != 0) {
            None => room += chunk.len(),
            Some(last) => {
                content.resize(content.len() + room, 0);
                content.extend_from_slice(&chunk[..=last]);
                room = chunk.len() - last - 1;
            }
        }
        chunk.clear();
    }
    Ok(content)
}

/// Reads a segment, frame after frame.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) segment: Arc<Segment>,
    source: BufReader<File>,
    /// Where the next frame begins.
    pub(super) offset: u64,
    /// The position that the next record has.
    pub(super) position: Position,
    /// The payload of the record that was read last.
    pub(super) payload: Vec<u8>,
    /// From this offset on a place is new to the index.
    index_from: u64,
}

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Record(Topic),
    Mark,
    /// The end of the file, or room for more.
    End,
    /// Bytes that are no frame, and why.
    Broken(&'static str),
}

impl Frames {
    /// Begins at the last known place that is not after `position`.
    pub(super) fn open(segment: &Arc<Segment>, position: Position) -> Result<Self, Error> {
        let Entry { position, offset } = segment.floor(position);
        let mut file = File::open(&segment.path).map_err(io_error("open", &segment.path))?;
        file.seek(SeekFrom::Start(offset)).map_err(io_error("read", &segment.path))?;
        Ok(Self {
            segment: Arc::clone(segment),
            source: BufReader::with_capacity(INDEX_BYTES as usize, file),
            offset,
            position,
            payload: Vec::new(),
            index_from: segment.index_from(),
        })
    }

    /// Reads one frame. At the end or before broken bytes it stays where it is.
    pub(super) fn read(&mut self) -> Result<Frame, Error> {
        let mut head = [0; FRAME_BYTES];
        match self.fill(&mut head)? {
            FRAME_BYTES => {}
            _ if head == NOTHING => return Ok(Frame::End),
            _ => return Ok(Frame::Broken("it ends within the head of a record")),
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3, topic] = head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > MAX_RECORD_BYTES {
            return Ok(Frame::Broken("a record is longer than one can be"));
        }
        let mut payload = mem::take(&mut self.payload);
        payload.resize(length, 0);
        let read = self.fill(&mut payload)?;
        self.payload = payload;
        if read < length {
            return Ok(Frame::Broken("it ends within a record"));
        }

        let number = if topic == MARK { self.offset } else { self.position.0 };
        if finish(checksum(topic, &self.payload), number) != u32::from_le_bytes([c0, c1, c2, c3]) {
            if head == NOTHING {
                return Ok(Frame::End);
            }
            return Ok(Frame::Broken("a record does not match its checksum"));
        }
        let frame = match Topic::from_number(topic) {
            Some(topic) => Frame::Record(topic),
            None if topic == MARK => Frame::Mark,
            None => {
                let reason = format!("record {} has topic {topic}, which this program does not know", self.position);
                return Err(unsupported(&self.segment.path, reason));
            }
        };
        if frame != Frame::Mark {
            if self.offset >= self.index_from {
                self.segment.note(Entry { position: self.position, offset: self.offset });
                self.index_from = self.segment.index_from();
            }
            self.position = self.position.next();
        }
        self.offset += (FRAME_BYTES + length) as u64;
        Ok(frame)
    }

    /// Broken bytes, as an error.
    pub(super) fn damaged(&self, reason: impl Into<String>) -> Error {
        damaged(&self.segment.path, self.offset, reason)
    }

    /// Reads until `bytes` are full or the file ends; how many there were.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.source.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io_error("read", &self.segment.path)(error)),
            }
        }
        Ok(filled)
    }
}

/// Whole bytes of a newer program.
fn unsupported(path: &Path, reason: String) -> Error {
    io_error("read", path)(io::Error::new(io::ErrorKind::Unsupported, reason))
}
