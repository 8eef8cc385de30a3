//! Disks that fail when told to, or wait until they are allowed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;

use crate::log::file::committer::Disk;

/// A disk that is full after so many calls, and writes half of what it should then.
#[derive(Debug)]
pub(super) struct Failing {
    pub(super) calls: usize,
}

impl Failing {
    fn call(&mut self) -> io::Result<()> {
        self.calls = self.calls.checked_sub(1).ok_or_else(|| io::Error::other("the disk is full"))?;
        Ok(())
    }
}

impl Disk for Failing {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.call() {
            file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        self.call()
    }
}

/// A disk that tells of every call, and waits until it is allowed; it fails when no more can be.
#[derive(Debug)]
pub(super) struct Gate {
    calls: mpsc::Sender<Call>,
    go: mpsc::Receiver<()>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Call {
    Write(usize),
    Sync,
}

pub(super) fn gate() -> (Box<dyn Disk>, mpsc::Receiver<Call>, mpsc::Sender<()>) {
    let (calls, called) = mpsc::channel();
    let (allow, go) = mpsc::channel();
    (Box::new(Gate { calls, go }), called, allow)
}

pub(super) fn allow(go: &mpsc::Sender<()>, calls: usize) {
    for _ in 0..calls {
        go.send(()).unwrap();
    }
}

impl Gate {
    fn call(&mut self, call: Call) -> io::Result<()> {
        self.calls.send(call).unwrap();
        self.go.recv().map_err(io::Error::other)
    }
}

impl Disk for Gate {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.call(Call::Write(bytes.len()))?;
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        self.call(Call::Sync)
    }
}
