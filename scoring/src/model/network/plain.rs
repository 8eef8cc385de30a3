//! What is done to features before a network is reached, as pipelines of scikit-learn have it in operators of ONNX-ML, said in plain
//! operators, which is all that runs here.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// The domain of scalers, imputers, encoders and of the models that are no networks.
pub(super) const ML: &str = "ai.onnx.ml";

/// Writes each such operator as plain ones.
pub(super) fn rewrite(graph: &mut GraphProto) -> Result<(), String> {
    let nodes = std::mem::take(&mut graph.node);
    for (number, node) in nodes.into_iter().enumerate() {
        if node.domain != ML {
            graph.node.push(node);
            continue;
        }
        let mut steps = Steps { graph, name: node.output.first().cloned().unwrap_or_default() };
        let unsupported = |what: &str| format!("{} with {what} is not supported", named(&node, number));
        let floats = |name: &str| attribute(&node, name).map_or(&[][..], |attribute| &attribute.floats);
        let input = node.input.first().ok_or_else(|| unsupported("no input"))?;
        match node.op_type.as_str() {
            "Scaler" => {
                let single = steps.cast(input, "single", DataType::Float);
                let offset = steps.floats("offset", floats("offset"));
                let scale = steps.floats("scale", floats("scale"));
                let moved = steps.add("Sub", "moved", &[&single, &offset], vec![]);
                steps.last("Mul", &[&moved, &scale], vec![]);
            }
            "Imputer" => {
                let replaced = attribute(&node, "replaced_value_float").map_or(0.0, |attribute| attribute.f);
                if !replaced.is_nan() || floats("imputed_value_floats").is_empty() {
                    return Err(unsupported("anything but numbers for missing values"));
                }
                let fills = steps.floats("fills", floats("imputed_value_floats"));
                let missing = steps.add("IsNaN", "missing", &[input], vec![]);
                steps.last("Where", &[&missing, &fills, input], vec![]);
            }
            "OneHotEncoder" => {
                let categories = attribute(&node, "cats_int64s").map_or(&[][..], |attribute| &attribute.ints);
                if categories.is_empty() {
                    return Err(unsupported("categories that are no whole numbers"));
                }
                let whole = steps.cast(input, "whole", DataType::Int64);
                let shape = steps.ints("shape", &[0, -1, 1]);
                let apart = steps.add("Reshape", "apart", &[&whole, &shape], vec![]);
                let known = steps.ints("categories", categories);
                let is = steps.add("Equal", "is", &[&apart, &known], vec![]);
                steps.last("Cast", &[&is], vec![int("to", DataType::Float.into())]);
            }
            "ArrayFeatureExtractor" => {
                let places = node.input.get(1).ok_or_else(|| unsupported("no places"))?;
                steps.last("Gather", &[input, places], vec![int("axis", -1)]);
            }
            _ => graph.node.push(node),
        }
    }
    Ok(())
}

/// How an operator is called in an error.
pub(super) fn named(node: &NodeProto, number: usize) -> String {
    let name = if node.name.is_empty() { format!("number {number}") } else { node.name.clone() };
    let of = if node.domain.is_empty() { String::new() } else { format!(" of {}", node.domain) };
    format!("the operator {}{of} (node {name})", node.op_type)
}

/// The operators that one becomes, the last of which gives what that one gave.
struct Steps<'a> {
    graph: &'a mut GraphProto,
    name: String,
}

impl Steps<'_> {
    /// An operator on the way; the name of what it gives.
    fn add(&mut self, kind: &str, what: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = format!("{}/{what}", self.name);
        self.push(kind, inputs, output.clone(), attribute);
        output
    }

    fn last(&mut self, kind: &str, inputs: &[&str], attribute: Vec<AttributeProto>) {
        self.push(kind, inputs, self.name.clone(), attribute);
    }

    fn cast(&mut self, input: &str, what: &str, to: DataType) -> String {
        self.add("Cast", what, &[input], vec![int("to", to.into())])
    }

    fn push(&mut self, kind: &str, inputs: &[&str], output: String, attribute: Vec<AttributeProto>) {
        self.graph.node.push(NodeProto {
            name: output.clone(),
            op_type: kind.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output],
            attribute,
            ..NodeProto::default()
        });
    }

    fn floats(&mut self, what: &str, numbers: &[f32]) -> String {
        let float_data = numbers.to_vec();
        self.constant(
            what,
            numbers.len(),
            TensorProto { data_type: DataType::Float.into(), float_data, ..TensorProto::default() },
        )
    }

    fn ints(&mut self, what: &str, numbers: &[i64]) -> String {
        let int64_data = numbers.to_vec();
        self.constant(
            what,
            numbers.len(),
            TensorProto { data_type: DataType::Int64.into(), int64_data, ..TensorProto::default() },
        )
    }

    fn constant(&mut self, what: &str, length: usize, tensor: TensorProto) -> String {
        let name = format!("{}/{what}", self.name);
        self.graph.initializer.push(TensorProto { name: name.clone(), dims: vec![length as i64], ..tensor });
        name
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn int(name: &str, i: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: i.into(), r#type: AttributeType::Int.into(), ..AttributeProto::default() }
}
