//! `riskflow features explain`: the plan that a pipeline's features compile to, with what it costs here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use features::explain::{Explained, edges, explain};
use ingest::Event;
use ingest::log::Position;
use ingest::schema::Schema;
use serde::Serialize;

use crate::commands::made_up;
use crate::output;

/// Show what is kept for each entity, how many bytes that is, and what an event costs
///
/// The cost is measured on made-up events, for a fifth of a second.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow features explain --pipeline pipelines/card_fraud_handbook.toml")]
pub(super) struct Args {
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Plan {
    version: String,
    features: usize,
    event_us: f64,
    entities: Vec<Explained>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let plan = &pipeline.plan;
    let explained = Plan {
        version: plan.version().to_owned(),
        features: plan.width(),
        event_us: event_us(plan, &pipeline.schema),
        entities: explain(plan),
    };
    if args.json {
        return output::json_line(&explained);
    }
    output::text_line(&format!(
        "{} features, version {}; an event costs about {:.1} us here\n",
        explained.features, explained.version, explained.event_us
    ))?;
    let headings = ["entity", "features", "cursors", "parts", "bytes a key", "bytes an event", "kept", "idle after", "tile"];
    let length = |seconds: i64| ingest::Duration::seconds(seconds).to_string();
    let row = |entity: &Explained| {
        vec![
            entity.entity.clone(),
            entity.features.to_string(),
            entity.cursors.to_string(),
            entity.parts.to_string(),
            entity.key_bytes.to_string(),
            entity.event_bytes.to_string(),
            length(entity.kept_seconds),
            entity.idle_seconds.map_or_else(|| "never".to_owned(), length),
            entity.tile.map_or_else(|| "none".to_owned(), |(resolution, above)| format!("{} above {above}", length(resolution))),
        ]
    };
    output::table(&headings, &explained.entities.iter().map(row).collect::<Vec<_>>())?;
    for (entity, (name, edges)) in explained.entities.iter().zip(edges(plan)) {
        output::text_line(&format!("\n{name}: {}", entity.families.join(", ")))?;
        output::text_line(&format!("  cursors at {}", edges.join(", ")))?;
    }
    Ok(())
}

/// Microseconds an event, on events of 1,000 keys an entity, ten seconds apart.
fn event_us(plan: &Arc<features::Plan>, schema: &Schema) -> f64 {
    const EVENTS: u64 = 2_000;
    const LONGEST: Duration = Duration::from_millis(200);
    let keys = vec![1_000; schema.entities.len()];
    let mut engine = features::Engine::new(Arc::clone(plan));
    let mut vector = Vec::new();
    let (mut applied, mut spent) = (0, Duration::ZERO);
    while spent < LONGEST {
        let events: Vec<Event> =
            (applied..applied + EVENTS).map(|number| made_up::event(number, schema, &keys, 10_000_000)).collect();
        let started = Instant::now();
        for (event, position) in events.iter().zip(applied..) {
            engine.apply(event, Position(position), &mut vector);
        }
        // The first ones only make keys.
        if applied > 0 {
            spent += started.elapsed();
        }
        applied += EVENTS;
    }
    spent.as_secs_f64() * 1e6 / (applied - EVENTS) as f64
}
