//! `riskflow run`: the server: the scoring API and the page, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use ingest::SystemClock;
use ingest::log::Log;
use ingest::log::kafka::{KafkaLog, Membership, Seat};
use scoring::Engine;
use scoring::api::access::Access;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ConfigArgs;
use crate::entrance::Entrance;
use crate::listener::Listener;
use crate::output;
use crate::server::{self, Live};
use crate::signals::{Signals, tell_breaches, watch_warehouse};

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
    // From here on nobody ends the program by telling it to read its files again; told before it is ready, it does that once it is.
    let hangups = signal(SignalKind::hangup())?;
    let config = args.config.load()?;
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let monitoring = crate::read_monitoring(&args.pipeline, &pipeline)?;
    let listener = Listener::bind(args.listen.unwrap_or(config.server.listen), &config.server).await?;
    let access = config.access()?;
    if access.is_open() && !listener.is_local() {
        bail!(
            "there is no API key and no user, so everybody who reaches {} could do everything: make one with `riskflow key add` or `riskflow user add`, or listen on 127.0.0.1",
            listener.url()
        );
    }
    if access.is_open() && pipeline.governance.four_eyes.as_ref().is_some_and(|kinds| !kinds.is_empty()) {
        bail!(
            "{} asks for four eyes, and without keys nobody is told from anybody: make a user or a key for each person with `riskflow user add` or `riskflow key add`, or write `four_eyes = []` in [governance]",
            args.pipeline.display()
        );
    }
    let signals = Signals::start(&config, "run")?;
    let (url, entrance) = (listener.url(), Entrance::closed(&config.server, "a log: it is being opened"));
    let (close, closing) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(listener.serve(Arc::clone(&entrance), async move { drop(closing.await) }));
    let mut stop = None;
    let seat = crate::kafka::seat(&config)?;
    if let Some(seat) = &seat {
        let stop = stop.insert(Box::pin(server::stop_signal()));
        if !stand_by(&url, &entrance, seat, stop.as_mut()).await? {
            return Ok(());
        }
    }
    entrance.misses("the state of before: it is made again from the log");
    let bar = output::counter("recovering");
    let progress = &mut |records| bar.set_position(records);
    let riskflow = crate::assemble_in(seat, &config, pipeline, Arc::new(SystemClock), progress)?;
    bar.finish_and_clear();
    let (watch, observer) = riskflow.observe(monitoring.clone(), &signals.notifier)?;
    let lookout = riskflow.look_out(&signals.notifier, &config.data)?;
    // Whoever reads that it listens may tell it to stop at once.
    let (stop, lost) = (stop.unwrap_or_else(|| Box::pin(server::stop_signal())), riskflow.lost());
    let stop = async move {
        tokio::select! { () = stop => {}, () = lost => {} }
    };
    let reloading =
        tokio::spawn(reload_on_hangup(hangups, Arc::clone(&riskflow.engine), args.pipeline.clone(), Arc::clone(&access)));
    let reading = tokio::spawn(reload_when_changed(Arc::clone(&access)));
    let judging =
        crate::judging::start(Arc::clone(&riskflow.engine), riskflow.judge(&monitoring), Arc::clone(&signals.notifier))?;
    let door = riskflow.door()?;
    let pipeline = riskflow.engine.pipeline().name.clone();
    let progress = riskflow.projector.progress();
    let watching = tokio::spawn(watch_warehouse(progress, Arc::clone(&signals.notifier), pipeline));
    let tell = tell_breaches(Arc::clone(&signals.notifier), riskflow.engine.pipeline());
    let guarding = tokio::spawn(Arc::clone(&riskflow.engine).guard(config.data.join("guardrails.position"), tell));
    let observed = observer.observed();
    entrance.open(server::inside(&riskflow, &monitoring, Live::default(), access, signals.clone(), watch, observed));
    output::message(&format!("riskflow listens on {url}"));
    match riskflow.engine.champion() {
        Some(champion) => output::message(&format!("champion: {} {}", champion.artifact.about.name, champion.version)),
        None => output::message(
            "there is no champion yet: train a model and promote it; until then `on_failure` of the pipeline decides",
        ),
    }
    let served = tokio::select! {
        failed = &mut serving => failed?,
        () = stop => {
            drop(close);
            serving.await?
        }
    };
    reloading.abort();
    reading.abort();
    guarding.abort();
    drop(judging);
    let leaving = riskflow.kafka.clone().map(|log| tokio::spawn(leave_in_time(log)));
    if let Some(door) = door {
        door.close().await;
    }
    // Nothing of what is left can be written: another instance goes on with it, or the next start.
    if let Some(reason) = riskflow.engine.failure().filter(|_| riskflow.kafka.is_some()) {
        bail!("the log is lost: {reason}");
    }
    output::message("stopping: what was accepted is written first");
    observer.stop().await;
    lookout.stop().await;
    riskflow.stop().await?;
    leaving.inspect(JoinHandle::abort);
    watching.await?;
    signals.stop().await?;
    served
}

/// Has a log whose cluster is away take nothing more, a while after the server was told to stop: nobody waits for brokers that may not come back.
async fn leave_in_time(log: Arc<KafkaLog>) {
    const PATIENCE: Duration = Duration::from_secs(15);
    tokio::time::sleep(PATIENCE).await;
    if let Some(trouble) = log.trouble() {
        log.fail(format!("what was left could not be written within {} s of the order to stop: {trouble}", PATIENCE.as_secs()));
    }
}

/// Waits until this instance is the active one, and says meanwhile that it is not; false when it is told to stop before that.
async fn stand_by(
    url: &str,
    entrance: &Entrance,
    seat: &Membership,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> anyhow::Result<bool> {
    /// Who starts alone is active after a moment; brokers as they come wait 3 s for others.
    const MOMENT: Duration = Duration::from_secs(5);
    let mut active = seat.seat();
    let is_settled = |seat: &Seat| matches!(seat, Seat::Active | Seat::Lost { .. });
    tokio::select! {
        () = stop.as_mut() => return Ok(false),
        _ = tokio::time::timeout(MOMENT, active.wait_for(is_settled)) => {}
    }
    if !is_settled(&active.borrow()) {
        entrance.misses("to be the active instance: it stands by");
        output::message(&format!("riskflow stands by at {url}: another instance has the log"));
        tokio::select! {
            () = stop => return Ok(false),
            _ = active.wait_for(is_settled) => {}
        }
    }
    match &*active.borrow() {
        Seat::Lost { reason } => bail!("it does not take part in the log: {reason}"),
        _ => Ok(true),
    }
}

/// How often it is looked whether a command has changed keys or users.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Reads keys and users again when their files have changed. What is wrong with them is said, and then they stay as they were.
pub(super) async fn reload_when_changed(access: Arc<Access>) {
    let mut looks = tokio::time::interval(BETWEEN_LOOKS);
    loop {
        looks.tick().await;
        if let Err(error) = access.reload_if_changed() {
            output::message(&format!("keys and users stay as they were: {error}"));
        }
    }
}

/// Reads the pipeline file, keys and users again on SIGHUP. What is wrong with them is said, and then everything stays as it was.
async fn reload_on_hangup(mut hangups: Signal, engine: Arc<Engine>, path: PathBuf, access: Arc<Access>) {
    while hangups.recv().await.is_some() {
        if let Err(error) = access.reload() {
            output::message(&format!("keys and users stay as they were: {error}"));
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
