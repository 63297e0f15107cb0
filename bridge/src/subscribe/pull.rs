//! `POST /topics/{topic}/groups/{group}/receive`, `acknowledge` and `release`.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hybridge_connectors::log::is_valid_name;
use hybridge_core::{Text, Value};
use serde::{Deserialize, Serialize};

use super::event::{self, Data};
use super::group::{Ask, OpenError};
use super::leases::Receipt;
use super::{Subscribe, find, room};
use crate::serve::Refusal;
use crate::serve::query::{self, Query};

const BATCH: &str = "application/cloudevents-batch+json";
/// The extension attribute of an event that holds its receipt.
const RECEIPT: Text = Text::from_static("hybridgereceipt");
/// The extension attribute that says how often it was given out.
const DELIVERIES: Text = Text::from_static("hybridgedeliveries");

const MOST_EVENTS: usize = 1000;
const MOST_WAIT: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(30);
const LEAST_LEASE: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Bytes of a body and the time that it may take.
const BODY: usize = 1024 * 1024;
const BODY_TIME: Duration = Duration::from_secs(10);

pub(super) async fn receive(
    State(subscribe): State<Subscribe>,
    Path((topic, group)): Path<(String, String)>,
    axum::extract::Query(query): axum::extract::Query<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let query = Query(query);
    query.only(&["max", "wait", "lease", "from", "data"])?;
    let ask = Ask {
        max: query.count("max", 10, MOST_EVENTS)?,
        wait: query.duration("wait", Duration::ZERO, Duration::ZERO, MOST_WAIT)?,
        lease: query.duration("lease", LEASE, LEAST_LEASE, LONGEST)?,
    };
    let data = Data::of(&query)?;
    let from = query.from()?;
    let topic = find(&subscribe.store, &topic)?;
    check(&group)?;
    let group = subscribe.groups.join(&subscribe.store, &topic, &group, from).await?;
    let given = tokio::select! {
        given = group.receive(ask, &subscribe.room) => given,
        () = subscribe.stop.cancelled() => Ok(Vec::new()),
    };
    let given = given.map_err(|error| Refusal::unavailable(error.to_string()))?;

    subscribe.pulled(topic.name()).increment(given.len() as u64);
    let mut batch = vec![b'['];
    let mut large = Vec::new();
    for given in given {
        large.extend(given.large);
        if batch.len() > 1 {
            batch.push(b',');
        }
        let (partition, _) = given.leased.key;
        let mut event = event::event(&topic, partition, given.record);
        let deliveries = i32::try_from(given.leased.deliveries).unwrap_or(i32::MAX);
        event.attributes.set(RECEIPT, Value::String(given.leased.receipt.to_string().into()));
        event.attributes.set(DELIVERIES, Value::Integer(deliveries));
        event::write(event, data, &mut batch);
    }
    batch.push(b']');
    Ok(([(header::CONTENT_TYPE, BATCH)], room::hold(batch, large)).into_response())
}

/// The body of `acknowledge` and `release`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipts {
    receipts: Vec<String>,
    /// For `release`: when the events may be given out again.
    delay: Option<String>,
}

/// The answer: every receipt is in one of the lists.
#[derive(Debug, Default, Serialize)]
struct Settled {
    succeeded: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    receipt: String,
    error: &'static str,
}

pub(super) async fn acknowledge(
    State(subscribe): State<Subscribe>,
    Path((topic, group)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Refusal> {
    let topic = find(&subscribe.store, &topic)?;
    check(&group)?;
    let body = read(body).await?;
    if body.delay.is_some() {
        return Err(Refusal::bad("delay is for release, not for acknowledge"));
    }
    let (texts, receipts) = parse(body.receipts);
    let done = match subscribe.groups.find(&topic, &group) {
        Some(group) => group.acknowledge(&receipts).await.map_err(|error| {
            Refusal::unavailable(format!(
                "the events are taken as done with, but the group's position is not durable yet: {error}"
            ))
        })?,
        None => vec![false; receipts.len()],
    };
    Ok(Json(settled(texts, &done)).into_response())
}

pub(super) async fn release(
    State(subscribe): State<Subscribe>,
    Path((topic, group)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Refusal> {
    let topic = find(&subscribe.store, &topic)?;
    check(&group)?;
    let body = read(body).await?;
    let delay = match &body.delay {
        Some(text) => query::duration("delay", text, Duration::ZERO, LONGEST)?,
        None => Duration::ZERO,
    };
    let (texts, receipts) = parse(body.receipts);
    let done = match subscribe.groups.find(&topic, &group) {
        Some(group) => group.release(&receipts, delay).await,
        None => vec![false; receipts.len()],
    };
    Ok(Json(settled(texts, &done)).into_response())
}

/// Reads the body of a request, within its limits.
async fn read(body: Body) -> Result<Receipts, Refusal> {
    let reading = axum::body::to_bytes(body, BODY);
    let bytes = match tokio::time::timeout(BODY_TIME, reading).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let detail = format!("the body did not come whole, or is larger than {BODY} bytes");
            return Err(Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, detail });
        }
        Err(_) => {
            let detail = format!("the body took longer than {} s", BODY_TIME.as_secs());
            return Err(Refusal { status: StatusCode::REQUEST_TIMEOUT, detail });
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::bad(format!("the body is not {{\"receipts\": [\"...\"]}}: {error}"))
    })
}

/// Each text with its place among the receipts; `None` for what is no receipt.
type Places = Vec<(String, Option<usize>)>;

fn parse(texts: Vec<String>) -> (Places, Vec<Receipt>) {
    let mut receipts = Vec::with_capacity(texts.len());
    let place = |text: String| {
        let place = text.parse().ok().map(|receipt| {
            receipts.push(receipt);
            receipts.len() - 1
        });
        (text, place)
    };
    let places = texts.into_iter().map(place).collect();
    (places, receipts)
}

fn settled(places: Places, done: &[bool]) -> Settled {
    let mut settled = Settled::default();
    for (receipt, place) in places {
        let error = match place.map(|place| done.get(place)) {
            Some(Some(true)) => {
                settled.succeeded.push(receipt);
                continue;
            }
            Some(_) => "the receipt is no longer good: settled before, or given out again",
            None => "not a receipt",
        };
        settled.failed.push(Failed { receipt, error });
    }
    settled
}

fn check(group: &str) -> Result<(), Refusal> {
    if is_valid_name(group) {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "`{group}` is not a group name: 1 to 200 of A-Z a-z 0-9 . _ - are allowed"
    )))
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Start(error) => error.into(),
            OpenError::Write(_) => Self::unavailable(error.to_string()),
        }
    }
}
