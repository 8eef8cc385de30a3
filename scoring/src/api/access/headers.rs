//! What comes with a request and says who calls: a secret, a cookie, the browser and the address; and the cookie that is to come back.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderValue, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::Access;

impl Access {
    /// The cookie that a browser is to keep; without a token, to forget.
    pub(in crate::api) fn cookie(&self, token: Option<&str>) -> HeaderValue {
        let secure = if self.settings.is_secure { "; Secure" } else { "" };
        let end = if token.is_some() { "" } else { "; Max-Age=0" };
        let text =
            format!("{}={}; Path=/; HttpOnly; SameSite=Strict{secure}{end}", self.cookie_name(), token.unwrap_or_default());
        HeaderValue::try_from(text).expect("a token is hexadecimal")
    }

    /// With TLS the name itself says to a browser that nobody but this host, and only by TLS, may have set it.
    const fn cookie_name(&self) -> &'static str {
        if self.settings.is_secure { "__Host-riskflow" } else { "riskflow" }
    }

    pub(super) fn token_in(&self, headers: &HeaderMap) -> Option<String> {
        let mut pairs =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(';'));
        pairs.find_map(|pair| Some(pair.trim().strip_prefix(self.cookie_name())?.strip_prefix('=')?.to_owned()))
    }
}

/// The secret that comes with a call.
pub(super) fn secret_in(headers: &HeaderMap) -> Option<String> {
    // What cannot be read is a key that is not known.
    headers.get(header::AUTHORIZATION).map(|value| secret_of(value).unwrap_or_default())
}

/// The secret of `Bearer SECRET`, or the password of `Basic`.
pub(super) fn secret_of(header: &HeaderValue) -> Option<String> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().to_owned()),
        "basic" => {
            let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
            Some(String::from_utf8(decoded).ok()?.split_once(':')?.1.to_owned())
        }
        _ => None,
    }
}

/// What a browser says it is. It is no secret; but a cookie that is taken alone does not bring it along.
pub(super) fn agent(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Where a request comes from, where that is known.
pub(in crate::api) fn address_in(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

/// A session by where it comes from, in the words of the audit.
pub(super) fn from(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "a session".to_owned(), |address| format!("a session from {address}"))
}
