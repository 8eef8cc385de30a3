//! Who guesses passwords has to wait, longer each time: for a name, whether anybody has it or not, and for an address. A try counts before it is
//! looked at, so that many at once are no way around it. What is kept is bounded. Plain functions of the time that they are given.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use ingest::{Duration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// So many names, and so many addresses, are remembered.
const MOST: usize = 10_000;
/// A failure is forgotten after that.
const FORGOTTEN: Duration = Duration::days(1);
/// From so many failures on a name has to wait a moment, and from so many on for [`LONGEST`]: PCI DSS 8.3.4 asks for 10, and for half an hour.
const NAME: Limits = Limits { moment_from: 5, longest_from: 10 };
/// An address may be that of a whole office.
const ADDRESS: Limits = Limits { moment_from: 50, longest_from: 100 };
const LONGEST: Duration = Duration::seconds(1_800);

/// From how many failures on somebody waits.
#[derive(Clone, Copy, Debug)]
struct Limits {
    moment_from: u32,
    longest_from: u32,
}

/// How long the next try has to wait after so many failures.
fn wait(failures: u32, Limits { moment_from, longest_from }: Limits) -> Duration {
    match failures {
        failures if failures < moment_from => Duration::ZERO,
        failures if failures >= longest_from => LONGEST,
        failures => Duration::seconds(2 << (failures - moment_from).min(9)),
    }
}

/// Since when nobody logs in with a name, whatever the password, since too many tries have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::api) struct LockedOut {
    /// When the try failed that was one too many.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When the next one is looked at.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// The tries of late.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    names: Counters<String>,
    /// By [`network`].
    addresses: Counters<IpAddr>,
}

impl Attempts {
    /// Counts a try with a name from an address.
    ///
    /// # Errors
    /// How long to wait, when it is too early for one; then it was not counted.
    pub(super) fn count(&mut self, name: &str, address: Option<IpAddr>, now: Timestamp) -> Result<(), Duration> {
        let (name, address) = (plain(name), address.map(network));
        let waits = [Some(self.names.wait(&name, now)), address.map(|address| self.addresses.wait(&address, now))];
        let longest = waits.into_iter().flatten().max().unwrap_or(Duration::ZERO);
        if longest > Duration::ZERO {
            return Err(longest);
        }
        self.names.count(name, NAME, now);
        if let Some(address) = address {
            self.addresses.count(address, ADDRESS, now);
        }
        Ok(())
    }

    /// The try that was counted last was right.
    pub(super) fn was_right(&mut self, name: &str, address: Option<IpAddr>) {
        self.forget(name);
        if let Some(counter) = address.and_then(|address| self.addresses.0.get_mut(&network(address))) {
            // Others of the address may have guessed meanwhile.
            counter.failures = counter.failures.saturating_sub(1);
            counter.until = Timestamp::MIN;
        }
    }

    /// What was tried with a name counts no more.
    pub(super) fn forget(&mut self, name: &str) {
        self.names.0.remove(&plain(name));
    }

    /// Whether nobody logs in with a name for a while.
    pub(super) fn locked_out(&self, name: &str, now: Timestamp) -> Option<LockedOut> {
        let Counter { last_at, until, .. } = *self.names.0.get(&plain(name))?;
        (until > now).then_some(LockedOut { since: last_at, until })
    }

    /// How long the next try has to wait.
    pub(super) fn wait(&self, name: &str, address: Option<IpAddr>, now: Timestamp) -> Duration {
        let of_address = address.map_or(Duration::ZERO, |address| self.addresses.wait(&network(address), now));
        self.names.wait(&plain(name), now).max(of_address)
    }
}

/// A name may be as long as a request: what is kept of it is not.
fn plain(name: &str) -> String {
    super::keys::hash(&crate::control::plain(name))
}

/// What one line has of addresses: one of version 4, and 2^64 of version 6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    failures: u32,
    last_at: Timestamp,
    /// No try before that.
    until: Timestamp,
}

#[derive(Debug)]
struct Counters<K>(HashMap<K, Counter>);

impl<K> Default for Counters<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Counters<K> {
    fn wait(&self, key: &K, now: Timestamp) -> Duration {
        self.0.get(key).map_or(Duration::ZERO, |counter| counter.until.since(now).max(Duration::ZERO))
    }

    fn count(&mut self, key: K, limits: Limits, now: Timestamp) {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.0.retain(|_, counter| now.since(counter.last_at) < FORGOTTEN);
            // Whoever has failed least and longest ago is forgotten: many new names do not make room for one that waits.
            let least = self.0.iter().min_by_key(|(_, counter)| (counter.failures, counter.last_at)).map(|(key, _)| key.clone());
            if let Some(least) = least.filter(|_| self.0.len() >= MOST) {
                self.0.remove(&least);
            }
        }
        let counter = self.0.entry(key).or_insert(Counter { failures: 0, last_at: now, until: now });
        if now.since(counter.last_at) >= FORGOTTEN {
            counter.failures = 0;
        }
        counter.failures = counter.failures.saturating_add(1);
        counter.last_at = now;
        counter.until = now + wait(counter.failures, limits);
    }
}
