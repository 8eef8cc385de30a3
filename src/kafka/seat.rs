//! Whether this instance is the active one of those that share a log in a cluster.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ingest::log::kafka::{KafkaLog, Membership, Seat};
use ingest::{Clock, SystemClock};

use crate::config::Config;

/// In the data folder: the name of this instance, so that it is the same one when it starts again.
const NAME_FILE: &str = "kafka-instance";

/// How long a command waits to be the active instance: longer than one that died counts as alive.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A seat for a server, which may wait for it to be the active one; `None` where the log is not in a cluster.
pub(crate) fn seat(config: &Config) -> anyhow::Result<Option<Membership>> {
    let Some(settings) = super::settings(config)? else { return Ok(None) };
    Ok(Some(Membership::join(settings, Some(&name(&config.data)?))?))
}

/// A seat for a command that ends soon: no other instance may be active.
pub(crate) fn seat_at_once(config: &Config) -> anyhow::Result<Option<Membership>> {
    let Some(settings) = super::settings(config)? else { return Ok(None) };
    let prefix = settings.address.prefix.clone();
    let membership = Membership::join(settings, None)?;
    let (seat, deadline) = (membership.seat(), Instant::now() + AT_ONCE);
    while *seat.borrow() != Seat::Active {
        if Instant::now() > deadline {
            bail!("log {prefix} is in use by another riskflow: ask that one with --url");
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(Some(membership))
}

/// Has the log stop when another instance is made active.
pub(crate) fn leave_when_lost(membership: &Membership, log: &Arc<KafkaLog>) -> anyhow::Result<()> {
    let mut seat = membership.seat();
    let log: Weak<KafkaLog> = Arc::downgrade(log);
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime for the membership")?;
    let watch = move || {
        let lost = runtime.block_on(seat.wait_for(|seat| matches!(seat, Seat::Lost { .. })));
        if let (Ok(lost), Some(log)) = (lost, log.upgrade())
            && let Seat::Lost { reason } = &*lost
        {
            log.fail(reason.clone());
        }
    };
    std::thread::Builder::new().name("seat".to_owned()).spawn(watch).context("no thread for the membership")?;
    Ok(())
}

/// The name of this instance, made with its first start.
fn name(data: &Path) -> anyhow::Result<String> {
    let path = data.join(NAME_FILE);
    if let Ok(name) = std::fs::read_to_string(&path) {
        return Ok(name.trim().to_owned());
    }
    let name = format!("{:x}-{:x}", SystemClock.now().micros(), std::process::id());
    std::fs::create_dir_all(data)
        .and_then(|()| std::fs::write(&path, &name))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(name)
}
