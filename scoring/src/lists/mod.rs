//! Lists: keys of events that are blocked, allowed or watched, whatever a model says. A list changes while it serves, by control records
//! in the log; a change is a new list that shares all but a few nodes with the one before, so nobody who reads waits.

mod entry;
mod file;
pub mod import;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::DefaultHashBuilder;
use ingest::{Event, Schema, Timestamp, Value};
use ipnet::IpNet;
use rpds::HashTrieMapSync;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::entry::{Entry, EntryError, Pattern};
pub use self::file::ListFile;

/// What a list does to an event that is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = ListKind))]
pub enum Kind {
    /// It is reviewed at least.
    Watch,
    /// It is approved, whatever models and rules say, unless a list blocks it.
    Allow,
    /// It is declined, whatever else holds.
    Block,
}

impl Kind {
    /// Its word in pipeline files, in the API and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }
}

/// What a list looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The key of an entity, by its number in the schema.
    Entity(usize),
    /// An attribute, by its number in the schema.
    Attribute(usize),
}

impl Key {
    /// The key named so: an entity, or else an attribute of kind text.
    pub fn named(name: &str, schema: &Schema) -> Option<Self> {
        let attribute =
            || schema.attribute(name).filter(|at| schema.attributes[*at].value_type == ingest::schema::ValueType::Text);
        schema.entity(name).map(Self::Entity).or_else(|| attribute().map(Self::Attribute))
    }

    /// Whether its keys are tokens that stand for card numbers.
    pub fn is_token(&self, schema: &Schema) -> bool {
        matches!(self, Self::Entity(at) if schema.entities[*at].token)
    }

    fn of<'a>(&self, event: &'a Event) -> Option<&'a str> {
        match self {
            Self::Entity(at) => event.entities[*at].as_deref(),
            Self::Attribute(at) => match &event.attributes[*at] {
                Some(Value::Text(text)) => Some(text),
                _ => None,
            },
        }
    }
}

/// A list as the pipeline file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// The name of what it looks at.
    pub of: String,
    /// What it looks at.
    pub key: Key,
}

/// An event is on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = ListMatch))]
pub struct Match {
    /// The list.
    pub list: String,
    /// What the list does.
    pub kind: Kind,
    /// The entity or attribute that it looks at.
    pub of: String,
    /// Why the entry is there.
    pub reason: String,
}

/// A map whose copies share all that was not changed since. Who asks it brings keys of events and can put nothing in, so a fast hash will do.
type Shared<K> = HashTrieMapSync<K, Entry, DefaultHashBuilder>;

/// The entries of one list. A copy costs nothing; an entry that is put into the copy is not in the original.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    exact: Shared<Box<str>>,
    addresses: Shared<IpAddr>,
    prefixes: Shared<Box<str>>,
    networks: Shared<IpNet>,
    /// How many prefixes there are of each length in bytes.
    prefix_lengths: BTreeMap<usize, u32>,
    /// How many networks there are of each kind (version 6 or not) and length in bits.
    network_lengths: BTreeMap<(bool, u8), u32>,
}

impl Entries {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.exact.size() + self.addresses.size() + self.prefixes.size() + self.networks.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        let keys = self.exact.values().chain(self.addresses.values());
        keys.chain(self.prefixes.values()).chain(self.networks.values())
    }

    /// The entry of a pattern.
    pub fn get(&self, pattern: &Pattern) -> Option<&Entry> {
        match pattern {
            Pattern::Exact(text) => self.exact.get(text),
            Pattern::Address(address) => self.addresses.get(address),
            Pattern::Prefix(text) => self.prefixes.get(text),
            Pattern::Network(network) => self.networks.get(network),
        }
    }

    /// Puts an entry in; one of the same pattern goes.
    pub fn put(&mut self, entry: Entry) {
        if self.get(&entry.pattern).is_none() {
            self.count(&entry.pattern, 1);
        }
        match entry.pattern.clone() {
            Pattern::Exact(text) => self.exact.insert_mut(text, entry),
            Pattern::Address(address) => self.addresses.insert_mut(address, entry),
            Pattern::Prefix(text) => self.prefixes.insert_mut(text, entry),
            Pattern::Network(network) => self.networks.insert_mut(network, entry),
        }
    }

    /// Takes an entry out; whether it was there.
    pub fn remove(&mut self, pattern: &Pattern) -> bool {
        let was_there = match pattern {
            Pattern::Exact(text) => self.exact.remove_mut(text),
            Pattern::Address(address) => self.addresses.remove_mut(address),
            Pattern::Prefix(text) => self.prefixes.remove_mut(text),
            Pattern::Network(network) => self.networks.remove_mut(network),
        };
        if was_there {
            self.count(pattern, -1);
        }
        was_there
    }

    fn count(&mut self, pattern: &Pattern, change: i32) {
        fn add<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K, change: i32) {
            let count = counts.entry(key).or_default();
            *count = count.saturating_add_signed(change);
            counts.retain(|_, count| *count > 0);
        }
        match pattern {
            Pattern::Exact(_) | Pattern::Address(_) => {}
            Pattern::Prefix(text) => add(&mut self.prefix_lengths, text.len(), change),
            Pattern::Network(network) => {
                add(&mut self.network_lengths, (network.addr().is_ipv6(), network.prefix_len()), change);
            }
        }
    }

    /// The entry that a key is on at a time: the exact one, or else the longest prefix or the smallest network that holds it. An address is
    /// the same however it is written.
    pub fn find(&self, key: &str, at: Timestamp) -> Option<&Entry> {
        let exact = self.exact.get(key).filter(|entry| entry.is_valid(at));
        exact.or_else(|| match self.address(key) {
            Some(address) => self.find_address(key, address, at),
            None => self.find_prefix(key, at),
        })
    }

    /// The address that a key is, where entries may know it in another form. One of version 4 has no other.
    fn address(&self, key: &str) -> Option<IpAddr> {
        let has_addresses = !self.addresses.is_empty() || !self.networks.is_empty();
        if has_addresses || (!self.prefixes.is_empty() && key.contains(':')) { key.parse().ok() } else { None }
    }

    fn find_address(&self, key: &str, written: IpAddr, at: Timestamp) -> Option<&Entry> {
        let address = written.to_canonical();
        let rewritten = || {
            let may_differ = written.is_ipv6() && !self.prefixes.is_empty();
            if may_differ { self.find_prefix(&address.to_string(), at) } else { None }
        };
        // Wide networks of version 6 hold the mapped addresses, and not those of version 4 that they stand for.
        let wide = || if written == address { None } else { self.find_network(written, at) };
        let exact = self.addresses.get(&address).filter(|entry| entry.is_valid(at));
        let prefix = || self.find_prefix(key, at).or_else(rewritten);
        exact.or_else(prefix).or_else(|| self.find_network(address, at)).or_else(wide)
    }

    fn find_prefix(&self, key: &str, at: Timestamp) -> Option<&Entry> {
        let mut lengths = self.prefix_lengths.keys().rev().filter(|length| key.is_char_boundary(**length));
        lengths.find_map(|length| self.prefixes.get(key.get(..*length)?).filter(|entry| entry.is_valid(at)))
    }

    fn find_network(&self, address: IpAddr, at: Timestamp) -> Option<&Entry> {
        let mut lengths = self.network_lengths.keys().rev().filter(|(is_v6, _)| *is_v6 == address.is_ipv6());
        let holds = |length: u8| self.networks.get(&IpNet::new(address, length).ok()?.trunc());
        lengths.find_map(|(_, length)| holds(*length).filter(|entry| entry.is_valid(at)))
    }
}

/// Lists as of a time.
#[derive(Clone, Copy, Debug)]
pub struct ListsThen<'a> {
    lists: &'a Lists,
    at: Timestamp,
}

impl crate::rules::Lists for ListsThen<'_> {
    fn contains(&self, list: crate::rules::ListId, value: &str) -> bool {
        self.lists.lists.get(list.0).is_some_and(|(_, entries)| entries.find(value, self.at).is_some())
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut entries = Self::default();
        Vec::<Entry>::deserialize(deserializer)?.into_iter().for_each(|entry| entries.put(entry));
        Ok(entries)
    }
}

/// All lists of a pipeline with what is on them.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    lists: Vec<(Declared, Entries)>,
}

impl Lists {
    /// The declared lists, in their order, with the entries that are known of them by name.
    pub fn new(declared: &[Declared], entries: &BTreeMap<String, Entries>) -> Self {
        let with = |list: &Declared| (list.clone(), entries.get(&list.name).cloned().unwrap_or_default());
        Self { lists: declared.iter().map(with).collect() }
    }

    /// Each list with its entries.
    pub fn iter(&self) -> impl Iterator<Item = &(Declared, Entries)> {
        self.lists.iter()
    }

    /// A list by its name.
    pub fn get(&self, name: &str) -> Option<&(Declared, Entries)> {
        self.lists.iter().find(|(list, _)| list.name == name)
    }

    /// What is on them at a time, as rules ask it: by a list's number.
    pub const fn at(&self, at: Timestamp) -> ListsThen<'_> {
        ListsThen { lists: self, at }
    }

    /// The lists that an event is on at its own time, in the order of the pipeline file. Without any, nothing is allocated.
    pub fn matches(&self, event: &Event) -> Vec<Match> {
        let on = |(list, entries): &(Declared, Entries)| {
            let entry = entries.find(list.key.of(event)?, event.occurred_at)?;
            let Declared { name, kind, of, .. } = list.clone();
            Some(Match { list: name, kind, of, reason: entry.reason.clone() })
        };
        self.lists.iter().filter(|(_, entries)| !entries.is_empty()).filter_map(on).collect()
    }
}
