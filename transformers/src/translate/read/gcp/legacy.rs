//! Events of the first Cloud Functions as CloudEvents.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Error;
use hybridge_schemas::json::{self, Step};

use super::super::{Show, malformed, text};
use super::Members;
use crate::translate::event::{Data, Event};

/// The types, old and new.
const TYPES: [(&str, &str); 18] = [
    ("google.pubsub.topic.publish", "google.cloud.pubsub.topic.v1.messagePublished"),
    (
        "providers/cloud.pubsub/eventTypes/topic.publish",
        "google.cloud.pubsub.topic.v1.messagePublished",
    ),
    ("google.storage.object.finalize", "google.cloud.storage.object.v1.finalized"),
    ("google.storage.object.delete", "google.cloud.storage.object.v1.deleted"),
    ("google.storage.object.archive", "google.cloud.storage.object.v1.archived"),
    ("google.storage.object.metadataUpdate", "google.cloud.storage.object.v1.metadataUpdated"),
    (
        "providers/cloud.firestore/eventTypes/document.write",
        "google.cloud.firestore.document.v1.written",
    ),
    (
        "providers/cloud.firestore/eventTypes/document.create",
        "google.cloud.firestore.document.v1.created",
    ),
    (
        "providers/cloud.firestore/eventTypes/document.update",
        "google.cloud.firestore.document.v1.updated",
    ),
    (
        "providers/cloud.firestore/eventTypes/document.delete",
        "google.cloud.firestore.document.v1.deleted",
    ),
    ("providers/firebase.auth/eventTypes/user.create", "google.firebase.auth.user.v1.created"),
    ("providers/firebase.auth/eventTypes/user.delete", "google.firebase.auth.user.v1.deleted"),
    (
        "providers/firebase.remoteConfig/remoteconfig.update",
        "google.firebase.remoteconfig.remoteConfig.v1.updated",
    ),
    (
        "providers/google.firebase.analytics/eventTypes/event.log",
        "google.firebase.analytics.log.v1.written",
    ),
    (
        "providers/google.firebase.database/eventTypes/ref.create",
        "google.firebase.database.ref.v1.created",
    ),
    (
        "providers/google.firebase.database/eventTypes/ref.write",
        "google.firebase.database.ref.v1.written",
    ),
    (
        "providers/google.firebase.database/eventTypes/ref.update",
        "google.firebase.database.ref.v1.updated",
    ),
    (
        "providers/google.firebase.database/eventTypes/ref.delete",
        "google.firebase.database.ref.v1.deleted",
    ),
];

/// The service of an event that does not say it, by what its type begins with.
const SERVICES: [(&str, &str); 6] = [
    ("providers/cloud.firestore/", "firestore.googleapis.com"),
    ("providers/google.firebase.analytics/", "firebaseanalytics.googleapis.com"),
    ("providers/firebase.auth/", "firebaseauth.googleapis.com"),
    ("providers/google.firebase.database/", "firebasedatabase.googleapis.com"),
    ("providers/cloud.pubsub/", "pubsub.googleapis.com"),
    ("providers/cloud.storage/", "storage.googleapis.com"),
];

/// What an event says about itself, wherever it says it.
struct Context<'a> {
    kind: Cow<'a, str>,
    id: Cow<'a, str>,
    time: Cow<'a, str>,
    service: Cow<'a, str>,
    resource: Cow<'a, str>,
    domain: Option<Cow<'a, str>>,
}

pub(super) fn event(
    members: &Members<'_>,
    context: Option<&[u8]>,
    whole: &Bytes,
    show: Show<'_>,
) -> Result<(), Error> {
    let inner = match context {
        Some(context) => Members::read(context)?,
        None => Members::default(),
    };
    let data = members.data.unwrap_or(b"null");
    let context = read(members, &inner)?;
    let new = TYPES.iter().find(|(old, _)| *old == context.kind);
    let Some((_, kind)) = new else {
        let name: String = context.kind.chars().take(100).collect();
        return Err(Error::rejected(format!("no rule for the event type {name:?}")));
    };
    let changed = data_of(&context, data)?;
    let (source, subject) = place(&context, data)?;
    let data = match &changed {
        Some(changed) => Data::Own(Bytes::copy_from_slice(changed)),
        None => Data::Slice(data, whole),
    };
    show(Event {
        id: context.id,
        source: Cow::Owned(format!("//{}/{source}", context.service)),
        kind: Cow::Borrowed(kind),
        subject: subject.map(Cow::Owned),
        time: Some(context.time),
        content_type: Some(Cow::Borrowed("application/json")),
        data,
        ..Event::default()
    })
}

fn read<'a>(outer: &Members<'a>, inner: &Members<'a>) -> Result<Context<'a>, Error> {
    let missing = |what: &str| Error::rejected(format!("the event has no {what}"));
    let first = |inner: Option<&'a [u8]>, outer: Option<&'a [u8]>, what: &str| {
        text(inner.or(outer)).filter(|text| !text.is_empty()).ok_or_else(|| missing(what))
    };
    let kind = first(inner.event_type, outer.event_type, "eventType")?;
    let (mut service, mut resource) = (None, None);
    match inner.resource.or(outer.resource) {
        Some(raw) if raw.first() == Some(&b'{') => {
            for member in json::members(raw) {
                let (name, raw) = member.map_err(|fault| malformed(&fault))?;
                match &*name {
                    "service" => service = text(Some(raw)),
                    "name" => resource = text(Some(raw)),
                    _ => {}
                }
            }
        }
        raw => resource = text(raw),
    }
    let by_type = || SERVICES.iter().find(|(prefix, _)| kind.starts_with(prefix));
    let service = service.or_else(|| by_type().map(|(_, service)| Cow::Borrowed(*service)));
    Ok(Context {
        id: first(inner.event_id, outer.event_id, "eventId")?,
        time: first(inner.timestamp, outer.timestamp, "timestamp")?,
        service: service.ok_or_else(|| missing("service, and its type does not say it"))?,
        resource: resource.ok_or_else(|| missing("resource"))?,
        domain: text(inner.domain.or(outer.domain)).filter(|domain| !domain.is_empty()),
        kind,
    })
}

/// What of the resource is the source, and what the subject.
fn place(context: &Context<'_>, data: &[u8]) -> Result<(String, Option<String>), Error> {
    let resource = &*context.resource;
    let strange = || Error::rejected(format!("the resource {resource:?} is none of its service"));
    let split = |at: &str| resource.split_once(at).ok_or_else(strange);
    match &*context.service {
        "storage.googleapis.com" => {
            let (bucket, object) = split("/objects/")?;
            let object = object.rsplit_once('#').map_or(object, |(name, generation)| {
                let is_one =
                    !generation.is_empty() && generation.bytes().all(|b| b.is_ascii_digit());
                if is_one { name } else { object }
            });
            Ok((bucket.to_owned(), Some(format!("objects/{object}"))))
        }
        "firestore.googleapis.com" => {
            let (database, document) = split("/documents/")?;
            Ok((database.to_owned(), Some(format!("documents/{document}"))))
        }
        "firebasedatabase.googleapis.com" => {
            let domain = context.domain.as_deref();
            let domain = domain.ok_or_else(|| Error::rejected("the event has no domain"))?;
            let location = match domain {
                "firebaseio.com" => "us-central1",
                _ => domain.split('.').next().unwrap_or_default(),
            };
            let (instance, path) = split("/refs/")?;
            let instance = instance.strip_prefix("projects/_/instances/").ok_or_else(strange)?;
            let source = format!("projects/_/locations/{location}/instances/{instance}");
            Ok((source, Some(format!("refs/{path}"))))
        }
        "firebaseanalytics.googleapis.com" => {
            let (project, event) = split("/events/")?;
            let path = ["userDim", "appInfo", "appId"].map(|name| Step::Member(name.into()));
            let app = text(json::get(data, &path).map_err(|fault| malformed(&fault))?);
            let app =
                app.ok_or_else(|| Error::rejected("the data have no userDim.appInfo.appId"))?;
            Ok((format!("{project}/apps/{app}"), Some(format!("events/{event}"))))
        }
        "firebaseauth.googleapis.com" => {
            let user = text(
                json::get(data, &[Step::Member("uid".into())])
                    .map_err(|fault| malformed(&fault))?,
            );
            Ok((resource.to_owned(), user.map(|user| format!("users/{user}"))))
        }
        _ => Ok((resource.to_owned(), None)),
    }
}

/// The data where they are other than in the old event.
fn data_of(context: &Context<'_>, data: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let refused = |error: json::EditError| Error::rejected(format!("the data: {error}"));
    let member = |name: &str| Step::Member(name.into());
    match &*context.service {
        "pubsub.googleapis.com" => {
            let mut message = data.to_vec();
            for (name, value) in [("messageId", &context.id), ("publishTime", &context.time)] {
                let mut quoted = Vec::with_capacity(value.len() + 2);
                json::write_string(&mut quoted, value);
                message = json::set(&message, &[member(name)], &quoted).map_err(refused)?;
            }
            Ok(Some([b"{\"message\":", &message[..], b"}"].concat()))
        }
        "firebaseauth.googleapis.com" => {
            let mut changed = data.to_vec();
            for (old, new) in [("createdAt", "createTime"), ("lastSignedInAt", "lastSignInTime")] {
                let path = [member("metadata"), member(old)];
                if let Some(renamed) = json::rename(&changed, &path, new).map_err(refused)? {
                    changed = renamed;
                }
            }
            Ok(Some(changed))
        }
        _ => Ok(None),
    }
}
