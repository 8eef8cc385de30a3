//! Who is told: `[[notify]]` in the configuration, and what it comes to once it is checked.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration as Span;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ingest::{Duration, Timestamp};
use scoring::alerts::Severity;
use serde::Deserialize;

use super::Error;
use super::notification::{Kind, Notification, What};
use super::transport::Transport;

/// One sink, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// Its name: small letters, digits, `_` and `-`. Its queue lies in a file of that name.
    pub name: String,
    /// `file://notifications.jsonl`, a relative place being in the data folder, or the address of a webhook.
    pub url: String,
    /// The environment variable that has the webhook's secret.
    pub secret_env: Option<String>,
    /// The file that has it: a secret a line. Every one of them signs, so that secrets can be changed without a gap.
    pub secret_file: Option<PathBuf>,
    /// What it is told; everything when it is absent.
    pub kinds: Option<Vec<Kind>>,
    /// What matters less is not told.
    #[serde(default = "low")]
    pub least_severity: Severity,
    /// How long a webhook may take to answer.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
    /// After so many tries a notification goes to the dead letters.
    #[serde(default = "twenty")]
    pub most_tries: u32,
    /// After so long it does, too.
    #[serde(default = "a_day")]
    pub give_up_after: Duration,
}

const fn low() -> Severity {
    Severity::Low
}
const fn ten_seconds() -> Duration {
    Duration::seconds(10)
}
const fn twenty() -> u32 {
    20
}
const fn a_day() -> Duration {
    Duration::days(1)
}

/// A sink that can be told.
#[derive(Debug)]
pub struct Sink {
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) filter: Filter,
    pub(super) retry: Retry,
}

/// Where it is.
#[derive(Debug)]
pub(super) enum Target {
    File { path: PathBuf },
    Webhook { url: String, secrets: Vec<Secret>, timeout: Span },
}

/// A key that signs. It is never shown.
pub(super) struct Secret(pub(super) Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What it is told.
#[derive(Debug)]
pub(super) struct Filter {
    kinds: Option<Vec<Kind>>,
    least_severity: Severity,
}

impl Filter {
    pub(super) fn takes(&self, notification: &Notification) -> bool {
        let Some(kind) = notification.what.kind() else { return true };
        notification.severity >= self.least_severity && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

/// When it is tried again, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) first: Span,
    pub(super) longest: Span,
    pub(super) most_tries: u32,
    pub(super) give_up_after: Duration,
}

impl Retry {
    /// The pause after so many tries failed: doubled with each, up to the longest, less a part of up to a half that is another one for each
    /// notification and try (`lot` is from 0 to 1), so that what failed together is not tried together.
    pub(super) fn pause(&self, tries: u32, lot: f64) -> Span {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        doubled.min(self.longest).mul_f64(1.0 - lot / 2.0)
    }
}

impl Sink {
    /// Checks all of them. `data` is the folder for relative files, `environment` gives variables.
    pub fn all(configs: &[SinkConfig], data: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Vec<Self>, Error> {
        let mut names = BTreeSet::new();
        let sinks = configs.iter().map(|config| {
            let is_new = names.insert(config.name.as_str());
            let checked = if is_new { Self::new(config, data, &environment) } else { Err("the name is given twice".to_owned()) };
            checked.map_err(|reason| Error::Sink { sink: config.name.clone(), reason })
        });
        sinks.collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a test once, past the queue; why it was not taken, if it was not.
    pub fn test(self, now: Timestamp) -> Result<(), String> {
        let test = Notification::new(now, Severity::Low, "none", What::Test);
        Transport::new(self.target).deliver(&test, now).map_err(|failure| failure.reason)
    }

    fn new(config: &SinkConfig, data: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if config.name.is_empty() || !config.name.bytes().all(is_plain) {
            return Err("its name must be of small letters, digits, _ and -".to_owned());
        }
        if config.most_tries == 0 {
            return Err("most_tries must be at least 1".to_owned());
        }
        if config.timeout < Duration::seconds(1) || config.timeout > Duration::seconds(120) {
            return Err(format!("timeout is {}: give 1s to 120s", config.timeout));
        }
        let secrets = secrets(config, data, environment)?;
        let target = match config.url.split_once("://") {
            Some(("file", place)) if !place.is_empty() => match secrets {
                None => Target::File { path: data.join(place) },
                Some(_) => return Err("a file is not signed: leave the secret out".to_owned()),
            },
            Some(("http" | "https", place)) if !place.is_empty() => Target::Webhook {
                url: config.url.clone(),
                secrets: secrets.ok_or("a webhook is signed: give secret_env or secret_file")?,
                timeout: Span::from_micros(config.timeout.micros().unsigned_abs()),
            },
            _ => return Err("its url must begin with file://, http:// or https://".to_owned()),
        };
        Ok(Self {
            name: config.name.clone(),
            target,
            filter: Filter { kinds: config.kinds.clone(), least_severity: config.least_severity },
            retry: Retry {
                first: Span::from_secs(1),
                longest: Span::from_secs(300),
                most_tries: config.most_tries,
                give_up_after: config.give_up_after,
            },
        })
    }
}

/// The keys, out of the environment or a file. What is wrong with one is said without it.
fn secrets(
    config: &SinkConfig,
    data: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Vec<Secret>>, String> {
    let (text, from) = match (&config.secret_env, &config.secret_file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err("give secret_env or secret_file, not both".to_owned()),
        (Some(name), None) if name.starts_with("RISKFLOW_") => {
            return Err(format!("secret_env {name}: names that begin with RISKFLOW_ are settings"));
        }
        (Some(name), None) => (environment(name).ok_or_else(|| format!("environment variable {name} is not set"))?, name.clone()),
        (None, Some(file)) => {
            let path = data.join(file);
            let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            (text, path.display().to_string())
        }
    };
    let secrets = text.split_whitespace().map(|line| {
        let key = line.strip_prefix("whsec_").and_then(|key| BASE64_STANDARD.decode(key).ok());
        key.filter(|key| (24..=64).contains(&key.len())).map(Secret)
    });
    match secrets.collect::<Option<Vec<_>>>() {
        Some(secrets) if !secrets.is_empty() => Ok(Some(secrets)),
        _ => Err(format!("{from} holds no secret: write whsec_ and 24 to 64 bytes in base64 behind it")),
    }
}
