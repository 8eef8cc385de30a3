//! Our models as ONNX, in double precision as far as the operators have it, so that every comparison comes out as it does here. The
//! input is `features`, a row of doubles with NaN for what is missing; the output is `probability`, one number a row.

use prost::Message;
use scoring::Model;
use scoring::model::trees::Combine;
use scoring::model::{Linear, Trees};

use crate::import::onnx::FEATURES;
use crate::import::onnx::proto::{self, Attribute, Entry, Node, Tensor, ValueInfo, attribute, element};

/// The version of the file's layout, and of the operators: the first in which trees may have doubles, and its companion.
const IR_VERSION: i64 = 8;
const OPERATORS: i64 = 18;
const ML_OPERATORS: i64 = 3;
const ML: &str = "ai.onnx.ml";

const INPUT: &str = "features";
const OUTPUT: &str = "probability";

/// The bytes of an ONNX file that predicts what the model predicts: trees to 1e-6, since ONNX adds their values up to a single, and
/// linear models to the last digits; a network's is the file that it came in. The features' names, their covers and everything else that [`crate::import::read`] needs come
/// along.
pub fn onnx(model: &Model, features: &[String]) -> Vec<u8> {
    let graph = match model {
        Model::Trees(trees) => trees_graph(trees),
        Model::Linear(linear) => linear_graph(linear),
        Model::Network(network) => return network.onnx().to_vec(),
    };
    let names = serde_json::Value::from(features);
    let file = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "riskflow".to_owned(),
        graph: Some(graph),
        opset_import: [("", OPERATORS), (ML, ML_OPERATORS)]
            .map(|(domain, version)| proto::OperatorSet { domain: domain.to_owned(), version })
            .to_vec(),
        metadata_props: vec![Entry { key: FEATURES.to_owned(), value: names.to_string() }],
    };
    file.encode_to_vec()
}

fn trees_graph(trees: &Trees) -> proto::Graph {
    let single = |name: &str, number: f32| Tensor {
        name: name.to_owned(),
        data_type: element::FLOAT,
        float_data: vec![number],
        ..Tensor::default()
    };
    let clip = |score: &str| operator("Clip", &[score, "least", "most"], OUTPUT);
    let mut constants = vec![single("least", 0.0), single("most", 1.0)];
    let (aggregate, last) = match trees.combine {
        Combine::LogisticSum => {
            constants.clear();
            ("SUM", vec![operator("Sigmoid", &["output"], OUTPUT)])
        }
        Combine::Mean => ("AVERAGE", vec![clip("output")]),
        Combine::PathLength => {
            constants.push(single("two", 2.0));
            ("AVERAGE", vec![operator("Pow", &["two", "output"], "power"), clip("power")])
        }
    };
    let mut regressor = operator("TreeEnsembleRegressor", &[INPUT], "output");
    regressor.domain = ML.to_owned();
    regressor.attribute = Lists::new(trees).attributes();
    regressor.attribute.extend([
        Attribute { i: 1, r#type: attribute::INT, ..named("n_targets") },
        Attribute { s: aggregate.as_bytes().to_vec(), r#type: attribute::STRING, ..named("aggregate_function") },
        doubles_attribute("base_values_as_tensor", vec![trees.base]),
    ]);
    graph(trees.width, [vec![regressor], last].concat(), constants, element::FLOAT)
}

fn linear_graph(linear: &Linear) -> proto::Graph {
    let width = linear.weights.len();
    let constant = |name: &str, dims: &[usize], numbers: &[f64]| Tensor {
        name: name.to_owned(),
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        ..doubles(numbers.to_vec())
    };
    let constants = vec![
        constant("means", &[width], &linear.means),
        constant("deviations", &[width], &linear.deviations),
        constant("weights", &[width, 1], &linear.weights),
        constant("intercept", &[1], &[linear.intercept]),
    ];
    let nodes = vec![
        operator("IsNaN", &[INPUT], "missing"),
        operator("Where", &["missing", "means", INPUT], "filled"),
        operator("Sub", &["filled", "means"], "centred"),
        operator("Div", &["centred", "deviations"], "scaled"),
        operator("MatMul", &["scaled", "weights"], "weighted"),
        operator("Add", &["weighted", "intercept"], "margin"),
        operator("Sigmoid", &["margin"], OUTPUT),
    ];
    graph(width, nodes, constants, element::DOUBLE)
}

fn graph(width: usize, node: Vec<Node>, initializer: Vec<Tensor>, output: i32) -> proto::Graph {
    let info = |name: &str, elem_type: i32, width: usize| {
        let dim = [(0, "rows"), (width as i64, "")]
            .map(|(dim_value, name)| proto::Dimension { dim_value, dim_param: name.to_owned() })
            .to_vec();
        let tensor = proto::TensorType { elem_type, shape: Some(proto::Shape { dim }) };
        ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor_type: Some(tensor) }) }
    };
    proto::Graph {
        name: "riskflow".to_owned(),
        node,
        initializer,
        input: vec![info(INPUT, element::DOUBLE, width)],
        output: vec![info(OUTPUT, output, 1)],
    }
}

/// A node named like its operator.
fn operator(kind: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        name: kind.to_owned(),
        op_type: kind.to_owned(),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Node::default()
    }
}

fn named(name: &str) -> Attribute {
    Attribute { name: name.to_owned(), ..Attribute::default() }
}

fn doubles(numbers: Vec<f64>) -> Tensor {
    Tensor { dims: vec![numbers.len() as i64], data_type: element::DOUBLE, double_data: numbers, ..Tensor::default() }
}

fn doubles_attribute(name: &str, numbers: Vec<f64>) -> Attribute {
    Attribute { t: Some(doubles(numbers)), r#type: attribute::TENSOR, ..named(name) }
}

/// The nodes of trees as ONNX lists them, a number an entry and a list a property.
#[derive(Default)]
struct Lists {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<Vec<u8>>,
    thresholds: Vec<f64>,
    when_true: Vec<i64>,
    when_false: Vec<i64>,
    missing_true: Vec<i64>,
    covers: Vec<f64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    leaf_values: Vec<f64>,
}

impl Lists {
    fn new(trees: &Trees) -> Self {
        let mut lists = Self::default();
        for (tree, &root) in trees.roots.iter().enumerate() {
            lists.tree(tree as i64, trees, root);
        }
        if trees.roots.is_empty() {
            // ONNX knows no sum of no trees.
            lists.leaf(0, 0, 0.0, 1.0);
        }
        lists
    }

    /// Numbers the nodes in the order in which they are met, the root first.
    fn tree(&mut self, tree: i64, trees: &Trees, root: u32) {
        let mut met = vec![root];
        let mut number = 0;
        while let Some(&index) = met.get(number) {
            let node = &trees.nodes[index as usize];
            if node.is_leaf(index) {
                self.leaf(tree, number as i64, node.value, node.cover);
            } else {
                let left = met.len() as i64;
                self.node(tree, number as i64, "BRANCH_LEQ", node.cover);
                self.features.push(i64::from(node.feature));
                self.thresholds.push(node.threshold);
                self.when_true.push(left);
                self.when_false.push(left + 1);
                self.missing_true.push(i64::from(node.missing_left));
                met.extend([node.left, node.right]);
            }
            number += 1;
        }
    }

    fn leaf(&mut self, tree: i64, number: i64, value: f64, cover: f64) {
        self.node(tree, number, "LEAF", cover);
        self.features.push(0);
        self.thresholds.push(0.0);
        self.when_true.push(0);
        self.when_false.push(0);
        self.missing_true.push(0);
        self.leaf_trees.push(tree);
        self.leaf_nodes.push(number);
        self.leaf_values.push(value);
    }

    fn node(&mut self, tree: i64, number: i64, mode: &str, cover: f64) {
        self.trees.push(tree);
        self.nodes.push(number);
        self.modes.push(mode.as_bytes().to_vec());
        self.covers.push(cover);
    }

    fn attributes(self) -> Vec<Attribute> {
        let ints = |name: &str, ints: Vec<i64>| Attribute { ints, r#type: attribute::INTS, ..named(name) };
        let targets = vec![0; self.leaf_nodes.len()];
        vec![
            ints("nodes_treeids", self.trees),
            ints("nodes_nodeids", self.nodes),
            ints("nodes_featureids", self.features),
            Attribute { strings: self.modes, r#type: attribute::STRINGS, ..named("nodes_modes") },
            doubles_attribute("nodes_values_as_tensor", self.thresholds),
            ints("nodes_truenodeids", self.when_true),
            ints("nodes_falsenodeids", self.when_false),
            ints("nodes_missing_value_tracks_true", self.missing_true),
            doubles_attribute("nodes_hitrates_as_tensor", self.covers),
            ints("target_treeids", self.leaf_trees),
            ints("target_nodeids", self.leaf_nodes),
            ints("target_ids", targets),
            doubles_attribute("target_weights_as_tensor", self.leaf_values),
        ]
    }
}
