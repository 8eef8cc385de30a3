//! `riskflow bench api`: how much a server takes and how long it takes to answer.

mod client;
mod load;
mod requests;
mod table;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use ingest::{Clock, Event, SystemClock};
use scoring::Pipeline;
use serde::Serialize;

use self::client::Url;
use self::load::Load;
use self::requests::Requests;
use super::events::{Events, Keys, of_file};
use crate::output;

/// Put load on the scoring API and measure the latency of its answers
///
/// Requests come at a constant rate whatever became of those before, and latency counts from when a request was due (open loop, no
/// coordinated omission). With --rate 0 each connection asks again as soon as it was answered: that finds what the server can take.
/// With --steps that is found first, and then so many shares of it are measured. Prints one JSON object for each measurement.
///
/// `unsent` are requests that were due and found no free connection until the end; they are in the latency with the time that they
/// had waited. Refusals are not in it. Exit code 1 when no answer was ok: the first error is said on standard error.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow bench api --pipeline pipelines/card_fraud_handbook.toml --url http://127.0.0.1:8080 --rate 2000 --seconds 30\n  riskflow bench api --pipeline pipelines/card_fraud_handbook.toml --steps 0.25,0.5,0.75,1"
)]
pub(super) struct Args {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The pipeline that it serves: what its events look like
    #[arg(long, value_name = "FILE", default_value = "pipelines/card_fraud_handbook.toml")]
    pipeline: PathBuf,
    /// Send the events of this file (.parquet, .csv, .jsonl, .ndjson or .json), as of now and over and over, instead of made-up ones
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// How many keys an entity of made-up events has, 5,000 where not said: merchant=50
    #[arg(long, value_name = "ENTITY=COUNT", conflicts_with = "data")]
    keys: Vec<Keys>,
    /// Requests a second; 0 for as many as the connections take
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    rate: f64,
    /// Find the highest rate, then measure at these shares of it
    #[arg(long, value_name = "SHARES", value_delimiter = ',', conflicts_with = "rate", value_parser = share)]
    steps: Vec<f64>,
    /// How long each measurement takes
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
    seconds: f64,
    /// How long the same load runs before it counts
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = rate)]
    warmup: f64,
    /// How many connections; no more requests than that are under way
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = crate::commands::at_least_one)]
    connections: usize,
    /// Ask for these reasons: needed, none, top or all [default: the server's]
    #[arg(long, value_name = "WHICH")]
    reasons: Option<String>,
    /// The key of the API
    #[arg(long, value_name = "KEY", env = crate::commands::API_KEY, hide_env_values = true)]
    api_key: Option<String>,
    /// Write the whole distribution here, as a table of percentiles
    #[arg(long, value_name = "FILE")]
    histogram: Option<PathBuf>,
}

fn number(text: &str, fits: impl Fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && fits(*number)).ok_or_else(|| format!("give {expected}"))
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, |rate| rate >= 0.0, "a number from 0 on")
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |share| share > 0.0, "shares above 0: 0.25,0.5,0.75,1")
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |seconds| seconds > 0.0, "a number above 0")
}

/// One measurement, as it is printed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    /// The share of the highest rate, in steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    /// Requests a second that were to come; `None` for a closed loop.
    rate: Option<f64>,
    /// Answers a second.
    pub(super) reached: f64,
    connections: usize,
    seconds: f64,
    sent: u64,
    pub(super) ok: u64,
    pub(super) errors: u64,
    unsent: u64,
    pub(super) p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    /// CPU microseconds of the generator for a request.
    generator_cpu_us: f64,
    /// What the first refusal, or the first request without an answer, said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_error: Option<String>,
}

impl Measured {
    /// Fails where no answer was ok: how fast a server refuses is no measurement of it.
    fn check(&self) -> anyhow::Result<()> {
        if self.ok == 0 {
            bail!("no answer was ok: {}", self.first_error.as_deref().unwrap_or_default());
        }
        Ok(())
    }
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let query = args.reasons.as_ref().map(|reasons| format!("?reasons={reasons}")).unwrap_or_default();
    let events = events(&pipeline, args.data.as_deref(), &args.keys)?;
    let mut target = Target::new(&args.url, &pipeline, &events, &query, args.api_key.as_deref())?;
    let mut distributions = String::new();
    let mut measure = |share: Option<f64>, rate: Option<f64>| -> anyhow::Result<Measured> {
        let (measured, latency) = target.measure(args.connections, rate, args.warmup, args.seconds)?;
        let measured = Measured { share, ..measured };
        output::json_line(&measured)?;
        measured.check()?;
        table::write(&mut distributions, rate, &latency);
        Ok(measured)
    };
    if args.steps.is_empty() {
        measure(None, (args.rate > 0.0).then_some(args.rate))?;
    } else {
        let highest = measure(None, None)?.reached;
        for share in &args.steps {
            measure(Some(*share), Some(share * highest))?;
        }
    }
    if let Some(path) = &args.histogram {
        std::fs::write(path, distributions).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// So many different events are sent before they come again, under other ids.
const DIFFERENT: usize = 20_000;

/// The events to send.
pub(super) fn events(pipeline: &Pipeline, data: Option<&Path>, keys: &[Keys]) -> anyhow::Result<Vec<Event>> {
    if let Some(path) = data {
        return of_file(path, &pipeline.schema, DIFFERENT);
    }
    let made_up = Events::new(&pipeline.schema, keys)?;
    Ok((0..DIFFERENT as u64).map(|number| made_up.event(number)).collect())
}

/// A server, and what is sent to it.
pub(super) struct Target {
    address: SocketAddr,
    requests: Requests,
    next: u64,
}

impl Target {
    /// Makes the requests.
    pub(super) fn new(url: &str, pipeline: &Pipeline, events: &[Event], query: &str, key: Option<&str>) -> anyhow::Result<Self> {
        let url = Url::parse(url)?;
        let requests = Requests::new(events, &pipeline.schema, &url, query, key, SystemClock.now());
        Ok(Self { address: url.address()?, requests, next: 0 })
    }

    /// Measures once, without a rate in a closed loop; with all latencies in nanoseconds.
    pub(super) fn measure(
        &mut self,
        connections: usize,
        rate: Option<f64>,
        warmup: f64,
        seconds: f64,
    ) -> anyhow::Result<(Measured, Histogram<u64>)> {
        let (warmup, length) = (Duration::from_secs_f64(warmup), Duration::from_secs_f64(seconds));
        let Self { address, requests, next } = self;
        let outcome = load::run(&Load { address: *address, requests, first: *next, connections, rate, warmup, length })?;
        *next = outcome.next;
        let micros = |nanos: u64| (nanos as f64 / 1e2).round() / 10.0;
        let at = |quantile: f64| micros(outcome.latency.value_at_quantile(quantile));
        let measured = Measured {
            share: None,
            rate,
            reached: (outcome.reached * 10.0).round() / 10.0,
            connections,
            seconds,
            sent: outcome.sent,
            ok: outcome.ok,
            errors: outcome.errors,
            unsent: outcome.unsent,
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(outcome.latency.max()),
            generator_cpu_us: (outcome.generator_cpu_us * 10.0).round() / 10.0,
            first_error: outcome.first_error,
        };
        Ok((measured, outcome.latency))
    }
}
