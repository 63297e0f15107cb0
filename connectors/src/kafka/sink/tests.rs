//! What a real cluster does not do when it is asked to: it is a cluster of the client library's own.

use hybridge_config::connector::kafka::ConnectionConfig;
use hybridge_core::Sink as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

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

/// The sink of this cluster, in a route that keeps the order of keys.
fn sink(cluster: &MockCluster<'_, DefaultProducerContext>) -> Sink {
    let connection: ConnectionConfig = serde_json::from_value(serde_json::json!({
        "brokers": [cluster.bootstrap_servers()],
    }))
    .unwrap();
    let mut config: SinkConfig =
        serde_json::from_value(serde_json::json!({ "connection": "here", "topic": "out" }))
            .unwrap();
    config.endpoint = Some(Arc::new(connection));
    Sink::new(&config, Ordering::Key).unwrap()
}

/// What a send that was dropped has handed over is taken back: it would be written when the cluster is there again.
#[tokio::test]
async fn a_send_that_is_dropped_leaves_nothing_with_the_client() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 3, 1).unwrap();
    let sink = sink(&cluster);
    for written in sink.send(&batch(50)).await {
        written.unwrap();
    }
    cluster.broker_down(1).unwrap();
    let all = batch(50);
    let dropped = tokio::time::timeout(Duration::from_millis(300), sink.send(&all)).await;
    assert!(dropped.is_err(), "nobody confirms it");
    let producer = sink.producer().unwrap();
    assert_eq!(producer.held(), 50);
    let empty = async {
        while producer.held() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), empty).await.unwrap();
}

/// A client that has given up keeps nothing: what it held comes back to be sent again, and the next client writes it.
#[tokio::test]
async fn f018_a_client_that_has_given_up_is_made_anew_and_nothing_is_refused() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 3, 1).unwrap();
    let sink = sink(&cluster);
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
