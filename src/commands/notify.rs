//! `riskflow notify`: whether those who are to be told can be told.

use anyhow::bail;
use ingest::{Clock, SystemClock};
use serde::Serialize;

use super::ConfigArgs;
use crate::output;

/// Send a test to every sink of [[notify]], and say what each answered
///
/// It goes past the queues, once, whatever a sink asks for otherwise. Exit code 1 when a sink did not take it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow notify --config riskflow.toml")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Only this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Print one JSON object a sink
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Told {
    sink: String,
    /// Why it did not take it; absent when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let mut sinks = crate::signals::sinks(&config)?;
    if sinks.is_empty() {
        bail!("there is no [[notify]] in the configuration: nobody would be told");
    }
    if let Some(name) = &args.sink {
        sinks.retain(|sink| sink.name() == name);
        if sinks.is_empty() {
            let names: Vec<&str> = config.notify.iter().map(|sink| sink.name.as_str()).collect();
            bail!("there is no sink {name}; there are: {}", names.join(", "));
        }
    }
    let mut failures = 0;
    for sink in sinks {
        let told = Told { sink: sink.name().to_owned(), failed: sink.test(SystemClock.now()).err() };
        failures += u32::from(told.failed.is_some());
        match &told.failed {
            _ if args.json => output::json_line(&told)?,
            None => output::text_line(&format!("{}: took it", told.sink))?,
            Some(reason) => output::text_line(&format!("{}: {reason}", told.sink))?,
        }
    }
    if failures > 0 {
        bail!("{failures} sinks did not take the test");
    }
    Ok(())
}
