//! The figures of parts: each value of an attribute, each month. A part with too few bad rows says so instead of showing chance.

use serde::{Deserialize, Serialize};

use super::delong::area;
use super::figure::{Figure, Missing};
use super::judged::{Attribute, Judged};
use super::proportion::share;
use super::ranking::{Ranking, Tally};
use super::settings::Settings;

/// An attribute shows its values with the most rows, up to this many; the rest are put together.
const MOST_VALUES: usize = 40;

/// An attribute and the figures of its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The attribute.
    pub attribute: String,
    /// Its values in the order of the alphabet.
    pub groups: Vec<Group>,
    /// How many rarer values are put together in the last group, which is then called `(others)`; else 0.
    pub others: usize,
}

/// A part of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value; of months `2018-07`.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// The share that is bad.
    pub bad_rate: Figure,
    /// The mean score.
    pub mean_score: Figure,
    /// The area under the curve.
    pub auc: Figure,
    /// Average precision.
    pub average_precision: Figure,
}

/// By value of an attribute.
pub(super) fn segment(attribute: &Attribute, judged: &Judged<'_>, ranking: &Ranking, settings: &Settings, z: f64) -> Segment {
    let Attribute { name, levels } = attribute;
    let (places, names) = shown(&levels.names, &levels.codes);
    let others = levels.names.len().saturating_sub(MOST_VALUES);
    let place = |row: usize| places[levels.codes[row] as usize];
    Segment { attribute: name.clone(), groups: groups(names, place, judged, ranking, settings, z), others }
}

/// By month of the day; empty where days are not known.
pub(super) fn months(judged: &Judged<'_>, ranking: &Ranking, settings: &Settings, z: f64) -> Vec<Group> {
    let Some(days) = judged.days else { return Vec::new() };
    let mut months: Vec<(i64, u32)> = days.iter().map(|day| month(*day)).collect();
    let by_row = months.clone();
    months.sort_unstable();
    months.dedup();
    let names = months.iter().map(|(year, month)| format!("{year}-{month:02}")).collect();
    let place = |row: usize| months.partition_point(|month| *month < by_row[row]);
    groups(names, place, judged, ranking, settings, z)
}

/// The place of each level among those that are shown, and what these are called.
fn shown(names: &[String], codes: &[u32]) -> (Vec<usize>, Vec<String>) {
    if names.len() <= MOST_VALUES {
        return ((0..names.len()).collect(), names.to_vec());
    }
    let mut rows = vec![0_usize; names.len()];
    codes.iter().for_each(|code| rows[*code as usize] += 1);
    let mut levels: Vec<usize> = (0..names.len()).collect();
    // A stable sort: of levels with as many rows the first of the alphabet.
    levels.sort_by_key(|level| std::cmp::Reverse(rows[*level]));
    levels.truncate(MOST_VALUES);
    levels.sort_unstable();
    let mut places = vec![MOST_VALUES; names.len()];
    for (place, level) in levels.iter().enumerate() {
        places[*level] = place;
    }
    let others = std::iter::once("(others)".to_owned());
    (places, levels.iter().map(|level| names[*level].clone()).chain(others).collect())
}

/// What a group gathers on the way down the ranking.
#[derive(Default)]
struct Part {
    sum: Tally,
    scores: f64,
    /// Its rows of each score, falling.
    ties: Vec<Tally>,
    last_score: Option<f64>,
}

impl Part {
    fn add(&mut self, score: f64, bad: bool) {
        if self.last_score != Some(score) {
            self.last_score = Some(score);
            self.ties.push(Tally::default());
        }
        self.scores += score;
        for tally in [Some(&mut self.sum), self.ties.last_mut()].into_iter().flatten() {
            tally.add(bad, 0);
        }
    }

    fn group(&self, name: String, settings: &Settings, z: f64) -> Group {
        let Tally { bad, good, .. } = self.sum;
        let rows = self.sum.rows();
        let enough = bad.min(good) >= settings.least_bad;
        let figure = |figure: Figure| if enough { figure } else { Missing::InsufficientData.into() };
        Group {
            name,
            rows,
            bad,
            bad_rate: share(bad, rows, z, Missing::NoRows),
            mean_score: if rows > 0 { (self.scores / rows as f64).into() } else { Missing::NoRows.into() },
            auc: figure(area(self.ties.iter().copied(), z)),
            average_precision: figure(average_precision(&self.ties)),
        }
    }
}

fn groups(
    names: Vec<String>,
    place: impl Fn(usize) -> usize,
    judged: &Judged<'_>,
    ranking: &Ranking,
    settings: &Settings,
    z: f64,
) -> Vec<Group> {
    let mut parts: Vec<Part> = names.iter().map(|_| Part::default()).collect();
    for &row in &ranking.rows {
        let row = row as usize;
        // Adding zero makes a negative zero a positive one.
        parts[place(row)].add(judged.scores[row] + 0.0, judged.labels[row]);
    }
    names.into_iter().zip(parts).map(|(name, part)| part.group(name, settings, z)).collect()
}

fn average_precision(ties: &[Tally]) -> Figure {
    let (mut bad, mut rows, mut sum) = (0.0, 0.0, 0.0);
    for group in ties {
        bad += group.bad as f64;
        rows += group.rows() as f64;
        sum += group.bad as f64 * bad / rows;
    }
    if bad > 0.0 { (sum / bad).into() } else { Missing::NoBad.into() }
}

/// The year and the month of a day counted from 1970-01-01, by Hinnant's algorithm for the Gregorian calendar: years begin in
/// March, so that the leap day is their last, and 400 of them, an era, have 146,097 days.
fn month(day: i32) -> (i64, u32) {
    let since_era = i64::from(day) + 719_468;
    let (era, day) = (since_era.div_euclid(146_097), since_era.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_days() {
        let check = |day, expect| assert_eq!(month(day), expect, "day {day}");
        check(0, (1970, 1));
        check(-1, (1969, 12));
        check(58, (1970, 2));
        check(59, (1970, 3));
        check(11_016, (2000, 2));
        check(11_017, (2000, 3));
        check(17_744, (2018, 8));
        check(19_782, (2024, 2));
        check(19_783, (2024, 3));
        check(-719_468, (0, 3));
    }

    #[test]
    fn rare_values_are_put_together() {
        let names: Vec<String> = (0..60).map(|level| format!("{level:02}")).collect();
        // The higher a level the more rows it has.
        let codes: Vec<u32> = (0..60).flat_map(|level| (0..=level).map(move |_| level)).collect();
        let (places, names) = shown(&names, &codes);
        assert_eq!((names.len(), names[0].as_str(), names[40].as_str()), (41, "20", "(others)"));
        assert_eq!((places[19], places[20], places[59]), (40, 0, 39));
    }
}
