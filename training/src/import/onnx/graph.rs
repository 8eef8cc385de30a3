//! The way through the graph, from the inputs to the output that is the probability.

use std::collections::{HashMap, HashSet};

use super::column::{Change, Codes, Column};
use super::operator::{Operator, numbers};
use super::proto::{Graph, Node, ValueInfo, element};
use super::score::{Link, Score, Shape};
use super::{FORMAT, ensemble, linear, numbered, trees};
use crate::import::Error;

/// The domain of trees and linear models.
pub(super) const ML: &str = "ai.onnx.ml";

/// What flows through the graph.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Features on their way to a model.
    Columns(Vec<Column>),
    /// Which of them are missing.
    Missing(Vec<Column>),
    Score(Score),
    Constant(Vec<f64>),
}

/// Follows the graph to its probability; also the names of the features.
pub(super) fn follow(graph: &Graph) -> Result<(Score, Vec<String>), Error> {
    let output = probability(graph)?;
    let needed = needed(graph, output);
    let (mut values, features) = given(graph, &needed)?;
    let ml = |node: &Node| node.domain == ML;
    for (number, node) in
        graph.node.iter().enumerate().filter(|(_, node)| node.output.iter().any(|name| needed.contains(&**name)))
    {
        let operator = Operator { node, number };
        let read = |place: usize| {
            let name = node.input.get(place).ok_or_else(|| operator.damaged(format!("has no input {place}")))?;
            values.get(&**name).ok_or_else(|| operator.damaged(format!("reads {name}, which nothing gives")))
        };
        let value = match node.op_type.as_str() {
            "TreeEnsembleClassifier" if ml(node) => trees::classifier(&operator, columns(&operator, read(0)?)?, features.len())?,
            "TreeEnsembleRegressor" if ml(node) => trees::regressor(&operator, columns(&operator, read(0)?)?, features.len())?,
            "TreeEnsemble" if ml(node) => ensemble::ensemble(&operator, columns(&operator, read(0)?)?, features.len())?,
            "LinearClassifier" if ml(node) => linear::classifier(&operator, columns(&operator, read(0)?)?, features.len())?,
            "LinearRegressor" if ml(node) => linear::regressor(&operator, columns(&operator, read(0)?)?, features.len())?,
            "Scaler" if ml(node) => scaler(&operator, columns(&operator, read(0)?)?)?,
            "Imputer" if ml(node) => imputer(&operator, columns(&operator, read(0)?)?)?,
            "OneHotEncoder" if ml(node) => one_hot(&operator, columns(&operator, read(0)?)?)?,
            "LabelEncoder" if ml(node) => codes(&operator, columns(&operator, read(0)?)?)?,
            "ArrayFeatureExtractor" if ml(node) => pick(&operator, read(0)?, read(1)?)?,
            "ZipMap" | "Normalizer" if ml(node) => unchanged(&operator, read(0)?)?,
            _ if !node.domain.is_empty() && node.domain != "ai.onnx" => return Err(operator.not_known()),
            "Identity" | "Dropout" => read(0)?.clone(),
            "Reshape" => reshape(&operator, read(0)?, read(1)?)?,
            "Constant" => {
                let numbers = operator.tensor("value").and_then(numbers);
                Value::Constant(numbers.ok_or_else(|| operator.unsupported("anything but a tensor of numbers"))?)
            }
            "Cast" => cast(&operator, read(0)?)?,
            "Concat" => {
                let parts = (0..node.input.len()).map(|place| columns(&operator, read(place)?));
                match operator.int("axis", 1) {
                    1 | -1 => Value::Columns(parts.collect::<Result<Vec<_>, _>>()?.concat()),
                    axis => return Err(operator.unsupported(format!("axis {axis}"))),
                }
            }
            "Gather" if matches!(operator.int("axis", 0), 1 | -1) => pick(&operator, read(0)?, read(1)?)?,
            "IsNaN" => Value::Missing(columns(&operator, read(0)?)?.to_vec()),
            "Where" => fill(&operator, read(0)?, read(1)?, read(2)?)?,
            "Sub" | "Add" | "Mul" | "Div" => arithmetic(&operator, read(0)?, read(1)?)?,
            "MatMul" => linear::product(&operator, columns(&operator, read(0)?)?, read(1)?, features.len())?,
            "Sigmoid" => match read(0)? {
                Value::Score(score) => {
                    score.clone().linked(Link::Logistic).map(Value::Score).ok_or_else(|| operator.unsupported("probabilities"))?
                }
                _ => return Err(operator.unsupported("what is no score")),
            },
            "Pow" => match (read(0)?, read(1)?) {
                (Value::Constant(base), Value::Score(score)) if *base == [2.0] => {
                    let powers = score.clone().linked(Link::PowerOfTwo).map(Value::Score);
                    powers.ok_or_else(|| operator.unsupported("probabilities"))?
                }
                _ => return Err(operator.unsupported("anything but powers of two")),
            },
            "Clip" => clip(&operator, read(0)?, read(1)?, read(2)?)?,
            _ => return Err(operator.not_known()),
        };
        // Of a classifier's outputs the second is that of its scores.
        let place = usize::from(node.op_type.ends_with("Classifier"));
        if let Some(name) = node.output.get(place) {
            values.insert(name, value);
        }
    }
    match values.remove(output) {
        Some(Value::Score(score)) => Ok((score, features)),
        _ => Err(FORMAT.unsupported(format!("the output {output}, which is no score of a model,"))),
    }
}

/// The last output that is no label.
pub(super) fn probability(graph: &Graph) -> Result<&str, Error> {
    let kind =
        |output: &ValueInfo| output.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()).map(|tensor| tensor.elem_type);
    let no_label = |output: &&ValueInfo| !matches!(kind(output), Some(element::INT64 | element::STRING | element::INT32));
    let output =
        graph.output.iter().rfind(no_label).ok_or_else(|| FORMAT.unsupported("a model that gives nothing but labels"))?;
    Ok(&output.name)
}

/// All that the output depends on, by name.
pub(super) fn needed<'a>(graph: &'a Graph, output: &'a str) -> HashSet<&'a str> {
    let mut givers = HashMap::new();
    for node in &graph.node {
        givers.extend(node.output.iter().map(|name| (name.as_str(), node)));
    }
    let (mut needed, mut open) = (HashSet::new(), vec![output]);
    while let Some(name) = open.pop() {
        if needed.insert(name) {
            open.extend(givers.get(name).into_iter().flat_map(|node| node.input.iter().map(String::as_str)));
        }
    }
    needed
}

/// The constants and inputs, and the names of the features.
pub(super) fn given<'a>(graph: &'a Graph, needed: &HashSet<&str>) -> Result<(HashMap<&'a str, Value>, Vec<String>), Error> {
    let mut values = HashMap::new();
    for tensor in graph.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())) {
        let numbers = numbers(tensor).ok_or_else(|| FORMAT.damaged(format!("the tensor {} is not whole", tensor.name)))?;
        values.insert(tensor.name.as_str(), Value::Constant(numbers));
    }
    let inputs: Vec<_> = graph.input.iter().filter(|input| !values.contains_key(input.name.as_str())).collect();
    let mut features = Vec::new();
    for input in &inputs {
        let (width, single) = width(input)?;
        let from = features.len();
        match (width, inputs.len()) {
            (1, _) => features.push(input.name.clone()),
            (_, 1) => features = numbered(width),
            _ => features.extend((0..width).map(|place| format!("{}_{place}", input.name))),
        }
        values.insert(&input.name, Value::Columns((from..from + width).map(|feature| Column::new(feature, single)).collect()));
    }
    Ok((values, features))
}

/// How many features an input has, and whether they are in single precision.
fn width(input: &ValueInfo) -> Result<(usize, bool), Error> {
    let unsupported = |what: &str| Err(FORMAT.unsupported(format!("the input {} {what}", input.name)));
    let Some(tensor) = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()) else {
        return unsupported("that is no tensor");
    };
    let single = match tensor.elem_type {
        element::FLOAT | element::INT64 | element::INT32 => true,
        element::DOUBLE => false,
        _ => return unsupported("that has no numbers"),
    };
    match tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim) {
        [_] => Ok((1, single)),
        [_, columns] if 0 < columns.dim_value && columns.dim_value <= i64::from(u16::MAX) => {
            Ok((columns.dim_value as usize, single))
        }
        _ => unsupported("that does not tell how many features it has"),
    }
}

fn columns<'a>(operator: &Operator, value: &'a Value) -> Result<&'a [Column], Error> {
    match value {
        Value::Columns(columns) => Ok(columns),
        _ => Err(operator.unsupported("an input that is not made of features")),
    }
}

/// One number a column; a single one stands for all.
fn each(operator: &Operator, numbers: &[f64], columns: usize) -> Result<Vec<f64>, Error> {
    match numbers.len() {
        1 => Ok(vec![numbers[0]; columns]),
        length if length == columns => Ok(numbers.to_vec()),
        length => Err(operator.damaged(format!("has {length} numbers for {columns} features"))),
    }
}

fn changed(columns: &[Column], numbers: &[f64], change: impl Fn(f64) -> Change) -> Vec<Column> {
    columns.iter().zip(numbers).map(|(column, &number)| column.clone().then(change(number))).collect()
}

/// (value - offset) x scale, whose result is in single precision.
fn scaler(operator: &Operator, columns: &[Column]) -> Result<Value, Error> {
    let offset = each(operator, &operator.numbers("offset")?, columns.len())?;
    let scale = each(operator, &operator.numbers("scale")?, columns.len())?;
    let moved = changed(columns, &offset, |offset| Change::Add(-offset));
    let scaled = changed(&moved, &scale, Change::Multiply);
    Ok(Value::Columns(scaled.into_iter().map(|column| column.cast(true)).collect()))
}

fn imputer(operator: &Operator, columns: &[Column]) -> Result<Value, Error> {
    if !operator.number("replaced_value_float", f32::NAN).is_nan() || !operator.has("imputed_value_floats") {
        return Err(operator.unsupported("the replacement of values that are not missing"));
    }
    let fills = each(operator, &operator.numbers("imputed_value_floats")?, columns.len())?;
    Ok(Value::Columns(changed(columns, &fills, Change::Fill)))
}

/// For each category a column, 1 where a value with its decimals cut off is it. A value that is none is 0 in all of them, also where
/// the file would have it refused.
fn one_hot(operator: &Operator, columns: &[Column]) -> Result<Value, Error> {
    let categories = operator.ints("cats_int64s");
    if categories.is_empty() {
        return Err(operator.unsupported("categories that are no whole numbers"));
    }
    let is = |column: &Column, category: i64| {
        let codes = Codes::new([(category as f64, 1.0)], 0.0);
        column.clone().cast(false).then(Change::Truncate).then(Change::Encode(codes)).cast(true)
    };
    Ok(Value::Columns(columns.iter().flat_map(|column| categories.iter().map(move |&category| is(column, category))).collect()))
}

/// For some values others, all by lists or tensors of numbers.
fn codes(operator: &Operator, columns: &[Column]) -> Result<Value, Error> {
    let list = |names: [&str; 2]| -> Result<Vec<f64>, Error> {
        let whole = operator.ints(names[1]);
        if whole.is_empty() { operator.numbers(names[0]) } else { Ok(whole.iter().map(|&number| number as f64).collect()) }
    };
    let tensor = |name: &str| operator.tensor(name).and_then(numbers);
    let keys = tensor("keys_tensor").map_or_else(|| list(["keys_floats", "keys_int64s"]), Ok)?;
    let values = tensor("values_tensor").map_or_else(|| list(["values_floats", "values_int64s"]), Ok)?;
    if keys.is_empty() || keys.len() != values.len() {
        return Err(operator.unsupported("anything but as many numbers as there are keys, which are numbers"));
    }
    let otherwise = match tensor("default_tensor").as_deref() {
        Some(&[otherwise]) => otherwise,
        Some(_) => return Err(operator.damaged("has several defaults")),
        None if operator.ints("values_int64s").is_empty() => f64::from(operator.number("default_float", 0.0)),
        None => operator.int("default_int64", -1) as f64,
    };
    let codes = Codes::new(keys.into_iter().zip(values), otherwise);
    Ok(Value::Columns(columns.iter().map(|column| column.clone().then(Change::Encode(codes.clone()))).collect()))
}

/// Rows of the width that they have already.
fn reshape(operator: &Operator, value: &Value, shape: &Value) -> Result<Value, Error> {
    match (value, shape) {
        (Value::Columns(columns), Value::Constant(shape)) if matches!(shape[..], [-1.0 | 0.0, width] if width == columns.len() as f64 || width == -1.0 && shape[0] == 0.0) => {
            Ok(value.clone())
        }
        (Value::Score(score), Value::Constant(shape))
            if score.shape == Shape::One && matches!(shape[..], [-1.0] | [-1.0, 1.0]) =>
        {
            Ok(value.clone())
        }
        _ => Err(operator.unsupported("anything but rows of the width that they have")),
    }
}

/// Where(IsNaN(columns), constants, columns).
fn fill(operator: &Operator, condition: &Value, fills: &Value, otherwise: &Value) -> Result<Value, Error> {
    match (condition, fills, otherwise) {
        (Value::Missing(missing), Value::Constant(fills), Value::Columns(columns)) if missing == columns => {
            Ok(Value::Columns(changed(columns, &each(operator, fills, columns.len())?, Change::Fill)))
        }
        _ => Err(operator.unsupported("anything but constants for missing values")),
    }
}

fn cast(operator: &Operator, value: &Value) -> Result<Value, Error> {
    let single = match (operator.int("to", 0) as i32, value) {
        (element::FLOAT, _) => true,
        (element::DOUBLE, _) => false,
        (element::INT64, Value::Columns(columns)) => {
            return Ok(Value::Columns(columns.iter().map(|column| column.clone().cast(false).then(Change::Truncate)).collect()));
        }
        (other, _) => return Err(operator.unsupported(format!("the type {other}"))),
    };
    Ok(match value {
        Value::Columns(columns) => Value::Columns(columns.iter().map(|column| column.clone().cast(single)).collect()),
        other => other.clone(),
    })
}

/// Some columns, or the second class's score.
fn pick(operator: &Operator, from: &Value, places: &Value) -> Result<Value, Error> {
    let Value::Constant(places) = places else { return Err(operator.unsupported("places that are not constant")) };
    match from {
        Value::Columns(columns) => {
            let pick = |&place: &f64| (place >= 0.0).then(|| columns.get(place as usize).cloned()).flatten();
            let picked = places.iter().map(pick).collect::<Option<Vec<_>>>();
            Ok(Value::Columns(picked.ok_or_else(|| operator.damaged("picks a feature that does not exist"))?))
        }
        Value::Score(score) if score.shape != Shape::One && *places == [1.0] => {
            Ok(Value::Score(Score { shape: Shape::One, ..score.clone() }))
        }
        _ => Err(operator.unsupported("anything but features or the second class's score")),
    }
}

/// Probabilities of two classes by their label, or divided by their sum, which is 1.
fn unchanged(operator: &Operator, value: &Value) -> Result<Value, Error> {
    match value {
        Value::Score(score) if operator.node.op_type == "ZipMap" && score.shape != Shape::One => Ok(value.clone()),
        Value::Score(score)
            if score.link == Link::Logistic && score.shape == Shape::Complementary && operator.text("norm", "MAX")? == "L1" =>
        {
            Ok(value.clone())
        }
        _ => Err(operator.unsupported("anything but probabilities that add up to 1")),
    }
}

fn arithmetic(operator: &Operator, left: &Value, right: &Value) -> Result<Value, Error> {
    let kind = operator.node.op_type.as_str();
    match (left, right, kind) {
        (Value::Columns(columns), Value::Constant(numbers), _) => {
            let numbers = each(operator, numbers, columns.len())?;
            Ok(Value::Columns(changed(columns, &numbers, |number| match kind {
                "Sub" => Change::Add(-number),
                "Add" => Change::Add(number),
                "Mul" => Change::Multiply(number),
                _ => Change::Divide(number),
            })))
        }
        (Value::Score(score), Value::Constant(numbers), "Mul" | "Div") if numbers.iter().all(|&number| number == 1.0) => {
            Ok(Value::Score(score.clone()))
        }
        (Value::Score(score), Value::Constant(numbers), "Add") if numbers.len() == 1 => {
            score.clone().plus(numbers[0]).map(Value::Score).ok_or_else(|| operator.unsupported("probabilities"))
        }
        _ => Err(operator.unsupported("anything but features and constants")),
    }
}

/// Between 0 and 1, where a mean of trees is kept anyway.
fn clip(operator: &Operator, value: &Value, least: &Value, most: &Value) -> Result<Value, Error> {
    match (value, least, most) {
        (Value::Score(_), Value::Constant(least), Value::Constant(most)) if *least == [0.0] && *most == [1.0] => {
            Ok(value.clone())
        }
        _ => Err(operator.unsupported("anything but a score between 0 and 1")),
    }
}
