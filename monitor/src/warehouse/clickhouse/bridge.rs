//! A ClickHouse for tests: the one that `CLICKHOUSE_URL` names, or the engine behind `tests/peers/clickhouse.py`, started once for all tests.

#[path = "../../../../tests/support/clickhouse.rs"]
mod engine;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::Server;
use super::{Address, KeepDays, ddl};

pub(crate) use self::engine::Bridge;

impl Bridge {
    pub(crate) fn address(&self, database: &str) -> Address {
        Address::parse(&format!("clickhouse://riskflow:secret@127.0.0.1:{}/{database}", self.port), None).unwrap()
    }
}

static BRIDGE: OnceLock<Option<Bridge>> = OnceLock::new();

/// A database of its own for a test; `None`, which is said, where there is no ClickHouse.
pub(crate) fn database() -> Option<Address> {
    match std::env::var("CLICKHOUSE_URL") {
        Ok(url) => Some(Address::parse(&format!("{}/{}", url.trim_end_matches('/'), new_name()), None).unwrap()),
        Err(_) => bridged(),
    }
}

/// The same, of the engine behind the script; `None` where that cannot be had, which is said, and fails where `CI` is set.
fn bridged() -> Option<Address> {
    BRIDGE.get_or_init(|| Bridge::start(&[])).as_ref().map(|bridge| bridge.address(&new_name()))
}

fn new_name() -> String {
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed))
}

/// A database of the engine behind the script, where an operator has made the tables for a cluster that it knows: `one`, of one shard, or
/// `two`, which finds each row twice. Of a server that `CLICKHOUSE_URL` names nobody knows the clusters, so that it has no part in this.
pub(crate) fn cluster(name: &str) -> Option<Address> {
    let address = bridged()?;
    let server = Server::new(&address).unwrap();
    let made = async {
        let create = server.outside().query(&format!("CREATE DATABASE {}", address.database));
        server.outside().execute(create).await?;
        for statement in ddl::DEFINITIONS.iter().flat_map(|definition| definition.statements(Some(name), &KeepDays::new())) {
            server.execute(server.query(&statement)).await?;
        }
        Ok::<(), clickhouse::error::Error>(())
    };
    // A test may be on a runtime of its own, which must not be blocked by another one.
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(made)).join()).unwrap().unwrap();
    Some(address)
}
