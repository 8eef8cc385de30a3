//! The values at some ranks of a long column without sorting it. One pass counts how many values lie at each place of a ruler; the counts tell
//! at which places the ranks lie, and a second pass gathers what is there, which is little, or the same value over and over. What comes out is
//! exact. Sorting is what it is tested against.

use crate::lanes::{self, CHUNK, GROUP};
use crate::places::{self, Histogram, PLACES, Scale};
use crate::sorted::{key, number};

/// A value, and how many are above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) value: f64,
    pub(crate) above: u64,
}

/// Cuts a column into so many parts of about one size: the highest value of each part but the last, and how many values are present.
/// `None` where it is better sorted: it is short, its parts are one or many, or most of it lies where the ranks do.
pub(crate) fn cuts(values: &[f64], parts: usize) -> Option<(Vec<Cut>, u64)> {
    if !(LEAST..u32::MAX as usize).contains(&values.len()) || !(2..=MOST_PARTS).contains(&parts) {
        return None;
    }
    let placed = Placed::new(values, scale(values, parts)?);
    let ranks = ranks(placed.present as usize, parts);
    let mut spots = placed.gather(values, &ranks)?;
    Some((ranks.iter().map(|rank| cut(&mut spots, *rank as u64, placed.present)).collect(), placed.present))
}

/// The ranks of the highest values of all parts but the last.
pub(crate) fn ranks(present: usize, parts: usize) -> Vec<usize> {
    let last_ranks = (1..parts).filter(|_| present > 0).map(|part| (part * present).div_ceil(parts) - 1);
    let mut ranks: Vec<usize> = last_ranks.collect();
    ranks.dedup();
    ranks
}

/// So many stretches of a column say how far its values reach.
const SAMPLE: usize = 512;

/// Values that memory gives at the price of one.
const STRETCH: usize = 8;

/// Shorter columns are sorted as quickly.
const LEAST: usize = 1 << 16;

/// With more parts much of a column would be gathered.
const MOST_PARTS: usize = 50;

/// One in so many values at one place are many.
const MANY: u64 = 50;

/// The ruler for the ranks of so many parts, by a sample; `None` where that holds no number that has an end.
fn scale(values: &[f64], parts: usize) -> Option<Scale> {
    let stretches = values.as_chunks::<STRETCH>().0;
    let sample = stretches.iter().step_by((stretches.len() / SAMPLE).max(1)).flatten();
    let mut sample: Vec<u64> = sample.filter(|value| value.is_finite()).map(|value| key(*value)).collect();
    sample.sort_unstable();
    let last = sample.len().checked_sub(1)?;
    // Half of the lowest part is below, and as much of the highest above.
    let beyond = sample.len() / (2 * parts);
    Some(Scale::new(number(sample[beyond]), number(sample[last - beyond])))
}

/// A column on a ruler.
struct Placed {
    places: Vec<u16>,
    histogram: Histogram,
    present: u64,
}

impl Placed {
    fn new(values: &[f64], scale: Scale) -> Self {
        let (mut places, mut histogram) = (Vec::with_capacity(values.len()), Histogram::new());
        for values in values.chunks(CHUNK) {
            let from = places.len();
            places::place(values, scale, &mut places);
            histogram.count(&places[from..]);
        }
        let present = values.len() as u64 - histogram.at(0);
        Self { places, histogram, present }
    }

    /// What lies at the places of rising ranks; `None` where that is most of the column, and of many values.
    fn gather(&self, values: &[f64], ranks: &[usize]) -> Option<Vec<Spot>> {
        let mut spots = self.spots(ranks);
        self.find_points(values, &mut spots);
        let open: Vec<&mut Spot> = spots.iter_mut().filter(|spot| spot.equal < spot.count).collect();
        if !open.is_empty() {
            self.fill(values, open)?;
        }
        Some(spots)
    }

    /// Takes what lies at these places and is not the one that comes often.
    fn fill(&self, values: &[f64], mut open: Vec<&mut Spot>) -> Option<()> {
        let wanted = lanes::grouped(open.iter().map(|spot| spot.place), u16::MAX);
        // First where they are, then the values: memory then gives many at a time.
        let (mut marks, mut found) = ([0; CHUNK], Vec::new());
        for (places, start) in self.places.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
            places::mark(places, &wanted, &mut marks);
            places::marked(&marks, |at, number| {
                let (at, number) = (start + at, usize::from(number) - 1);
                if open[number].point.is_none_or(|point| values[at] != point) {
                    found.push((at as u32, number as u32));
                }
            });
            if found.len() > values.len() / 2 {
                return None;
            }
        }
        for (at, number) in found {
            open[number as usize].others.push(key(values[at as usize]));
        }
        Some(())
    }

    /// The places of rising ranks.
    fn spots(&self, ranks: &[usize]) -> Vec<Spot> {
        let mut ranks = ranks.iter().map(|rank| *rank as u64).peekable();
        let mut spots = Vec::new();
        let mut below = 0;
        for place in 1..PLACES {
            let count = self.histogram.at(place);
            if ranks.next_if(|rank| *rank < below + count).is_some() {
                spots.push(Spot { place: place as u16, below, count, point: None, equal: 0, others: Vec::new() });
                while ranks.next_if(|rank| *rank < below + count).is_some() {}
            }
            below += count;
        }
        spots
    }

    /// Where many values lie at a place, most of them may be one: that is only counted.
    fn find_points(&self, values: &[f64], spots: &mut [Spot]) {
        const SOME: usize = 63;
        let many = self.present / MANY;
        let mut large: Vec<&mut Spot> = spots.iter_mut().filter(|spot| spot.count > many).collect();
        for spots in large.chunks_mut(GROUP) {
            let mut points = [f64::NAN; GROUP];
            for (spot, point) in spots.iter_mut().zip(&mut points) {
                let here = self.places.iter().zip(values).filter(|(place, _)| **place == spot.place);
                let mut some: Vec<f64> = here.map(|(_, value)| *value).take(SOME).collect();
                let middle = some.len() / 2;
                // What is most of them is the one in the middle.
                *point = *some.select_nth_unstable_by(middle, f64::total_cmp).1;
                spot.point = Some(*point);
            }
            spots.iter_mut().zip(lanes::count_equal(values, &points)).for_each(|(spot, equal)| spot.equal = equal);
        }
    }
}

/// The values at one place.
struct Spot {
    place: u16,
    /// How many values lie at lower places.
    below: u64,
    /// How many lie here.
    count: u64,
    /// One that may come often, and how often it does.
    point: Option<f64>,
    equal: u64,
    /// The keys of all others.
    others: Vec<u64>,
}

impl Spot {
    /// The value of a rank, as a key, and how many here are above it.
    fn cut(&mut self, rank: u64) -> (u64, u64) {
        let point = self.point.map_or(0, key);
        let before_point = self.others.iter().filter(|other| **other < point).count() as u64;
        if (before_point..before_point + self.equal).contains(&rank) {
            return (point, self.count - before_point - self.equal);
        }
        // All of the point is on one side of what is looked for.
        let passed = if rank < before_point { 0 } else { self.equal };
        let (_, key, upper) = self.others.select_nth_unstable((rank - passed) as usize);
        let (key, above) = (*key, upper.iter().filter(|other| **other != *key).count() as u64);
        (key, above + if point > key { self.equal } else { 0 })
    }
}

/// The cut at a rank of all values that are present, by what lies at rising places.
fn cut(spots: &mut [Spot], rank: u64, present: u64) -> Cut {
    let spot = spots.partition_point(|spot| spot.below <= rank) - 1;
    let spot = &mut spots[spot];
    let (key, above) = spot.cut(rank - spot.below);
    Cut { value: number(key), above: present - spot.below - spot.count + above }
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
        check("a heavy tail", |_, random| (6.0 * unit(random)).exp());
        check("in order", |place, _| place as f64);
        check("a few whole numbers", |_, random| (4.0 * unit(random) * unit(random)).floor());
        check("mostly zero", |_, random| (unit(random) - 0.65).max(0.0));
        check("both zeros", |_, random| if random % 2 == 0 { -0.0 } else { (unit(random) - 0.5).max(0.0) });
        check("narrow numbers do not tell them apart", |_, random| 1e9 + unit(random));
        check("in pairs", |place, _| unit((place as u64 / 2 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        check("gaps", |_, random| if random.is_multiple_of(3) { f64::NAN } else { unit(random) });
        check("without end", |_, random| [f64::INFINITY, 1.0, 2.0][(random % 3) as usize]);
        check("one", |_, _| 7.0);
        check("one and little beside it", |_, random| 1e6 + f64::from(u8::from(unit(random) < 0.4)) * 1e-6 * unit(random));
        check("two", |_, random| f64::from(u8::from(unit(random) < 0.3)));
    }

    #[test]
    fn what_shares_a_place_with_most_of_the_column_is_left_to_sorting() {
        let step = LEAST / STRETCH / SAMPLE;
        let lies = |place: usize, random| 100.0 * f64::from(u8::from((place / STRETCH).is_multiple_of(step))) + unit(random);
        assert_eq!(cuts(&column(LEAST + 5, lies), 10), None, "its sample is of other values");
        let uneven = column(LEAST + 5, |_, random| (unit(random) - 0.5).powi(-9));
        assert_eq!(cuts(&uneven, 10), None, "its parts are of very different lengths");
        assert_eq!(cuts(&column(LEAST + 5, |_, random| 5e-324 * (random % 64) as f64), 10), None, "near nothing");
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
