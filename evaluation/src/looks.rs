//! Shares and quantiles that are looked at again and again, of rows that may be alike where they are of one entity. An interval of one look
//! is wrong far more often than it says when it is looked at every day, and one of independent rows when they are not; these hold at every
//! look ([`Sequential`]), and count what rows are worth.
//!
//! Rows are worth as many independent ones as give the same variance of their mean ȳ: their number over the design effect
//!
//! Σ over entities of (Σ over its rows of (y - ȳ))² / Σ over rows of (y - ȳ)²
//!
//! (Kish, "Survey Sampling", 1965; what is above the line is the variance of a ratio of sums over entities, Deng, Knoblich and Lu,
//! "Applying the delta method in metric analytics", KDD 2018). Intervals of shares take that many rows for their number, as Korn and
//! Graubard (1998) do. A row that is there twice in an entity therefore makes no interval narrower, and rows that are an entity each are
//! independent rows.

use scoring::backtest::wilson;

use super::figure::{Figure, Method, Missing};
use super::judged::Levels;
use super::proportion::paired_ends;
use super::sequential::Sequential;

/// A quantile of a sample, and between which values of the sample that of all there will ever be lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// That of the sample: its lowest value that so large a share of the sample does not exceed.
    pub point: f64,
    /// It is not below this; `None` where there is too little to tell.
    pub lower: Option<f64>,
    /// It is not above this; `None` where there is too little to tell.
    pub upper: Option<f64>,
}

impl Sequential {
    /// The share, 0 to 1, of rows that are a hit; `entities` has each row's, where that is known, and `missing` says why there is no
    /// share of nothing. The interval is Wilson's with the reach of the sequence: the variance is that of the share that is asked about
    /// and not of the one that was found, which also holds where hits are rare. Where rows are worth fewer than [`Sequential::least`]
    /// there is none.
    ///
    /// # Panics
    /// When there are entities of another number of rows.
    pub fn share<S: AsRef<str>>(&self, hits: &[bool], entities: Option<&[S]>, missing: Missing) -> Figure {
        let values: Vec<f64> = hits.iter().map(|hit| f64::from(u8::from(*hit))).collect();
        let Some(share) = mean(&values) else { return missing.into() };
        let worth = worth(&values, entities);
        match self.reach(whole(worth)).and_then(|reach| wilson(share * worth, worth, reach)) {
            Some((lower, upper)) => Figure::within(share, lower, upper, Method::Sequential),
            None => share.into(),
        }
    }

    /// By how much, -1 to 1, two shares of the same rows differ: a row is 1 where it is in the first alone, -1 where it is in the second
    /// alone, else 0. `entities` has each row's, where that is known. The interval is Bonett and Price's (2012) with the reach of the
    /// sequence. Where rows are worth fewer than [`Sequential::least`] there is none.
    ///
    /// # Panics
    /// When there are entities of another number of rows.
    pub fn paired_difference<S: AsRef<str>>(&self, rows: &[i8], entities: Option<&[S]>) -> Figure {
        let values: Vec<f64> = rows.iter().map(|row| f64::from(row.signum())).collect();
        let Some(difference) = mean(&values) else { return Missing::NoRows.into() };
        let worth = worth(&values, entities);
        let alone = |sign: i8| rows.iter().filter(|row| row.signum() == sign).count() as f64 / rows.len() as f64 * worth;
        match self.reach(whole(worth)) {
            Some(reach) => {
                let (lower, upper) = paired_ends([alone(1), alone(-1)], worth, reach);
                Figure::within(difference, lower, upper, Method::Sequential)
            }
            None => difference.into(),
        }
    }

    /// The quantile, for a share between 0 and 1, of some values without NaN, such as the 0.99 of times; `None` of nothing. `entities` has
    /// each value's, where that is known.
    ///
    /// Of values up to the true quantile the share is the quantile's, and how many of the sample they are is bounded at every look; so it
    /// lies between two order statistics (Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and
    /// best-arm identification", Bernoulli, 2022; here with the asymptotic bound). An end beyond all values is none: of the 0.99 there is
    /// an upper one from about a thousand values on.
    ///
    /// # Panics
    /// When there are entities of another number of values.
    pub fn quantile<S: AsRef<str>>(&self, values: &[f64], share: f64, entities: Option<&[S]>) -> Option<Quantile> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len() as f64;
        // From 1; what a product is off by rounding is no rank more.
        let ranked = |rank: f64| (rank >= 1.0).then(|| sorted.get(rank as usize - 1).copied()).flatten();
        let point = ranked((share * count - ROUNDING).ceil())?;
        let beyond: Vec<f64> = values.iter().map(|value| f64::from(u8::from(*value > point))).collect();
        let worth = worth(&beyond, entities);
        let spread = self.reach(whole(worth)).map(|reach| reach * (share * (1.0 - share) / worth).sqrt());
        Some(Quantile {
            point,
            lower: spread.and_then(|spread| ranked(((share - spread) * count - ROUNDING).ceil())),
            upper: spread.and_then(|spread| ranked(((share + spread) * count + ROUNDING).floor() + 1.0)),
        })
    }
}

/// What a number of rows may be off by rounding.
const ROUNDING: f64 = 1e-6;

/// `None` of nothing.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The number of rows, where what they are worth is off by rounding.
fn whole(worth: f64) -> u64 {
    (worth + ROUNDING) as u64
}

/// How many independent rows these are worth; at most as many as they are: that an entity's rows are less alike than chance makes them is
/// mostly chance itself.
fn worth<S: AsRef<str>>(values: &[f64], entities: Option<&[S]>) -> f64 {
    let rows = values.len() as f64;
    let (Some(entities), Some(mean)) = (entities, mean(values)) else { return rows };
    assert_eq!(entities.len(), values.len(), "an entity for each row");
    let levels = Levels::new(entities);
    let (mut sums, mut counts) = (vec![0.0; levels.names.len()], vec![0.0; levels.names.len()]);
    for (value, entity) in values.iter().zip(&levels.codes) {
        sums[*entity as usize] += value - mean;
        counts[*entity as usize] += 1.0;
    }
    let squares = |some: &[f64]| some.iter().map(|value| value * value).sum::<f64>();
    let apart: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    // Where no row differs from another nothing tells how alike an entity's are; then they are taken to be wholly so.
    let effect = if apart > 0.0 { squares(&sums) / apart } else { squares(&counts) / rows };
    rows / effect.max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    const LOOKS: Sequential = Sequential { alpha: 0.05, planned: 1_000, least: 50 };
    /// What Python says of 20 of 1,000, of 50 against 20 of 1,000, and of none that differ.
    const SHARE: (f64, f64) = (0.010306287545015988, 0.038456974826983514);
    const DIFFERENCE: (f64, f64) = (0.004397751322085142, 0.05548248819887294);
    const NONE_DIFFERS: f64 = 0.0042838659868531396;
    /// Rows are independent.
    const NOBODY: Option<&[&str]> = None;

    fn ends(figure: Figure) -> Option<(f64, f64)> {
        figure.interval().map(|interval| (interval.lower, interval.upper))
    }

    #[test]
    fn shares_and_differences_are_those_of_their_formulas() {
        let check = |figure: Figure, point: f64, expect: Option<(f64, f64)>| {
            let (got, is_close) = (ends(figure), |a: f64, b: f64| (a - b).abs() < 1e-9);
            assert!(is_close(figure.point().unwrap(), point), "{figure:?}");
            assert_eq!(got.is_some(), expect.is_some(), "{figure:?}");
            if let Some((got, expect)) = got.zip(expect) {
                assert!(is_close(got.0, expect.0) && is_close(got.1, expect.1), "{figure:?} is not {expect:?}");
            }
        };
        // Python: Wilson and Bonett and Price with the reach of 1,000 outcomes.
        let hits: Vec<bool> = (0..1_000).map(|row| row % 50 == 0).collect();
        check(LOOKS.share(&hits, NOBODY, Missing::NoRows), 0.02, Some(SHARE));
        let gaps: Vec<i8> = (0..1_000).map(|row| if row % 20 == 0 { 1 } else { -i8::from(row % 50 == 1) }).collect();
        check(LOOKS.paired_difference(&gaps, NOBODY), 0.03, Some(DIFFERENCE));
        check(LOOKS.paired_difference(&[0; 1_000], NOBODY), 0.0, Some((-NONE_DIFFERS, NONE_DIFFERS)));
        // Too few rows, or rows of too few entities.
        check(LOOKS.share(&hits[..49], NOBODY, Missing::NoRows), 1.0 / 49.0, None);
        let alike: Vec<String> = (0..1_000).map(|row| (row / 50).to_string()).collect();
        check(LOOKS.share(&[false; 1_000], Some(alike.as_slice()), Missing::NoRows), 0.0, None);
        assert_eq!(LOOKS.share(&[], NOBODY, Missing::NoRows), Missing::NoRows.into());
        assert_eq!(LOOKS.paired_difference(&[], NOBODY), Missing::NoRows.into());
    }

    #[test]
    fn quantiles_lie_between_order_statistics() {
        let values = |count: u32| (1..=count).rev().map(f64::from).collect::<Vec<f64>>();
        let check = |count: u32, share: f64, expect: Option<[Option<f64>; 3]>| {
            let found = LOOKS.quantile(&values(count), share, NOBODY);
            assert_eq!(found.map(|found| [Some(found.point), found.lower, found.upper]), expect, "{share} of {count}");
        };
        check(0, 0.99, None);
        check(10, 0.99, Some([Some(10.0), None, None]));
        // Python: the reach of 500 outcomes, 3.0836, times the root of 0.99 x 0.01 / 500 is 0.0137: above, that is more than there is.
        check(500, 0.99, Some([Some(495.0), Some(489.0), None]));
        check(10_000, 0.99, Some([Some(9_900.0), Some(9_868.0), Some(9_933.0)]));
        check(1_000, 0.5, Some([Some(500.0), Some(453.0), Some(548.0)]));
    }

    #[test]
    fn a_share_within_its_limit_is_seldom_said_to_break_it_whenever_somebody_looks() {
        let limit = 0.02;
        // Twenty events of each entity, which all fail or none does; looked at after every 25 entities.
        let (mut with_entities, mut without) = (0, 0);
        for seed in 0..100 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let (mut hits, mut entities, mut fired) = (Vec::new(), Vec::new(), [false; 2]);
            for _ in 0..20 {
                for _ in 0..25 {
                    let fails = f64::from(random.next_u32()) < limit * 2_f64.powi(32);
                    let name = (hits.len() / 20).to_string();
                    hits.extend([fails; 20]);
                    entities.extend(std::iter::repeat_n(name, 20));
                }
                let is_over = |figure: Figure| ends(figure).is_some_and(|(lower, _)| lower > limit);
                fired[0] |= is_over(LOOKS.share(&hits, Some(entities.as_slice()), Missing::NoRows));
                fired[1] |= is_over(LOOKS.share(&hits, NOBODY, Missing::NoRows));
            }
            with_entities += u32::from(fired[0]);
            without += u32::from(fired[1]);
        }
        assert!(with_entities <= 5, "{with_entities} of 100 that keep to the limit were said to break it");
        assert!(without > 30, "{without} of 100: rows taken as independent are wrong often, or this shows nothing");
    }

    proptest! {
        #[test]
        fn rows_that_are_there_again_narrow_nothing(
            // Of each entity how many rows, all alike.
            entities in prop::collection::vec((1..6_usize, -1..=1_i8), 1..200),
            copies in 1..5_usize,
        ) {
            let looks = Sequential { least: 2, ..LOOKS };
            let measure = |copies: usize, most: usize| {
                let rows = entities.iter().enumerate().flat_map(|(entity, (count, gap))| {
                    std::iter::repeat_n((entity.to_string(), *gap), (*count).min(most) * copies)
                });
                let (names, gaps): (Vec<String>, Vec<i8>) = rows.unzip();
                let hits: Vec<bool> = gaps.iter().map(|gap| *gap > 0).collect();
                let whose = Some(names.as_slice());
                (looks.share(&hits, whose, Missing::NoRows), looks.paired_difference(&gaps, whose))
            };
            let is_close = |a: Figure, b: Figure| match (ends(a), ends(b)) {
                (Some(a), Some(b)) => (a.0 - b.0).abs() < 1e-6 && (a.1 - b.1).abs() < 1e-6,
                (a, b) => a.is_none() && b.is_none(),
            };
            let (once, again) = (measure(1, 6), measure(copies, 6));
            prop_assert!(is_close(once.0, again.0) && is_close(once.1, again.1), "{:?} {:?}", once, again);
            // Copies of a row are what the row alone is.
            let gaps: Vec<i8> = entities.iter().map(|(_, gap)| *gap).collect();
            let hits: Vec<bool> = gaps.iter().map(|gap| *gap > 0).collect();
            let alone = (looks.share(&hits, NOBODY, Missing::NoRows), looks.paired_difference(&gaps, NOBODY));
            for each in [measure(1, 1), measure(copies, 1)] {
                prop_assert!(is_close(each.0, alone.0) && is_close(each.1, alone.1), "{:?} {:?}", each, alone);
            }
        }
    }
}
