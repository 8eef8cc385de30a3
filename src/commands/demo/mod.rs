//! `riskflow demo`: the main job from end to end in one process. It trains on the first part of a history, replays the rest as live
//! traffic through the engine that serves the API, brings labels when they are due, and shows it all on the page.
//!
//! Started again after any end, it goes on where the log ends: what was accepted is neither lost nor counted twice.

mod claim;
mod periods;
mod replay;
mod report;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use ingest::simulator::Injection;
use ingest::{Clock, ManualClock, SystemClock};
use monitor::Monitoring;
use scoring::registry::Published;
use scoring::{Control, Pipeline};
use tokio::sync::watch;
use training::{Files, Learner, Progress, Request, Source, Training};

use self::claim::Claim;
use self::periods::Periods;
use self::replay::Replay;
use super::ConfigArgs;
use super::run::reload_when_changed;
use super::world::{Use, WorldArgs};
use crate::entrance::Entrance;
use crate::listener::Listener;
use crate::server::{self, Live};
use crate::signals::Signals;
use crate::{Riskflow, output};

/// The text and the name of the pipeline of a demo, when no other is named.
fn built_in(used: Use) -> (String, &'static str) {
    match used {
        // Rules, and what the desk looks at, stand beside it: the Handbook itself has none.
        Use::Cards => (
            [
                include_str!("../../../pipelines/card_fraud_handbook.toml"),
                include_str!("rules.toml"),
                include_str!("alerts.toml"),
            ]
            .concat(),
            "pipelines/card_fraud_handbook.toml",
        ),
        Use::Credit => (include_str!("../../../pipelines/credit.toml").to_owned(), "pipelines/credit.toml"),
    }
}

/// See it work: train, replay half a year of payments as live traffic, watch the page
///
/// Without --data it simulates 5,000 customers at 10,000 terminals over 183 days. It trains on the first part, then replays the
/// rest as fast as it goes (or at --speed) through the same path that the API uses, labels arriving when they are due. Then
/// simulated traffic goes on until Ctrl-C, unless --once is given. Started again, it goes on where it ended.
///
/// With --use credit it is 800 days of applications for credit: a scorecard decides, boosting looks on, and whether somebody
/// paid is known half a year later.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow demo\n  riskflow demo --use credit\n  riskflow demo --once --data data/transactions.parquet --json"
)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Replay this history instead of a simulated one: Parquet or CSV, in the order of time
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Another pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    /// Seconds of event time in a second [default: as fast as it goes in the replay, 600 after it]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    speed: Option<u32>,
    /// The port of the page, on this machine only [default: the configuration's]
    #[arg(long)]
    port: Option<u16>,
    /// End after the replay
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    world: WorldArgs,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let (pipeline, monitoring, training) = match &args.pipeline {
        Some(path) => {
            let pipeline = crate::read_pipeline(path)?;
            let (monitoring, training) = (crate::read_monitoring(path, &pipeline)?, crate::read_training(path, &pipeline)?);
            (pipeline, monitoring, training)
        }
        None => {
            let (text, name) = built_in(args.world.used);
            let pipeline = Pipeline::parse(&text, name)?;
            let (monitoring, training) = (Monitoring::parse(&text, name, &pipeline)?, Training::parse(&text, name, &pipeline)?);
            (pipeline, monitoring, training)
        }
    };
    let address = args.port.map_or(config.server.listen, |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let listener = Listener::bind(address, &config.server).await?;
    let (url, entrance) = (listener.url(), Entrance::closed(&config.server, "a history and a model: they are being made"));
    let ((stop, stopped), (end_serving, mut serving_ends)) = (watch::channel(false), watch::channel(false));
    let mut over = stopped.clone();
    let until = async move {
        // Either ends it; a closed channel too.
        tokio::select! { _ = over.wait_for(|stop| *stop) => {}, _ = serving_ends.wait_for(|end| *end) => {} }
    };
    let serving = tokio::spawn(listener.serve(Arc::clone(&entrance), until));
    std::fs::create_dir_all(&config.data).with_context(|| format!("cannot create the data folder {}", config.data.display()))?;
    Claim::of(args, pipeline.plan.version())?.check(&config.data)?;
    let data = match &args.data {
        Some(path) => path.clone(),
        None => simulated(args, &config.data)?,
    };
    let periods = Periods::of(&data, &pipeline).await?;
    let clock = Arc::new(ManualClock::at(periods.first));
    let bar = output::counter("recovering");
    let riskflow =
        crate::assemble(&config, pipeline, Arc::clone(&clock) as Arc<dyn Clock>, &mut |records| bar.set_position(records))?;
    bar.finish_and_clear();
    if riskflow.engine.champion().is_none() {
        train(&data, &riskflow, &training, periods).await?;
    }
    let signals = Signals::start(&config, "demo")?;
    let (drift, observer) = riskflow.observe(monitoring.clone(), &signals.notifier)?;
    let lookout = riskflow.look_out(&signals.notifier, &config.data)?;
    let live = Live::default();
    tokio::spawn(async move {
        server::stop_signal().await;
        stop.send_replace(true);
        // The sender stays alive, so that nobody takes its end for the signal.
        std::future::pending::<()>().await;
    });
    let letters = config.data.join("dead-letters.jsonl");
    let replaying = async {
        let mut replay = Replay::new(&riskflow, clock, stopped, live.clone(), args.speed).await?;
        let ended = drive(args, &mut replay, &data, periods, &riskflow, &letters, &url).await;
        end_serving.send_replace(true);
        ended
    };
    let access = config.access()?;
    tokio::spawn(reload_when_changed(Arc::clone(&access)));
    entrance.open(server::inside(&riskflow, &monitoring, live.clone(), access, signals.clone(), drift, observer.observed()));
    output::message(&format!("the page is live on {url}"));
    let replayed = replaying.await;
    let served = serving.await?;
    // What was replayed is looked at to its end, also where nothing comes after it.
    let end = tokio::task::block_in_place(|| riskflow.log.flush())?;
    let seen = observer.catch_up(end).await.and(lookout.catch_up(end).await);
    observer.stop().await;
    lookout.stop().await;
    riskflow.stop().await?;
    signals.stop().await?;
    replayed.and(served)?;
    Ok(seen?)
}

/// The replay, its report, and the traffic after it.
async fn drive(
    args: &Args,
    replay: &mut Replay,
    data: &Path,
    periods: Periods,
    riskflow: &Riskflow,
    letters: &Path,
    url: &str,
) -> anyhow::Result<()> {
    if !replay.file(data, periods, letters).await? {
        if args.once {
            bail!("stopped within the replay; start it again to go on");
        }
        output::message("stopped within the replay; start it again to go on");
        return Ok(());
    }
    let report = report::of(riskflow, replay, periods.last).await?;
    let pipeline =
        args.pipeline.as_ref().map_or_else(|| built_in(args.world.used).1.to_owned(), |path| path.display().to_string());
    report.print(args.json, url, &pipeline)?;
    if args.once {
        return Ok(());
    }
    output::message(&format!("traffic goes on: see {url}; Ctrl-C stops it"));
    let world = args.world.world();
    replay.simulated(if args.data.is_some() { world.strangers(periods.day_after())? } else { world.afterwards()? }).await
}

/// The simulated history, made once.
fn simulated(args: &Args, data: &Path) -> anyhow::Result<PathBuf> {
    let path = data.join(match args.world.used {
        Use::Cards => "simulated-transactions.parquet",
        Use::Credit => "simulated-applications.parquet",
    });
    if !path.exists() {
        let world = args.world.world();
        let bar = output::bar("simulating", u64::from(world.days()));
        world.write(&mut Injection::none(), &path, &mut |days| bar.set_position(u64::from(days)))?;
        bar.finish_and_clear();
    }
    Ok(path)
}

/// Trains on the days before the replay and promotes the model with the best average precision on the last of them. For credit it is the
/// scorecard, whose reasons are exact, and boosting looks on as its challenger.
async fn train(data: &Path, riskflow: &Riskflow, training: &Training, periods: Periods) -> anyhow::Result<()> {
    let pipeline = riskflow.engine.pipeline();
    let is_credit = pipeline.credit.is_some();
    let learners = training.learners.clone().unwrap_or_else(|| vec![Learner::Logistic, Learner::Boosting]);
    let request = Request {
        data: &Source::Files(Files::find(&[data.to_owned()])?),
        pipeline,
        split: periods.split,
        delay: periods.delay,
        learners: &learners,
        training,
        least_bad_rows: 0,
        threads: super::cores(),
        seed: 0,
        published: Published { at: SystemClock.now(), by: "riskflow demo".to_owned() },
    };
    let bar = output::counter("training");
    let done = training::train(request, &mut |progress| match progress {
        Progress::Events(events) => bar.set_position(events),
        Progress::Dataset { .. } => {}
        Progress::Fitting(learner) => bar.set_message(learner.name()),
    })
    .await?;
    bar.finish_and_clear();
    let mut ranked: Vec<(f64, u32, Learner)> = Vec::new();
    for trained in &done.trained {
        let version = riskflow.registry.publish(&trained.artifact)?;
        let Some(precision) = trained.metrics.average_precision else { continue };
        output::message(&format!(
            "trained {} {version} ({}): AUC {:.3}, average precision {precision:.3} on {} to {}",
            trained.artifact.about.name,
            trained.learner.name(),
            trained.metrics.auc.unwrap_or(f64::NAN),
            periods.split.test.from.date(),
            (periods.live_from - ingest::Duration::from_micros(1)).date(),
        ));
        ranked.push((precision, version, trained.learner));
    }
    let leads = |one: &(f64, u32, Learner)| (is_credit && one.2 == Learner::Scorecard, one.0);
    ranked.sort_by(|one, other| leads(other).partial_cmp(&leads(one)).expect("precisions are numbers"));
    let Some((precision, version, learner)) = ranked.first() else {
        bail!(
            "no model could be judged: there is nothing bad from {} to {}",
            periods.split.test.from.date(),
            periods.live_from.date()
        );
    };
    let by = "riskflow demo";
    let reason = match is_credit && *learner == Learner::Scorecard {
        true => "a scorecard: every point can be explained to an applicant".to_owned(),
        false => format!("{} has the best average precision, {precision:.3}", learner.name()),
    };
    riskflow.promote(*version, by, &reason).await?;
    let first = learner.name();
    for (_, version, learner) in ranked[1..].iter().filter(|_| is_credit) {
        let (name, reason) = (pipeline.model.name.clone(), format!("{} beside {first}", learner.name()));
        let at = riskflow.engine.now();
        let looks_on = Control::Challenged { name, version: *version, share_percent: 0, by: by.to_owned(), reason, at };
        riskflow.engine.change(looks_on).await?;
    }
    Ok(())
}
