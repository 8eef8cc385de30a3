//! Stable shares of entities: the same key is always at the same place among a hundred, for as long as something has its name.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// So many places there are: one for each percent.
pub(crate) const PLACES: u8 = 100;

/// How the keys of an entity are divided, each name in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    seed: u64,
}

impl Shares {
    /// Those of a rule or a model.
    pub(crate) fn of(name: &str) -> Self {
        Self { seed: xxh3_64(name.as_bytes()) }
    }

    /// The place of a key, from 0 to 99.
    pub(crate) fn place(self, key: &str) -> u8 {
        (xxh3_64_with_seed(key.as_bytes(), self.seed) % u64::from(PLACES)) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_where_it_is() {
        let check = |name: &str, key: &str, expect: u8| assert_eq!(Shares::of(name).place(key), expect, "{name} {key}");
        check("card_fraud", "cus_1", 22);
        check("card_fraud", "cus_2", 45);
        check("r_12", "cus_1", 87);
    }
}
