//! Suite `cloudevents-format`: events as JSON, Avro and Protobuf, and media types.

mod json;

use super::{Run, bindings};

pub(super) fn runner(file: &str, _title: &str) -> Option<Run> {
    let run: Run = match file {
        "json-spec.json" => |_, case| json::by_op(case),
        "json-conformance.json" => |table, case| json::golden(case, &json::golden_events(table)?),
        "json-sdk-java.json" => |_, case| json::written_again(case),
        "media-types.json" => |_, case| bindings::http::media_type(case),
        _ => return None,
    };
    Some(run)
}
