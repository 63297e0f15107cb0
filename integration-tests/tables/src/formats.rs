//! Suite `cloudevents-format`: events as JSON, Avro and Protobuf, and media types.

mod avro;
mod json;
mod protobuf;

use super::{Run, bindings, named};

/// The tables by file name and by a part of the title.
const TABLES: [(&str, &str, Run); 7] = [
    ("avro-vectors.json", "Avro", |_, case| avro::vector(case)),
    ("json-spec.json", "JSON event format rules", |_, case| json::by_op(case)),
    ("json-conformance.json", "JSON format conformance", |table, case| {
        json::golden(case, &json::golden_events(table)?)
    }),
    ("json-sdk-java.json", "Java SDK", |_, case| json::written_again(case)),
    ("media-types.json", "media type", |_, case| bindings::http::media_type(case)),
    ("protobuf-conformance.json", "Protobuf format conformance", |table, case| {
        protobuf::golden(case, &json::golden_events(table)?)
    }),
    ("protobuf-vectors.json", "Protobuf event format", |_, case| protobuf::vector(case)),
];

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    named(&TABLES, file, title)
}
