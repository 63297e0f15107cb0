//! Time, size and budget, with a paused clock and without sockets.

use std::convert::Infallible;
use std::io;

use futures_util::stream;
use http_body_util::StreamBody;
use hybridge_core::{Outcome, Pool};
use hyper::body::Frame;
use hyper::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::*;

fn endpoint(settings: Value, share: Share) -> (Endpoint, Landing) {
    let mut all = json!({ "listen": "127.0.0.1:0", "max_message": "64KiB" });
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    let (endpoint, landing) =
        Endpoint::new(&serde_json::from_value(all).unwrap(), "r", share).unwrap();
    tokio::spawn(endpoint.ferry().run());
    (endpoint, landing)
}

fn of<B>(body: B) -> Request<B> {
    Request::post("/").body(body).unwrap()
}

fn whole(bytes: usize) -> Request<Full<Bytes>> {
    of(Full::new(Bytes::from(vec![b'x'; bytes])))
}

/// A body without a length, in pieces with pauses between them.
fn pieces(
    size: usize,
    count: usize,
    pause: Duration,
) -> impl Body<Data = Bytes, Error = Infallible> {
    StreamBody::new(stream::unfold(0, move |sent| async move {
        if sent == count {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok(Frame::data(Bytes::from(vec![b'x'; size]))), sent + 1))
    }))
}

async fn landed(landing: &Landing) -> Arrival {
    let mut arrivals = Vec::new();
    landing.land(&mut arrivals, 1).await;
    arrivals.remove(0)
}

async fn settle(landing: &Landing) -> Message {
    let arrival = landed(landing).await;
    let Messages::One(message) = arrival.messages else { panic!("one message") };
    assert!(arrival.permit.bytes() >= message.size() as u64);
    arrival.reply.send(Settled::One(Outcome::Delivered)).unwrap();
    message
}

#[tokio::test(start_paused = true)]
async fn past_its_deadline_a_caller_is_told_to_come_again() {
    let pool = Pool::new(1 << 20);
    let (endpoint, landing) = endpoint(json!({ "timeout": "20s" }), pool.route(0, 1 << 20).share());
    let start = Instant::now();
    let (answered, arrival) = tokio::join!(endpoint.answer(whole(1)), landed(&landing));
    assert_eq!(answered.status(), 503);
    assert_eq!(answered.headers()[RETRY_AFTER], "5");
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    assert_eq!(arrival.deadline, Instant::now());
    assert!(arrival.reply.send(Settled::One(Outcome::Delivered)).is_err(), "nobody listens");
    drop(arrival.permit);
    assert_eq!(pool.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn bodies_without_a_length_are_charged_as_they_come() {
    let pool = Pool::new(1 << 20);
    let (endpoint, landing) = endpoint(json!({}), pool.route(0, 1 << 20).share());
    let body = pieces(1000, 60, Duration::from_millis(10));
    let (answered, message) = tokio::join!(endpoint.answer(of(body)), settle(&landing));
    assert_eq!(answered.status(), 204);
    assert_eq!(message.payload.unwrap(), vec![b'x'; 60_000]);
    let answered = endpoint.answer(of(pieces(1000, 66, Duration::ZERO))).await;
    assert_eq!(answered.status(), 413);
    let answered = endpoint.answer(of(pieces(1, 1000, Duration::from_secs(1)))).await;
    assert_eq!(answered.status(), 408, "too slow");
    let broken = stream::iter([Ok(Frame::data(Bytes::from("x"))), Err(io::Error::other("gone"))]);
    assert_eq!(endpoint.answer(of(StreamBody::new(broken))).await.status(), 400);
    assert_eq!(landing.waiting(), 0);
    assert_eq!(pool.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn short_of_budget_a_few_wait_for_a_moment_and_all_others_go() {
    let pool = Pool::new(0);
    let share = pool.route(10_000, 10_000).share();
    let (endpoint, landing) = endpoint(json!({}), share.clone());
    let taken = share.try_take(4_900).unwrap();
    let more = share.try_take(5_000).unwrap();
    let start = Instant::now();
    let all = futures_util::future::join_all((0..200).map(|_| endpoint.answer(whole(2_000))));
    let answered = all.await;
    assert!(answered.iter().all(|answered| answered.status() == 503));
    assert_eq!(start.elapsed(), Duration::from_millis(500));
    let soon = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(more);
    };
    let posted = endpoint.answer(whole(2_000));
    let (answered, _, ()) = tokio::join!(posted, settle(&landing), soon);
    assert_eq!(answered.status(), 204);
    drop(taken);
    assert_eq!(pool.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_open_than_allowed() {
    let (endpoint, landing) =
        endpoint(json!({ "max_requests": 2 }), hybridge_core::Budget::unlimited().share());
    let three = futures_util::future::join_all((0..3).map(|_| endpoint.answer(whole(1))));
    let settle = async {
        settle(&landing).await;
        settle(&landing).await;
    };
    let (answered, ()) = tokio::join!(three, settle);
    let statuses: Vec<u16> = answered.iter().map(|answered| answered.status().as_u16()).collect();
    assert_eq!(statuses, [204, 204, 503]);
    assert_eq!(endpoint.open(), 0);
}
