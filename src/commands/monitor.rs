//! `riskflow monitor`: how it stands, on one screen or for a timer: what moved, how decisions turned out, and what is said of challengers.

use std::path::PathBuf;
use std::sync::Arc;

use ::monitor::drift::Severity;
use ::monitor::experiment::{Comparison, GuardrailState};
use ::monitor::performance::concept::{self, Week};
use ::monitor::performance::{Cohort, Performance};
use ::monitor::{Watch, drift::Moved};
use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use dashboards::Sources;
use evaluation::Figure;
use ingest::{Duration, Timestamp};
use scoring::control::{Role, role, role_changes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;
use ureq::http::Method;

use super::client::{Answer, Client};
use crate::output;

/// Show how it stands: what moved, how decisions turned out, what is said of challengers
///
/// Of the last days that have decisions. Asked is a server that runs (--url), or the warehouse of the data folder, which no server may hold then.
/// Nothing is changed. With --check it fails where something has drifted or a guardrail is broken, for a timer that tells somebody.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow monitor --url http://127.0.0.1:8080\n  riskflow monitor --pipeline pipelines/card_fraud.toml --days 7 --json\n  riskflow monitor --url http://127.0.0.1:8080 --check || page-somebody"
)]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE", required_unless_present = "url", conflicts_with = "url")]
    pipeline: Option<PathBuf>,
    /// Ask this server
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The key of its API, with --url
    #[arg(long, value_name = "KEY", env = super::API_KEY, hide_env_values = true)]
    api_key: Option<String>,
    /// Look at so many days, up to the last that has decisions
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// Fail where something has drifted or a guardrail is broken
    #[arg(long)]
    check: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How it stands.
#[derive(Debug, Serialize)]
struct Report {
    /// The first day and the last, as 2018-08-01.
    days: [String; 2],
    /// The last window, a day, that something is known of drift of, with all that it has.
    drift: Vec<Moved>,
    performance: Performance,
    /// The version that decides.
    champion: Option<u32>,
    /// Each challenger beside the champion.
    challengers: Vec<Comparison>,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source::open(args)?;
    let Some(report) = report(&source, args.days).await? else { bail!("no data: nothing has been decided yet") };
    if args.json {
        output::json_line(&report)?;
    } else {
        print(&report)?;
    }
    let wrong = wrong(&report);
    if args.check && !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

/// What somebody has to look at.
fn wrong(report: &Report) -> Vec<String> {
    let concept = last_weeks(report).filter(|(_, moved)| moved.severity == Severity::Drift);
    let concept = concept.filter(|(week, _)| report.champion.is_none_or(|champion| champion == week.version));
    let concept = concept.map(|(week, moved)| format!("{} of version {}", moved.name.name(), week.version));
    let features = at_least(report, Severity::Drift).map(|moved| moved.name.clone());
    let drifted: Vec<String> = features.chain(concept).collect();
    let drifted = (!drifted.is_empty()).then(|| format!("drifted: {}", drifted.join(", ")));
    let broken = report.challengers.iter().flat_map(|compared| {
        let broken = compared.guardrails.iter().filter(|each| each.state == GuardrailState::Broken);
        broken.map(|each| format!("challenger {}: {} is {}", compared.challenger, each.name.text(), each.state.text()))
    });
    drifted.into_iter().chain(broken).collect()
}

/// What is known of each version's last week with enough labels.
fn last_weeks(report: &Report) -> impl Iterator<Item = (&Week, &concept::Moved)> {
    let of_versions = report.performance.concept.chunk_by(|a, b| a.version == b.version);
    let is_known = |week: &&Week| week.figures.iter().any(|moved| moved.severity != Severity::InsufficientData);
    let last = of_versions.filter_map(move |weeks| weeks.iter().rfind(is_known));
    last.flat_map(|week| week.figures.iter().map(move |moved| (week, moved)))
}

fn at_least(report: &Report, severity: Severity) -> impl Iterator<Item = &Moved> {
    report.drift.iter().filter(move |moved| moved.severity >= severity)
}

/// A day of the answer to the question of volume.
#[derive(Deserialize)]
struct Day {
    day: Timestamp,
}

/// The answer to the question of drift.
#[derive(Deserialize)]
struct Drifted {
    moved: Vec<Moved>,
}

async fn report(source: &Source, days: u16) -> anyhow::Result<Option<Report>> {
    let volume: Vec<Day> = source.get("/v1/monitor/volume").await?;
    let Some(last) = volume.iter().map(|day| day.day).max() else { return Ok(None) };
    let first = last - Duration::days(i64::from(days) - 1);
    let range = format!("from={}&to={}", first.date(), last.date());
    let Drifted { mut moved } = source.get(&format!("/v1/monitor/drift?window=day&{range}")).await?;
    let newest = moved.iter().map(|moved| moved.window_start).max();
    moved.retain(|moved| Some(moved.window_start) == newest);
    let performance = source.get(&format!("/v1/monitor/performance?{range}")).await?;
    let (champion, versions) = source.roles().await?;
    let mut challengers = Vec::new();
    for challenger in versions {
        let Some(champion) = champion else { break };
        let query = format!("/v1/monitor/comparison?champion={champion}&challenger={challenger}&{range}");
        challengers.push(source.get(&query).await?);
    }
    Ok(Some(Report { days: [first.date(), last.date()], drift: moved, performance, champion, challengers }))
}

/// Who is asked: either way it is the routes of the pages that answer.
enum Source {
    Server(Client),
    Here { routes: Router, champion: Option<u32>, challengers: Vec<u32> },
}

impl Source {
    fn open(args: &Args) -> anyhow::Result<Self> {
        if let Some(url) = &args.url {
            return Ok(Self::Server(Client::new(url, args.api_key.as_deref())?));
        }
        let path = args.pipeline.as_deref().context("give --pipeline or --url")?;
        let (config, pipeline) = (args.config.load()?, crate::read_pipeline(path)?);
        let monitoring = crate::read_monitoring(path, &pipeline)?;
        let (log, registry) = (crate::read_log(&config)?, crate::open_registry(&config)?);
        let warehouse = crate::open_warehouse(&config).context("a server that has the warehouse can be asked with --url")?;
        super::compare::catch_up(&*warehouse, &*log, Some(&pipeline))?;
        let (changes, model, currency) = (role_changes(&*log)?, pipeline.model.name.clone(), pipeline.schema.default_currency);
        let of = |wanted: Role| {
            let versions = registry.versions(&model).map(|versions| {
                versions.into_iter().filter(|version| role(&changes, &model, *version) == wanted).collect::<Vec<u32>>()
            });
            versions.with_context(|| format!("cannot list the versions of {model}"))
        };
        let (champion, challengers) = (of(Role::Champion)?.pop(), of(Role::Challenger)?);
        let sources = Sources {
            warehouse: Arc::clone(&warehouse),
            registry: Arc::clone(&registry),
            model: model.clone(),
            currency,
            performance: monitoring.performance.clone(),
            experiment: monitoring.experiment.clone(),
            segments: monitoring.segments.clone(),
        };
        let watch = Watch::new(Arc::clone(&warehouse), registry, Arc::new(pipeline), monitoring);
        let routes = dashboards::router(warehouse, currency)
            .merge(dashboards::models_router(sources))
            .merge(dashboards::drift_router(Arc::new(watch)));
        Ok(Self::Here { routes, champion, challengers })
    }

    /// The champion, and the challengers.
    async fn roles(&self) -> anyhow::Result<(Option<u32>, Vec<u32>)> {
        #[derive(Deserialize)]
        struct Line {
            version: u32,
            role: String,
        }
        #[derive(Deserialize)]
        struct Lines {
            models: Vec<Line>,
        }
        if let Self::Here { champion, challengers, .. } = self {
            return Ok((*champion, challengers.clone()));
        }
        let Lines { models } = self.get("/v1/models").await?;
        let of = |role: &str| models.iter().filter(|line| line.role == role).map(|line| line.version).collect::<Vec<u32>>();
        Ok((of("champion").pop(), of("challenger")))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = match self {
            Self::Server(client) => client.ask(&Method::GET, path, None)?,
            Self::Here { routes, .. } => {
                let answer = routes.clone().oneshot(Request::builder().uri(path).body(Body::empty())?).await?;
                let status = answer.status().as_u16();
                Answer {
                    status,
                    body: serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await?)?,
                    retry_after: None,
                }
            }
        };
        if answer.status >= 300 {
            bail!("{path} was refused: {}", answer.refusal());
        }
        serde_json::from_value::<T>(answer.body).with_context(|| format!("the answer to {path} cannot be read"))
    }
}

fn print(report: &Report) -> anyhow::Result<()> {
    let Report { days: [first, last], performance, .. } = report;
    let whole = &performance.whole;
    output::text_line(&format!(
        "{first} to {last}: {} decisions, {} approved; labels as of {}\n",
        output::thousands(whole.decisions),
        percent(&whole.approval_rate),
        performance.as_of,
    ))?;
    print_drift(report)?;
    output::text_line("\nhow decisions turned out, with 95 % intervals")?;
    let rows = std::iter::once(whole).chain(&performance.versions).map(cohort_row);
    let headings = ["", "judged", "bad", "bad ones known", "precision", "recall", "AUC", "average precision"];
    output::table(&headings, &rows.collect::<Vec<_>>())?;
    print_concept(report)?;
    output::text_line("")?;
    if report.challengers.is_empty() {
        return output::text_line("no challenger looks on");
    }
    report.challengers.iter().try_for_each(|Comparison { champion, challenger, finding, guardrails, .. }| {
        output::text_line(&format!("challenger {challenger} against {champion}: {}", finding.summary))?;
        finding.reasons.iter().try_for_each(|reason| output::text_line(&format!("  {reason}")))?;
        let states: Vec<String> = guardrails.iter().map(|each| format!("{} {}", each.name.text(), each.state.text())).collect();
        output::text_line(&format!("  guardrails: {}", states.join(", ")))
    })
}

fn print_drift(report: &Report) -> anyhow::Result<()> {
    let Some(day) = report.drift.first().map(|moved| moved.window_start.date()) else {
        return output::text_line("drift: no data yet; a server that runs keeps profiles of what it decides");
    };
    let told: Vec<&Moved> = at_least(report, Severity::Watch).collect();
    if told.is_empty() {
        let short = report.drift.iter().filter(|moved| moved.severity == Severity::InsufficientData).count();
        return output::text_line(&format!(
            "drift: of {} watched on {day} none has moved, {short} with insufficient data",
            report.drift.len()
        ));
    }
    output::text_line(&format!("drift: {} of {} moved on {day}", told.len(), report.drift.len()))?;
    let row = |moved: &&Moved| {
        let psi = |of: fn(&drift::Psi) -> f64| {
            moved.figures.psi.as_ref().map_or_else(|| "-".to_owned(), |psi| format!("{:.3}", of(psi)))
        };
        let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
        let missing = moved.figures.missing.as_ref();
        vec![
            moved.name.clone(),
            psi(|psi| psi.value),
            psi(|psi| psi.noise),
            rate(missing.map(|missing| missing.reference_rate)),
            rate(missing.map(|missing| missing.current_rate)),
            moved.severity.name().to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = told.iter().map(row).collect();
    output::table(&["  ", "PSI", "noise", "missing then", "missing now", "severity"], &rows)
}

fn print_concept(report: &Report) -> anyhow::Result<()> {
    let moved: Vec<_> = last_weeks(report).filter(|(_, moved)| moved.severity >= Severity::Watch).collect();
    if moved.is_empty() {
        return Ok(());
    }
    output::text_line("\nwhat became of probabilities, by the last week with enough labels")?;
    let row = |(week, moved): &(&Week, &concept::Moved)| {
        let of = |figure: &Figure| text(figure, |value| format!("{value:.3}"));
        vec![
            format!("version {}", week.version),
            moved.name.name().to_owned(),
            week.week.date(),
            of(&moved.change.before),
            of(&moved.change.now),
            of(&moved.change.change),
            moved.severity.name().to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = moved.iter().map(row).collect();
    output::table(&["", "", "week from", "weeks before", "now", "change", "severity"], &rows)
}

fn cohort_row(cohort: &Cohort) -> Vec<String> {
    let Cohort { name, outcomes, maturity, flagging, scores, .. } = cohort;
    let name = if name == "all" { "all decisions".to_owned() } else { format!("version {name}") };
    vec![
        name,
        output::thousands(outcomes.judged()),
        output::thousands(outcomes.bad),
        percent(maturity),
        percent(&flagging.precision),
        percent(&flagging.recall),
        text(&scores.figures.auc, |value| format!("{value:.3}")),
        text(&scores.figures.average_precision, |value| format!("{value:.3}")),
    ]
}

fn percent(figure: &Figure) -> String {
    text(figure, |value| format!("{:.1} %", value * 100.0))
}

fn text(figure: &Figure, number: impl Fn(f64) -> String) -> String {
    match figure {
        Figure::Known(known) => match known.interval {
            Some(interval) => format!("{} ({} to {})", number(known.point), number(interval.lower), number(interval.upper)),
            None => number(known.point),
        },
        Figure::Missing { missing } => missing.to_string(),
    }
}
