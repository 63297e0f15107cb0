//! Every file shown in `docs/transformers.md` loads, and its steps make what is shown of what is
//! shown.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use hybridge_core::{Applied, Message, Transformer};
use hybridge_schemas::cloudevents::json;
use hybridge_transformers::{Claims, NoClaims};

/// The code blocks of a page with what stands after the three backticks.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (info, text) = block.split_once('\n').expect("a block has lines");
        blocks.push((info, text.trim_end()));
    }
    blocks
}

fn steps(file: &str) -> Vec<Box<dyn Transformer>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, file).unwrap();
    let loaded = hybridge_config::load(&[path], &|_| None);
    let routes = loaded.unwrap_or_else(|problems| panic!("{problems}\n{file}")).config.routes;
    let configs = routes.values().flat_map(|route| &route.transform);
    let claims: Arc<dyn Claims> = Arc::new(NoClaims);
    configs.map(|config| hybridge_transformers::build(config, &claims)).collect()
}

fn run(steps: &[Box<dyn Transformer>], payload: &str) -> Message {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let mut message = Message { payload: Some(payload), ..Message::default() };
    for step in steps {
        let mut applied = step.apply(vec![message]).now_or_never().expect("never yields");
        message = match applied.remove(0) {
            Applied::One(message) => message,
            Applied::Many(mut messages) if messages.len() == 1 => messages.remove(0),
            other => panic!("{}: {other:?}", step.name()),
        };
    }
    message
}

#[test]
fn what_the_page_shows_is_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/transformers.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (mut current, mut input, mut shown) = (Vec::new(), "", 0);
    for (info, text) in blocks(&page) {
        match info {
            "yaml" => current = steps(text),
            "json in" => input = text,
            "json out" => {
                let written = json::encode(&run(&current, input)).unwrap();
                assert_eq!(String::from_utf8(written).unwrap(), text);
                shown += 1;
            }
            other => panic!("a block of {other:?} is not checked"),
        }
    }
    assert_eq!(shown, 11);
}
