//! The ClickHouse engine behind `tests/peers/clickhouse.py`, for the tests of the program and those of `monitor`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The running engine. It ends when its standard input does, at the latest with this process.
pub(crate) struct Bridge {
    child: Child,
    pub(crate) port: u16,
}

impl Bridge {
    /// Starts one; `None`, which is said, where Python is missing.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let mut places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/peers"));
        let peers = places.find(|peers| peers.exists()).expect("it is part of the project");
        let mut command = Command::new(peers.join("python"));
        command.arg(peers.join("clickhouse.py")).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let Ok(port) = line.trim().parse() else {
            eprintln!("skipped: no ClickHouse engine");
            child.wait().ok()?;
            return None;
        };
        Some(Self { child, port })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}
