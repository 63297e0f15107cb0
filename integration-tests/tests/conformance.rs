//! Every connector against its real peer, as source and as sink.

use anyhow::Result;
use hybridge_integration_tests::conformance::{
    self, Role, access, amqp, file, http, jetstream, kafka, log,
};

#[tokio::test(flavor = "multi_thread")]
async fn log_as_source() -> Result<()> {
    conformance::run(&mut log::LogPeer::new()?, Role::Source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn log_as_sink() -> Result<()> {
    conformance::run(&mut log::LogPeer::new()?, Role::Sink).await
}

#[tokio::test(flavor = "multi_thread")]
async fn http_as_source() -> Result<()> {
    conformance::run(&mut http::HttpPeer::new()?, Role::Source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn http_as_sink() -> Result<()> {
    conformance::run(&mut http::HttpPeer::new()?, Role::Sink).await
}

#[tokio::test(flavor = "multi_thread")]
async fn file_as_source() -> Result<()> {
    conformance::run(&mut file::FilePeer::new()?, Role::Source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn file_as_sink() -> Result<()> {
    conformance::run(&mut file::FilePeer::new()?, Role::Sink).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_as_source() -> Result<()> {
    conformance::run(&mut kafka::KafkaPeer::start().await?, Role::Source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_as_sink() -> Result<()> {
    conformance::run(&mut kafka::KafkaPeer::start().await?, Role::Sink).await
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_as_source() -> Result<()> {
    conformance::run(&mut amqp::AmqpPeer::start().await?, Role::Source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_as_sink() -> Result<()> {
    conformance::run(&mut amqp::AmqpPeer::start().await?, Role::Sink).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_as_source() -> Result<()> {
    conformance::run(&mut jetstream::JetStreamPeer::start().await?, Role::Source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_as_sink() -> Result<()> {
    conformance::run(&mut jetstream::JetStreamPeer::start().await?, Role::Sink).await
}

#[test]
fn the_documentation_says_how_sources_are_settled() -> Result<()> {
    conformance::settling()
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_access() -> Result<()> {
    let certificates = access::Certificates::new()?;
    access::run(&mut access::kafka::Encrypted::start(&certificates).await?, &certificates).await
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_access() -> Result<()> {
    let certificates = access::Certificates::new()?;
    access::run(&mut access::amqp::Encrypted::start(&certificates).await?, &certificates).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_access() -> Result<()> {
    let certificates = access::Certificates::new()?;
    access::run(&mut access::nats::Encrypted::start(&certificates).await?, &certificates).await
}
