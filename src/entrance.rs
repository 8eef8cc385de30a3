//! The entrance: what every request passes on its way from a connection to who answers it. Its time is limited, who sends it is known, it is
//! traced where it is picked; then it goes to the routes, and an event that wants a decision past them.
//!
//! All of it is one future for each request. As layers around the router, and through its routes, a request went from box to box: that
//! cost an event more than fifty rules.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::Method;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use scoring::Engine;
use scoring::api::access::{Access, guard};
use scoring::api::{Problem, Traced, answer_score, health};
use scoring::control::Person;
use tower::{Service, ServiceExt as _};

use crate::config::ServerConfig;
use crate::metrics::Requests;
use crate::proxies::Proxies;
use crate::telemetry::{Telemetry, traced};

/// What all connections have in common. It is closed while the program is not ready, and then opened for good.
pub(crate) struct Entrance {
    /// How long an answer may take.
    limit: Duration,
    proxies: Proxies,
    inside: OnceLock<Inside>,
    /// What it waits for, while it is closed.
    missing: Mutex<&'static str>,
}

/// What requests come to.
pub(crate) struct Inside {
    pub(crate) engine: Arc<Engine>,
    pub(crate) routes: Router,
    pub(crate) access: Arc<Access>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) telemetry: Option<Arc<Telemetry>>,
}

impl Entrance {
    /// Who comes is told that this is missing.
    pub(crate) fn closed(config: &ServerConfig, missing: &'static str) -> Arc<Self> {
        let (limit, proxies) = (config.limit(), Proxies::new(&config.proxies));
        Arc::new(Self { limit, proxies, inside: OnceLock::new(), missing: Mutex::new(missing) })
    }

    /// Who comes from here on is told that something else is missing.
    pub(crate) fn misses(&self, missing: &'static str) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = missing;
    }

    /// Who comes from here on is answered, also on a connection from before.
    pub(crate) fn open(&self, inside: Inside) {
        self.inside.get_or_init(|| inside);
    }

    async fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> Response {
        let wants_head_alone = request.method() == Method::HEAD;
        let response = match self.inside.get() {
            Some(inside) => {
                let caller = SocketAddr::new(self.proxies.caller(from.ip(), request.headers()), from.port());
                inside.answer(request, caller, self.limit).await
            }
            None => {
                let refused = self.not_yet(request.uri().path());
                // Who is still sending hears no answer.
                let _ = tokio::time::timeout(self.limit, passed_over(request.into_body())).await;
                refused
            }
        };
        if wants_head_alone { head_of(response) } else { response }
    }

    fn not_yet(&self, path: &str) -> Response {
        let missing = *self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/livez" => health::alive(),
            "/readyz" => health::unready(&[missing.to_owned()]),
            _ => Problem::not_ready(format!("missing is {missing}")).retry_after(1).into_response(),
        }
    }
}

impl Inside {
    /// Answers a request; counted is what it was answered with.
    async fn answer(&self, request: Request<Incoming>, from: SocketAddr, limit: Duration) -> Response {
        let response = match &self.telemetry {
            None => self.answer_within(limit, request, from, false).await,
            Some(telemetry) => {
                let answer = |request, is_traced| self.answer_within(limit, request, from, is_traced);
                traced(telemetry, request, answer).await
            }
        };
        self.requests.answered(response.status().as_u16());
        response
    }

    /// With a 408 where its body was not there in time, and a 503 where it takes too long; what was accepted is decided all the same.
    async fn answer_within(&self, limit: Duration, request: Request<Incoming>, from: SocketAddr, is_traced: bool) -> Response {
        let uri = request.uri().clone();
        let is_awaited = Arc::<AtomicBool>::default();
        let request = request.map(|body| Awaited { body, is_awaited: Arc::clone(&is_awaited) });
        let known = guard(&self.access, from.ip(), request, |request, who| self.direct(request, from, who, is_traced));
        match tokio::time::timeout(limit, known).await {
            Ok(response) => response,
            Err(_) if is_awaited.load(Ordering::Relaxed) => {
                self.requests.slow_body();
                let seconds = limit.as_secs();
                Problem::slow_body(format!("it was not all there after {seconds} s; nothing was done")).into_response()
            }
            Err(_) => {
                self.requests.late();
                let seconds = limit.as_secs();
                let detail = format!("the request took longer than {seconds} s; what it asked for may be done all the same");
                Problem::slow(uri.path(), detail).into_response()
            }
        }
    }

    /// To who answers it.
    async fn direct(&self, request: Request<Awaited>, from: SocketAddr, who: Option<Person>, is_traced: bool) -> Response {
        if request.method() == Method::POST && request.uri().path() == "/v1/score" {
            return answer_score(&self.engine, request, is_traced).await;
        }
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        // Who guesses passwords is known by the address.
        extensions.insert(ConnectInfo(from));
        if let Some(who) = who {
            extensions.insert(who);
        }
        if is_traced {
            extensions.insert(Traced);
        }
        match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A body that says whether more of it is waited for.
struct Awaited {
    body: Incoming,
    is_awaited: Arc<AtomicBool>,
}

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.is_awaited.store(frame.is_pending(), Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Reads a body to its end, and keeps nothing of it.
async fn passed_over(mut body: Incoming) {
    while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}

/// An answer without its body, and how long that would have been. Routes do that by themselves, what is refused before them does not.
fn head_of(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(bytes) = body.size_hint().exact() {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| bytes.into());
    }
    Response::from_parts(head, Body::empty())
}

/// Makes what answers the requests of one connection.
pub(crate) struct Connections {
    entrance: Arc<Entrance>,
}

impl Connections {
    pub(crate) const fn new(entrance: Arc<Entrance>) -> Self {
        Self { entrance }
    }
}

impl Service<SocketAddr> for Connections {
    type Response = Connection;
    type Error = Infallible;
    type Future = Ready<Result<Connection, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, from: SocketAddr) -> Self::Future {
        ready(Ok(Connection { entrance: Arc::clone(&self.entrance), from }))
    }
}

/// Answers the requests of one connection.
#[derive(Clone)]
pub(crate) struct Connection {
    entrance: Arc<Entrance>,
    from: SocketAddr,
}

impl Service<Request<Incoming>> for Connection {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let Self { entrance, from } = self.clone();
        Box::pin(async move { Ok(entrance.answer(request, from).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_the_head_alone_is_told_how_long_the_body_would_be() {
        let refused = head_of(Problem::not_found("nothing".to_owned()).into_response());
        assert_eq!(refused.body().size_hint().exact(), Some(0));
        assert!(refused.headers()[CONTENT_LENGTH].to_str().is_ok_and(|bytes| bytes.parse::<u32>().is_ok_and(|bytes| bytes > 50)));
        // What a route has said of its length holds.
        let said = Response::builder().header(CONTENT_LENGTH, 7).body(Body::empty()).expect("an answer");
        assert_eq!(head_of(said).headers()[CONTENT_LENGTH], "7");
    }

    #[test]
    fn who_comes_too_early_is_told_what_is_missing() {
        let defaults = crate::config::Config::load(None, std::iter::empty()).expect("they fit");
        let entrance = Entrance::closed(&defaults.server, "this");
        let status = |path| entrance.not_yet(path).status().as_u16();
        assert_eq!((status("/livez"), status("/readyz"), status("/v1/score")), (200, 503, 503));
        assert_eq!(entrance.not_yet("/v1/score").headers()["retry-after"], "1");
    }
}
