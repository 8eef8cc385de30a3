//! riskflow as one program: the configuration, and the wiring of the parts. Every part works without this crate; nothing here
//! decides anything.

mod alerting;
pub mod commands;
pub mod config;
mod drifting;
mod entrance;
mod feed;
mod judging;
mod kafka;
mod listener;
mod metrics;
mod output;
mod proxies;
mod server;
mod signals;
mod telemetry;
mod untold;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use dashboards::Sources;
use features::Snapshots;
use ingest::log::file::{FileLog, FileReader, Options, SyncPolicy};
use ingest::log::kafka::{KafkaLog, KafkaReader, Membership};
use ingest::log::{Followed, Log};
use ingest::{Clock, Schema};
use monitor::judge::Judge;
use monitor::notify::Notifier;
use monitor::warehouse::Address;
use monitor::{ClickHouseWarehouse, Lookout, Monitoring, Observer, ParquetWarehouse, Projector, Warehouse, Watch};
use scoring::audit::Auditor;
use scoring::engine::{Settings, SnapshotPolicy};
use scoring::{Engine, FileRegistry, Pipeline, Registry};
use training::Training;

use crate::config::{Config, Durability, Secret, WarehouseConfig};
use crate::kafka::Door;

/// The parts of a running program, wired.
pub struct Riskflow {
    /// What scores.
    pub engine: Arc<Engine>,
    /// Where everything goes through.
    pub log: Arc<dyn Log>,
    /// The same, where it is in a Kafka cluster.
    pub kafka: Option<Arc<KafkaLog>>,
    /// What makes this instance the active one of those of a log in a cluster.
    pub seat: Option<Membership>,
    /// Where models are kept.
    pub registry: Arc<dyn Registry>,
    /// Where decisions are asked for.
    pub warehouse: Arc<dyn Warehouse>,
    /// What brings decisions there.
    pub projector: Projector,
    /// What tells the audit chain of control records.
    pub auditor: Auditor,
}

/// The wiring diagram: log -> engine -> log -> projector -> warehouse, with the registry and the audit beside. `progress` is told the records
/// that were read back so far.
pub fn assemble(
    config: &Config,
    pipeline: Pipeline,
    clock: Arc<dyn Clock>,
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<Riskflow> {
    let seat = kafka::seat_at_once(config)?;
    assemble_in(seat, config, pipeline, clock, progress)
}

/// The same for an instance that has been made active, where the log is in a cluster.
fn assemble_in(
    seat: Option<Membership>,
    config: &Config,
    pipeline: Pipeline,
    clock: Arc<dyn Clock>,
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<Riskflow> {
    let kafka = seat.as_ref().map(|seat| open_kafka_log(config, seat)).transpose()?.flatten();
    let log: Arc<dyn Log> = match &kafka {
        Some(kafka) => Arc::clone(kafka) as _,
        None => Arc::new(open_file_log(config)?),
    };
    let registry = open_registry(config)?;
    let schema: Arc<Schema> = Arc::new(pipeline.schema.clone());
    let warehouse = open_warehouse(config)?;
    let snapshots = Snapshots::open(&config.snapshots.url.folder("snapshots", "file", &config.data)?)?;
    let snapshots = Some(SnapshotPolicy { snapshots, every_records: config.snapshots.every_records });
    let patience = std::time::Duration::from_millis(config.engine.busy_after_ms);
    let settings = Settings { queue: config.engine.queue_events, patience, snapshots };
    let engine = Engine::start(Arc::new(pipeline), Arc::clone(&log), Arc::clone(&registry), clock, settings, progress)?;
    let flush_interval = std::time::Duration::from_secs(config.warehouse.flush_seconds);
    let projector = Projector::start(Arc::clone(&log), Arc::clone(&warehouse), schema, flush_interval)
        .context("cannot start the projection into the warehouse")?;
    let auditor = Auditor::start(Arc::clone(&log), &config.data).context("cannot start the audit of changes")?;
    Ok(Riskflow { engine, log, kafka, seat, registry, warehouse, projector, auditor })
}

/// The log that the configuration names, where that is in a Kafka cluster; it stops when another instance is made active.
fn open_kafka_log(config: &Config, seat: &Membership) -> anyhow::Result<Option<Arc<KafkaLog>>> {
    let Some(settings) = kafka::settings(config)? else { return Ok(None) };
    let log = Arc::new(KafkaLog::open(settings, kafka::outlet(), seat.figures())?);
    kafka::leave_when_lost(seat, &log)?;
    Ok(Some(log))
}

/// The log that the configuration names, where that is a folder.
fn open_file_log(config: &Config) -> anyhow::Result<FileLog> {
    let folder = config.log.url.folder("log", "file", &config.data)?;
    let sync = match config.log.durability {
        Durability::Sync => SyncPolicy::Sync,
        Durability::Async => SyncPolicy::Async,
    };
    let options = Options { segment_bytes: config.log.segment_mb << 20, sync, ..Options::default() };
    let (log, opened) = FileLog::open(&folder, options)?;
    tracing::debug!(folder = %folder.display(), records = opened.records, "the log is open");
    Ok(log)
}

/// The log that the configuration names, to be read only: a server may hold it meanwhile.
pub fn read_log(config: &Config) -> anyhow::Result<Arc<dyn Followed>> {
    Ok(match kafka::settings(config)? {
        Some(settings) => Arc::new(KafkaReader::open(settings)?),
        None => Arc::new(FileReader::open(&config.log.url.folder("log", "file", &config.data)?)?),
    })
}

/// The warehouse that the configuration names.
pub fn open_warehouse(config: &Config) -> anyhow::Result<Arc<dyn Warehouse>> {
    let WarehouseConfig { url, password, keep_days, .. } = &config.warehouse;
    if url.scheme() == "clickhouse" {
        let address = Address::parse(&url.url(), password.as_ref().map(Secret::reveal));
        let address = address.map_err(|reason| anyhow::anyhow!("warehouse.url: {reason}"))?;
        return Ok(Arc::new(ClickHouseWarehouse::open(address, keep_days.clone())?));
    }
    if url.scheme() != "parquet" {
        bail!("warehouse.url: there is no backend for {}://, use parquet:// or clickhouse://", url.scheme());
    }
    if !keep_days.is_empty() {
        bail!("warehouse.keep_days: rows go after some days in a clickhouse:// warehouse only");
    }
    Ok(Arc::new(ParquetWarehouse::open(&url.folder("warehouse", "parquet", &config.data)?)?))
}

/// The registry that the configuration names.
pub fn open_registry(config: &Config) -> anyhow::Result<Arc<dyn Registry>> {
    let folder = config.registry.url.folder("registry", "file", &config.data)?;
    Ok(Arc::new(FileRegistry::open(&folder)?))
}

/// Reads a pipeline file.
pub fn read_pipeline(path: &Path) -> anyhow::Result<Pipeline> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read pipeline {}", path.display()))?;
    Ok(Pipeline::parse(&text, &path.display().to_string())?)
}

/// Reads what a pipeline file, or another, says of training.
pub fn read_training(path: &Path, pipeline: &Pipeline) -> anyhow::Result<Training> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Training::parse(&text, &path.display().to_string(), pipeline)?)
}

/// Reads what a pipeline file says of monitoring.
pub fn read_monitoring(path: &Path, pipeline: &Pipeline) -> anyhow::Result<Monitoring> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Monitoring::parse(&text, &path.display().to_string(), pipeline)?)
}

impl Riskflow {
    /// What judges decisions while the server runs.
    fn judge(&self, monitoring: &Monitoring) -> Judge {
        Judge {
            warehouse: Arc::clone(&self.warehouse),
            registry: Arc::clone(&self.registry),
            model: self.engine.pipeline().model.name.clone(),
            currency: self.engine.pipeline().schema.default_currency,
            monitoring: monitoring.clone(),
        }
    }

    /// What the page of models is made of.
    fn pages(&self, monitoring: &Monitoring) -> Sources {
        Sources {
            warehouse: Arc::clone(&self.warehouse),
            registry: Arc::clone(&self.registry),
            model: self.engine.pipeline().model.name.clone(),
            currency: self.engine.pipeline().schema.default_currency,
            performance: monitoring.performance.clone(),
            experiment: monitoring.experiment.clone(),
            segments: monitoring.segments.clone(),
        }
    }

    /// What is seen of drift, and what keeps it up to date behind the projection.
    pub(crate) fn observe(&self, monitoring: Monitoring, notifier: &Arc<Notifier>) -> anyhow::Result<(Arc<Watch>, Observer)> {
        let pipeline = Arc::clone(self.engine.pipeline());
        let tell = drifting::tell(&self.engine, notifier, monitoring.rules.drift, monitoring.retrain);
        let watch = Arc::new(Watch::new(Arc::clone(&self.warehouse), Arc::clone(&self.registry), pipeline, monitoring));
        let observer =
            Observer::start(Arc::clone(&self.log), Arc::clone(&watch), tell).context("cannot start to observe drift")?;
        Ok((watch, observer))
    }

    /// Opens the way of events out of topics, where the log names some.
    pub(crate) fn door(&self) -> anyhow::Result<Option<Door>> {
        let log = self.kafka.as_ref().filter(|log| log.has_events());
        log.map(|log| Door::open(Arc::clone(&self.engine), Arc::clone(log))).transpose()
    }

    /// Done when a log in a cluster is lost to this instance. One on a disk goes on to say why it takes nothing.
    pub(crate) fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let durability = self.kafka.is_some().then(|| self.log.durability());
        async move {
            // Looked at now and then: who waits for each change is woken for each record.
            let is_lost = match durability {
                Some(mut durability) => {
                    ingest::log::reached(&mut durability, |now| matches!(now, ingest::log::Durability::Failed { .. })).await
                }
                None => false,
            };
            if !is_lost {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What has the alert desk look at decisions, and keeps in the data folder of which alerts nobody could be told.
    pub(crate) fn look_out(&self, notifier: &Arc<Notifier>, data: &Path) -> anyhow::Result<Lookout> {
        let (tell, memory) = (alerting::tell(notifier, self.engine.pipeline()), data.join("alerts_refused.json"));
        let lookout = Lookout::start(Arc::clone(&self.log), Arc::clone(&self.engine), tell, memory);
        lookout.context("cannot start to look out for alerts")
    }

    /// Makes a version of the pipeline's model champion.
    pub async fn promote(&self, version: u32, by: &str, reason: &str) -> anyhow::Result<()> {
        self.engine.promote(&self.engine.pipeline().model.name, version, by, reason).await?;
        Ok(())
    }

    /// Takes nothing more, and brings everything that was taken to the disk and into the warehouse.
    pub async fn stop(self) -> anyhow::Result<()> {
        let end = self.engine.stop().await?;
        self.auditor.stop().await;
        self.projector.catch_up(end).await?;
        self.projector.stop().await?;
        // Leaving waits for threads.
        Ok(tokio::task::spawn_blocking(move || drop(self.seat)).await?)
    }
}
