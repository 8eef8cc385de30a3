use crate::decide::Figures;

/// The level of the first windows: the near end of an interval of 99 %.
const MOST: f64 = 0.005;

/// How likely chance may make a window break a limit, for the windows of a watch by their number from 1.
///
/// A watch acts on two windows that break one after the other. To a model that keeps to its limits that happens, at windows k - 1 and k,
/// with a probability of at most level(k - 1) x level(k), whatever was before. Over all windows that there will ever be these add up to
/// less than one in a hundred: 0.005² for each of the first 200 is half of it, and 1 / (k (k - 1)) for each one after them adds up to 1 /
/// 200, the other half. A level that stays the same would stop every model in the end.
pub(super) fn level(window: u64) -> f64 {
    MOST.min(1.0 / window.max(1) as f64)
}

/// The ends, 0 to 1, of the interval of a share of which so many events are a part; `None` of nothing. Each end leaves the share out with a
/// probability of at most `level`.
///
/// Among n events, each with a probability of at most p whatever the ones before were, a share of at least q > p is found with a
/// probability of at most exp(-n (q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)))), and likewise below (Hoeffding, "Probability inequalities
/// for sums of bounded random variables", 1963, theorem 1). That holds for any n and any p. A normal interval such as Wilson's is too
/// narrow at one in a hundred of 200 events: chance goes beyond it three times as often as it says at a level of 0.005, and twenty times
/// at 0.00001.
pub(super) fn ends(part: u64, whole: u64, level: f64) -> Option<(f64, f64)> {
    /// So often is an interval halved: to less than its last bit.
    const HALVINGS: usize = 60;
    // Counts are read one after the other while events are decided, and one may be ahead of another.
    let (share, most) = (part.min(whole) as f64 / whole as f64, -level.ln() / whole as f64);
    let end = |limit: f64| {
        let (mut inside, mut outside) = (share, limit);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            let side = if divergence(share, middle) <= most { &mut inside } else { &mut outside };
            *side = middle;
        }
        outside
    };
    (whole > 0).then(|| (end(0.0), end(1.0)))
}

/// How far a share lies from a probability (Kullback and Leibler, 1951), in natural logarithms; it grows to both sides of it.
fn divergence(share: f64, probability: f64) -> f64 {
    let part = |share: f64, probability: f64| if share > 0.0 { share * (share / probability).ln() } else { 0.0 };
    part(share, probability) + part(1.0 - share, 1.0 - probability)
}

/// The near end of the interval of the difference of the shares of approved events, on either side of nothing: the near end of the higher
/// one over the far end of the lower one. Four ends may be wrong, so that each has a quarter of the level. `None` of nothing.
pub(super) fn least_difference(of: &Figures, against: &Figures, level: f64) -> Option<f64> {
    let approved = |figures: &Figures| ends(figures.approved, figures.events, level / 4.0);
    let (of, against) = (approved(of)?, approved(against)?);
    Some((of.0 - against.1).max(against.0 - of.1).max(0.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN_OF_200: (f64, f64) = (0.014723503761337917, 0.11625652805910087);
    const TEN_OF_200_SURELY: (f64, f64) = (0.008902383586291331, 0.14394647618170658);

    #[test]
    fn two_windows_in_a_row_break_by_chance_once_in_a_hundred_watches() {
        assert_eq!([level(1), level(200), level(400)], [0.005, 0.005, 0.0025]);
        let windows = 1_000_000;
        let sum: f64 = (2..=windows).map(|window| level(window - 1) * level(window)).sum();
        // What comes after so many is less than one over them.
        assert!((0.0099..=0.01).contains(&(sum + 1.0 / windows as f64)), "{sum}");
    }

    #[test]
    fn ends_are_where_the_bound_is_the_level() {
        let check = |part: u64, whole: u64, level: f64, expect: Option<(f64, f64)>| {
            let got = ends(part, whole, level);
            let is_close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            let is_it = match (got, expect) {
                (Some(got), Some(expect)) => is_close(got.0, expect.0) && is_close(got.1, expect.1),
                (got, expect) => got == expect,
            };
            assert!(is_it, "{part} of {whole} at {level}: {got:?}");
        };
        check(0, 0, 0.005, None);
        // Of nothing found the bound is (1 - p)^n, and of all p^n.
        check(0, 200, 0.005, Some((0.0, 1.0 - 0.005_f64.powf(1.0 / 200.0))));
        check(200, 200, 0.005, Some((0.005_f64.powf(1.0 / 200.0), 1.0)));
        check(300, 200, 0.005, Some((0.005_f64.powf(1.0 / 200.0), 1.0)));
        // Python, by the same formula.
        check(10, 200, 0.005, Some(TEN_OF_200));
        check(10, 200, 0.000_1, Some(TEN_OF_200_SURELY));
    }

    #[test]
    fn what_keeps_to_its_limit_breaks_it_as_seldom_as_promised() {
        // Exact: of 200 events that are slow with a probability of 1 % each, so many are.
        let (events, limit) = (200, 0.01_f64);
        for level in [0.005, 0.000_5, 0.000_01] {
            let (mut probability, mut beyond) = ((1.0 - limit).powi(events), 0.0);
            for slow in 0..=events {
                if ends(slow as u64, events as u64, level).is_some_and(|(lower, _)| lower > limit) {
                    beyond += probability;
                }
                probability *= f64::from(events - slow) / f64::from(slow + 1) * limit / (1.0 - limit);
            }
            assert!(beyond <= level && beyond > level / 50.0, "{beyond} at {level}");
        }
    }

    #[test]
    fn a_difference_is_that_of_the_near_ends() {
        let figures = |approved: u32| (0..1_000).fold(Figures::default(), |figures, at| figures.with(at < approved, false, 1));
        let least = |of, against| least_difference(&figures(of), &figures(against), 0.005).unwrap();
        assert_eq!(least(500, 510), 0.0);
        assert!((0.1..0.3).contains(&least(800, 500)), "{}", least(800, 500));
        assert_eq!(least(800, 500), least(500, 800));
        assert_eq!(least_difference(&Figures::default(), &figures(3), 0.005), None);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_share_and_grows_with_certainty(
            whole in 1..5_000_u64,
            of in 0.0..=1.0_f64,
            level in 1e-9..0.4_f64,
        ) {
            let part = (of * whole as f64) as u64;
            let share = part as f64 / whole as f64;
            let (lower, upper) = ends(part, whole, level).unwrap();
            prop_assert!((0.0..=share).contains(&lower) && (share..=1.0).contains(&upper), "{} to {}", lower, upper);
            let (surely_lower, surely_upper) = ends(part, whole, level / 2.0).unwrap();
            prop_assert!(surely_lower <= lower && upper <= surely_upper);
        }
    }
}
