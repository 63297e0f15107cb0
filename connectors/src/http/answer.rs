//! What a caller is told.
//!
//! 2xx is said for what is settled and for nothing else; 4xx for what can never be taken as it is,
//! since senders drop what gets one; everything that is our own trouble is 503 with Retry-After.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hybridge_core::Outcome;
use hybridge_schemas::cloudevents::webhook::Received;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// When to come again after something that passes quickly.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// When to come again after a delivery that did not get through in time.
pub(super) const LATER: Duration = Duration::from_secs(5);

const REJECTED: &str = "the route refuses this event for good";
const ABANDONED: &str = "the event was not delivered";

/// How the deliveries of one request ended, in their order.
#[derive(Debug)]
pub(super) enum Settled {
    /// Of a request with one event.
    One(Outcome),
    /// Of a batch.
    Many(Vec<Outcome>),
}

/// One event of a batch in the answer.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

#[derive(Serialize)]
struct Explained<'a> {
    error: &'a str,
}

#[derive(Serialize)]
struct Results<'a> {
    results: &'a [Entry],
}

/// Why a request is not taken: a status, what the caller is told, and when to come again.
#[derive(Debug)]
pub(super) struct Refusal {
    code: StatusCode,
    reason: Cow<'static, str>,
    wait: Option<Duration>,
}

impl Refusal {
    /// It can never be taken as it is.
    pub(super) fn never(code: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into(), wait: None }
    }

    /// It may be taken later.
    pub(super) fn later(reason: impl Into<Cow<'static, str>>, wait: Duration) -> Self {
        Self { code: code(Received::Unavailable), reason: reason.into(), wait: Some(wait) }
    }

    /// The same for one event of a batch.
    pub(super) fn entry(self, index: usize) -> Entry {
        let error = Some(self.reason.into_owned());
        Entry { index, id: None, status: self.code.as_u16(), error }
    }

    /// The same as an answer.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = json(self.code, &Explained { error: &self.reason });
        let headers = response.headers_mut();
        if let Some(wait) = self.wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        match self.code {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

/// Everything is settled.
pub(super) fn done() -> Response<Full<Bytes>> {
    status(code(Received::Accepted), Full::default())
}

/// The answer to a request with one event.
pub(super) fn one(outcome: Outcome) -> Response<Full<Bytes>> {
    match verdict(outcome) {
        (StatusCode::NO_CONTENT, _) => done(),
        (StatusCode::SERVICE_UNAVAILABLE, reason) => Refusal::later(reason, SOON).response(),
        (code, reason) => Refusal::never(code, reason).response(),
    }
}

/// The status of one event, and why it is not 204.
pub(super) fn verdict(outcome: Outcome) -> (StatusCode, &'static str) {
    match outcome {
        Outcome::Filtered | Outcome::Expired | Outcome::Delivered | Outcome::DeadLettered => {
            (code(Received::Accepted), "")
        }
        Outcome::Rejected => (code(Received::Unprocessable), REJECTED),
        Outcome::Abandoned => (code(Received::Unavailable), ABANDONED),
    }
}

/// The status for what became of a request.
pub(super) fn code(received: Received) -> StatusCode {
    StatusCode::from_u16(received.status(false)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer to a batch: 204 where all is settled, 503 where nothing is and all may come again,
/// else 207 with one result for each event, in order.
pub(super) fn batch(entries: &[Entry]) -> Response<Full<Bytes>> {
    let all = |code: StatusCode| entries.iter().all(|entry| entry.status == code.as_u16());
    if all(StatusCode::NO_CONTENT) {
        return done();
    }
    if all(StatusCode::SERVICE_UNAVAILABLE) {
        return Refusal::later(ABANDONED, SOON).response();
    }
    let mut response = json(StatusCode::MULTI_STATUS, &Results { results: entries });
    if entries.iter().any(|entry| entry.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(SOON.as_secs()));
    }
    response
}

fn json(code: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = status(code, Full::new(Bytes::from(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn status(code: StatusCode, body: Full<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
}
