//! Passes over values that a processor takes several at a time. Each is compiled for what the processor at hand has, and for any other.

use multiversion::multiversion;

/// Values that stay in the nearest cache while they are passed over more than once.
pub(crate) const CHUNK: usize = 1_024;

/// So many limits are compared with in one pass; with narrow numbers their counts fit into the registers.
pub(crate) const GROUP: usize = 9;

/// So many values are looked at side by side.
pub(crate) const LANES: usize = 8;

/// Takes all values, chunk by chunk; the last is filled with missing ones.
pub(crate) fn chunks(values: &[f64], mut take: impl FnMut(&[f64; CHUNK])) {
    let (whole, rest) = values.as_chunks();
    whole.iter().for_each(&mut take);
    if !rest.is_empty() {
        let mut last = [f64::NAN; CHUNK];
        last[..rest.len()].copy_from_slice(rest);
        take(&last);
    }
}

/// Limits in groups, at least one; the last is filled with `end`, which nothing is above.
pub(crate) fn grouped<T: Copy>(limits: impl Iterator<Item = T>, end: T) -> Vec<[T; GROUP]> {
    let limits: Vec<T> = limits.collect();
    let group = |place: usize| std::array::from_fn(|at| limits.get(place * GROUP + at).copied().unwrap_or(end));
    (0..limits.len().div_ceil(GROUP).max(1)).map(group).collect()
}

/// Adds to `above` how many values are above each limit of at least one group; how many are not missing.
pub(crate) fn count_above(values: &[f64; CHUNK], limits: &[[f64; GROUP]], above: &mut [[u64; GROUP]]) -> u64 {
    limits.iter().zip(above).fold(0, |_, (limits, above)| count_above_group(values, limits, above))
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn count_above_group(values: &[f64; CHUNK], limits: &[f64; GROUP], above: &mut [u64; GROUP]) -> u64 {
    let (mut present, mut counts) = ([0_u64; LANES], [[0_u64; LANES]; GROUP]);
    for values in values.as_chunks::<LANES>().0 {
        for (counts, limit) in counts.iter_mut().zip(limits) {
            for lane in 0..LANES {
                counts[lane] += u64::from(values[lane] > *limit);
            }
        }
        for lane in 0..LANES {
            present[lane] += u64::from(!values[lane].is_nan());
        }
    }
    for (above, counts) in above.iter_mut().zip(counts) {
        *above += counts.iter().sum::<u64>();
    }
    present.iter().sum()
}

/// How many values equal each of at most so many numbers.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn count_equal(values: &[f64], numbers: &[f64; GROUP]) -> [u64; GROUP] {
    let mut counts = [[0_u64; LANES]; GROUP];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (counts, number) in counts.iter_mut().zip(numbers) {
            for lane in 0..LANES {
                counts[lane] += u64::from(values[lane] == *number);
            }
        }
    }
    for (counts, number) in counts.iter_mut().zip(numbers) {
        counts[0] += rest.iter().filter(|value| **value == *number).count() as u64;
    }
    counts.map(|counts| counts.iter().sum())
}

/// How many are not missing.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn present(values: &[f64]) -> u64 {
    values.iter().map(|value| u64::from(!value.is_nan())).sum()
}

/// The lowest value and the highest one; infinity and minus infinity where there is none.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn extremes(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 16;
    let (mut lowest, mut highest) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for lane in 0..LANES {
            // Written so that NaN, which is neither below nor above anything, leaves a lane as it is.
            lowest[lane] = if values[lane] < lowest[lane] { values[lane] } else { lowest[lane] };
            highest[lane] = if values[lane] > highest[lane] { values[lane] } else { highest[lane] };
        }
    }
    let lowest = lowest.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    (lowest, highest.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max))
}
