use scoring::Model;
use scoring::model::trees::Combine;
use scoring::model::{Linear, Trees};

use super::proto::{self, Attribute, Node, Tensor, TensorType, ValueInfo, element};
use super::*;
use crate::export;

#[test]
fn an_operator_that_is_not_known_is_named() {
    let check = |node: Node, expect: &str| assert_eq!(read(&file(vec![node])).unwrap_err().to_string(), expect);
    check(Node { name: "conv1".into(), ..node("Conv", "") }, "the operator Conv (node conv1) is not supported");
    check(node("Conv", ""), "the operator Conv (node number 0) is not supported");
    check(node("SVMRegressor", "ai.onnx.ml"), "the operator SVMRegressor of ai.onnx.ml (node number 0) is not supported");
    // What is known in one domain is not in another.
    check(node("TreeEnsemble", ""), "the operator TreeEnsemble (node number 0) is not supported");
    check(node("Sigmoid", "com.shop"), "the operator Sigmoid of com.shop (node number 0) is not supported");
}

#[test]
fn a_setting_that_is_not_known_is_named() {
    let check = |node: Node, expect: &str| assert_eq!(read(&file(vec![node])).unwrap_err().to_string(), expect);
    let text = |name: &str, value: &str| Attribute { s: value.into(), ..named(name) };
    let int = |name: &str, i: i64| Attribute { i, ..named(name) };
    check(
        stump(vec![text("aggregate_function", "MAX")]),
        "the operator TreeEnsembleRegressor (node number 0) with aggregate_function MAX is not supported (ONNX)",
    );
    check(
        stump(vec![int("n_targets", 2)]),
        "the operator TreeEnsembleRegressor (node number 0) with 2 targets is not supported (ONNX)",
    );
    check(
        stump(vec![text("post_transform", "PROBIT")]),
        "the operator TreeEnsembleRegressor (node number 0) with post_transform PROBIT is not supported (ONNX)",
    );
    check(
        stump(vec![ints("nodes_nodeids", &[0, 1, 1])]),
        "the ONNX file is damaged: the operator TreeEnsembleRegressor (node number 0) has a tree 0 with two nodes of one number",
    );
    check(
        stump(vec![ints("nodes_truenodeids", &[7, 0, 0])]),
        "the ONNX file is damaged: the operator TreeEnsembleRegressor (node number 0) has a tree 0 without its node 7",
    );
    check(
        stump(vec![ints("nodes_truenodeids", &[0, 0, 0])]),
        "the ONNX file is damaged: the operator TreeEnsembleRegressor (node number 0) has a tree 0 with nodes that its root does not lead to",
    );
    check(
        stump(vec![ints("nodes_truenodeids", &[2, 0, 0])]),
        "the ONNX file is damaged: the operator TreeEnsembleRegressor (node number 0) has a tree 0 with two roots",
    );
    check(
        stump(vec![ints("nodes_featureids", &[9, 0, 0])]),
        "the ONNX file is damaged: the operator TreeEnsembleRegressor (node number 0) compares a feature that does not exist",
    );
}

#[test]
fn hit_rates_are_covers_only_where_they_add_up() {
    let check = |rates: Vec<f32>, expect: bool| {
        let node = stump(vec![Attribute { floats: rates.clone(), ..named("nodes_hitrates") }]);
        assert_eq!(read(&file(vec![node])).unwrap().has_cover, expect, "{rates:?}");
    };
    check(vec![40.0, 10.0, 30.0], true);
    check(vec![1.0, 1.0, 1.0], false);
    check(vec![], false);
}

#[test]
fn our_models_survive_as_onnx() {
    let node = |feature, threshold, missing_left, left, right| scoring::model::Node {
        feature,
        missing_left,
        threshold,
        left,
        right,
        value: 0.0,
        cover: 0.0,
    };
    let leaf = scoring::model::Node::leaf;
    let mut trees = Trees {
        width: 2,
        combine: Combine::Mean,
        base: 0.0,
        roots: vec![0, 5],
        nodes: vec![
            node(1, 0.1, true, 1, 2),
            leaf(1, 0.3, 10.0),
            node(0, 1e300, false, 3, 4),
            leaf(3, 0.2, 1.0),
            leaf(4, 0.9, 5.0),
            leaf(5, 0.5, 2.0),
        ],
    };
    trees.sum_up();
    let linear = Linear { intercept: -1.0, weights: vec![0.1, -2.0], means: vec![1.0 / 3.0, 4.0], deviations: vec![0.7, 11.0] };
    let sum = Trees { combine: Combine::LogisticSum, base: -0.7, ..trees.clone() };
    let none = Trees { roots: Vec::new(), nodes: Vec::new(), ..sum.clone() };
    let names = ["amount".to_owned(), "a \"quoted\", name".to_owned()];
    let mut paths = Trees { combine: Combine::PathLength, ..trees.clone() };
    paths.nodes.iter_mut().for_each(|node| node.value = -node.value);
    for model in [Model::Trees(trees), Model::Trees(sum), Model::Trees(none), Model::Trees(paths), Model::Linear(linear)] {
        let again = crate::import::read(&export::onnx(&model, &names)).unwrap();
        assert_eq!((again.features.as_slice(), again.has_cover), (names.as_slice(), true));
        for values in [[0.0, 0.1], [2e300, 0.1f64.next_up()], [f64::NAN, 3.0], [5.0, f64::NAN]] {
            assert!((model.probability(&values) - again.scorer.probability(&values)).abs() < 1e-15, "{model:?} {values:?}");
            assert!((model.expected_output() - again.scorer.model.expected_output()).abs() < 1e-15, "{model:?}");
        }
    }
}

/// feature 0 <= 0.5 ? 0.25 : 0.75, with some attributes replaced or added.
fn stump(mut other: Vec<Attribute>) -> Node {
    let floats = |name: &str, floats: &[f32]| Attribute { floats: floats.to_vec(), ..named(name) };
    let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(|mode| mode.as_bytes().to_vec()).to_vec();
    let usual = vec![
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[0, 0, 0]),
        Attribute { strings: modes, ..named("nodes_modes") },
        floats("nodes_values", &[0.5, 0.0, 0.0]),
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("target_treeids", &[0, 0]),
        ints("target_nodeids", &[1, 2]),
        ints("target_ids", &[0, 0]),
        floats("target_weights", &[0.25, 0.75]),
    ];
    // The first of a name counts.
    other.extend(usual);
    Node { attribute: other, ..node("TreeEnsembleRegressor", "ai.onnx.ml") }
}

fn named(name: &str) -> Attribute {
    Attribute { name: name.to_owned(), ..Attribute::default() }
}

fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute { ints: ints.to_vec(), ..named(name) }
}

/// A node from the input to the output.
fn node(kind: &str, domain: &str) -> Node {
    Node {
        input: vec!["x".into(), "w".into()],
        output: vec!["y".into()],
        op_type: kind.into(),
        domain: domain.into(),
        ..Node::default()
    }
}

fn file(node: Vec<Node>) -> Vec<u8> {
    let info = |name: &str, width: i64| {
        let dim = [0, width].map(|dim_value| proto::Dimension { dim_value, ..Default::default() }).to_vec();
        let tensor = TensorType { elem_type: element::FLOAT, shape: Some(proto::Shape { dim }) };
        ValueInfo { name: name.into(), r#type: Some(proto::Type { tensor_type: Some(tensor) }) }
    };
    let weights =
        Tensor { name: "w".into(), dims: vec![1], data_type: element::FLOAT, float_data: vec![1.0], ..Tensor::default() };
    let graph = proto::Graph {
        node,
        initializer: vec![weights],
        input: vec![info("x", 2)],
        output: vec![info("y", 1)],
        ..Default::default()
    };
    proto::Model { ir_version: 8, graph: Some(graph), ..Default::default() }.encode_to_vec()
}
