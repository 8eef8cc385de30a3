//! Large files in small pieces, since the log waits for whatever the disk is busy with: a file that reaches the disk while it is written, and one
//! whose room is given back bit by bit. All at once, with the sync at the end, a snapshot of 200 MB holds the log up for a tenth of a second, and
//! its removal for a quarter of that.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::background;

/// So much is written before it is synced; less would take as long, since every sync has its price.
const PIECE: usize = 256 << 10;

/// So much of a file is given back to the file system at once, which takes a millisecond.
const GIVEN_BACK: u64 = 8 << 20;

/// A file that is synced piece by piece, with a [rest](background::rest) after each. It is whole on the disk only after a sync of its own.
#[derive(Debug)]
pub struct SteadyFile {
    file: File,
    /// Bytes since the last sync.
    waiting: usize,
}

impl SteadyFile {
    /// Goes on where the file is.
    pub const fn new(file: File) -> Self {
        Self { file, waiting: 0 }
    }

    /// The file, the end of which is not synced.
    pub fn into_inner(self) -> File {
        self.file
    }
}

impl Write for SteadyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(&bytes[..bytes.len().min(PIECE - self.waiting)])?;
        self.waiting += written;
        if self.waiting == PIECE {
            self.file.sync_data()?;
            self.waiting = 0;
            background::rest();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Removes a file from its end on, with a [rest](background::rest) after each piece. One that is removed halfway is shorter than it was.
pub fn remove_steadily(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let mut left = file.metadata()?.len();
    while left > GIVEN_BACK {
        left -= GIVEN_BACK;
        file.set_len(left)?;
        background::rest();
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_there_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..3 * PIECE + 12_345).map(|place| (place / 1_000) as u8).collect();
        let mut file = SteadyFile::new(File::create(&path).unwrap());
        for piece in bytes.chunks(PIECE / 2 + 777) {
            file.write_all(piece).unwrap();
            assert!(file.waiting < PIECE);
        }
        assert_eq!(file.waiting, 12_345);
        drop(file.into_inner());
        assert_eq!(std::fs::read(path).unwrap(), bytes);
    }

    #[test]
    fn a_file_is_gone_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [0, 1, GIVEN_BACK, 3 * GIVEN_BACK + 5] {
            File::create(&path).unwrap().set_len(bytes).unwrap();
            remove_steadily(&path).unwrap();
            assert!(!path.exists());
        }
        assert_eq!(remove_steadily(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn each_piece_is_synced() {
        // It takes every byte, and cannot be synced.
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut file = SteadyFile::new(null);
        file.write_all(&vec![0; PIECE - 1]).unwrap();
        assert_eq!(file.write_all(&[0]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
