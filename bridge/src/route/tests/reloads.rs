//! What a reload does that changes only what comes after the source.

use std::sync::atomic::Ordering::Relaxed;

use hybridge_core::testing::{Partitions, Tags};

use super::*;

fn sinks() -> (RecordingSink, RecordingSink) {
    (RecordingSink::default(), RecordingSink::default())
}

fn to(sink: &RecordingSink) -> Bench {
    Bench::new(Ordering::Key, sink)
}

/// The bodies of one key at several targets, one after the other.
fn of_key(key: &str, sinks: &[&RecordingSink]) -> Vec<usize> {
    let texts = sinks.iter().flat_map(|sink| sink.texts());
    texts.filter(|(of, _)| of == key).map(|(_, body)| body.parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_stuck_target_goes_to_the_one_that_replaces_it() {
    local(async {
        let topic = Partitions::new("in", vec![messages(200, 7)]);
        topic.max_batch(30);
        let (stuck, good) = sinks();
        refuse_while(&stuck, 21, ErrorKind::Transient);
        let run = to(&stuck).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!((topic.committed()[0], run.counts().in_flight), (21, 26));
        run.supersede(to(&good));
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.received, counts.delivered, counts.in_flight), (200, 200, 0));
        assert_eq!((topic.connects(), topic.committed()[0]), (1, 200));
        assert_eq!(stuck.written().len() + good.written().len(), 200, "each is sent once");
        for key in 0..7 {
            assert!(of_key(&format!("k{key}"), &[&stuck, &good]).is_sorted());
        }
        assert_eq!(of_key("k0", &[&good])[0], 21, "what was stuck comes before what is behind it");
        assert!(stuck.is_closed() && !good.is_closed());
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_under_way_counts_and_the_next_batch_goes_to_the_new_target() {
    local(async {
        let topic = Partitions::new("in", vec![vec![message("k0", "0")]]);
        let (old, new) = sinks();
        old.answer(|_| Answer::Hang);
        let run = to(&old).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        run.supersede(to(&new));
        topic.push(0, message("k0", "1"));
        topic.push(0, message("k1", "2"));
        run.settle_for(A_WHILE).await;
        assert_eq!(bodies(&new), [2], "another lane goes on, the one that sends does not");
        assert!(!old.is_closed());
        old.release();
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((bodies(&old), bodies(&new)), (vec![0], vec![2, 1]));
        assert_eq!((counts.delivered, topic.committed()[0]), (3, 3));
        assert!(old.is_closed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stops_its_lane_is_taken_up_by_the_new_pipeline() {
    local(async {
        let topic = Partitions::new("in", vec![messages(20, 2)]);
        let (refusing, good) = sinks();
        refuse_while(&refusing, 4, ErrorKind::Rejected);
        let run = to(&refusing).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!(run.status.view(A_WHILE).held.len(), 1);
        let letters = RecordingSink::default();
        refuse_while(&good, 4, ErrorKind::Rejected);
        run.supersede(to(&good).dead_letter(&letters));
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.dead_lettered, counts.in_flight), (19, 1, 0));
        assert_eq!((bodies(&letters), topic.committed()[0]), (vec![4], 20));
        let view = run.status.view(A_WHILE);
        assert!(view.is_ready() && view.held.is_empty(), "{view:?}");
        assert!(of_key("k0", &[&refusing, &good]).is_sorted());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_goes_where_the_new_pipeline_says() {
    local(async {
        let queue = Tags::new("in", messages(10, 10), 10);
        let (refusing, gone) = sinks();
        let refuse = |message: &Message| match body(message) {
            3.. => Answer::Refused(ErrorKind::Rejected),
            _ => Answer::Written,
        };
        refusing.answer(refuse);
        gone.answer(|_| Answer::Refused(ErrorKind::Disconnected));
        let run = Bench::new(Ordering::Total, &refusing).dead_letter(&gone).run(queue.source());
        run.settle_for(A_WHILE).await;
        assert_eq!(run.counts().in_flight, 7);
        let tried = gone.attempts().len();
        let letters = RecordingSink::default();
        run.supersede(to(&refusing).dead_letter(&letters));
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.dead_lettered, counts.in_flight), (3, 7, 0));
        assert_eq!((bodies(&letters), queue.redelivered()), ((3..10).collect(), 0));
        assert_eq!(gone.attempts().len(), tried, "nothing is written there any more");
        assert!(gone.is_closed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_step_failed_on_and_all_behind_it_begins_anew() {
    for kind in [ErrorKind::Transient, ErrorKind::Rejected] {
        local(async {
            let topic = Partitions::new("in", vec![messages(20, 1)]);
            let sink = RecordingSink::default();
            let broken = move |message: Message| match body(&message) {
                5 => Applied::Failed(Error::new(kind, "broken")),
                _ => Applied::Many(vec![message.clone(), message]),
            };
            let run = to(&sink).step(Each(broken)).run(topic.source());
            run.settle_for(A_WHILE).await;
            assert_eq!((run.counts().delivered, sink.written().len()), (5, 10));
            run.supersede(to(&sink).step(Each(Applied::One)));
            let counts = run.settle_for(A_WHILE).await;
            assert_eq!((counts.delivered, topic.committed()[0]), (20, 20));
            assert_eq!(bodies(&sink)[10..], (5..20).collect::<Vec<_>>());
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_one_target_of_several_has_is_sent_to_all_again() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 1)]);
        let (log, stuck) = sinks();
        let (again, good) = sinks();
        refuse_while(&stuck, 6, ErrorKind::Transient);
        let run = to(&log).target(&stuck).run(topic.source());
        run.settle_for(A_WHILE).await;
        assert_eq!((log.written().len(), stuck.written().len()), (10, 6));
        run.supersede(to(&again).target(&good));
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.in_flight, topic.committed()[0]), (10, 0, 10));
        assert_eq!((bodies(&again), bodies(&good)), (vec![6, 7, 8, 9], vec![6, 7, 8, 9]));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_pipeline_has_for_itself_is_released_before_the_next_takes_it() {
    local(async {
        let topic = Partitions::new("in", vec![vec![message("k0", "0")]]);
        let (first, second) = sinks();
        let (third, fourth) = sinks();
        first.answer(|_| Answer::Hang);
        let run = to(&first).exclusive("a").run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        run.supersede(to(&second).exclusive("b"));
        run.supersede(to(&third).exclusive("a"));
        topic.push(0, message("k1", "1"));
        run.settle_for(A_WHILE).await;
        assert_eq!(third.attempts().len(), 0, "the first still sends");
        assert!(second.is_closed(), "no batch is in the second");
        first.release();
        let closed = {
            let first = first.clone();
            move |_: &Message| {
                assert!(first.is_closed());
                Answer::Written
            }
        };
        third.answer(closed);
        run.settle_for(A_WHILE).await;
        assert_eq!((bodies(&first), bodies(&third)), (vec![0], vec![1]));

        third.answer(|_| Answer::Hang);
        topic.push(0, message("k0", "2"));
        run.settle_for(Duration::from_secs(1)).await;
        run.supersede(to(&second).exclusive("a"));
        topic.push(0, message("k1", "3"));
        run.settle_for(Duration::from_secs(1)).await;
        run.supersede(to(&fourth).exclusive("c"));
        run.settle_for(Duration::from_secs(1)).await;
        assert_eq!(bodies(&fourth), [3], "what waited for the release waits no longer");
        third.release();
        run.settle_for(A_WHILE).await;
        assert_eq!((run.counts().delivered, topic.committed()[0]), (4, 4));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_steps_added_are_charged_once_however_often_they_run() {
    local(async {
        let pool = Pool::new(0);
        let topic = Partitions::new("in", vec![messages(1, 1)]);
        let sink = RecordingSink::default();
        sink.answer(|_| Answer::Refused(ErrorKind::Transient));
        let twice = || Each(|message: Message| Applied::Many(vec![message.clone(), message]));
        let budget = pool.route(1 << 20, 1 << 20);
        let run = to(&sink).step(twice()).budget(budget).run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        let held = pool.held();
        for _ in 0..10 {
            run.supersede(to(&sink).step(twice()));
            run.settle_for(Duration::from_secs(1)).await;
        }
        assert_eq!(pool.held(), held);
        sink.answer(|_| Answer::Written);
        run.settle_for(A_WHILE).await;
        assert_eq!((pool.held(), run.counts().delivered), (0, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i3_an_assignment_that_is_taken_away_ends_the_wait_for_a_release() {
    local(async {
        let topic = Partitions::new("in", vec![messages(1, 1)]);
        let (first, second) = sinks();
        first.answer(|_| Answer::Hang);
        let run = to(&first).exclusive("a").run(topic.source());
        run.settle_for(Duration::from_secs(1)).await;
        run.supersede(to(&second).exclusive("a"));
        topic.push(0, message("k1", "1"));
        run.settle_for(Duration::from_secs(1)).await;
        topic.revoke(0, Duration::from_secs(10));
        let counts = run.settle_for(Duration::from_secs(1)).await;
        assert_eq!((counts.abandoned, counts.in_flight), (1, 1));
        assert_eq!(second.attempts().len(), 0);
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i10_reload_after_reload_under_load_keeps_the_order_and_loses_nothing() {
    local(async {
        let topic = Partitions::new("in", vec![messages(5_000, 23)]);
        topic.max_batch(40);
        let sinks: Vec<RecordingSink> = (0..40).map(|_| RecordingSink::default()).collect();
        let all = Arc::new(std::sync::Mutex::new(Vec::new()));
        let on = Arc::new(std::sync::atomic::AtomicBool::new(true));
        for sink in &sinks {
            let (all, on) = (all.clone(), on.clone());
            sink.answer(move |message| {
                if body(message) % 50 == 7 && on.load(Relaxed) && fastrand::u8(..4) > 0 {
                    return Answer::Refused(ErrorKind::Transient);
                }
                all.lock().unwrap().push(body(message));
                Answer::Written
            });
        }
        let run = to(&sinks[0]).run(topic.source());
        for sink in &sinks[1..] {
            run.settle_for(Duration::from_millis(fastrand::u64(0..30))).await;
            run.supersede(to(sink));
        }
        on.store(false, Relaxed);
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!(
            (counts.received, counts.delivered, topic.committed()[0]),
            (5_000, 5_000, 5_000)
        );
        let all = all.lock().unwrap().clone();
        assert_eq!(all.len(), 5_000, "each is sent once");
        for key in 0..23 {
            assert!(all.iter().filter(|body| *body % 23 == key).is_sorted());
        }
        assert!(sinks[..39].iter().all(RecordingSink::is_closed));
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}
