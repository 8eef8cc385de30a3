//! `riskflow compare`: a challenger beside the champion on the events that both scored, and what follows from it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use evaluation::{Figure, Lead};
use ingest::log::Readable;
use ingest::{Currency, Timestamp};
use monitor::experiment::{Comparison, Flip, Inputs, Policy, Request, compare};
use monitor::performance::State;
use monitor::{Days, Monitoring, Projection, Warehouse};
use scoring::{Pipeline, Registry};
use ureq::http::Method;

use super::client::Client;
use crate::output;

/// Compare a challenger with the champion on the events that both scored
///
/// Figures of both with intervals, what differs, whose decisions would change at the policy's thresholds, guardrails, and a verdict: promote, keep, or
/// how many more labels it needs. The interval of a difference holds at every look, so that looking every day is allowed. Nothing is changed.
///
/// Asked is the warehouse of the data folder, or a server that runs (--url). Labels count from the time at which they were observed.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow compare --champion 3 --challenger 4 --data-dir riskflow-data\n  riskflow compare --champion 3 --challenger 4 --from 2026-04-01 --to 2026-04-30 --url http://127.0.0.1:8080 --json"
)]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
    /// The version that decides
    #[arg(long, value_name = "VERSION")]
    champion: u32,
    /// The version that wants to
    #[arg(long, value_name = "VERSION")]
    challenger: u32,
    /// The model [default: the pipeline's, or the only one in the registry]
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    model: Option<String>,
    /// The pipeline file, for its currency (else EUR) and what it says of monitoring, and to bring in what the warehouse lacks of the log
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pipeline: Option<PathBuf>,
    /// The first day of the events
    #[arg(long, value_name = "DAY")]
    from: Option<Timestamp>,
    /// The last day of the events
    #[arg(long, value_name = "DAY")]
    to: Option<Timestamp>,
    /// Labels that were observed later are not known [default: the newest moment that the warehouse knows of]
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
    /// Ask this server
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The key of its API, with --url
    #[arg(long, value_name = "KEY", env = super::API_KEY, hide_env_values = true)]
    api_key: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && to < from
    {
        bail!("--to {} is before --from {}", to.date(), from.date());
    }
    if let Some(url) = &args.url {
        return ask(args, url);
    }
    let config = args.config.load()?;
    let pipeline = args.pipeline.as_deref().map(crate::read_pipeline).transpose()?;
    let monitoring = match (&args.pipeline, &pipeline) {
        (Some(path), Some(pipeline)) => crate::read_monitoring(path, pipeline)?,
        _ => Monitoring::default(),
    };
    let registry = crate::open_registry(&config)?;
    let model = match (&args.model, &pipeline) {
        (Some(model), _) => model.clone(),
        (None, Some(pipeline)) => pipeline.model.name.clone(),
        (None, None) => only_model(&*registry)?,
    };
    let about = |version: u32| anyhow::Ok(registry.load(&model, version)?.about);
    let inputs = Inputs::new(&about(args.champion)?, &about(args.challenger)?)?;
    let warehouse = crate::open_warehouse(&config).context("a server that has the warehouse can be asked with --url")?;
    catch_up(&*warehouse, &*crate::read_log(&config)?, pipeline.as_ref())?;
    let period = Days::between(args.from, args.to).into();
    let currency = pipeline.map(|pipeline| pipeline.schema.default_currency).unwrap_or_default();
    let request = Request { model, champion: args.champion, challenger: args.challenger, period, as_of: args.as_of, currency };
    let found = compare(&*warehouse, &request, inputs, &monitoring.experiment, &monitoring.performance).await?;
    if args.json { output::json_line(&found) } else { print(&found, &monitoring.experiment) }
}

/// The name of the model, where there is one only.
fn only_model(registry: &dyn Registry) -> anyhow::Result<String> {
    match registry.names()?.as_slice() {
        [] => bail!("there is no model in the registry"),
        [name] => Ok(name.clone()),
        names => bail!("there are several models in the registry, {}: say which with --model", names.join(", ")),
    }
}

/// How many records of the log become rows at once.
const STRETCH: usize = 50_000;

/// Brings what the warehouse lacks of the log into it, where the pipeline is known; says so where it is not.
pub(super) fn catch_up(warehouse: &dyn Warehouse, log: &dyn Readable, pipeline: Option<&Pipeline>) -> anyhow::Result<()> {
    let reached = warehouse.reached();
    let Some(pipeline) = pipeline else {
        let lacking = log.read(reached)?.count();
        if lacking > 0 {
            let lacking = output::thousands(lacking as u64);
            output::message(&format!(
                "the warehouse lacks the last {lacking} records of the log: give --pipeline to bring them in"
            ));
        }
        return Ok(());
    };
    let mut projection = Projection::at(reached);
    for (number, record) in log.read(reached)?.enumerate() {
        projection.take(&record?, &pipeline.schema)?;
        if (number + 1).is_multiple_of(STRETCH) {
            warehouse.append(&projection.finish())?;
            projection = Projection::at(warehouse.reached());
        }
    }
    let rest = projection.finish();
    if rest.until > rest.from { Ok(warehouse.append(&rest)?) } else { Ok(()) }
}

/// Asks a server, and prints what it says.
fn ask(args: &Args, url: &str) -> anyhow::Result<()> {
    let mut query = format!("champion={}&challenger={}", args.champion, args.challenger);
    for (name, day) in [("from", args.from), ("to", args.to)] {
        query.extend(day.map(|day| format!("&{name}={}", day.date())));
    }
    query.extend(args.as_of.map(|as_of| format!("&as_of={as_of}")));
    let client = Client::new(url, args.api_key.as_deref())?;
    let answer = client.ask(&Method::GET, &format!("/v1/monitor/comparison?{query}"), None)?;
    if answer.status != 200 {
        bail!("{}", answer.refusal());
    }
    if args.json { output::json_line(&answer.body) } else { print(&serde_json::from_value(answer.body)?, &Policy::default()) }
}

fn print(found: &Comparison, policy: &Policy) -> anyhow::Result<()> {
    let Comparison { model, champion, challenger, contest, outcomes, currency, .. } = found;
    output::text_line(&format!("{model}: {challenger} against {champion}, {}", found.finding.summary))?;
    for reason in &found.finding.reasons {
        output::text_line(&format!("  {reason}"))?;
    }
    if found.state == State::NoData {
        return output::text_line("\nno data: no event was scored by both");
    }
    let judged = output::thousands(outcomes.judged());
    let between = |from: Option<Timestamp>| from.map_or_else(|| "-".to_owned(), Timestamp::date);
    let whose = contest.entities.map_or_else(
        || "each taken as independent".to_owned(),
        |entities| format!("of {} entities", output::thousands(entities)),
    );
    output::text_line(&format!(
        "\n{} events of {} to {}, {judged} of them judged, {whose}, {} bad; {} of the bad ones are known as of {}\n",
        output::thousands(found.events),
        between(found.from),
        between(found.to),
        output::thousands(outcomes.bad),
        share(&found.maturity),
        found.as_of,
    ))?;
    let [theirs, mine] = [&contest.champion, &contest.challenger];
    let pair = |name: &str, of: fn(&evaluation::Figures) -> Figure, lead: Option<&Lead>| {
        let [theirs, mine] = [of(&theirs.figures), of(&mine.figures)].map(|figure| number(&figure));
        vec![name.to_owned(), theirs, mine, lead.map_or_else(String::new, ahead)]
    };
    let mut rows = vec![
        pair("area under the curve", |figures| figures.auc, Some(&contest.auc)),
        pair("average precision", |figures| figures.average_precision, Some(&contest.average_precision)),
        pair("KS", |figures| figures.ks, None),
        pair("Brier", |figures| figures.brier, None),
        pair("calibration error", |figures| figures.calibration_error, None),
    ];
    let amount = |figure: &Figure| money(figure, *currency);
    for (place, contested) in contest.decisions.iter().enumerate() {
        let threshold = &contested.flips.threshold.name;
        let [theirs, mine] = [theirs, mine].map(|side| &side.decisions[place].flagging);
        let mut line =
            |name: &str, of: fn(&evaluation::Flagging) -> Figure, lead: Option<&Lead>, text: &dyn Fn(&Figure) -> String| {
                let ahead = lead.map_or_else(String::new, |lead| money_ahead(lead, *currency));
                rows.push(vec![format!("{threshold}: {name}"), text(&of(theirs)), text(&of(mine)), ahead]);
            };
        line("precision", |flagging| flagging.precision, None, &number);
        line("recall", |flagging| flagging.recall, None, &number);
        let (stopped, wrongly) = (&contested.money_stopped_minor, &contested.money_wrongly_stopped_minor);
        line(&format!("money stopped, {currency}"), |flagging| flagging.money_stopped_minor, Some(stopped), &amount);
        line(&format!("wrongly stopped, {currency}"), |flagging| flagging.money_wrongly_stopped_minor, Some(wrongly), &amount);
    }
    output::table(&["", &format!("{champion}"), &format!("{challenger}"), "difference, at every look"], &rows)?;
    if found.other_currency > 0 {
        let others = output::thousands(found.other_currency);
        output::text_line(&format!("money is in {currency}; events in other currencies, which are not in it: {others}"))?;
    }
    output::text_line("")?;
    let flips = found.flips.iter().filter(|flip| flip.champion != flip.challenger && flip.events > 0);
    output::table(&["decisions that change", "events", "bad", "good", "not judged"], &flips.map(flip_row).collect::<Vec<_>>())?;
    output::text_line("")?;
    let guardrail = |each: &monitor::experiment::Guardrail| {
        vec![each.name.text().to_owned(), number(&each.value), format!("{}", each.limit), each.state.text().to_owned()]
    };
    output::table(&["guardrail", "value", "limit", "state"], &found.guardrails.iter().map(guardrail).collect::<Vec<_>>())?;
    output::text_line(&format!(
        "\nIntervals: {:.0} %; those of differences hold at every look, with a false alarm in {:.0} % of comparisons at most.",
        95.0,
        policy.alpha * 100.0
    ))
}

fn flip_row(flip: &Flip) -> Vec<String> {
    let good = flip.outcomes.good + flip.outcomes.presumed;
    let counts = [flip.events, flip.outcomes.bad, good, flip.outcomes.open].map(output::thousands);
    std::iter::once(format!("{} -> {}", flip.champion, flip.challenger)).chain(counts).collect()
}

fn number(figure: &Figure) -> String {
    match figure {
        Figure::Known(known) => match known.interval {
            Some(interval) => format!("{:.4} ({:.4} to {:.4})", known.point, interval.lower, interval.upper),
            None => format!("{:.4}", known.point),
        },
        Figure::Missing { missing } => missing.to_string(),
    }
}

fn money(figure: &Figure, currency: Currency) -> String {
    match figure {
        Figure::Known(known) => currency.text(known.point),
        Figure::Missing { missing } => missing.to_string(),
    }
}

fn share(figure: &Figure) -> String {
    figure.point().map_or_else(|| "an unknown share".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

fn ahead(lead: &Lead) -> String {
    let at = |value: f64| format!("{value:+.4}");
    between(lead, at)
}

fn money_ahead(lead: &Lead, currency: Currency) -> String {
    between(lead, |minor| format!("{}{}", if minor.is_sign_negative() { "" } else { "+" }, currency.text(minor)))
}

fn between(lead: &Lead, text: impl Fn(f64) -> String) -> String {
    match (lead.difference, lead.at_every_look.interval()) {
        (Figure::Known(known), Some(interval)) => {
            format!("{} ({} to {})", text(known.point), text(interval.lower), text(interval.upper))
        }
        (Figure::Known(known), None) => text(known.point),
        (Figure::Missing { missing }, _) => missing.to_string(),
    }
}
