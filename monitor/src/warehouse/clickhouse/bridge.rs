//! A ClickHouse for tests: the one that `CLICKHOUSE_URL` names, or the engine behind `tests/peers/clickhouse.py`, started once for all tests.

#[path = "../../../../tests/support/clickhouse.rs"]
mod engine;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Address;

pub(crate) use self::engine::Bridge;

impl Bridge {
    pub(crate) fn address(&self, database: &str) -> Address {
        Address::parse(&format!("clickhouse://riskflow:secret@127.0.0.1:{}/{database}", self.port), None).unwrap()
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
