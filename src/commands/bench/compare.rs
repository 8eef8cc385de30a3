//! `riskflow bench compare`: the whole server beside an empty one, in turns, so that what else the machine does falls on both.

use std::path::PathBuf;

use anyhow::bail;
use scoring::Pipeline;
use serde::Serialize;

use super::api::{self, Target};
use super::children::Server;
use super::events::Keys;
use super::setup::{self, Made};
use crate::output;

/// Measure the scoring API beside an empty server of the same framework that parses the same JSON and always gives the same answer
///
/// Both are started beside each other and loaded in turns (ours, the empty one, ours, the empty one), each time with as many requests
/// as 16 connections take, and then with one connection for the latency. Before the empty one's turn our warehouse has caught up. Prints
/// one JSON object with medians over the rounds. Without --pipeline and --data-dir it makes the set-up of `riskflow bench setup` first, in a
/// temporary folder.
///
/// CPU microseconds are those of a server for a request at saturation; other programs on the machine hardly change them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench compare --seconds 5 --rounds 3")]
pub(super) struct Args {
    /// The pipeline file
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    pipeline: Option<PathBuf>,
    /// The data folder; events are added to its log
    #[arg(long, value_name = "DIR", requires = "pipeline")]
    data_dir: Option<PathBuf>,
    /// How many keys an entity of made-up events has: merchant=50 [default: those of the set-up, or 5,000]
    #[arg(long, value_name = "ENTITY=COUNT")]
    keys: Vec<Keys>,
    /// What an answer waits for: async or sync
    #[arg(long, value_name = "WHAT", default_value = "async", value_parser = ["async", "sync"])]
    durability: String,
    /// Ask for these reasons: needed, none, top or all [default: the server's]
    #[arg(long, value_name = "WHICH")]
    reasons: Option<String>,
    /// How often each has its turn
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = crate::commands::at_least_one)]
    rounds: usize,
    /// How long a turn takes
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
    /// How many connections at saturation
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = crate::commands::at_least_one)]
    connections: usize,
}

#[derive(Debug, Serialize)]
struct Compared {
    durability: String,
    connections: usize,
    reasons: Option<String>,
    riskflow: Side,
    empty: Side,
    /// The rate of riskflow by that of the empty server.
    ratio: f64,
    /// The CPU time of the empty server for a request by that of riskflow.
    cpu_ratio: Option<f64>,
}

/// What was measured of one of the servers.
#[derive(Debug, Serialize)]
struct Side {
    /// Answers a second: the median of the rounds.
    per_second: f64,
    /// Each round.
    rounds: Vec<f64>,
    cpu_us: Option<f64>,
    /// With one connection.
    p50_us: f64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let mut keys = args.keys.clone();
    let folder = tempfile::tempdir()?;
    let made = match (&args.pipeline, &args.data_dir) {
        (Some(pipeline), Some(data)) => Made { pipeline: pipeline.clone(), data: data.clone() },
        _ => {
            output::message("making the set-up");
            keys.extend(setup::keys().into_iter().filter(|usual| args.keys.iter().all(|keys| keys.entity != usual.entity)));
            setup::make(folder.path()).await?
        }
    };
    output::json_line(&compare(args, &made, &keys)?)
}

fn compare(args: &Args, made: &Made, keys: &[Keys]) -> anyhow::Result<Compared> {
    let pipeline = crate::read_pipeline(&made.pipeline)?;
    let (file, data) = (made.pipeline.display().to_string(), made.data.display().to_string());
    let whole = ["run", "--pipeline", &file, "--data-dir", &data, "--listen", "127.0.0.1:0"];
    let whole = Server::start(&whole, &[("RISKFLOW_LOG__DURABILITY", &args.durability)])?;
    let empty = Server::start(&["bench", "empty-server"], &[])?;
    let events = api::events(&pipeline, None, keys)?;
    let query = args.reasons.as_ref().map(|reasons| format!("?reasons={reasons}")).unwrap_or_default();
    let mut whole = Contender::new(whole, &pipeline, &events, &query, true)?;
    let mut empty = Contender::new(empty, &pipeline, &events, "", false)?;
    for round in 1..=args.rounds {
        output::message(&format!("round {round} of {}", args.rounds));
        whole.turn(args)?;
        empty.turn(args)?;
    }
    let (riskflow, empty) = (whole.side(), empty.side());
    Ok(Compared {
        durability: args.durability.clone(),
        connections: args.connections,
        reasons: args.reasons.clone(),
        ratio: riskflow.per_second / empty.per_second,
        cpu_ratio: empty.cpu_us.zip(riskflow.cpu_us).map(|(empty, riskflow)| empty / riskflow),
        riskflow,
        empty,
    })
}

struct Contender {
    server: Server,
    target: Target,
    /// Whether it has a warehouse that has to catch up.
    settles: bool,
    rates: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_us: Vec<f64>,
}

impl Contender {
    fn new(server: Server, pipeline: &Pipeline, events: &[ingest::Event], query: &str, settles: bool) -> anyhow::Result<Self> {
        let target = Target::new(&server.url, pipeline, events, query, None)?;
        Ok(Self { server, target, settles, rates: Vec::new(), cpu_us: Vec::new(), p50_us: Vec::new() })
    }

    fn turn(&mut self, args: &Args) -> anyhow::Result<()> {
        const WARMUP: f64 = 1.0;
        // The warm-up is a measurement of its own, so that CPU time and requests are of the same stretch.
        let mut measure = |connections, seconds| -> anyhow::Result<api::Measured> {
            let (measured, _) = self.target.measure(connections, None, 0.0, seconds)?;
            match &measured.first_error {
                Some(error) => bail!("{} refuses: {error}", self.server.url),
                None => Ok(measured),
            }
        };
        measure(args.connections, WARMUP)?;
        // What a server does later for what came now, such as filling the warehouse, is part of what serving costs.
        let settle = || if self.settles { self.server.settle() } else { Ok(()) };
        settle()?;
        let before = self.server.cpu_seconds();
        let measured = measure(args.connections, args.seconds)?;
        settle()?;
        let after = self.server.cpu_seconds();
        self.rates.push(measured.reached);
        self.cpu_us.extend(before.zip(after).map(|(before, after)| (after - before) * 1e6 / measured.ok as f64));
        self.p50_us.push(measure(1, args.seconds)?.p50_us);
        Ok(())
    }

    fn side(self) -> Side {
        Side {
            per_second: median(self.rates.clone()),
            rounds: self.rates,
            cpu_us: (!self.cpu_us.is_empty()).then(|| median(self.cpu_us)),
            p50_us: median(self.p50_us),
        }
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    if numbers.len().is_multiple_of(2) { f64::midpoint(numbers[half - 1], numbers[half]) } else { numbers[half] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_stand_in_the_middle() {
        let check = |numbers: &[f64], expect: f64| assert_eq!(median(numbers.to_vec()), expect, "{numbers:?}");
        check(&[3.0], 3.0);
        check(&[4.0, 1.0], 2.5);
        check(&[9.0, 1.0, 2.0], 2.0);
    }
}
