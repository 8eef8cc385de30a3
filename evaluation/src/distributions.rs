//! The few distributions that intervals and tests need: normal, chi-square, and the binomial of a fair coin. `libm` gives the
//! same bits on every machine.

use std::f64::consts::{LN_2, PI, SQRT_2};

/// How many standard deviations to both sides of the mean hold `level` of a normal distribution: 1.96 for 0.95.
pub(super) fn reach(level: f64) -> f64 {
    let outside = 1.0 - level;
    let mut z = 0.0;
    // What lies outside falls and is convex in z, so Newton's steps from 0 rise towards the answer and never overshoot.
    for _ in 0..200 {
        let step = (two_sided(z) - outside) / ((2.0 / PI).sqrt() * libm::exp(-z * z / 2.0));
        z += step;
        if step.abs() < 1e-14 {
            break;
        }
    }
    z
}

/// The probability of a normal deviation at least as far from the mean as `z`, to either side.
pub(super) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / SQRT_2)
}

/// The probability that a chi-square with `freedom` degrees exceeds `value`.
pub(super) fn chi_square_above(value: f64, freedom: f64) -> f64 {
    let (a, x) = (freedom / 2.0, value / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    // NIST DLMF 8.7.1 (series, quick where x is small) and 8.9.2 (continued fraction, by Lentz's method, where it is large).
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for i in 1..1000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        d = if d.abs() < tiny { 1.0 / tiny } else { 1.0 / d };
        c = b + an / c;
        c = if c.abs() < tiny { tiny } else { c };
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// What a fair coin gives in `tosses`: the probability of fewer than `heads`, and that of exactly so many.
pub(super) fn coin(heads: u64, tosses: u64) -> (f64, f64) {
    let [k, n] = [heads as f64, tosses as f64];
    let exactly = libm::exp(libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0) - n * LN_2);
    let (mut term, mut fewer, mut i) = (exactly, 0.0, k);
    while i > 0.0 {
        term *= i / (n - i + 1.0);
        fewer += term;
        i -= 1.0;
        if term < fewer * 1e-18 {
            break;
        }
    }
    (fewer, exactly)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{close, fixtures};

    #[test]
    fn as_scipy_has_it() {
        let fixtures = fixtures();
        let numbers = |name: &str| -> Vec<f64> { serde_json::from_value(fixtures[name].clone()).unwrap() };
        let table = |name: &str| -> Vec<[f64; 4]> {
            let rows: Vec<Vec<f64>> = serde_json::from_value(fixtures[name].clone()).unwrap();
            rows.iter().map(|row| std::array::from_fn(|place| row.get(place).copied().unwrap_or(0.0))).collect()
        };
        for (level, expect) in [0.5, 0.95, 0.99, 0.999999].into_iter().zip(numbers("normal")) {
            close(reach(level), expect, 1e-9);
        }
        for (z, expect) in [0.1, -1.0, 3.0, 9.0].into_iter().zip(numbers("two_sided")) {
            close(two_sided(z), expect, 1e-12);
        }
        for [value, freedom, expect, _] in table("chi_square") {
            close(chi_square_above(value, freedom), expect, 1e-10);
        }
        for [heads, tosses, fewer, exactly] in table("coin") {
            let got = coin(heads as u64, tosses as u64);
            close(got.0, fewer, 1e-7);
            close(got.1, exactly, 1e-7);
        }
        assert_eq!(chi_square_above(0.0, 3.0), 1.0);
        assert_eq!(coin(0, 0), (0.0, 1.0));
    }
}
