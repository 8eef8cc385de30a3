//! What the page of rules asks of the warehouse: how a rule came to be what it is.

use axum::Json;
use axum::extract::State;
use monitor::rule_versions::{RuleVersion, rule_versions};
use scoring::api::{InPath, Page, Problem};
use scoring::rules::RuleId;

use crate::answers::{Listed, Live, Queried, parameters, unanswered};

/// The versions of a rule, the newest first, those before page by page: each with who wrote it, when and why, and who agreed where a second
/// person was asked. A new one is among them once it has reached the warehouse.
#[utoipa::path(
    get,
    path = "/v1/rules/{rule_id}/versions",
    tag = "rules",
    params(
        ("rule_id" = String, Path, pattern = "^[A-Za-z0-9_-]{1,64}$", description = "the rule"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "its versions, the newest first; none of a rule that there is not", body = Page<serde_json::Value>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn versions(
    State(live): State<Live>,
    InPath(rule_id): InPath<String>,
    query: Queried,
) -> Result<Json<Page<RuleVersion>>, Problem> {
    let listed = Listed::of(parameters(query, &["limit", "cursor"])?)?;
    let rule_id = RuleId::try_from(rule_id).map_err(|wrong| Problem::parameter("rule_id", wrong))?;
    let mut versions = rule_versions(&*live.warehouse, &rule_id).await.map_err(unanswered)?;
    versions.retain(|version| listed.before.is_none_or(|before| version.log_position < before));
    versions.reverse();
    Ok(Json(listed.page(versions, |version| version.log_position)))
}
