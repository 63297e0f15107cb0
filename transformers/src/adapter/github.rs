//! Web hooks of GitHub (`adapters/github.md`).

use std::collections::BTreeMap;

use bytes::Bytes;
use hybridge_core::{Applied, Error, Message};

use super::rules::{Rule, compile};
use super::{Adapter, Draft, JSON, current_time, header};

pub(super) struct Github(BTreeMap<String, Rule>);

impl Github {
    pub(super) fn new() -> Self {
        Self(compile(include_str!("github.tsv")))
    }
}

impl Adapter for Github {
    /// The `ping` that a new web hook sends is no event and is filtered.
    fn events(&self, message: &Message, payload: &Bytes) -> Result<Applied, Error> {
        let event = header(message, "X-GitHub-Event")?;
        if event == "ping" {
            return Ok(Applied::Filtered("github ping".into()));
        }
        let Some(rule) = self.0.get(&event) else {
            let name: String = event.chars().take(100).collect();
            return Err(Error::rejected(format!("no rule for the GitHub event {name:?}")));
        };
        let found = rule.read(payload)?;
        let draft = Draft {
            id: header(message, "X-GitHub-Delivery")?,
            source: found.source,
            event_type: format!("com.github.{}", found.kind),
            subject: found.subject,
            time: found.time.or_else(|| current_time(message)),
            content_type: Some(JSON),
        };
        draft.into_event(message, Some(payload.clone())).map(Applied::One)
    }
}
