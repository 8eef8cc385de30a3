use proptest::prelude::*;

use super::reasons::tree_contributions;
use super::trees::Combine;
use super::*;

#[test]
fn scores_at_stated_odds() {
    let check = |probability: f64, expect: u16| assert_eq!(score(probability), expect, "{probability}");
    check(0.0, 0);
    check(1.0 / 101.0, 500);
    check(2.0 / 102.0, 560);
    check(0.5, 899);
    check(0.1, 708);
    check(1.0, 1000);
    for points in 1..1000 {
        let at = probability_at(points);
        assert_eq!(score(at), points, "{at}");
        assert_eq!(score(at * (1.0 - 1e-12)), points - 1, "{at}");
    }
}

#[test]
fn a_linear_model_adds_up_from_the_mean_of_training() {
    let model = Model::Linear(linear());
    let check = |values: [f64; 2], contributions: [f64; 2], probability: f64| {
        assert_eq!(model.contributions(&values), contributions, "{values:?}");
        assert!((model.probability(&values) - probability).abs() < 1e-12, "{values:?}");
    };
    check([10.0, 1.0], [0.0, 0.0], sigmoid(-2.0));
    check([14.0, 1.0], [3.0, 0.0], sigmoid(1.0));
    check([f64::NAN, 2.0], [0.0, -4.0], sigmoid(-6.0));
    assert_eq!(model.expected_output(), -2.0);
}

#[test]
fn an_event_walks_to_its_leaf() {
    // amount <= 220 ? (risk <= 0.5 ? -1 : 2) : 3, a missing amount goes right, a missing risk left.
    let check = |amount: f64, risk: f64, expect: f64| {
        let trees = trees(2, Combine::LogisticSum, &[amount_and_risk()]);
        assert_eq!(trees.output(&[amount, risk]), expect, "{amount} {risk}");
        assert_eq!(trees.probability(&[amount, risk]), sigmoid(expect), "{amount} {risk}");
    };
    check(220.0, 0.5, -1.0);
    check(220.0, 0.6, 2.0);
    check(220.01, 0.5, 3.0);
    check(f64::NAN, 0.5, 3.0);
    check(1.0, f64::NAN, -1.0);
    check(f64::MAX, f64::MIN, 3.0);
}

#[test]
fn a_mean_of_trees_stays_a_probability() {
    let check = |leaves: &[f64], expect: f64| {
        let forest = trees(1, Combine::Mean, &leaves.iter().map(|&value| Shape::Leaf(value, 1.0)).collect::<Vec<_>>());
        assert_eq!(forest.probability(&[0.0]), expect, "{leaves:?}");
    };
    check(&[0.25, 0.75], 0.5);
    check(&[1.0], 1.0);
    check(&[0.9, 1.3], 1.0);
}

#[test]
fn short_paths_are_strange() {
    let check = |leaves: &[f64], expect: f64| {
        let forest = trees(1, Combine::PathLength, &leaves.iter().map(|&value| Shape::Leaf(value, 1.0)).collect::<Vec<_>>());
        assert!((forest.probability(&[0.0]) - expect).abs() < 1e-15, "{leaves:?}");
    };
    check(&[-1.0], 0.5);
    check(&[-0.5, -1.5], 0.5);
    check(&[0.0], 1.0);
    check(&[-2.0, -4.0], 0.125);
    check(&[0.25], 1.0);
    let none = Trees { width: 1, combine: Combine::PathLength, base: 0.0, roots: vec![], nodes: vec![] };
    assert_eq!(none.check(), Err(Invalid::NoTrees));
}

#[test]
fn contributions_of_a_tree_worked_by_hand() {
    // Covers 6, 2 and 2: the mean is (6 x -1 + 2 x 2 + 2 x 3) / 10 = 0.4. For a small amount at high risk: knowing the amount
    // alone gives (6 x -1 + 2 x 2) / 8 = -0.25, the risk alone 0.8 x 2 + 0.2 x 3 = 2.2, both 2.
    let trees = trees(2, Combine::LogisticSum, &[amount_and_risk()]);
    let contributions = tree_contributions(&trees, &[100.0, 0.9]);
    assert!((trees.expected_output() - 0.4).abs() < 1e-12);
    assert!((contributions[0] - ((-0.25 - 0.4) + (2.0 - 2.2)) / 2.0).abs() < 1e-12, "{contributions:?}");
    assert!((contributions[1] - ((2.2 - 0.4) + (2.0 + 0.25)) / 2.0).abs() < 1e-12, "{contributions:?}");
}

#[test]
fn a_broken_model_is_named() {
    type Edit = fn(&mut Trees);
    let check = |edit: Edit, expect: &str| {
        let mut trees = trees(2, Combine::Mean, &[amount_and_risk()]);
        assert_eq!(trees.check(), Ok(()));
        edit(&mut trees);
        assert_eq!(Model::Trees(trees).check().unwrap_err().to_string(), expect);
    };
    check(|trees| trees.roots.clear(), "the model is a mean of no trees");
    check(|trees| trees.roots[0] = 9, "node 9 of the model is a root but does not exist");
    check(|trees| trees.base = f64::NAN, "the base of the model is not a usable number");
    check(|trees| trees.width = 1, "node 1 of the model compares a feature that does not exist");
    check(|trees| trees.nodes[1].left = 0, "node 1 of the model has a child that does not come after it");
    check(|trees| trees.nodes[0].right = 5, "node 0 of the model has a child that does not come after it");
    check(|trees| trees.nodes[1].right = 4, "node 4 of the model is a child twice");
    check(|trees| trees.nodes[2].value = f64::INFINITY, "node 2 of the model has a number that is not finite");
    check(|trees| trees.nodes[0].cover = 0.0, "node 0 of the model has no cover");
    check(|trees| trees.nodes[1].value += 0.1, "node 0 of the model has a value that is not the mean of its children");

    type LinearEdit = fn(&mut Linear);
    let check = |edit: LinearEdit, expect: &str| {
        let mut linear = linear();
        assert_eq!(linear.check(), Ok(()));
        edit(&mut linear);
        assert_eq!(Model::Linear(linear).check().unwrap_err().to_string(), expect);
    };
    check(|linear| linear.means.truncate(1), "the model has 2 weights, 1 means and 2 deviations");
    check(|linear| linear.deviations[1] = 0.0, "a deviation of the model is not a usable number");
    check(|linear| linear.weights[0] = f64::NAN, "a weight of the model is not a usable number");
}

#[test]
fn a_model_survives_its_artifact() {
    for model in [Model::Linear(linear()), Model::Trees(trees(2, Combine::Mean, &[amount_and_risk()]))] {
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), model);
    }
}

proptest! {
    #[test]
    fn contributions_are_the_shapley_values(
        shapes in prop::collection::vec(shape(), 1..4),
        values in prop::collection::vec(value(), WIDTH),
        combine in combine(),
    ) {
        let trees = trees(WIDTH, combine, &shapes);
        prop_assert_eq!(trees.check(), Ok(()));
        let contributions = tree_contributions(&trees, &values);
        for (feature, contribution) in contributions.iter().enumerate() {
            let expect = shapley_value(&trees, &values, feature);
            prop_assert!((contribution - expect).abs() < 1e-9, "feature {}: {} is not {}", feature, contribution, expect);
        }
        let sum = trees.expected_output() + contributions.iter().sum::<f64>();
        prop_assert!((sum - trees.output(&values)).abs() < 1e-9);
    }

    #[test]
    fn many_rows_at_once_are_the_rows_one_by_one(
        shapes in prop::collection::vec(shape(), 1..4),
        rows in prop::collection::vec(prop::collection::vec(value(), WIDTH), 0..600),
        combine in combine(),
    ) {
        let columns: Vec<Vec<f64>> = (0..WIDTH).map(|feature| rows.iter().map(|row| row[feature]).collect()).collect();
        let linear = Linear { intercept: -1.0, weights: vec![0.3; WIDTH], means: vec![1.0; WIDTH], deviations: vec![0.7; WIDTH] };
        let trees = trees(WIDTH, combine, &shapes);
        for model in [Model::Trees(trees), Model::Linear(linear)] {
            let one_by_one: Vec<u64> = rows.iter().map(|row| model.probability(row).to_bits()).collect();
            let at_once: Vec<u64> = model.probabilities(&columns).into_iter().map(f64::to_bits).collect();
            prop_assert_eq!(at_once, one_by_one);
            // So many that it is worth making the model ready first.
            let again = COMPILED_FROM_ROWS.div_ceil(rows.len().max(1));
            let many: Vec<Vec<f64>> = columns.iter().map(|column| column.repeat(again)).collect();
            let sooner = model.probabilities(&many);
            prop_assert!(sooner.iter().zip(rows.iter().cycle()).all(|(sooner, row)| *sooner == model.probability(row)));
        }
    }
}

#[test]
fn long_paths_are_explained_exactly() {
    // A chain in which every question is about a feature of its own, and one in which they come again.
    let check = |features: u16, splits: u16| {
        let mut shape = Shape::Leaf(0.7, 3.0);
        for split in 0..splits {
            let leaf = Shape::Leaf(f64::from(split % 5) - 2.0, f64::from(split % 3 + 1));
            let (left, right) = if split % 2 == 0 { (shape, leaf) } else { (leaf, shape) };
            shape = Shape::Split(split % features, f64::from(split % 4), split % 3 == 0, Box::new(left), Box::new(right));
        }
        let trees = trees(usize::from(features), Combine::LogisticSum, &[shape]);
        let values: Vec<f64> = (0..features).map(|feature| f64::from(feature * 7 % 5)).collect();
        let contributions = tree_contributions(&trees, &values);
        for feature in (0..usize::from(features)).step_by(4) {
            let (found, expect) = (contributions[feature], shapley_value(&trees, &values, feature));
            assert!((found - expect).abs() < 1e-10, "feature {feature} of {features}: {found} is not {expect}");
        }
        let sum = trees.expected_output() + contributions.iter().sum::<f64>();
        assert!((sum - trees.output(&values)).abs() < 1e-10, "{features} features");
    };
    check(5, 5);
    check(7, 20);
    check(9, 9);
    check(11, 30);
    check(13, 13);
    check(14, 40);
}

#[test]
fn a_hundred_features_on_a_path_add_up() {
    let mut shape = Shape::Leaf(0.7, 1e-3);
    for split in 0..300 {
        let leaf = Shape::Leaf(f64::from(split % 5) - 2.0, 1e6);
        shape = Shape::Split(split % 100, 0.5, true, Box::new(shape), Box::new(leaf));
    }
    let trees = trees(100, Combine::LogisticSum, &[shape]);
    for values in [vec![0.0; 100], (0..100).map(|feature| f64::from(feature % 7 / 6)).collect(), vec![1.0; 100]] {
        let sum = trees.expected_output() + tree_contributions(&trees, &values).iter().sum::<f64>();
        assert!((sum - trees.output(&values)).abs() < 1e-9, "{sum} is not {}", trees.output(&values));
    }
}

#[test]
fn what_is_made_ready_gives_the_same_wherever_its_features_lie() {
    let filled = |flag| preparation::Filled { median: 2.0, range: (-5.0, 200.0), flag };
    let prepared = Preparation::Linear(vec![filled(true), filled(false)]);
    let three = Linear { intercept: -1.0, weights: vec![0.5, 3.0, 0.25], means: vec![1.0, 0.5, 4.0], deviations: vec![1.0; 3] };
    let split = Shape::Split(2, 0.5, false, Box::new(amount_and_risk()), Box::new(Shape::Leaf(0.5, 1.0)));
    for (preparation, model) in [
        (None, Model::Linear(linear())),
        (None, Model::Trees(trees(2, Combine::Mean, &[amount_and_risk()]))),
        (Some(prepared.clone()), Model::Linear(three)),
        (Some(prepared), Model::Trees(trees(3, Combine::LogisticSum, &[split]))),
    ] {
        let scorer = Scorer { preparation, model, calibration: Calibration::Platt { slope: 1.5, intercept: -0.2 } };
        assert_eq!(scorer.check(), Ok(()));
        let ready = Runnable::new(&scorer, &[3, 1]);
        for values in [[100.0, 0.9], [300.0, f64::NAN], [f64::NAN, 0.1]] {
            let vector = [f64::NAN, values[1], f64::INFINITY, values[0]];
            assert_eq!(ready.probability(&vector), scorer.probability(&values));
            let columns: Vec<Vec<f64>> = vector.iter().map(|value| vec![*value; 3]).collect();
            assert_eq!(ready.probabilities(&columns), vec![scorer.probability(&values); 3]);
            let expect = scorer.contributions(&values);
            assert_eq!(ready.contributions(&vector), [0.0, expect[1], 0.0, expect[0]]);
        }
    }
}

const WIDTH: usize = 6;

fn combine() -> impl Strategy<Value = Combine> {
    prop_oneof![Just(Combine::LogisticSum), Just(Combine::Mean), Just(Combine::PathLength)]
}

fn linear() -> Linear {
    Linear { intercept: -2.0, weights: vec![1.5, -2.0], means: vec![10.0, 1.0], deviations: vec![2.0, 0.5] }
}

fn amount_and_risk() -> Shape {
    let risk = Shape::Split(1, 0.5, true, Box::new(Shape::Leaf(-1.0, 6.0)), Box::new(Shape::Leaf(2.0, 2.0)));
    Shape::Split(0, 220.0, false, Box::new(risk), Box::new(Shape::Leaf(3.0, 2.0)))
}

/// A tree as a person would draw it: a leaf's value and cover, or a split's feature, threshold, way of the missing and children.
#[derive(Clone, Debug)]
enum Shape {
    Leaf(f64, f64),
    Split(u16, f64, bool, Box<Shape>, Box<Shape>),
}

/// Of any leaves, or of few that come again and again, as where a split on categories was cut in several.
fn shape() -> impl Strategy<Value = Shape> {
    let leaf = (-3.0..3.0, 1..50u32).prop_map(|(value, cover)| Shape::Leaf(value, f64::from(cover)));
    let one_of_few =
        prop::sample::select(vec![(-1.0, 1.0), (1.0, 1.0), (1.0, 2.0)]).prop_map(|(value, cover)| Shape::Leaf(value, cover));
    prop_oneof![2 => grown(leaf.boxed(), WIDTH as u16), 1 => grown(one_of_few.boxed(), 2)]
}

fn grown(leaf: BoxedStrategy<Shape>, features: u16) -> impl Strategy<Value = Shape> {
    let split = move |inner: BoxedStrategy<Shape>| {
        (0..features, 0..4u8, any::<bool>(), inner.clone(), inner).prop_map(|(feature, threshold, missing_left, left, right)| {
            Shape::Split(feature, f64::from(threshold), missing_left, Box::new(left), Box::new(right))
        })
    };
    leaf.prop_recursive(6, 40, 2, move |inner| split(inner.boxed()))
}

/// Often on a threshold, often missing.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(f64::NAN), 4 => (0..5u8).prop_map(f64::from)]
}

fn trees(width: usize, combine: Combine, shapes: &[Shape]) -> Trees {
    let mut nodes = Vec::new();
    let roots = shapes.iter().map(|shape| flatten(shape, &mut nodes)).collect();
    let mut trees = Trees { width, combine, base: 0.0, roots, nodes };
    trees.sum_up();
    trees
}

fn flatten(shape: &Shape, nodes: &mut Vec<Node>) -> u32 {
    let index = nodes.len() as u32;
    nodes.push(Node::leaf(index, 0.0, 0.0));
    nodes[index as usize] = match shape {
        Shape::Leaf(value, cover) => Node::leaf(index, *value, *cover),
        Shape::Split(feature, threshold, missing_left, left, right) => {
            let (left, right) = (flatten(left, nodes), flatten(right, nodes));
            Node { feature: *feature, missing_left: *missing_left, threshold: *threshold, left, right, value: 0.0, cover: 0.0 }
        }
    };
    index
}

/// Shapley's formula as it stands: over all subsets of the other features, what knowing this one changes.
fn shapley_value(trees: &Trees, values: &[f64], feature: usize) -> f64 {
    let factorial = |n: usize| (1..=n).product::<usize>() as f64;
    let output = |known: usize| -> f64 {
        let sum: f64 = trees.roots.iter().map(|&root| conditional(trees, root, values, known)).sum();
        if trees.combine == Combine::LogisticSum { sum } else { sum / trees.roots.len() as f64 }
    };
    (0..1 << trees.width)
        .filter(|subset| subset & (1 << feature) == 0)
        .map(|subset: usize| {
            let size = subset.count_ones() as usize;
            let weight = factorial(size) * factorial(trees.width - size - 1) / factorial(trees.width);
            weight * (output(subset | 1 << feature) - output(subset))
        })
        .sum()
}

/// What a tree gives on average when only some features are known.
fn conditional(trees: &Trees, index: u32, values: &[f64], known: usize) -> f64 {
    let node = &trees.nodes[index as usize];
    if node.is_leaf(index) {
        return node.value;
    }
    let value = values[usize::from(node.feature)];
    if known & (1 << node.feature) != 0 {
        let left = value <= node.threshold || (value.is_nan() && node.missing_left);
        return conditional(trees, if left { node.left } else { node.right }, values, known);
    }
    let (left, right) = (&trees.nodes[node.left as usize], &trees.nodes[node.right as usize]);
    (left.cover * conditional(trees, node.left, values, known) + right.cover * conditional(trees, node.right, values, known))
        / (left.cover + right.cover)
}
