//! Steps of a route as a table runs them: made of a routing-rule file, applied to one message.

use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::{Applied, Header, Message, Transformer};
use hybridge_schemas::cloudevents::{Mode, attribute};
use hybridge_transformers::{Claims, NoClaims};
use serde_json::{Value as Json, json};

use crate::Verdict;

/// A step as it stands in the file.
pub(crate) fn make(step: &Json) -> Result<Box<dyn Transformer>, String> {
    let file = json!({
        "hybridge": "v1",
        "routes": { "r": {
            "from": { "stdio": {} }, "to": { "stdio": {} }, "transform": [step],
        } },
    });
    let mut name = std::env::temp_dir();
    name.push(format!("hybridge-{}-{:?}.yaml", std::process::id(), std::thread::current().id()));
    std::fs::write(&name, file.to_string()).map_err(|error| error.to_string())?;
    let loaded = hybridge_config::load(&[name.clone()], &|_| None);
    std::fs::remove_file(&name).ok();
    let config = loaded.map_err(|problems| problems.to_string())?.config;
    let steps = config.routes.values().flat_map(|route| &route.transform);
    let claims: Arc<dyn Claims> = Arc::new(NoClaims);
    steps
        .map(|step| hybridge_transformers::build(step, &claims))
        .next()
        .ok_or_else(|| "no step".into())
}

/// What the step makes of one message.
pub(crate) fn apply(step: Json, message: Message) -> Applied {
    let step = make(&step).unwrap_or_else(|error| panic!("{error}"));
    apply_made(&*step, message)
}

/// The same with a step that was made before.
pub(crate) fn apply_made(step: &dyn Transformer, message: Message) -> Applied {
    let future = std::pin::pin!(step.apply(vec![message]));
    match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(mut applied) => applied.remove(0),
        std::task::Poll::Pending => panic!("a step without input and output yields"),
    }
}

/// A plain message.
pub(crate) fn message(payload: Vec<u8>, headers: Vec<Header>) -> Message {
    let payload = Some(Bytes::from(payload));
    Message { payload, headers: headers.into_iter().collect(), ..Message::default() }
}

/// Headers as tables write them: pairs, or an object.
pub(crate) fn headers(written: &Json) -> Vec<Header> {
    let header = |name: &str, value: &Json| Header {
        name: name.into(),
        value: value.as_str().map(|value| Bytes::copy_from_slice(value.as_bytes())),
    };
    match written {
        Json::Array(pairs) => {
            pairs.iter().map(|pair| header(pair[0].as_str().unwrap(), &pair[1])).collect()
        }
        Json::Object(members) => members.iter().map(|(name, value)| header(name, value)).collect(),
        _ => Vec::new(),
    }
}

/// Whether the message is an event as the specification has it.
pub(crate) fn is_sound(event: &Message) -> Verdict {
    attribute::check_all(&event.attributes, Mode::Lenient).map_err(|error| error.to_string().into())
}
