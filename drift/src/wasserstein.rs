//! The Wasserstein distance of two samples: how far values have to be moved on average to make the one into the other.

use crate::sorted::Sorted;
use crate::walk::walk;

/// The distance of the present values, in their unit: the area between the two cumulative shares. `None` where a side has none.
pub fn wasserstein(reference: &Sorted, current: &Sorted) -> Option<f64> {
    let (n, m) = (reference.present(), current.present());
    if n == 0 || m == 0 {
        return None;
    }
    let mut area = 0.0;
    let (n, m) = (1.0 / n as f64, 1.0 / m as f64);
    walk(reference, current, |step| area += (step.reference as f64 * n - step.current as f64 * m).abs() * step.width());
    Some(area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_way_of_a_value() {
        let check = |reference: &[f64], current: &[f64], expect: Option<f64>| {
            let (reference, current) = (Sorted::new(reference), Sorted::new(current));
            for got in [wasserstein(&reference, &current), wasserstein(&current, &reference)] {
                assert_eq!(got, expect, "{reference:?} {current:?}");
            }
        };
        check(&[0.0, 1.0], &[0.0, 1.0], Some(0.0));
        check(&[0.0, 1.0], &[2.0, 3.0], Some(2.0));
        check(&[0.0], &[0.0, 4.0], Some(2.0));
        check(&[1.0, 1.0, f64::NAN], &[1.0], Some(0.0));
        check(&[1.0], &[f64::NAN], None);
    }
}
