//! The values of some ranks, without sorting the rest: values are counted by the leading digits of their order, and only those with the digits
//! of a wanted rank are looked at more closely.

use crate::sorted::{key, number};

/// The values at rising ranks of those present, from 0 at the lowest.
///
/// # Panics
/// When there is no such rank, or one comes twice.
pub(crate) fn at_ranks(values: &[f64], ranks: &[usize]) -> Vec<f64> {
    let mut found = Vec::with_capacity(ranks.len());
    let keys = || values.iter().filter(|value| !value.is_nan()).map(|value| key(*value));
    let digit = |key: u64| (key >> 48) as usize;
    let mut counts = vec![0_usize; 1 << 16];
    keys().for_each(|key| counts[digit(key)] += 1);

    let wanted = Wanted::new(&counts, ranks);
    let mut gathered: Vec<Vec<u64>> = wanted.digits.iter().map(|wanted| Vec::with_capacity(wanted.rows)).collect();
    let mut slots = vec![NONE; 1 << 16];
    wanted.digits.iter().zip(0..).for_each(|(wanted, slot)| slots[wanted.digit] = slot);
    keys().for_each(|key| {
        if let Some(keys) = gathered.get_mut(usize::from(slots[digit(key)])) {
            keys.push(key);
        }
    });
    for (digit, mut keys) in wanted.digits.into_iter().zip(gathered) {
        select(&mut keys, &digit.ranks, 0, &mut found);
    }
    found.into_iter().map(number).collect()
}

const NONE: u16 = u16::MAX;

/// The digits of wanted ranks.
struct Wanted {
    digits: Vec<WantedDigit>,
}

struct WantedDigit {
    digit: usize,
    /// Values with this digit.
    rows: usize,
    /// The wanted ranks among them.
    ranks: Vec<usize>,
}

impl Wanted {
    fn new(counts: &[usize], ranks: &[usize]) -> Self {
        let mut digits: Vec<WantedDigit> = Vec::new();
        let (mut digit, mut before) = (0, 0);
        for rank in ranks {
            while before + counts[digit] <= *rank {
                before += counts[digit];
                digit += 1;
            }
            match digits.last_mut().filter(|last| last.digit == digit) {
                Some(last) => last.ranks.push(rank - before),
                None => digits.push(WantedDigit { digit, rows: counts[digit], ranks: vec![rank - before] }),
            }
        }
        Self { digits }
    }
}

/// The keys at rising ranks, where the first key has the rank `first`.
fn select(keys: &mut [u64], ranks: &[usize], first: usize, found: &mut Vec<u64>) {
    let middle = ranks.len() / 2;
    let Some(rank) = ranks.get(middle) else { return };
    let (lower, key, upper) = keys.select_nth_unstable(rank - first);
    select(lower, &ranks[..middle], first, found);
    found.push(*key);
    select(upper, &ranks[middle + 1..], rank + 1, found);
}
