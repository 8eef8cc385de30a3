//! `riskflow audit`: who did what, and whether that is still what was written.

use anyhow::bail;
use ingest::Timestamp;
use ingest::log::Readable;
use scoring::audit::{Chain, Entry, Sealed, verify};
use serde_json::json;

use super::ConfigArgs;
use crate::output;

/// List what was done, and check that it is what was written
///
/// Every change and every log-in is an entry of one chain in the data folder, each with the hash of the one before it. A running server may go on
/// meanwhile.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow audit verify --head 4be0...\n  riskflow audit list --from 2026-11-01 --to 2026-12-01 --by ada"
)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Check every entry against its hash, the one before it, and the log; the first that does not fit is named, and the exit code is 1
    Verify {
        /// A head of the chain that was noted elsewhere; without one, an end that was cut off at an entry is not noticed. May be given again
        #[arg(long, value_name = "HASH")]
        head: Vec<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List entries, the oldest first
    List {
        /// Not before this time or day
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Before this time or day
        #[arg(long, value_name = "TIME")]
        to: Option<Timestamp>,
        /// By whom
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// What was done, in its word: approved, logged_in, ...
        #[arg(long, value_name = "WORD")]
        what: Option<String>,
        /// The newest so many of them
        #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
        limit: usize,
        /// Print one JSON object for each
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let chain = Chain::of(&config.data);
    match &args.command {
        Command::Verify { head, json } => {
            let log = crate::read_log(&config)?;
            let verified = verify(&chain, head, Some(&*log as &dyn Readable))?;
            let head = verified.head.unwrap_or_default();
            if *json {
                let (entries, records, behind) = (verified.entries, verified.records, verified.behind);
                return output::json_line(
                    &json!({"entries": entries, "head": head, "log_records": records, "log_records_to_come": behind}),
                );
            }
            if verified.entries == 0 {
                bail!("there is no audit chain in {} yet, or it was taken away", config.data.display());
            }
            output::message(&format!(
                "{} entries are as they were written; {} of them tell of the log",
                verified.entries, verified.records
            ));
            if verified.behind > 0 {
                output::message(&format!("{} changes at the end of the log are told when a server runs", verified.behind));
            }
            output::message("note the head elsewhere, and give it with --head the next time:");
            output::text_line(&head)
        }
        Command::List { from, to, by, what, limit, json } => {
            let wanted = |entry: &Entry| {
                from.is_none_or(|from| entry.at >= from)
                    && to.is_none_or(|to| entry.at < to)
                    && by.as_deref().is_none_or(|by| entry.who.eq_ignore_ascii_case(by))
                    && what.as_deref().is_none_or(|what| entry.what == what)
            };
            let mut entries = newest(&chain, wanted, *limit)?;
            entries.reverse();
            if *json {
                return entries.iter().try_for_each(output::json_line);
            }
            entries.iter().try_for_each(|sealed| output::text_line(&line(&sealed.entry)))
        }
    }
}

fn newest(chain: &Chain, wanted: impl Fn(&Entry) -> bool, limit: usize) -> anyhow::Result<Vec<Sealed>> {
    let (mut entries, mut cursor) = (Vec::new(), None);
    while entries.len() < limit {
        let found = chain.page(&wanted, cursor, limit - entries.len())?;
        entries.extend(found.entries);
        cursor = found.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(entries)
}

/// On one line, whatever somebody has written: nothing ends it, or speaks to the terminal.
fn plain(text: &str) -> String {
    let shown = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(shown).collect()
}

/// `2026-11-26T07:00:00Z bob approved change 3: card_fraud 2 becomes champion (before: ...; because: ...)`.
fn line(entry: &Entry) -> String {
    let Entry { at, who, what, object, reason, before, after, .. } = entry;
    let aside = [("before", before), ("because", reason)].into_iter().filter(|(_, text)| !text.is_empty());
    let aside: Vec<String> = aside.map(|(name, text)| format!("{name}: {text}")).collect();
    let colon = if after.is_empty() { "" } else { ": " };
    let aside = if aside.is_empty() { String::new() } else { format!(" ({})", aside.join("; ")) };
    plain(&format!("{at} {who} {what} {object}{colon}{after}{aside}"))
}
