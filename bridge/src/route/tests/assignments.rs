//! What an assignment that ends leaves behind: nothing of it is sent, settled or committed any more.

use hybridge_core::testing::{Partitions, Tags};

use super::*;

#[tokio::test(start_paused = true)]
async fn i3_results_that_come_after_an_assignment_is_lost_settle_nothing() {
    local(async {
        let topic = Partitions::new("in", vec![messages(5, 1)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        topic.lose(0);
        run.settle_for(Duration::from_secs(1)).await;
        for _ in 0..5 {
            sink.release();
            run.settle_for(Duration::from_secs(1)).await;
        }
        let counts = run.counts();
        assert_eq!((counts.abandoned, counts.delivered, counts.in_flight), (5, 0, 0));
        assert_eq!((topic.committed()[0], topic.commits().len()), (0, 0));
        assert_eq!(topic.violations(), Vec::<String>::new());
        topic.reassign(0);
        run.settle_for(A_WHILE).await;
        assert_eq!((run.counts().delivered, topic.committed()[0]), (5, 5));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i10_what_comes_back_waits_for_what_is_still_being_sent_of_its_place() {
    local(async {
        let topic = Partitions::new("in", vec![messages(5, 1)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        topic.lose(0);
        topic.reassign(0);
        run.settle_for(A_WHILE).await;
        assert_eq!(
            (sink.sending(), sink.most_sending()),
            (1, 1),
            "the two would mix at the target"
        );
        for _ in 0..5 {
            sink.release();
            run.settle_for(Duration::from_secs(1)).await;
        }
        run.settle_for(A_WHILE).await;
        assert_eq!((run.counts().delivered, topic.committed()[0], sink.most_sending()), (5, 5, 1));
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i3_nothing_is_retried_once_an_assignment_is_revoked() {
    local(async {
        let topic = Partitions::new("in", vec![messages(20, 4)]);
        let sink = RecordingSink::default();
        refuse_while(&sink, 6, ErrorKind::Transient);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(A_WHILE).await;
        topic.revoke(0, Duration::from_secs(10));
        run.settle_for(Duration::from_millis(1)).await;
        let attempts = sink.attempts().len();
        run.settle_for(A_WHILE).await;
        assert_eq!(sink.attempts().len(), attempts);
        assert_eq!(topic.committed()[0], 6, "what was done before is committed on the way out");
        assert_eq!(run.counts().in_flight, 0);
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i3_a_send_that_outlasts_the_revocation_is_not_committed() {
    local(async {
        let topic = Partitions::new("in", vec![messages(3, 1)]);
        let sink = RecordingSink::default();
        sink.answer(|_| Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        topic.revoke(0, Duration::from_secs(10));
        run.settle_for(A_WHILE).await;
        for _ in 0..3 {
            sink.release();
            run.settle_for(Duration::from_secs(1)).await;
        }
        assert_eq!((topic.committed()[0], run.counts().abandoned), (0, 3));
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn tags_of_an_epoch_that_ended_are_never_used() {
    local(async {
        let queue = Tags::new("in", messages(60, 6), 20);
        let sink = RecordingSink::default();
        let run = Bench::new(Ordering::Key, &sink).run(queue.source());
        for _ in 0..5 {
            sink.answer_call(Answer::Hang);
            run.settle_for(Duration::from_millis(5)).await;
            queue.bump();
            run.settle_for(Duration::from_millis(5)).await;
            for _ in 0..20 {
                sink.release();
                run.settle_for(Duration::from_millis(1)).await;
            }
        }
        run.settle_for(A_WHILE).await;
        assert_eq!((queue.unacknowledged(), run.counts().in_flight), (0, 0));
        assert_eq!(queue.violations(), Vec::<String>::new());
        let mut distinct = bodies(&sink);
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 60);
    })
    .await;
}
