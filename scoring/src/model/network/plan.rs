//! A network made ready: read, its shapes worked out for one event, optimised. Whatever happens in there, a panic included, comes out
//! as an error or as no number.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value::DimValue;
use tract_onnx::pb::type_proto::Value::TensorType;
use tract_onnx::pb::{GraphProto, ValueInfoProto};
use tract_onnx::prelude::*;

use super::plain;

/// A network that is ready to run.
pub(super) struct Plan {
    model: Arc<TypedRunnableModel>,
    /// How many features each input reads.
    widths: Vec<usize>,
}

impl Plan {
    /// Of an ONNX file, as far as it leads to an output, for rows of so many features.
    pub(super) fn new(onnx: &[u8], output: &str, width: usize) -> Result<Self, String> {
        guarded(|| make(onnx, output, width)).unwrap_or_else(|| Err("it cannot be made ready".to_owned()))
    }

    /// What comes out for the features of one event, one number or two; `None` where it fails, and for numbers that its precision has not.
    pub(super) fn run(&self, values: &[f64]) -> Option<Vec<f64>> {
        guarded(|| self.numbers(values).ok().flatten()).flatten()
    }

    fn numbers(&self, values: &[f64]) -> TractResult<Option<Vec<f64>>> {
        let mut rest = values;
        let mut given = TVec::new();
        for &width in &self.widths {
            let (values, behind) = rest.split_at(width);
            rest = behind;
            let singles: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            // Kernels make a number of what is none, so that the output would not show it.
            if singles.iter().any(|value| value.is_infinite()) {
                return Ok(None);
            }
            given.push(Tensor::from_shape(&[1, width], &singles)?.into());
        }
        let out = self.model.run(given)?;
        let numbers = out[0].cast_to::<f64>()?;
        Ok(Some(numbers.to_plain_array_view::<f64>()?.iter().copied().collect()))
    }
}

/// What it does, `None` where it panics.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

fn make(onnx: &[u8], output: &str, width: usize) -> Result<Plan, String> {
    let framework = tract_onnx::onnx().with_ignore_value_info(true);
    let mut file = framework.proto_model_for_read(&mut &*onnx).map_err(|error| told(&error))?;
    let graph = file.graph.as_mut().ok_or("it has no graph")?;
    keep(graph, output)?;
    if graph.initializer.iter().any(|tensor| tensor.data_location == Some(DataLocation::External.into())) {
        return Err("it keeps numbers in another file: export it with all of them inside".to_owned());
    }
    plain::rewrite(graph)?;
    for (number, node) in graph.node.iter().enumerate() {
        let is_ours = ["", "ai.onnx", plain::ML].contains(&node.domain.as_str());
        if !is_ours || !framework.op_register.0.contains_key(&node.op_type) {
            return Err(format!("{} is not supported", plain::named(node, number)));
        }
    }
    let widths = graph.input.iter().map(columns).collect::<Result<Vec<_>, _>>()?;
    let reads: usize = widths.iter().sum();
    if reads != width {
        return Err(format!("it reads {reads} features and not {width}"));
    }
    let model = optimised(&framework, &file, &widths).map_err(|error| told(&error))?;
    let fact = model.output_fact(0).map_err(|error| told(&error))?;
    let numbers = fact.shape.as_concrete().map(|shape| shape.iter().product());
    match numbers {
        Some(1 | 2) if fact.datum_type == f32::datum_type() => {}
        _ => return Err(format!("its output {output} is neither one number nor two, but {fact:?}")),
    }
    Ok(Plan { model: model.into_runnable().map_err(|error| told(&error))?, widths })
}

fn optimised(framework: &tract_onnx::Onnx, file: &tract_onnx::pb::ModelProto, widths: &[usize]) -> TractResult<TypedModel> {
    let mut model = framework.model_for_proto_model(file)?;
    for (place, &width) in widths.iter().enumerate() {
        model.set_input_fact(place, InferenceFact::dt_shape(f32::datum_type(), [1, width]))?;
    }
    model.into_optimized()
}

/// Leaves out what does not lead to the output, such as labels, and constants among the inputs.
fn keep(graph: &mut GraphProto, output: &str) -> Result<(), String> {
    let mut needed = HashSet::from([output.to_owned()]);
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            needed.extend(node.input.iter().cloned());
        }
    }
    graph.node.retain(|node| node.output.iter().any(|name| needed.contains(name)));
    if !graph.node.iter().any(|node| node.output.iter().any(|name| name == output)) {
        return Err(format!("it has no output {output}"));
    }
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    let constants: HashSet<_> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.retain(|input| !constants.contains(input.name.as_str()));
    graph.output = vec![ValueInfoProto { name: output.to_owned(), ..ValueInfoProto::default() }];
    Ok(())
}

/// How many features an input reads, which is of rows, as many as may be or one.
fn columns(input: &ValueInfoProto) -> Result<usize, String> {
    let wrong = |what: &str| format!("its input {} {what}", input.name);
    let Some(TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(wrong("is no tensor"));
    };
    if DataType::try_from(tensor.elem_type) != Ok(DataType::Float) {
        return Err(wrong("is not in single precision: export the network so"));
    }
    let lengths: Vec<_> = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| dim.value.as_ref()).collect();
    match lengths[..] {
        [Some(DimValue(rows)), _] if *rows > 1 => Err(wrong(&format!("is of {rows} rows at once"))),
        [_, Some(DimValue(width))] => usize::try_from(*width).map_err(|_| wrong("is of no width")),
        _ => Err(wrong("is not of rows of features")),
    }
}

/// An error with what led to it.
fn told(error: &TractError) -> String {
    format!("{error:#}")
}
