//! What one evaluation of a model and its reasons cost, on made-up trees of several shapes: the plain walk, what is made ready, and
//! the making. `cargo bench -p scoring`.

use std::hint::black_box;

use divan::Bencher;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scoring::model::trees::{Combine, Node, Trees};
use scoring::model::{CompiledTrees, Reasons};

fn main() {
    divan::main();
}

const WIDTH: u16 = 20;
const ROWS: usize = 2_048;

/// Trees and their leaves, and whether they grow level by level or leaf by leaf.
const SHAPES: [(usize, usize, bool); 4] = [(300, 31, false), (100, 64, true), (100, 8, false), (100, 1_000, false)];

/// Thresholds are few to a feature, as after binning.
fn trees((count, leaves, level): (usize, usize, bool), rng: &mut impl Rng) -> Trees {
    let mut trees =
        Trees { width: usize::from(WIDTH), combine: Combine::LogisticSum, base: -3.0, roots: Vec::new(), nodes: Vec::new() };
    for _ in 0..count {
        let root = trees.nodes.len() as u32;
        trees.roots.push(root);
        trees.nodes.push(Node::leaf(root, 0.0, 1.0));
        let mut open = vec![root];
        while open.len() < leaves {
            let index = open.remove(if level { 0 } else { rng.random_range(0..open.len()) });
            let left = trees.nodes.len() as u32;
            for child in [left, left + 1] {
                trees.nodes.push(Node::leaf(child, rng.random_range(-0.1..0.1), rng.random_range(1.0..100.0)));
            }
            let threshold = f64::from(rng.random_range(1..255)) / 128.0 - 1.0;
            let feature = rng.random_range(0..WIDTH);
            trees.nodes[index as usize] =
                Node { feature, missing_left: rng.random_bool(0.5), threshold, left, right: left + 1, value: 0.0, cover: 0.0 };
            open.extend([left, left + 1]);
        }
    }
    trees.sum_up();
    trees
}

fn made() -> Vec<(Trees, Vec<Vec<f64>>)> {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let value = |rng: &mut ChaCha8Rng| if rng.random_bool(0.02) { f64::NAN } else { rng.random_range(-1.0..1.0) };
    let rows = |rng: &mut ChaCha8Rng| (0..ROWS).map(|_| (0..WIDTH).map(|_| value(rng)).collect()).collect();
    SHAPES.iter().map(|shape| (trees(*shape, rng), rows(rng))).collect()
}

/// Row after row.
fn run<T>(bencher: Bencher<'_, '_>, shape: usize, evaluate: impl Fn(&Trees) -> Box<dyn Fn(&[f64]) -> T>) {
    let (trees, rows) = made().swap_remove(shape);
    let evaluate = evaluate(&trees);
    let mut row = 0;
    bencher.bench_local(|| {
        row = (row + 1) % ROWS;
        evaluate(black_box(&rows[row]))
    });
}

#[divan::bench(args = 0..SHAPES.len(), sample_size = 256)]
fn walk(bencher: Bencher<'_, '_>, shape: usize) {
    run(bencher, shape, |trees| {
        let trees = trees.clone();
        Box::new(move |row: &[f64]| trees.output(row))
    });
}

#[divan::bench(args = 0..SHAPES.len(), sample_size = 256)]
fn ready(bencher: Bencher<'_, '_>, shape: usize) {
    run(bencher, shape, |trees| {
        let compiled = CompiledTrees::new(trees, usize::from);
        Box::new(move |row: &[f64]| compiled.output(row))
    });
}

/// As in service, where other work has used the processor's near caches meanwhile.
#[divan::bench(args = 0..SHAPES.len(), sample_size = 1, sample_count = 2_000)]
fn ready_after_other_work(bencher: Bencher<'_, '_>, shape: usize) {
    const OTHER_BYTES: usize = 1 << 20;
    let (trees, rows) = made().swap_remove(shape);
    let compiled = CompiledTrees::new(&trees, usize::from);
    let (mut other, mut row) = (vec![1_u8; OTHER_BYTES], 0);
    let next = || {
        other.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
        row = (row + 1) % ROWS;
        black_box(&rows[row])
    };
    bencher.with_inputs(next).bench_local_values(|row| compiled.output(row));
}

#[divan::bench(args = 0..SHAPES.len(), sample_size = 8)]
fn reasons(bencher: Bencher<'_, '_>, shape: usize) {
    run(bencher, shape, |trees| {
        let reasons = Reasons::new(trees, usize::from);
        Box::new(move |row: &[f64]| reasons.contributions(row))
    });
}

#[divan::bench(args = 0..SHAPES.len(), sample_size = 1, sample_count = 10)]
fn make_ready(bencher: Bencher<'_, '_>, shape: usize) {
    let (trees, _) = made().swap_remove(shape);
    bencher.bench_local(|| (CompiledTrees::new(black_box(&trees), usize::from), Reasons::new(&trees, usize::from)));
}
