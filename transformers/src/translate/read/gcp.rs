//! Envelopes of Google Cloud: CloudEvents, requests that Pub/Sub pushes, and the events of the
//! first Cloud Functions.
//!
//! Source of the rules for the last: `docs/mapping.md` of
//! `GoogleCloudPlatform/functions-framework-conformance`.

mod legacy;
mod pubsub;

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Error;
use hybridge_schemas::cloudevents::json as events;
use hybridge_schemas::json;

use super::{DEEPEST, Read, Show, is_container, malformed};

#[derive(Default)]
pub(super) struct Members<'a> {
    context: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    event_id: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
    resource: Option<&'a [u8]>,
    domain: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    subscription: Option<&'a [u8]>,
}

impl<'a> Members<'a> {
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Error> {
        let mut members = Self::default();
        for member in json::members(text) {
            let (name, raw) = member.map_err(|fault| malformed(&fault))?;
            let place = match &*name {
                "context" => &mut members.context,
                "eventType" => &mut members.event_type,
                "eventId" => &mut members.event_id,
                "timestamp" => &mut members.timestamp,
                "resource" => &mut members.resource,
                "domain" => &mut members.domain,
                "data" => &mut members.data,
                "message" => &mut members.message,
                "subscription" => &mut members.subscription,
                _ => continue,
            };
            *place = Some(raw);
        }
        Ok(members)
    }
}

/// An event with the names of its attributes in lower case, as published samples do not have all of them.
fn lower_cased(text: &Bytes) -> Result<Bytes, Error> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Ok(text.clone());
    }
    let names = json::members(text).map(|member| member.map(|(name, _)| name));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|fault| malformed(&fault))?;
    let is_other = |name: &&Cow<'_, str>| name.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut named = text.clone();
    for name in names.iter().filter(is_other) {
        let lower = name.to_ascii_lowercase();
        if names.iter().any(|other| **other == lower) || !events::has_required(text) {
            continue;
        }
        let renamed = json::rename(&named, &[json::Step::Member((**name).into())], &lower);
        if let Some(renamed) = renamed.map_err(|error| Error::rejected(error.to_string()))? {
            named = renamed.into();
        }
    }
    Ok(named)
}

pub(super) fn payload(payload: &Bytes, depth: u32, show: Show<'_>) -> Result<Read, Error> {
    if !is_container(payload) || depth > DEEPEST {
        return Ok(Read::Unknown);
    }
    match super::cloudevents(&lower_cased(payload)?, show)? {
        Read::Unknown => {}
        read => return Ok(read),
    }
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return Ok(Read::Unknown);
    }
    let members = Members::read(payload)?;
    if let Some(message) = members.message.filter(|message| message.first() == Some(&b'{')) {
        return pubsub::push(message, members.subscription, depth, show);
    }
    let context = members.context.filter(|context| context.first() == Some(&b'{'));
    if members.data.is_some() && (context.is_some() || members.event_type.is_some()) {
        return legacy::event(&members, context, payload, show).map(|()| Read::Events);
    }
    Ok(Read::Unknown)
}
