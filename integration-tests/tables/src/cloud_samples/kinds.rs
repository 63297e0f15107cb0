//! Samples by their kind: each is read as what the manifest says it is.

use hybridge_core::{Applied, Header, Message};
use hybridge_schemas::cloudevents::attribute;
use hybridge_schemas::rfc3339;
use serde_json::{Value as Json, json};

use super::{attributes, data, events, one, parsed, read, to_cloudevents};
use crate::step::{self, headers};
use crate::{Difference, Table, Verdict, check, event, same};

pub(super) fn sample(table: &Table, case: &Json) -> Verdict {
    let file = case["file"].as_str().ok_or("no file")?;
    let text = table.read(file)?;
    let sample = parsed(&text)?;
    let count = |read: &[Message]| match case["records"].as_u64() {
        Some(records) => same(&records.into(), &read.len().into()),
        None => check(!read.is_empty(), || "no events".into()),
    };
    match case["kind"].as_str().unwrap_or_default() {
        "s3-notification" => {
            let read = read("aws", text)?;
            count(&read)?;
            for (event, name) in read.iter().zip(case["event_type"].as_array().ok_or("no types")?) {
                let want = format!("com.amazonaws.s3.{}", name.as_str().unwrap_or_default());
                event::attribute(event, "type", &want.into())?;
            }
            Ok(())
        }
        "sns-records" | "sqs-records" => {
            let read = read("aws", text)?;
            count(&read)?;
            nested(&read, &case["nested"])
        }
        "kinesis-records" | "dynamodb-stream" => count(&read("aws", text)?),
        "kafka-records" | "rabbitmq-records" => {
            let records =
                if sample["records"].is_object() { "records" } else { "rmqMessagesByQueue" };
            let arrays = sample[records].as_object().into_iter().flatten();
            let wanted: usize =
                arrays.map(|(_, records)| records.as_array().map_or(0, Vec::len)).sum();
            same(&wanted.into(), &read("aws", text)?.len().into())
        }
        "cloudwatch-logs" => same(&sample, &data(&one("aws", text)?)?),
        "eventbridge" => {
            let event = one("aws", text)?;
            let (source, detail) = (&sample["source"], &sample["detail-type"]);
            let want = format!("{} / {}", text_of(source), text_of(detail));
            same(&case["event_type"], &want.into())?;
            let want = format!("{}.{}", text_of(source), text_of(detail));
            event::attribute(&event, "type", &want.into())?;
            same(&sample["detail"], &data(&event)?)
        }
        "s3-test-event" => nothing("aws", text),
        "sns-http-request" => sns_request(&sample),
        "eventgrid" => {
            let read = read("azure", text)?;
            let elements = sample.as_array().cloned().unwrap_or_else(|| vec![sample]);
            same(&elements.len().into(), &read.len().into())?;
            for (event, element) in read.iter().zip(&elements) {
                event::attribute(event, "type", &element["eventType"])?;
                event::attribute(event, "source", &element["topic"])?;
                if element.get("data").is_some() {
                    same(&element["data"], &data(event)?)?;
                }
            }
            Ok(())
        }
        "cloudevents" => cloudevents(file, text, &sample),
        "custom-schema" => check(read("azure", text).is_err(), || "mapped".into()),
        "eventgrid-namespace-receive" => {
            let read = read("azure", text)?;
            let wanted = sample["value"].as_array().ok_or("no value")?;
            same(&wanted.len().into(), &read.len().into())?;
            for (event, wanted) in read.iter().zip(wanted) {
                event::attribute(event, "id", &wanted["event"]["id"])?;
                same(&wanted["event"]["data"], &data(event)?)?;
            }
            Ok(())
        }
        "gcf-legacy" => legacy(text, &sample),
        "gcp-event-data" => bare_data(text, &sample),
        // A description of data, not an event: nothing may be made of it.
        "json-schema" => check(read("gcp", text).is_err(), || "mapped".into()),
        other => Err(format!("nothing reads the kind {other:?}").into()),
    }
}

fn text_of(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

/// Envelopes within messages are opened; what is text stays a message.
fn nested(read: &[Message], nested: &Json) -> Verdict {
    for (event, nested) in read.iter().zip(nested.as_array().into_iter().flatten()) {
        let kind = event.attributes.text("type").unwrap_or_default();
        let innermost = nested.as_str().unwrap_or_default().rsplit('>').next().unwrap_or_default();
        let want = match innermost {
            "s3-notification" => "com.amazonaws.s3.",
            // Its type begins with its source, which may be anything.
            "eventbridge" => "",
            "text" | "json" | "?" => "dev.hybridge.message.published.v1",
            other => return Err(format!("nothing knows what {other:?} is").into()),
        };
        check(kind.starts_with(want), || format!("{kind} is not {want}"))?;
    }
    Ok(())
}

fn nothing(from: &str, text: Vec<u8>) -> Verdict {
    match step::apply(to_cloudevents(from), step::message(text, Vec::new())) {
        Applied::Filtered(_) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn sns_request(sample: &Json) -> Verdict {
    let body = text_of(&sample["body"]);
    let message = step::message(body.into(), headers(&sample["headers"]));
    let read = events(step::apply(to_cloudevents("aws"), message))?;
    same(&1.into(), &read.len().into())?;
    let wanted = parsed(body.as_bytes())?;
    event::attribute(&read[0], "id", &wanted["MessageId"])?;
    event::attribute(&read[0], "source", &wanted["TopicArn"])?;
    event::attribute(&read[0], "time", &wanted["Timestamp"])?;
    if wanted["Type"] == "Notification" {
        let found =
            String::from_utf8_lossy(read[0].payload.as_deref().unwrap_or_default()).into_owned();
        return same(&wanted["Message"], &found.into());
    }
    same(&wanted, &data(&read[0])?)
}

fn cloudevents(file: &str, text: Vec<u8>, sample: &Json) -> Verdict {
    let from = if file.starts_with("gcp") { "gcp" } else { "azure" };
    let read = read(from, text)?;
    let elements = sample.as_array().cloned().unwrap_or_else(|| vec![sample.clone()]);
    same(&elements.len().into(), &read.len().into())?;
    for (event, element) in read.iter().zip(&elements) {
        let wanted = element.as_object().cloned().ok_or("no event")?;
        let is_free = |name: &str| !wanted.contains_key(name);
        // Some published samples have names that no attribute can have; they are read as if in lower case.
        let lower = |(name, value): (&String, &Json)| {
            let lower = name.to_ascii_lowercase();
            let is_read = from == "gcp" && is_free(&lower);
            (if is_read { lower } else { name.clone() }, value.clone())
        };
        let mut wanted: serde_json::Map<String, Json> = wanted.iter().map(lower).collect();
        wanted.retain(|name, value| {
            let is_data = ["data", "data_base64", "specVersion"].contains(&name.as_str());
            !(is_data || name == "subject" && value == "")
        });
        attributes(event, &wanted.into(), &Json::Null)?;
        if element["data"].is_object() {
            same(&element["data"], &data(event)?)?;
        }
    }
    Ok(())
}

/// Events of the Realtime Database cannot be read without their domain.
fn legacy(text: Vec<u8>, sample: &Json) -> Verdict {
    let kind = sample["context"]["eventType"].as_str().or(sample["eventType"].as_str());
    let is_database = kind.unwrap_or_default().starts_with("providers/google.firebase.database/");
    let has_domain = sample["domain"].is_string() || sample["context"]["domain"].is_string();
    let read = one("gcp", text);
    if is_database && !has_domain {
        return check(read.is_err(), || "read without a domain".into());
    }
    let event = read?;
    let id = sample["context"].get("eventId").unwrap_or(&sample["eventId"]);
    event::attribute(&event, "id", id)
}

/// Data without an event around them: with one, they go through unchanged.
fn bare_data(text: Vec<u8>, sample: &Json) -> Verdict {
    check(read("gcp", text.clone()).is_err() || sample.get("message").is_some(), || {
        "data without an event were mapped".into()
    })?;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut message = step::message(text, Vec::<Header>::new());
    let kind = if sample.get("bucket").is_some() {
        "google.cloud.storage.object.v1.finalized"
    } else if sample.get("message").is_some() {
        "google.cloud.pubsub.topic.v1.messagePublished"
    } else {
        "google.cloud.example.v1.sample"
    };
    let source = match sample["bucket"].as_str() {
        Some(bucket) => format!("//storage.googleapis.com/projects/_/buckets/{bucket}"),
        None => "//pubsub.googleapis.com/projects/p/topics/t".to_owned(),
    };
    let subject = sample["name"].as_str().map(|name| header("subject", &format!("objects/{name}")));
    let pairs = [
        header("specversion", "1.0"),
        header("id", "1"),
        header("source", &source),
        header("type", kind),
        header("datacontenttype", "application/json"),
    ];
    let pairs = pairs.into_iter().chain(subject);
    message.attributes = pairs
        .map(|(name, value)| {
            (attribute::name(&name), attribute::typed(&name, value.as_str().into()))
        })
        .collect();
    let as_is = events(step::apply(to_cloudevents("gcp"), message.clone()))?;
    same(&1.into(), &as_is.len().into())?;
    same(sample, &data(&as_is[0])?)?;
    let common =
        json!({ "translate": { "from": "gcp", "to": "cloudevents", "data": "canonical" } });
    let common = events(step::apply(common, message))?;
    fields(sample, &common[0])
}

/// What the common form says of an object or a message.
fn fields(sample: &Json, common: &Message) -> Result<(), Difference> {
    if let Some(bucket) = sample.get("bucket") {
        event::attribute(common, "type", &"dev.hybridge.storage.object.created.v1".into())?;
        let data = data(common)?;
        same(bucket, &data["container"])?;
        same(&sample["name"], &data["key"])?;
        same(&sample["contentType"], &data["content_type"])?;
    }
    if let Some(message) = sample.get("message") {
        event::attribute(common, "type", &"dev.hybridge.message.published.v1".into())?;
        let published = message["publishTime"].as_str().and_then(rfc3339::millis);
        let is_read = published.is_some() || message.get("publishTime").is_none();
        check(is_read, || "a message without a time".into())?;
    }
    Ok(())
}
