//! `riskflow features verify`: the vectors that decisions were made from, computed again from the log.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use features::verify::Verification;
use monitor::Warehouse;
use monitor::questions::{self, LoggedVector};
use serde::Serialize;
use tokio::runtime::Handle;

use super::super::ConfigArgs;
use crate::output;

/// Compute the vectors of the warehouse again from the log, and count what differs
///
/// The expected number of mismatches is zero. Vectors of other definitions than the pipeline's are counted and passed over. The program
/// that writes the log must not run meanwhile. Exit code 1 when anything differs.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow features verify --pipeline pipelines/card_fraud_handbook.toml --data-dir riskflow-data"
)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Print one JSON object a feature
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    feature: &'a str,
    checked: u64,
    mismatches: u64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let pipeline = Arc::new(crate::read_pipeline(&args.pipeline)?);
    let log = crate::read_log(&config)?;
    let warehouse = crate::open_warehouse(&config)?;
    let bar = output::counter("verifying");
    let progress = bar.clone();
    let compare = move || {
        let mut logged =
            Logged { warehouse, handle: Handle::current(), page: Vec::new().into_iter(), after: None, is_last: false };
        let mut verification = Verification::new(&pipeline.plan);
        let mut others = 0u64;
        let mut failed = None;
        scoring::engine::recompute(Arc::clone(&pipeline), &*log, &mut |case| {
            progress.inc(1);
            match logged.of(case.position.0) {
                Ok(None) => {}
                Ok(Some(vector)) if vector.features_version != pipeline.plan.version() => others += 1,
                Ok(Some(vector)) => verification.compare(case.event.event_id.as_str(), &vector.vector, &case.vector),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok((verification, others)),
        }
    };
    let (verification, others) = tokio::task::spawn_blocking(compare).await.context("the comparison ended in a panic")??;
    bar.finish_and_clear();
    let rows: Vec<Line<'_>> = (verification.features.iter())
        .map(|(feature, compared)| Line { feature, checked: compared.checked, mismatches: compared.mismatches })
        .collect();
    if args.json {
        rows.iter().try_for_each(output::json_line)?;
    } else {
        let cells =
            |line: &Line<'_>| vec![line.feature.to_owned(), output::thousands(line.checked), output::thousands(line.mismatches)];
        output::table(&["feature", "checked", "mismatches"], &rows.iter().map(cells).collect::<Vec<_>>())?;
    }
    if others > 0 {
        output::message(&format!("{others} vectors are of other definitions and were passed over"));
    }
    if let Some((feature, first)) =
        verification.features.iter().find_map(|(feature, compared)| Some((feature, compared.first.as_ref()?)))
    {
        bail!(
            "{} values differ; the first of {feature} is of event {}: logged {:?}, computed {:?}",
            verification.mismatches(),
            first.event_id,
            first.logged,
            first.computed
        );
    }
    Ok(())
}

/// The vectors of the warehouse, page by page, in the order of their events in the log.
struct Logged {
    warehouse: Arc<dyn Warehouse>,
    handle: Handle,
    page: std::vec::IntoIter<LoggedVector>,
    after: Option<u64>,
    is_last: bool,
}

/// How many vectors are asked for at once.
const PAGE: u32 = 100_000;

impl Logged {
    /// The vector of the event at a position, if there is one. Positions are asked for in ascending order.
    fn of(&mut self, position: u64) -> anyhow::Result<Option<LoggedVector>> {
        loop {
            match self.page.as_slice().first() {
                Some(next) if next.event_position > position => return Ok(None),
                Some(next) if next.event_position == position => return Ok(self.page.next()),
                Some(_) => drop(self.page.next()),
                None if self.is_last => return Ok(None),
                None => {
                    let page = self.handle.block_on(questions::vectors(&*self.warehouse, self.after, PAGE))?;
                    self.is_last = page.len() < PAGE as usize;
                    self.after = page.last().map(|last| last.event_position).or(self.after);
                    self.page = page.into_iter();
                }
            }
        }
    }
}
