//! What it costs to translate one event, in CPU time of this thread.
//!
//! `cargo bench -p hybridge-transformers --bench translate`

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures, and ends where it cannot be run"
)]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use hybridge_core::{Applied, Message, Transformer};
use hybridge_transformers::NoClaims;

/// The allocator of the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Messages in one batch: as many as a route has in one.
const BATCH: usize = 512;

const S3: &str = r#"{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2021-11-12T00:00:00Z","region":"ca-central-1","resources":["arn:aws:s3:::shop"],"detail":{"version":"0","bucket":{"name":"shop"},"object":{"key":"KEY","size":5,"etag":"b1946ac92492d2347c6235b4d2611184","version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"617f08299329d189"},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","source-ip-address":"192.0.2.4","reason":"PutObject"}}"#;

fn step(text: &str) -> Box<dyn Transformer> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let file = format!(
        "hybridge: v1\nroutes:\n  r:\n    from: {{ stdio: {{}} }}\n    to: {{ stdio: {{}} }}\n    transform:\n      - translate: {text}\n"
    );
    std::fs::write(&path, file).unwrap();
    let loaded = hybridge_config::load(&[path], &|_| None);
    let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
    let claims = Arc::new(NoClaims) as Arc<dyn hybridge_transformers::Claims>;
    hybridge_transformers::build(&config.routes["r"].transform[0], &claims)
}

fn measure(name: &str, step: &dyn Transformer, payload: &str) {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let message = Message { payload: Some(payload.clone()), ..Message::default() };
    let mut best = f64::MAX;
    for _ in 0..40 {
        let batch: Vec<_> = (0..BATCH).map(|_| message.clone()).collect();
        let started = Instant::now();
        let applied = step.apply(batch).now_or_never().expect("never yields");
        let micros = started.elapsed().as_secs_f64() * 1e6 / BATCH as f64;
        assert!(applied.iter().all(|one| matches!(one, Applied::One(_))));
        best = best.min(micros);
    }
    println!("{name}: {best:.2} us for {} bytes", payload.len());
}

fn main() {
    let long = S3.replace("KEY", &"folder/".repeat(64));
    let azure = "azure: { source: /subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct }";
    let grid = azure.replace("acct }", "acct, format: event_grid }");
    measure("aws -> azure", &*step(&format!("{{ from: aws, to: azure, {azure} }}")), &long);
    measure("aws -> event grid", &*step(&format!("{{ from: aws, to: azure, {grid} }}")), &long);
    measure("aws -> gcp", &*step("{ from: aws, to: gcp, gcp: { project: p } }"), &long);
    measure("aws -> cloudevents", &*step("{ from: aws, to: cloudevents }"), &long);
}
