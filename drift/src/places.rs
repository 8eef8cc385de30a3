//! Where numbers lie on a ruler of four thousand places. To place keeps the order, so that how many values lie at each place says at which one a
//! rank is to be looked for.

use multiversion::multiversion;

use crate::lanes::{CHUNK, GROUP};

/// The places of a ruler.
pub(crate) const PLACES: usize = 4_096;

/// A ruler. A higher number has the same place or a higher one. Numbers that are nearly equal share a place, and so do all beyond either end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    origin: f64,
    factor: f32,
}

/// Added to a number from nothing to the highest place, this leaves the nearest whole number in the lowest bits.
const WHOLE: f32 = 12_582_912.0;

impl Scale {
    /// On which what lies between two numbers takes all places but one at either end, which are for what is beyond.
    pub(crate) fn new(least: f64, greatest: f64) -> Self {
        let [least, greatest] = [least, greatest].map(|number| number.clamp(f64::MIN / 4.0, f64::MAX / 4.0));
        // Where both are the same, what is a little beyond either is told from it all the same.
        let step = ((greatest - least) / (PLACES - 4) as f64).max(least.abs() * 1e-12).max(1e-30);
        // If it were nothing, what is without end would have no place.
        Self { origin: least - 2.0 * step, factor: ((1.0 / step) as f32).max(f32::MIN_POSITIVE) }
    }

    /// The place of a number; what is missing lies at place 0, and nothing else.
    #[inline(always)]
    pub(crate) fn place(self, number: f64) -> u16 {
        const HIGHEST: f32 = (PLACES - 1) as f32;
        let place = (number - self.origin) as f32 * self.factor;
        let place = if place > 1.0 { place } else { 1.0 };
        let place = if place < HIGHEST { place } else { HIGHEST };
        if number.is_nan() { 0 } else { (place + WHOLE).to_bits() as u16 }
    }
}

/// How many values lie at each place.
pub(crate) struct Histogram {
    /// Neighbours are counted apart, so that equal ones do not wait for each other.
    counts: [[u32; PLACES]; 2],
}

impl Histogram {
    pub(crate) const fn new() -> Self {
        Self { counts: [[0; PLACES]; 2] }
    }

    /// Counts what lies at these places.
    pub(crate) fn count(&mut self, places: &[u16]) {
        let (pairs, rest) = places.as_chunks::<2>();
        for pair in pairs {
            for (counts, place) in self.counts.iter_mut().zip(pair) {
                counts[usize::from(*place) % PLACES] += 1;
            }
        }
        rest.iter().for_each(|place| self.counts[0][usize::from(*place) % PLACES] += 1);
    }

    /// How many values lie at a place.
    pub(crate) fn at(&self, place: usize) -> u64 {
        self.counts.iter().map(|counts| u64::from(counts[place])).sum()
    }
}

/// Appends the place of each value.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn place(values: &[f64], scale: Scale, places: &mut Vec<u16>) {
    places.extend(values.iter().map(|value| scale.place(*value)));
}

/// Says of each of these places whether it is one of the wanted, which are different: the number of that, from 1 on, or nothing.
pub(crate) fn mark(places: &[u16], wanted: &[[u16; GROUP]], marks: &mut [u16; CHUNK]) {
    marks.fill(0);
    wanted.iter().zip((1..).step_by(GROUP)).for_each(|(wanted, first)| mark_group(places, wanted, first, marks));
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn mark_group(places: &[u16], wanted: &[u16; GROUP], first: u16, marks: &mut [u16; CHUNK]) {
    for (place, mark) in places.iter().zip(marks) {
        let mut found = *mark;
        for (number, wanted) in (first..).zip(wanted) {
            found |= if place == wanted { number } else { 0 };
        }
        *mark = found;
    }
}

/// Takes where a mark is, and its number.
pub(crate) fn marked(marks: &[u16; CHUNK], mut take: impl FnMut(usize, u16)) {
    for (marks, start) in marks.as_chunks::<64>().0.iter().zip((0..).step_by(64)) {
        let mut some = some(marks);
        while some != 0 {
            let at = some.trailing_zeros() as usize;
            take(start + at, marks[at]);
            some &= some - 1;
        }
    }
}

/// Which numbers are not nothing, the first as the lowest bit.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn some(numbers: &[u16; 64]) -> u64 {
    let mut bits = 0;
    for (place, number) in (0..).zip(numbers) {
        bits |= u64::from(*number != 0) << place;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_number_lies_above_a_higher_one(marks in any::<[f64; 2]>(), numbers in prop::collection::vec(any::<f64>(), 2..50)) {
            let scale = Scale::new(marks[0].min(marks[1]), marks[0].max(marks[1]));
            let ends = [f64::NEG_INFINITY, f64::INFINITY];
            let mut numbers: Vec<f64> = numbers.into_iter().chain(marks).chain(ends).filter(|number| !number.is_nan()).collect();
            numbers.sort_by(f64::total_cmp);
            prop_assert!(numbers.is_sorted_by_key(|number| scale.place(*number)));
            prop_assert!(numbers.iter().all(|number| (1..PLACES).contains(&usize::from(scale.place(*number)))));
            prop_assert_eq!(scale.place(f64::NAN), 0);
        }
    }

    #[test]
    fn what_is_beyond_either_end_is_told_from_it() {
        for (least, greatest) in [(1.0, 7.0), (7.0, 7.0), (0.0, 0.0), (-1e9, 1e9)] {
            let scale = Scale::new(least, greatest);
            let beyond = 1e-3 * (greatest - least) + 1e-9 * least.abs() + 1e-20;
            let places = [least - beyond, least, greatest, greatest + beyond].map(|number| scale.place(number));
            assert!(places[0] < places[1] && places[2] < places[3], "{places:?}");
        }
    }

    #[test]
    fn every_value_is_counted_at_its_place_and_found_there() {
        let values: Vec<f64> = (0..CHUNK - 3).map(|at| if at % 5 == 0 { f64::NAN } else { (at * at % 1_000) as f64 }).collect();
        let scale = Scale::new(100.0, 800.0);
        let (mut histogram, mut places) = (Histogram::new(), Vec::new());
        place(&values, scale, &mut places);
        histogram.count(&places);
        assert_eq!(places, values.iter().map(|value| scale.place(*value)).collect::<Vec<_>>());
        let at = |place: usize| places.iter().filter(|other| usize::from(**other) == place).count() as u64;
        (0..PLACES).for_each(|place| assert_eq!(histogram.at(place), at(place), "place {place}"));

        let mut wanted: Vec<u16> = (0..20).map(|number| scale.place(f64::from(number) * 49.0)).collect();
        wanted.dedup();
        let (mut marks, mut found) = ([0; CHUNK], Vec::new());
        mark(&places, &crate::lanes::grouped(wanted.iter().copied(), u16::MAX), &mut marks);
        marked(&marks, |at, number| found.push((at, number)));
        let number = |place: &u16| wanted.iter().position(|other| other == place);
        let expect: Vec<_> = places.iter().enumerate().filter_map(|(at, place)| Some((at, number(place)? as u16 + 1))).collect();
        assert!(expect.len() > 10 && found == expect);
    }
}
