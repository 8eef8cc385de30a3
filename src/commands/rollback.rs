//! `riskflow rollback`: the champion before decides again, at once.

use serde_json::json;
use ureq::http::Method;

use super::target::TargetArgs;
use crate::output;

/// Give the champion's place back to the one before it, at once
///
/// One person is enough: what decided before was agreed to. Again, it goes back one more.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow rollback --pipeline pipelines/card_fraud_handbook.toml --by ada --reason \"approves too much\"\n  riskflow rollback --url http://127.0.0.1:8080 --reason \"approves too much\""
)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let body = json!({"reason": args.reason});
    let answer = args.target.must(Method::POST, "/v1/models/rollback", Some(&body)).await?.body;
    output::message(&format!("{} {} is champion again", answer["name"].as_str().unwrap_or_default(), answer["version"]));
    Ok(())
}
