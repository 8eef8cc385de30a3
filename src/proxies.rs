//! Proxies in front of the server: who calls through one is told by `X-Forwarded-For`, which is believed of the proxies that the settings name and
//! of nobody else.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The networks of proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Who calls, where a connection comes from an address: each proxy adds at the end whom it has heard, so the last one that is no proxy
    /// is the caller. What stands before that anybody may have written.
    pub(crate) fn caller(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.has(connected) {
            return connected;
        }
        let mut caller = connected;
        for value in headers.get_all("x-forwarded-for").iter().rev() {
            for text in value.to_str().unwrap_or_default().rsplit(',') {
                let Some(address) = address(text.trim()) else { return caller };
                caller = address;
                if !self.has(address) {
                    return caller;
                }
            }
        }
        caller
    }
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn who_calls_is_the_last_that_is_no_proxy() {
        let check = |connected: &str, forwarded: &[&str], expect: &str| {
            let proxies = Proxies::new(&["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")]);
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_str(value).expect("a value"));
            }
            let found = proxies.caller(connected.parse().expect("an address"), &headers);
            assert_eq!(found.to_string(), expect, "{connected} {forwarded:?}");
        };
        check("203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["198.51.100.1:51234"], "198.51.100.1");
        check("10.0.0.1", &["[2001:db8::1]:443", "[fd00::2]"], "2001:db8::1");
        check("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1");
        check("fd00::1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.1, 198.51.100.1", "10.0.0.2, 10.0.0.3"], "198.51.100.1");
        // What the caller has written in front of it is passed over.
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["unknown"], "10.0.0.1");
        check("10.0.0.1", &["unknown, 10.0.0.2"], "10.0.0.2");
        let nobody = Proxies::default();
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().expect("a name"), HeaderValue::from_static("1.1.1.1"))]);
        let connected = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(nobody.caller(connected, &headers), connected);
    }
}
