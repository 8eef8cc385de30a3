//! Chance that grows from a seed: each use draws from a stream of its own, so that the order of uses does not matter.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What is drawn.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Labels = 1,
    CorrelationRows,
    ImportanceRows,
    Shuffling,
}

pub(super) fn random(seed: u64, of: Use, number: u32) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(((of as u64) << 32) | u64::from(number));
    random
}

/// After Fisher and Yates.
pub(super) fn shuffle<T>(items: &mut [T], random: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1, random));
    }
}

/// So many of the items, in their order; all where there are no more.
pub(super) fn sample(mut items: Vec<usize>, most: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    if items.len() > most {
        for place in 0..most {
            let drawn = place + below(items.len() - place, random);
            items.swap(place, drawn);
        }
        items.truncate(most);
        items.sort_unstable();
    }
    items
}

/// A number below another that fits 32 bits. Of two such numbers one comes up at most a part in 2^32 more often.
fn below(end: usize, random: &mut ChaCha8Rng) -> usize {
    ((u64::from(random.next_u32()) * end as u64) >> 32) as usize
}
