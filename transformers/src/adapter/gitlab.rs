//! Web hooks of GitLab (`adapters/gitlab.md`).

use std::collections::BTreeMap;

use bytes::Bytes;
use hybridge_core::{Applied, Error, Message, StableId};
use hybridge_schemas::json::Selection;

use super::rules::{Rule, compile, text};
use super::{Adapter, Draft, JSON, current_time, header};

pub(super) struct Gitlab {
    rules: BTreeMap<String, Rule>,
    kind: Selection,
}

impl Gitlab {
    pub(super) fn new() -> Self {
        Self {
            rules: compile(include_str!("gitlab.tsv")),
            kind: Selection::new([vec!["object_kind"], vec!["object_attributes", "noteable_type"]]),
        }
    }

    /// The name of the event in the table; notes go by what they are about.
    fn kind(&self, payload: &[u8]) -> Result<String, Error> {
        let mut found = [None; 2];
        self.kind
            .read(payload, &mut found, |_, _| {})
            .map_err(|fault| Error::rejected(format!("the payload is {fault}")))?;
        let [kind, about] = found.map(|value| value.and_then(text));
        let kind = kind.ok_or_else(|| Error::rejected("the payload has no object_kind"))?;
        Ok(match about.filter(|_| kind == "note") {
            Some(about) => format!("{kind}/{about}"),
            None => kind.into_owned(),
        })
    }
}

impl Adapter for Gitlab {
    /// The id is to be unique and should be the same when GitLab sends the event again: its own
    /// identity of the event where it sends one, else that of the message.
    fn events(&self, message: &Message, payload: &Bytes) -> Result<Applied, Error> {
        let kind = self.kind(payload)?;
        let Some(rule) = self.rules.get(&kind) else {
            let name: String = kind.chars().take(100).collect();
            return Err(Error::rejected(format!("no rule for the GitLab event {name:?}")));
        };
        let found = rule.read(payload)?;
        let own = ["Idempotency-Key", "X-Gitlab-Event-UUID"];
        let own = own.iter().find_map(|name| header(message, name).ok());
        let draft = Draft {
            id: own.unwrap_or_else(|| StableId::new("", "", message).to_string()),
            source: found.source,
            event_type: format!("com.gitlab.{}", found.kind),
            subject: found.subject,
            time: found.time.or_else(|| current_time(message)),
            content_type: Some(JSON),
        };
        draft.into_event(message, Some(payload.clone())).map(Applied::One)
    }
}
