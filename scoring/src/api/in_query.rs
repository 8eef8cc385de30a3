//! What a query says behind the question mark; what does not fit is a problem that names the parameter.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::json::{field, plain};
use super::problem::Problem;

/// The parameters of a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct InQuery<T>(pub(super) T);

impl<T: DeserializeOwned> InQuery<T> {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        read.map(Self).map_err(|error| {
            let detail = plain(&error.inner().to_string());
            Problem::parameters(field(error.path(), &detail), detail)
        })
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        value: String,
        #[serde(default)]
        limit: Option<usize>,
    }

    #[test]
    fn what_does_not_fit_names_its_parameter() {
        let check = |query: &str, name: Option<&str>, detail: &str| {
            let uri = format!("/v1/x{query}").parse().expect("an address");
            let problem = serde_json::to_value(InQuery::<Asked>::of(&uri).expect_err(query)).expect("plain data");
            let said = (problem["status"].as_u64(), problem["field"].as_str(), problem["detail"].as_str().expect("it is said"));
            assert_eq!(said, (Some(400), name, detail), "{query}");
        };
        check("", Some("value"), "missing field `value`");
        check("?value=a&limit=x", Some("limit"), "invalid digit found in string");
        check("?value=a&limit=-1", Some("limit"), "invalid digit found in string");
        check("?value=a&limits=1", Some("limits"), "unknown field `limits`, expected `value` or `limit`");
        check("?value=a&value=b", Some("value"), "duplicate field `value`");
        let uri = "/v1/x?limit=7&value=a%20b".parse().expect("an address");
        assert_eq!(InQuery::of(&uri).map(|InQuery(asked)| asked), Ok(Asked { value: "a b".to_owned(), limit: Some(7) }));
    }
}
