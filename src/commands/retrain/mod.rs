//! `riskflow retrain`: the role that trains anew, from a schedule or when it is asked to, each time in a process of its own with limits.
//! It reads the log of a server that runs, writes candidates into the registry, has the best of them look on as a challenger where the pipeline file
//! says so, and never promotes one.

mod challenge;
mod child;
mod list;
mod runs;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration as Span;

use anyhow::{Context, bail};
use ingest::{Clock, Duration, SystemClock, Timestamp};
use monitor::notify::{Notification, Notifier, Severity, What};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use training::Schedule;

use self::challenge::Challenge;
use self::child::{Done, Order, Training};
use self::runs::{Outcome, Record, Runs, Want, Why};
use self::wanted::Wanted;
use super::ConfigArgs;
use super::target::TargetArgs;
use crate::untold::Untold;
use crate::{output, server};

/// Train the pipeline's models anew, on a schedule and when the log or a signal asks for it
///
/// What and when stands under [training.schedule] in the pipeline file. Each training is a process of its own with limits on memory,
/// threads and priority; what it learns goes into the registry as a candidate, with a report, and nothing is promoted. With `challenger_days` there the
/// best of a run looks on beside the champion for so long, as an experiment; --url says on which server. Run it beside the server, whose log it reads. SIGUSR1 asks for a training now; Ctrl-C or SIGTERM stops the role and the training that runs.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow retrain --pipeline pipelines/card_fraud.toml --data-dir riskflow-data\n  riskflow retrain --pipeline pipelines/card_fraud.toml --data-dir riskflow-data --now\n  riskflow retrain --data-dir riskflow-data --runs"
)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE", required_unless_present = "runs")]
    pipeline: Option<PathBuf>,
    /// The registry folder [default: that of the configuration]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Train once, now, and end: for a machine that has its own schedule. Exit code 1 when nothing came of it
    #[arg(long)]
    now: bool,
    /// Train as if it were this time: later labels are not known [default: the time of each run]
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
    /// The server on which challengers look on; without it the log is used, which no server may hold then
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The key of its API, with --url: the scope `review` is enough
    #[arg(long, value_name = "KEY", env = super::API_KEY, hide_env_values = true)]
    api_key: Option<String>,
    /// List the runs there were, and end
    #[arg(long, conflicts_with_all = ["now", "as_of"])]
    runs: bool,
    /// Print one JSON object for everything that happens, or that happened
    #[arg(long)]
    json: bool,
}

/// The folder of the role, in that of the data.
const FOLDER: &str = "retraining";
/// How often the log, the clock and the training are looked at.
const TICK: Span = Span::from_millis(500);

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let folder = config.data.join(FOLDER);
    if args.runs {
        return list::print(&runs::read(&folder)?, args.json);
    }
    let path = args.pipeline.clone().context("give --pipeline")?;
    let pipeline = crate::read_pipeline(&path)?;
    let Some(schedule) = crate::read_training(&path, &pipeline)?.schedule else {
        bail!("{} has no [training.schedule] to train by", path.display());
    };
    let registry = match &args.models {
        Some(folder) => folder.clone(),
        None => config.registry.url.folder("registry", "file", &config.data)?,
    };
    let runs = Runs::open(&folder, SystemClock.now())?;
    let (url, api_key) = (args.url.clone(), args.api_key.clone());
    let challenge = schedule.challenger_days.map(|days| {
        let target = TargetArgs::new(url, api_key, path.clone(), "riskflow retrain", args.config.clone());
        Challenge::new(target, days)
    });
    let mut role = Role {
        config: args.config.clone(),
        pipeline: path,
        delay: super::history::label_delay(&pipeline, None)?,
        schedule,
        registry,
        reports: folder.join("reports"),
        as_of: args.as_of,
        json: args.json,
        wanted: Wanted::new(crate::read_log(&config)?, runs.read_to()),
        runs,
        asked: Vec::new(),
        training: None,
        challenge,
        said_due: None,
        notifier: crate::signals::notifier(&config, "retrain")?,
        untold: Untold::default(),
        names: [pipeline.name.clone(), pipeline.model.name.clone()],
    };
    // What became of the last run may have come to be known only now, or the role may have ended before it told.
    role.tell_ended(SystemClock.now());
    if args.now { role.once().await } else { role.follow().await }
}

/// The role, and what it knows.
struct Role {
    config: ConfigArgs,
    pipeline: PathBuf,
    schedule: Schedule,
    delay: Duration,
    registry: PathBuf,
    reports: PathBuf,
    as_of: Option<Timestamp>,
    json: bool,
    runs: Runs,
    wanted: Wanted,
    /// Who has asked since the last run was started.
    asked: Vec<Want>,
    training: Option<Training>,
    challenge: Option<Challenge>,
    /// The time that the person was told.
    said_due: Option<Timestamp>,
    notifier: Arc<Notifier>,
    untold: Untold,
    /// The pipeline's name, and its model's.
    names: [String; 2],
}

impl Role {
    /// One run now.
    async fn once(&mut self) -> anyhow::Result<()> {
        self.asked.push(Want { by: "riskflow retrain".to_owned(), reason: "--now".to_owned() });
        let mut stop = std::pin::pin!(server::stop_signal());
        let mut tick = ticks();
        loop {
            tokio::select! {
                () = &mut stop => return self.stop(),
                _ = tick.tick() => {}
            }
            match self.step(SystemClock.now())? {
                Some(Outcome::Published) => return self.challenge(SystemClock.now()).await,
                Some(outcome) => bail!("the training {}", list::words(&outcome)),
                None => {}
            }
        }
    }

    /// Runs until it is told to stop.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let mut ask = signal(SignalKind::user_defined1()).context("signals cannot be listened to")?;
        let mut stop = std::pin::pin!(server::stop_signal());
        let mut tick = ticks();
        output::message(&format!("riskflow retrains by {}", self.pipeline.display()));
        loop {
            tokio::select! {
                () = &mut stop => return self.stop(),
                _ = ask.recv() => self.asked.push(Want { by: "SIGUSR1".to_owned(), reason: "a signal".to_owned() }),
                _ = tick.tick() => {}
            }
            self.step(SystemClock.now())?;
            if let Err(error) = self.challenge(SystemClock.now()).await {
                output::message(&format!("no challenger could be started yet, it is tried again: {error:#}"));
            }
            self.say_due(SystemClock.now());
        }
    }

    /// Looks at what has happened, and starts or enters what follows; how a training ended, if one just did.
    fn step(&mut self, now: Timestamp) -> anyhow::Result<Option<Outcome>> {
        self.untold.tell(None, now, |told| self.notifier.try_tell(told));
        self.asked.extend(self.wanted.next().context("the log cannot be followed")?);
        if let Some(training) = &mut self.training {
            let Some(done) = training.ended()? else { return Ok(None) };
            self.training = None;
            return self.end(done, now).map(Some);
        }
        match self.why(now) {
            Some(why) => self.start(why, now),
            None => Ok(None),
        }
    }

    /// Has the best of the last run look on, where the pipeline file says so and it does not yet.
    async fn challenge(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let (Some(challenge), Some((run, model))) = (&mut self.challenge, self.runs.best()) else { return Ok(()) };
        match challenge.attempt(*run, model, now).await? {
            Some(record) => self.enter(&record),
            None => Ok(()),
        }
    }

    /// Why a run is to be started now, if it is. Whoever asked is answered by it, also where it was due.
    fn why(&mut self, now: Timestamp) -> Option<Why> {
        if !self.asked.is_empty() {
            return Some(Why::Asked(std::mem::take(&mut self.asked)));
        }
        let due = self.due(now)?;
        (due <= now).then_some(Why::Due { at: due })
    }

    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        self.schedule.when.due(self.runs.since(), self.runs.last(), now)
    }

    fn start(&mut self, why: Why, now: Timestamp) -> anyhow::Result<Option<Outcome>> {
        let run = self.runs.count() + 1;
        let as_of = self.as_of.unwrap_or(now);
        let split = self.schedule.split(as_of, self.delay);
        let [train, test] = [split.train, split.test].map(|period| [period.from, period.until]);
        self.enter(&Record::Started { run, at: now, why, read_to: self.wanted.read_to(), train, test })?;
        let order = Order {
            config: &self.config,
            pipeline: &self.pipeline,
            schedule: &self.schedule,
            split,
            as_of,
            registry: self.registry.clone(),
            reports: self.reports.clone(),
            by: format!("riskflow retrain, run {run}"),
        };
        match order.start(self.runs.share_lock()?) {
            Ok(training) => {
                self.training = Some(training);
                Ok(None)
            }
            Err(error) => self.end((Outcome::Failed { reason: format!("{error:#}") }, Vec::new()), now).map(Some),
        }
    }

    fn end(&mut self, (outcome, models): Done, at: Timestamp) -> anyhow::Result<Outcome> {
        self.enter(&Record::Ended { run: self.runs.count(), at, outcome: outcome.clone(), models })?;
        self.tell_ended(at);
        Ok(outcome)
    }

    /// Tells how the last run ended. Who was told of it before is not told again: it has the same id.
    fn tell_ended(&mut self, now: Timestamp) {
        let told = self.runs.ended().and_then(|ended| notification(ended, &self.names));
        self.untold.tell(told, now, |told| self.notifier.try_tell(told));
    }

    /// Ends the training that runs, if one does.
    fn stop(&mut self) -> anyhow::Result<()> {
        if self.training.take().is_some() {
            self.end((Outcome::Stopped, Vec::new()), SystemClock.now())?;
        }
        Ok(())
    }

    /// Keeps what happened, and says it.
    fn enter(&mut self, record: &Record) -> anyhow::Result<()> {
        self.runs.add(record)?;
        if self.json {
            return output::json_line(record);
        }
        output::message(&list::line(record));
        Ok(())
    }

    /// Tells the person when the next run is due, whenever that has changed.
    fn say_due(&mut self, now: Timestamp) {
        let due = self.due(now).filter(|_| self.training.is_none());
        if due.is_some() && due != self.said_due {
            self.said_due = due;
            if let Some(due) = due {
                output::message(&format!("the next training is due at {due}"));
            }
        }
    }
}

/// What there is to tell of the end of a run; `names` are those of the pipeline and of its model. It follows from the record alone.
fn notification(ended: &Record, [pipeline, model]: &[String; 2]) -> Option<Notification> {
    let Record::Ended { at, outcome, models, .. } = ended else { return None };
    let model = model.clone();
    let (severity, what) = match outcome {
        Outcome::Published => {
            let versions = models.iter().map(|model| model.version.to_string()).collect();
            (Severity::Low, What::RetrainDone { model, versions })
        }
        Outcome::OutOfMemory { .. } | Outcome::Failed { .. } | Outcome::Stopped => {
            (Severity::Medium, What::RetrainFailed { model, reason: list::words(outcome) })
        }
    };
    Some(Notification::new(*at, severity, pipeline, what))
}

/// Ticks of which none is made up for: a machine that slept looks once.
fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_cut_off_is_told_as_others_are() {
        let names = ["cards".to_owned(), "card_fraud".to_owned()];
        let ended = |outcome: Outcome| Record::Ended { run: 3, at: Timestamp::from_micros(0), outcome, models: Vec::new() };
        let check = |outcome: Outcome, expect: &str| {
            let told = notification(&ended(outcome.clone()), &names).expect("it is told");
            assert_eq!((told.severity, told.pipeline.as_str(), told.summary.as_str()), (Severity::Medium, "cards", expect));
            assert_eq!(notification(&ended(outcome), &names).map(|again| again.id), Some(told.id), "with the same id each time");
        };
        let cut_off = "card_fraud could not be trained anew: was cut off: `riskflow retrain` was stopped, or ended";
        check(Outcome::Stopped, cut_off);
        check(Outcome::Failed { reason: "no rows".to_owned() }, "card_fraud could not be trained anew: failed: no rows");
        let published = notification(&ended(Outcome::Published), &names).expect("it is told");
        assert_eq!(published.severity, Severity::Low);
        assert!(notification(&Record::Waiting { at: Timestamp::from_micros(0) }, &names).is_none());
    }
}
