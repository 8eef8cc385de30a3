//! Where a comparison turns. Other programs round a value before they compare it, to single precision or through a scaler;
//! whatever they do, it keeps the order of values, so that their comparison holds up to one number and fails beyond. That number
//! is found by bisection over all doubles, which is exact by construction.

/// The largest finite number for which `holds`, a condition that, once it fails, fails for all larger numbers. `None` when it
/// never holds.
pub(super) fn last(holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !holds(-f64::MAX) {
        return None;
    }
    if holds(f64::MAX) {
        return Some(f64::MAX);
    }
    let (mut yes, mut no) = (place(-f64::MAX), place(f64::MAX));
    while no - yes > 1 {
        let middle = yes + (no - yes) / 2;
        if holds(number(middle)) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    Some(number(yes))
}

const SIGN: u64 = 1 << 63;

/// The place of a number among all doubles in their order.
const fn place(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

const fn number(place: u64) -> f64 {
    f64::from_bits(if place & SIGN == 0 { !place } else { place & !SIGN })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_at_known_numbers() {
        let check = |holds: &dyn Fn(f64) -> bool, expect: Option<f64>| assert_eq!(last(holds), expect);
        check(&|x| x <= 2.5, Some(2.5));
        check(&|x| x < 0.0, Some(-f64::from_bits(1)));
        check(&|x| x <= 0.0, Some(0.0));
        check(&|_| true, Some(f64::MAX));
        check(&|_| false, None);
        check(&|x| x < f64::MAX, Some(f64::MAX.next_down()));
        // 1 has an even mantissa, so that the middle to the next single rounds down to it.
        check(&|x| x as f32 <= 1.0, Some(1.0 + f64::from(f32::EPSILON) / 2.0));
        check(&|x| (x as f32) < 1.0, Some((1.0 - f64::from(f32::EPSILON) / 4.0).next_down()));
        // From here on numbers round to an infinite single.
        check(&|x| (x as f32) < f32::INFINITY, Some((f64::from(f32::MAX) + 2f64.powi(103)).next_down()));
    }

    proptest! {
        #[test]
        fn a_comparison_of_singles_is_one_of_doubles(threshold in any::<f32>(), x in any::<f64>(), steps in -3i32..4) {
            let near = (0..steps.abs()).fold(f64::from(threshold), |x, _| if steps < 0 { x.next_down() } else { x.next_up() });
            let half = f64::midpoint(f64::from(threshold), f64::from(threshold.next_down()));
            for x in [x, near, half, half.next_up(), half.next_down()].into_iter().filter(|x| x.is_finite()) {
                let less = last(|x| (x as f32) < threshold).is_some_and(|end| x <= end);
                prop_assert_eq!((x as f32) < threshold, less, "{} < {}", x, threshold);
                let at_most = last(|x| x as f32 <= threshold).is_some_and(|end| x <= end);
                prop_assert_eq!(x as f32 <= threshold, at_most, "{} <= {}", x, threshold);
            }
        }
    }
}
