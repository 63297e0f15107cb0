//! Topics over the admin listener, for the commands.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query as RawQuery, State};
use hybridge_connectors::log::{Topic, TopicStat};

use super::Admin;
use crate::feed::{Cursor, Start};
use crate::serve::Refusal;
use crate::serve::query::Query;
use crate::topics::{self, Ask, MOST, Page};

const MOST_WAIT: Duration = Duration::from_secs(60);

pub(super) async fn list(State(admin): State<Admin>) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "topics": topics::list(&admin.store) }))
}

pub(super) async fn stat(
    State(admin): State<Admin>,
    Path(name): Path<String>,
) -> Result<Json<TopicStat>, Refusal> {
    let topic = find(&admin, &name)?;
    Ok(Json(admin.store.stat(&topic)))
}

pub(super) async fn records(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery<Vec<(String, String)>>,
) -> Result<Json<Page>, Refusal> {
    let query = Query(query);
    query.only(&["partition", "offset", "cursor", "from", "max", "wait"])?;
    let topic = find(&admin, &name)?;
    let partition = query.number("partition")?;
    let ask = Ask {
        start: start(&query, &topic, partition)?,
        partition,
        max: query.count("max", 100, MOST)?,
        wait: query.duration("wait", Duration::ZERO, Duration::ZERO, MOST_WAIT)?,
    };
    Ok(Json(topics::page(&admin.store, &topic, &ask).await?))
}

/// `cursor`, or `partition` with `offset`, or `from`; the first record where none is given.
fn start(query: &Query, topic: &Topic, partition: Option<u32>) -> Result<Start, Refusal> {
    if let Some(number) = partition
        && number >= topic.partitions()
    {
        let count = topic.partitions();
        return Err(Refusal::bad(format!("partition {number} does not exist: there are {count}")));
    }
    if let Some(cursor) = query.get("cursor") {
        let cursor = cursor.parse();
        return cursor.map(Start::Cursor).map_err(|error| Refusal::bad(format!("cursor: {error}")));
    }
    match (partition, query.number("offset")?) {
        (Some(partition), Some(offset)) => {
            let mut cursor = Cursor::default();
            cursor.set(partition, offset);
            Ok(Start::Cursor(cursor))
        }
        (None, Some(_)) => Err(Refusal::bad("offset goes with partition")),
        (_, None) => Ok(query.from()?.unwrap_or(Start::Earliest)),
    }
}

/// The topic of this name; the log's own can be looked at too.
fn find(admin: &Admin, name: &str) -> Result<Topic, Refusal> {
    let topic = admin.store.find(name);
    topic.ok_or_else(|| Refusal::not_found(format!("topic `{name}` does not exist")))
}
