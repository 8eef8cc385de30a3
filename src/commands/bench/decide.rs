//! `riskflow bench decide`: what one decision costs, without network, log or disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use features::Engine;
use hdrhistogram::Histogram;
use ingest::Timestamp;
use ingest::log::Position;
use scoring::control::State;
use scoring::decide::{Case, Champion, Deciders, ask, decide};
use scoring::rules::Facts;
use scoring::{FileRegistry, Pipeline, Reasons, Registry, Verdict};
use serde::Serialize;

use super::events::Events;
use super::setup;
use crate::output;

/// Measure one decision without I/O: features, model, rules, lists, reasons
///
/// On the set-up of `riskflow bench setup`: 30 window features, 50 rules, three lists of 1,000 entries, 300 trees with 31 leaves. One thread;
/// prints one JSON object, in microseconds. The whole is timed once without reasons and once with the four strongest for every event; the
/// stages are timed one by one on the same events, with their own two readings of the clock, so they sum to a little more or less than the whole.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench decide --events 200000")]
pub(super) struct Args {
    /// How many decisions are measured
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
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
    if args.events == 0 {
        bail!("no events, nothing to measure");
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
    let mut load =
        |name: &str, version: u32| Ok(Arc::new(Champion::new(registry.load(name, version)?, version, &pipeline.plan)?));
    let (deciders, problems) = Deciders::new(&state, pipeline, &mut load);
    match problems.into_iter().next() {
        Some(problem) => Err(anyhow::Error::new(problem.error).context(format!("{} cannot be used", problem.what))),
        None => Ok(deciders),
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
    let (mut bare, mut with_reasons) = (Clock::new(), Clock::new());
    let mut stages: BTreeMap<&'static str, Clock> =
        ["features", "model", "rules", "lists", "reasons", "rest"].map(|stage| (stage, Clock::new())).into();
    let mut stage = |name: &str, nanos: u64| stages.get_mut(name).expect("it is one of them").record(nanos);
    let (mut hits, mut not_approved) = (0, 0);
    for number in args.before..args.before + args.events {
        let event = events.event(number);
        let received_at = event.occurred_at;
        let (outcome, features) = timed(|| {
            let mut vector = Vec::with_capacity(pipeline.plan.width());
            let outcome = engine.apply(&event, Position(number), &mut vector);
            (outcome, vector)
        });
        let (outcome, vector) = (outcome.0, outcome.1);
        let case = Case { event, position: Position(number), received_at, vector, outcome };
        let (said, model) = timed(|| ask(&case, deciders));
        let (matches, lists) = timed(|| deciders.lists.matches(&case.event));
        let then = deciders.lists.at(case.event.occurred_at);
        let probability = said.as_ref().ok().map(|said| said.probability);
        let score = probability.map(scoring::model::score);
        let (hit, rules) =
            timed(|| deciders.rules.evaluate(&Facts::new(&case.event, &case.vector, &then).scored(score, probability)));
        let (reasons, explained) =
            timed(|| pipeline.reasons.strongest(&case.vector, &champion.contributions(&case.vector), champion.usual()));
        std::hint::black_box((&matches, &reasons));
        hits += u64::from(!hit.is_empty());
        for (name, nanos) in
            [("features", features), ("model", model), ("lists", lists), ("rules", rules), ("reasons", explained)]
        {
            stage(name, nanos);
        }
        let mut whole = |reasons: Reasons| {
            let case = case.clone();
            let (decision, nanos) = timed(|| {
                let said = ask(&case, deciders);
                let at = Timestamp::from_micros(case.received_at.micros());
                decide(case, said, deciders, reasons, at)
            });
            not_approved += u64::from(reasons == Reasons::None && decision.decision > Verdict::Approve);
            nanos
        };
        let without = whole(Reasons::None);
        bare.record(features + without);
        with_reasons.record(features + whole(Reasons::Top));
        stage("rest", without.saturating_sub(model + lists + rules));
    }
    let trees = match &champion.artifact.scorer.model {
        scoring::Model::Trees(trees) => trees.roots.len(),
        scoring::Model::Linear(_) => 0,
    };
    let share = |count: u64| count as f64 / args.events as f64;
    let Quantiles { p50_us, p99_us } = bare.quantiles();
    Ok(Measured {
        decisions: args.events,
        features: pipeline.plan.width(),
        rules: deciders.rules.asked().len(),
        trees,
        p50_us,
        p99_us,
        with_reasons: with_reasons.quantiles(),
        stages: stages.iter().map(|(name, clock)| (*name, clock.quantiles())).collect(),
        hit_share: share(hits),
        not_approved_share: share(not_approved),
    })
}

/// What a piece of work gave, and the nanoseconds that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let started = Instant::now();
    let result = std::hint::black_box(work());
    (result, u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Nanoseconds, many times.
struct Clock(Histogram<u64>);

impl Clock {
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
