//! Gauss's rule for integrals from 0 to 1, by nothing but sums, products and quotients: the same bits on every machine.

/// A point of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Where it lies, above 0 and below 1.
    pub(super) at: f64,
    /// How far it is from 1.
    pub(super) from_end: f64,
    /// What it counts for; the weights sum to 1.
    pub(super) weight: f64,
}

/// The rule of so many points, which is exact for polynomials of a degree below twice as many. The points are the zeros of Legendre's
/// polynomial; each lies between two neighbouring zeros of the one before.
pub(super) fn rule(points: usize) -> Vec<Point> {
    let mut zeros: Vec<f64> = Vec::new();
    for degree in 1..=points {
        let ends: Vec<f64> = [-1.0].into_iter().chain(zeros).chain([1.0]).collect();
        zeros = ends.windows(2).map(|ends| zero(degree, ends[0], ends[1])).collect();
    }
    let point = |zero: f64| {
        let before = legendre(points, zero).1;
        // The slope at a zero: degree x (the polynomial before) / (1 - zero^2).
        let weight = (1.0 - zero * zero) / (points as f64 * before).powi(2);
        Point { at: (1.0 + zero) / 2.0, from_end: (1.0 - zero) / 2.0, weight }
    };
    zeros.into_iter().map(point).collect()
}

/// The zero between two numbers, by halving until nothing lies between.
fn zero(degree: usize, mut low: f64, mut high: f64) -> f64 {
    let rises = legendre(degree, high).0 > 0.0;
    loop {
        let middle = low.midpoint(high);
        if middle <= low || middle >= high {
            return middle;
        }
        if (legendre(degree, middle).0 > 0.0) == rises { high = middle } else { low = middle }
    }
}

/// Legendre's polynomial of a degree and the one before it, by Bonnet's recursion.
fn legendre(degree: usize, at: f64) -> (f64, f64) {
    let (mut this, mut before) = (1.0, 0.0);
    for degree in 1..=degree {
        let degree = degree as f64;
        (this, before) = (((2.0 * degree - 1.0) * at * this - (degree - 1.0) * before) / degree, this);
    }
    (this, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_integrated_exactly_up_to_the_stated_degree() {
        for points in [1, 2, 4, 6, 8, 16, 40] {
            let rule = rule(points);
            for degree in 0..2 * points as i32 {
                let integral: f64 = rule.iter().map(|point| point.weight * point.at.powi(degree)).sum();
                let expect = 1.0 / (f64::from(degree) + 1.0);
                assert!((integral - expect).abs() < 1e-13, "{points} points, degree {degree}: {integral} is not {expect}");
            }
        }
        let two = rule(2);
        assert!((two[0].at - (0.5 - 0.5 / 3_f64.sqrt())).abs() < 1e-16 && (two[1].weight - 0.5).abs() < 1e-15);
    }
}
