//! Messages of queues and topics: SQS, SNS, Kinesis, Service Bus, Pub/Sub.
//!
//! The common form is the message itself: the body is the payload, attributes are headers. That is
//! also what a message of Service Bus is; Azure has no event that says that one was published. On
//! EventBridge, which takes objects only, body and attributes are members of the detail.

use super::super::table::Holds::{Base64, Derived, Loose, Text, Texts, Utf8};
use super::super::table::{Dialect, Family, Field, Form, Is, Kind, Row, kind, row};

pub(super) const FAMILY: Family = Family {
    name: "message",
    about: "Messages of queues and topics",
    fields: &FIELDS,
    dialects: &[
        Dialect {
            form: Form::EventBridge,
            service: "sqs",
            kinds: &EVENT_BRIDGE_KINDS,
            rows: &EVENT_BRIDGE,
        },
        Dialect { form: Form::Azure, service: "", kinds: &AZURE_KINDS, rows: &AZURE },
        Dialect { form: Form::Gcp, service: "", kinds: &GCP_KINDS, rows: &GCP },
    ],
};

const FIELDS: [Field; 7] = [
    Field { name: "body", is: Is::Bytes },
    Field { name: "attributes", is: Is::Texts },
    Field { name: "partitionkey", is: Is::Extension("ext.partitionkey") },
    Field { name: "topic", is: Is::Extension("ext.topic") },
    Field { name: "subject", is: Is::Subject },
    Field { name: "subscription", is: Is::Extension("ext.subscription") },
    Field { name: "messagetype", is: Is::Extension("ext.messagetype") },
];

const EVENT_BRIDGE_KINDS: [Kind; 1] = [kind("published", "Message Published")];

const EVENT_BRIDGE: [Row; 8] = [
    row("body", Utf8("body")),
    row("body-base64", Base64("body")),
    row("attributes", Texts("attributes")),
    row("message-group-id", Text("partitionkey")),
    row("topic", Text("topic")),
    row("message-subject", Text("subject")),
    row("subscription", Text("subscription")),
    row("message-type", Text("messagetype")),
];

const AZURE_KINDS: [Kind; 1] = [kind("published", "dev.hybridge.message.published.v1")];

const AZURE: [Row; 7] = [
    row("payload", Utf8("body")),
    row("headers", Texts("attributes")),
    row("ext.partitionkey", Text("partitionkey")),
    row("ext.topic", Text("topic")),
    row("subject", Text("subject")),
    row("ext.subscription", Text("subscription")),
    row("ext.messagetype", Text("messagetype")),
];

const GCP_KINDS: [Kind; 1] = [kind("published", "google.cloud.pubsub.topic.v1.messagePublished")];

const GCP: [Row; 8] = [
    row("source", Loose("//pubsub.googleapis.com/projects/{$project}/topics/{topic}")),
    row("subscription", Text("subscription")),
    row("message.@type", Text("messagetype")),
    row("message.data", Base64("body")),
    row("message.attributes", Texts("attributes")),
    row("message.messageId", Derived("{$id}")),
    row("message.publishTime", Derived("{$time}")),
    row("message.orderingKey", Text("partitionkey")),
];
