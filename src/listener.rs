//! The listener: an address that is taken for good, and the connections that come to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;

use crate::config::ServerConfig;
use crate::entrance::{Connections, Entrance};

/// How long requests under way may take after the order to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// An address that is taken before anything else is started.
pub(crate) struct Listener {
    server: Server<SocketAddr>,
    address: SocketAddr,
    tls: Option<RustlsConfig>,
    /// How long a client may take to say what it wants.
    patience: Duration,
}

impl Listener {
    /// Takes the address; one that is taken by somebody else is an error that names it, and so is a certificate that cannot be used.
    pub(crate) async fn bind(address: SocketAddr, config: &ServerConfig) -> anyhow::Result<Self> {
        let tls = match &config.tls {
            None => None,
            Some(tls) => {
                let read = RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await;
                let named = || format!("cannot use {} and {}", tls.certificate.display(), tls.key.display());
                Some(read.with_context(named)?)
            }
        };
        let listener = std::net::TcpListener::bind(address)
            .with_context(|| format!("cannot listen on {address}: choose another port, or end the program that has it"))?;
        listener.set_nonblocking(true).context("a socket can be told not to block")?;
        let address = listener.local_addr().context("a bound socket has an address")?;
        let patience = Duration::from_secs(config.header_seconds);
        // The timer of HTTP starts with the first byte, the other one with the connection or, with TLS, after the handshake.
        let mut server = axum_server::from_tcp(listener).context("the socket cannot be served")?.first_request_timeout(patience);
        server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(patience);
        Ok(Self { server, address, tls, patience })
    }

    /// Whether nobody beyond this machine reaches it.
    pub(crate) const fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Where it listens, as a browser takes it.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Has `entrance` answer who comes, until `stop` is done; requests under way are answered first, unless they take too long.
    pub(crate) async fn serve(
        self,
        entrance: Arc<Entrance>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let handle = Handle::new();
        let draining = handle.clone();
        tokio::spawn(async move {
            stop.await;
            draining.graceful_shutdown(Some(DRAIN));
        });
        let (server, connections) = (self.server.handle(handle), Connections::new(entrance));
        let served = match self.tls {
            None => server.serve(connections).await,
            Some(tls) => server.acceptor(RustlsAcceptor::new(tls).handshake_timeout(self.patience)).serve(connections).await,
        };
        served.context("the server failed")
    }
}
