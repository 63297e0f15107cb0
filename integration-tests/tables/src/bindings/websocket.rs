//! Cases of the WebSocket binding.

use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::websocket::{self, Frame};
use serde_json::Value as Json;

use super::expect;
use crate::{Verdict, check, known};

const FORMATS: [Format; 3] = [Format::Json, Format::Avro, Format::Protobuf];

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("negotiate") => negotiate(case),
        Some("decode") => {
            known(
                case,
                &[&expect::DECODE[..], &["subprotocol", "frame", "payload_text", "payload_base64"]]
                    .concat(),
            )?;
            let format = format(case["subprotocol"].as_str().unwrap_or_default());
            let format = format.ok_or("an unknown subprotocol")?;
            let kind = if case["frame"] == "text" { Frame::Text } else { Frame::Binary };
            let payload =
                expect::bytes(case, ["payload_text", "payload_base64"]).unwrap_or_default();
            expect::decoded(case, |mode| websocket::decode(format, kind, &payload, mode).map(Some))
        }
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn format(name: &str) -> Option<Format> {
    FORMATS.into_iter().find(|format| websocket::subprotocol(*format) == name)
}

fn negotiate(case: &Json) -> Verdict {
    known(case, &["offered", "server_supports", "chosen", "frame"])?;
    let names =
        |list: &'static str| case[list].as_array().into_iter().flatten().filter_map(Json::as_str);
    let supported: Vec<Format> = names("server_supports").filter_map(format).collect();
    let chosen = websocket::negotiate(names("offered"), &supported);
    let name = chosen.map(websocket::subprotocol);
    check(case["chosen"].as_str() == name, || format!("{name:?}"))?;
    let frame = chosen.map(|format| match websocket::frame(format) {
        Frame::Text => "text",
        Frame::Binary => "binary",
    });
    check(case["frame"].as_str() == frame, || format!("{frame:?}"))
}
