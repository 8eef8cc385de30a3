//! `riskflow experiments`: challengers beside the champion, as they are declared and end.

use ingest::Timestamp;
use serde_json::{Value, json};
use ureq::http::Method;

use super::changes::said;
use super::target::TargetArgs;
use crate::output;

/// List, start and end experiments: a challenger beside the champion
///
/// In shadow a challenger looks on, and starts at once. With a share it decides for that part of the reviewed entity's keys, which a second person
/// has to approve; guardrails take the share away when they break.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow experiments start november --challenger 4 --reason \"trained on October\" --url http://127.0.0.1:8080\n  riskflow experiments start november_split --challenger 4 --share 10 --approval-rate-change 0.05 --error-share 0.01 --ends 2026-12-01 \\\n    --reason \"beats 3 in shadow\" --url http://127.0.0.1:8080\n  riskflow experiments end november_split promote --reason \"beats 3\" --url http://127.0.0.1:8080"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// List experiments by their names
    List {
        #[command(flatten)]
        target: TargetArgs,
        /// Print one JSON object for each
        #[arg(long)]
        json: bool,
    },
    /// Start an experiment
    Start(Box<Start>),
    /// End an experiment
    End {
        /// Its name
        name: String,
        /// How
        #[arg(value_parser = ["promote", "keep", "abort"])]
        outcome: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        target: TargetArgs,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct Start {
    /// Its name, for good
    name: String,
    /// The version that is tried
    #[arg(long, value_name = "VERSION")]
    challenger: u32,
    /// The version that it is compared with [default: the champion]
    #[arg(long, value_name = "VERSION")]
    champion: Option<u32>,
    /// The share of entities that it decides for, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    share: u8,
    /// By how much the share of approved events may differ, 0 to 1
    #[arg(long, value_name = "SHARE")]
    approval_rate_change: Option<f64>,
    /// The 99th percentile of the time to decide that is allowed
    #[arg(long, value_name = "MS")]
    latency_p99_ms: Option<f64>,
    /// The share of events for which it may give no score, 0 to 1
    #[arg(long, value_name = "SHARE")]
    error_share: Option<f64>,
    /// Fewer events say nothing about a guardrail [default: 200]
    #[arg(long, value_name = "COUNT")]
    minimum_events: Option<u64>,
    /// Guardrails are judged over windows of this length [default: 1m]
    #[arg(long, value_name = "LENGTH")]
    window: Option<String>,
    /// When it ends by itself
    #[arg(long, value_name = "TIME")]
    ends: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::List { target, json } => list(target, *json).await,
        Command::Start(start) => {
            let answer = start.target.must(Method::POST, "/v1/experiments", Some(&start.body())).await?;
            let mut done = format!("experiment {} runs", start.name);
            for (side, model) in [("only_champion", "champion"), ("only_challenger", "challenger")] {
                let only = words(&answer.body["inputs"][side]);
                if !only.is_empty() {
                    done.push_str(&format!("; only the {model} reads {only}"));
                }
            }
            output::message(&said(&answer, &done));
            Ok(())
        }
        Command::End { name, outcome, reason, target } => {
            let body = json!({"outcome": outcome, "reason": reason});
            let answer = target.must(Method::POST, &format!("/v1/experiments/{name}/end"), Some(&body)).await?;
            output::message(&said(&answer, &format!("experiment {name} has ended")));
            Ok(())
        }
    }
}

impl Start {
    /// What is asked for: only what was said.
    fn body(&self) -> Value {
        let Self { name, challenger, champion, share, ends, reason, .. } = self;
        let said = |pairs: Vec<(&str, Value)>| -> Value {
            pairs.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let guardrails = said(vec![
            ("approval_rate_change", json!(self.approval_rate_change)),
            ("latency_p99_ms", json!(self.latency_p99_ms)),
            ("error_share", json!(self.error_share)),
            ("minimum_events", json!(self.minimum_events)),
            ("window", json!(self.window)),
        ]);
        let guardrails = if guardrails.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { guardrails };
        said(vec![
            ("name", json!(name)),
            ("challenger", json!(challenger)),
            ("champion", json!(champion)),
            ("share_percent", json!(share)),
            ("guardrails", guardrails),
            ("planned_end", json!(ends)),
            ("reason", json!(reason)),
        ])
    }
}

async fn list(target: &TargetArgs, json: bool) -> anyhow::Result<()> {
    let items = target.must(Method::GET, "/v1/experiments?limit=1000", None).await?.body["items"].take();
    let items = items.as_array().map_or(&[][..], Vec::as_slice);
    if json {
        return items.iter().try_for_each(output::json_line);
    }
    let row = |experiment: &Value| {
        let text = |name: &str| experiment[name].as_str().unwrap_or("-").to_owned();
        let share = match experiment["share_percent"].as_u64() {
            Some(0) | None => "shadow".to_owned(),
            Some(share) => format!("{share} %"),
        };
        let ended = &experiment["ended"];
        let end = match ended["outcome"].as_str() {
            Some(outcome) => {
                format!("{outcome} by {}: {}", ended["by"].as_str().unwrap_or("-"), ended["reason"].as_str().unwrap_or("-"))
            }
            None => "runs".to_owned(),
        };
        let versions = [&experiment["champion"], &experiment["challenger"]].map(Value::to_string);
        vec![text("name"), versions[0].clone(), versions[1].clone(), share, text("started_at"), text("planned_end"), end]
    };
    let headings = ["experiment", "champion", "challenger", "share", "since", "planned until", "end"];
    output::table(&headings, &items.iter().map(row).collect::<Vec<_>>())
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
