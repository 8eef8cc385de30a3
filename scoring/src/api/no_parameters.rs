//! Calls whose query takes no parameters: they refuse any, as others refuse those that they do not know, so that whoever misspells one, or
//! asks the wrong call for it, is told. Which calls these are is what the document of the API says, one that comes later among them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::health;
use super::problem::Problem;

/// The calls that take none: the path and the method of each, as the document writes them. What machines ask all the time is not among them.
#[derive(Debug)]
pub(super) struct Bare(BTreeSet<(String, String)>);

impl Bare {
    /// Those of a document.
    pub(super) fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten().filter(|(path, _)| !is_of_machines(path));
        let calls = paths.flat_map(|(path, methods)| {
            let bare = methods.as_object().into_iter().flatten().filter(|(_, call)| !takes_parameters(call));
            bare.map(move |(method, _)| (path.clone(), method.clone()))
        });
        Self(calls.collect())
    }

    /// What is wrong with a request, if anything; one that nobody answers is not judged here.
    fn problem(&self, request: &Request) -> Option<Problem> {
        let (path, query) = (request.extensions().get::<MatchedPath>()?, request.uri().query()?);
        self.refused(request.method(), path.as_str(), query)
    }

    /// What is wrong with a call, where it is one of these and its query has a parameter.
    fn refused(&self, method: &Method, path: &str, query: &str) -> Option<Problem> {
        let (name, _) = form_urlencoded::parse(query.as_bytes()).next()?;
        let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
        let is_bare = self.0.contains(&(path.to_owned(), method));
        is_bare.then(|| Problem::parameter(&name, format!("there is no parameter `{name}`: this call takes none")))
    }
}

/// Whether the query of a call has parameters, beside those of its path.
fn takes_parameters(call: &Value) -> bool {
    call["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["in"] == "query")
}

/// Lets a call through, unless its query has parameters and it takes none.
pub(super) async fn refuse(State(bare): State<Arc<Bare>>, request: Request, next: Next) -> Response {
    let refused = bare.problem(&request);
    match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// What machines ask all the time is answered whatever its query says: nobody starts a program anew, or loses sight of it, because of a word there.
fn is_of_machines(path: &str) -> bool {
    health::is_probe(path) || path == "/metrics"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parameter_where_there_are_none_is_named() {
        let query = |name: &str| json!({"name": name, "in": "query"});
        let bare = Bare::of(&json!({"paths": {
            "/v1/rules": {"get": {"parameters": [query("limit")]}, "post": {}},
            "/v1/rules/{id}": {"get": {"parameters": [{"name": "id", "in": "path"}]}, "put": {"parameters": [query("reason")]}},
            "/livez": {"get": {}},
            "/metrics": {"get": {}},
        }}));
        let check = |method: Method, path: &str, query: &str, expect: Option<&str>| {
            let problem = bare.refused(&method, path, query).map(|problem| serde_json::to_value(problem).expect("plain data"));
            let said = problem.as_ref().map(|problem| problem["field"].as_str().expect("it is named"));
            assert_eq!(said, expect, "{method} {path}?{query}");
            assert!(problem.is_none_or(|problem| problem["status"] == 400));
        };
        check(Method::GET, "/v1/rules", "nonsense=1", None);
        check(Method::POST, "/v1/rules", "limit=1&nonsense=1", Some("limit"));
        check(Method::GET, "/v1/rules/{id}", "a%20b", Some("a b"));
        check(Method::HEAD, "/v1/rules/{id}", "nonsense", Some("nonsense"));
        check(Method::PUT, "/v1/rules/{id}", "nonsense", None);
        check(Method::GET, "/v1/rules/{id}", "", None);
        check(Method::GET, "/v1/rules/{id}", "&", None);
        check(Method::GET, "/livez", "nonsense", None);
        check(Method::GET, "/metrics", "nonsense", None);
        check(Method::GET, "/rules", "rule=large", None);
    }
}
