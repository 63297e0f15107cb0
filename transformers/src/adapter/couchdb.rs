//! Rows of the changes feeds of CouchDB (`adapters/couchdb.md`).

use bytes::Bytes;
use hybridge_config::transform::adapter::CouchdbConfig;
use hybridge_core::{Applied, Error, Message};
use hybridge_schemas::json::Selection;

use super::rules::text;
use super::{Adapter, Draft, JSON, current_time};

pub(super) struct Couchdb {
    server: String,
    database: Option<String>,
    row: Selection,
}

impl Couchdb {
    pub(super) fn new(config: &CouchdbConfig) -> Self {
        let row = ["seq", "db_name", "type", "id", "changes", "deleted"];
        Self {
            server: config.server.trim_end_matches('/').to_owned(),
            database: config.database.clone(),
            row: Selection::new(row.map(|name| [name])),
        }
    }
}

impl Adapter for Couchdb {
    /// Empty lines keep the feed alive and say nothing.
    fn events(&self, message: &Message, payload: &Bytes) -> Result<Applied, Error> {
        if payload.trim_ascii().is_empty() {
            return Ok(Applied::Filtered("couchdb heartbeat".into()));
        }
        let mut found = [None; 6];
        self.row
            .read(payload, &mut found, |_, _| {})
            .map_err(|fault| Error::rejected(format!("the payload is {fault}")))?;
        let [seq, name, kind, document, changes, deleted] = found;
        let missing = |what: &str| Error::rejected(format!("the row has no {what}"));
        let owned = |raw: Option<&[u8]>| raw.and_then(text).map(|text| text.into_owned());
        let mut draft = Draft {
            id: owned(seq).ok_or_else(|| missing("seq"))?,
            source: self.server.clone(),
            event_type: String::new(),
            subject: None,
            time: current_time(message),
            content_type: None,
        };
        if let Some(name) = owned(name) {
            let kind = owned(kind).ok_or_else(|| missing("type"))?;
            if !["created", "updated", "deleted"].contains(&kind.as_str()) {
                return Err(Error::rejected("the type of the row is none of a database's"));
            }
            draft.event_type = format!("org.apache.couchdb.database.{kind}");
            draft.subject = Some(name);
            return draft.into_event(message, None).map(Applied::One);
        }
        let Some(database) = &self.database else {
            return Err(Error::rejected("which database the row is about is not said: database"));
        };
        let changes = changes.ok_or_else(|| missing("changes"))?;
        let kind = if deleted == Some(b"true") { "deleted" } else { "updated" };
        draft.source = format!("{}/{database}", self.server);
        draft.event_type = format!("org.apache.couchdb.document.{kind}");
        draft.subject = Some(owned(document).ok_or_else(|| missing("id"))?);
        draft.content_type = Some(JSON);
        draft.into_event(message, Some(payload.slice_ref(changes))).map(Applied::One)
    }
}
