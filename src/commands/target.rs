//! Where a change is made: on a server that runs, or on the log where none does. Either way it is the API that takes it, so that both ask
//! and answer the same.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use ingest::SystemClock;
use scoring::control::{Person, is_reserved};
use serde_json::Value;
use tower::ServiceExt;
use ureq::http::Method;

use super::ConfigArgs;
use super::client::{Answer, Client};
use crate::Riskflow;

/// Where a change is made, and by whom.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct TargetArgs {
    /// A server that runs; without it the log is used, which no server may hold then
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The key of the API, with --url; its owner is who does it
    #[arg(long, value_name = "KEY", env = super::API_KEY, hide_env_values = true)]
    api_key: Option<String>,
    /// The pipeline file
    #[arg(long, value_name = "FILE", required_unless_present = "url", conflicts_with = "url")]
    pipeline: Option<PathBuf>,
    /// Who does it
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    by: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What takes changes.
enum Target {
    /// A server.
    Server(Client),
    /// The program itself, on its log.
    Log(Box<OnLog>),
}

/// The program itself, on its log.
struct OnLog {
    riskflow: Riskflow,
    router: Router,
    person: Person,
}

impl TargetArgs {
    /// A server where one is named, or else the log of a pipeline.
    pub(super) fn new(url: Option<String>, api_key: Option<String>, pipeline: PathBuf, by: &str, config: ConfigArgs) -> Self {
        Self { url, api_key, pipeline: Some(pipeline), by: Some(by.to_owned()), config }
    }

    /// Reaches it.
    fn open(&self, reads: bool) -> anyhow::Result<Target> {
        if let Some(url) = &self.url {
            return Ok(Target::Server(Client::new(url, self.api_key.as_deref())?));
        }
        let (path, by) = (self.pipeline.as_ref().context("give --pipeline or --url")?, self.by.as_deref().unwrap_or_default());
        if by.trim().is_empty() && !reads {
            bail!("say with --by who does it");
        }
        if is_reserved(by) {
            bail!("`{by}` is no person's name: the program acts under it by itself");
        }
        let riskflow = crate::assemble(&self.config.load()?, crate::read_pipeline(path)?, Arc::new(SystemClock), &mut |_| {})?;
        let (engine, described) = (Arc::clone(&riskflow.engine), utoipa::openapi::OpenApi::default());
        let router = scoring::api::router(engine, Arc::new(|_| {}), Router::new(), described);
        Ok(Target::Log(Box::new(OnLog { riskflow, router, person: Person::named(by) })))
    }

    /// Asks for one thing, and lets go; a refusal is an answer.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let target = self.open(method == Method::GET)?;
        let answer = target.ask(method, path, body).await;
        target.close().await?;
        answer
    }

    /// The same for what has to be done: a refusal is an error.
    pub(super) async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let answer = self.ask(method, path, body).await?;
        if answer.status >= 300 {
            bail!("it was refused: {}", answer.refusal());
        }
        Ok(answer)
    }
}

impl Target {
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        match self {
            Self::Server(client) => client.ask(&method, path, body),
            Self::Log(log) => log.ask(method, path, body).await,
        }
    }

    async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Server(_) => Ok(()),
            Self::Log(log) => log.riskflow.stop().await,
        }
    }
}

impl OnLog {
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = Request::builder().method(method).uri(path).body(body)?;
        request.extensions_mut().insert(self.person.clone());
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await?;
        Ok(Answer { status, body: serde_json::from_slice(&body)?, retry_after: None })
    }
}
