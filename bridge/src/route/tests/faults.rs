//! What happens to messages when targets, steps and brokers fail.

use std::sync::atomic::Ordering::Relaxed;

use hybridge_core::testing::{Leases, Partitions, Tags};

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
