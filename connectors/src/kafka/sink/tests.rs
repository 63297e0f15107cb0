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

/// The sink of this cluster with more settings, in a route that keeps the order of keys.
fn sink(cluster: &MockCluster<'_, DefaultProducerContext>, settings: serde_json::Value) -> Sink {
    let connection: ConnectionConfig = serde_json::from_value(serde_json::json!({
        "brokers": [cluster.bootstrap_servers()],
    }))
    .unwrap();
    let mut config = serde_json::json!({ "connection": "here", "topic": "out" });
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let mut config: SinkConfig = serde_json::from_value(config).unwrap();
    config.endpoint = Some(Arc::new(connection));
    Sink::new(&config, Ordering::Key).unwrap()
}

/// The client counts a record until its report is dealt with.
async fn holds_nothing(sink: &Sink) {
    let producer = sink.producer().unwrap();
    let empty = async {
        while producer.held() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), empty).await.unwrap();
}

/// What a send that was dropped has handed over is taken back: it would be written when the cluster is there again.
#[tokio::test]
async fn a_send_that_is_dropped_leaves_nothing_with_the_client() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 3, 1).unwrap();
    let sink = sink(&cluster, serde_json::json!({}));
    for written in sink.send(&batch(50)).await {
        written.unwrap();
    }
    cluster.broker_down(1).unwrap();
    let all = batch(50);
    let dropped = tokio::time::timeout(Duration::from_millis(300), sink.send(&all)).await;
    assert!(dropped.is_err(), "nobody confirms it");
    assert_eq!(sink.producer().unwrap().held(), 50);
    holds_nothing(&sink).await;
}

/// The time of one send is up while another waits for room: the room is made at once, and both are told.
#[tokio::test]
async fn who_waits_for_room_does_not_keep_others_from_taking_back() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 3, 1).unwrap();
    let options = serde_json::json!({ "queue.buffering.max.messages": "20" });
    let sink = sink(&cluster, serde_json::json!({ "timeout": "6s", "options": options }));
    for written in sink.send(&batch(5)).await {
        written.unwrap();
    }
    cluster.broker_down(1).unwrap();
    let (first, second) = (batch(20), batch(20));
    let later = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let started = Instant::now();
        (sink.send(&second).await, started.elapsed())
    };
    let (first, (second, took)) = tokio::join!(sink.send(&first), later);
    assert!(first.iter().chain(&second).all(Result::is_err));
    assert_ne!(second[0].as_ref().unwrap_err().kind(), ErrorKind::Held, "{second:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    holds_nothing(&sink).await;
}

/// A client that has given up keeps nothing: what it held comes back to be sent again, and the next client writes it.
#[tokio::test]
async fn f018_a_client_that_has_given_up_is_made_anew_and_nothing_is_refused() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 3, 1).unwrap();
    let sink = sink(&cluster, serde_json::json!({}));
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
