//! The admin listener: health, readiness, metrics, routes, and the topics for the commands.
//!
//! It runs on the runtime of the HTTP servers, so it answers also while a route hangs. Health and
//! metrics are open to everybody; all else needs the token when the listener is not on loopback or
//! when one is configured.

mod topics;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hybridge_connectors::log::Store;
use serde::Serialize;

use crate::serve::{Guard, Refusal, Tokens};
use crate::status::{RouteView, Status};
use crate::telemetry::Metrics;

/// What is answered without a token.
const OPEN: [&str; 2] = ["/health/", "/metrics"];

/// What the admin listener speaks for.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The state of the process.
    pub status: Arc<Status>,
    /// The numbers of the process.
    pub metrics: Metrics,
    /// The embedded log, for the commands that look at topics.
    pub store: Store,
}

/// Everything that the listener at `address` answers.
pub fn router(admin: Admin, address: SocketAddr, tokens: Tokens) -> Router {
    let router = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/routes", get(routes))
        .route("/topics", get(topics::list))
        .route("/topics/{topic}", get(topics::stat))
        .route("/topics/{topic}/records", get(topics::records))
        .fallback(async || Refusal::not_found("there is nothing at this path"))
        .with_state(admin);
    Guard::new(address, tokens, &OPEN).protect(router)
}

async fn live() -> Response {
    Json(serde_json::json!({ "live": true })).into_response()
}

/// The answer of `/health/ready`.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    routes: Vec<RouteHealth>,
}

#[derive(Debug, Serialize)]
struct RouteHealth {
    route: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn ready(State(admin): State<Admin>) -> Response {
    let views = admin.status.views();
    let all_get_on = views.iter().all(|view| view.optional || view.is_ready());
    let routes = views.into_iter().map(|view| RouteHealth {
        state: view.health,
        route: view.route,
        stage: view.stage,
        reason: view.reason,
    });
    let routes: Vec<_> = routes.collect();
    let reason = if admin.status.is_stopping() {
        Some("the process stops")
    } else if !admin.status.has_begun() {
        Some("the process starts")
    } else if !all_get_on {
        Some("a route does not get on")
    } else {
        None
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reason.is_none(), reason, routes })).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let text = admin.metrics.render(&admin.status);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The answer of `/routes`.
#[derive(Debug, Serialize)]
struct Routes {
    routes: Vec<RouteView>,
}

async fn routes(State(admin): State<Admin>) -> Json<Routes> {
    Json(Routes { routes: admin.status.views() })
}

#[cfg(test)]
mod tests;
