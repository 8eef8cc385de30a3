//! The variance of the area under the curve, and the test whether two models differ in it on the same rows (DeLong, DeLong and
//! Clarke-Pearson, 1988), by ranks instead of pairs (Sun and Xu, 2014). Rows count as independent of each other; where rows of
//! one entity are alike the true error is larger, and that over resamples of entities shows it.

use serde::{Deserialize, Serialize};

use super::distributions::two_sided;
use super::figure::{Figure, Method, Missing};
use super::ranking::{Ranking, Tally};

/// The area under the curve with DeLong's interval, of groups of one score each in falling order.
pub(super) fn area(groups: impl Iterator<Item = Tally> + Clone, z: f64) -> Figure {
    let all = groups.clone().fold((0, 0), |sum, group| (sum.0 + group.bad, sum.1 + group.good));
    if let Err(missing) = (Tally { bad: all.0, good: all.1, ..Tally::default() }).ranked() {
        return missing.into();
    }
    let (mut bad, mut good) = (Moments::default(), Moments::default());
    for (group, placement) in placements(groups, all) {
        bad.add(placement.bad, group.bad);
        good.add(placement.good, group.good);
    }
    match bad.variance_of_mean().zip(good.variance_of_mean()) {
        Some((of_bad, of_good)) => Figure::around(bad.mean, z * (of_bad + of_good).sqrt(), (0.0, 1.0), Method::Delong),
        None => bad.mean.into(),
    }
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

/// DeLong's paired test. Both rankings are of the same rows.
pub(super) fn paired(model: &Ranking, champion: &Ranking, labels: &[bool], z: f64) -> Difference {
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
    let Some(variance) = bad.variance_of_mean().zip(good.variance_of_mean()).map(|(bad, good)| bad + good) else {
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
