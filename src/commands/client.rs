//! A server that runs, as commands ask it.

use std::io;
use std::time::Duration;

use anyhow::{Context, bail};
use monitor::trust::trusted;
use serde_json::Value;
use ureq::http::{Method, Request};

/// An answer that takes longer is none.
const LONGEST: Duration = Duration::from_secs(60);

/// A server.
pub(super) struct Client {
    agent: ureq::Agent,
    server: String,
    base: String,
    authorization: Option<String>,
}

/// What it answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// After how long it wants to be asked again, where it does.
    pub(super) retry_after: Option<Duration>,
}

impl Client {
    /// The server at a URL.
    pub(super) fn new(url: &str, api_key: Option<&str>) -> anyhow::Result<Self> {
        let (server, path) = server_and_path(url)?;
        let mut config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LONGEST));
        if server.starts_with("https://") {
            config = config.tls_config(trusted());
        }
        Ok(Self {
            agent: config.build().into(),
            server: server.to_owned(),
            base: format!("{server}{path}"),
            authorization: api_key.map(|key| format!("Bearer {key}")),
        })
    }

    /// Asks, whatever the answer is. Without a body nothing is sent.
    pub(super) fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let sent = match body {
            None => self.agent.run(request.body(())?),
            Some(body) => self.agent.run(request.header("content-type", "application/json").body(body.to_string())?),
        };
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                bail!("no server answers at {}: start one with `riskflow run`, or say where it is with --url", self.server)
            }
            Err(error) => return Err(error).with_context(|| format!("{} did not answer", self.server)),
        };
        let status = answer.status().as_u16();
        let said = answer.headers().get("retry-after").and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let retry_after = said.map(Duration::from_secs);
        let text = answer.body_mut().read_to_string().with_context(|| format!("the answer of {} ended early", self.server))?;
        match serde_json::from_str(&text) {
            Ok(body) => Ok(Answer { status, body, retry_after }),
            Err(_) if status < 300 => bail!("what answers at {} is not riskflow: {}", self.server, brief(&text)),
            Err(_) => {
                let body = serde_json::json!({"status": status, "detail": brief(&text)});
                Ok(Answer { status, body, retry_after })
            }
        }
    }
}

/// A URL without the slash at its end, in two: up to the host, and what comes after it.
fn server_and_path(url: &str) -> anyhow::Result<(&str, &str)> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| url.starts_with(scheme));
    let Some(scheme) = scheme else { bail!("`{url}` is not of the form http://127.0.0.1:8080 or https://host") };
    let end = url[scheme.len()..].find('/').map_or(url.len(), |slash| scheme.len() + slash);
    if end == scheme.len() {
        bail!("`{url}` names no host");
    }
    let (server, path) = url.split_at(end);
    Ok((server, path.trim_end_matches('/')))
}

fn brief(text: &str) -> String {
    text.chars().take(200).collect()
}

impl Answer {
    /// Why it was refused: `422 transaction.amount_minor must be a whole number`.
    pub(super) fn refusal(&self) -> String {
        let said = |member: &str| self.body[member].as_str().unwrap_or_default();
        let words = [&self.status.to_string(), said("field"), said("detail")].join(" ");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_plain_or_speak_tls() {
        let check = |url: &str, expect: Result<(&str, &str), &str>| {
            let found = server_and_path(url).map_err(|error| error.to_string());
            assert_eq!(found.as_ref().map(|found| *found).map_err(String::as_str), expect);
        };
        check("http://127.0.0.1:8080", Ok(("http://127.0.0.1:8080", "")));
        check("https://risk.example/riskflow/", Ok(("https://risk.example", "/riskflow")));
        check("https:///risk", Err("`https:///risk` names no host"));
        check("localhost:8080", Err("`localhost:8080` is not of the form http://127.0.0.1:8080 or https://host"));
    }
}
