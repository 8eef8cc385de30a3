//! How a feature keeps over time: whether its values fall into the same bins as in the first period (the population stability
//! index, which is [`drift::psi()`]'s), and whether what was risky stays risky.

use super::result::{Period, Stability};
use super::separation::{Levels, Order};
use super::settings::Settings;

/// The values of the first period are cut into so many bins of about one size.
const BINS: usize = 10;
/// A direction is clear so many standard errors away from none,
const CLEAR_ERRORS: f64 = 3.0;
/// and so far in the area under the curve.
const CLEAR_AREA: f64 = 0.03;
/// The length of a period, in days, and how many such periods the rows span at least so that it is taken.
const MONTH: i64 = 30;
const MONTHS: i64 = 3;
const WEEK: i64 = 7;

/// The periods, and the rows in each.
pub(super) struct Periods {
    pub(super) list: Vec<Period>,
    rows: Vec<Vec<usize>>,
    least_bad: u64,
}

impl Periods {
    /// The periods with enough rows, counted from the first day on; `None` when there are fewer than two.
    pub(super) fn new(days: &[i32], labels: &[bool], settings: &Settings) -> Option<Self> {
        assert_eq!(days.len(), labels.len(), "a day for each row");
        let (first, last) = (i64::from(*days.iter().min()?), i64::from(*days.iter().max()?));
        let by_span = if last - first + 1 >= MONTHS * MONTH { MONTH } else { WEEK };
        let length = settings.period_days.map_or(by_span, i64::from);
        let number = |day: i32| (i64::from(day) - first) / length;
        let mut sorted: Vec<usize> = (0..days.len()).collect();
        sorted.sort_by_key(|row| days[*row]);
        let (mut list, mut rows) = (Vec::new(), Vec::new());
        for within in sorted.chunk_by(|a, b| number(days[*a]) == number(days[*b])) {
            if (within.len() as u64) < settings.least_rows {
                continue;
            }
            list.push(Period {
                first_day: days[within[0]],
                last_day: days[within[within.len() - 1]],
                rows: within.len() as u64,
                bad: within.iter().filter(|row| labels[**row]).count() as u64,
            });
            rows.push(within.to_vec());
        }
        (list.len() > 1).then_some(Self { list, rows, least_bad: settings.least_bad })
    }

    pub(super) fn stability(&self, column: &[f64], labels: &[bool]) -> Option<Stability> {
        let values = |rows: &[usize]| rows.iter().map(|row| column[*row]).collect::<Vec<f64>>();
        let (first, later) = self.rows.split_first()?;
        let first = values(first);
        let bins = Bins::new(&first);
        let expected = bins.count(&first);
        let (mut psi, mut psi_by_chance) = (Vec::new(), Vec::new());
        for rows in later {
            let index = drift::psi(&expected, &bins.count(&values(rows)));
            let index = index.expect("a period has rows, and each of them a bin");
            psi.push(index.value);
            psi_by_chance.push(index.noise);
        }
        let directions: Vec<Option<Direction>> = self.rows.iter().map(|rows| self.direction(rows, column, labels)).collect();
        let clear: Vec<bool> = directions.iter().flatten().filter_map(Direction::rises).collect();
        Some(Stability {
            largest_psi: psi.iter().copied().fold(0.0, f64::max),
            mean_psi: psi.iter().sum::<f64>() / psi.len() as f64,
            psi,
            psi_by_chance,
            auc: directions.iter().map(|direction| direction.as_ref().map(|direction| direction.auc)).collect(),
            turns: clear.windows(2).filter(|pair| pair[0] != pair[1]).count() as u32,
        })
    }

    fn direction(&self, rows: &[usize], column: &[f64], labels: &[bool]) -> Option<Direction> {
        let present = rows.iter().filter(|row| !column[**row].is_nan()).map(|row| (column[*row], labels[*row]));
        let levels = Levels::new(present);
        let all = levels.all();
        if all.bad.min(all.good) < self.least_bad as f64 {
            return None;
        }
        let auc = levels.auc(Order { rises: true, missing_lowest: true })?;
        // That of Mann and Whitney's U when there is no direction; ties would only lower it.
        Some(Direction { auc, error: ((all.rows() + 1.0) / (12.0 * all.bad * all.good)).sqrt() })
    }
}

struct Direction {
    auc: f64,
    error: f64,
}

impl Direction {
    /// Whether higher is riskier, where that is clear.
    fn rises(&self) -> Option<bool> {
        let lead = self.auc - 0.5;
        (lead.abs() >= CLEAR_AREA.max(CLEAR_ERRORS * self.error)).then_some(lead > 0.0)
    }
}

/// Bins between the values of a period. Equal values stay together, missing values have the last bin. The tails are open, except
/// that what lies beyond an end at which a single value fills a bin is new, and has a bin of its own.
struct Bins {
    /// The highest value of each bin but the last; rising.
    ends: Vec<f64>,
}

impl Bins {
    fn new(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut before = 0;
        let runs = sorted.chunk_by(|a, b| a == b).map(|run| {
            // A run belongs where its middle lies.
            let bin = (before + run.len() / 2) * BINS / sorted.len();
            before += run.len();
            (bin, run[0])
        });
        let runs: Vec<(usize, f64)> = runs.collect();
        let bins: Vec<&[(usize, f64)]> = runs.chunk_by(|a, b| a.0 == b.0).collect();
        let single = |bin: Option<&&[(usize, f64)]>| bin.filter(|bin| bin.len() == 1).map(|bin| bin[0].1);
        let mut ends: Vec<f64> = single(bins.first()).map(f64::next_down).into_iter().collect();
        let inner = bins.iter().take(bins.len().saturating_sub(1)).filter_map(|bin| bin.last());
        ends.extend(inner.map(|run| run.1));
        ends.extend(single(bins.last()));
        Self { ends }
    }

    fn count(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; self.ends.len() + 2];
        let missing = self.ends.len() + 1;
        for value in values {
            counts[if value.is_nan() { missing } else { self.ends.partition_point(|end| end < value) }] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_index_is_that_of_python() {
        let figures: serde_json::Value = serde_json::from_str(include_str!("fixtures/figures.json")).unwrap();
        // Two weeks, in which each of four values is there so often.
        let (mut days, mut column) = (Vec::new(), Vec::new());
        for (week, counts) in figures["age_counts"].as_array().unwrap().iter().enumerate() {
            for (value, count) in counts.as_array().unwrap().iter().enumerate() {
                let rows = count.as_u64().unwrap() as usize;
                days.extend((0..rows).map(|row| (week * 7 + row % 7) as i32));
                column.extend(std::iter::repeat_n(value as f64, rows));
            }
        }
        let labels = vec![false; days.len()];
        let periods = Periods::new(&days, &labels, &Settings { period_days: Some(7), ..Settings::default() }).unwrap();
        let Stability { psi, psi_by_chance, largest_psi, .. } = periods.stability(&column, &labels).unwrap();
        let [index, noise] = [psi[0], psi_by_chance[0]];
        assert!((index - figures["age_stability"].as_f64().unwrap()).abs() < 1e-12, "{index}");
        let chi_square = figures["chi_square_99"][2].as_f64().unwrap();
        assert!((noise / ((1.0 / 300.0 + 1.0 / 700.0) * chi_square) - 1.0).abs() < 1e-6, "{noise}");
        assert_eq!((psi.len(), largest_psi), (1, index));
    }

    #[test]
    fn bins_worked_by_hand() {
        let check =
            |values: &[f64], other: &[f64], expect: &[u64]| assert_eq!(Bins::new(values).count(other), expect, "{values:?}");
        let nan = f64::NAN;
        let tens: Vec<f64> = (0..100).map(f64::from).collect();
        check(&tens, &[-5.0, 9.0, 9.5, 10.0, 99.0, 500.0, nan], &[2, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1]);
        // A flag: what is neither of its values is new.
        check(&[0.0, 0.0, 0.0, 1.0], &[-1.0, 0.0, 1.0, 1.0, 2.0], &[1, 1, 2, 1, 0]);
        // What was constant, and what was not there.
        check(&[3.0; 5], &[1.0, 3.0, 4.0, nan], &[1, 1, 1, 1]);
        check(&[nan, nan], &[1.0, nan], &[1, 1]);
        check(&[], &[], &[0, 0]);
    }

    #[test]
    fn months_are_taken_where_there_are_three() {
        let check = |span: i32, period_days: Option<u32>, expect: &[(i32, i32)]| {
            let days: Vec<i32> = (0..span).rev().map(|day| day - 5).collect();
            let labels: Vec<bool> = days.iter().map(|day| day % 2 == 0).collect();
            let settings = Settings { least_rows: 5, period_days, ..Settings::default() };
            let periods = Periods::new(&days, &labels, &settings).map_or_else(Vec::new, |periods| periods.list);
            let spans: Vec<(i32, i32)> = periods.iter().map(|period| (period.first_day, period.last_day)).collect();
            assert_eq!(spans, expect);
        };
        check(90, None, &[(-5, 24), (25, 54), (55, 84)]);
        check(20, None, &[(-5, 1), (2, 8), (9, 14)]);
        check(18, None, &[(-5, 1), (2, 8)]);
        check(11, None, &[]);
        check(20, Some(10), &[(-5, 4), (5, 14)]);
    }

    proptest! {
        #[test]
        fn each_value_has_one_bin(
            values in prop::collection::vec(prop_oneof![Just(f64::NAN), -3.0..3.0f64, (0..4u8).prop_map(f64::from)], 0..90),
        ) {
            let bins = Bins::new(&values);
            prop_assert!(bins.ends.is_sorted_by(|a, b| a < b) && bins.ends.len() <= BINS + 1);
            prop_assert_eq!(bins.count(&values).iter().sum::<u64>(), values.len() as u64);
        }
    }
}
