//! Which values of a chunk lie between the two bounds of a pair, where the pairs rise and none touches another: those that are above an odd
//! number of bounds. They are compared as small whole numbers, of which four times as many fit into a register.

use multiversion::multiversion;

use crate::lanes::{CHUNK, GROUP};

/// So many places are looked at side by side.
const LANES: usize = 16;

/// Where numbers lie on a ruler of some 65,000 places. It keeps the order: a higher number has the same place or a higher one. Numbers that
/// are nearly equal share a place, and so do all beyond either end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    factor: f32,
    shift: f32,
}

/// The lower and the upper bound of each range of a group.
pub(crate) type Pairs = [[i16; 2]; GROUP];

/// The places of the two numbers that a scale is made for. What is beyond them has places beyond, too.
const MARKS: [f32; 2] = [-32_000.0, 32_000.0];

/// The place of what is missing, and of numbers far below the marks.
const LOWEST: f32 = -32_767.0;

/// The place of numbers far above the marks.
const HIGHEST: f32 = 32_767.0;

/// Added to a number between the two, this leaves the nearest whole number in the lowest bits.
const WHOLE: f32 = 12_582_912.0;

impl Scale {
    /// On which what lies between two numbers takes nearly all places.
    pub(crate) fn new(least: f64, greatest: f64) -> Self {
        let narrow = |number: f64| (number as f32).clamp(f32::MIN / 4.0, f32::MAX / 4.0);
        let (least, greatest) = (narrow(least), narrow(greatest));
        // Where both are nearly the same, no factor is so high that the shift would have no end.
        let most = f32::MAX / 2.0 / least.abs().max(1.0);
        let factor = ((MARKS[1] - MARKS[0]) / (greatest - least)).min(most);
        Self { factor, shift: MARKS[0] - least * factor }
    }

    /// The bounds between which numbers from the least to the greatest lie. What is at the lowest place lies between none, since that is also
    /// the place of what is missing.
    pub(crate) fn range(self, least: f64, greatest: f64) -> [i16; 2] {
        [self.place(least).saturating_sub(1).max(LOWEST as i16), self.place(greatest)]
    }

    /// The place of a number; that of one that is missing is the lowest.
    #[inline(always)]
    pub(crate) fn place(self, number: f64) -> i16 {
        let place = number as f32 * self.factor + self.shift;
        let place = if place > LOWEST { place } else { LOWEST };
        let place = if place < HIGHEST { place } else { HIGHEST };
        (place + WHOLE).to_bits() as i16
    }
}

/// The place of each value of a chunk, and how many bounds it is above: an odd number between those of a pair.
pub(crate) struct Crossed {
    places: [i16; CHUNK],
    bounds: [u16; CHUNK],
}

impl Crossed {
    pub(crate) const fn new() -> Self {
        Self { places: [0; CHUNK], bounds: [0; CHUNK] }
    }

    /// How many bounds each value is above, and `above`, how many values are above each upper bound; how many values are not missing.
    pub(crate) fn count(&mut self, values: &[f64; CHUNK], scale: Scale, pairs: &[Pairs], above: &mut [[u64; GROUP]]) -> u64 {
        let present = place(values, scale, &mut self.places);
        self.bounds.fill(0);
        pairs.iter().zip(above).for_each(|(pairs, above)| cross(&self.places, &mut self.bounds, pairs, above));
        present
    }

    /// Takes each value between two bounds of a pair, and the number of the pair.
    pub(crate) fn inside(&self, values: &[f64; CHUNK], mut take: impl FnMut(usize, f64)) {
        for (values, bounds) in values.as_chunks::<64>().0.iter().zip(self.bounds.as_chunks::<64>().0) {
            let mut odd = odd(bounds);
            while odd != 0 {
                let at = odd.trailing_zeros() as usize;
                take(usize::from(bounds[at] / 2), values[at]);
                odd &= odd - 1;
            }
        }
    }
}

/// Finds the place of each value: how many are not missing.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn place(values: &[f64; CHUNK], scale: Scale, places: &mut [i16; CHUNK]) -> u64 {
    let mut present = 0_u32;
    for (value, place) in values.iter().zip(places) {
        *place = scale.place(*value);
        present += u32::from(!(*value as f32).is_nan());
    }
    u64::from(present)
}

/// Takes a group of pairs.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn cross(places: &[i16; CHUNK], crossed: &mut [u16; CHUNK], pairs: &Pairs, above: &mut [u64; GROUP]) {
    let mut counts = [[0_u16; LANES]; GROUP];
    for (places, crossed) in places.as_chunks::<LANES>().0.iter().zip(crossed.as_chunks_mut::<LANES>().0) {
        let mut so_far = *crossed;
        for (counts, [lower, upper]) in counts.iter_mut().zip(pairs) {
            for lane in 0..LANES {
                let is_above = u16::from(places[lane] > *upper);
                counts[lane] += is_above;
                so_far[lane] += is_above + u16::from(places[lane] > *lower);
            }
        }
        *crossed = so_far;
    }
    for (above, counts) in above.iter_mut().zip(counts) {
        *above += counts.iter().map(|count| u64::from(*count)).sum::<u64>();
    }
}

/// Which numbers are odd, the first as the lowest bit.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn odd(numbers: &[u16; 64]) -> u64 {
    let mut bits = 0;
    for (place, number) in (0..).zip(numbers) {
        bits |= u64::from(*number & 1) << place;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn random(seed: u64, place: usize) -> u64 {
        (seed ^ place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xD6E8_FEB8_6659_FD93)
    }

    proptest! {
        #[test]
        fn no_number_lies_above_a_higher_one(marks in any::<[f64; 2]>(), numbers in prop::collection::vec(any::<f64>(), 2..50)) {
            let scale = Scale::new(marks[0].min(marks[1]), marks[0].max(marks[1]));
            let ends = [f64::NEG_INFINITY, f64::INFINITY];
            let mut numbers: Vec<f64> = numbers.into_iter().chain(marks).chain(ends).filter(|number| !number.is_nan()).collect();
            numbers.sort_by(f64::total_cmp);
            prop_assert!(numbers.is_sorted_by_key(|number| scale.place(*number)));
            prop_assert!(scale.place(f64::NAN) <= scale.place(numbers[0]));
        }

        #[test]
        fn what_is_missing_lies_between_no_bounds(least in any::<f64>(), greatest in any::<f64>()) {
            let (least, greatest) = (least.min(greatest), least.max(greatest));
            let scale = Scale::new(least, greatest);
            prop_assert!(scale.place(f64::NAN) <= scale.range(least, greatest)[0]);
        }

        #[test]
        fn what_lies_between_bounds_is_found(
            spread in prop_oneof![Just(1.0), Just(1e-3), Just(1e12)],
            seed in any::<u64>(),
            bounds in prop::collection::btree_set(-32_700_i16..32_700, 0..60),
        ) {
            let values: [f64; CHUNK] = std::array::from_fn(|place| match random(seed, place) {
                random if random.is_multiple_of(7) => f64::NAN,
                random => spread * (random >> 11) as f64 / (1_u64 << 53) as f64,
            });
            let scale = Scale::new(0.1 * spread, 0.9 * spread);
            let bounds: Vec<i16> = bounds.into_iter().collect();
            let pairs = bounds.as_chunks::<2>().0;
            let groups = crate::lanes::grouped(pairs.iter().copied(), [i16::MAX; 2]);
            let mut above = vec![[0; GROUP]; groups.len()];
            let mut crossed = Crossed::new();

            let present = crossed.count(&values, scale, &groups, &mut above);
            let mut found = Vec::new();
            crossed.inside(&values, |pair, value| found.push((pair, value)));

            let places = values.map(|value| (scale.place(value), value));
            let pair_of = |place: i16| pairs.iter().position(|[lower, upper]| *lower < place && place <= *upper);
            let expected: Vec<(usize, f64)> = places.iter().filter_map(|(place, value)| Some((pair_of(*place)?, *value))).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(present, values.into_iter().filter(|value| !value.is_nan()).count() as u64);
            for ([_, upper], above) in pairs.iter().zip(above.as_flattened()) {
                prop_assert_eq!(*above, places.iter().filter(|(place, _)| place > upper).count() as u64);
            }
        }
    }
}
