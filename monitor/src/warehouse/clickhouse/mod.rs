//! The warehouse beyond one machine: tables in a ClickHouse server or cluster, which other programs read, too.
//!
//! An append puts the rows of a stretch of the log into each table, and last the row of `checkpoints` that makes them count. What a failure
//! left in some of the tables is not seen by questions, and recognised by its positions when the log is projected again from the
//! checkpoint on, wherever the next stretch ends: nothing is lost and nothing is there twice, whether the server remembers tokens of inserts
//! or not. A server that is away is no reason not to decide: the log keeps what it would have taken.

mod address;
#[cfg(test)]
pub(crate) mod bridge;
mod ddl;
mod server;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use clickhouse::error;
use clickhouse::query::Query;
use ingest::log::Position;
use ingest::{Timestamp, background};
use scoring::Verdict;
use scoring::rules::RuleId;
use tokio::runtime::{Builder, Runtime};

pub use self::address::Address;
use self::address::is_name;
pub use self::ddl::{KeepDays, ddl};
use self::server::Server;
use super::{Answer, Warehouse};
use crate::error::Error;
use crate::questions::{Days, Question};
use crate::tables::{Projected, Slot, VERSION};

/// Tables in a ClickHouse server.
pub struct ClickHouseWarehouse {
    tables: Arc<Tables>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    writer: Mutex<Writer>,
}

/// The tables as a task uses them.
struct Tables {
    server: Server,
    address: Address,
    keep: KeepDays,
    /// The cluster that they are distributed over, if any; unknown until the server was reached.
    cluster: OnceLock<Option<String>>,
    /// How far they are complete; `None` until the server was reached and has them.
    reached: Mutex<Option<Position>>,
}

/// What only the one who writes knows.
#[derive(Clone, Copy, Default)]
struct Writer {
    /// No table has rows from this position on; unknown at the start and after a failure.
    clean_from: Option<u64>,
}

impl ClickHouseWarehouse {
    /// Makes the tables where they are missing. A server that cannot be reached is tried again whenever something is asked or appended.
    ///
    /// # Errors
    /// When the server refuses, has tables of a newer program, or `keep` names a table that there is not; over TLS, when the machine trusts no
    /// certificates.
    pub fn open(address: Address, keep: KeepDays) -> Result<Self, Error> {
        let trust = |source| Error::Trust { address: address.to_string(), source };
        let server = Server::new(&address).map_err(trust)?;
        Self::open_on(server, address, keep)
    }

    fn open_on(server: Server, address: Address, keep: KeepDays) -> Result<Self, Error> {
        ddl::check_keep(&keep).map_err(|reason| Error::Setting { reason })?;
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(1).thread_name("clickhouse").on_thread_start(background::give_way).enable_all();
        let runtime = runtime.build().map_err(|source| Error::Runtime { source })?;
        let tables = Arc::new(Tables { server, address, keep, cluster: OnceLock::new(), reached: Mutex::new(None) });
        let warehouse = Self { tables, runtime: Some(runtime), writer: Mutex::default() };
        match warehouse.wait(async |tables| tables.prepared().await) {
            Err(Error::Server { address, source, .. }) if is_away(&source) => {
                tracing::warn!(address, error = %source, "the warehouse cannot be reached; it is tried again, and the log keeps what it lacks");
                Ok(warehouse)
            }
            Err(error) => Err(error),
            Ok(_) => Ok(warehouse),
        }
    }

    /// Does something on the runtime and blocks until it is done, wherever the caller is.
    fn wait<T: Send + 'static, F>(&self, work: impl FnOnce(Arc<Tables>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = work(Arc::clone(&self.tables));
        self.runtime().spawn(async move { sender.send(work.await) });
        receiver.recv().unwrap_or_else(|_| Err(Error::Gone))
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it runs until the warehouse is dropped")
    }
}

impl Drop for ClickHouseWarehouse {
    /// Does not wait for requests under way, as that may be in a place where nothing may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Warehouse for ClickHouseWarehouse {
    fn reached(&self) -> Position {
        self.tables.reached().unwrap_or_default()
    }

    fn append(&self, rows: &Projected) -> Result<(), Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, rows) = (*writer, rows.clone());
        *writer = Writer::default();
        *writer = self.wait(async move |tables: Arc<Tables>| tables.append(before, &rows).await)?;
        Ok(())
    }

    fn replace(&self, slot: &Slot, rows: &RecordBatch) -> Result<(), Error> {
        let rows = slot.file(rows).map_err(|reason| Error::Rows { table: slot.table, reason })?;
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot.clone();
        self.wait(async move |tables: Arc<Tables>| tables.replace(&slot, &rows).await)
    }

    fn answer(&self, question: Question) -> Answer<'_> {
        let tables = Arc::clone(&self.tables);
        let task = self.runtime().spawn(async move { tables.answer(&question).await });
        Box::pin(async { task.await.unwrap_or(Err(Error::Gone)) })
    }
}

impl Tables {
    fn reached(&self) -> Option<Position> {
        *self.reached_lock()
    }

    fn reached_lock(&self) -> MutexGuard<'_, Option<Position>> {
        // A position is only ever replaced whole.
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on, never back: whoever asked the server earlier may come later.
    fn has_reached(&self, position: Position) -> Position {
        let mut reached = self.reached_lock();
        let farthest = reached.unwrap_or_default().max(position);
        *reached = Some(farthest);
        farthest
    }

    fn failed(&self, action: impl Into<String>) -> impl FnOnce(error::Error) -> Error {
        let (action, address) = (action.into(), self.address.to_string());
        move |source| Error::Server { action, address, source: Box::new(source) }
    }

    /// How far the tables are complete; makes them first where that was not done yet.
    async fn prepared(&self) -> Result<Position, Error> {
        match self.reached() {
            Some(reached) => Ok(reached),
            None => self.prepare().await,
        }
    }

    async fn prepare(&self) -> Result<Position, Error> {
        let (server, database) = (&self.server, &self.address.database);
        let outside = server.outside();
        let known =
            outside.query("SELECT COUNT(*) AS number FROM system.databases WHERE name = {name:String}").param("name", database);
        if number(&outside.ask(known).await.map_err(self.failed("look for the database"))?) == Some(0) {
            let create = outside.query(&format!("CREATE DATABASE IF NOT EXISTS {database}"));
            outside.execute(create).await.map_err(self.failed("create the database"))?;
        }
        let checkpoints = DEFINITIONS_LAST.statement();
        server.execute(server.query(checkpoints)).await.map_err(self.failed("create table checkpoints"))?;
        let cluster = self.find_cluster().await?;
        let version = server.query("SELECT MAX(version) AS number FROM checkpoints HAVING COUNT(*) > 0");
        let version = number(&server.ask(version).await.map_err(self.failed("read table checkpoints"))?);
        match version {
            Some(version) if version > VERSION => {
                return Err(Error::ServerVersion { address: self.address.to_string(), version, newest: VERSION });
            }
            Some(version) if version < VERSION => {
                tracing::warn!(address = %self.address, version, "the warehouse has the tables of an earlier version; they are made again from the log");
                for table in ddl::projected() {
                    self.drop_table(table, cluster).await?;
                }
            }
            _ => {}
        }
        if self.has_retired().await? {
            self.drop_table(ddl::RETIRED, cluster).await?;
        }
        let there = server.query("SELECT name FROM system.tables WHERE database = currentDatabase()");
        let there = texts(&server.ask(there).await.map_err(self.failed("look for the tables"))?);
        for definition in ddl::DEFINITIONS.iter().filter(|definition| !there.contains(definition.table)) {
            for create in definition.statements(cluster, &self.keep) {
                let create = server.query(&create);
                server.execute(create).await.map_err(self.failed(format!("create table {}", definition.table)))?;
            }
        }
        for (table, days) in &self.keep {
            self.keep_days(table, *days).await?;
        }
        let reached = match version {
            Some(VERSION) => self.read_checkpoint().await?,
            _ => {
                self.write_checkpoint(Position(0)).await?;
                Position(0)
            }
        };
        Ok(self.has_reached(reached))
    }

    /// The cluster that an operator has made the tables for, which the one table tells that is there before all others.
    async fn find_cluster(&self) -> Result<Option<&str>, Error> {
        let of = self.server.query(
            r"SELECT extract(engine_full, '^Distributed\\(\'?(\\w+)\'?,') AS cluster FROM system.tables
            WHERE database = currentDatabase() AND name = 'checkpoints' AND engine = 'Distributed'",
        );
        let of = texts(&self.server.ask(of).await.map_err(self.failed("look at table checkpoints"))?);
        let cluster = of.into_iter().find(|name| is_name(name));
        Ok(self.cluster.get_or_init(|| cluster).as_deref())
    }

    fn cluster(&self) -> Option<&str> {
        self.cluster.get()?.as_deref()
    }

    async fn drop_table(&self, table: &str, cluster: Option<&str>) -> Result<(), Error> {
        for drop in ddl::drops(table, cluster) {
            self.server.execute(self.server.query(&drop)).await.map_err(self.failed(format!("drop table {table}")))?;
        }
        Ok(())
    }

    /// Whether a table of before is there that this program has no use for; one of that name that somebody else made has other columns.
    async fn has_retired(&self) -> Result<bool, Error> {
        let columns = self.server.query(
            "SELECT COUNT(*) AS number FROM system.columns
            WHERE database = currentDatabase() AND table = {table:String} AND name IN ('series', 'window_start', 'alert_id', 'generation')",
        );
        let columns = self.server.ask(columns.param("table", ddl::RETIRED)).await;
        Ok(number(&columns.map_err(self.failed(format!("look at table {}", ddl::RETIRED)))?) == Some(4))
    }

    /// Lets rows of a table go after so many days, from the next merges on.
    async fn keep_days(&self, table: &str, days: u32) -> Result<(), Error> {
        let (server, cluster) = (&self.server, self.cluster());
        let name = if cluster.is_some() { ddl::local(table) } else { table.to_owned() };
        let set = server
            .query(
                "SELECT COUNT(*) AS number FROM system.tables
                WHERE database = currentDatabase() AND name = {table:String} AND position(engine_full, {ttl:String}) > 0",
            )
            .param("table", name)
            .param("ttl", ddl::ttl(days));
        if number(&server.ask(set).await.map_err(self.failed(format!("look at table {table}")))?) == Some(0) {
            let alter = server.query(&format!("ALTER TABLE {} MODIFY {}", ddl::holder(table, cluster), ddl::ttl(days)));
            let alter = alter.with_setting("materialize_ttl_after_modify", "0");
            server.execute(alter).await.map_err(self.failed(format!("set how long rows of table {table} stay")))?;
        }
        Ok(())
    }

    async fn read_checkpoint(&self) -> Result<Position, Error> {
        let reached = self.server.query("SELECT MAX(reached) AS number FROM checkpoints WHERE version = {version:UInt64}");
        let reached = self.server.ask(reached.param("version", VERSION)).await.map_err(self.failed("read table checkpoints"))?;
        Ok(Position(number(&reached).unwrap_or_default()))
    }

    async fn write_checkpoint(&self, reached: Position) -> Result<(), Error> {
        let schema = Schema::new(["version", "reached"].map(|name| Field::new(name, DataType::UInt64, false)).to_vec());
        let columns = [VERSION, reached.0].map(|number| Arc::new(UInt64Array::from(vec![number])) as _).to_vec();
        let row = RecordBatch::try_new(Arc::new(schema), columns).expect("both columns have one value");
        let token = format!("checkpoints-{VERSION}-{reached}");
        self.server.insert("checkpoints", &row, &token).await.map_err(self.failed("write table checkpoints"))
    }

    async fn append(&self, writer: Writer, rows: &Projected) -> Result<Writer, Error> {
        self.prepared().await?;
        // Asked anew each time: whoever else writes here is noticed before anything is there twice.
        let reached = self.has_reached(self.read_checkpoint().await?);
        if rows.from != reached {
            return Err(Error::NotNext { reached, from: rows.from });
        }
        let clean_from = match writer.clean_from {
            Some(clean_from) => clean_from,
            None => self.clean_from(reached).await?,
        };
        for (table, of_table) in &rows.rows {
            let table = table.name();
            let missing = match clean_from > rows.from.0 {
                true => self.missing(table, rows, of_table).await?,
                false => of_table.clone(),
            };
            if missing.num_rows() > 0 {
                let token = format!("{table}-{VERSION}-{}-{}", rows.from, rows.until);
                self.server.insert(table, &missing, &token).await.map_err(self.failed(format!("write table {table}")))?;
            }
        }
        self.write_checkpoint(rows.until).await?;
        self.has_reached(rows.until);
        Ok(Writer { clean_from: Some(clean_from) })
    }

    /// From which position on no table has rows.
    async fn clean_from(&self, reached: Position) -> Result<u64, Error> {
        let mut clean_from = reached.0;
        for table in ddl::projected() {
            let end = format!(
                "SELECT MAX(log_position) + 1 AS number FROM {table} WHERE log_position >= {{reached:UInt64}} HAVING COUNT(*) > 0"
            );
            let end = self.server.ask(self.server.query(&end).param("reached", reached.0)).await;
            clean_from = clean_from.max(number(&end.map_err(self.failed(format!("read table {table}")))?).unwrap_or_default());
        }
        Ok(clean_from)
    }

    /// The rows that an append which failed has not left in the table.
    async fn missing(&self, table: &str, stretch: &Projected, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        let sql = format!(
            "SELECT DISTINCT log_position AS number FROM {table} WHERE log_position >= {{from:UInt64}} AND log_position < {{until:UInt64}}"
        );
        let there = self.server.query(&sql).param("from", stretch.from.0).param("until", stretch.until.0);
        let there = self.server.ask(there).await.map_err(self.failed(format!("read table {table}")))?;
        let there: HashSet<u64> =
            there.iter().flat_map(|rows| rows.column(0).as_primitive::<UInt64Type>().values()).copied().collect();
        let positions = rows.column(0).as_primitive::<UInt64Type>().values();
        let missing = BooleanArray::from_iter(positions.iter().map(|position| Some(!there.contains(position))));
        Ok(filter_record_batch(rows, &missing).expect("there is a flag for every row"))
    }

    async fn replace(&self, slot: &Slot, rows: &RecordBatch) -> Result<(), Error> {
        self.prepared().await?;
        let (server, table) = (&self.server, slot.table.name());
        // Beyond what counts and beyond what a failure left.
        let used = format!(
            "SELECT MAX(generation) AS number FROM (
                SELECT generation FROM slots WHERE table_name = {{name:String}} AND {IN_SLOT}
                UNION ALL SELECT generation FROM {table} WHERE {IN_SLOT}
            )"
        );
        let used = server.ask(in_slot(server.query(&used), slot).param("name", table)).await;
        let generation = number(&used.map_err(self.failed(format!("read table {table}")))?).unwrap_or_default() + 1;
        let token = format!("{table}-{}-{}-{}-{generation}", slot.series, slot.window.name(), slot.start.micros());
        if rows.num_rows() > 0 {
            let rows = with_generation(rows, generation);
            server.insert(table, &rows, &token).await.map_err(self.failed(format!("write table {table}")))?;
        }
        let count = "INSERT INTO slots SELECT {name:String}, {series:String}, {window:String}, fromUnixTimestamp64Micro({start:Int64}, 'UTC'), {generation:UInt64}";
        let count = in_slot(server.query(count), slot).param("name", table).param("generation", generation);
        server.execute(count).await.map_err(self.failed("write table slots"))?;
        if generation > 1 {
            // They no longer count; what stays behind only costs room.
            let holder = ddl::holder(table, self.cluster());
            let delete = format!("DELETE FROM {holder} WHERE {IN_SLOT} AND generation < {{generation:UInt64}}");
            let delete = in_slot(server.query(&delete), slot).param("generation", generation);
            // Nobody waits for a server of the cluster that is away.
            let delete = delete.with_setting("distributed_ddl_task_timeout", "0");
            if let Err(error) = server.execute(delete).await {
                tracing::debug!(%error, table, "rows that no longer count stay");
            }
        }
        Ok(())
    }

    async fn answer(&self, question: &Question) -> Result<Vec<RecordBatch>, Error> {
        let reached = self.prepared().await?;
        let filters =
            ddl::projected().map(|table| format!("'{table}': 'log_position < {reached}'")).collect::<Vec<_>>().join(", ");
        let query = query(&self.server, question)
            // All tables as of the same position, whatever is being written.
            .with_setting("additional_table_filters", format!("{{{filters}}}"))
            // What SQL says, and DataFusion does.
            .with_setting("join_use_nulls", "1")
            .with_setting("cast_keep_nullable", "1")
            .with_setting("aggregate_functions_null_for_empty", "1")
            .with_setting("prefer_column_name_to_alias", "1");
        let query = match self.cluster() {
            None => query,
            // What a shard is to join with rows of the others is gathered once and sent to all.
            Some(_) => query.with_setting("distributed_product_mode", "global"),
        };
        self.server.ask(query).await.map_err(self.failed(format!("answer the question `{}`", question.name())))
    }
}

/// The definition of the table that says which version the others have.
static DEFINITIONS_LAST: &ddl::Definition = &ddl::DEFINITIONS[ddl::DEFINITIONS.len() - 1];

const IN_SLOT: &str =
    "series = {series:String} AND window = {window:String} AND window_start = fromUnixTimestamp64Micro({start:Int64}, 'UTC')";

fn in_slot(query: Query, slot: &Slot) -> Query {
    query.param("series", &slot.series).param("window", slot.window.name()).param("start", slot.start.micros())
}

fn with_generation(rows: &RecordBatch, generation: u64) -> RecordBatch {
    let field = Arc::new(Field::new("generation", DataType::UInt64, false));
    let fields = rows.schema().fields().iter().cloned().chain([field]).collect::<Vec<_>>();
    let column = Arc::new(UInt64Array::from_value(generation, rows.num_rows()));
    let columns = rows.columns().iter().cloned().chain([column as _]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("every row has its generation")
}

/// The number that a question for one has as its answer.
fn number(answer: &[RecordBatch]) -> Option<u64> {
    let rows = answer.iter().find(|rows| rows.num_rows() > 0)?;
    let numbers = rows.column(0).as_primitive_opt::<UInt64Type>()?;
    numbers.is_valid(0).then(|| numbers.value(0))
}

/// The texts that a question for some has as its answer.
fn texts(answer: &[RecordBatch]) -> HashSet<String> {
    let texts = |rows: &RecordBatch| rows.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>();
    answer.iter().flat_map(texts).collect()
}

/// Whether nobody was there, rather than somebody who refused.
fn is_away(error: &error::Error) -> bool {
    matches!(error, error::Error::Network(_) | error::Error::TimedOut)
}

/// The question in the server's SQL. Both backends read the same text where it means the same to both.
fn query(server: &Server, question: &Question) -> Query {
    let days = |sql: &str, days: Days| {
        // A `Date32` is none before 1900 and after 2299, and no row has one there.
        let date = |day: i32| Timestamp::start_of_day(i64::from(day.clamp(-25_567, 120_529))).date().to_string();
        server.query(&typed(sql)).param("first", date(days.first())).param("last", date(days.last()))
    };
    match question {
        Question::Volume { days: of, currency } => {
            days(include_str!("../../../sql/volume.sql"), *of).param("currency", currency.as_str())
        }
        Question::DecisionMix(of) => days(include_str!("../../../sql/decision_mix.sql"), *of),
        Question::ScoreDistribution(of) => days(include_str!("../../../sql/score_distribution.sql"), *of),
        Question::Latency(of) => days(include_str!("../../../sql/latency.sql"), *of),
        Question::LatencyOverall(of) => days(include_str!("../../../sql/latency_overall.sql"), *of),
        Question::Detection { days: of, currency } => {
            days(include_str!("../../../sql/detection.sql"), *of).param("currency", currency.as_str())
        }
        Question::Newest { days: of, wanted, before, limit } => days(include_str!("../../../sql/newest.sql"), *of)
            .param("before", before)
            .param("limit", limit)
            .param("verdict", wanted.verdict.map_or("", Verdict::name))
            .param("rule", wanted.rule.as_ref().map_or("", RuleId::as_str)),
        Question::Vectors { first_position, limit } => server
            .query(&typed(include_str!("../../../sql/vectors.sql")))
            .param("first_position", first_position)
            .param("limit", limit),
        Question::Judged { days: of, as_of, currency } => {
            days(include_str!("../../../sql/judged.sql"), *of).param("as_of", as_of.micros()).param("currency", currency.as_str())
        }
        Question::Rivals { model, champion, challenger, days: of, as_of, currency } => {
            days(include_str!("../../../sql/rivals.sql"), *of)
                .param("as_of", as_of.micros())
                .param("currency", currency.as_str())
                .param("model", model)
                .param("champion", champion)
                .param("challenger", challenger)
        }
        Question::Delays { as_of } => {
            server.query(&typed(include_str!("../../../sql/delays.sql"))).param("as_of", as_of.micros())
        }
        Question::Alerts(of) => days(include_str!("../../../sql/alerts.sql"), *of),
        Question::Entity { entity, key, days: of, before, limit } => {
            days(include_str!("../../../sql/clickhouse/entity.sql"), *of)
                .param("entity", entity)
                .param("key", key)
                .param("before", before)
                .param("limit", limit)
        }
        Question::Attributes { days: of } => days(include_str!("../../../sql/attributes.sql"), *of),
        Question::Keys { entity, days: of } => {
            days(include_str!("../../../sql/clickhouse/keys.sql"), *of).param("entity", entity)
        }
        Question::Declarations { of } => {
            let query = server.query(&typed(include_str!("../../../sql/declarations.sql")));
            of.parameters().into_iter().fold(query, |query, (name, value)| query.param(name, value))
        }
        Question::Moment => server.query(&typed(include_str!("../../../sql/moment.sql"))),
        Question::Decision { event_id } => {
            server.query(&typed(include_str!("../../../sql/clickhouse/decision.sql"))).param("event_id", event_id.as_str())
        }
        Question::Points { table, days: of } => {
            days(include_str!("../../../sql/clickhouse/points.sql"), *of).param("table", table.name()).param("name", table.name())
        }
    }
}

/// Parameters as the server writes them: `$first` becomes `{first:Date32}`; and the one function that it calls otherwise.
fn typed(sql: &str) -> String {
    const TYPES: [(&str, &str); 21] = [
        ("$first_position", "{first_position:UInt64}"),
        ("$first", "{first:Date32}"),
        ("$last", "{last:Date32}"),
        ("$before", "{before:UInt64}"),
        ("$limit", "{limit:UInt32}"),
        ("$event_id", "{event_id:String}"),
        ("$entity", "{entity:String}"),
        ("$key", "{key:String}"),
        ("$name", "{name:String}"),
        ("$as_of", "fromUnixTimestamp64Micro({as_of:Int64}, 'UTC')"),
        ("$model", "{model:String}"),
        ("$champion", "{champion:UInt32}"),
        ("$challenger", "{challenger:UInt32}"),
        ("$currency", "{currency:String}"),
        ("$verdict", "{verdict:String}"),
        ("$rule", "{rule:String}"),
        ("$kind", "{kind:String}"),
        ("$approved", "{approved:String}"),
        ("$proposed", "{proposed:String}"),
        ("$about", "{about:String}"),
        ("array_has(", "has("),
    ];
    TYPES.iter().fold(sql.to_owned(), |sql, (name, typed)| sql.replace(name, typed))
}
