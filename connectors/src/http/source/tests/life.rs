//! Listeners come and go, and nobody is left waiting.

use hyper::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Waits until a delivery is handed out, and keeps it open.
async fn held(source: &mut Source) -> Delivery {
    loop {
        if let Event::Deliveries(mut deliveries) = source.next().await.unwrap() {
            return deliveries.remove(0);
        }
    }
}

#[tokio::test]
async fn sources_share_a_listener_and_the_last_one_frees_the_address() {
    let servers = Servers::new(Handle::current());
    let on = async |listen: SocketAddr, path: &str| {
        let settings = json!({ "listen": listen.to_string(), "path": path });
        let config = config(settings);
        let mut source = Source::new(&config, "r", "i".into(), servers.clone());
        source.connect(Budget::unlimited()).await.map(|()| source)
    };
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = free.local_addr().unwrap();
    let taken = on(listen, "/a").await.err().unwrap();
    assert_eq!(taken.kind(), ErrorKind::Disconnected);
    drop(free);

    let mut a = on(listen, "/a").await.unwrap();
    let mut b = on(listen, "/b").await.unwrap();
    assert_eq!(on(listen, "/a").await.err().unwrap().kind(), ErrorKind::Fatal);
    let other_tls = json!({
        "listen": listen.to_string(), "path": "/c", "tls": { "cert": "c.pem", "key": "k.pem" },
    });
    let mut other = Source::new(&config(other_tls), "r", "i".into(), servers.clone());
    assert_eq!(other.connect(Budget::unlimited()).await.unwrap_err().kind(), ErrorKind::Fatal);

    let posted = event(&b, "1");
    let (answered, _) = play(&mut b, |_| Some(Outcome::Delivered), exchange(posted)).await;
    assert_eq!(answered.status, 204);
    let late = event(&a, "1");
    a.close().await;
    assert!(exchange(late).await.is_later(), "a path that is being restarted is not 404");
    let mut again = on(listen, "/a").await.unwrap();
    again.close().await;
    b.close().await;
    let rebound = tokio::net::TcpListener::bind(listen).await;
    assert!(rebound.is_ok(), "the address is free once close has returned");
    drop(rebound);
    let mut dropped = on(listen, "/a").await.unwrap();
    drop(dropped);
    dropped = on(listen, "/a").await.unwrap();
    dropped.close().await;
}

#[tokio::test]
async fn stop_takes_nothing_new_and_answers_what_is_open() {
    let mut source = started(json!({})).await;
    let running = tokio::spawn(exchange(event(&source, "1")));
    let open = held(&mut source).await;
    // Read by the server, not yet handed out.
    let waiting = tokio::spawn(exchange(event(&source, "2")));
    while source.running.as_ref().unwrap().landing.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    source.stop();
    assert!(waiting.await.unwrap().is_later());
    let late = exchange(event(&source, "3")).await;
    assert!(late.is_later() && late.headers["connection"] == "close");
    source.settle(&[(open.tag, Outcome::Delivered)]);
    source.flush();
    assert!(matches!(source.next().await.unwrap(), Event::Flushed));
    source.release(&open.assignment);
    assert!(matches!(source.next().await.unwrap(), Event::Released(_)));
    assert_eq!(running.await.unwrap().status, 204);
    source.close().await;
    source.close().await;
    assert!(source.next().await.is_err() && source.local_addr().is_none());
}

#[tokio::test]
async fn close_and_drop_answer_everyone() {
    for close in [true, false] {
        let mut source = started(json!({})).await;
        let callers: Vec<_> =
            (0..20).map(|id| tokio::spawn(exchange(event(&source, &id.to_string())))).collect();
        let one = held(&mut source).await;
        if close {
            source.close().await;
            assert!(!one.assignment.is_live());
        } else {
            drop(source);
        }
        for caller in callers {
            assert!(caller.await.unwrap().is_later());
        }
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_take_its_event_along() {
    let mut source = started(json!({})).await;
    let mut stream = TcpStream::connect(source.local_addr().unwrap()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nx").await.unwrap();
    let open = held(&mut source).await;
    drop(stream);
    while source.running.as_ref().unwrap().endpoint.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(open.assignment.is_live());
    source.settle(&[(open.tag, Outcome::Delivered)]);
    let next = event(&source, "2");
    let (answered, _) = play(&mut source, |_| Some(Outcome::Delivered), exchange(next)).await;
    assert_eq!(answered.status, 204);
}

#[tokio::test]
async fn a_declared_length_is_refused_before_the_body_is_sent() {
    let source = started(json!({ "max_message": "1KiB" })).await;
    let mut stream = TcpStream::connect(source.local_addr().unwrap()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n";
    stream.write_all(format!("{head}content-length: 9000000000\r\n\r\n").as_bytes()).await.unwrap();
    let mut answered = String::new();
    stream.read_to_string(&mut answered).await.unwrap();
    assert!(answered.contains("HTTP/1.1 413"), "{answered}");
}

#[tokio::test]
async fn http2_without_tls() {
    let mut source = started(json!({})).await;
    let mut request = event(&source, "1");
    *request.version_mut() = Version::HTTP_2;
    let client: Client<_, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let (answered, _) =
        play(&mut source, |_| Some(Outcome::Delivered), client.request(request)).await;
    assert_eq!(answered.unwrap().status(), 204);
    let late = event(&source, "2");
    source.stop();
    let answered = client.request(late).await.unwrap();
    assert_eq!(answered.status(), 503);
    source.close().await;
}

#[tokio::test]
async fn a_next_that_is_dropped_loses_nothing() {
    let mut source = started(json!({})).await;
    let callers: Vec<_> =
        (0..200).map(|id| tokio::spawn(exchange(event(&source, &id.to_string())))).collect();
    let mut seen = std::collections::HashSet::new();
    while seen.len() < 200 {
        let polled = futures_util::FutureExt::now_or_never(source.next());
        tokio::task::yield_now().await;
        let Some(Ok(Event::Deliveries(deliveries))) = polled else { continue };
        for delivery in deliveries {
            seen.insert(delivery.message.attributes.text("id").unwrap().to_owned());
            source.settle(&[(delivery.tag, Outcome::Delivered)]);
        }
    }
    let answered = futures_util::future::join_all(callers);
    for caller in play(&mut source, |_| None, answered).await.0 {
        assert_eq!(caller.unwrap().status, 204);
    }
}

/// A path that is configured but whose route has not started was answered with 404, on which
/// senders give up.
#[tokio::test]
async fn a_path_whose_source_is_still_to_come_is_later_and_not_unknown() {
    let servers = Servers::new(Handle::current());
    let listen: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    servers.expect([(listen, "/here".to_owned()), (listen, "/to-come".to_owned())]);
    let source = connected(json!({ "path": "/here" }), &servers, Budget::unlimited()).await;
    let to = |path: &str| {
        let uri = format!("http://{}{path}", source.local_addr().unwrap());
        Request::post(uri).body(Full::new(Bytes::from_static(b"x"))).unwrap()
    };
    assert!(exchange(to("/to-come")).await.is_later());
    assert_eq!(exchange(to("/unknown")).await.status, StatusCode::NOT_FOUND);
}
