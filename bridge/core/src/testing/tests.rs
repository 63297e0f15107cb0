use std::collections::HashSet;
use std::time::Duration;

use futures_util::FutureExt;

use super::*;
use crate::{Budget, Delivery, ErrorKind, Event, Outcome, Sink, Source, Tag};

const LEASE: Duration = Duration::from_secs(30);

fn script(count: usize) -> Vec<Message> {
    (0..count).map(|number| message(&format!("k{}", number % 7), &number.to_string())).collect()
}

async fn connected(mut source: Box<dyn Source>) -> Box<dyn Source> {
    source.connect(Budget::unlimited()).await.unwrap();
    source
}

async fn deliveries(source: &mut Box<dyn Source>) -> Vec<Delivery> {
    loop {
        if let Event::Deliveries(deliveries) = source.next().await.unwrap() {
            return deliveries;
        }
    }
}

async fn flushed(source: &mut Box<dyn Source>) {
    source.flush();
    while !matches!(source.next().await.unwrap(), Event::Flushed) {}
}

fn tags(deliveries: &[Delivery], outcome: Outcome) -> Vec<(Tag, Outcome)> {
    deliveries.iter().map(|delivery| (delivery.tag, outcome)).collect()
}

/// Polls `next` once and drops it, until nothing came for a while; returns what came.
async fn polled_once(source: Box<dyn Source>) -> Vec<String> {
    let mut source = connected(source).await;
    let mut got = Vec::new();
    for _ in 0..10_000 {
        match source.next().now_or_never() {
            Some(Ok(Event::Deliveries(deliveries))) => {
                got.extend(deliveries.iter().map(|delivery| text(&delivery.message).1));
                source.settle(&tags(&deliveries, Outcome::Delivered));
            }
            Some(other) => {
                other.unwrap();
            }
            None => {}
        }
    }
    flushed(&mut source).await;
    got
}

#[tokio::test(start_paused = true)]
async fn a_dropped_next_loses_nothing() {
    let all: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let (left, right) = (script(3000)[..1500].to_vec(), script(3000)[1500..].to_vec());

    let partitions = Partitions::new("t", vec![left, right]);
    partitions.max_batch(1);
    let mut got = polled_once(partitions.source()).await;
    got.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!((got, partitions.uncommitted()), (all.clone(), 0));

    let leases = Leases::new("s", script(3000), LEASE);
    leases.max_batch(1);
    assert_eq!(polled_once(leases.source()).await, all);
    assert_eq!((leases.unacknowledged(), leases.redelivered(), leases.late()), (0, 0, 0));

    let queue = Tags::new("q", script(3000), 10);
    queue.max_batch(1);
    assert_eq!(polled_once(queue.source()).await, all);
    assert_eq!((queue.unacknowledged(), queue.redelivered()), (0, 0));

    for violations in [partitions.violations(), leases.violations(), queue.violations()] {
        assert_eq!(violations, Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_commits_its_prefix_and_comes_back_behind_it() {
    let topic = Partitions::new("t", vec![script(10), script(10)]);
    let mut source = connected(topic.source()).await;
    let all = deliveries(&mut source).await;
    let first: Vec<_> = all.into_iter().filter(|d| d.assignment.place().partition == 0).collect();
    source.settle(&tags(&first[..3], Outcome::Delivered));
    source.settle(&tags(&first[4..5], Outcome::Delivered));
    topic.revoke(0, LEASE);
    let Event::Revoking(assignment, _) = source.next().await.unwrap() else { panic!() };
    source.release(&assignment);
    assert!(matches!(source.next().await.unwrap(), Event::Released(_)));
    assert_eq!(topic.committed(), [3, 0]);
    topic.reassign(0);
    let again = deliveries(&mut source).await;
    assert_eq!(text(&again[0].message).1, "3");
    assert_eq!(topic.violations(), Vec::<String>::new());
    source.settle(&tags(&first[5..6], Outcome::Delivered));
    assert_eq!(topic.violations().len(), 1, "settled after it was given back");
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_is_not_released_is_lost_at_the_deadline_and_commits_nothing() {
    let topic = Partitions::new("t", vec![script(10)]);
    let mut source = connected(topic.source()).await;
    let all = deliveries(&mut source).await;
    topic.revoke(0, LEASE);
    assert!(matches!(source.next().await.unwrap(), Event::Revoking(..)));
    assert!(matches!(source.next().await.unwrap(), Event::Lost(_)));
    source.settle(&tags(&all, Outcome::Delivered));
    flushed(&mut source).await;
    assert_eq!((topic.committed(), topic.commits().len()), (vec![0], 0));
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_comes_again_and_its_acknowledgement_is_late() {
    let stream = Leases::new("s", script(2), LEASE);
    let mut source = connected(stream.source()).await;
    let first = deliveries(&mut source).await;
    source.settle(&tags(&first[..1], Outcome::Delivered));
    let again = deliveries(&mut source).await;
    assert_eq!((again.len(), stream.redelivered()), (1, 1));
    source.settle(&tags(&first[1..], Outcome::Delivered));
    flushed(&mut source).await;
    assert_eq!((stream.late(), stream.unacknowledged()), (1, 1));
    source.settle(&tags(&again, Outcome::Abandoned));
    let third = deliveries(&mut source).await;
    source.settle(&tags(&third, Outcome::Delivered));
    flushed(&mut source).await;
    assert_eq!((stream.unacknowledged(), stream.deliveries()), (0, vec![1, 3]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_extends_keeps_its_leases_while_it_is_polled() {
    let stream = Leases::new("s", script(1), LEASE);
    stream.extend();
    let mut source = connected(stream.source()).await;
    let first = deliveries(&mut source).await;
    assert!(tokio::time::timeout(LEASE * 3, source.next()).await.is_err());
    source.settle(&tags(&first, Outcome::Delivered));
    flushed(&mut source).await;
    assert_eq!((stream.late(), stream.unacknowledged()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_another_channel_is_a_violation_once_the_loss_was_told() {
    let queue = Tags::new("q", script(4), 10);
    let mut source = connected(queue.source()).await;
    let first = deliveries(&mut source).await;
    queue.bump();
    source.settle(&tags(&first[..1], Outcome::Delivered));
    assert!(matches!(source.next().await.unwrap(), Event::Lost(_)));
    assert_eq!(queue.violations(), Vec::<String>::new());
    source.settle(&tags(&first[1..2], Outcome::Abandoned));
    assert_eq!(queue.violations(), Vec::<String>::new());
    source.settle(&tags(&first[2..], Outcome::Delivered));
    assert_eq!((queue.violations().len(), queue.acknowledged()), (2, 0));
    let again = deliveries(&mut source).await;
    assert_eq!((again.len(), queue.redelivered()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn without_budget_nothing_is_taken_and_a_release_goes_on() {
    let message_size = script(1)[0].size() as u64;
    let budget = crate::Pool::new(0).route(4 * message_size, 4 * message_size);
    let queue = Tags::new("q", script(100), 100);
    let mut source = queue.source();
    source.connect(budget).await.unwrap();
    let mut seen = HashSet::new();
    while seen.len() < 100 {
        let got = deliveries(&mut source).await;
        assert!(got.len() <= 4, "{}", got.len());
        assert!(source.next().now_or_never().is_none());
        seen.extend(got.iter().map(|delivery| delivery.message.origin.offset));
        source.settle(&tags(&got, Outcome::Delivered));
    }
}

#[tokio::test(start_paused = true)]
async fn the_sink_answers_as_told_and_holds_later_messages_of_a_refused_key() {
    let sink = RecordingSink::default();
    sink.answer_call(Answer::Refused(ErrorKind::Disconnected));
    let batch = [message("a", "1"), message("b", "2"), message("a", "3")];
    let kinds = |results: Vec<Result<crate::Receipt, crate::Error>>| {
        results.into_iter().map(|result| result.err().map(|e| e.kind())).collect::<Vec<_>>()
    };
    let gone = Some(ErrorKind::Disconnected);
    assert_eq!(kinds(sink.send(&batch).await), [gone, gone, Some(ErrorKind::Held)]);
    sink.answer(|message| match text(message).1.as_str() {
        "1" => Answer::Hang,
        _ => Answer::Written,
    });
    let mut sending = sink.send(&batch);
    assert!((&mut sending).now_or_never().is_none());
    assert_eq!((sink.hanging(), sink.written().len()), (1, 0));
    sink.release();
    assert_eq!(kinds(sending.await), [None, None, None]);
    assert_eq!((sink.attempts().len(), sink.written().len(), sink.sending()), (5, 3, 0));
}
