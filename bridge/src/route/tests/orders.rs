//! Order, and what does not wait for what.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

use hybridge_core::testing::Partitions;
use proptest::prelude::*;

use super::*;

/// Per key the bodies in the order in which they were written.
fn by_key(sink: &RecordingSink) -> HashMap<String, Vec<usize>> {
    let mut keys: HashMap<String, Vec<usize>> = HashMap::new();
    for (key, body) in sink.texts() {
        keys.entry(key).or_default().push(body.parse().unwrap());
    }
    keys
}

fn assert_ordered(sink: &RecordingSink) {
    for (key, bodies) in by_key(sink) {
        assert!(bodies.is_sorted(), "{key}: {bodies:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn i10_a_refused_message_is_not_overtaken_by_its_key() {
    local(async {
        let topic = Partitions::new("in", vec![messages(200, 7)]);
        let sink = RecordingSink::default();
        let on = refuse_while(&sink, 21, ErrorKind::Transient);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert!(!bodies(&sink).contains(&28), "the next of its key waits");
        assert!(bodies(&sink).contains(&199), "other keys do not");
        on.store(false, Relaxed);
        run.settle_for(A_WHILE).await;
        assert_eq!(sink.written().len(), 200);
        assert_ordered(&sink);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn total_order_holds_over_keys() {
    local(async {
        let topic = Partitions::new("in", vec![messages(200, 7)]);
        let sink = RecordingSink::new(Order::Total);
        let on = refuse_while(&sink, 21, ErrorKind::Transient);
        let run = Bench::new(Ordering::Total, &sink).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!(sink.written().len(), 21);
        on.store(false, Relaxed);
        run.settle_for(A_WHILE).await;
        assert_eq!(bodies(&sink), (0..200).collect::<Vec<_>>());
        assert_eq!(sink.most_sending(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_stuck_key_stops_its_partition_and_no_other() {
    local(async {
        let partitions = (0..4).map(|_| messages(1000, 10)).collect();
        let topic = Partitions::with_cap("in", partitions, 100);
        let sink = RecordingSink::default();
        let stuck = |message: &Message| message.origin.place.partition == 2 && body(message) == 5;
        sink.answer(move |message| match stuck(message) {
            true => Answer::Refused(ErrorKind::Transient),
            false => Answer::Written,
        });
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!(topic.committed(), [1000, 1000, 5, 1000]);
        assert!(topic.uncommitted() <= 995);
        let of_stuck = sink.written().iter().filter(|m| m.origin.place.partition == 2).count();
        assert!(of_stuck <= 105, "read no further than the cap: {of_stuck}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nine_stuck_routes_leave_the_tenth_at_full_speed() {
    local(async {
        let pool = Pool::new(100_000);
        let mut stuck = Vec::new();
        for _ in 0..9 {
            let topic = Partitions::new("in", vec![messages(5_000, 10)]);
            let sink = RecordingSink::default();
            sink.answer(|_| Answer::Hang);
            let budget = pool.route(20_000, 1 << 30);
            stuck.push(Bench::new(Ordering::Key, &sink).budget(budget).run(topic.source()));
        }
        tokio::time::sleep(A_WHILE).await;
        assert!(pool.free() < 200, "the shared pool is taken: {}", pool.free());
        let topic = Partitions::new("in", vec![messages(5_000, 10)]);
        let sink = RecordingSink::default();
        let budget = pool.route(20_000, 1 << 30);
        let run = Bench::new(Ordering::Key, &sink).budget(budget).run(topic.source());
        // No time passes for it but that of its own turns: it waits for nothing.
        let started = Instant::now();
        while run.counts().delivered < 5_000 {
            tokio::task::yield_now().await;
        }
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_ordered(&sink);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_order_lanes_send_side_by_side() {
    local(async {
        let topic = Partitions::new("in", vec![messages(100, 1)]);
        topic.max_batch(1);
        let sink = RecordingSink::new(Order::None);
        sink.answer(|_| Answer::Hang);
        let run = Bench::new(Ordering::None, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        assert_eq!(sink.most_sending(), 16);
        for _ in 0..200 {
            sink.release();
            run.settle_for(Duration::from_millis(1)).await;
        }
        assert_eq!(run.counts().delivered, 100);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_whatever_waits() {
    local(async {
        let topic = Partitions::new("in", vec![messages(1, 1)]);
        let sink = RecordingSink::default();
        sink.answer_call(Answer::Hang);
        let run = Bench::new(Ordering::Key, &sink).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        for message in messages(300, 1) {
            topic.push(0, message);
        }
        run.settle_for(Duration::from_secs(1)).await;
        sink.release();
        run.settle_for(Duration::from_secs(1)).await;
        assert_eq!(sink.batches(), [1, 300]);
    })
    .await;
}

#[derive(Clone, Debug)]
enum Act {
    Refuse { body: usize, permanent: bool },
    Heal,
    Revoke { partition: usize },
    Lose { partition: usize },
    Reassign { partition: usize },
    Wait { millis: u64 },
    Reload,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0..120usize, any::<bool>())
            .prop_map(|(body, permanent)| Act::Refuse { body, permanent }),
        2 => Just(Act::Heal),
        2 => (0..3usize).prop_map(|partition| Act::Revoke { partition }),
        1 => (0..3usize).prop_map(|partition| Act::Lose { partition }),
        3 => (0..3usize).prop_map(|partition| Act::Reassign { partition }),
        4 => (1..400u64).prop_map(|millis| Act::Wait { millis }),
        2 => Just(Act::Reload),
    ];
    proptest::collection::vec(act, 1..30)
}

/// First appearances of each key are in source order. What was a dead letter, and after a rewind
/// is taken by a target that has healed meanwhile, is out of it.
fn assert_first_appearances_ordered(sink: &RecordingSink, letters: &RecordingSink) {
    let mut last: HashMap<(u32, String), usize> = HashMap::new();
    let letters = letters.written();
    let letters = letters.iter().map(|letter| (letter.origin.place.partition, body(letter)));
    let mut seen: std::collections::HashSet<(u32, usize)> = letters.collect();
    for message in sink.written() {
        let key = String::from_utf8(message.key.clone().unwrap().to_vec()).unwrap();
        let (partition, body) = (message.origin.place.partition, body(&message));
        if !seen.insert((partition, body)) {
            continue;
        }
        if let Some(before) = last.insert((partition, key.clone()), body) {
            assert!(before < body, "{key} of {partition}: {body} after {before}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn i4_i10_whatever_happens_nothing_is_lost_or_reordered(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(local(async {
            let partitions = (0..3).map(|_| messages(120, 9)).collect();
            let topic = Partitions::with_cap("in", partitions, 50);
            topic.max_batch(20);
            let (sink, letters) = (RecordingSink::default(), RecordingSink::default());
            let bench = || Bench::new(Ordering::Key, &sink).dead_letter(&letters);
            let run = bench().run(topic.source());
            for act in acts {
                match act {
                    Act::Refuse { body: wrong, permanent } => {
                        let kind =
                            if permanent { ErrorKind::Rejected } else { ErrorKind::Transient };
                        refuse_while(&sink, wrong, kind);
                    }
                    Act::Heal => sink.answer(|_| Answer::Written),
                    Act::Revoke { partition } => topic.revoke(partition, Duration::from_millis(50)),
                    Act::Lose { partition } => topic.lose(partition),
                    Act::Reassign { partition } => topic.reassign(partition),
                    Act::Wait { millis } => {
                        run.settle_for(Duration::from_millis(millis)).await;
                    }
                    Act::Reload => run.supersede(bench()),
                }
                assert_eq!(topic.violations(), Vec::<String>::new());
            }
            sink.answer(|_| Answer::Written);
            (0..3).for_each(|partition| topic.reassign(partition));
            let counts = run.settle_for(A_WHILE * 2).await;
            assert_eq!(topic.committed(), [120, 120, 120]);
            assert_eq!(counts.in_flight, 0);
            assert_eq!(topic.violations(), Vec::<String>::new());
            let mut there: Vec<(u32, usize)> = sink.written().iter().chain(&letters.written())
                .map(|message| (message.origin.place.partition, body(message))).collect();
            there.sort_unstable();
            there.dedup();
            assert_eq!(there.len(), 360);
            assert_first_appearances_ordered(&sink, &letters);
        }));
    }
}
