//! Whether a protected group is flagged more often than others. The favourable outcome is not to be flagged; each group is held
//! against the most favoured of those with enough rows.

use serde::{Deserialize, Serialize};

use super::figure::{Figure, Missing};
use super::judged::{Attribute, Judged};
use super::proportion::{Share, difference, ratio, share};
use super::ranking::Tally;
use super::settings::{Settings, Threshold};

/// Below this the adverse impact ratio counts as evidence of adverse impact (29 CFR 1607.4 D, the four-fifths rule).
const FOUR_FIFTHS: f64 = 0.8;

/// How a threshold treats the groups of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// The attribute.
    pub attribute: String,
    /// The threshold.
    pub threshold: Threshold,
    /// The group that all others are held against: the one flagged least often; `None` when no group has enough rows.
    pub most_favoured: Option<String>,
    /// Its groups in the order of the alphabet.
    pub groups: Vec<Treatment>,
}

/// How a group is treated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Treatment {
    /// The group.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// The share that is flagged.
    pub flagged_rate: Figure,
    /// The share not flagged over that of the most favoured group.
    pub adverse_impact_ratio: Figure,
    /// Whether that ratio is below four fifths.
    pub below_four_fifths: bool,
    /// The share of good rows not flagged less that of the most favoured group.
    pub equal_opportunity_difference: Figure,
}

pub(super) fn fairness(attribute: &Attribute, judged: &Judged<'_>, settings: &Settings, z: f64) -> Vec<Fairness> {
    settings.thresholds.iter().map(|threshold| at(threshold, attribute, judged, settings.least_rows, z)).collect()
}

/// A group's rows, and those that are not flagged.
#[derive(Clone, Copy, Default)]
struct Passed {
    all: Tally,
    passed: Tally,
}

impl Passed {
    const fn of_all(self) -> Share {
        Share { part: self.passed.rows(), whole: self.all.rows() }
    }

    const fn of_good(self) -> Share {
        Share { part: self.passed.good, whole: self.all.good }
    }
}

fn at(threshold: &Threshold, attribute: &Attribute, judged: &Judged<'_>, least: u64, z: f64) -> Fairness {
    let Attribute { name, levels } = attribute;
    let mut groups = vec![Passed::default(); levels.names.len()];
    for (row, code) in levels.codes.iter().enumerate() {
        let group = &mut groups[*code as usize];
        group.all.add(judged.labels[row], 0);
        if judged.scores[row] < threshold.at {
            group.passed.add(judged.labels[row], 0);
        }
    }
    let enough: Vec<bool> = groups.iter().map(|group| group.all.rows() >= least.max(1)).collect();
    let reference = most_favoured(&groups, &enough);
    let treatment = |(place, group): (usize, &Passed)| {
        let adverse_impact_ratio = match reference {
            _ if !enough[place] => Missing::InsufficientData.into(),
            None => Missing::NoReference.into(),
            Some(own) if own == place => 1.0.into(),
            Some(reference) => ratio(group.of_all(), groups[reference].of_all(), z),
        };
        let equal_opportunity_difference = match reference {
            _ if group.all.good < least.max(1) => Missing::InsufficientData.into(),
            Some(own) if own == place => 0.0.into(),
            Some(reference) if groups[reference].all.good >= least.max(1) => {
                difference(group.of_good(), groups[reference].of_good(), z)
            }
            _ => Missing::NoReference.into(),
        };
        Treatment {
            name: levels.names[place].clone(),
            rows: group.all.rows(),
            bad: group.all.bad,
            flagged_rate: share(group.all.rows() - group.passed.rows(), group.all.rows(), z, Missing::NoRows),
            below_four_fifths: adverse_impact_ratio.point().is_some_and(|ratio| ratio < FOUR_FIFTHS),
            adverse_impact_ratio,
            equal_opportunity_difference,
        }
    };
    Fairness {
        attribute: name.clone(),
        threshold: threshold.clone(),
        most_favoured: reference.map(|place| levels.names[place].clone()),
        groups: groups.iter().enumerate().map(treatment).collect(),
    }
}

/// The group with the largest share that passes, the first of equals; compared by whole numbers.
fn most_favoured(groups: &[Passed], enough: &[bool]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for place in (0..groups.len()).filter(|place| enough[*place]) {
        let better = |best: usize| {
            let (own, other) = (groups[place].of_all(), groups[best].of_all());
            u128::from(own.part) * u128::from(other.whole) > u128::from(other.part) * u128::from(own.whole)
        };
        if best.is_none_or(better) {
            best = Some(place);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn treatment_worked_by_hand() {
        // Group a: 10 rows, 2 flagged, of 8 good ones 1. Group b: 10 rows, 5 flagged, of 8 good ones 4. Group c: too few.
        let row = |group: &str, score: f64, bad: bool, times: usize| vec![(group.to_owned(), score, bad); times];
        let rows = [
            row("a", 0.9, true, 1),
            row("a", 0.1, true, 1),
            row("a", 0.9, false, 1),
            row("a", 0.1, false, 7),
            row("b", 0.9, true, 1),
            row("b", 0.1, true, 1),
            row("b", 0.9, false, 4),
            row("b", 0.1, false, 4),
            row("c", 0.1, false, 3),
        ]
        .concat();
        let scores: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
        let groups: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
        let judged = Judged::new(&scores, &labels).unwrap().with_protected("age", &groups).unwrap();
        let threshold = Threshold { name: "decline".to_owned(), at: 0.5 };
        let fairness = at(&threshold, &judged.protected[0], &judged, 5, 1.96);
        let [a, b, c] = fairness.groups.as_slice() else { panic!("{fairness:?}") };
        assert_eq!(fairness.most_favoured.as_deref(), Some("a"));
        assert_eq!((a.rows, a.bad, a.flagged_rate.point()), (10, 2, Some(0.2)));
        assert_eq!((a.adverse_impact_ratio, a.below_four_fifths), (1.0.into(), false));
        assert_eq!((b.adverse_impact_ratio.point(), b.below_four_fifths), (Some(0.625), true));
        assert_eq!(b.equal_opportunity_difference.point(), Some(4.0 / 8.0 - 7.0 / 8.0));
        assert_eq!(c.adverse_impact_ratio, Missing::InsufficientData.into());
        let nobody = at(&threshold, &judged.protected[0], &judged, 50, 1.96);
        assert_eq!(nobody.most_favoured, None);
    }
}
