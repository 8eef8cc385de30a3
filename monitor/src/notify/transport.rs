//! One try to deliver one notification: a line of a file, or a signed request. Signatures are those of Standard Webhooks: HMAC-SHA256 over
//! `id.timestamp.body`, in base64.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration as Span;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ingest::Timestamp;
use sha2::Sha256;

use super::config::{Secret, Target};
use super::notification::Notification;

/// Delivers to one sink.
pub(super) struct Transport {
    target: Target,
    agent: ureq::Agent,
}

/// Why a try failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// For a person; it names no address, which may hold a secret.
    pub(super) reason: String,
    /// The receiver asked for that pause.
    pub(super) retry_after: Option<Span>,
}

impl Transport {
    pub(super) fn new(target: Target) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let config = match &target {
            Target::Webhook { timeout, .. } => config.timeout_global(Some(*timeout)).tls_config(crate::trust::trusted()),
            Target::File { .. } => config,
        };
        Self { target, agent: config.user_agent(concat!("riskflow/", env!("CARGO_PKG_VERSION"))).build().into() }
    }

    /// Tries once; `now` is what the signature says.
    pub(super) fn deliver(&self, notification: &Notification, now: Timestamp) -> Result<(), Failure> {
        let body = serde_json::to_vec(notification).expect("text and numbers are always JSON");
        match &self.target {
            Target::File { path } => append(path, body).map_err(|error| Failure::new(format!("{}: {error}", path.display()))),
            Target::Webhook { url, secrets, .. } => self.post(url, secrets, &notification.id, &body, now),
        }
    }

    fn post(&self, url: &str, secrets: &[Secret], id: &str, body: &[u8], now: Timestamp) -> Result<(), Failure> {
        let seconds = now.micros().div_euclid(1_000_000);
        let signatures: Vec<String> = secrets.iter().map(|secret| sign(secret, id, seconds, body)).collect();
        let sent = (self.agent.post(url))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("idempotency-key", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures.join(" "))
            .send(body);
        match sent {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => {
                let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
                let reason = format!("the receiver answered {}", response.status());
                Err(Failure { reason, retry_after: after.map(Span::from_secs) })
            }
            Err(ureq::Error::Timeout(_)) => Err(Failure::new("the receiver took too long".to_owned())),
            Err(ureq::Error::Io(error)) => Err(Failure::new(format!("the receiver cannot be reached: {error}"))),
            Err(ureq::Error::HostNotFound) => Err(Failure::new("there is no such host".to_owned())),
            Err(ureq::Error::BadUri(_)) => Err(Failure::new("its url is no address".to_owned())),
            Err(error) => Err(Failure::new(error.to_string())),
        }
    }
}

impl Failure {
    const fn new(reason: String) -> Self {
        Self { reason, retry_after: None }
    }
}

/// `v1,` and the signature in base64.
pub(super) fn sign(Secret(key): &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// One line, on the disk when this returns.
fn append(path: &Path, mut line: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    line.push(b'\n');
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(&line)?;
    file.sync_data()
}
