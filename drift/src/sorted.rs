//! A column in rising order. Numbers become whole numbers of the same order, which a radix sort puts in place in three passes and a few
//! comparisons; the exact figures of two samples are walks over such columns.

/// The present values of a column in rising order; the missing ones are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    keys: Vec<u64>,
    missing: u64,
}

impl Sorted {
    /// Of the values of all rows, NaN where one is missing. Takes 16 bytes a row while it sorts, 8 afterwards.
    pub fn new(values: &[f64]) -> Self {
        let mut keys = Vec::with_capacity(values.len());
        keys.extend(values.iter().filter(|value| !value.is_nan()).map(|value| key(*value)));
        let missing = (values.len() - keys.len()) as u64;
        sort(&mut keys);
        Self { keys, missing }
    }

    /// How many values are present.
    pub const fn present(&self) -> usize {
        self.keys.len()
    }

    /// How many are missing.
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The value of a rank, from 0 at the lowest.
    pub fn value(&self, rank: usize) -> Option<f64> {
        self.keys.get(rank).map(|key| number(*key))
    }

    /// How many values are not above a limit.
    pub fn not_above(&self, limit: f64) -> usize {
        let limit = key(limit);
        self.keys.partition_point(|key| *key <= limit)
    }

    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }
}

const SIGN: u64 = 1 << 63;

/// A whole number that is larger where the value is; both zeros are one, and every number is below `u64::MAX`.
pub(crate) const fn key(value: f64) -> u64 {
    // Adding zero turns minus zero into zero and changes nothing else.
    let bits = (value + 0.0).to_bits();
    bits ^ (((bits as i64 >> 63) as u64) | SIGN)
}

/// The value of a key.
pub(crate) const fn number(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

const DIGIT_BITS: usize = 11;
const DIGITS: usize = 3;
const SIZE: usize = 1 << DIGIT_BITS;

/// The bits below the digits: sign, exponent and 21 bits of the fraction tell most values apart.
const REST: usize = 64 - DIGITS * DIGIT_BITS;

/// From here on passes over all digits are quicker than comparing.
const LEAST_FOR_RADIX: usize = 4_096;

/// Sorts by the leading digits, the lowest of them first; what shares them is compared.
fn sort(keys: &mut Vec<u64>) {
    if keys.len() < LEAST_FOR_RADIX || u32::try_from(keys.len()).is_err() {
        keys.sort_unstable();
        return;
    }
    let digit = |key: u64, place: usize| (key >> (REST + place * DIGIT_BITS)) as usize % SIZE;
    let mut counts = vec![[0_u32; SIZE]; DIGITS];
    for key in keys.iter() {
        for (place, counts) in counts.iter_mut().enumerate() {
            counts[digit(*key, place)] += 1;
        }
    }
    let mut sorted = vec![0; keys.len()];
    for (place, counts) in counts.iter_mut().enumerate() {
        if counts[digit(keys[0], place)] as usize == keys.len() {
            continue;
        }
        let mut before = 0;
        for count in counts.iter_mut() {
            before += std::mem::replace(count, before);
        }
        for key in keys.iter() {
            let next = &mut counts[digit(*key, place)];
            sorted[*next as usize] = *key;
            *next += 1;
        }
        std::mem::swap(keys, &mut sorted);
    }
    for alike in keys.chunk_by_mut(|a, b| a >> REST == b >> REST) {
        match alike {
            [_] => {}
            [a, b] => {
                if *a > *b {
                    std::mem::swap(a, b);
                }
            }
            more => more.sort_unstable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_keep_the_order_and_the_value() {
        let rising = [f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 1.0, 1.5, f64::MAX, f64::INFINITY];
        for pair in rising.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        for value in rising {
            assert_eq!(number(key(value)), value);
            assert!(key(value) < u64::MAX);
        }
        assert_eq!(key(-0.0), key(0.0));
    }

    fn is_sorted_as_by_comparing(values: &[f64]) -> bool {
        let sorted = Sorted::new(values);
        let mut expect: Vec<f64> = values.iter().filter(|value| !value.is_nan()).map(|value| value + 0.0).collect();
        expect.sort_unstable_by(f64::total_cmp);
        let got: Vec<f64> = (0..sorted.present()).map_while(|rank| sorted.value(rank)).collect();
        got == expect && sorted.missing() as usize + expect.len() == values.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_radix_sort_sorts(
            few in proptest::collection::vec(any::<f64>(), 0..50),
            many in proptest::collection::vec(prop_oneof![any::<f64>(), (-3..3_i8).prop_map(f64::from), Just(f64::NAN)], 4_096..6_000),
        ) {
            prop_assert!(is_sorted_as_by_comparing(&few));
            prop_assert!(is_sorted_as_by_comparing(&many));
        }
    }

    #[test]
    fn limits_count_what_is_not_above_them() {
        let sorted = Sorted::new(&[2.0, f64::NAN, 1.0, 2.0, -0.0]);
        let check = |limit: f64, expect: usize| assert_eq!(sorted.not_above(limit), expect, "{limit}");
        check(-1.0, 0);
        check(0.0, 1);
        check(1.5, 2);
        check(2.0, 4);
    }
}
