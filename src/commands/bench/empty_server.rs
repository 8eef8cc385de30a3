//! `riskflow bench empty-server`: the least server that could answer, to hold ours against: the same framework and the same JSON to
//! parse, and then always the same answer.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;

use crate::output;

/// Serve an API that parses what it is sent and always gives the same answer
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Runs the command, until it is ended.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    listener.set_nonblocking(true).context("a socket can be told not to block")?;
    let address = listener.local_addr().context("a bound socket has an address")?;
    let server = axum_server::from_tcp(listener).context("the socket cannot be served")?;
    output::message(&format!("the empty server listens on http://{address}"));
    let router = Router::new().route("/v1/score", post(answer));
    server.serve(router.into_make_service()).await.context("the server failed")
}

async fn answer(body: Bytes) -> Response {
    match serde_json::from_slice::<Value>(&body) {
        Ok(_) => ([(header::CONTENT_TYPE, "application/json")], r#"{"decision":"approve","score":0}"#).into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    }
}
