//! `riskflow key`: the keys that callers of the API have.

use anyhow::Context;
use ingest::{Clock, Duration, SystemClock, Timestamp};
use scoring::api::access::{Deed, KeyFile, NewKey, Scope, Secret, random};
use serde::Serialize;

use super::{ConfigArgs, Why, operator};
use crate::output;

/// Make, list, rotate and revoke the keys of the API
///
/// Without any key everybody who reaches the server may do everything. A secret is shown once, when it is made; what is kept is its
/// hash. A running server sees changes within a second; each is in the audit (`riskflow audit list`).
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow key add --name shop --scopes score,label --per-second 500 --expires 90d\n  curl -H \"Authorization: Bearer rf_...\" ..."
)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Make a key and show its secret
    Add {
        /// What it is called
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The person that has it: keys of one person are one person where two are asked [default: the name]
        #[arg(long, value_name = "PERSON")]
        owner: Option<String>,
        /// What it may do: score, label, read, alerts, review, approve, admin
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// How many requests a second it may send; each event of a batch counts as one [default: as many as it likes]
        #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
        per_second: u32,
        /// How long it is good for [default: for ever]
        #[arg(long, value_name = "LENGTH")]
        expires: Option<Duration>,
        #[command(flatten)]
        why: Why,
    },
    /// Make another secret for a key; the one before stays good for a while, but not beyond its own end
    Rotate {
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        name: String,
        /// How long the secret before stays good
        #[arg(long, value_name = "LENGTH", default_value = "1d")]
        overlap: Duration,
        /// How long the other secret is good for [default: as long as the one before was when it was made]
        #[arg(long, value_name = "LENGTH")]
        expires: Option<Duration>,
        #[command(flatten)]
        why: Why,
    },
    /// End all keys of a name at once
    Revoke {
        /// Whose they are
        #[arg(long, value_name = "NAME")]
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Show the keys, without their secrets
    List {
        /// Print one JSON object for each key
        #[arg(long)]
        json: bool,
    },
}

fn scope(name: &str) -> Result<Scope, String> {
    let known = Scope::ALL.map(Scope::name).join(", ");
    Scope::ALL.into_iter().find(|scope| scope.name() == name).ok_or_else(|| format!("there are: {known}"))
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let data = args.config.load()?.data;
    std::fs::create_dir_all(&data).with_context(|| format!("cannot create the data folder {}", data.display()))?;
    let (keys, now, by) = (KeyFile::of(&data), SystemClock.now(), operator());
    match &args.command {
        Command::Add { name, owner, scopes, per_second, expires, why } => {
            let new = NewKey {
                name: name.clone(),
                owner: owner.clone(),
                scopes: scopes.clone(),
                requests_per_second: *per_second,
                expires_at: expires.map(|length| now + length),
            };
            reveal(&keys.add(new, random()?, deed(&by, why, now))?.secret)
        }
        Command::Rotate { name, overlap, expires, why } => {
            let expires_at = expires.map(|length| now + length);
            let (made, before_ends) = keys.rotate(name, now + *overlap, expires_at, random()?, deed(&by, why, now))?;
            output::message(&format!("the secret before ends at {before_ends}"));
            reveal(&made.secret)
        }
        Command::Revoke { name, why } => {
            keys.revoke(name, deed(&by, why, now))?;
            output::message(&format!("`{name}` has no key any more; a running server knows within a second"));
            Ok(())
        }
        Command::List { json } => list(&keys, *json),
    }
}

/// What somebody does who can write the data folder, and so may do everything.
fn deed<'a>(by: &'a str, Why { reason }: &'a Why, now: Timestamp) -> Deed<'a> {
    Deed { by, with: None, an_admin_stays: false, reason, now }
}

fn reveal(secret: &Secret) -> anyhow::Result<()> {
    output::message("this is shown once; a running server knows the key within a second");
    output::text_line(secret.reveal())
}

#[derive(Serialize)]
struct Line {
    name: String,
    owner: Option<String>,
    scopes: Vec<&'static str>,
    requests_per_second: u32,
    created_at: String,
    expires_at: Option<String>,
}

fn list(keys: &KeyFile, json: bool) -> anyhow::Result<()> {
    let line = |key: scoring::api::access::Key| Line {
        name: key.name,
        owner: key.owner,
        scopes: key.scopes.into_iter().map(Scope::name).collect(),
        requests_per_second: key.requests_per_second,
        created_at: key.created_at.to_string(),
        expires_at: key.expires_at.map(|end| end.to_string()),
    };
    let lines: Vec<Line> = keys.read()?.into_iter().map(line).collect();
    if json {
        return lines.iter().try_for_each(output::json_line);
    }
    let row = |line: &Line| {
        let rate = if line.requests_per_second == 0 { "-".to_owned() } else { line.requests_per_second.to_string() };
        let end = line.expires_at.clone().unwrap_or_else(|| "never".to_owned());
        let owner = line.owner.as_ref().unwrap_or(&line.name).clone();
        vec![line.name.clone(), owner, line.scopes.join(", "), rate, line.created_at.clone(), end]
    };
    output::table(&["key", "owner", "scopes", "requests a second", "made", "ends"], &lines.iter().map(row).collect::<Vec<_>>())
}
