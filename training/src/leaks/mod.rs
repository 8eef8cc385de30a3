//! Features that know the label: they look splendid in training and are empty, or something else, when a decision has to be made.
//! What is looked for is what honest features do not do, however strong: to separate all but perfectly, to copy the label, to
//! have a value for one label only, or to stop separating in the last days. Each needs so many rows that chance does not do it
//! either.

mod late;
mod seen;
mod settings;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::matrix::Matrix;
use crate::selection::separation::{Levels, Side};

pub use self::seen::Seen;
pub use self::settings::{Error, Settings};

/// A feature with more values than this is no list of codes.
const MOST_CODES: usize = 20;
/// A list of codes has so many bad rows a code on average, at least, and so many good ones: of fewer the order is chance.
const LEAST_A_CODE: f64 = 5.0;

/// A feature that seems to know the label. As text it is a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// The feature.
    pub feature: String,
    /// What was seen.
    pub seen: Seen,
}

/// The features that seem to know the label, in the order of the matrix; of each what tells most. `days` holds the day of each
/// row, as a number that rises with time; without it nothing is said about the last days. The rows may come in any order.
///
/// # Panics
/// When there is not a day for each row.
pub fn leaks(matrix: &Matrix, days: Option<&[i32]>, settings: &Settings) -> Vec<Leak> {
    let parts = days.and_then(|days| late::Parts::new(days, matrix.labels(), settings));
    let mut leaks = Vec::new();
    for (name, column) in matrix.names().iter().zip(matrix.columns()) {
        let levels = Levels::new(column.iter().copied().zip(matrix.labels().iter().copied()));
        let late = || parts.as_ref().and_then(|parts| parts.known_later(column, matrix.labels(), settings));
        let seen = copy(&levels, settings)
            .or_else(|| separates(&levels, settings))
            .or_else(|| one_label_only(&levels, settings))
            .or_else(late);
        leaks.extend(seen.map(|seen| Leak { feature: name.clone(), seen }));
    }
    leaks
}

/// Why the training is refused: the leaks that are not allowed. `None` when there are none.
pub fn refused(leaks: &[Leak], allowed: &[String]) -> Option<String> {
    let refused: Vec<&Leak> = leaks.iter().filter(|leak| !allowed.contains(&leak.feature)).collect();
    if refused.is_empty() {
        return None;
    }
    let sentences: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let what = match refused.len() {
        1 => "a feature seems to know the label".to_owned(),
        count => format!("{count} features seem to know the label"),
    };
    Some(format!(
        "{what}: {}; leave out what is not known when the decision is made, and list what is in `allowed_leaks`",
        sentences.join("; ")
    ))
}

/// A feature of two values that is the label under another name, or nearly.
fn copy(levels: &Levels, settings: &Settings) -> Option<Seen> {
    if levels.count() != 2 {
        return None;
    }
    let mut sides = levels.present.iter().map(|level| level.1).chain(Some(levels.missing));
    let (first, second) = (sides.next()?, sides.next()?);
    let all = levels.all();
    let rows = all.rows();
    // Bad rows have the second value, or else the first one.
    let agreeing = (first.good + second.bad).max(first.bad + second.good);
    if !settings.is_enough(all, agreeing == rows) {
        return None;
    }
    if agreeing == rows {
        return Some(Seen::Copy { rows: rows as u64, bad: all.bad as u64 });
    }
    let products = (first.rows() * second.rows() * all.bad * all.good).sqrt();
    let agreement = ((first.good * second.bad - first.bad * second.good) / products).abs();
    (agreement >= settings.agreement).then_some(Seen::NearCopy {
        agreement,
        differing: (rows - agreeing) as u64,
        rows: rows as u64,
    })
}

/// A feature that alone separates, be it by the order of its values, by its codes, or by being missing.
fn separates(levels: &Levels, settings: &Settings) -> Option<Seen> {
    let all = levels.all();
    let is_leak = |auc: f64| auc >= settings.auc && settings.is_enough(all, auc == 1.0);
    if let Some(best) = levels.gaps().best().filter(|best| is_leak(best.auc)) {
        let (missing_of_bad, missing_of_good) = (levels.missing.bad / all.bad, levels.missing.good / all.good);
        return Some(Seen::MissingSeparates { auc: best.auc, missing_of_bad, missing_of_good });
    }
    let auc = levels.best()?.auc;
    if is_leak(auc) {
        return Some(Seen::Separates { auc, bad: all.bad as u64, good: all.good as u64 });
    }
    let codes = levels.count();
    let auc = levels.auc_by_share()?;
    let are_codes = codes <= MOST_CODES && all.bad.min(all.good) >= LEAST_A_CODE * codes as f64;
    (are_codes && is_leak(auc)).then_some(Seen::CodesSeparate { auc, codes: codes as u64 })
}

/// A feature that all rows of one label have alike, or all lack, and many rows of the other label have otherwise.
fn one_label_only(levels: &Levels, settings: &Settings) -> Option<Seen> {
    let all = levels.all();
    let gaps = levels.gaps();
    let missing = (levels.missing.rows() > 0.0).then_some((f64::NAN, levels.missing));
    let values = levels.present.iter().copied().chain(missing);
    // That a value is there at all is looked at last.
    let filled = gaps.present.first().filter(|_| gaps.present.len() == 2).map(|level| level.1);
    for label in [false, true] {
        let of = |side: Side| if label { side.bad } else { side.good };
        let other = |side: Side| if label { side.good } else { side.bad };
        if of(all) < settings.least_rows_of_one_label as f64 || other(all) < settings.least_of_label as f64 {
            continue;
        }
        let otherwise = |side: Side| 1.0 - other(side) / other(all);
        let is_only = |side: Side| of(side) == of(all) && otherwise(side) >= settings.otherwise;
        let rows = of(all) as u64;
        if let Some((value, side)) = values.clone().find(|(_, side)| is_only(*side)) {
            let value = (!value.is_nan()).then_some(value);
            return Some(Seen::OneValue { of_bad: label, rows, value, otherwise: otherwise(side) });
        }
        if let Some(side) = filled.filter(|side| is_only(*side)) {
            return Some(Seen::NeverMissing { of_bad: label, rows, otherwise: otherwise(side) });
        }
    }
    None
}
