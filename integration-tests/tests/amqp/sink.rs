//! What a sink makes of the answers of a broker.

use anyhow::Result;
use bytes::Bytes;
use hybridge_core::{ErrorKind, Header, Message, Sink};
use hybridge_integration_tests::broker::rabbitmq::{Options, RabbitMq};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, ExchangeKind};
use std::time::Duration;

use crate::rabbit::{self, Client};
use hybridge_integration_tests::parts::{Parts, message};

const SECOND: Duration = Duration::from_secs(1);

fn parts(node: &RabbitMq) -> Result<Parts> {
    Parts::new(format!("{{ amqp: {{ uri: \"{}\" }} }}", rabbit::uri(node)))
}

fn make(parts: &Parts, options: &str, ordering: &str) -> Result<Box<dyn Sink>> {
    parts.sink(&format!("{{ amqp: {{ connection: here, {options} }} }}"), ordering)
}

async fn exchange(client: &Client, name: &str, binding: &str) -> Result<()> {
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let none = FieldTable::default;
    client.channel.exchange_declare(name.into(), ExchangeKind::Topic, options, none()).await?;
    client.queue(name, &[]).await?;
    let options = QueueBindOptions::default();
    client.channel.queue_bind(name.into(), name.into(), binding.into(), options, none()).await?;
    Ok(())
}

/// The client library hands returned messages to the wrong confirmations: of a batch, exactly those that no queue took failed.
#[tokio::test(flavor = "multi_thread")]
async fn f038_what_no_queue_takes_is_not_confirmed() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    exchange(&client, "f038", "good.#").await?;
    let parts = parts(&node)?;
    let sink = make(&parts, "exchange: f038", "none")?;
    let good = |index: u32| !index.is_multiple_of(7);
    let key = |index| if good(index) { format!("good.{index}") } else { format!("bad.{index}") };
    let batch: Vec<Message> =
        (0..1_500).map(|index| message(&key(index), index.to_string())).collect();
    let results = sink.send(&batch).await;
    for (index, result) in (0..).zip(&results) {
        assert_eq!(result.is_ok(), good(index), "{index}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Transient);
            let text = error.to_string();
            assert!(text.contains("`f038`") && text.contains(&key(index)), "{text}");
        }
    }
    let taken = client.take("f038", batch.len(), SECOND).await?;
    assert_eq!(taken.len(), results.iter().filter(|result| result.is_ok()).count());
    // Bound, the rest is taken.
    let options = QueueBindOptions::default();
    let none = FieldTable::default();
    client.channel.queue_bind("f038".into(), "f038".into(), "bad.#".into(), options, none).await?;
    let rest: Vec<Message> = (0..1_500)
        .filter(|index| !good(*index))
        .map(|index| message(&key(index), index.to_string()))
        .collect();
    assert!(sink.send(&rest).await.iter().all(Result::is_ok));
    sink.close().await;
    Ok(())
}

/// In an ordered route nothing passes a message of its key that was refused.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes_a_refused_message_of_its_key() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    let full = [
        ("x-max-length", AMQPValue::LongLongInt(3)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    client.queue("full", &full).await?;
    client.queue("empty", &[]).await?;
    let parts = parts(&node)?;
    let sink = make(&parts, "exchange: \"\"", "key")?;
    let batch: Vec<Message> = (0..20)
        .map(|index| message(if index % 2 == 0 { "full" } else { "empty" }, index.to_string()))
        .collect();
    let results = sink.send(&batch).await;
    let of = |key: usize| -> Vec<bool> {
        results.iter().skip(key).step_by(2).map(Result::is_ok).collect()
    };
    assert_eq!(of(1), [true; 10]);
    assert!(of(0).is_sorted_by(|one, other| one >= other), "a prefix: {:?}", of(0));
    assert!(!of(0)[9], "the queue takes about three");
    let kinds: Vec<ErrorKind> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .map(|error| error.kind())
        .collect();
    assert_eq!(kinds[0], ErrorKind::Transient);
    assert!(kinds[1..].iter().all(|kind| *kind == ErrorKind::Held), "{kinds:?}");
    sink.close().await;
    Ok(())
}

/// A property that would make the broker refuse, expire or reroute a message is not copied, and where it is allowed, what the
/// broker refuses is one message.
#[tokio::test(flavor = "multi_thread")]
async fn f046_properties_are_copied_by_a_list() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    client.queue("f046", &[]).await?;
    client.queue("f046.copy", &[]).await?;
    let header = |name: &str, value: &'static str| Header {
        name: name.into(),
        value: Some(Bytes::from_static(value.as_bytes())),
    };
    let mut foreign = message("f046", "1");
    foreign.headers = [
        header("amqp-user-id", "somebody"),
        header("amqp-expiration", "1"),
        header("CC", "f046.copy"),
        header("x-death", "[]"),
        header("amqp-correlation-id", "c-1"),
        header("amqp-reply-to", "answers"),
        header("amqp-type", "order"),
        header("amqp-priority", "7"),
        header("content-type", "text/plain"),
        header("colour", "red"),
    ]
    .into_iter()
    .collect();
    let parts = parts(&node)?;
    let sink = make(&parts, "exchange: \"\"", "none")?;
    assert!(sink.send(std::slice::from_ref(&foreign)).await[0].is_ok());
    tokio::time::sleep(SECOND / 10).await;
    let taken = client.take("f046", 1, SECOND).await?;
    let properties: &BasicProperties = &taken[0].properties;
    assert!(properties.user_id().is_none() && properties.expiration().is_none());
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    assert_eq!(text(properties.correlation_id()).as_deref(), Some("c-1"));
    assert_eq!(text(properties.reply_to()).as_deref(), Some("answers"));
    assert_eq!(text(properties.kind()).as_deref(), Some("order"));
    assert_eq!(text(properties.content_type()).as_deref(), Some("text/plain"));
    assert_eq!(properties.priority(), &Some(7));
    assert_eq!(properties.delivery_mode(), &Some(2));
    let names: Vec<String> = properties
        .headers()
        .iter()
        .flat_map(|table| table.inner().keys().map(ToString::to_string))
        .collect();
    assert_eq!(names, ["colour"]);
    assert_eq!(client.ready("f046.copy").await?, 0);

    let allowing = make(&parts, "exchange: \"\", allow: [user_id]", "none")?;
    let batch = [message("f046", "2"), foreign, message("f046", "3")];
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let results = allowing.send(&batch).await;
        kinds =
            results.iter().map(|result| result.as_ref().err().map(|error| error.kind())).collect();
        if kinds[1] == Some(ErrorKind::Rejected) {
            break;
        }
        assert!(kinds.iter().flatten().all(|kind| *kind == ErrorKind::Transient), "{kinds:?}");
    }
    assert_eq!(kinds, [None, Some(ErrorKind::Rejected), None]);
    Ok(())
}

/// Headers that no frame can hold are a fault of their message, found out before the broker ends the connection for it.
#[tokio::test(flavor = "multi_thread")]
async fn f047_headers_over_a_frame_are_one_messages_fault() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    client.queue("f047", &[]).await?;
    let parts = parts(&node)?;
    let sink = make(&parts, "exchange: \"\"", "none")?;
    let sized = |bytes: usize| {
        let mut message = message("f047", bytes.to_string());
        message.headers.push("large".into(), Some(vec![b'x'; bytes].into()));
        message
    };
    let mut nested = message("f047", "nested");
    nested.headers.push("list".into(), Some(format!("[1{}]", ",1".repeat(30_000)).into()));
    nested.headers.push("amqp-header-types".into(), Some("array list".into()));
    let mut long_name = message("f047", "name");
    long_name.headers.push("n".repeat(256).as_str().into(), None);
    let batch =
        [sized(10), sized(200_000), nested, long_name, sized(130_000), sized(131_000), sized(20)];
    let results = sink.send(&batch).await;
    let kinds: Vec<Option<ErrorKind>> =
        results.iter().map(|result| result.as_ref().err().map(|error| error.kind())).collect();
    let rejected = Some(ErrorKind::Rejected);
    assert_eq!(kinds, [None, rejected, rejected, rejected, None, rejected, None], "{results:?}");
    assert_eq!(client.take("f047", 3, SECOND).await?.len(), 3);
    Ok(())
}

/// A body that is over the limit of the sink, or only over the broker's, is a fault of its message alone.
#[tokio::test(flavor = "multi_thread")]
async fn f048_a_body_over_the_limit_is_one_messages_fault() -> Result<()> {
    let config = "max_message_size = 65536\n".to_owned();
    let node = RabbitMq::with(Options { config, ..Options::default() }).await?;
    let client = Client::new(&node).await?;
    client.queue("f048", &[]).await?;
    let parts = parts(&node)?;
    let sink = make(&parts, "exchange: \"\", max_message: 1MiB", "none")?;
    let sized = |bytes: usize| message("f048", vec![b'x'; bytes]);
    let batch = [sized(1), sized((1 << 20) + 1), sized(2), sized(70_000), sized(3)];
    let mut pending: Vec<usize> = (0..batch.len()).collect();
    let mut rejected = Vec::new();
    for _ in 0..6 {
        let some: Vec<Message> = pending.iter().map(|index| batch[*index].clone()).collect();
        let results = sink.send(&some).await;
        let mut again = Vec::new();
        for (index, result) in pending.iter().zip(results) {
            match result {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Rejected => rejected.push(*index),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
                    again.push(*index);
                }
            }
        }
        pending = again;
        if pending.is_empty() {
            break;
        }
    }
    rejected.sort_unstable();
    assert_eq!((pending, rejected), (vec![], vec![1, 3]));
    let taken = client.take("f048", 3, SECOND).await?;
    let mut sizes: Vec<usize> = taken.iter().map(|delivery| delivery.data.len()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!(sizes, [1, 2, 3]);
    Ok(())
}
