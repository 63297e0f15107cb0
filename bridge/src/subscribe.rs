//! The event consumers' API: topics of the embedded log over HTTP.
//!
//! A subscriber follows a topic as server-sent events, with a reader of its own. Consumers of a
//! group share a topic: each event is with one of them at a time, until it is acknowledged,
//! released, or its lease ends. Both see CloudEvents; a message that is none is wrapped into one.

mod event;
mod filter;
mod frame;
mod group;
mod groups;
mod leases;
mod pull;
mod room;
mod sse;

use std::net::SocketAddr;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use hybridge_connectors::log::{Store, Topic};
use tokio_util::sync::CancellationToken;

use crate::feed::StartError;
use crate::serve::{Guard, Refusal, Tokens};
use groups::Groups;
use room::Room;

/// What the subscribers' listener speaks for.
#[derive(Clone, Debug)]
pub struct Subscribe {
    store: Store,
    groups: Groups,
    room: Room,
    stop: CancellationToken,
}

impl Subscribe {
    /// The topics of this log, until `stop`.
    pub fn new(store: Store, stop: CancellationToken) -> Self {
        Self { store, groups: Groups::default(), room: Room::default(), stop }
    }

    fn pulled(&self, topic: &str) -> metrics::Counter {
        let labels = [("topic", topic.to_owned()), ("interface", "pull".to_owned())];
        metrics::counter!("hybridge_subscriber_events_total", &labels)
    }
}

/// Everything that the listener at `address` answers.
pub fn router(subscribe: Subscribe, address: SocketAddr, tokens: Tokens) -> Router {
    let router = Router::new()
        .route("/topics", get(topics))
        .route("/topics/{topic}/events", get(sse::events))
        .route("/topics/{topic}/groups/{group}/receive", post(pull::receive))
        .route("/topics/{topic}/groups/{group}/acknowledge", post(pull::acknowledge))
        .route("/topics/{topic}/groups/{group}/release", post(pull::release))
        .fallback(async || Refusal::not_found("there is nothing at this path"))
        .with_state(subscribe);
    Guard::new(address, tokens, &[]).protect(router)
}

async fn topics(State(subscribe): State<Subscribe>) -> Json<serde_json::Value> {
    let store = &subscribe.store;
    let topics = store.topics().into_iter().filter_map(|name| {
        let topic = store.find(&name)?;
        Some(serde_json::json!({ "topic": name, "partitions": topic.partitions() }))
    });
    Json(serde_json::json!({ "topics": topics.collect::<Vec<_>>() }))
}

/// The topic of this name; the log's own are nobody's business.
fn find(store: &Store, name: &str) -> Result<Topic, Refusal> {
    store
        .find(name)
        .filter(|_| !name.starts_with("__"))
        .ok_or_else(|| Refusal::not_found(format!("topic `{name}` does not exist")))
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Read(_) => Self::unavailable(error.to_string()),
            StartError::Partition(..) | StartError::Ahead { .. } => Self::bad(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
