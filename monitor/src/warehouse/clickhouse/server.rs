//! The requests to a server, one step at a time, so that tests can lose any of them, or its answer, as a network would. Rows go and come as
//! streams of Arrow, which is what the warehouse has in its hands.

use std::future::Future;
use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use clickhouse::query::Query;
use clickhouse::{Client, Compression, error};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;

use super::address::Address;

/// A statement that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(60);

/// A connection that waits longer for the next request is not used again: servers close theirs after three seconds or more.
const IDLE: Duration = Duration::from_secs(2);

/// Rows are sent in pieces of so many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// What a request is about to do or has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// It goes out next.
    Before,
    /// It was carried out, and its answer is not here yet.
    After,
}

type Hook = dyn Fn(Moment) -> Result<(), error::Error> + Send + Sync;

/// A server, and a database in it.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    /// Asked at each moment of each request; an error stands for a network that fails there.
    hook: Arc<Hook>,
}

impl Server {
    /// # Errors
    /// A server over TLS, where the machine has no certificates that it trusts.
    pub(super) fn new(address: &Address) -> io::Result<Self> {
        let client = if address.is_secure { over_tls()? } else { Client::default() };
        let client = client
            .with_url(address.endpoint())
            .with_user(&address.user)
            .with_password(&address.password)
            .with_database(&address.database)
            .with_compression(Compression::None)
            .with_product_info("riskflow", env!("CARGO_PKG_VERSION"));
        Ok(Self { client, hook: Arc::new(|_| Ok(())) })
    }

    /// One whose network asks first.
    #[cfg(test)]
    pub(super) fn with_hook(mut self, hook: impl Fn(Moment) -> Result<(), error::Error> + Send + Sync + 'static) -> Self {
        self.hook = Arc::new(hook);
        self
    }

    /// The same server, outside of any database of its own.
    pub(super) fn outside(&self) -> Self {
        Self { client: self.client.clone().with_database("default"), hook: Arc::clone(&self.hook) }
    }

    /// A statement or question; values are put in by [`Query::param`].
    pub(super) fn query(&self, sql: &str) -> Query {
        self.client.query_raw(sql)
    }

    /// Runs a statement.
    pub(super) async fn execute(&self, query: Query) -> error::Result<()> {
        self.step(query.execute()).await
    }

    /// Answers a question.
    pub(super) async fn ask(&self, query: Query) -> error::Result<Vec<RecordBatch>> {
        let bytes = self.step(async { query.fetch_bytes("ArrowStream")?.collect().await }).await?;
        read(&bytes).map_err(|error| error::Error::DataFormat(Box::new(error)))
    }

    /// Puts rows into a table. A server that remembers the token takes them once.
    pub(super) async fn insert(&self, table: &str, rows: &RecordBatch, token: &str) -> error::Result<()> {
        let columns = rows.schema().fields().iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>().join(", ");
        let bytes = bytes::Bytes::from(written(rows).map_err(|error| error::Error::DataFormat(Box::new(error)))?);
        let mut insert = self
            .client
            .insert_formatted_with(format!("INSERT INTO {table} ({columns}) FORMAT ArrowStream"))
            .with_setting("insert_deduplication_token", token)
            // A replay goes over years in one block.
            .with_setting("max_partitions_per_insert_block", "0")
            // Through a distributed table an insert is done when the shards have it.
            .with_setting("distributed_foreground_insert", "1");
        self.step(async {
            for from in (0..bytes.len()).step_by(PIECE_BYTES) {
                insert.send(bytes.slice(from..bytes.len().min(from + PIECE_BYTES))).await?;
            }
            insert.end().await
        })
        .await
    }

    async fn step<T>(&self, request: impl Future<Output = error::Result<T>>) -> error::Result<T> {
        (self.hook)(Moment::Before)?;
        let done = tokio::time::timeout(LONGEST, request).await.map_err(|_| error::Error::TimedOut)??;
        (self.hook)(Moment::After)?;
        Ok(done)
    }
}

/// A stream of Arrow. Texts are plain ones: views are more than the server reads.
fn written(rows: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8View => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    };
    let schema = Arc::new(Schema::new(rows.schema().fields().iter().map(plain).collect::<Vec<_>>()));
    let columns = rows.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&rows)?;
    writer.into_inner()
}

fn read(bytes: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    match bytes {
        // A question without an answer comes without a schema, too.
        [] => Ok(Vec::new()),
        bytes => StreamReader::try_new(Cursor::new(bytes), None)?.collect(),
    }
}

/// A client that trusts whom the machine trusts, or the certificates that `SSL_CERT_FILE` names.
fn over_tls() -> io::Result<Client> {
    let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_only().enable_http1().build();
    Ok(Client::with_http_client(HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector)))
}
