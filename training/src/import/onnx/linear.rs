//! Linear classifiers and regressors, whose features come through scalers and imputers.

use scoring::model::preparation::{Encoded, Piece};
use scoring::model::{Linear, Preparation};

use super::column::{Coded, Column};
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
    let sum = linear(operator, columns, &weights, intercept, width)?;
    Ok(Value::Score(Score { sum, link: if post == "NONE" { Link::None } else { Link::Logistic }, shape }))
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
    let sum = linear(operator, columns, &operator.numbers("coefficients")?, intercept, width)?;
    Ok(Value::Score(Score { sum, link, shape: Shape::One }))
}

/// Features times a column of weights.
pub(super) fn product(operator: &Operator, columns: &[Column], weights: &Value, width: usize) -> Result<Value, Error> {
    let Value::Constant(weights) = weights else { return Err(operator.unsupported("weights that are not constant")) };
    let sum = linear(operator, columns, weights, 0.0, width)?;
    Ok(Value::Score(Score { sum, link: Link::None, shape: Shape::One }))
}

/// A feature without a column has no weight. One that is missing counts as what it is filled in with, and as the mean where the
/// file has nothing to say. Columns that are encoded become pieces of their feature's values, each with a weight.
fn linear(operator: &Operator, columns: &[Column], weights: &[f64], mut intercept: f64, width: usize) -> Result<Sum, Error> {
    if weights.len() != columns.len() {
        return Err(operator.unsupported(format!("{} weights for {} features", weights.len(), columns.len())));
    }
    let mut numbers = vec![None; width];
    let mut pieces = vec![Vec::new(); width];
    for (column, &weight) in columns.iter().zip(weights) {
        if let Some(coded) = column.coded() {
            let Coded { pieces: of_values, otherwise, missing } = coded;
            if ![otherwise, missing].iter().all(|code| code.is_finite()) {
                return Err(operator.unsupported("a code that is no number"));
            }
            intercept += weight * otherwise;
            let of_feature: &mut Vec<(Piece, f64)> = &mut pieces[column.feature];
            let mut add = |above, up_to, missing, code: f64| {
                if code != otherwise {
                    of_feature.push((Piece { above, up_to, missing }, weight * (code - otherwise)));
                }
            };
            of_values.iter().for_each(|&(above, up_to, code)| add(above, up_to, false, code));
            add(None, None, true, missing);
            continue;
        }
        if !column.is_affine() {
            return Err(operator.unsupported("a feature that is not scaled by a number above zero"));
        }
        let affine = column.affine();
        let mean = affine.missing.unwrap_or(affine.mean);
        intercept += weight * (mean - affine.mean) / affine.deviation;
        if numbers[column.feature].replace((weight, mean, affine.deviation)).is_some() {
            return Err(operator.unsupported("a feature that comes twice"));
        }
    }
    let is_encoded = pieces.iter().any(|pieces| !pieces.is_empty());
    let mut linear = Linear { intercept, weights: Vec::new(), means: Vec::new(), deviations: Vec::new() };
    let mut encoded = Vec::new();
    for (number, pieces) in numbers.into_iter().zip(pieces) {
        let has_number = number.is_some() || !is_encoded;
        let number = has_number.then(|| number.unwrap_or((0.0, 0.0, 1.0)));
        for (weight, mean, deviation) in number.into_iter().chain(pieces.iter().map(|(_, weight)| (*weight, 0.0, 1.0))) {
            linear.weights.push(weight);
            linear.means.push(mean);
            linear.deviations.push(deviation);
        }
        encoded.push(Encoded { number: has_number, pieces: pieces.into_iter().map(|(piece, _)| piece).collect() });
    }
    Ok(Sum::Linear(linear, is_encoded.then_some(Preparation::Encoded(encoded))))
}
