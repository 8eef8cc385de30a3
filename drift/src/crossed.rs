//! Which values of a chunk lie between the two bounds of a pair, where the pairs rise and none touches another: those that are above an odd
//! number of bounds. They are compared as numbers of half the width, of which twice as many fit into a register.

use multiversion::multiversion;

use crate::lanes::{CHUNK, GROUP, LANES};

/// The nearest narrow number of each value, and how many bounds it is above: an odd number between those of a pair.
pub(crate) struct Crossed {
    values: [f32; CHUNK],
    bounds: [u32; CHUNK],
}

impl Crossed {
    pub(crate) const fn new() -> Self {
        Self { values: [0.0; CHUNK], bounds: [0; CHUNK] }
    }

    /// How many bounds each value is above, and `above`, how many values are above each bound; how many values are not missing.
    pub(crate) fn count(&mut self, values: &[f64; CHUNK], bounds: &[[f32; GROUP]], above: &mut [[u64; GROUP]]) -> u64 {
        let mut groups = bounds.iter().zip(above);
        let present = groups.next().map_or(0, |(bounds, above)| cross_first(values, self, bounds, above));
        groups.for_each(|(bounds, above)| cross(self, bounds, above));
        present
    }

    /// The places of the values between two bounds of a pair, for which `places` has room.
    pub(crate) fn inside<'a>(&self, places: &'a mut [u16; CHUNK]) -> &'a [u16] {
        let mut many = 0;
        for (word, numbers) in (0..).zip(self.bounds.as_chunks::<64>().0) {
            let mut odd = odd(numbers);
            while odd != 0 {
                places[many] = word * 64 + odd.trailing_zeros() as u16;
                many += 1;
                odd &= odd - 1;
            }
        }
        &places[..many]
    }

    /// Between the bounds of which pair the value at a place is.
    pub(crate) const fn range(&self, place: u16) -> usize {
        self.bounds[place as usize] as usize / 2
    }
}

/// The first group: it narrows on the way, so that the values are read while others are compared. How many are not missing.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn cross_first(values: &[f64; CHUNK], crossed: &mut Crossed, bounds: &[f32; GROUP], above: &mut [u64; GROUP]) -> u64 {
    let (mut present, mut counts) = ([0_u32; LANES], [[0_u32; LANES]; GROUP]);
    let (narrow, passed) = (crossed.values.as_chunks_mut::<LANES>().0, crossed.bounds.as_chunks_mut::<LANES>().0);
    for ((values, narrow), passed) in values.as_chunks::<LANES>().0.iter().zip(narrow).zip(passed) {
        for lane in 0..LANES {
            narrow[lane] = values[lane] as f32;
        }
        let mut so_far = [0; LANES];
        for (counts, bound) in counts.iter_mut().zip(bounds) {
            for lane in 0..LANES {
                let is_above = u32::from(narrow[lane] > *bound);
                counts[lane] += is_above;
                so_far[lane] += is_above;
            }
        }
        for lane in 0..LANES {
            present[lane] += u32::from(!narrow[lane].is_nan());
        }
        *passed = so_far;
    }
    add(&counts, above);
    u64::from(present.iter().sum::<u32>())
}

/// Another group.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn cross(crossed: &mut Crossed, bounds: &[f32; GROUP], above: &mut [u64; GROUP]) {
    let mut counts = [[0_u32; LANES]; GROUP];
    for (narrow, passed) in crossed.values.as_chunks::<LANES>().0.iter().zip(crossed.bounds.as_chunks_mut::<LANES>().0) {
        let mut so_far = *passed;
        for (counts, bound) in counts.iter_mut().zip(bounds) {
            for lane in 0..LANES {
                let is_above = u32::from(narrow[lane] > *bound);
                counts[lane] += is_above;
                so_far[lane] += is_above;
            }
        }
        *passed = so_far;
    }
    add(&counts, above);
}

/// Adds up the counts of all lanes.
fn add(counts: &[[u32; LANES]; GROUP], above: &mut [u64; GROUP]) {
    for (above, counts) in above.iter_mut().zip(counts) {
        *above += u64::from(counts.iter().sum::<u32>());
    }
}

/// Which numbers are odd, the first as the lowest bit.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn odd(numbers: &[u32; 64]) -> u64 {
    let mut bits = 0;
    for (place, number) in (0..).zip(numbers) {
        bits |= u64::from(*number & 1) << place;
    }
    bits
}
