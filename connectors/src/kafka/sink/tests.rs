//! What a real cluster does not do when it is asked to: it is a cluster of the client library's own.

use hybridge_config::connector::kafka::ConnectionConfig;
use hybridge_core::Sink as _;
use rdkafka::mocking::MockCluster;

use super::*;
use crate::kafka::ffi;

fn batch(count: usize) -> Vec<Message> {
    let message = |number: usize| Message {
        key: Some(format!("k{}", number % 3).into_bytes().into()),
        payload: Some(number.to_string().into_bytes().into()),
        ..Message::default()
    };
    (0..count).map(message).collect()
}

/// A client that has given up keeps nothing: what it held comes back to be sent again, and the next client writes it.
#[tokio::test]
async fn f018_a_client_that_has_given_up_is_made_anew_and_nothing_is_refused() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 3, 1).unwrap();
    let connection: ConnectionConfig = serde_json::from_value(serde_json::json!({
        "brokers": [cluster.bootstrap_servers()],
    }))
    .unwrap();
    let mut config: SinkConfig =
        serde_json::from_value(serde_json::json!({ "connection": "here", "topic": "out" }))
            .unwrap();
    config.endpoint = Some(Arc::new(connection));
    let sink = Sink::new(&config, Ordering::Key).unwrap();
    for written in sink.send(&batch(50)).await {
        written.unwrap();
    }

    let producer = sink.producer().unwrap();
    ffi::give_up(producer.native());
    drop(producer);
    for refused in sink.send(&batch(50)).await {
        let error = refused.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::Rejected, "{error}");
    }
    sink.recover().await.unwrap();
    for written in sink.send(&batch(50)).await {
        written.unwrap();
    }
    sink.close().await;
}
