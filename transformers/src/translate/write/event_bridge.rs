//! The envelope of EventBridge.

use hybridge_core::{Error, Message};
use hybridge_schemas::cloudevents::attribute;
use hybridge_schemas::{json, rfc3339};

use super::{holds_object, marked, member, plain, structured};
use crate::translate::aws::{OTHERS, Origin, RESOURCES, VERSION};
use crate::translate::event::Event;
use crate::translate::hub::cloud_of;
use crate::translate::options::Options;

/// An event of EventBridge as what it was; any other in the detail of one whose detail type is its
/// type.
pub(super) fn write(
    mut event: Event<'_>,
    message: &Message,
    options: &Options,
) -> Result<Message, Error> {
    let source = event.source.to_string();
    let own = Origin::of(&source).and_then(|origin| {
        let detail_type = origin.detail_type(&event.kind)?.to_owned();
        Some((origin, detail_type))
    });
    let mut payload = Vec::with_capacity(1024);
    if let (Some((origin, detail_type)), true) = (own, holds_object(&event)) {
        let text = |name: &str, event: &mut Event<'_>| {
            event.take_extension(name).map(|value| attribute::canonical(&value).into_owned())
        };
        let resources = text(RESOURCES, &mut event).filter(|text| json::is_valid(text.as_bytes()));
        let version = text(VERSION, &mut event).filter(|text| json::is_valid(text.as_bytes()));
        let others = text(OTHERS, &mut event);
        let envelope = Envelope {
            version: version.as_deref().unwrap_or("\"0\""),
            detail_type: &detail_type,
            source: &origin.source,
            account: origin.account,
            region: origin.region,
            resources: resources.as_deref().unwrap_or("[]"),
        };
        envelope.begin(&mut payload, &event, message);
        marked(&mut payload, event.data.bytes().unwrap_or(b"{}"), &event, |_| false);
        payload.push(b'}');
        if let Some(others) = others.as_deref().and_then(|others| others.strip_prefix('{')) {
            payload.pop();
            payload.push(b',');
            payload.extend_from_slice(others.as_bytes());
        }
        return Ok(plain(payload, &event, message));
    }
    let origin = event.marks.origin.as_deref().or(cloud_of(&event));
    let origin = origin.unwrap_or(options.own_name()).to_owned();
    let envelope = Envelope {
        version: "\"0\"",
        detail_type: &event.kind,
        source: &format!("hybridge.{origin}"),
        account: options.account().unwrap_or_default(),
        region: options.region().unwrap_or_default(),
        resources: "[]",
    };
    envelope.begin(&mut payload, &event, message);
    let shell =
        Event { time: event.time.clone(), headers: event.headers.clone(), ..Event::default() };
    payload.extend_from_slice(&structured(event, message)?);
    payload.push(b'}');
    Ok(plain(payload, &shell, message))
}

struct Envelope<'e> {
    version: &'e str,
    detail_type: &'e str,
    source: &'e str,
    account: &'e str,
    region: &'e str,
    resources: &'e str,
}

impl Envelope<'_> {
    /// Everything up to the detail.
    fn begin(&self, out: &mut Vec<u8>, event: &Event<'_>, message: &Message) {
        let own_time = || message.time.and_then(rfc3339::format);
        let time = event.time.as_deref().map(str::to_owned).or_else(own_time);
        out.extend_from_slice(b"{\"version\":");
        out.extend_from_slice(self.version.as_bytes());
        member(out, "id", &event.id);
        member(out, "detail-type", self.detail_type);
        member(out, "source", self.source);
        member(out, "account", self.account);
        if let Some(time) = &time {
            member(out, "time", time);
        }
        member(out, "region", self.region);
        out.extend_from_slice(b",\"resources\":");
        out.extend_from_slice(self.resources.as_bytes());
        out.extend_from_slice(b",\"detail\":");
    }
}
