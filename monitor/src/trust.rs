//! Whom the program trusts when it speaks to others over TLS.

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Whom the machine trusts, or the certificates in the file that `SSL_CERT_FILE` names; on a machine that trusts nobody, whom browsers trust.
pub fn trusted() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate cannot be trusted");
    }
    let certificates: Vec<_> = found.certs.iter().map(|each| Certificate::from_der(each).to_owned()).collect();
    let trusted = if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&certificates) };
    TlsConfig::builder().root_certs(trusted).build()
}
