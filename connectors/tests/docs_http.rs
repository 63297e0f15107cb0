//! Every file shown in `docs/connectors/http.md` loads, and its connectors are made.

#![cfg(feature = "http")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::Path;

use hybridge_config::{SinkConfig, SourceConfig};
use hybridge_connectors::http::Sink;

#[test]
fn what_the_page_shows_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connectors/http.md");
    let page = std::fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut sources, mut sinks) = (0, 0);
    for block in page.split("\n```yaml\n").skip(1) {
        let text = block.split("\n```").next().unwrap();
        let file = folder.path().join("routes.yaml");
        std::fs::write(&file, text).unwrap();
        let loaded = hybridge_config::load(&[file], &|_| Some("secret".to_owned()));
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}\n{text}")).config;
        for (name, route) in &config.routes {
            sources += usize::from(matches!(route.from, SourceConfig::Http(_)));
            for (target, to) in &route.targets {
                let Some(SinkConfig::Http(sink)) = to.to.sinks().first() else { continue };
                Sink::new(sink, name, target, route.ordering()).unwrap();
                sinks += 1;
            }
        }
    }
    assert_eq!((sources, sinks), (2, 1));
}
