//! The variance of the area under the curve, and the test whether two models differ in it on the same rows (DeLong, DeLong and
//! Clarke-Pearson, 1988), by ranks instead of pairs (Sun and Xu, 2014). Where entities are given, whole entities count as independent of
//! each other (Obuchowski, 1997); otherwise rows do, and where those of one entity are alike the true error is larger.

use serde::{Deserialize, Serialize};

use super::distributions::two_sided;
use super::figure::{Figure, Method, Missing};
use super::ranking::{Ranking, Tally};

/// The area under the curve with DeLong's interval, of groups of one score each in falling order.
pub(super) fn area(groups: impl Iterator<Item = Tally> + Clone, z: f64) -> Figure {
    match area_and_variance(groups) {
        Ok((area, Some(variance))) => Figure::around(area, z * variance.sqrt(), (0.0, 1.0), Method::Delong),
        Ok((area, None)) => area.into(),
        Err(missing) => missing.into(),
    }
}

/// The area under the curve and its variance; `None` with fewer than two bad rows or fewer than two good ones.
pub(super) fn area_and_variance(groups: impl Iterator<Item = Tally> + Clone) -> Result<(f64, Option<f64>), Missing> {
    let all = groups.clone().fold((0, 0), |sum, group| (sum.0 + group.bad, sum.1 + group.good));
    Tally { bad: all.0, good: all.1, ..Tally::default() }.ranked()?;
    let (mut bad, mut good) = (Moments::default(), Moments::default());
    for (group, placement) in placements(groups, all) {
        bad.add(placement.bad, group.bad);
        good.add(placement.good, group.good);
    }
    Ok((bad.mean, bad.variance_of_mean().zip(good.variance_of_mean()).map(|(of_bad, of_good)| of_bad + of_good)))
}

/// How two areas under the curve on the same rows differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The model's area less the champion's, with DeLong's paired interval.
    pub difference: Figure,
    /// The standard error of the difference; `None` with fewer than two bad rows or fewer than two good ones.
    pub standard_error: Option<f64>,
    /// The difference in standard errors; `None` where that is not above zero, as when both rank alike.
    pub z: Option<f64>,
    /// The probability of a difference as large if there were none, to either side; `None` where `z` is.
    pub p: Option<f64>,
}

/// DeLong's paired test. Both rankings are of the same rows; `entities` has the number of each row's.
pub(super) fn paired(model: &Ranking, champion: &Ranking, labels: &[bool], entities: Option<&[u32]>, z: f64) -> Difference {
    if let Err(missing) = model.all().ranked() {
        return missing.into();
    }
    let [mine, theirs] = [by_row(model, labels), by_row(champion, labels)];
    let (mut bad, mut good) = (Moments::default(), Moments::default());
    // Down the ranking, so that sums do not depend on the order in which rows came.
    for &row in &model.rows {
        let row = row as usize;
        let side = if labels[row] { &mut bad } else { &mut good };
        side.add(mine[row] - theirs[row], 1);
    }
    let variance = match entities {
        None => bad.variance_of_mean().zip(good.variance_of_mean()).map(|(bad, good)| bad + good),
        Some(entities) => {
            let gap = |row: u32| mine[row as usize] - theirs[row as usize] - bad.mean;
            let gaps = model.rows.iter().map(|&row| (entities[row as usize], labels[row as usize], gap(row)));
            of_entities(gaps, bad.count as f64, good.count as f64)
        }
    };
    let Some(variance) = variance else {
        return Difference { difference: bad.mean.into(), standard_error: None, z: None, p: None };
    };
    let error = variance.sqrt();
    let deviation = (error > 0.0).then(|| bad.mean / error);
    Difference {
        difference: Figure::around(bad.mean, z * error, (-1.0, 1.0), Method::Delong),
        standard_error: Some(error),
        z: deviation,
        p: deviation.map(two_sided),
    }
}

/// What the gaps of an entity's bad rows, and of its good rows, add up to.
#[derive(Clone, Copy, Default)]
struct Gaps {
    bad: Option<f64>,
    good: Option<f64>,
}

/// The variance of the difference where rows of one entity belong together, from each row's entity, label, and gap to the difference: the sum
/// over entities of (bad gaps / all bad rows + good gaps / all good rows) squared, each of its three terms by the number of entities that have a
/// part in it. `None` unless two entities have bad rows and two have good ones.
fn of_entities(rows: impl Iterator<Item = (u32, bool, f64)>, all_bad: f64, all_good: f64) -> Option<f64> {
    let mut entities = Vec::<Gaps>::new();
    for (entity, is_bad, gap) in rows {
        if entities.len() <= entity as usize {
            entities.resize(entity as usize + 1, Gaps::default());
        }
        let Gaps { bad, good } = &mut entities[entity as usize];
        *(if is_bad { bad } else { good }).get_or_insert_default() += gap;
    }
    entities.retain(|gaps| gaps.bad.is_some() || gaps.good.is_some());
    let without_bias = |count: usize| (count > 1).then(|| count as f64 / (count - 1) as f64);
    let squares = |side: fn(&Gaps) -> Option<f64>, all: f64| {
        let gaps: Vec<f64> = entities.iter().filter_map(side).collect();
        Some(without_bias(gaps.len())? * gaps.iter().map(|gap| (gap / all).powi(2)).sum::<f64>())
    };
    let products: f64 = entities.iter().filter_map(|gaps| Some(gaps.bad? * gaps.good?)).sum();
    let together = 2.0 * without_bias(entities.len())? * products / (all_bad * all_good);
    Some((squares(|gaps| gaps.bad, all_bad)? + squares(|gaps| gaps.good, all_good)? + together).max(0.0))
}

/// Where the rows of a group stand among those of the other label, 0 to 1; the mean of either is the area under the curve.
#[derive(Clone, Copy)]
struct Placement {
    /// Of its bad rows: the share of good rows below, where ties count half.
    bad: f64,
    /// Of its good rows: the share of bad rows above.
    good: f64,
}

fn placements(groups: impl Iterator<Item = Tally>, (all_bad, all_good): (u64, u64)) -> impl Iterator<Item = (Tally, Placement)> {
    let (mut bad, mut good) = (0, 0);
    groups.map(move |group| {
        let placement = Placement {
            bad: ((all_good - good) as f64 - group.good as f64 / 2.0) / all_good as f64,
            good: (bad as f64 + group.bad as f64 / 2.0) / all_bad as f64,
        };
        bad += group.bad;
        good += group.good;
        (group, placement)
    })
}

fn by_row(ranking: &Ranking, labels: &[bool]) -> Vec<f64> {
    let mut placed = vec![0.0; labels.len()];
    let all = ranking.all();
    let mut rows = ranking.rows.iter();
    for (group, placement) in placements(ranking.groups().map(|group| group.1), (all.bad, all.good)) {
        for &row in rows.by_ref().take(group.rows() as usize) {
            placed[row as usize] = if labels[row as usize] { placement.bad } else { placement.good };
        }
    }
    placed
}

/// Mean and squared deviations, added to one by one (Welford, 1962).
#[derive(Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64, times: u64) {
        if times == 0 {
            return;
        }
        let (before, times) = (self.count as f64, times as f64);
        self.count += times as u64;
        let gap = value - self.mean;
        self.mean += gap * times / self.count as f64;
        self.squares += gap * gap * times * before / self.count as f64;
    }

    fn variance_of_mean(&self) -> Option<f64> {
        let count = self.count as f64;
        (self.count > 1).then(|| self.squares / (count - 1.0) / count)
    }
}

impl From<Missing> for Difference {
    fn from(missing: Missing) -> Self {
        Self { difference: missing.into(), standard_error: None, z: None, p: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judged::Judged;

    /// A row: its entity, whether it is bad, the score of the model and that of the champion.
    type Row = (u32, bool, u8, u8);

    fn difference(rows: &[Row], entities: Option<&[u32]>) -> Difference {
        let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let scores = |of: fn(&Row) -> u8| rows.iter().map(|row| f64::from(of(row)) / 10.0).collect::<Vec<f64>>();
        let (model, champion) = (scores(|row| row.2), scores(|row| row.3));
        let judged = Judged::new(&model, &labels).unwrap();
        paired(&Ranking::new(&model, &judged), &Ranking::new(&champion, &judged), &labels, entities, 1.96)
    }

    /// Obuchowski's variance, pair by pair.
    fn by_pairs(rows: &[Row]) -> Option<f64> {
        let wins = |bad: u8, good: u8| if bad > good { 1.0 } else { f64::from(u8::from(bad == good)) / 2.0 };
        let gap = |bad: &Row, good: &Row| wins(bad.2, good.2) - wins(bad.3, good.3);
        let (bad, good): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.1);
        let (m, n) = (bad.len() as f64, good.len() as f64);
        let mean = bad.iter().flat_map(|bad| good.iter().map(|good| gap(bad, good))).sum::<f64>() / (m * n);
        let of_bad = |bad: &&Row| good.iter().map(|good| gap(bad, good)).sum::<f64>() / n - mean;
        let of_good = |good: &&Row| bad.iter().map(|bad| gap(bad, good)).sum::<f64>() / m - mean;
        // What the rows of an entity add up to; `None` where it has none.
        let own = |side: &[&Row], of: &dyn Fn(&&Row) -> f64, entity: u32| {
            side.iter().filter(|row| row.0 == entity).map(of).reduce(|sum, gap| sum + gap)
        };
        let entities: std::collections::BTreeSet<u32> = rows.iter().map(|row| row.0).collect();
        let of_entity = |entity: u32| [own(&bad, &of_bad, entity), own(&good, &of_good, entity)];
        let sums: Vec<[Option<f64>; 2]> = entities.into_iter().map(of_entity).collect();
        let side = |place: usize| sums.iter().filter_map(move |sums| sums[place]);
        let (i10, i01, i) = (side(0).count() as f64, side(1).count() as f64, sums.len() as f64);
        let s10 = i10 / ((i10 - 1.0) * m) * side(0).map(|sum| sum * sum).sum::<f64>();
        let s01 = i01 / ((i01 - 1.0) * n) * side(1).map(|sum| sum * sum).sum::<f64>();
        let both = sums.iter().map(|[bad, good]| bad.unwrap_or_default() * good.unwrap_or_default());
        let s11 = i / (i - 1.0) * both.sum::<f64>();
        (i10 > 1.0 && i01 > 1.0).then(|| (s10 / m + s01 / n + 2.0 * s11 / (m * n)).max(0.0))
    }

    proptest! {
        #[test]
        fn entities_count_as_one_each(rows in proptest::collection::vec((0..12_u32, any::<bool>(), 0..10_u8, 0..10_u8), 2..60)) {
            prop_assume!(rows.iter().any(|row| row.1) && rows.iter().any(|row| !row.1));
            let entities: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let found = difference(&rows, Some(&entities)).standard_error;
            match (found, by_pairs(&rows)) {
                (Some(found), Some(expect)) => prop_assert!((found * found - expect).abs() < 1e-12, "{found} {expect}"),
                (found, expect) => prop_assert_eq!(found, expect),
            }
            // Each row an entity: DeLong's own test.
            let own: Vec<u32> = (0..rows.len() as u32).rev().collect();
            let (alone, plain) = (difference(&rows, Some(&own)), difference(&rows, None));
            match (alone.standard_error, plain.standard_error) {
                (Some(alone), Some(plain)) => prop_assert!((alone - plain).abs() < 1e-12, "{alone} {plain}"),
                (alone, plain) => prop_assert_eq!(alone, plain),
            }
            // What is said three times is not known any better.
            let thrice: Vec<Row> = rows.iter().flat_map(|row| [*row; 3]).collect();
            let copies: Vec<u32> = own.iter().flat_map(|entity| [*entity; 3]).collect();
            match (difference(&thrice, Some(&copies)).standard_error, plain.standard_error) {
                (Some(copied), Some(plain)) => prop_assert!((copied - plain).abs() < 1e-12, "{copied} {plain}"),
                (copied, plain) => prop_assert_eq!(copied, plain),
            }
        }
    }
}
