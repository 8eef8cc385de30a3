//! Which features are worth keeping. Each is measured by what it tells of the label, by how it keeps over time, by what a model
//! loses without it, and by which others say the same; then it is kept, or dropped for one named reason. Equal rows, settings and
//! seeds give an equal selection on any number of threads. Leaks are not looked for here: see [`leaks`](crate::leaks).

mod chance;
mod clusters;
mod correlation;
mod importance;
mod information;
mod periods;
mod result;
pub(crate) mod separation;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod verdict;

use crate::matrix::Matrix;
use evaluation::threads::on_threads;

use self::correlation::Ranked;
use self::importance::Model;
use self::information::Chance;
use self::periods::Periods;
pub use self::result::{Cluster, Feature, Importance, Loss, Period, Reason, Selection, Stability, Verdict};
use self::separation::Levels;
pub use self::settings::{Error, Settings};

/// Scores rows: a number for each, higher where it is riskier.
pub type Scores<'a> = dyn Fn(&Matrix) -> Vec<f64> + Sync + 'a;

/// Judges the features of a matrix. `days` holds the day of each row, as a number that rises with time; without it nothing is
/// said about stability. `model` scores rows of these features; without it nothing is said about importance. A model is judged by
/// rows that it did not learn from: on its own training rows noise helps, too.
///
/// # Panics
/// When there is not a day for each row.
pub fn select(
    matrix: &Matrix,
    days: Option<&[i32]>,
    model: Option<&Scores<'_>>,
    settings: &Settings,
) -> Result<Selection, Error> {
    settings.check()?;
    let (rows, bad) = (matrix.rows(), matrix.bad());
    if bad == 0 || bad == rows {
        return Err(Error::OneLabel { rows, label: if bad == 0 { "good" } else { "bad" } });
    }
    let periods = days.and_then(|days| Periods::new(days, matrix.labels(), settings));
    let chance = Chance::new(matrix.labels(), settings);
    let of = |place: usize, (): &mut ()| feature(matrix, place, &chance, periods.as_ref());
    let mut features = on_threads(matrix.width(), settings.threads, || (), of);
    let varying: Vec<usize> = (0..matrix.width()).filter(|place| !features[*place].is_constant()).collect();
    let ranked = Ranked::new(matrix, &varying, settings);
    let mut groups = clusters::complete_linkage(&ranked.correlations(settings.threads), settings.redundant_from);
    groups.iter_mut().flat_map(|group| &mut group.members).for_each(|place| *place = varying[*place]);
    let model = model.map(|scores| Model::new(matrix, scores, settings)).transpose()?;
    let importances = match &model {
        Some(model) => Some(model.importances(&groups)?),
        None => None,
    };
    if let Some(importances) = &importances {
        let each = features.iter_mut().zip(&importances.features);
        each.for_each(|(feature, importance)| feature.importance = Some(*importance));
    }
    let joint = importances.as_ref().map(|found| found.groups.as_slice());
    let clusters = verdict::decide(&mut features, &groups, joint, &ranked, settings);
    Ok(Selection {
        rows: rows as u64,
        bad: bad as u64,
        correlation_rows: ranked.rows() as u64,
        importance_rows: model.as_ref().map(|model| model.rows() as u64),
        auc: model.as_ref().map(|model| model.base().auc),
        average_precision: model.as_ref().map(|model| model.base().average_precision),
        periods: periods.map_or_else(Vec::new, |periods| periods.list),
        features,
        clusters,
    })
}

/// What is measured of a feature by itself.
fn feature(matrix: &Matrix, place: usize, chance: &Chance, periods: Option<&Periods>) -> Feature {
    let (column, labels) = (&matrix.columns()[place], matrix.labels());
    let levels = Levels::new(column.iter().copied().zip(labels.iter().copied()));
    let best = levels.best().expect("there are bad rows and good ones");
    let (information_value, chance_information) = chance.information(column, labels);
    Feature {
        name: matrix.names()[place].clone(),
        information_value,
        chance_information,
        auc: best.auc,
        auc_error: levels.error(best.order),
        rises: best.order.rises,
        missing: levels.missing.rows() / labels.len() as f64,
        distinct: levels.present.len() as u64,
        stability: periods.and_then(|periods| periods.stability(column, labels)),
        importance: None,
        verdict: Verdict::Kept,
    }
}
