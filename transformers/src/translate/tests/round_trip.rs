//! A -> CloudEvent -> B -> CloudEvent -> A gives A again, but for what the list of losses names.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use hybridge_core::{Message, Transformer};
use hybridge_schemas::cloudevents::json;
use serde_json::Value as Json;

use super::samples::SAMPLES;
use super::{all, apply, data, one, plain, step};

const CLOUDS: [&str; 3] = ["aws", "azure", "gcp"];

/// What each cloud needs to be written.
fn options(to: &str) -> &'static str {
    match to {
        "aws" => ", aws: { account: \"999999999999\", region: xx-test-1 }",
        "azure" => {
            ", azure: { source: /subscriptions/x/resourceGroups/x/providers/Microsoft.Storage/storageAccounts/other }"
        }
        "gcp" => ", gcp: { project: other }",
        _ => "",
    }
}

fn make(from: &str, to: &str) -> Rc<dyn Transformer> {
    let more = "returning: pass, incomplete: pass, overwritten: pass";
    step(&format!("{{ from: {from}, to: {to}, {more}{} }}", options(to)))
}

fn common(from: &str) -> Rc<dyn Transformer> {
    step(&format!("{{ from: {from}, to: cloudevents, data: canonical, returning: pass }}"))
}

/// Every event of a payload in the CloudEvents form of its cloud.
fn events(from: &str, payload: &str) -> Vec<Message> {
    let native = make(from, "cloudevents");
    match apply(&*native, plain(payload)) {
        hybridge_core::Applied::Failed(_) | hybridge_core::Applied::Filtered(_) => Vec::new(),
        applied => all(applied),
    }
}

/// What an event says, by path; texts of JSON numbers and keys in another spelling stay apart.
fn said(event: &Message) -> BTreeMap<String, Json> {
    let text = json::encode(event).expect("an event");
    let event: Json = serde_json::from_slice(&text).expect("JSON");
    let mut said = BTreeMap::new();
    flatten("", &event, &mut said);
    said.retain(|path, _| !path.starts_with("hybridge") && path != "specversion");
    said
}

fn flatten(path: &str, value: &Json, said: &mut BTreeMap<String, Json>) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, said);
            }
        }
        _ => {
            said.insert(path.to_owned(), value.clone());
        }
    }
}

/// The paths that the list names, each with its sign.
fn losses(event: &Message) -> Vec<(char, String)> {
    let mark = event.attributes.text("hybridgeloss").map(str::to_owned);
    let mark = mark.or_else(|| {
        let payload = event.payload.as_deref().unwrap_or_default();
        let payload: Json = serde_json::from_slice(payload).unwrap_or_default();
        let element = if payload.is_array() { &payload[0] } else { &payload };
        let places = [&element["detail"], &element["data"], &element["Records"][0]];
        let mark = places.iter().find_map(|place| place["hybridge"]["loss"].as_str());
        mark.map(str::to_owned)
    });
    let items = mark.unwrap_or_default();
    let items = items.split(',').filter(|item| !item.is_empty());
    items.map(|item| (item.chars().next().unwrap(), item[1..].to_owned())).collect()
}

/// Whether a list names a path of a CloudEvent: those of EventBridge call the data `detail`.
fn is_named(path: &str, losses: &[(char, String)]) -> bool {
    losses.iter().any(|(_, named)| {
        let named = named.replacen("detail.", "data.", 1);
        let bare = format!("data.{named}");
        let extension = named.strip_prefix("ext.").unwrap_or(&named);
        if path.strip_prefix("header ") == named.strip_prefix("headers.")
            && path.starts_with("header ")
        {
            return true;
        }
        let within = |whole: &str| path == whole || path.starts_with(&format!("{whole}."));
        // The subject of a notification is its key, the type has the name of the event in it.
        let is_alias = [("subject", "s3.object.key"), ("type", "eventName")];
        is_alias.contains(&(path, &*named)) || within(&named) || within(&bare) || within(extension)
    })
}

/// Places in events of objects of what both clouds have: they may never be named as lost.
const SHARED: &[(&str, &str, &[&str])] = &[
    (
        "aws",
        "azure",
        &[
            "bucket.name",
            "object.key",
            "object.size",
            "object.etag",
            "object.sequencer",
            "request-id",
            "reason",
            "requester",
        ],
    ),
    ("aws", "gcp", &["bucket.name", "object.key", "object.size", "object.etag"]),
    (
        "azure",
        "aws",
        &["subject", "contentLength", "sequencer", "requestId", "api", "type", "id", "time"],
    ),
    ("azure", "gcp", &["subject", "contentLength", "contentType", "accessTier", "id", "time"]),
    (
        "gcp",
        "aws",
        &["subject", "bucket", "name", "size", "etag", "generation", "source", "id", "time"],
    ),
    (
        "gcp",
        "azure",
        &[
            "subject",
            "bucket",
            "name",
            "size",
            "etag",
            "contentType",
            "storageClass",
            "generation",
            "id",
            "time",
        ],
    ),
];

fn check_shared(from: &str, to: &str, event: &Message) {
    let lost = losses(event);
    let shared = SHARED.iter().find(|(a, b, _)| *a == from && *b == to).expect("a row").2;
    for (sign, path) in &lost {
        let bare = path.trim_start_matches("detail.").trim_start_matches("data.");
        assert!(
            *sign == '+' || !(shared.contains(&bare) && *sign == '-'),
            "{from} -> {to}: {path} is on both sides, but lost"
        );
    }
}

/// The event after it went to the other cloud and came back, by way of the common form each time.
fn there_and_back(from: &str, to: &str, event: &Message) -> Option<(Message, Message)> {
    let middle = one(&*common(from), event.clone());
    let mut there = all(apply(&*make("cloudevents", to), middle.clone()));
    let direct = all(apply(&*make(from, to), event.clone()));
    assert_eq!(there.len(), direct.len(), "{from} -> {to}");
    // A rename becomes two events, which nothing can put together again.
    if there.len() != 1 {
        assert!(losses(&there[0]).contains(&('~', "type".into())));
        return None;
    }
    let there = there.remove(0);
    let is_same = !carried_marks(&direct[0]) || said_of_any(&there) == said_of_any(&direct[0]);
    assert!(
        is_same,
        "{from} -> {to}: by the common form\n{:?}\nand without\n{:?}",
        said_of_any(&there),
        said_of_any(&direct[0])
    );
    let back = one(&*way_back(to, from, event), direct[0].clone());
    // What came back may be in an envelope: as a CloudEvent it can be compared.
    let is_message = event.attributes.text("type") == Some("dev.hybridge.message.published.v1");
    let read = if is_message { common(from) } else { make(from, "cloudevents") };
    let back = one(&*read, back);
    Some((direct[0].clone(), back))
}

/// The step that writes the form that the event had.
fn way_back(from: &str, to: &str, event: &Message) -> Rc<dyn Transformer> {
    let kind = event.attributes.text("type").unwrap_or_default();
    let options = match kind.starts_with("com.amazonaws.s3.") && to == "aws" {
        true => options(to).replace(" }", ", format: s3_notification }"),
        false => options(to).to_owned(),
    };
    let more = "returning: pass, incomplete: pass, overwritten: pass";
    step(&format!("{{ from: {from}, to: {to}, {more}{options} }}"))
}

/// What a message says, in whatever form, without the marks.
fn said_of_any(message: &Message) -> BTreeMap<String, Json> {
    let mut said = BTreeMap::new();
    if message.is_event() {
        said = self::said(message);
    } else {
        flatten("", &data(message), &mut said);
        said.retain(|path, _| !path.contains("hybridge"));
    }
    for header in message.headers.iter() {
        let value = String::from_utf8_lossy(&header.value.unwrap_or_default()).into_owned();
        said.insert(format!("header {}", header.name), value.into());
    }
    said
}

fn check(from: &str, to: &str, event: &Message) {
    let Some((there, back)) = there_and_back(from, to, event) else { return };
    let kind = event.attributes.text("type").unwrap_or_default();
    let stores =
        ["aws.s3.Object", "com.amazonaws.s3", "Microsoft.Storage.Blob", "google.cloud.storage"];
    if stores.iter().any(|store| kind.starts_with(store)) {
        check_shared(from, to, &there);
    }
    no_copy(event, &there);
    let named = losses(&there);
    let (before, after) = (said_of_any(event), said_of_any(&back));
    for (path, value) in &before {
        let mark = format!("{path}.hybridge");
        let is_marked = *value == Json::Object(serde_json::Map::new())
            && after.keys().any(|path| path.starts_with(&mark));
        if is_named(path, &named) || is_marked {
            continue;
        }
        assert_eq!(
            after.get(path),
            Some(value),
            "{from} -> {to} -> {from}: {path}, named: {named:?}"
        );
    }
    for path in after.keys().filter(|path| !before.contains_key(*path)) {
        let is_empty = after[path] == Json::Object(serde_json::Map::new());
        assert!(
            is_empty
                || is_named(path, &named)
                || DERIVED.contains(&&**path)
                || path.starts_with("data.hybridge"),
            "{from} -> {to} -> {from}: {path} came along"
        );
    }
}

/// What is written where it may not have been, because it follows from the rest.
const DERIVED: [&str; 23] = [
    "data.object.sequencer",
    "awsresources",
    "data.version",
    "data.bucket",
    "data.name",
    "data.kind",
    "data.id",
    "data.url",
    "data.eventName",
    "data.s3.bucket.arn",
    "data.message.messageId",
    "data.message.publishTime",
    "data.deletion-type",
    "data.resourceUri",
    "data.resourceProvider",
    "data.status",
    "data.eventTime",
    "data.eventSource",
    "data.awsRegion",
    "data.ObjectType",
    "data.protoPayload.serviceName",
    "data.protoPayload.resourceName",
    "subject",
];

/// The event between may not have the original in it: of a family, none of its objects is there.
fn no_copy(event: &Message, there: &Message) {
    let is_whole = losses(there).is_empty() && !there.attributes.contains("hybridgeid");
    let original = event.payload.as_deref().unwrap_or_default();
    let carried = there.payload.as_deref().unwrap_or_default();
    let is_body = event.attributes.text("type") == Some("dev.hybridge.message.published.v1");
    if is_whole || is_body || original.len() < 60 {
        return;
    }
    let found = carried.windows(original.len()).any(|window| window == original);
    let is_wrapped = !carried_marks(there);
    assert!(!found || is_wrapped, "a copy of the original is in the event between");
}

/// Whether the event between is one of a family: it has the id of the original in its mark.
fn carried_marks(there: &Message) -> bool {
    there.attributes.contains("hybridgeid") || {
        let payload = there.payload.as_deref().unwrap_or_default();
        let payload: Json = serde_json::from_slice(payload).unwrap_or_default();
        payload["detail"]["hybridge"]["id"].is_string()
    }
}

#[test]
fn our_samples_come_back() {
    for (from, payload) in SAMPLES {
        let events = events(from, payload);
        assert_eq!(events.len(), 1, "{payload}");
        for to in CLOUDS.iter().filter(|to| *to != from) {
            check(from, to, &events[0]);
        }
    }
}

/// Events with any names, sizes and fields, some of them not there.
mod generated {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn name() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9 _+%&=/.ü-]{1,20}[a-z]"
    }

    fn object(
        fields: &'static [&'static str],
    ) -> impl Strategy<Value = serde_json::Map<String, Json>> {
        let value = |_: &&str| prop::option::of("[a-zA-Z0-9:/ü,.-]{1,12}");
        let values: Vec<_> = fields.iter().map(value).collect();
        values.prop_map(move |values| {
            let present = fields.iter().zip(values);
            present.filter_map(|(name, value)| Some(((*name).to_owned(), value?.into()))).collect()
        })
    }

    fn of_aws() -> impl Strategy<Value = String> {
        let details = &["request-id", "requester", "source-ip-address", "deletion-type", "own"];
        let details = object(details);
        let inner = object(&["etag", "version-id", "sequencer"]);
        (name(), any::<u32>(), details, inner, any::<bool>()).prop_map(|(key, size, mut detail, mut object, is_new)| {
            object.insert("key".into(), key.into());
            if is_new {
                object.insert("size".into(), size.into());
                detail.remove("deletion-type");
            }
            detail.insert("version".into(), "0".into());
            detail.insert("bucket".into(), json!({ "name": "shop" }));
            detail.insert("object".into(), object.into());
            let kind = if is_new { "Object Created" } else { "Object Deleted" };
            json!({ "version": "0", "id": "1", "detail-type": kind, "source": "aws.s3", "account": "111122223333",
                "time": "2021-11-12T00:00:00Z", "region": "eu-west-1", "resources": ["arn:aws:s3:::shop"], "detail": detail })
            .to_string()
        })
    }

    fn of_azure() -> impl Strategy<Value = String> {
        let fields = &[
            "clientRequestId",
            "requestId",
            "eTag",
            "contentType",
            "sequencer",
            "identity",
            "own",
        ];
        (name(), any::<u32>(), object(fields)).prop_map(|(key, size, mut data)| {
            data.insert("contentLength".into(), size.into());
            json!([{ "topic": "/s/storageAccounts/acct", "eventType": "Microsoft.Storage.BlobCreated", "id": "1",
                "subject": format!("/blobServices/default/containers/shop/blobs/{key}"),
                "eventTime": "2017-06-26T18:41:00.9584103Z", "data": data, "dataVersion": "", "metadataVersion": "1" }])
            .to_string()
        })
    }

    fn of_gcp() -> impl Strategy<Value = String> {
        let fields = &["etag", "md5Hash", "contentType", "contentEncoding", "updated", "own"];
        (name(), any::<u32>(), 1_u64.., object(fields)).prop_map(|(key, size, generation, mut data)| {
            data.insert("size".into(), size.to_string().into());
            data.insert("generation".into(), generation.to_string().into());
            data.insert("bucket".into(), "shop".into());
            data.insert("name".into(), key.clone().into());
            json!({ "specversion": "1.0", "id": "1", "type": "google.cloud.storage.object.v1.finalized",
                "source": "//storage.googleapis.com/projects/_/buckets/shop", "subject": format!("objects/{key}"),
                "time": "2020-09-29T11:32:00.123456Z", "datacontenttype": "application/json", "data": data })
            .to_string()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn generated_events_come_back(aws in of_aws(), azure in of_azure(), gcp in of_gcp()) {
            for (from, payload) in [("aws", aws), ("azure", azure), ("gcp", gcp)] {
                let events = events(from, &payload);
                prop_assert_eq!(events.len(), 1);
                for to in CLOUDS.iter().filter(|to| **to != from) {
                    check(from, to, &events[0]);
                }
            }
        }
    }
}

/// The published samples, where their folder is named.
#[test]
fn published_samples_come_back() {
    let Some(folder) = std::env::var_os("HYBRIDGE_CONFORMANCE") else { return };
    let folder = Path::new(&folder).join("cloud-samples");
    let manifest = std::fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Json = serde_json::from_slice(&manifest).expect("JSON");
    let mut checked = 0;
    for entry in manifest["files"].as_array().expect("files") {
        let file = entry["file"].as_str().expect("a file");
        let payload = std::fs::read_to_string(folder.join(file)).expect("a sample");
        let from = file.split('/').next().expect("a cloud");
        for event in events(from, &payload) {
            for to in CLOUDS.iter().filter(|to| **to != from) {
                check(from, to, &event);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "only {checked}");
}
