//! How a route ends.

use hybridge_core::testing::Partitions;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stop_drains_what_is_there_and_takes_nothing_new() {
    local(async {
        let topic = Partitions::new("in", vec![messages(50, 5)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Hang);
        let run = Bench::new(Ordering::Total, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        run.stop(Duration::from_secs(30));
        run.settle_for(Duration::from_secs(1)).await;
        topic.push(0, message("k0", "50"));
        for _ in 0..60 {
            sink.release();
            run.settle_for(Duration::from_millis(10)).await;
        }
        let status = run.status.clone();
        run.ended().await.unwrap();
        assert_eq!(topic.committed()[0], 50);
        assert_eq!(status.counts().delivered, 50);
        assert!(sink.is_closed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_in_time_stays_unsettled() {
    local(async {
        let topic = Partitions::new("in", vec![messages(50, 5)]);
        let sink = RecordingSink::default();
        refuse_while(&sink, 20, ErrorKind::Transient);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        run.stop(Duration::from_secs(10));
        let status = run.status.clone();
        let started = Instant::now();
        run.ended().await.unwrap();
        assert!(started.elapsed() <= Duration::from_secs(17), "{:?}", started.elapsed());
        assert_eq!(topic.committed()[0], 20);
        let counts = status.counts();
        assert_eq!((counts.in_flight, counts.difference()), (0, 0));
        assert!(counts.abandoned >= 1);
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_when_the_time_is_over_comes_again_to_the_next_incarnation() {
    local(async {
        let topic = Partitions::new("in", vec![messages(5, 1)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        for number in 5..10 {
            topic.push(0, message("k0", &number.to_string()));
        }
        let counts = run.settle_for(Duration::from_secs(1)).await;
        assert_eq!(
            (counts.in_flight, sink.batches()),
            (10, vec![5]),
            "one batch waits behind another"
        );
        run.stop(Duration::from_secs(1));
        run.settle_for(Duration::from_secs(2)).await;
        for _ in 0..5 {
            sink.release();
            run.settle_for(Duration::from_millis(10)).await;
        }
        let status = run.status.clone();
        run.ended().await.unwrap();
        let counts = status.counts();
        assert_eq!((counts.delivered, counts.abandoned, counts.difference()), (5, 5, 0));
        assert_eq!((topic.committed()[0], sink.written().len()), (5, 5));
        let next = Bench::new(Ordering::Key, &sink).run(topic.source());
        next.settle_for(A_WHILE).await;
        assert_eq!(bodies(&sink), (0..10).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_send_that_never_returns_does_not_hold_up_the_end() {
    local(async {
        let topic = Partitions::new("in", vec![messages(5, 1)]);
        let sink = RecordingSink::default();
        sink.answer(|_| Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        run.stop(Duration::from_secs(1));
        let status = run.status.clone();
        let started = Instant::now();
        run.ended().await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(20));
        assert_eq!((status.counts().abandoned, topic.committed()[0]), (5, 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ends_is_settled_and_flushed_first() {
    local(async {
        let topic = Partitions::new("in", vec![messages(50, 5)]);
        topic.ends();
        let sink = RecordingSink::default();
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        let status = run.status.clone();
        run.ended().await.unwrap();
        assert_eq!((status.counts().delivered, topic.committed()[0]), (50, 50));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_route_with_a_stuck_target_still_takes_the_stop() {
    local(async {
        let topic = Partitions::new("in", vec![messages(5, 1)]);
        topic.ends();
        let sink = RecordingSink::default();
        sink.answer(|_| Answer::Refused(ErrorKind::Transient));
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(A_WHILE).await;
        run.stop(Duration::from_secs(1));
        run.ended().await.unwrap();
        assert_eq!(topic.committed()[0], 0);
    })
    .await;
}
