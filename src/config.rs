//! The configuration: defaults, a file over them, the environment over both; checked once, passed by value, never global.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use ingest::{Duration, SystemClock};
use monitor::notify::SinkConfig;
use scoring::api::access::{Access, Lengths, Settings};
use serde::Deserialize;
use toml::Table;

const DEFAULTS: &str = include_str!("default.toml");

/// What the environment's settings begin with.
const PREFIX: &str = "RISKFLOW_";

/// How riskflow runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder in which everything is kept.
    pub data: PathBuf,
    /// The API and the page.
    pub server: ServerConfig,
    /// People who log in.
    pub sessions: SessionsConfig,
    /// The log.
    pub log: LogConfig,
    /// How a cluster is reached in which the log is.
    pub kafka: KafkaConfig,
    /// Where models are kept.
    pub registry: RegistryConfig,
    /// Where decisions are asked for.
    pub warehouse: WarehouseConfig,
    /// Snapshots of what the log has made.
    pub snapshots: SnapshotConfig,
    /// The engine.
    pub engine: EngineConfig,
    /// Traces of requests.
    pub telemetry: TelemetryConfig,
    /// Who is told what happens.
    #[serde(default)]
    pub notify: Vec<SinkConfig>,
}

/// The API and the page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Where they listen.
    pub listen: SocketAddr,
    /// How long a request may take, in seconds.
    pub request_seconds: u64,
    /// How long the headers of a request may take to come, in seconds.
    pub header_seconds: u64,
    /// The networks of proxies in front of it, whose `X-Forwarded-For` says who calls.
    #[serde(default)]
    pub proxies: Vec<ipnet::IpNet>,
    /// Certificate and key for TLS; without them it speaks plain HTTP.
    pub tls: Option<TlsConfig>,
}

impl ServerConfig {
    /// How long a request may take.
    pub(crate) const fn limit(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.request_seconds)
    }
}

/// People who log in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsConfig {
    /// After so long without anybody doing anything a session ends, in minutes.
    pub idle_minutes: u32,
    /// And after so long in any case, in hours.
    pub longest_hours: u32,
    /// Whether browsers reach the server by TLS only, though it does not speak TLS itself.
    pub behind_tls: bool,
}

/// TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The chain of certificates, a PEM file.
    pub certificate: PathBuf,
    /// Its private key, a PEM file.
    pub key: PathBuf,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Where it is: `file://` or `kafka://`.
    pub url: Location,
    /// What an answer waits for.
    pub durability: Durability,
    /// The size of a segment in MiB.
    pub segment_mb: u64,
}

/// How a cluster is reached in which the log is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// The password of the user whom `sasl.username` names.
    pub password: Option<Secret>,
    /// Properties of librdkafka, as `security.protocol`.
    pub client: BTreeMap<String, Secret>,
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The disk.
    Sync,
    /// The operating system.
    Async,
}

/// Where models are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Where it is: `file://`.
    pub url: Location,
}

/// Where decisions are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseConfig {
    /// Where it is: `parquet://` or `clickhouse://`.
    pub url: Location,
    /// The password of the user of a ClickHouse server; it goes before one in the URL.
    pub password: Option<Secret>,
    /// With a ClickHouse server: after how many days rows go, by the name of their table; rows of other tables stay.
    pub keep_days: BTreeMap<String, u32>,
    /// The longest that a decision takes to get there.
    pub flush_seconds: u64,
}

/// Snapshots of what the log has made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotConfig {
    /// Where they are: `file://`.
    pub url: Location,
    /// After so many records of the log another one is taken.
    pub every_records: u64,
}

/// The engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// How many events may be under way.
    pub queue_events: usize,
    /// How long an event waits for a place among them, in milliseconds.
    pub busy_after_ms: u64,
}

/// Traces of requests.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The address of a collector that takes OTLP over HTTP; without it nothing is traced.
    pub otlp: Option<String>,
    /// Of requests whose sender has not decided it, one in so many is traced.
    pub one_in: u32,
}

/// Where a part keeps its things: a scheme that picks the backend, and a place for it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Location {
    scheme: String,
    place: String,
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.url()))
    }
}

/// What is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// For whoever has to show it to a server.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A URL, or what was meant as one, without the user and password in it.
fn masked(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, place)) => format!("***@{place}"),
        None => url.to_owned(),
    }
}

impl TryFrom<String> for Location {
    type Error = String;
    fn try_from(url: String) -> Result<Self, String> {
        match url.split_once("://") {
            Some((scheme, place)) if !scheme.is_empty() && !place.is_empty() => {
                Ok(Self { scheme: scheme.to_owned(), place: place.to_owned() })
            }
            _ => Err(format!("`{}` is not a location: write it as file://folder", masked(&url))),
        }
    }
}

impl Location {
    /// What picks the backend, as `file`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// All of it, with a password where there is one.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.place)
    }

    /// The folder, when the scheme is `scheme`; a relative one lies in `data`.
    pub fn folder(&self, what: &str, scheme: &str, data: &Path) -> anyhow::Result<PathBuf> {
        if self.scheme != scheme {
            bail!("{what}.url: there is no backend for {}://, use {scheme}://", self.scheme);
        }
        Ok(data.join(&self.place))
    }
}

impl Config {
    /// Who may call, by the keys and users in the data folder.
    pub fn access(&self) -> anyhow::Result<Arc<Access>> {
        let SessionsConfig { idle_minutes, longest_hours, behind_tls } = self.sessions;
        let (idle, longest) =
            (Duration::seconds(i64::from(idle_minutes) * 60), Duration::seconds(i64::from(longest_hours) * 3_600));
        let settings = Settings { lengths: Lengths { idle, longest }, is_secure: behind_tls || self.server.tls.is_some() };
        Ok(Arc::new(Access::open(&self.data, settings, Arc::new(SystemClock))?))
    }

    /// The defaults, `file` over them, and `environment` over both.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut merged: Table = toml::from_str(DEFAULTS).expect("default.toml is part of the program");
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let table: Table = toml::from_str(&text).with_context(|| format!("{} is not TOML", path.display()))?;
            merge(&mut merged, table);
            Self::check(merged.clone()).with_context(|| format!("{} does not fit", path.display()))?;
        }
        for (name, value) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
            merge(&mut merged, setting(&name, &value));
            Self::check(merged.clone()).with_context(|| format!("environment variable {name} does not fit"))?;
        }
        Self::check(merged)
    }

    fn check(table: Table) -> anyhow::Result<Self> {
        let config: Self =
            table.try_into().map_err(|error: toml::de::Error| anyhow::anyhow!("{}", error.to_string().trim_end()))?;
        if config.engine.queue_events == 0 {
            bail!("engine.queue_events must be at least 1");
        }
        if config.log.segment_mb == 0 {
            bail!("log.segment_mb must be at least 1");
        }
        if config.snapshots.every_records == 0 {
            bail!("snapshots.every_records must be at least 1");
        }
        if config.warehouse.flush_seconds == 0 {
            bail!("warehouse.flush_seconds must be at least 1");
        }
        if config.sessions.idle_minutes == 0 {
            bail!("sessions.idle_minutes must be at least 1");
        }
        if config.sessions.longest_hours == 0 {
            bail!("sessions.longest_hours must be at least 1");
        }
        if config.telemetry.one_in == 0 {
            bail!("telemetry.one_in must be at least 1");
        }
        if let Some(otlp) = &config.telemetry.otlp
            && !(otlp.starts_with("http://") || otlp.starts_with("https://"))
        {
            bail!("telemetry.otlp is `{otlp}`: write it as http://127.0.0.1:4318");
        }
        Ok(config)
    }
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// `RISKFLOW_LOG__SEGMENT_MB=16` as the table that says the same. A value that is no TOML is text.
fn setting(name: &str, value: &str) -> Table {
    // A password is text, whatever it looks like.
    let is_text = name.ends_with("__PASSWORD");
    let parsed = toml::from_str::<Table>(&format!("value = {value}")).ok().filter(|_| !is_text);
    let parsed = parsed.and_then(|mut table| table.remove("value"));
    let mut value = parsed.unwrap_or_else(|| toml::Value::String(value.to_owned()));
    for key in name[PREFIX.len()..].to_lowercase().rsplit("__") {
        value = toml::Value::Table(Table::from_iter([(key.to_owned(), value)]));
    }
    match value {
        toml::Value::Table(table) => table,
        _ => unreachable!("a name has at least one part, which made a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("riskflow.toml");
        let path = file.map(|text| {
            std::fs::write(&path, text).expect("write");
            path
        });
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(path.as_deref(), environment).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn environment_over_file_over_defaults() {
        let check = |file: Option<&str>, environment: &[(&str, &str)], listen: &str, segment_mb: u64| {
            let config = load(file, environment).expect("it fits");
            assert_eq!((config.server.listen.to_string(), config.log.segment_mb), (listen.to_owned(), segment_mb));
        };
        check(None, &[], "127.0.0.1:8080", 64);
        check(Some("[log]\nsegment_mb = 8"), &[], "127.0.0.1:8080", 8);
        check(Some("[log]\nsegment_mb = 8"), &[("RISKFLOW_LOG__SEGMENT_MB", "16"), ("HOME", "/")], "127.0.0.1:8080", 16);
        check(None, &[("RISKFLOW_SERVER__LISTEN", "127.0.0.1:9")], "127.0.0.1:9", 64);
    }

    #[test]
    fn a_password_is_taken_as_it_is_and_never_shown() {
        let check = |environment: &[(&str, &str)], password: Option<&str>| {
            let config = load(None, environment).expect("it fits");
            assert_eq!(config.warehouse.password.as_ref().map(Secret::reveal), password);
            let shown = format!("{config:?}");
            assert!(!shown.contains("1234") && !shown.contains("s3cret"), "{shown}");
        };
        check(&[], None);
        check(&[("RISKFLOW_WAREHOUSE__PASSWORD", "1234")], Some("1234"));
        check(&[("RISKFLOW_WAREHOUSE__URL", "clickhouse://ann:s3cret@db/risk")], None);
        let error = load(None, &[("RISKFLOW_WAREHOUSE__URL", "clickhouse:/ann:s3cret@db/risk")]).expect_err("no location");
        assert!(error.contains("`***@db/risk` is not a location") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let check = |file: Option<&str>, environment: &[(&str, &str)], expect: &[&str]| {
            let error = load(file, environment).expect_err("it does not fit");
            for part in expect {
                assert!(error.contains(part), "{error}\nlacks {part}");
            }
        };
        check(Some("[server]\nlisten_on = \"x\""), &[], &["riskflow.toml", "listen_on"]);
        check(Some("[server]\nlisten = \"here\""), &[], &["riskflow.toml", "listen"]);
        check(Some("[log"), &[], &["riskflow.toml", "not TOML"]);
        check(Some("[log]\nurl = \"here\""), &[], &["`here` is not a location"]);
        check(None, &[("RISKFLOW_LOG__SEGMENT", "1")], &["RISKFLOW_LOG__SEGMENT", "segment"]);
        check(None, &[("RISKFLOW_SESSIONS__IDLE_MINUTES", "0")], &["sessions.idle_minutes must be at least 1"]);
        check(None, &[("RISKFLOW_TELEMETRY__ONE_IN", "0")], &["telemetry.one_in must be at least 1"]);
        check(None, &[("RISKFLOW_TELEMETRY__OTLP", "collector:4317")], &["RISKFLOW_TELEMETRY__OTLP", "http://127.0.0.1:4318"]);
        check(Some("[[notify]]\nname = \"a\""), &[], &["riskflow.toml", "missing field `url`"]);
        check(Some("[[notify]]\nname = \"a\"\nurl = \"file://a\"\nsecret = \"x\""), &[], &["unknown field `secret`"]);
        check(None, &[("RISKFLOW_ENGINE__QUEUE_EVENTS", "0")], &["queue_events must be at least 1"]);
        let config = load(Some("[log]\nurl = \"kafka://there\""), &[]).expect("a location");
        let error = config.log.url.folder("log", "file", &config.data).expect_err("no such backend");
        assert_eq!(error.to_string(), "log.url: there is no backend for kafka://, use file://");
    }
}
