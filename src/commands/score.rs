//! `riskflow score`: events from a file to a server that runs, and what it decides.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Deserializer, Value};
use ureq::http::Method;

use super::client::{Answer, Client};
use super::pause;
use crate::output;

/// Have a running server score events, and show what it decided
///
/// The file holds one JSON object, objects one a line, or an array of them; `-` reads standard input. An event that the server knows already gives the
/// recorded decision again. A server that is busy or still starting is asked again when it says, for half a minute. Exit code 1 when any event was refused: which one, and which field, is said on standard error.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow score event.json\n  riskflow score events.jsonl --url http://127.0.0.1:8080 --reasons top --json\n  tail -f payments.jsonl | riskflow score - --json"
)]
pub struct Args {
    /// The events, `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The key of the API
    #[arg(long, value_name = "KEY", env = super::API_KEY, hide_env_values = true)]
    api_key: Option<String>,
    /// Which reasons to ask for: needed (for what is reviewed or declined), none, top or all [default: needed]
    #[arg(long, value_name = "WHICH", value_parser = ["needed", "none", "top", "all"])]
    reasons: Option<String>,
    /// Print the answers as the server gave them, one a line; a refusal is the server's problem object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let client = Client::new(&args.url, args.api_key.as_deref())?;
    let query = args.reasons.as_ref().map(|reasons| format!("?reasons={reasons}")).unwrap_or_default();
    let (mut asked, mut refused) = (0_u64, 0_u64);
    let (mut rows, mut patience) = (Vec::new(), PATIENCE);
    let mut ask = || -> anyhow::Result<()> {
        for event in events(args)? {
            let event = event.with_context(|| format!("{} is not JSON after event {asked}", args.file.display()))?;
            asked += 1;
            let answer = answered(&client, &format!("/v1/score{query}"), asked, &event, &mut patience)?;
            if answer.status != 200 {
                refused += 1;
                output::message(&refusal(&answer, asked, &event));
            }
            if args.json {
                output::json_line(&answer.body)?;
            } else if answer.status == 200 {
                rows.push(row(&answer.body));
            }
        }
        Ok(())
    };
    let ended = ask();
    // What was decided before something went wrong is decided.
    if !rows.is_empty() {
        output::table(&["event", "decision", "score", "decided by", "model", "status", "reasons"], &rows)?;
    }
    ended?;
    match (asked, refused) {
        (0, _) => bail!("{} has no events", args.file.display()),
        (_, 0) => Ok(()),
        _ => bail!("{refused} of {asked} events were refused"),
    }
}

/// How long a server that wants to be asked again later is, from the first time on: one that never gets ready must not take so long for
/// each event of a file.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer about the event of this number. Nothing is decided twice by asking again.
fn answered(client: &Client, path: &str, number: u64, event: &Value, patience: &mut Duration) -> anyhow::Result<Answer> {
    loop {
        let since = Instant::now();
        let answer = client.ask(&Method::POST, path, Some(event))?;
        let Some(later) = answer.retry_after.map(|later| later.max(Duration::from_secs(1))) else {
            *patience = PATIENCE;
            return Ok(answer);
        };
        let left = patience.checked_sub(since.elapsed().saturating_add(later));
        let was_patient = std::mem::replace(patience, left.unwrap_or_default());
        if left.is_none() {
            return Ok(answer);
        }
        if was_patient == PATIENCE {
            output::message(&format!("{}; asking again", refusal(&answer, number, event)));
        }
        pause(later);
    }
}

/// The events of a file or of standard input, as they come; elements of an array are events, too.
fn events(args: &Args) -> anyhow::Result<impl Iterator<Item = serde_json::Result<Value>>> {
    let input: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
        Box::new(BufReader::new(file))
    };
    let values = Deserializer::from_reader(input).into_iter::<Value>();
    Ok(values.flat_map(|value| match value {
        Ok(Value::Array(events)) => events.into_iter().map(Ok).collect::<Vec<_>>(),
        other => vec![other],
    }))
}

/// A line that says which event was refused, and why: `event 3 (txn_9): 422 transaction.amount_minor must be a whole number`.
fn refusal(answer: &Answer, number: u64, event: &Value) -> String {
    let id = event["event_id"].as_str().map(|id| format!(" ({id})")).unwrap_or_default();
    format!("event {number}{id}: {}", answer.refusal())
}

fn row(answer: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let by = match &answer["decided_by"] {
        Value::Object(named) => named.iter().map(|(what, name)| format!("{what} {}", text(name))).collect::<Vec<_>>().join(", "),
        other => text(other),
    };
    let codes = answer["reasons"].as_array().into_iter().flatten().map(|reason| text(&reason["code"])).collect::<Vec<_>>();
    let model = match &answer["model"] {
        Value::Null => "-".to_owned(),
        model => format!("{} {}", text(&model["name"]), text(&model["version"])),
    };
    let codes = if codes.is_empty() { "-".to_owned() } else { codes.join(", ") };
    vec![text(&answer["event_id"]), text(&answer["decision"]), text(&answer["score"]), by, model, text(&answer["status"]), codes]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refusals_name_the_event_and_the_field() {
        let check = |status: u16, body: Value, event: Value, expect: &str| {
            assert_eq!(refusal(&Answer { status, body, retry_after: None }, 3, &event), expect);
        };
        let problem = json!({"status": 422, "field": "transaction.amount_minor", "detail": "must be a whole number"});
        check(422, problem, json!({"event_id": "t"}), "event 3 (t): 422 transaction.amount_minor must be a whole number");
        check(401, json!({"detail": "no key"}), json!([]), "event 3: 401 no key");
        check(500, json!({}), json!({}), "event 3: 500");
    }

    #[test]
    fn answers_are_rows() {
        let check = |answer: Value, expect: &[&str]| assert_eq!(row(&answer), expect);
        let model = json!({"name": "card_fraud", "version": "7"});
        let reasons = json!([{"code": "AMOUNT"}, {"code": "NIGHT"}]);
        check(
            json!({"event_id": "t", "decision": "review", "score": 712, "decided_by": {"rule": "r_1"}, "model": model, "status": "new", "reasons": reasons}),
            &["t", "review", "712", "rule r_1", "card_fraud 7", "new", "AMOUNT, NIGHT"],
        );
        check(
            json!({"event_id": "t", "decision": "review", "score": null, "decided_by": "on_failure", "model": null, "status": "duplicate", "reasons": []}),
            &["t", "review", "-", "on_failure", "-", "duplicate", "-"],
        );
    }
}
