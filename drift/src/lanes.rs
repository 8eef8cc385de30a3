//! Passes over values that a processor takes several at a time. Each is compiled for what the processor at hand has, and for any other.

use multiversion::multiversion;

/// How many values are above a limit.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn above(values: &[f64], limit: f64) -> u64 {
    values.iter().map(|value| u64::from(*value > limit)).sum()
}

/// How many are missing.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn missing(values: &[f64]) -> u64 {
    values.iter().map(|value| u64::from(value.is_nan())).sum()
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
