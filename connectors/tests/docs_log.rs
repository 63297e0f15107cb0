//! Every file shown in `docs/connectors/log.md` loads, and its connectors are made.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::Path;

use hybridge_config::{SinkConfig, SourceConfig};
use hybridge_connectors::log::{Options, Sink, Source, Store};

#[test]
fn what_the_page_shows_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connectors/log.md");
    let page = std::fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("log"), Options::default()).unwrap();
    let (mut sources, mut sinks) = (0, 0);
    for block in page.split("\n```yaml\n").skip(1) {
        let text = block.split("\n```").next().unwrap();
        let file = folder.path().join("routes.yaml");
        std::fs::write(&file, text).unwrap();
        let loaded = hybridge_config::load(&[file], &|_| None);
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}\n{text}")).config;
        for (name, route) in &config.routes {
            if let SourceConfig::Log(source) = &route.from {
                Source::new(source, name, 1, store.clone()).unwrap();
                sources += 1;
            }
            for to in route.targets.values() {
                let Some(SinkConfig::Log(sink)) = to.to.sinks().first() else { continue };
                Sink::new(sink, route.ordering(), store.clone()).unwrap();
                sinks += 1;
            }
        }
    }
    assert_eq!((sources, sinks), (1, 1));
}
