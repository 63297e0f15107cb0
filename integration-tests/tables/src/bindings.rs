//! Suite `bindings`: events in the messages of protocols.

pub(super) mod http;
mod webhook;

use super::Run;

pub(super) fn runner(file: &str, _title: &str) -> Option<Run> {
    let run: Run = match file {
        "http.json" => |_, case| http::by_op(case),
        "header-values.json" => |_, case| http::header_value(case),
        "webhook.json" => |_, case| webhook::by_op(case),
        _ => return None,
    };
    Some(run)
}
