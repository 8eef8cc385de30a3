//! Many columns are looked at together, and one in a hundred is surprising by chance. The adjustment of Benjamini and Hochberg
//! ("Controlling the false discovery rate: a practical and powerful approach to multiple testing", 1995) keeps the share of false alarms
//! among all alarms down.

/// For each p the lowest rate of false discoveries at which it counts as one: where all at most `q` are taken, at most a share of `q` of
/// what is taken is expected to be chance (Benjamini and Hochberg, 1995, theorem 1, which is about columns that are independent;
/// Benjamini and Yekutieli, 2001, have it of those that depend positively on each other). In the order of the columns, each 0 to 1.
pub fn adjusted(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least = 1.0_f64;
    for (above, column) in order.into_iter().enumerate() {
        least = least.min(p[column] * p.len() as f64 / (p.len() - above) as f64);
        adjusted[column] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_looks_ask_for_more() {
        let check = |p: &[f64], expect: &[f64]| {
            for (got, expect) in adjusted(p).into_iter().zip(expect) {
                assert!((got - expect).abs() < 1e-15, "{p:?}: {got} is not {expect}");
            }
        };
        check(&[], &[]);
        check(&[0.02], &[0.02]);
        check(&[0.04, 0.01, 0.03], &[0.04, 0.03, 0.04]);
        check(&[0.9, 0.01, 0.9, 0.9], &[0.9, 0.04, 0.9, 0.9]);
    }
}
