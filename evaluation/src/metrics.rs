//! How well scores rank bad events: by area under the curve, by average precision, and by what an investigator sees who can
//! look at so many cards a day. Scores are numbers, never NaN; higher means riskier.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// How many cards an investigator looks at in a day, in the Fraud Detection Handbook.
const CARDS_A_DAY: usize = 100;

/// The Fraud Detection Handbook's three figures. `None` where there are no bad rows, or nothing but.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The probability, 0 to 1, that a bad row scores above a good one.
    pub auc: Option<f64>,
    /// Average precision, 0 to 1.
    pub average_precision: Option<f64>,
    /// The share of bad cards, 0 to 1, among the hundred riskiest of each day.
    pub card_precision_100: Option<f64>,
}

impl Metrics {
    /// Of rows that each have a day, an entity (the card, the customer), a score and a label, true for bad.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn new<E: Eq + Hash>(days: &[i32], entities: &[E], scores: &[f64], labels: &[bool]) -> Self {
        Self {
            auc: auc(scores, labels),
            average_precision: average_precision(scores, labels),
            card_precision_100: card_precision_at(CARDS_A_DAY, days, entities, scores, labels),
        }
    }
}

/// The area under the receiver operating characteristic: the probability that a bad row scores above a good one, where a tie
/// counts half (Mann and Whitney's U over the number of pairs). `None` unless there are both.
///
/// # Panics
/// When the slices differ in length.
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let (mut bad, mut good, mut pairs_won) = (0.0, 0.0, 0.0);
    for group in ties(scores, labels).iter().rev() {
        // Rising: the good rows so far score below this group's bad ones.
        pairs_won += group.bad * (good + group.good / 2.0);
        bad += group.bad;
        good += group.good;
    }
    (bad > 0.0 && good > 0.0).then(|| pairs_won / (bad * good))
}

/// The sum, over falling thresholds, of precision times the gain in recall; rows that tie come in together. `None` without a bad
/// row.
///
/// # Panics
/// When the slices differ in length.
pub fn average_precision(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let (mut bad, mut rows, mut sum) = (0.0, 0.0, 0.0);
    for group in ties(scores, labels) {
        bad += group.bad;
        rows += group.bad + group.good;
        sum += group.bad * bad / rows;
    }
    (bad > 0.0).then(|| sum / bad)
}

/// Card precision at `k`: the mean of the [daily precisions](daily_card_precisions). `None` without a row.
///
/// # Panics
/// When `k` is zero or the slices differ in length.
pub fn card_precision_at<E: Eq + Hash>(k: usize, days: &[i32], entities: &[E], scores: &[f64], labels: &[bool]) -> Option<f64> {
    let daily = daily_card_precisions(k, days, entities, scores, labels);
    (!daily.is_empty()).then(|| daily.iter().sum::<f64>() / daily.len() as f64)
}

/// The precision of each day that has rows, in the order of the days (Fraud Detection Handbook, chapter 4.3): the `k` entities with the
/// highest score are looked at, the share of them that had a bad row that day is the day's precision, 0 to 1, and those found out
/// do not come back on later days. Entities that tie keep the order in which they first appear; a day with fewer than `k` entities is
/// still measured against `k`.
///
/// # Panics
/// When `k` is zero or the slices differ in length.
pub fn daily_card_precisions<E: Eq + Hash>(k: usize, days: &[i32], entities: &[E], scores: &[f64], labels: &[bool]) -> Vec<f64> {
    assert!(k > 0, "precision among no cards");
    assert!([days.len(), entities.len(), labels.len()] == [scores.len(); 3], "a day, an entity and a label for each score");
    let mut rows_by_day = BTreeMap::<i32, Vec<usize>>::new();
    for (row, &day) in days.iter().enumerate() {
        rows_by_day.entry(day).or_default().push(row);
    }
    let mut found = HashSet::new();
    let precision = |rows: &Vec<usize>| {
        let mut ranked = highest_of_each(rows, entities, scores, labels, &found);
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        let caught: Vec<&E> = ranked.iter().take(k).filter(|day| day.bad).map(|day| day.entity).collect();
        let share = caught.len() as f64 / k as f64;
        found.extend(caught);
        share
    };
    rows_by_day.values().map(precision).collect()
}

/// What an entity did on one day: its highest score, and whether any row was bad.
struct EntityDay<'a, E> {
    entity: &'a E,
    score: f64,
    bad: bool,
}

fn highest_of_each<'a, E: Eq + Hash>(
    rows: &[usize],
    entities: &'a [E],
    scores: &[f64],
    labels: &[bool],
    found: &HashSet<&'a E>,
) -> Vec<EntityDay<'a, E>> {
    let mut places = HashMap::new();
    let mut highest: Vec<EntityDay<'a, E>> = Vec::new();
    for &row in rows.iter().filter(|&&row| !found.contains(&entities[row])) {
        let place = *places.entry(&entities[row]).or_insert(highest.len());
        match highest.get_mut(place) {
            Some(day) => {
                day.score = day.score.max(scores[row]);
                day.bad |= labels[row];
            }
            None => highest.push(EntityDay { entity: &entities[row], score: scores[row], bad: labels[row] }),
        }
    }
    highest
}

/// How many rows of one score there are.
struct Ties {
    bad: f64,
    good: f64,
}

/// The rows in groups of one score, the highest first.
fn ties(scores: &[f64], labels: &[bool]) -> Vec<Ties> {
    assert_eq!(scores.len(), labels.len(), "a label for each score");
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let group = |rows: &[(f64, bool)]| {
        let bad = rows.iter().filter(|(_, bad)| *bad).count() as f64;
        Ties { bad, good: rows.len() as f64 - bad }
    };
    rows.chunk_by(|a, b| a.0 == b.0).map(group).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranking_worked_by_hand() {
        // The second case is the worked example of scikit-learn's manual.
        let check = |scores: &[f64], labels: &[u8], expect_auc: Option<f64>, expect_precision: Option<f64>| {
            let labels: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
            assert_eq!(auc(scores, &labels), expect_auc, "{scores:?} {labels:?}");
            assert_eq!(average_precision(scores, &labels), expect_precision, "{scores:?} {labels:?}");
        };
        check(&[0.1, 0.2, 0.3, 0.4], &[0, 0, 1, 1], Some(1.0), Some(1.0));
        check(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1], Some(0.75), Some(0.5 + 0.5 * 2.0 / 3.0));
        check(&[0.9, 0.1], &[0, 1], Some(0.0), Some(0.5));
        check(&[0.5, 0.5, 0.5, 0.5], &[1, 0, 0, 0], Some(0.5), Some(0.25));
        check(&[0.9, 0.5, 0.5], &[0, 1, 0], Some(0.25), Some(1.0 / 3.0));
        check(&[-0.0, 0.0], &[1, 0], Some(0.5), Some(0.5));
        check(&[0.3, 0.2], &[1, 1], None, Some(1.0));
        check(&[0.3, 0.2], &[0, 0], None, None);
        check(&[], &[], None, None);
    }

    #[test]
    fn card_precision_worked_by_hand() {
        type Row = (i32, &'static str, f64, u8);
        let check = |k: usize, rows: &[Row], expect: Option<f64>| {
            let days: Vec<i32> = rows.iter().map(|row| row.0).collect();
            let cards: Vec<&str> = rows.iter().map(|row| row.1).collect();
            let scores: Vec<f64> = rows.iter().map(|row| row.2).collect();
            let labels: Vec<bool> = rows.iter().map(|row| row.3 == 1).collect();
            assert_eq!(card_precision_at(k, &days, &cards, &scores, &labels), expect, "{rows:?}");
        };
        check(2, &[], None);
        // A card counts once, with its highest score and its worst label, even when another of its rows was the bad one.
        check(2, &[(1, "a", 0.9, 0), (1, "a", 0.1, 1), (1, "b", 0.5, 0), (1, "c", 0.4, 1)], Some(0.5));
        // Found on the first day, a is gone on the second, and c comes into the two.
        check(2, &[(1, "a", 0.9, 1), (1, "b", 0.8, 0), (2, "a", 0.9, 1), (2, "b", 0.8, 0), (2, "c", 0.1, 1)], Some(0.5));
        // Missed on the first day (third of two), it may be found on the second.
        check(2, &[(1, "a", 0.9, 0), (1, "b", 0.8, 0), (1, "c", 0.7, 1), (2, "c", 0.7, 1)], Some(0.25));
        // Days in order of time, not of appearance.
        check(1, &[(2, "a", 0.9, 1), (1, "a", 0.9, 1)], Some(0.5));
        // Of equals, the first to appear.
        check(1, &[(1, "b", 0.5, 1), (1, "a", 0.5, 0)], Some(1.0));
        check(1, &[(1, "a", 0.5, 0), (1, "b", 0.5, 1)], Some(0.0));
        // Fewer cards than k: still measured against k.
        check(4, &[(1, "a", 0.9, 1)], Some(0.25));
    }

    proptest! {
        #[test]
        fn ranking_equals_the_definition(rows in prop::collection::vec((0..8u8, any::<bool>()), 1..60)) {
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 8.0).collect();
            let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let (auc, precision) = (auc(&scores, &labels), average_precision(&scores, &labels));
            for (got, expect) in [(auc, pairs_won(&scores, &labels)), (precision, precision_by_threshold(&scores, &labels))] {
                prop_assert_eq!(got.is_some(), expect.is_some());
                prop_assert!((got.unwrap_or(0.0) - expect.unwrap_or(0.0)).abs() < 1e-12, "{:?} is not {:?}", got, expect);
            }
        }
    }

    fn pairs_won(scores: &[f64], labels: &[bool]) -> Option<f64> {
        let with = |label: bool| (0..scores.len()).filter(move |&row| labels[row] == label);
        let pairs: Vec<f64> = with(true)
            .flat_map(|bad| with(false).map(move |good| (bad, good)))
            .map(|(bad, good)| if scores[bad] == scores[good] { 0.5 } else { f64::from(u8::from(scores[bad] > scores[good])) })
            .collect();
        (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64)
    }

    fn precision_by_threshold(scores: &[f64], labels: &[bool]) -> Option<f64> {
        let all_bad = labels.iter().filter(|&&bad| bad).count() as f64;
        let mut thresholds = scores.to_vec();
        thresholds.sort_by(f64::total_cmp);
        thresholds.dedup();
        let (mut sum, mut recall_above) = (0.0, 0.0);
        for &threshold in thresholds.iter().rev() {
            let flagged: Vec<usize> = (0..scores.len()).filter(|&row| scores[row] >= threshold).collect();
            let bad = flagged.iter().filter(|&&row| labels[row]).count() as f64;
            sum += (bad / all_bad - recall_above) * bad / flagged.len() as f64;
            recall_above = bad / all_bad;
        }
        (all_bad > 0.0).then_some(sum)
    }
}
