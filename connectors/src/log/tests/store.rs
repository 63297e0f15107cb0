//! The asynchronous face, on a real folder.

use tokio::task::JoinSet;

use super::*;
use crate::log::{Read, Reader, Store};

/// The next `count` records of a reader, as offset and payload.
async fn take(reader: &mut Reader, count: usize) -> Vec<(u64, Bytes)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        reader.wait().await;
        match reader.read(1 << 16).await.unwrap() {
            Read::Records(chunk) => {
                taken.extend(chunk.into_records(()).map(|r| (r.offset, r.message.payload.unwrap())))
            }
            other => panic!("{other:?}"),
        }
    }
    taken
}

#[tokio::test]
async fn what_many_append_at_once_is_read_by_who_waits_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), small()).unwrap();
    let topic = store.topic("t").await.unwrap();
    let mut reader = store.reader(&topic, 0, 0).unwrap();
    let reading = tokio::spawn(async move { take(&mut reader, 400).await });
    let mut appending = JoinSet::new();
    for writer in 0..4_u8 {
        let (store, topic) = (store.clone(), topic.clone());
        appending.spawn(async move {
            for number in 0..50_u8 {
                let batch = [message(&[writer, number, 0]), message(&[writer, number, 1])];
                for result in store.append(&topic, &batch).await {
                    result.unwrap();
                }
            }
        });
    }
    appending.join_all().await;
    let read = reading.await.unwrap();
    assert_eq!(
        read.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(),
        (0..400).collect::<Vec<_>>()
    );
    for writer in 0..4 {
        let own = read.iter().filter(|(_, payload)| payload[0] == writer);
        assert!(own.is_sorted_by_key(|(_, payload)| payload.clone()), "a writer's order is kept");
    }
    store.commit("g", &topic, &[(0, 123)]).await.unwrap();
    assert!(matches!(Store::open(folder.path(), small()), Err(OpenError::Locked(_))));
    assert!(matches!(Store::open_read_only(folder.path()), Err(OpenError::Locked(_))));
    let instance = store.instance_id();
    store.close();
    assert!(matches!(store.append(&topic, &[message(b"late")]).await[0], Err(WriteError::Closed)));

    let store = Store::open_read_only(folder.path()).unwrap();
    assert_eq!(store.instance_id(), instance);
    assert_eq!(store.topics(), ["t"]);
    let topic = store.find("t").unwrap();
    assert_eq!(store.cursor("g", &topic, 0), Some(123));
    let stat = store.stat(&topic);
    assert_eq!((stat.partitions[0].records, stat.partitions[0].groups[0].lag), (400, 277));
    let mut reader = store.reader(&topic, 0, 0).unwrap();
    assert_eq!(take(&mut reader, 400).await, read);
}

#[tokio::test]
async fn f077_a_record_over_the_limit_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options { max_record: 1000, ..small() }).unwrap();
    let topic = store.topic("t").await.unwrap();
    let batch = [message(b"a"), message(&[0; 1000]), message(b"b")];
    let results = store.append(&topic, &batch).await;
    assert_eq!(results[0].as_ref().unwrap().offset, 0);
    assert!(matches!(results[1], Err(WriteError::TooLarge { limit: 1000, .. })));
    assert_eq!(results[2].as_ref().unwrap().offset, 1);
}

#[tokio::test]
async fn keys_choose_partitions_and_start_times_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = small();
    options.defaults.partitions = 4;
    let store = Store::open(folder.path(), options).unwrap();
    let topic = store.topic("t").await.unwrap();
    let keyed = |n: u8| Message { key: Some(Bytes::from(vec![n])), ..message(&[n]) };
    let batch: Vec<_> = (0..100).map(keyed).collect();
    for (result, message) in store.append(&topic, &batch).await.into_iter().zip(&batch) {
        let key = message.key.as_ref().unwrap();
        assert_eq!(result.unwrap().partition, topic.partition_of(key));
    }
    let sizes: Vec<u64> = (0..4).map(|n| store.range(&topic, n).1).collect();
    assert!(sizes.iter().all(|size| *size > 5), "{sizes:?}");
    assert_eq!(store.offset_at_time(&topic, 0, 0).await.unwrap(), 0);
    assert_eq!(store.offset_at_time(&topic, 0, i64::MAX).await.unwrap(), sizes[0]);
    assert!(matches!(store.topic("../x").await, Err(WriteError::Name(_))));
}

#[tokio::test]
async fn a_dropped_read_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), small()).unwrap();
    let topic = store.topic("t").await.unwrap();
    let batch: Vec<_> = (0..100_u8).map(|n| message(&[n; 50])).collect();
    store.append(&topic, &batch).await;
    let mut reader = store.reader(&topic, 0, 0).unwrap();
    let mut offsets = Vec::new();
    while offsets.len() < 100 {
        let polled = futures_util::FutureExt::now_or_never(reader.read(300));
        match polled {
            Some(Ok(Read::Records(chunk))) => {
                offsets.extend(chunk.into_records(()).map(|r| r.offset))
            }
            Some(other) => panic!("{other:?}"),
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
}
