use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

/// Where a server is and who asks. The password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: String,
    /// Whether it is spoken to over TLS.
    pub(super) is_secure: bool,
}

/// The port on which a server speaks HTTP.
const PORT: u16 = 8123;

/// The port on which it does so over TLS.
const SECURE_PORT: u16 = 8443;

impl Address {
    /// Reads `clickhouse://user:password@host:port/database`, with `?secure=true` where it is spoken to over TLS. A password that is given
    /// beside the URL goes before the one in it.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, String> {
        const FORM: &str = "write it as clickhouse://user@host:8123/database";
        let parsed =
            Url::parse(url).map_err(|error| format!("the location of the ClickHouse server cannot be read ({error}): {FORM}"))?;
        if parsed.scheme() != "clickhouse" {
            return Err(format!("{}:// is no ClickHouse server: {FORM}", parsed.scheme()));
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(|| format!("a host is missing: {FORM}"))?;
        let database = match parsed.path().trim_matches('/') {
            "" => "riskflow",
            name if is_name(name) => name,
            name => {
                return Err(format!("`{name}` is no name of a database: letters, digits and underscores, and no digit first"));
            }
        };
        let is_secure = match (parsed.query(), parsed.fragment()) {
            (None | Some("secure=false"), None) => false,
            (Some("secure=true"), None) => true,
            _ => return Err(format!("nothing but ?secure=true may come after the database: {FORM}")),
        };
        let text = |encoded: &str| percent_decode_str(encoded).decode_utf8().map(String::from);
        let not_text = |_| format!("the user or password is not UTF-8: {FORM}");
        let user = Some(parsed.username()).filter(|user| !user.is_empty()).unwrap_or("default");
        Ok(Self {
            host: host.to_owned(),
            port: parsed.port().unwrap_or(if is_secure { SECURE_PORT } else { PORT }),
            database: database.to_owned(),
            user: text(user).map_err(not_text)?,
            password: match password {
                Some(password) => password.to_owned(),
                None => text(parsed.password().unwrap_or_default()).map_err(not_text)?,
            },
            is_secure,
        })
    }

    /// Where requests go.
    pub(super) fn endpoint(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

/// A name that needs no quotes in SQL.
pub(super) fn is_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| !byte.is_ascii_digit()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, database, user, is_secure, .. } = self;
        let secure = if *is_secure { "?secure=true" } else { "" };
        write!(f, "clickhouse://{user}@{host}:{port}/{database}{secure}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_their_password() {
        let check = |url: &str, password: Option<&str>, shown: &str, secret: &str| {
            let address = Address::parse(url, password).unwrap();
            assert_eq!((address.to_string().as_str(), address.password.as_str()), (shown, secret));
            assert_eq!(format!("{address:?}"), shown);
        };
        check("clickhouse://ann:pa%40ss@db:9000/risk", None, "clickhouse://ann@db:9000/risk", "pa@ss");
        check("clickhouse://ann:a@db/risk", Some("b"), "clickhouse://ann@db:8123/risk", "b");
        check("clickhouse://[::1]", None, "clickhouse://default@[::1]:8123/riskflow", "");
        check("clickhouse://ann@db/risk?secure=true", None, "clickhouse://ann@db:8443/risk?secure=true", "");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_password() {
        let check = |url: &str, expect: &str| {
            let error = Address::parse(url, None).unwrap_err();
            assert!(error.contains(expect) && !error.contains("secret"), "{error}");
        };
        check("clickhouse://ann:secret@db:port/risk", "invalid port number");
        check("clickhouse://ann:secret@db/a-b", "`a-b` is no name of a database");
        check("clickhouse://ann:secret@db/risk?x=1", "nothing but ?secure=true may come after");
        check("clickhouse:///risk", "a host is missing");
        check("http://db/risk", "http:// is no ClickHouse server");
    }
}
