//! DataFusion over the parts, on threads of its own: a heavy question must not hold up the threads that answer payments.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::object_store::local::LocalFileSystem;
use datafusion::prelude::{SessionConfig, SessionContext};
use ingest::{Currency, Timestamp, background};
use scoring::Verdict;
use scoring::rules::RuleId;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::parts::Parts;
use super::scan::{STORE, Scan};
use crate::questions::{Days, Question};
use crate::tables::Table;

/// What all questions together may hold in memory; one that needs more is refused.
const MEMORY_BYTES: usize = 1 << 30;

pub(super) struct Engine {
    runtime: Option<Runtime>,
    environment: Arc<RuntimeEnv>,
    config: SessionConfig,
}

impl Engine {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let environment = RuntimeEnvBuilder::new().with_memory_limit(MEMORY_BYTES, 1.0).build_arc()?;
        environment.register_object_store(STORE.as_ref(), Arc::new(LocalFileSystem::new_with_prefix(folder)?));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(threads).thread_name("warehouse").on_thread_start(background::give_way).enable_time();
        let config = SessionConfig::new().with_target_partitions(threads).with_collect_statistics(false);
        Ok(Self { runtime: Some(runtime.build()?), environment, config })
    }

    /// The question's answer from `parts`, which stay on the disk as long as the caller holds them. Whoever stops waiting stops
    /// the work.
    pub(super) async fn answer(&self, parts: Arc<Parts>, question: Question) -> Result<Vec<RecordBatch>> {
        let mut config = self.config.clone();
        // Who looks for a few rows reads the other columns of those alone; who counts them all only loses time by that.
        config.options_mut().execution.parquet.pushdown_filters =
            matches!(question, Question::Newest { .. } | Question::Decision { .. });
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&self.environment));
        let runtime = self.runtime.as_ref().expect("it runs until the engine is dropped");
        let mut tasks = JoinSet::new();
        tasks.spawn_on(collect(context, parts, question), runtime.handle());
        let done = tasks.join_next().await.expect("one task was started");
        done.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
    }
}

impl Drop for Engine {
    /// Does not wait for questions that are still being answered, as that may be in a place where nothing may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn collect(context: SessionContext, parts: Arc<Parts>, question: Question) -> Result<Vec<RecordBatch>> {
    let scan = |table: Table| {
        let of_table = parts.iter().filter(|((of, _), _)| *of == table).flat_map(|(_, parts)| parts).cloned().collect();
        Arc::new(Scan::new(table, of_table))
    };
    for table in Table::all() {
        context.register_table(table.name(), scan(table))?;
    }
    if let Question::Points { table, .. } = question {
        context.register_table("points", scan(Table::Derived(table)))?;
    }
    let (sql, parameters) = query(&question);
    // The name of a field has to be known before parameters are.
    let named = match &question {
        Question::Entity { entity, .. } | Question::Keys { entity, .. } => {
            sql.replace("$entity", &format!("'{}'", entity.replace('\'', "''")))
        }
        _ => sql.to_owned(),
    };
    context.sql(&named).await?.with_param_values(parameters)?.collect().await
}

fn query(question: &Question) -> (&'static str, Vec<(&'static str, ScalarValue)>) {
    match question {
        Question::Volume { days, currency } => (include_str!("../../../sql/volume.sql"), told_in(range(*days), *currency)),
        Question::DecisionMix(days) => (include_str!("../../../sql/decision_mix.sql"), range(*days)),
        Question::ScoreDistribution(days) => (include_str!("../../../sql/score_distribution.sql"), range(*days)),
        Question::Latency(days) => (include_str!("../../../sql/latency.sql"), range(*days)),
        Question::LatencyOverall(days) => (include_str!("../../../sql/latency_overall.sql"), range(*days)),
        Question::Detection { days, currency } => (include_str!("../../../sql/detection.sql"), told_in(range(*days), *currency)),
        Question::Newest { days, wanted, before, limit } => {
            let mut parameters = page(*days, *before, *limit);
            let (verdict, rule) = (wanted.verdict.map_or("", Verdict::name), wanted.rule.as_ref().map_or("", RuleId::as_str));
            parameters.extend([("verdict", ScalarValue::from(verdict)), ("rule", ScalarValue::from(rule))]);
            (include_str!("../../../sql/newest.sql"), parameters)
        }
        Question::Vectors { first_position, limit } => (
            include_str!("../../../sql/vectors.sql"),
            vec![
                ("first_position", ScalarValue::UInt64(Some(*first_position))),
                ("limit", ScalarValue::Int64(Some(i64::from(*limit)))),
            ],
        ),
        Question::Judged { days, as_of, currency } => {
            (include_str!("../../../sql/judged.sql"), told_in(known(range(*days), *as_of), *currency))
        }
        Question::Rivals { model, champion, challenger, days, as_of, currency } => {
            let mut parameters = told_in(known(range(*days), *as_of), *currency);
            parameters.extend([
                ("model", ScalarValue::from(model.as_str())),
                ("champion", ScalarValue::UInt32(Some(*champion))),
                ("challenger", ScalarValue::UInt32(Some(*challenger))),
            ]);
            (include_str!("../../../sql/rivals.sql"), parameters)
        }
        Question::Delays { as_of } => (include_str!("../../../sql/delays.sql"), known(Vec::new(), *as_of)),
        Question::Alerts(days) => (include_str!("../../../sql/alerts.sql"), range(*days)),
        Question::Entity { key, days, before, limit, .. } => {
            let mut parameters = page(*days, *before, *limit);
            parameters.push(("key", ScalarValue::from(key.as_str())));
            (include_str!("../../../sql/entity.sql"), parameters)
        }
        Question::Attributes { days } => (include_str!("../../../sql/attributes.sql"), range(*days)),
        Question::Keys { days, .. } => (include_str!("../../../sql/keys.sql"), range(*days)),
        Question::Declarations { of } => {
            let parameters = of.parameters().map(|(name, value)| (name, ScalarValue::from(value)));
            (include_str!("../../../sql/declarations.sql"), parameters.into())
        }
        Question::Moment => (include_str!("../../../sql/moment.sql"), Vec::new()),
        Question::Decision { event_id } => {
            (include_str!("../../../sql/decision.sql"), vec![("event_id", ScalarValue::from(event_id.as_str()))])
        }
        Question::Points { days, .. } => (include_str!("../../../sql/points.sql"), range(*days)),
    }
}

/// So many rows of some days, from before a position of the log.
fn page(days: Days, before: u64, limit: u32) -> Vec<(&'static str, ScalarValue)> {
    let mut parameters = range(days);
    parameters.extend([("before", ScalarValue::UInt64(Some(before))), ("limit", ScalarValue::Int64(Some(i64::from(limit))))]);
    parameters
}

/// With the moment up to which labels are known.
fn known(mut parameters: Vec<(&'static str, ScalarValue)>, as_of: Timestamp) -> Vec<(&'static str, ScalarValue)> {
    parameters.push(("as_of", ScalarValue::TimestampMicrosecond(Some(as_of.micros()), Some("UTC".into()))));
    parameters
}

/// With what money is in.
fn told_in(mut parameters: Vec<(&'static str, ScalarValue)>, currency: Currency) -> Vec<(&'static str, ScalarValue)> {
    parameters.push(("currency", ScalarValue::from(currency.as_str())));
    parameters
}

fn range(days: Days) -> Vec<(&'static str, ScalarValue)> {
    vec![("first", ScalarValue::Date32(Some(days.first()))), ("last", ScalarValue::Date32(Some(days.last())))]
}
