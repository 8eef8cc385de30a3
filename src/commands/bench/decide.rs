//! `riskflow bench decide`: what one decision costs, without network, log or disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use features::Engine;
use hdrhistogram::Histogram;
use ingest::log::Position;
use scoring::control::State;
use scoring::decide::{Case, Deciders, LoadedModel, ask, decide};
use scoring::rules::Facts;
use scoring::{FileRegistry, Pipeline, Reasons, Registry, Verdict};
use serde::Serialize;

use super::events::Events;
use super::setup;
use crate::output;

/// Measure one decision without I/O: features, model, rules, lists, reasons
///
/// On the set-up of `riskflow bench setup`: 30 window features, 50 rules, three lists of 1,000 entries, 300 trees with 31 leaves. One thread;
/// prints one JSON object, in microseconds. In turns of some hundred events, they are decided without reasons, decided with the four
/// strongest, taken through the stages one by one, and explained. What the stages lack to the whole is policy and the making of the record.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench decide --events 60000")]
pub(super) struct Args {
    /// How many decisions are measured
    #[arg(long, value_name = "COUNT", default_value_t = 30_000)]
    events: u64,
    /// How many events fill the windows before
    #[arg(long, value_name = "COUNT", default_value_t = 200_000)]
    before: u64,
    /// A folder that `riskflow bench setup` made [default: one is made and thrown away]
    #[arg(long, value_name = "DIR")]
    setup: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Measured {
    decisions: u64,
    features: usize,
    rules: usize,
    trees: usize,
    /// Without reasons: median and 99th percentile of features, model, rules, lists and policy together.
    p50_us: f64,
    p99_us: f64,
    /// The same with the four strongest reasons of every event.
    with_reasons: Quantiles,
    stages: BTreeMap<&'static str, Quantiles>,
    /// The share of events that a rule hit, and of those that were not approved.
    hit_share: f64,
    not_approved_share: f64,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50_us: f64,
    p99_us: f64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = match &args.setup {
        Some(folder) => folder.clone(),
        None => {
            output::message("making the set-up");
            setup::make(temporary.path()).await?;
            temporary.path().to_owned()
        }
    };
    if args.events < Turn::ALL.len() as u64 * Turn::EVENTS {
        bail!("give at least {} events: they are measured in turns of {}", Turn::ALL.len() as u64 * Turn::EVENTS, Turn::EVENTS);
    }
    let pipeline = Arc::new(crate::read_pipeline(&folder.join("pipeline.toml"))?);
    let deciders = deciders(&pipeline, &FileRegistry::open(&folder.join("data/registry"))?)?;
    output::json_line(&measure(args, &pipeline, &deciders)?)
}

/// What decides once the set-up has started: its model, the rules of its pipeline, entries on its lists.
fn deciders(pipeline: &Arc<Pipeline>, registry: &FileRegistry) -> anyhow::Result<Deciders> {
    let name = &pipeline.model.name;
    let version = registry.versions(name)?.pop().with_context(|| format!("there is no version of {name}"))?;
    let mut state = State { champion: Some((name.clone(), version)), rules: pipeline.rules.clone(), ..State::default() };
    for (control, position) in setup::entries().into_iter().zip(0..) {
        state.apply(control, Position(position));
    }
    let mut load = |name: &str, version: u32| LoadedModel::load(registry, name, version, pipeline);
    let (deciders, problems) = Deciders::new(&state, pipeline, &mut load);
    match problems.into_iter().next() {
        Some(problem) => Err(anyhow::Error::new(problem.error).context(format!("{} cannot be used", problem.what))),
        None => Ok(deciders),
    }
}

/// What is measured of some events that follow one another. No event is decided twice, so none finds the trees and lists warm from itself;
/// and none that is decided without reasons finds them pushed out of the processor's caches by the reasons of the one before, as it
/// would not where reasons are off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Without,
    WithReasons,
    Stages,
    Reasons,
}

impl Turn {
    const ALL: [Self; 4] = [Self::Without, Self::WithReasons, Self::Stages, Self::Reasons];
    /// How many events it has.
    const EVENTS: u64 = 250;

    const fn of(number: u64) -> Self {
        Self::ALL[(number / Self::EVENTS) as usize % Self::ALL.len()]
    }
}

fn measure(args: &Args, pipeline: &Pipeline, deciders: &Deciders) -> anyhow::Result<Measured> {
    let champion = deciders.champion.as_deref().context("the set-up has a model")?;
    let mut engine = Engine::new(Arc::clone(&pipeline.plan));
    let mut vector = Vec::new();
    let events = Events::new(&pipeline.schema, &setup::keys())?;
    for number in 0..args.before {
        engine.apply(&events.event(number), Position(number), &mut vector);
    }
    let (mut without, mut with_reasons) = (Nanos::new(), Nanos::new());
    let mut stages: BTreeMap<&'static str, Nanos> =
        ["features", "model", "rules", "lists", "reasons"].map(|stage| (stage, Nanos::new())).into();
    let (mut decided, mut hits, mut not_approved) = (0_u64, 0_u64, 0_u64);
    for number in args.before..args.before + args.events {
        let event = events.event(number);
        let received_at = event.occurred_at;
        let ((outcome, vector), features) = timed(|| {
            let mut vector = Vec::with_capacity(pipeline.plan.width());
            let outcome = engine.apply(&event, Position(number), &mut vector);
            (outcome, vector)
        });
        let case = Case { event, position: Position(number), received_at, vector, outcome };
        let (reasons, whole) = match Turn::of(number - args.before) {
            Turn::Without => (Reasons::None, &mut without),
            Turn::WithReasons => (Reasons::Top, &mut with_reasons),
            Turn::Stages => {
                let spent = one_by_one(&case, deciders);
                for (name, nanos) in spent.into_iter().chain([("features", features)]) {
                    stages.get_mut(name).expect("it is one of them").record(nanos);
                }
                continue;
            }
            Turn::Reasons => {
                let explain =
                    || pipeline.reasons.strongest(&case.vector, &champion.contributions(&case.vector), champion.usual());
                let (_, nanos) = timed(explain);
                stages.get_mut("reasons").expect("it is one of them").record(nanos);
                continue;
            }
        };
        let (decision, nanos) = timed(|| {
            let said = ask(&case, deciders);
            decide(case, said, deciders, reasons, received_at)
        });
        whole.record(features + nanos);
        decided += 1;
        hits += u64::from(!decision.rules.is_empty());
        not_approved += u64::from(decision.decision > Verdict::Approve);
    }
    let trees = match &champion.artifact.scorer.model {
        scoring::Model::Trees(trees) => trees.roots.len(),
        scoring::Model::Linear(_) | scoring::Model::Network(_) => 0,
    };
    let share = |count: u64| count as f64 / decided as f64;
    let Quantiles { p50_us, p99_us } = without.quantiles();
    Ok(Measured {
        decisions: args.events,
        features: pipeline.plan.width(),
        rules: deciders.rules.asked().len(),
        trees,
        p50_us,
        p99_us,
        with_reasons: with_reasons.quantiles(),
        stages: stages.iter().map(|(name, nanos)| (*name, nanos.quantiles())).collect(),
        hit_share: share(hits),
        not_approved_share: share(not_approved),
    })
}

/// The stages after the features, each with the nanoseconds that it takes on its own.
fn one_by_one(case: &Case, deciders: &Deciders) -> [(&'static str, u64); 3] {
    let (said, model) = timed(|| ask(case, deciders));
    let probability = said.ok().map(|said| said.probability);
    let score = probability.map(scoring::model::score);
    let (_, lists) = timed(|| deciders.lists.matches(&case.event));
    let then = deciders.lists.at(case.event.occurred_at);
    let facts = Facts::new(&case.event, &case.vector, &then).scored(score, probability);
    let (_, rules) = timed(|| deciders.rules.evaluate(&facts));
    [("model", model), ("lists", lists), ("rules", rules)]
}

/// What a piece of work gave, and the nanoseconds that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let started = Instant::now();
    let result = std::hint::black_box(work());
    (result, u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Nanoseconds, many times.
struct Nanos(Histogram<u64>);

impl Nanos {
    fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds fit"))
    }

    fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos.max(1));
    }

    fn quantiles(&self) -> Quantiles {
        let micros = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        Quantiles { p50_us: micros(0.5), p99_us: micros(0.99) }
    }
}
