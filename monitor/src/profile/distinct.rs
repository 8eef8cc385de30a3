//! About how many different values there were, in 128 bytes that add up: each value sets the bit of its hash, and the share of bits that are
//! free says how many values there were (linear counting, Whang 1990). The standard error is 3 % at 1,000 values and 7 % at 5,000.

/// Values seen, by the bits of their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Distinct {
    words: [u64; WORDS],
}

const WORDS: usize = 16;
const BITS: f64 = (WORDS * 64) as f64;

/// From so many values on too few bits are free.
const MOST: f64 = 5_000.0;

impl Default for Distinct {
    fn default() -> Self {
        Self { words: [0; WORDS] }
    }
}

impl Distinct {
    pub(crate) fn take(&mut self, value: f64) {
        let hash = xxhash_rust::xxh3::xxh3_64(&(value + 0.0).to_bits().to_le_bytes());
        self.words[hash as usize >> 6 & (WORDS - 1)] |= 1 << (hash & 63);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.words.iter_mut().zip(other.words).for_each(|(word, other)| *word |= other);
    }

    /// About how many; `None` where it is more than 5,000.
    pub(crate) fn estimate(&self) -> Option<u64> {
        let free: u32 = self.words.iter().map(|word| word.count_zeros()).sum();
        let values = BITS * (BITS / f64::from(free)).ln();
        (values <= MOST).then_some(values.round() as u64)
    }

    /// As 256 hexadecimal digits.
    pub(crate) fn to_text(&self) -> String {
        self.words.iter().map(|word| format!("{word:016x}")).collect()
    }

    /// What [`Self::to_text`] gave.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut words = [0; WORDS];
        for (word, place) in words.iter_mut().zip((0..).step_by(16)) {
            *word = u64::from_str_radix(text.get(place..place + 16)?, 16).ok()?;
        }
        (text.len() == WORDS * 16).then_some(Self { words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        let check = |values: u32, tolerance: f64| {
            let mut distinct = Distinct::default();
            (0..values).chain(0..values).for_each(|value| distinct.take(f64::from(value) / 3.0));
            let found = distinct.estimate().unwrap() as f64;
            assert!((found - f64::from(values)).abs() <= tolerance * f64::from(values), "{found} for {values}");
            assert_eq!(Distinct::from_text(&distinct.to_text()), Some(distinct));
        };
        check(0, 0.0);
        check(5, 0.0);
        check(100, 0.05);
        check(1_000, 0.1);
        check(3_000, 0.15);
        let mut many = Distinct::default();
        (0..50_000).for_each(|value| many.take(f64::from(value)));
        assert_eq!(many.estimate(), None);
        assert_eq!(Distinct::from_text("00"), None);
    }
}
