//! What happens to messages when targets and steps fail.

use hybridge_core::testing::{Partitions, Tags};

use super::*;

/// A source whose callers wait for so long.
struct Hurried(Box<dyn Source>, Duration);

#[async_trait::async_trait(?Send)]
impl Source for Hurried {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.0.connect(budget).await
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let mut event = self.0.next().await?;
        if let Event::Deliveries(deliveries) = &mut event {
            let deadline = Some(Instant::now() + self.1);
            deliveries.iter_mut().for_each(|delivery| delivery.deadline = deadline);
        }
        Ok(event)
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        self.0.settle(settled);
    }

    fn flush(&mut self) {
        self.0.flush();
    }

    fn release(&mut self, assignment: &Assignment) {
        self.0.release(assignment);
    }

    fn stop(&mut self) {
        self.0.stop();
    }

    async fn close(&mut self) {
        self.0.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn i5_i6_an_unknown_fault_waits_and_is_never_a_dead_letter() {
    local(async {
        let kinds = [
            ErrorKind::Transient,
            ErrorKind::Unauthorized,
            ErrorKind::Disconnected,
            ErrorKind::Throttled(None),
            ErrorKind::Throttled(Some(Duration::from_secs(3))),
        ];
        for kind in kinds {
            let topic = Partitions::new("in", vec![messages(10, 2)]);
            let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
            sink.answer(move |_| Answer::Refused(kind));
            let bench = Bench::new(Ordering::Key, &sink).dead_letter(&letters);
            let run = bench.run(topic.source());
            let counts = run.settle_for(A_WHILE * 60).await;
            assert_eq!((counts.in_flight, topic.committed()[0]), (10, 0), "{kind:?}");
            assert!(letters.attempts().is_empty());
            assert!(sink.attempts().len() > 100, "it tries for ever: {kind:?}");
            assert_eq!(sink.recovers() > 0, kind == ErrorKind::Disconnected);
            let view = run.status.view(Duration::from_secs(30));
            assert!(!view.is_ready(), "an attempt that failed is no progress: {kind:?}");
            sink.answer(|_| Answer::Written);
            assert_eq!(run.settle_for(A_WHILE).await.delivered, 10);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i6_with_after_what_fails_for_so_long_is_a_dead_letter() {
    local(async {
        let topic = Partitions::new("in", vec![messages(4, 2)]);
        let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
        sink.answer(|_| Answer::Refused(ErrorKind::Transient));
        let bench = Bench::new(Ordering::Key, &sink).dead_letter(&letters);
        let run = bench.after(Duration::from_secs(3600)).run(topic.source());
        assert_eq!(run.settle_for(Duration::from_secs(3500)).await.dead_lettered, 0);
        assert_eq!(run.settle_for(Duration::from_secs(200)).await.dead_lettered, 4);
        assert_eq!(topic.committed()[0], 4);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i7_a_permanent_fault_is_one_dead_letter_with_its_reason() {
    local(async {
        let topic = Partitions::new("in", vec![messages(50, 5)]);
        let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
        refuse_while(&sink, 17, ErrorKind::Rejected);
        let run = Bench::new(Ordering::Key, &sink).dead_letter(&letters).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.dead_lettered, topic.committed()[0]), (49, 1, 50));
        let letter = &letters.written()[0];
        assert!(sink.written()[0].headers.get("hybridge-via").is_some());
        assert!(letter.headers.get("hybridge-via").is_none(), "it may go through the route again");
        let header = |name: &str| {
            let value = letter.headers.get(&format!("hybridge-dead-letter-{name}")).unwrap();
            String::from_utf8(value.to_vec()).unwrap()
        };
        assert_eq!(body(letter), 17);
        assert_eq!(header("reason"), "refused as scripted");
        assert_eq!((header("stage"), header("kind")), ("target t0".into(), "rejected".into()));
        assert_eq!(
            (header("origin"), header("attempts")),
            ("partitions:in/0@17".into(), "1".into())
        );
        assert_eq!(header("route"), "test");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_acknowledgement_before_the_dead_letter_is_confirmed() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 1)]);
        let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
        refuse_while(&sink, 4, ErrorKind::Rejected);
        letters.answer(|_| Answer::Refused(ErrorKind::Disconnected));
        let run = Bench::new(Ordering::Key, &sink).dead_letter(&letters).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!((topic.committed()[0], run.counts().dead_lettered), (4, 0));
        letters.answer(|_| Answer::Written);
        run.settle_for(A_WHILE).await;
        assert_eq!((topic.committed()[0], run.counts().dead_lettered), (10, 1));
        assert_eq!(bodies(&sink), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_dead_letter_a_permanent_fault_stops_its_lane_and_is_named() {
    local(async {
        let topic = Partitions::new("in", vec![messages(100, 20)]);
        let sink = RecordingSink::default();
        refuse_while(&sink, 30, ErrorKind::Rejected);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!(topic.committed()[0], 30);
        assert!(counts.delivered > 80 && counts.in_flight < 20, "{counts:?}");
        assert!(!bodies(&sink).contains(&50), "nothing of its key is sent past it");
        let view = run.status.view(Duration::from_secs(30));
        assert!(!view.is_ready());
        assert_eq!((view.held[0].first.offset, view.stage.as_deref()), (30, Some("target t0")));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_can_reject_is_told() {
    local(async {
        let queue = Tags::new("in", messages(10, 1), 100);
        queue.can_reject();
        let sink = RecordingSink::default();
        refuse_while(&sink, 4, ErrorKind::Rejected);
        let run = Bench::new(Ordering::Key, &sink).run(queue.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.rejected), (9, 1));
        assert_eq!((queue.acknowledged(), queue.rejected()), (9, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_panics_a_step_is_a_fault_of_that_message() {
    local(async {
        let topic = Partitions::new("in", vec![messages(30, 3)]);
        let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
        let step = |message: Message| {
            assert_ne!(body(&message), 13, "a scripted panic");
            Applied::One(message)
        };
        let bench = Bench::new(Ordering::Key, &sink).dead_letter(&letters).step(Each(step));
        let run = bench.run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.dead_lettered, topic.committed()[0]), (29, 1, 30));
        assert_eq!(body(&letters.written()[0]), 13);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_with_a_faulty_child_is_one_dead_letter_and_none_of_its_children_is_sent() {
    local(async {
        let topic = Partitions::new("in", vec![messages(4, 4)]);
        let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
        let twice = |first: Message| {
            let second = message("second", &(body(&first) + 100).to_string());
            Applied::Many(vec![first, second])
        };
        let strict = |message: Message| match body(&message) {
            102 => Applied::Failed(Error::rejected("scripted")),
            _ => Applied::One(message),
        };
        let bench = Bench::new(Ordering::Key, &sink).step(Each(twice)).step(Each(strict));
        let run = bench.dead_letter(&letters).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.dead_lettered, topic.committed()[0]), (3, 1, 4));
        assert_eq!(bodies(&letters), [2]);
        let mut sent = bodies(&sink);
        sent.sort_unstable();
        assert_eq!(sent, [0, 1, 3, 100, 101, 103]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_a_caller_who_has_gone() {
    local(async {
        let topic = Partitions::new("in", vec![messages(3, 1)]);
        let sink = RecordingSink::default();
        sink.answer(|_| Answer::Refused(ErrorKind::Transient));
        let source = Hurried(topic.source(), Duration::from_secs(5));
        let run = Bench::new(Ordering::Key, &sink).run(Box::new(source));
        assert_eq!(run.settle_for(Duration::from_secs(4)).await.in_flight, 3);
        let counts = run.settle_for(Duration::from_secs(2)).await;
        assert_eq!((counts.abandoned, counts.in_flight), (3, 0));
        let attempts = sink.attempts().len();
        run.settle_for(A_WHILE).await;
        assert_eq!((sink.attempts().len(), topic.committed()[0]), (attempts, 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_sink_ends_the_incarnation_and_the_ledger_still_adds_up() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 2)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Panic);
        let status = RouteStatus::new("test", Facts::default());
        let mut route = Bench::new(Ordering::Key, &sink).route(topic.source(), &status);
        let (_stop, mut stopped) = watch::channel(None);
        let mut ledger = Ledger::default();
        route.connect(Budget::unlimited()).await.unwrap();
        let run = std::panic::AssertUnwindSafe(route.run(&mut ledger, &mut stopped));
        assert!(futures_util::FutureExt::catch_unwind(run).await.is_err());
        route.abandon(&mut ledger);
        let counts = ledger.counts();
        assert_eq!((counts.received, counts.difference(), counts.in_flight), (10, 0, 0));
        assert_eq!(topic.committed()[0], 0);
    })
    .await;
}
