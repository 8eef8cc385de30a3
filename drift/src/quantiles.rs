//! The values at some ranks of a long column without sorting it. A sample says between which two values each of them lies; one pass counts
//! what is above these, and gathers what lies between. The counts then tell whether the sample was right: what comes out is exact, or
//! nothing. Sorting is what it is tested against.

use crate::crossed::{Crossed, Scale};
use crate::lanes::{self, GROUP};
use crate::sorted::{key, number};

/// A value, and how many are above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) value: f64,
    pub(crate) above: u64,
}

/// Cuts a column into so many parts of about one size: the highest value of each part but the last, and how many values are present.
/// `None` where it is better sorted: it is short, its parts are one or many, or it lies otherwise than its sample.
pub(crate) fn cuts(values: &[f64], parts: usize) -> Option<(Vec<Cut>, u64)> {
    if values.len() < LEAST || !(2..=MOST_PARTS).contains(&parts) {
        return None;
    }
    let mut sample = Vec::with_capacity(2 * SAMPLE);
    // Two neighbours are read from memory at the price of one.
    let pairs = values.as_chunks::<2>().0.iter().step_by(values.len() / SAMPLE);
    sample.extend(pairs.flatten().filter(|value| !value.is_nan()).map(|value| key(*value)));
    let brackets = Brackets::new(sample, parts)?;
    let mut counted = Counted::new(values, &brackets);
    let ranks = ranks(counted.present as usize, parts);
    let cuts: Option<Vec<Cut>> = ranks.into_iter().map(|rank| counted.cut(&brackets, rank)).collect();
    Some((cuts?, counted.present))
}

/// The ranks of the highest values of all parts but the last.
pub(crate) fn ranks(present: usize, parts: usize) -> Vec<usize> {
    let last_ranks = (1..parts).filter(|_| present > 0).map(|part| (part * present).div_ceil(parts) - 1);
    let mut ranks: Vec<usize> = last_ranks.collect();
    ranks.dedup();
    ranks
}

/// Values of a column that say where to look.
const SAMPLE: usize = 1 << 15;

/// Shorter columns are sorted as quickly.
const LEAST: usize = 2 * SAMPLE;

/// With more parts most of a column would lie between bounds.
const MOST_PARTS: usize = 50;

/// By so many standard errors a rank may lie beside that of the sample: one column in a hundred is sorted in vain, if its rows come in no
/// particular order.
const STANDARD_ERRORS: f64 = 3.3;

/// Where the values of wanted ranks are to be looked for.
struct Brackets {
    /// Values that come often: a rank among those that equal one needs no closer look.
    points: Vec<f64>,
    /// Rising, and none touches another.
    ranges: Vec<Range>,
    /// What their bounds are places of.
    scale: Scale,
}

/// What is above the first bound and not above the second, as places of a scale. To place keeps the order, so that nothing is lost
/// by it but that a range may hold a little more.
struct Range {
    bounds: [i16; 2],
    /// So many rows of the sample are in it, or some more.
    rows: usize,
}

impl Brackets {
    /// Of the keys of a sample; `None` where there are none.
    fn new(mut sample: Vec<u64>, parts: usize) -> Option<Self> {
        let last = sample.len().checked_sub(1)?;
        let rows = sample.len() as f64;
        let ends = |part: usize| {
            let share = part as f64 / parts as f64;
            let (middle, reach) = (rows * share, STANDARD_ERRORS * (rows * share * (1.0 - share)).sqrt());
            [(middle - reach) as usize, ((middle + reach) as usize).min(last)]
        };
        let ends: Vec<[usize; 2]> = (1..parts).map(ends).collect();
        let mut places = ends.as_flattened().to_vec();
        places.sort_unstable();
        places.dedup();
        select(&mut sample, &places, 0);

        let scale = Scale::new(number(sample[places[0]]), number(sample[places[places.len() - 1]]));
        let mut brackets = Self { points: Vec::new(), ranges: Vec::new(), scale };
        ends.iter().for_each(|[from, until]| brackets.add(&sample[*from..=*until]));
        Some(brackets)
    }

    /// Looks where these keys of the sample lie, the least of which is the first and the greatest the last.
    fn add(&mut self, keys: &[u64]) {
        let (least, greatest) = (keys[0], keys[keys.len() - 1]);
        if keys.iter().all(|key| *key == least || *key == greatest) {
            for point in [least, greatest].map(number) {
                if self.points.last().is_none_or(|last| *last < point) {
                    self.points.push(point);
                }
            }
            return;
        }
        let ([low, high], rows) = (self.scale.range(number(least), number(greatest)), keys.len());
        match self.ranges.last_mut().filter(|last| low <= last.bounds[1]) {
            Some(last) => *last = Range { bounds: [last.bounds[0], last.bounds[1].max(high)], rows: last.rows + rows },
            None => self.ranges.push(Range { bounds: [low, high], rows }),
        }
    }
}

/// What a pass over a column found.
struct Counted {
    present: u64,
    /// By point: how many values are not below it, and how many are above.
    points: Vec<[u64; 2]>,
    /// By range: how many values are above its two bounds.
    ranges: Vec<[u64; 2]>,
    /// By range: the keys of the values in it.
    inside: Vec<Vec<u64>>,
}

impl Counted {
    fn new(values: &[f64], brackets: &Brackets) -> Self {
        let limits = lanes::grouped(brackets.points.iter().flat_map(|point| [point.next_down(), *point]), f64::INFINITY);
        let bounds = lanes::grouped(brackets.ranges.iter().map(|range| range.bounds), [i16::MAX; 2]);
        let (mut above_limits, mut above_bounds) = (vec![[0; GROUP]; limits.len()], vec![[0; GROUP]; bounds.len()]);
        // Memory that grows is cleared again and again, which takes longer than all the rest.
        let about = |range: &Range| Vec::with_capacity(values.len() / SAMPLE * range.rows * 6 / 5);
        let mut inside: Vec<Vec<u64>> = brackets.ranges.iter().map(about).collect();
        let mut present = 0;
        let mut crossed = Crossed::new();
        lanes::chunks(values, |chunk| {
            // Either counts what is present, and there is no column without both points and ranges.
            let mut here = 0;
            if !brackets.points.is_empty() {
                here = lanes::count_above(chunk, &limits, &mut above_limits);
            }
            if !brackets.ranges.is_empty() {
                here = crossed.count(chunk, brackets.scale, &bounds, &mut above_bounds);
                crossed.inside(chunk, |range, value| inside[range].push(key(value)));
            }
            present += here;
        });
        let points = above_limits.as_flattened().as_chunks().0[..brackets.points.len()].to_vec();
        let ranges =
            inside.iter().zip(above_bounds.as_flattened()).map(|(inside, above)| [above + inside.len() as u64, *above]).collect();
        Self { present, points, ranges, inside }
    }

    /// The value of a rank; `None` where it lies in no bracket.
    fn cut(&mut self, brackets: &Brackets, rank: usize) -> Option<Cut> {
        let after = self.present - 1 - rank as u64;
        let held = |brackets: &[[u64; 2]]| brackets.iter().position(|above| (above[1]..above[0]).contains(&after));
        if let Some(point) = held(&self.points) {
            return Some(Cut { value: brackets.points[point], above: self.points[point][1] });
        }
        let range = held(&self.ranges)?;
        let keys = &mut self.inside[range];
        let at = keys.len() - 1 - (after - self.ranges[range][1]) as usize;
        let (_, key, upper) = keys.select_nth_unstable(at);
        let equal = upper.iter().filter(|other| *other == key).count();
        Some(Cut { value: number(*key), above: after - equal as u64 })
    }
}

/// Puts the keys in place that belong at rising places, where the first key has the place `first`, and between them what lies between.
fn select(keys: &mut [u64], places: &[usize], first: usize) {
    let middle = places.len() / 2;
    let Some(place) = places.get(middle) else { return };
    let (lower, _, upper) = keys.select_nth_unstable(place - first);
    select(lower, &places[..middle], first);
    select(upper, &places[middle + 1..], place + 1);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sorted::Sorted;

    /// Of so many rows what `value` makes of a place and of a number that looks like chance.
    fn column(rows: usize, value: impl Fn(usize, u64) -> f64) -> Vec<f64> {
        (0..rows)
            .map(|place| {
                value(
                    place,
                    (place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xD6E8_FEB8_6659_FD93),
                )
            })
            .collect()
    }

    /// What the cuts are by sorting.
    fn by_sorting(values: &[f64], parts: usize) -> (Vec<Cut>, u64) {
        let sorted = Sorted::new(values);
        let cut = |rank: usize| {
            let value = sorted.value(rank).unwrap();
            Cut { value, above: (sorted.present() - sorted.not_above(value)) as u64 }
        };
        (ranks(sorted.present(), parts).into_iter().map(cut).collect(), sorted.present() as u64)
    }

    fn unit(random: u64) -> f64 {
        (random >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn columns_of_any_kind_are_cut_as_by_sorting() {
        let rows = LEAST + 4_321;
        let check = |what: &str, value: fn(usize, u64) -> f64| {
            let values = column(rows, value);
            assert_eq!(cuts(&values, 10), Some(by_sorting(&values, 10)), "{what}");
        };
        check("even", |_, random| unit(random));
        check("a heavy tail on both sides", |_, random| (unit(random) - 0.5).powi(-3));
        check("in order", |place, _| place as f64);
        check("a few whole numbers", |_, random| (4.0 * unit(random) * unit(random)).floor());
        check("mostly zero", |_, random| (unit(random) - 0.65).max(0.0));
        check("both zeros", |_, random| if random % 2 == 0 { -0.0 } else { (unit(random) - 0.5).max(0.0) });
        check("narrow numbers do not tell them apart", |_, random| 1e9 + unit(random));
        check("in pairs", |place, _| unit((place as u64 / 2 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        check("near nothing", |_, random| 5e-324 * (random % 64) as f64);
        check("gaps", |_, random| if random.is_multiple_of(3) { f64::NAN } else { unit(random) });
        check("without end", |_, random| [f64::INFINITY, 1.0, 2.0][(random % 3) as usize]);
        check("one", |_, _| 7.0);
        check("two", |_, random| f64::from(u8::from(unit(random) < 0.3)));
    }

    #[test]
    fn what_its_sample_does_not_show_is_left_to_sorting() {
        let step = (LEAST + 5) / SAMPLE;
        let lies =
            column(LEAST + 5, |place, random| if (place / 2).is_multiple_of(step) { 100.0 + unit(random) } else { unit(random) });
        assert_eq!(cuts(&lies, 10), None);
        let beyond_narrow_numbers = column(LEAST + 5, |_, random| 1e300 * (unit(random) - 0.25));
        assert_eq!(cuts(&beyond_narrow_numbers, 10), None);
        assert_eq!(cuts(&column(LEAST, |_, _| f64::NEG_INFINITY), 10), None);
        assert_eq!(cuts(&column(LEAST, |_, _| f64::NAN), 10), None);
        assert_eq!(cuts(&column(LEAST - 1, |_, random| unit(random)), 10), None);
        let even = column(LEAST, |_, random| unit(random));
        assert_eq!([0, 1, MOST_PARTS + 1].map(|parts| cuts(&even, parts)), [None, None, None]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn found_or_not_nothing_else_is_said(
            seed in any::<u64>(),
            levels in prop_oneof![2_u64..40, Just(1 << 20), Just(1 << 52)],
            gaps in prop_oneof![Just(0), 2_u64..9],
            trend in prop_oneof![Just(0.0), -1e-4..1e-4],
            parts in 2..=MOST_PARTS,
        ) {
            let values = column(LEAST + (seed % 3_000) as usize, |place, random| {
                let random = random ^ seed;
                if gaps > 0 && random.is_multiple_of(gaps) { f64::NAN } else { ((random >> 8) % levels) as f64 + place as f64 * trend }
            });
            if let Some(found) = cuts(&values, parts) {
                prop_assert_eq!(found, by_sorting(&values, parts));
            }
        }
    }
}
