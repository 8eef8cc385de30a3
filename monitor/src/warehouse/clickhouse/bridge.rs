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
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    match std::env::var("CLICKHOUSE_URL") {
        Ok(url) => Some(Address::parse(&format!("{}/{name}", url.trim_end_matches('/')), None).unwrap()),
        Err(_) => BRIDGE.get_or_init(|| Bridge::start(&[])).as_ref().map(|bridge| bridge.address(&name)),
    }
}

/// The same, where an operator has made the tables for a cluster that the engine behind the script knows: `one`, of one shard, or `two`, which
/// finds each row twice. `None`, too, where `CLICKHOUSE_URL` names a server, whose clusters nobody knows.
pub(crate) fn cluster(name: &str) -> Option<Address> {
    let address = database().filter(|_| std::env::var_os("CLICKHOUSE_URL").is_none())?;
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
