//! `riskflow changes`: what waits for a second person, and what became of it.

use serde_json::{Value, json};
use ureq::http::Method;

use super::client::Answer;
use super::target::TargetArgs;
use crate::output;

/// List, show, approve, reject and withdraw changes that wait for a second person
///
/// Whoever proposed a change cannot approve it: another key's owner has to, or on a log another --by. It holds from the next decision on, and is
/// checked again before.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow changes list --url http://127.0.0.1:8080\n  riskflow changes approve 3 --url http://127.0.0.1:8080 --reason \"checked on July\"\n  riskflow changes approve 3 --pipeline pipelines/card_fraud_handbook.toml --by bob"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// List changes, the newest first
    List {
        #[command(flatten)]
        target: TargetArgs,
        /// Print one JSON object for each
        #[arg(long)]
        json: bool,
    },
    /// Show a change with exactly what it changes, as JSON
    Show {
        /// Its number
        id: u32,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Approve a change of somebody else: it holds from the next decision on
    Approve(Settle),
    /// Reject a change of somebody else
    Reject(Settle),
    /// Take a change of your own back
    Withdraw(Settle),
}

#[derive(Clone, Debug, clap::Args)]
struct Settle {
    /// Its number
    id: u32,
    #[command(flatten)]
    target: TargetArgs,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::List { target, json } => list(target, *json).await,
        Command::Show { id, target } => {
            let answer = target.must(Method::GET, &format!("/v1/changes/{id}"), None).await?;
            output::text_line(&serde_json::to_string_pretty(&answer.body)?)
        }
        Command::Approve(settle) => settled(settle, "approve", "holds from now on").await,
        Command::Reject(settle) => settled(settle, "reject", "is rejected").await,
        Command::Withdraw(settle) => settled(settle, "withdraw", "is withdrawn").await,
    }
}

async fn settled(Settle { id, target, reason }: &Settle, verb: &str, done: &str) -> anyhow::Result<()> {
    let answer = target.must(Method::POST, &format!("/v1/changes/{id}/{verb}"), Some(&json!({"reason": reason}))).await?;
    output::message(&format!("change {id} {done}: {}", what(&answer.body)));
    Ok(())
}

async fn list(target: &TargetArgs, json: bool) -> anyhow::Result<()> {
    let items = target.must(Method::GET, "/v1/changes?limit=1000", None).await?.body["items"].take();
    let items = items.as_array().map_or(&[][..], Vec::as_slice);
    if json {
        return items.iter().try_for_each(output::json_line);
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |change: &Value| {
        let by = text(&change["settled"]["by"]);
        vec![change["id"].to_string(), text(&change["state"]), text(&change["by"]), text(&change["at"]), by, what(change)]
    };
    output::table(&["change", "state", "proposed by", "at", "settled by", "what"], &items.iter().map(row).collect::<Vec<_>>())
}

/// What became of something that was asked for: `done`, or that it waits.
pub(super) fn said(answer: &Answer, done: &str) -> String {
    match answer.status {
        202 => {
            let (id, what) = (&answer.body["id"], what(&answer.body));
            format!("change {id} waits for a second person, who approves it with `riskflow changes approve {id}`: {what}")
        }
        _ => done.to_owned(),
    }
}

fn what(change: &Value) -> String {
    change["what"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}
