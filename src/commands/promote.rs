//! `riskflow promote`: makes a version of a model champion, or proposes it where a second person is asked; a control record in the log says
//! since when, by whom and why.

use serde_json::json;
use ureq::http::Method;

use super::changes::said;
use super::target::TargetArgs;
use crate::output;

/// Make a version of the pipeline's model champion, or propose it
///
/// The model must be in the registry, trained on the features of this pipeline. The first champion decides at once. After it a promotion waits
/// for a second person, who approves it with `riskflow changes approve`, unless `four_eyes` in [governance] of the pipeline file leaves models out.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow promote --pipeline pipelines/card_fraud_handbook.toml --version 3 --by ada --reason \"beats 2 on August\"\n  riskflow promote --url http://127.0.0.1:8080 --version 3 --reason \"beats 2 on August\""
)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// The version in the registry
    #[arg(long)]
    version: u32,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let body = json!({"role": "champion", "reason": args.reason});
    let answer = args.target.must(Method::PUT, &format!("/v1/models/{}/role", args.version), Some(&body)).await?;
    let name = answer.body["name"].as_str().unwrap_or_default();
    output::message(&said(&answer, &format!("{name} {} is champion from now on", args.version)));
    Ok(())
}
