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
use ingest::simulator::{self, Injection, Settings, Simulator};
use ingest::{Clock, ManualClock, SystemClock};
use monitor::Monitoring;
use scoring::Pipeline;
use scoring::registry::Published;
use tokio::sync::watch;
use training::{Files, Learner, Progress, Request, Source};

use self::claim::Claim;
use self::periods::Periods;
use self::replay::Replay;
use super::run::reload_when_changed;
use super::{ConfigArgs, WorldArgs};
use crate::server::{self, Listener, Live};
use crate::signals::Signals;
use crate::{Riskflow, output};

/// The pipeline of the demo, when no other is named.
const PIPELINE: &str = include_str!("../../../pipelines/card_fraud_handbook.toml");
/// What its desk looks at: the Handbook itself has none.
const ALERTS: &str = include_str!("alerts.toml");
const PIPELINE_NAME: &str = "pipelines/card_fraud_handbook.toml";

/// See it work: train, replay half a year of payments as live traffic, watch the page
///
/// Without --data it simulates 5,000 customers at 10,000 terminals over 183 days. It trains on the first part, then replays the
/// rest as fast as it goes (or at --speed) through the same path that the API uses, labels arriving when they are due. Then
/// simulated traffic goes on until Ctrl-C, unless --once is given. Started again, it goes on where it ended.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow demo\n  riskflow demo --once --data data/transactions.parquet --json")]
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
    let (pipeline, monitoring) = match &args.pipeline {
        Some(path) => {
            let pipeline = crate::read_pipeline(path)?;
            let monitoring = crate::read_monitoring(path, &pipeline)?;
            (pipeline, monitoring)
        }
        None => (Pipeline::parse(&[PIPELINE, ALERTS].concat(), PIPELINE_NAME)?, Monitoring::default()),
    };
    let address = args.port.map_or(config.server.listen, |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let listener = Listener::bind(address, &config.server)?;
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
        train(&data, &riskflow, periods).await?;
    }
    let signals = Signals::start(&config, "demo")?;
    let (drift, observer) = riskflow.observe(monitoring.clone(), &signals.notifier)?;
    let lookout = riskflow.look_out(&signals.notifier)?;
    let (live, (stop, stopped)) = (Live::default(), watch::channel(false));
    let url = listener.url();
    output::message(&format!("the page is live on {url}"));
    tokio::spawn(async move {
        server::stop_signal().await;
        stop.send_replace(true);
        // The sender stays alive, so that nobody takes its end for the signal.
        std::future::pending::<()>().await;
    });
    let letters = config.data.join("dead-letters.jsonl");
    let mut over = stopped.clone();
    let (end_serving, mut serving_ends) = watch::channel(false);
    let replaying = async {
        let mut replay = Replay::new(&riskflow, clock, stopped, live.clone(), args.speed).await?;
        let ended = drive(args, &mut replay, &data, periods, &riskflow, &letters, &url).await;
        end_serving.send_replace(true);
        ended
    };
    let until = async move {
        // Either ends it; a closed channel too.
        tokio::select! { _ = over.wait_for(|stop| *stop) => {}, _ = serving_ends.wait_for(|end| *end) => {} }
    };
    let access = config.access()?;
    tokio::spawn(reload_when_changed(Arc::clone(&access)));
    let router = server::router(&riskflow, &monitoring, live.clone(), access, signals.clone(), drift);
    let serving = tokio::spawn(server::serve(listener, router, until));
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
    report.print(args.json, url)?;
    if args.once {
        return Ok(());
    }
    output::message(&format!("traffic goes on: see {url}; Ctrl-C stops it"));
    let simulator = match args.data {
        // Strangers to the file's customers, numbered above its transactions.
        Some(_) => {
            Simulator::new(Settings { days: None, start: periods.day_after(), ..Settings::default() })?.number_from(1 << 40)
        }
        None => {
            let mut world = Simulator::new(Settings { days: None, ..args.world.settings() })?;
            world.by_ref().take(args.world.days as usize).for_each(drop);
            world
        }
    };
    replay.simulated(simulator).await
}

/// The simulated history, made once.
fn simulated(args: &Args, data: &Path) -> anyhow::Result<PathBuf> {
    let path = data.join("simulated-transactions.parquet");
    if !path.exists() {
        let bar = output::bar("simulating", u64::from(args.world.days));
        let simulator = Simulator::new(args.world.settings())?;
        let progress = &mut |days| bar.set_position(u64::from(days));
        simulator::parquet::write(simulator, &mut Injection::none(), &path, progress)?;
        bar.finish_and_clear();
    }
    Ok(path)
}

/// Trains on the days before the replay and promotes the model with the best average precision on the last of them.
async fn train(data: &Path, riskflow: &Riskflow, periods: Periods) -> anyhow::Result<()> {
    let pipeline = riskflow.engine.pipeline();
    let request = Request {
        data: &Source::Files(Files::find(&[data.to_owned()])?),
        pipeline,
        split: periods.split,
        delay: periods.delay,
        learners: &[Learner::Logistic, Learner::Boosting],
        training: &training::Training::default(),
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
    let mut best: Option<(f64, u32, &str)> = None;
    for trained in &done.trained {
        let version = riskflow.registry.publish(&trained.artifact)?;
        let Some(precision) = trained.metrics.average_precision else { continue };
        output::message(&format!(
            "trained {} {version} ({}): average precision {precision:.3} on {} to {}",
            trained.artifact.about.name,
            trained.learner.name(),
            periods.split.test.from.date(),
            (periods.live_from - ingest::Duration::from_micros(1)).date(),
        ));
        if best.is_none_or(|(leader, ..)| precision > leader) {
            best = Some((precision, version, trained.learner.name()));
        }
    }
    let Some((precision, version, learner)) = best else {
        bail!(
            "no model could be judged: there is no fraud from {} to {}",
            periods.split.test.from.date(),
            periods.live_from.date()
        );
    };
    riskflow.promote(version, "riskflow demo", &format!("{learner} has the best average precision, {precision:.3}")).await
}
