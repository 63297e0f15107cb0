//! Source and sink, as a route uses them.

use std::time::Duration;

use hybridge_config::connector::log as config;
use hybridge_config::{ByteSize, Ordering};
use hybridge_core::{
    Assignment, Budget, Delivery, ErrorKind, Event, Origin, Outcome, Place, Pool, Receipt,
    Sink as _, Source as _, Tag,
};

use super::*;
use crate::log::{Sink, Source, Store};

fn source_config(topic: &str) -> config::SourceConfig {
    config::SourceConfig {
        topic: topic.to_owned(),
        group: None,
        start: config::Start::Earliest,
        max_message: ByteSize::from_mib(1),
    }
}

fn sink_config(topic: &str) -> config::SinkConfig {
    let max_message = ByteSize::from_bytes(1000);
    config::SinkConfig { topic: topic.parse().unwrap(), key: None, max_message }
}

async fn connected(
    store: &Store,
    config: &config::SourceConfig,
    cap: usize,
) -> (Source, Vec<Assignment>) {
    let mut source = Source::new(config, "route", cap, store.clone()).unwrap();
    source.connect(Budget::unlimited()).await.unwrap();
    let Event::Assigned(assignments) = source.next().await.unwrap() else { panic!("not assigned") };
    (source, assignments)
}

async fn deliveries(source: &mut Source, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        match source.next().await.unwrap() {
            Event::Deliveries(deliveries) => all.extend(deliveries),
            other => panic!("{other:?}"),
        }
    }
    all
}

async fn quiet(source: &mut Source) {
    let waited = tokio::time::timeout(Duration::from_millis(20), source.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

async fn flushed(source: &mut Source) {
    source.flush();
    assert!(matches!(source.next().await.unwrap(), Event::Flushed));
}

fn delivered(deliveries: &[Delivery]) -> Vec<(Tag, Outcome)> {
    deliveries.iter().map(|delivery| (delivery.tag, Outcome::Delivered)).collect()
}

fn offsets(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.message.origin.offset).collect()
}

async fn filled(folder: &tempfile::TempDir, partitions: u32, count: u8) -> (Store, Topic) {
    let mut options = small();
    options.defaults.partitions = partitions;
    let store = Store::open(folder.path(), options).unwrap();
    let topic = store.topic("t").await.unwrap();
    let batch: Vec<_> = (0..count)
        .map(|n| Message { key: Some(Bytes::from(vec![n % 16])), ..message(&[n]) })
        .collect();
    store.append(&topic, &batch).await;
    (store, topic)
}

#[tokio::test]
async fn the_cursor_never_passes_what_is_not_settled() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 1, 10).await;
    let (mut source, _) = connected(&store, &source_config("t"), 100).await;
    let first = deliveries(&mut source, 10).await;
    let mut settled = delivered(&first);
    settled[4].1 = Outcome::Abandoned;
    source.settle(&settled);
    flushed(&mut source).await;
    assert_eq!(store.cursor("route", &topic, 0), Some(4));
    source.close().await;
    let (mut source, _) = connected(&store, &source_config("t"), 100).await;
    assert_eq!(offsets(&deliveries(&mut source, 6).await), [4, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn settled_positions_become_cursors_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 1, 5).await;
    let (mut source, _) = connected(&store, &source_config("t"), 100).await;
    let all = deliveries(&mut source, 5).await;
    source.settle(&delivered(&all));
    let committed = async {
        loop {
            let _ = tokio::time::timeout(Duration::from_millis(5), source.next()).await;
            if store.cursor("route", &topic, 0) == Some(5) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), committed).await.unwrap();
}

#[tokio::test]
async fn a_partition_at_its_cap_stops_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 2, 100).await;
    let (mut source, assignments) = connected(&store, &source_config("t"), 10).await;
    assert_eq!(assignments.len(), 2);
    let first = deliveries(&mut source, 100).await;
    let again: Vec<_> = (0..100_u8)
        .map(|n| Message { key: Some(Bytes::from(vec![n % 16])), ..message(&[n]) })
        .collect();
    store.append(&topic, &again).await;
    quiet(&mut source).await;
    let (stuck, free): (Vec<_>, Vec<_>) =
        first.into_iter().partition(|delivery| delivery.message.origin.place.partition == 0);
    assert!(stuck.len() >= 10 && free.len() >= 10);
    source.settle(&delivered(&free));
    let more = deliveries(&mut source, free.len()).await;
    assert!(more.iter().all(|delivery| delivery.message.origin.place.partition == 1));
    quiet(&mut source).await;
}

#[tokio::test]
async fn no_more_is_read_ahead_than_a_batch_or_two() {
    // 2 MiB of small messages; of large ones 64.
    for (kib, least, most) in [(8, 256, 320), (128, 64, 66)] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let topic = store.topic("t").await.unwrap();
        store.append(&topic, &vec![message(&vec![0; kib << 10]); 4 * least]).await;
        let (mut source, _) = connected(&store, &source_config("t"), 10_000).await;
        for _ in 0..3 {
            let reading = deliveries(&mut source, least);
            let out = tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
            assert!(out.len() <= most, "{} of {kib} KiB are out", out.len());
            quiet(&mut source).await;
            source.settle(&delivered(&out));
        }
    }
}

#[tokio::test]
async fn a_next_that_is_dropped_at_every_poll_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 2, 200).await;
    let (mut source, _) = connected(&store, &source_config("t"), 1000).await;
    let mut seen = 0;
    let mut settled = Vec::new();
    for _ in 0..10_000 {
        match futures_util::FutureExt::now_or_never(source.next()) {
            Some(Ok(Event::Deliveries(all))) => {
                seen += all.len();
                settled.extend(delivered(&all));
            }
            Some(other) => panic!("{other:?}"),
            None => {
                source.settle(&std::mem::take(&mut settled));
                tokio::task::yield_now().await;
            }
        }
        if seen == 200 {
            break;
        }
    }
    assert_eq!(seen, 200);
    source.settle(&settled);
    flushed(&mut source).await;
    let ends: Vec<_> = (0..2).map(|n| Some(store.range(&topic, n).1)).collect();
    assert_eq!((0..2).map(|n| store.cursor("route", &topic, n)).collect::<Vec<_>>(), ends);
}

#[tokio::test]
async fn no_bytes_are_read_without_budget_and_memory_is_charged_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 1, 0).await;
    let batch: Vec<_> = (0..50).map(|_| message(&[1; 900])).collect();
    store.append(&topic, &batch).await;
    let pool = Pool::new(0);
    let budget = pool.route(8192, 8192);
    let mut source = Source::new(&source_config("t"), "route", 1000, store.clone()).unwrap();
    source.connect(budget.clone()).await.unwrap();
    source.next().await.unwrap();
    // A slow machine may take a pause of the reader for the end, and then has read less.
    let mut all = deliveries(&mut source, 1).await;
    while let Ok(event) = tokio::time::timeout(Duration::from_millis(50), source.next()).await {
        let Event::Deliveries(more) = event.unwrap() else { panic!("no deliveries") };
        all.extend(more);
    }
    assert!(!all.is_empty() && all.len() < 50, "{}", all.len());
    let kept: Vec<_> = all.iter().map(|delivery| delivery.message.payload.clone()).collect();
    let settled = delivered(&all);
    drop(all);
    assert!(budget.held() > 900 * kept.len() as u64, "a payload that lives is charged");
    drop(kept);
    source.settle(&settled);
    assert!(!deliveries(&mut source, 1).await.is_empty());
}

#[tokio::test]
async fn f009_a_gap_is_counted_and_passed() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = small();
    options.defaults.retention.bytes = Some(1 << 10);
    options.retention_interval = Duration::ZERO;
    let store = Store::open(folder.path(), options).unwrap();
    let topic = store.topic("t").await.unwrap();
    store.commit("route", &topic, &[(0, 0)]).await.unwrap();
    for _ in 0..50 {
        store.append(&topic, &[message(&[1; 300])]).await;
    }
    store.flush().await.unwrap();
    let (earliest, next) = store.range(&topic, 0);
    assert!(earliest > 0);
    let (mut source, _) = connected(&store, &source_config("t"), 1000).await;
    let all = deliveries(&mut source, (next - earliest) as usize).await;
    assert_eq!(offsets(&all), (earliest..next).collect::<Vec<_>>());
    flushed(&mut source).await;
    assert_eq!(store.cursor("route", &topic, 0), Some(earliest), "the gap is behind the cursor");
}

#[tokio::test]
async fn groups_begin_where_they_are_told_and_remember_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 1, 10).await;
    let begin = async |group: &str, start| {
        let config =
            config::SourceConfig { group: Some(group.into()), start, ..source_config("t") };
        let (mut source, _) = connected(&store, &config, 100).await;
        source.close().await;
        store.cursor(group, &topic, 0).unwrap()
    };
    assert_eq!(begin("a", config::Start::Earliest).await, 0);
    assert_eq!(begin("b", config::Start::Latest).await, 10);
    assert_eq!(begin("c", config::Start::Offset(7)).await, 7);
    assert_eq!(begin("d", config::Start::Time("2020-01-01T00:00:00Z".into())).await, 0);
    assert_eq!(begin("e", config::Start::Time("2999-01-01T00:00:00Z".into())).await, 10);
    store.append(&topic, &[message(b"later")]).await;
    assert_eq!(begin("b", config::Start::Latest).await, 10);
    let bad =
        config::SourceConfig { start: config::Start::Time("noon".into()), ..source_config("t") };
    assert!(Source::new(&bad, "route", 1, store.clone()).is_err());
}

#[tokio::test]
async fn what_an_optional_target_follows_comes_from_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), small()).unwrap();
    let name = "__optional.orders.crm";
    let sink = Sink::new(&sink_config(name), Ordering::Key, store.clone()).unwrap();
    let message = |offset, topic: &str| {
        let place = Place {
            connector: "http".into(),
            cluster: "here".into(),
            topic: topic.into(),
            incarnation: "i\"".into(),
            partition: 3,
        };
        let origin = Origin { place: place.into(), offset, child: 2 };
        let headers = [hybridge_core::Header { name: "a".into(), value: Some("b".into()) }];
        Message { origin, headers: headers.into_iter().collect(), ..super::message(b"x") }
    };
    let sent = [message(7, "/in"), message(8, "/in"), message(u64::MAX, "/other")];
    let results = sink.send(&sent).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let (mut source, _) = connected(&store, &source_config(name), 100).await;
    let all = deliveries(&mut source, 3).await;
    for (delivery, sent) in all.iter().zip(&sent) {
        assert_eq!(delivery.message.origin, sent.origin);
        assert_eq!(delivery.message.headers, sent.headers);
        assert_eq!(delivery.assignment.place().topic, name);
    }
    source.settle(&delivered(&all));
    flushed(&mut source).await;
    assert_eq!(store.cursor("route", &store.find(name).unwrap(), 0), Some(3));
    assert_eq!(store.backlogs(), [name]);
    for own in ["__cursors", "__positions", "__optional./"] {
        assert!(Source::new(&source_config(own), "route", 1, store.clone()).is_err());
        assert!(Sink::new(&sink_config(own), Ordering::Key, store.clone()).is_err());
    }
    let template = config::SinkConfig {
        topic: "{{ headers[\"a\"] }}".parse().unwrap(),
        ..sink_config("unused")
    };
    let sink = Sink::new(&template, Ordering::Key, store.clone()).unwrap();
    let headers = [hybridge_core::Header { name: "a".into(), value: Some(name.into()) }];
    let rendered = Message { headers: headers.into_iter().collect(), ..super::message(b"x") };
    let refused = sink.send(&[rendered]).await.remove(0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected, "a message cannot name one");
}

#[tokio::test]
async fn two_readers_of_one_group_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(&folder, 1, 1).await;
    let (mut first, _) = connected(&store, &source_config("t"), 1).await;
    let mut second = Source::new(&source_config("t"), "route", 1, store.clone()).unwrap();
    assert_eq!(
        second.connect(Budget::unlimited()).await.unwrap_err().kind(),
        ErrorKind::Disconnected
    );
    first.close().await;
    second.connect(Budget::unlimited()).await.unwrap();
}

#[tokio::test]
async fn a_released_assignment_is_committed_first() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 1, 3).await;
    let (mut source, assignments) = connected(&store, &source_config("t"), 100).await;
    let all = deliveries(&mut source, 3).await;
    source.settle(&delivered(&all));
    source.release(&assignments[0]);
    let Event::Released(released) = source.next().await.unwrap() else { panic!("not released") };
    assert!(!released.is_live());
    assert_eq!(store.cursor("route", &topic, 0), Some(3));
}

#[tokio::test]
async fn a_refused_message_holds_the_rest_of_its_key_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(&folder, 1, 0).await;
    let sink = Sink::new(&sink_config("t"), Ordering::Key, store.clone()).unwrap();
    let keyed = |key: &'static str, size| Message {
        key: Some(Bytes::from_static(key.as_bytes())),
        ..message(&vec![0; size])
    };
    let batch = [keyed("a", 1), keyed("a", 2000), keyed("a", 1), keyed("b", 1)];
    let kinds: Vec<_> = sink
        .send(&batch)
        .await
        .into_iter()
        .map(|result| result.map_err(|error| error.kind()))
        .collect();
    let expected = [
        Ok(Receipt::Written(Some(0))),
        Err(ErrorKind::Rejected),
        Err(ErrorKind::Held),
        Ok(Receipt::Written(Some(1))),
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn topics_and_keys_come_from_templates() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(&folder, 3, 0).await;
    let mut config = sink_config("{{ event.type }}.in");
    config.key = Some("{{ event.subject }}".parse().unwrap());
    let sink = Sink::new(&config, Ordering::None, store.clone()).unwrap();
    let event = |kind: &str, subject: &str| {
        let mut event = message(b"x");
        event.attributes.set("type".into(), kind.into());
        event.attributes.set("subject".into(), subject.into());
        event
    };
    let batch = [event("a", "k"), event("b", "k"), event("../b", "k"), event("a", "k")];
    let results = sink.send(&batch).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!(results[2].as_ref().unwrap_err().kind(), ErrorKind::Rejected);
    let topic = store.find("a.in").unwrap();
    let partition = topic.partition_of(b"k");
    assert_eq!(store.range(&topic, partition), (0, 2));
    let mut reader = store.reader(&topic, partition, 0).unwrap();
    let crate::log::Read::Records(chunk) = reader.read(1 << 16).await.unwrap() else { panic!() };
    assert!(chunk.into_records(()).all(|record| record.message.key.as_deref() == Some(b"k")));
}

#[tokio::test]
async fn an_event_without_a_key_goes_by_its_partitionkey_and_the_rest_by_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let (store, topic) = filled(&folder, 16, 0).await;
    let sink = Sink::new(&sink_config("t"), Ordering::Key, store.clone()).unwrap();
    let mut event = message(b"x");
    event.attributes.set("partitionkey".into(), "k".into());
    let place = Arc::new(Place { partition: 21, ..Place::default() });
    let plain = Message { origin: Origin { place, offset: 0, child: 0 }, ..message(b"x") };
    for _ in 0..5 {
        let results = sink.send(&[event.clone(), plain.clone()]).await;
        assert!(results.iter().all(Result::is_ok));
    }
    assert_eq!(store.range(&topic, topic.partition_of(b"k")), (0, 5));
    assert_eq!(store.range(&topic, 21 % 16), (0, 5));
}
