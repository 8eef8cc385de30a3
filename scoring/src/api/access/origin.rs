//! Where a request that changes something comes from: browsers say it, and pages of others cannot make them say otherwise.

use axum::http::{HeaderMap, header};

/// Whether a request comes from a page of this server, as far as the browser says so. What says nothing is no browser of these years, or no
/// browser.
pub(in crate::api) fn is_own(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = said("sec-fetch-site") {
        return site == "same-origin";
    }
    match (said(header::ORIGIN.as_str()), said(header::HOST.as_str())) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, place)| place.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
        (None, _) => true,
    }
}
