//! What is acknowledged, and when.

use std::sync::atomic::Ordering::Relaxed;

use hybridge_core::testing::{Leases, Order, Partitions};

use super::*;

#[tokio::test(start_paused = true)]
async fn i1_nothing_is_acknowledged_before_a_confirmed_write() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 3)]);
        let sink = RecordingSink::default();
        sink.answer(|_| Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.received, counts.in_flight, topic.committed()[0]), (10, 10, 0));
        assert!(topic.outcomes().is_empty());
        sink.answer(|_| Answer::Written);
        for _ in 0..10 {
            sink.release();
            run.settle_for(Duration::from_secs(1)).await;
        }
        assert_eq!((run.counts().delivered, topic.committed()[0]), (10, 10));
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i1_fan_out_waits_for_every_target_and_retries_only_the_one_that_failed() {
    local(async {
        let topic = Partitions::new("in", vec![messages(20, 4)]);
        let (good, bad) = (RecordingSink::default(), RecordingSink::default());
        let on = refuse_while(&bad, 7, ErrorKind::Transient);
        let run = Bench::new(Ordering::Key, &good).target(&bad).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!(topic.committed()[0], 7, "only what both targets have");
        on.store(false, Relaxed);
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, topic.committed()[0]), (20, 20));
        assert_eq!(good.written().len(), 20, "what was confirmed is not sent again");
        assert_eq!(bad.written().len(), 20);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i2_the_committed_position_never_passes_a_gap() {
    local(async {
        let topic = Partitions::new("in", vec![messages(100, 10)]);
        let sink = RecordingSink::default();
        let on = refuse_while(&sink, 42, ErrorKind::Transient);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert!(counts.delivered >= 90, "other keys go on: {counts:?}");
        assert!(topic.commits().iter().all(|commit| commit.position <= 42));
        assert_eq!(topic.committed()[0], 42);
        on.store(false, Relaxed);
        run.settle_for(A_WHILE).await;
        assert_eq!(topic.committed()[0], 100);
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i2_a_filtered_message_does_not_overtake_a_failed_one() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 10)]);
        let sink = RecordingSink::default();
        refuse_while(&sink, 3, ErrorKind::Transient);
        let odd = |message: Message| match body(&message) {
            n if n > 3 => Applied::Filtered("large".to_owned()),
            _ => Applied::One(message),
        };
        let run = Bench::new(Ordering::Key, &sink).step(Each(odd)).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.filtered, counts.delivered, counts.in_flight), (6, 3, 1));
        assert_eq!(topic.committed()[0], 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i4_every_way_to_end_is_in_the_ledger() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 10)]);
        let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
        refuse_while(&sink, 4, ErrorKind::Rejected);
        let step = |message: Message| match body(&message) {
            1 => Applied::Filtered("one".to_owned()),
            2 | 3 => Applied::Expired("old".to_owned()),
            _ => Applied::One(message),
        };
        let bench = Bench::new(Ordering::Key, &sink).dead_letter(&letters).step(Each(step));
        let counts = bench.run(topic.source()).settle_for(A_WHILE).await;
        let ends = (counts.delivered, counts.filtered, counts.expired, counts.dead_lettered);
        assert_eq!((counts.received, ends), (10, (6, 1, 2, 1)));
        assert_eq!(topic.committed()[0], 10);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_splits_messages_settles_each_with_its_last_child() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 2)]);
        let sink = RecordingSink::default();
        let on = refuse_while(&sink, 5, ErrorKind::Transient);
        let twice = |message: Message| match body(&message) {
            8 => Applied::Many(Vec::new()),
            _ => Applied::Many(vec![message.clone(), message]),
        };
        let run = Bench::new(Ordering::Key, &sink).step(Each(twice)).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!(topic.committed()[0], 5);
        on.store(false, Relaxed);
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.filtered, topic.committed()[0]), (9, 1, 10));
        let written = sink.written();
        let children: Vec<u32> = written.iter().map(|message| message.origin.child).collect();
        assert_eq!(written.len(), 18);
        assert_eq!(children.iter().filter(|child| **child == 1).count(), 9);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_says_nothing_of_a_message_has_not_taken_it() {
    local(async {
        let topic = Partitions::new("in", vec![messages(6, 1)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Nothing);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, topic.committed()[0]), (6, 6));
        assert_eq!(bodies(&sink), [0, 1, 2, 3, 4, 5]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn leases_of_confirmed_messages_are_settled_while_another_of_their_batch_fails() {
    local(async {
        let stream = Leases::new("in", messages(40, 40), Duration::from_secs(30));
        stream.extend();
        let sink = RecordingSink::new(Order::None);
        let on = refuse_while(&sink, 9, ErrorKind::Transient);
        let run = Bench::new(Ordering::None, &sink).run(stream.source());
        run.settle_for(A_WHILE).await;
        assert_eq!((stream.unacknowledged(), stream.redelivered()), (1, 0));
        on.store(false, Relaxed);
        run.settle_for(A_WHILE).await;
        assert_eq!((stream.unacknowledged(), stream.late()), (0, 0));
        assert_eq!(stream.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i8_a_target_that_takes_nothing_stops_intake_at_the_budget() {
    local(async {
        let pool = Pool::new(0);
        let budget = pool.route(20_000, 20_000);
        let topic = Partitions::new("in", vec![messages(10_000, 50), messages(10_000, 50)]);
        let sink = RecordingSink::default();
        let on = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let switch = on.clone();
        sink.answer(move |_| match switch.load(Relaxed) {
            true => Answer::Refused(ErrorKind::Transient),
            false => Answer::Written,
        });
        let run = Bench::new(Ordering::Key, &sink).budget(budget).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert!(pool.held() <= 20_000, "{}", pool.held());
        assert!(counts.in_flight > 100 && counts.in_flight < 200, "{counts:?}");
        on.store(false, Relaxed);
        let counts = run.settle_for(A_WHILE * 10).await;
        assert_eq!((counts.delivered, pool.held()), (20_000, 0));
    })
    .await;
}
