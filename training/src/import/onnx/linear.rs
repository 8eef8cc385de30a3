//! Linear classifiers and regressors, whose features come through scalers and imputers.

use scoring::model::Linear;

use super::column::Column;
use super::graph::Value;
use super::operator::Operator;
use super::score::{Link, Score, Shape, Sum};
use crate::import::Error;

/// A classifier of two classes, by one set of weights for the second or one for each.
pub(super) fn classifier(operator: &Operator, columns: &[Column], width: usize) -> Result<Value, Error> {
    let classes = operator.ints("classlabels_ints").len().max(operator.texts("classlabels_strings")?.len());
    if classes != 2 {
        return Err(operator.unsupported(format!("{classes} classes")));
    }
    let (weights, intercepts) = (operator.numbers("coefficients")?, operator.numbers("intercepts")?);
    let sets: Vec<_> = weights.chunks(columns.len().max(1)).collect();
    let post = operator.text("post_transform", "NONE")?;
    let opposite = |first: &[f64], second: &[f64]| first.iter().zip(second).all(|(first, second)| *first == -second);
    let (weights, intercept, shape) = match (sets.as_slice(), intercepts.as_slice(), post) {
        ([only], &[intercept], "NONE" | "LOGISTIC") => (only.to_vec(), intercept, Shape::Complementary),
        ([first, second], &[against, intercept], "NONE" | "LOGISTIC") => {
            let opposite = opposite(first, second) && against == -intercept;
            (second.to_vec(), intercept, if opposite { Shape::Complementary } else { Shape::Two })
        }
        // Of two classes this is the logistic function of the difference.
        ([first, second], &[against, intercept], "SOFTMAX") => {
            let weights = first.iter().zip(*second).map(|(first, second)| second - first).collect();
            (weights, intercept - against, Shape::Complementary)
        }
        (_, _, "NONE" | "LOGISTIC" | "SOFTMAX") => return Err(operator.damaged("has weights or intercepts that do not fit")),
        (_, _, post) => return Err(operator.unsupported(format!("post_transform {post}"))),
    };
    let linear = linear(operator, columns, &weights, intercept, width)?;
    Ok(Value::Score(Score { sum: Sum::Linear(linear), link: if post == "NONE" { Link::None } else { Link::Logistic }, shape }))
}

pub(super) fn regressor(operator: &Operator, columns: &[Column], width: usize) -> Result<Value, Error> {
    let targets = operator.int("targets", 1);
    if targets != 1 {
        return Err(operator.unsupported(format!("{targets} targets")));
    }
    let intercept = match operator.numbers("intercepts")?.as_slice() {
        [] => 0.0,
        &[intercept] => intercept,
        _ => return Err(operator.damaged("has several intercepts")),
    };
    let link = match operator.text("post_transform", "NONE")? {
        "NONE" => Link::None,
        "LOGISTIC" => Link::Logistic,
        post => return Err(operator.unsupported(format!("post_transform {post}"))),
    };
    let linear = linear(operator, columns, &operator.numbers("coefficients")?, intercept, width)?;
    Ok(Value::Score(Score { sum: Sum::Linear(linear), link, shape: Shape::One }))
}

/// Features times a column of weights.
pub(super) fn product(operator: &Operator, columns: &[Column], weights: &Value, width: usize) -> Result<Value, Error> {
    let Value::Constant(weights) = weights else { return Err(operator.unsupported("weights that are not constant")) };
    let linear = linear(operator, columns, weights, 0.0, width)?;
    Ok(Value::Score(Score { sum: Sum::Linear(linear), link: Link::None, shape: Shape::One }))
}

/// A feature without a column has no weight. One that is missing counts as what it is filled in with, and as the mean where the
/// file has nothing to say.
fn linear(operator: &Operator, columns: &[Column], weights: &[f64], mut intercept: f64, width: usize) -> Result<Linear, Error> {
    if weights.len() != columns.len() {
        return Err(operator.unsupported(format!("{} weights for {} features", weights.len(), columns.len())));
    }
    let mut linear = Linear { intercept: 0.0, weights: vec![0.0; width], means: vec![0.0; width], deviations: vec![1.0; width] };
    let mut seen = vec![false; width];
    for (column, &weight) in columns.iter().zip(weights) {
        if !column.keeps_order() {
            return Err(operator.unsupported("a feature that is not scaled by a number above zero"));
        }
        if std::mem::replace(&mut seen[column.feature], true) {
            return Err(operator.unsupported("a feature that comes twice"));
        }
        let affine = column.affine();
        let mean = affine.missing.unwrap_or(affine.mean);
        intercept += weight * (mean - affine.mean) / affine.deviation;
        linear.weights[column.feature] = weight;
        linear.means[column.feature] = mean;
        linear.deviations[column.feature] = affine.deviation;
    }
    linear.intercept = intercept;
    Ok(linear)
}
