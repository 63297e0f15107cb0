use bytes::Bytes;
use hybridge_connectors::log::{Options, TopicOptions};
use hybridge_core::Message;

use super::*;

fn message(key: &str, payload: &'static [u8]) -> Message {
    Message {
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        payload: Some(Bytes::from_static(payload)),
        ..Message::default()
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let defaults = TopicOptions { partitions: 3, ..TopicOptions::default() };
    let options = Options { defaults, ..Options::default() };
    let store = Store::open(folder.path(), options).unwrap();
    let topic = store.topic("t").await.unwrap();
    let messages: Vec<_> = (0..50).map(|key: u32| message(&key.to_string(), b"\xff")).collect();
    store.append(&topic, &messages).await;

    let mut ask = Ask { start: Start::Earliest, partition: None, max: 7, wait: Duration::ZERO };
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let next = page(&store, &topic, &ask).await.unwrap();
        assert!(next.records.len() <= 7);
        seen.extend(next.records.iter().map(|record| (record.partition, record.offset)));
        ask.start = Start::Cursor(next.next.parse().unwrap());
        if next.end {
            break;
        }
    }
    assert_eq!(seen.len(), 50);

    let ask = Ask { start: Start::Earliest, partition: Some(1), max: MOST, wait: Duration::ZERO };
    let one = page(&store, &topic, &ask).await.unwrap();
    assert!(one.records.iter().all(|record| record.partition == 1) && !one.records.is_empty());
    assert_eq!(one.next, format!("1:{}", one.records.len()));
    assert_eq!(
        serde_json::to_value(&one.records[0].payload).unwrap(),
        serde_json::json!({ "base64": "/w==" })
    );
    assert_eq!(list(&store)[0].partitions.iter().map(|stat| stat.records).sum::<u64>(), 50);
}

#[tokio::test]
async fn a_page_waits_for_its_first_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let topic = store.topic("t").await.unwrap();
    let wait = Duration::from_secs(30);
    let ask = Ask { start: Start::Latest, partition: None, max: 7, wait };
    let messages = [message("k", b"v")];
    let (page, _) = tokio::join!(page(&store, &topic, &ask), store.append(&topic, &messages));
    assert!(matches!(&page.unwrap().records[0].payload, Some(Bin::Text(text)) if text == "v"));
}
