use super::*;

#[tokio::test]
async fn consumers_of_a_group_get_different_events() {
    let server = Server::start().await;
    server.events("t", 0..40).await;
    let (one, two) = tokio::join!(server.receive("max=15"), server.receive("max=15"));
    let three = server.receive("max=1000").await;
    let mut all: Vec<u32> = [&one, &two, &three]
        .iter()
        .flat_map(|batch| ids(batch))
        .map(|id| id.parse().unwrap())
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert!(server.receive("max=5").await.is_empty());
    assert_eq!(server.acknowledge(&one).await, 15);
    assert_eq!(server.acknowledge(&one).await, 0, "once");
}

#[tokio::test]
async fn an_event_comes_again_when_its_lease_ends_or_it_is_released() {
    let server = Server::start().await;
    server.events("t", 0..2).await;
    let _other = server.receive("max=1&lease=1h").await;
    let first = server.receive("max=1&lease=100ms").await;
    let again = server.receive("max=5&wait=30s&lease=1h").await;
    assert_eq!(ids(&again), ["1"]);
    assert_eq!(again[0]["hybridgedeliveries"], 2);
    assert_eq!(server.acknowledge(&first).await, 0, "somebody else has it");

    let body = json!({ "receipts": [again[0]["hybridgereceipt"], "nonsense"], "delay": "100ms" });
    let (_, body) = server.post("/topics/t/groups/g/release", body).await;
    assert_eq!(body["succeeded"].as_array().unwrap().len(), 1);
    assert_eq!(body["failed"][0]["error"], "not a receipt");
    assert_eq!(server.acknowledge(&again).await, 0, "it was given back");
    let third = server.receive("max=5&wait=30s").await;
    assert_eq!((ids(&third), &third[0]["hybridgedeliveries"]), (vec!["1".to_owned()], &json!(3)));
}

#[tokio::test]
async fn who_waits_gets_the_next_event() {
    let server = Server::start().await;
    server.store.topic("t").await.unwrap();
    let (events, ()) = tokio::join!(server.receive("wait=30s"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.events("t", 0..1).await;
    });
    assert_eq!(ids(&events), ["0"]);
}

#[tokio::test]
async fn a_restart_gives_again_what_was_not_acknowledged_in_order() {
    let server = Server::start().await;
    server.events("t", 0..6).await;
    let events = server.receive("max=6").await;
    assert_eq!(
        server.acknowledge(&[events[0].clone(), events[1].clone(), events[4].clone()]).await,
        3
    );
    let server = server.restart().await;
    assert_eq!(server.acknowledge(&events[2..3]).await, 0, "a receipt of an earlier life");
    let events = server.receive("max=10&from=latest").await;
    assert_eq!(ids(&events), ["2", "3", "4", "5"], "position before `from`; 4 was behind a gap");
    assert_eq!(server.acknowledge(&events).await, 4);
    let server = server.restart().await;
    assert!(server.receive("max=10").await.is_empty());
}

#[tokio::test]
async fn a_group_that_begins_at_the_end_stays_there() {
    let server = Server::start().await;
    server.events("t", 0..3).await;
    assert!(server.receive("from=latest").await.is_empty());
    server.events("t", 3..4).await;
    let server = server.restart().await;
    assert_eq!(ids(&server.receive("from=earliest").await), ["3"]);
}

#[tokio::test]
async fn a_stuck_partition_stops_itself_and_no_other() {
    let server = Server::start().await;
    let topic = server.store.topic("wide").await.unwrap();
    let stuck: Vec<_> = (0..4000).map(|id: u32| event(&id.to_string(), "stuck")).collect();
    let free: Vec<_> = (0..4000).map(|id: u32| event(&id.to_string(), "free")).collect();
    for (partition, messages) in [(0, &stuck), (1, &free)] {
        for chunk in messages.chunks(500) {
            server.store.append_to(&topic, chunk, |_, _| Ok::<_, WriteError>(partition)).await;
        }
    }
    let mut counts = std::collections::BTreeMap::new();
    loop {
        let path = "/topics/wide/groups/g/receive?max=1000&lease=1h";
        let (_, events) = server.post(path, json!(null)).await;
        let events = events.as_array().unwrap();
        if events.is_empty() {
            break;
        }
        let mut receipts = Vec::new();
        for event in events {
            let kind = event["type"].as_str().unwrap().to_owned();
            let first = kind == "stuck" && event["id"] == "0";
            *counts.entry(kind).or_insert(0) += 1;
            if !first {
                receipts.push(event["hybridgereceipt"].clone());
            }
        }
        let body = json!({ "receipts": receipts });
        server.post("/topics/wide/groups/g/acknowledge", body).await;
    }
    assert_eq!(counts["free"], 4000);
    assert_eq!(counts["stuck"], 10_000 / 3, "what may be behind an open event");
    let waiting = Duration::from_millis(100);
    let path = "/topics/wide/groups/g/receive?wait=30s";
    let request = server.post(path, json!(null));
    assert!(tokio::time::timeout(waiting, request).await.is_err(), "nothing to give");
}

/// Eight consumers that acknowledge, release and forget at random: each event is done with exactly once, and in the end all are.
#[tokio::test]
async fn every_event_is_done_with_once_whatever_consumers_do() {
    let server = Server::start().await;
    server.events("t", 0..300).await;
    let done = std::sync::Mutex::new(std::collections::BTreeMap::<String, u32>::new());
    let consumer = async || {
        loop {
            let events = server.receive("max=7&wait=300ms&lease=100ms").await;
            if events.is_empty() && done.lock().unwrap().len() == 300 {
                break;
            }
            let mut kept = Vec::new();
            for event in events {
                match fastrand::u32(..10) {
                    0 => {}
                    1 => {
                        let body = json!({ "receipts": [event["hybridgereceipt"]] });
                        server.post("/topics/t/groups/g/release", body).await;
                    }
                    _ => kept.push(event),
                }
            }
            for event in kept {
                if server.acknowledge(std::slice::from_ref(&event)).await == 1 {
                    *done.lock().unwrap().entry(ids(&[event])[0].clone()).or_default() += 1;
                }
            }
        }
    };
    let consumers: Vec<_> = (0..8).map(|_| consumer()).collect();
    futures_util::future::join_all(consumers).await;
    let done = done.into_inner().unwrap();
    assert!(done.len() == 300 && done.values().all(|times| *times == 1), "{done:?}");
    let topic = server.store.find("t").unwrap();
    assert_eq!(server.store.cursor("subscribe/g", &topic, 0), Some(300));
}
