//! The Jensen-Shannon distance of counts in the same bins: symmetric, finite whatever is empty, and a metric (Endres and Schindelin, "A new
//! metric for probability distributions", 2003).

/// The distance of the shares: the square root of the divergence of Lin ("Divergence measures based on the Shannon entropy", 1991) in
/// natural logarithms, 0 to 0.8326 (the root of ln 2). Divided by that root it is the one to base 2, from 0 to 1. `None` where a side has
/// no row.
///
/// # Panics
/// When the sides have different numbers of bins.
pub fn jensen_shannon(reference: &[u64], current: &[u64]) -> Option<f64> {
    assert_eq!(reference.len(), current.len(), "the same bins on both sides");
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let part = |share: f64, middle: f64| if share == 0.0 { 0.0 } else { share * (share / middle).ln() };
    let term = |(reference, current): (&u64, &u64)| {
        let (reference, current) = (*reference as f64 / n, *current as f64 / m);
        let middle = (reference + current) / 2.0;
        part(reference, middle) + part(current, middle)
    };
    let divergence = reference.iter().zip(current).map(term).sum::<f64>() / 2.0;
    // Rounding can take equal shares a little below zero.
    Some(divergence.max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_from_equal_to_wholly_apart() {
        assert_eq!(jensen_shannon(&[1, 2], &[50, 100]), Some(0.0));
        assert!((jensen_shannon(&[3, 0], &[0, 8]).unwrap() - 2_f64.ln().sqrt()).abs() < 1e-15);
        assert_eq!(jensen_shannon(&[3, 1], &[2, 2]), jensen_shannon(&[2, 2], &[3, 1]));
        assert_eq!(jensen_shannon(&[0, 0], &[1, 1]), None);
    }
}
