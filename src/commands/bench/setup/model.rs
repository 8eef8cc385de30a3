//! A model of the size that is measured, trained on made-up payments.

use std::sync::Arc;

use anyhow::bail;
use features::Engine;
use ingest::log::Position;
use ingest::{Clock, SystemClock};
use scoring::profile::{Distribution, Profile};
use scoring::registry::Published;
use scoring::{Artifact, Model, Pipeline, Scorer};
use training::Matrix;
use training::learners::boosting;

use super::keys;
use crate::commands::bench::events::{Events, Keys};
use crate::commands::made_up::spread;

const TREES: usize = 300;
const LEAVES: usize = 31;
/// So many payments fill the windows first, and so many are learned from.
const ROWS: (u64, u64) = (10_000, 30_000);

/// Trains it. The label of a payment is drawn: fraud grows with the amount beside what is usual for the customer, and with a new device. One payment
/// in some twenty is then reviewed.
pub(in crate::commands::bench) fn train(pipeline: &Pipeline) -> anyhow::Result<Artifact> {
    let plan = &pipeline.plan;
    let mut engine = Engine::new(Arc::clone(plan));
    let mut columns = vec![Vec::new(); plan.width()];
    let mut labels = Vec::new();
    let mut vector = Vec::new();
    // Fewer cards than live, so that windows fill sooner.
    let fewer = |keys: Keys| Keys { count: (keys.count / 10).max(50), ..keys };
    let events = Events::new(&pipeline.schema, &keys().into_iter().map(fewer).collect::<Vec<_>>())?;
    let feature = |name: &str| plan.feature(name).expect("the pipeline of the benches has it");
    let (amount, mean) = (feature("amount_minor"), feature("customer_amount_mean_30d"));
    let device = feature("customer_new_device");
    for number in 0..ROWS.0 + ROWS.1 {
        let event = events.event(number);
        engine.apply(&event, Position(number), &mut vector);
        if number < ROWS.0 {
            continue;
        }
        columns.iter_mut().zip(&vector).for_each(|(column, value)| column.push(*value));
        let known = |place: usize| if vector[place].is_nan() { 0.0 } else { vector[place] };
        let margin = -7.0 + 3.0 * known(amount) / (known(mean) + 1_000.0) + 0.5 * known(device);
        labels.push(chance(number) < scoring::model::sigmoid(margin));
    }
    let names: Vec<String> = plan.definitions().iter().map(|definition| definition.name.clone()).collect();
    let matrix = Matrix::new(names.clone(), columns, labels)?;
    let settings =
        boosting::Settings { trees: TREES, leaves: LEAVES, rate: 0.03, max_bins: 255, ..boosting::Settings::default() };
    let trees = boosting::fit(&matrix, &settings)?;
    if trees.roots.len() != TREES || trees.nodes.len() != TREES * (2 * LEAVES - 1) {
        bail!("{} trees with {} nodes grew, not {TREES} of {LEAVES} leaves", trees.roots.len(), trees.nodes.len());
    }
    let features = matrix.names().iter().zip(matrix.columns()).map(|(name, column)| Distribution::new(name, column)).collect();
    let published = Published { at: SystemClock.now(), by: "riskflow bench setup".to_owned() };
    let scorer = Scorer::plain(Model::Trees(trees));
    let mut artifact = Artifact::foreign(&pipeline.model.name, "boosting", names, plan, scorer, published)?;
    artifact.profile = Profile { features, score: None };
    Ok(artifact)
}

/// A number from 0 to 1 that looks drawn, and is the same each time.
fn chance(number: u64) -> f64 {
    spread(number, 1 << 40) as f64 / f64::from(u32::MAX)
}
