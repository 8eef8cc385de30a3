//! A ClickHouse for tests: the one that `CLICKHOUSE_URL` names, or the engine behind `tests/peers/clickhouse.py`, started once for all tests.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Address;

/// The running engine. It ends when its standard input does, at the latest with this process.
pub(crate) struct Bridge {
    child: Child,
    pub(crate) port: u16,
}

impl Bridge {
    /// Starts one; `None`, which is said, where Python is missing.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let peers = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers");
        let mut command = Command::new(format!("{peers}/python"));
        command.arg(format!("{peers}/clickhouse.py")).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let Ok(port) = line.trim().parse() else {
            eprintln!("skipped: no ClickHouse engine");
            return None;
        };
        Some(Self { child, port })
    }

    pub(crate) fn address(&self, database: &str) -> Address {
        Address::parse(&format!("clickhouse://riskflow:secret@127.0.0.1:{}/{database}", self.port), None).unwrap()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A database of its own for a test; `None`, which is said, where there is no ClickHouse.
pub(crate) fn database() -> Option<Address> {
    static BRIDGE: OnceLock<Option<Bridge>> = OnceLock::new();
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    match std::env::var("CLICKHOUSE_URL") {
        Ok(url) => Some(Address::parse(&format!("{}/{name}", url.trim_end_matches('/')), None).unwrap()),
        Err(_) => BRIDGE.get_or_init(|| Bridge::start(&[])).as_ref().map(|bridge| bridge.address(&name)),
    }
}
