//! What the pages of alerts draw beside the alerts themselves: how the desk does by day, and what an entity did.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use monitor::alert_days::{AlertDay, by_day};
use monitor::questions::{self, EntityEvent};
use monitor::{Warehouse, Watch};
use scoring::api::{InPath, Page, Problem};

use crate::answers::{DAYS, Listed, Queried, days, parameters, unanswered};
use crate::assets;

/// What is asked of.
#[derive(Clone)]
pub(crate) struct Desk {
    warehouse: Arc<dyn Warehouse>,
    watch: Arc<Watch>,
}

pub(crate) fn router(warehouse: Arc<dyn Warehouse>, watch: Arc<Watch>) -> Router {
    Router::new()
        .route("/alerts", get(assets::alerts))
        .route("/alerts/{id}", get(assets::alert))
        .route("/v1/monitor/alerts", get(alerts))
        .route("/v1/entities/{entity}/{key}", get(entity))
        .with_state(Desk { warehouse, watch })
}

/// How the alert desk does: the alerts of each day, what they were by now, and how long they took.
#[utoipa::path(
    get,
    path = "/v1/monitor/alerts",
    tag = "monitor",
    params(
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
    ),
    responses(
        (status = 200, description = "the days on which alerts were raised, oldest first", body = Vec<Object>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn alerts(State(desk): State<Desk>, query: Queried) -> Result<Json<Vec<AlertDay>>, Problem> {
    let courses = questions::alerts(&*desk.warehouse, days(&parameters(query, &DAYS)?)?).await.map_err(unanswered)?;
    Ok(Json(by_day(&courses)))
}

/// What an entity did, what was decided about it and what it turned out to be; the newest first, those before page by page.
#[utoipa::path(
    get,
    path = "/v1/entities/{entity}/{key}",
    tag = "decisions",
    params(
        ("entity" = String, Path, description = "an entity of the pipeline file, as customer"),
        ("key" = String, Path, description = "its key"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
    ),
    responses(
        (status = 200, description = "its events, the newest first", body = Page<serde_json::Value>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such entity", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn entity(
    State(desk): State<Desk>,
    InPath((entity, key)): InPath<(String, String)>,
    query: Queried,
) -> Result<Json<Page<EntityEvent>>, Problem> {
    let schema = &desk.watch.pipeline().schema;
    if schema.entity(&entity).is_none() {
        let known: Vec<&str> = schema.entities.iter().map(|entity| entity.name.as_str()).collect();
        return Err(Problem::not_found(format!(
            "there is no entity `{entity}` in the pipeline file; there are {}",
            known.join(", ")
        )));
    }
    let listed = Listed::asked(query)?;
    let found = questions::entity(&*desk.warehouse, &entity, &key, listed.days, listed.before, listed.rows()).await;
    Ok(Json(listed.page(found.map_err(unanswered)?, |event| event.event_position)))
}
