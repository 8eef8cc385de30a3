//! The ClickHouse engine behind `tests/peers/clickhouse.py`, for the tests of the program and those of `monitor`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[allow(clippy::duplicate_mod, reason = "tests of other crates have this file without the rest of what tests share")]
mod needs;

/// The running engine. It ends when its standard input does, at the latest with this process.
pub(crate) struct Bridge {
    child: Child,
    pub(crate) port: u16,
}

impl Bridge {
    /// Starts one; `None` where Python is missing, and that is said.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let mut places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/peers"));
        let peers = places.find(|peers| peers.exists()).expect("it is part of the project");
        let mut command = Command::new(peers.join("python"));
        command.arg(peers.join("clickhouse.py")).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it speaks UTF-8");
        let Ok(port) = line.trim().parse() else {
            child.wait().expect("it ends");
            needs::missing("ClickHouse engine");
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
