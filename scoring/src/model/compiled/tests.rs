use proptest::prelude::*;

use super::*;
use crate::model::Node;

/// How a leaf is split in two: which leaf, counted around, the feature, the threshold, where a missing value goes.
type Cut = (usize, u16, f64, bool);

fn cut(width: u16) -> impl Strategy<Value = Cut> {
    (0..1_000usize, 0..width, number(), any::<bool>())
}

/// Numbers that meet one another often, both zeros, the ends, and any.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..4i8).prop_map(f64::from),
        2 => prop_oneof![Just(-0.0), Just(0.0), Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), Just(5e-324)],
        1 => -4.0..4.0,
    ]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => number(),
        1 => number().prop_map(f64::next_up),
        1 => number().prop_map(f64::next_down),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

fn ensemble(trees: &[Vec<Cut>], width: usize, combine: Combine) -> Trees {
    let mut all = Trees { width, combine, base: -0.3, roots: Vec::new(), nodes: Vec::new() };
    for cuts in trees {
        let root = add_leaf(&mut all.nodes);
        all.roots.push(root);
        let mut leaves = vec![root];
        for (leaf, feature, threshold, missing_left) in cuts {
            let index = leaves.swap_remove(leaf % leaves.len());
            let (left, right) = (add_leaf(&mut all.nodes), add_leaf(&mut all.nodes));
            all.nodes[index as usize] = Node {
                feature: *feature,
                missing_left: *missing_left,
                threshold: *threshold,
                left,
                right,
                ..all.nodes[index as usize]
            };
            leaves.extend([left, right]);
        }
    }
    all.sum_up();
    assert_eq!(all.check(), Ok(()));
    all
}

/// Values repeat, so that leaves of one value lie beside one another.
fn add_leaf(nodes: &mut Vec<Node>) -> u32 {
    let index = nodes.len() as u32;
    let value = f64::from(index.wrapping_mul(2_654_435_761) >> 27) * 0.037 - 0.6;
    nodes.push(Node::leaf(index, value, f64::from(index % 7 + 1)));
    index
}

/// Leaf by leaf as `order` says, on features and thresholds in turn.
fn regular(splits: usize, width: u16, order: impl Fn(usize) -> usize) -> Vec<Cut> {
    let cut = |split: usize| {
        let threshold = (split * 37 % 101) as f64 / 10.0 - 5.0;
        (order(split), (split * 7 % usize::from(width)) as u16, threshold, split.is_multiple_of(3))
    };
    (0..splits).map(cut).collect()
}

fn same(trees: &Trees, rows: &[Vec<f64>]) -> Result<(), TestCaseError> {
    let compiled = CompiledTrees::new(trees, usize::from);
    // Few rows, with changes between them; what is kept by default for a few small trees is all rows.
    let changing = [0, 4_096].map(|most_row_bytes| CompiledTrees::with(trees, usize::from, most_row_bytes));
    // Features may lie elsewhere in a vector.
    let elsewhere = CompiledTrees::new(trees, |feature| 2 * (trees.width - usize::from(feature)));
    for row in rows {
        let expect = trees.output(row);
        prop_assert_eq!(
            compiled.output(row).to_bits(),
            expect.to_bits(),
            "{} is not {}: {:?}",
            compiled.output(row),
            expect,
            row
        );
        for changing in &changing {
            prop_assert_eq!(changing.output(row).to_bits(), expect.to_bits(), "{:?}", row);
        }
        prop_assert_eq!(compiled.probability(row).to_bits(), trees.probability(row).to_bits());
        let mut far = vec![9.9; 2 * trees.width + 1];
        row.iter().enumerate().for_each(|(feature, value)| far[2 * (trees.width - feature)] = *value);
        prop_assert_eq!(elsewhere.output(&far).to_bits(), expect.to_bits());
    }
    Ok(())
}

const WIDTH: u16 = 6;

proptest! {
    #[test]
    fn compiled_trees_are_the_trees(
        trees in prop::collection::vec(prop_oneof![
            6 => prop::collection::vec(cut(WIDTH), 0..31),
            2 => prop::collection::vec(cut(WIDTH), 31..70),
            1 => prop::collection::vec(cut(WIDTH), 70..200),
        ], 0..40),
        rows in prop::collection::vec(prop::collection::vec(value(), usize::from(WIDTH)), 1..60),
        combine in prop_oneof![Just(Combine::LogisticSum), Just(Combine::Mean), Just(Combine::PathLength)],
    ) {
        let combine = if trees.is_empty() { Combine::LogisticSum } else { combine };
        same(&ensemble(&trees, usize::from(WIDTH), combine), &rows)?;
    }
}

#[test]
fn every_shape_of_trees_is_itself() {
    let last = |split: usize| split;
    let first = |_: usize| 0;
    let check = |count: usize, splits: usize, width: u16, order: &dyn Fn(usize) -> usize| {
        let trees = vec![regular(splits, width, order); count];
        let trees = ensemble(&trees, usize::from(width), Combine::LogisticSum);
        let numbers = (-60..60).map(|tenth| f64::from(tenth) / 10.0);
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX];
        let mut rows: Vec<Vec<f64>> = numbers.chain(special).map(|value| vec![value; usize::from(width)]).collect();
        let mixed =
            |row: usize| (0..usize::from(width)).map(|feature| ((row + 1) * (feature + 3) % 103) as f64 / 10.0 - 5.0).collect();
        rows.extend((0..40).map(mixed));
        same(&trees, &rows).unwrap_or_else(|error| panic!("{count} trees of {splits} splits on {width} features: {error}"));
    };
    check(0, 0, 1, &last);
    check(1, 0, 1, &last);
    check(1, 1, 1, &last);
    check(17, 30, 4, &last);
    check(16, 31, 31, &first);
    check(9, 32, 5, &last);
    check(8, 63, 20, &|split| split / 2);
    check(3, 64, 20, &|split| split / 2);
    check(5, 90, 1, &first);
    check(2, 511, 9, &|split| split / 2);
    check(3, 2_000, 11, &|split| split / 3);
    check(1, 3_000, 2, &last);
    check(40, 31, 900, &last);
    check(1_100, 7, 50, &|split| split / 2);
}

#[test]
fn leaves_repeated_by_a_split_on_categories_are_one() {
    // Every other category goes left: 20 pieces of one feature, each above one of the same two trees of 4 leaves.
    let mut trees = Trees { width: 2, combine: Combine::LogisticSum, base: 0.0, roots: vec![0], nodes: Vec::new() };
    pieces(&mut trees.nodes, 0, 20);
    trees.sum_up();
    assert_eq!(trees.check(), Ok(()));
    let boxes = Boxes::new(&Compact::new(&trees.nodes, 0, Likeness::Values)).expect("80 leaves");
    assert_eq!(boxes.len(), 8);
    let rows: Vec<Vec<f64>> =
        (-2..44).flat_map(|half| [-0.5, 0.5, 1.5, 2.5].map(|other| vec![f64::from(half) / 2.0, other])).collect();
    same(&trees, &rows).expect("the same");
}

fn pieces(nodes: &mut Vec<Node>, from: u32, to: u32) -> u32 {
    let index = add_leaf(nodes);
    let (feature, threshold, left, right) = match to - from {
        1 => (1, 1.0, other(nodes, from % 2, 0), other(nodes, from % 2, 2)),
        _ => {
            let middle = from.midpoint(to);
            (0, f64::from(middle) - 0.5, pieces(nodes, from, middle), pieces(nodes, middle, to))
        }
    };
    nodes[index as usize] = Node { feature, threshold, left, right, ..nodes[index as usize] };
    index
}

fn other(nodes: &mut Vec<Node>, side: u32, first: u32) -> u32 {
    let (index, left, right) = (add_leaf(nodes), add_leaf(nodes), add_leaf(nodes));
    nodes[left as usize].value = f64::from(10 * side + first);
    nodes[right as usize].value = f64::from(10 * side + first + 1);
    nodes[index as usize] = Node { feature: 1, threshold: f64::from(first), left, right, ..nodes[index as usize] };
    index
}

#[test]
fn trees_that_ask_very_many_features_are_themselves() {
    // Eight trees of two leaves, which ask a hundred features each where no event comes: of what is above 1 and at most 0.
    let width: u16 = 801;
    let mut trees =
        Trees { width: usize::from(width), combine: Combine::LogisticSum, base: 0.0, roots: Vec::new(), nodes: Vec::new() };
    for tree in 0..8_u16 {
        trees.roots.push(trees.nodes.len() as u32);
        let chain = (0..100).map(|split| (tree * 100 + split + 1, 0.5, false));
        for (feature, threshold, is_leaf_left) in [(0, 1.0, true), (0, 0.0, false)].into_iter().chain(chain) {
            let at = trees.nodes.len() as u32;
            let (left, right) = if is_leaf_left { (at + 1, at + 2) } else { (at + 2, at + 1) };
            trees.nodes.push(Node { feature, threshold, left, right, ..Node::leaf(at, 0.0, 1.0) });
            trees.nodes.push(Node::leaf(at + 1, f64::from(at) / 8.0, 1.0));
        }
        let at = trees.nodes.len() as u32;
        trees.nodes.push(Node::leaf(at, 0.25, 1.0));
    }
    trees.sum_up();
    assert_eq!(trees.check(), Ok(()));
    let compiled = Boxes::new(&Compact::new(&trees.nodes, trees.roots[3], Likeness::Values)).expect("few leaves");
    assert_eq!((compiled.len(), compiled.asked().count()), (2, 101));
    let rows: Vec<Vec<f64>> =
        (0..4).map(|row| (0..width).map(|feature| f64::from((feature + row) % 4) - 0.5).collect()).collect();
    same(&trees, &rows).expect("the same");
}
