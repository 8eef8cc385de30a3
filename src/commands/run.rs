//! `riskflow run`: the server: the scoring API and the page, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use ingest::SystemClock;
use scoring::Engine;
use scoring::api::access::{Access, KeyFile};
use tokio::signal::unix::{SignalKind, signal};

use super::ConfigArgs;
use crate::server::{self, Live};
use crate::signals::{Signals, tell_breaches, watch_warehouse};
use crate::{output, server::Listener};

/// Serve the scoring API and the live page
///
/// Ctrl-C or SIGTERM stops it: what was accepted is decided, written and projected first.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow run --pipeline pipelines/card_fraud_handbook.toml --listen 127.0.0.1:8080")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Where to listen [default: the configuration's]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let monitoring = crate::read_monitoring(&args.pipeline, &pipeline)?;
    let listener = Listener::bind(args.listen.unwrap_or(config.server.listen), &config.server)?;
    let keys = KeyFile::of(&config.data);
    let access = Arc::new(Access::new(keys.read()?, Arc::new(SystemClock)));
    if access.is_open() && !listener.is_local() {
        bail!(
            "there is no API key, so everybody who reaches {} could do everything: make one with `riskflow key add`, or listen on 127.0.0.1",
            listener.url()
        );
    }
    if access.is_open() && pipeline.governance.four_eyes.as_ref().is_some_and(|kinds| !kinds.is_empty()) {
        bail!(
            "{} asks for four eyes, and without keys nobody is told from anybody: make a key for each person with `riskflow key add`, or write `four_eyes = []` in [governance]",
            args.pipeline.display()
        );
    }
    let signals = Signals::start(&config, "run")?;
    let bar = output::counter("recovering");
    let riskflow = crate::assemble(&config, pipeline, Arc::new(SystemClock), &mut |records| bar.set_position(records))?;
    bar.finish_and_clear();
    let (watch, observer) = riskflow.observe(monitoring.clone(), &signals.notifier)?;
    let lookout = riskflow.look_out(&signals.notifier)?;
    // Whoever reads that it listens may tell it to stop at once.
    let stop = server::stop_signal();
    output::message(&format!("riskflow listens on {}", listener.url()));
    match riskflow.engine.champion() {
        Some(champion) => output::message(&format!("champion: {} {}", champion.artifact.about.name, champion.version)),
        None => output::message(
            "there is no champion yet: train a model and promote it; until then `on_failure` of the pipeline decides",
        ),
    }
    let reloading =
        tokio::spawn(reload_on_hangup(Arc::clone(&riskflow.engine), args.pipeline.clone(), keys, Arc::clone(&access)));
    let judging =
        crate::judging::start(Arc::clone(&riskflow.engine), riskflow.judge(&monitoring), Arc::clone(&signals.notifier))?;
    let pipeline = riskflow.engine.pipeline().name.clone();
    let progress = riskflow.projector.progress();
    let watching = tokio::spawn(watch_warehouse(progress, Arc::clone(&signals.notifier), pipeline));
    let tell = tell_breaches(Arc::clone(&signals.notifier), riskflow.engine.pipeline());
    let guarding = tokio::spawn(Arc::clone(&riskflow.engine).guard(tell));
    let router = server::router(&riskflow, &monitoring, Live::default(), access, signals.clone(), watch);
    let served = server::serve(listener, router, stop).await;
    reloading.abort();
    guarding.abort();
    drop(judging);
    output::message("stopping: what was accepted is written first");
    observer.stop().await;
    lookout.stop().await;
    riskflow.stop().await?;
    watching.await?;
    signals.stop().await?;
    served
}

/// Reads the pipeline file and the keys again on SIGHUP. What is wrong with them is said, and then everything stays as it was.
async fn reload_on_hangup(engine: Arc<Engine>, path: PathBuf, keys: KeyFile, access: Arc<Access>) {
    let mut hangup = signal(SignalKind::hangup()).expect("signals can be listened to");
    while hangup.recv().await.is_some() {
        match keys.read() {
            Ok(keys) => access.replace(keys),
            Err(error) => output::message(&format!("the keys stay as they were: {error}")),
        }
        let taken = match crate::read_pipeline(&path) {
            Ok(pipeline) => engine.reload(pipeline).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        match taken {
            Ok(changes) => output::message(&format!("{} was read again: {changes} changes recorded", path.display())),
            Err(error) => output::message(&format!("{} was not taken: {error:#}", path.display())),
        }
    }
}
