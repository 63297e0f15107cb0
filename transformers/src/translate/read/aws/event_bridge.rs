//! Events of EventBridge.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Error;
use hybridge_schemas::cloudevents::json as events;
use hybridge_schemas::json;

use super::super::{Show, malformed, structured, text};
use crate::translate::aws::{OTHERS, Origin, RESOURCES, VERSION};
use crate::translate::event::{Data, Event};

/// The members of the envelope, as they are written.
#[derive(Default)]
pub(super) struct Parts<'a> {
    version: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    detail_type: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    account: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    region: Option<&'a [u8]>,
    resources: Option<&'a [u8]>,
    detail: Option<&'a [u8]>,
    others: Vec<(Cow<'a, str>, &'a [u8])>,
}

/// The parts of an envelope; none where it is none.
pub(super) fn read(payload: &[u8]) -> Result<Option<Parts<'_>>, Error> {
    let mut parts = Parts::default();
    for member in json::members(payload) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        let place = match &*name {
            "version" => &mut parts.version,
            "id" => &mut parts.id,
            "detail-type" => &mut parts.detail_type,
            "source" => &mut parts.source,
            "account" => &mut parts.account,
            "time" => &mut parts.time,
            "region" => &mut parts.region,
            "resources" => &mut parts.resources,
            "detail" => &mut parts.detail,
            _ => {
                parts.others.push((name, raw));
                continue;
            }
        };
        *place = Some(raw);
    }
    let is_one = parts.detail_type.is_some() && parts.detail.is_some() && parts.source.is_some();
    Ok(is_one.then_some(parts))
}

/// Shows the event; one that was wrapped for want of a family is taken out again.
pub(super) fn event<'p>(parts: Parts<'p>, whole: &Bytes, show: Show<'_>) -> Result<(), Error> {
    let needed =
        |raw: Option<&'p [u8]>, name: &str| match raw.and_then(|raw| json::unescape(raw).ok()) {
            Some(text) if raw.is_some_and(|raw| raw.first() == Some(&b'"')) && !text.is_empty() => {
                Ok(text)
            }
            _ => Err(Error::rejected(format!("the event has no {name}"))),
        };
    let source = needed(parts.source, "source")?;
    let detail = parts.detail.unwrap_or(b"{}");
    if source.starts_with("hybridge.")
        && detail.first() == Some(&b'{')
        && events::has_required(detail)
    {
        return structured(&whole.slice_ref(detail), show);
    }
    let kind = needed(parts.detail_type, "detail-type")?;
    let (account, region) = (text(parts.account), text(parts.region));
    let origin = Origin {
        region: region.as_deref().unwrap_or_default(),
        account: account.as_deref().unwrap_or_default(),
        source: Cow::Borrowed(&*source),
    };
    let mut event = Event {
        id: text(parts.id)
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Error::rejected("the event has no id"))?,
        source: Cow::Owned(origin.to_source()),
        kind: Cow::Owned(format!("{source}.{kind}")),
        time: text(parts.time),
        content_type: Some(Cow::Borrowed("application/json")),
        data: Data::Slice(detail, whole),
        ..Event::default()
    };
    let raw_text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
    // None is what is written where nothing says any.
    let resources = parts.resources.map(compact).filter(|resources| resources != "[]");
    if let Some(resources) = resources {
        event.set_extension(RESOURCES, &resources);
    }
    if let Some(version) = parts.version.filter(|version| *version != b"\"0\"") {
        event.set_extension(VERSION, &raw_text(version));
    }
    if !parts.others.is_empty() {
        let mut others = vec![b'{'];
        for (name, raw) in &parts.others {
            if others.len() > 1 {
                others.push(b',');
            }
            json::write_string(&mut others, name);
            others.push(b':');
            others.extend_from_slice(compact(raw).as_bytes());
        }
        others.push(b'}');
        event.set_extension(OTHERS, &raw_text(&others));
    }
    show(event)
}

/// JSON without white space between its parts: attributes have no line ends.
fn compact(raw: &[u8]) -> Cow<'_, str> {
    if !raw.iter().any(u8::is_ascii_whitespace) {
        return String::from_utf8_lossy(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut is_text = false;
    let mut is_escaped = false;
    for byte in raw {
        if !is_text && byte.is_ascii_whitespace() {
            continue;
        }
        if *byte == b'"' && !is_escaped {
            is_text = !is_text;
        }
        is_escaped = is_text && *byte == b'\\' && !is_escaped;
        out.push(*byte);
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
