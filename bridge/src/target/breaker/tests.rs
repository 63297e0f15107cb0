use std::time::Duration;

use hybridge_core::testing::{Answer, Order, RecordingSink, message};
use proptest::prelude::*;

use super::*;

const OPEN: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(8);

fn breaker(sink: &RecordingSink) -> CircuitBreaker {
    CircuitBreaker::new(Box::new(sink.clone()), 3, OPEN, MAX)
}

async fn send(breaker: &CircuitBreaker) -> Option<ErrorKind> {
    let results = breaker.send(&[message("k", "1")]).await;
    results[0].as_ref().err().map(Error::kind)
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_failures_in_a_row_and_a_success_closes_it() {
    let sink = RecordingSink::new(Order::None);
    let breaker = breaker(&sink);
    sink.answer(|_| Answer::Refused(ErrorKind::Transient));
    for _ in 0..3 {
        assert_eq!(send(&breaker).await, Some(ErrorKind::Transient));
    }
    assert_eq!(send(&breaker).await, Some(ErrorKind::Throttled(Some(OPEN))));
    assert_eq!(sink.attempts().len(), 3, "an open circuit sends nothing");
    tokio::time::advance(OPEN).await;
    sink.answer(|_| Answer::Written);
    assert_eq!(send(&breaker).await, None);
    assert_eq!(breaker.refuses_for(), None);
}

#[tokio::test(start_paused = true)]
async fn each_opening_is_twice_as_long_up_to_the_maximum() {
    let sink = RecordingSink::new(Order::None);
    let breaker = breaker(&sink);
    sink.answer(|_| Answer::Refused(ErrorKind::Disconnected));
    let mut lasted = Vec::new();
    for _ in 0..3 {
        send(&breaker).await;
    }
    for _ in 0..6 {
        let wait = breaker.refuses_for().unwrap();
        lasted.push(wait.as_secs());
        tokio::time::advance(wait).await;
        send(&breaker).await;
    }
    assert_eq!(lasted, [1, 2, 4, 8, 8, 8]);
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_one_batch_try() {
    let sink = RecordingSink::new(Order::None);
    let breaker = breaker(&sink);
    sink.answer(|_| Answer::Refused(ErrorKind::Transient));
    for _ in 0..3 {
        send(&breaker).await;
    }
    tokio::time::advance(OPEN).await;
    sink.answer(|_| Answer::Hang);
    let probe = send(&breaker);
    let others = async {
        tokio::task::yield_now().await;
        let other = send(&breaker).await;
        sink.release();
        other
    };
    let (probe, other) = futures_util::join!(probe, others);
    assert_eq!((probe, other), (None, Some(ErrorKind::Throttled(Some(PROBE_WAIT)))));
}

#[tokio::test(start_paused = true)]
async fn i7_a_fault_of_a_message_never_opens_it() {
    let sink = RecordingSink::new(Order::None);
    let breaker = breaker(&sink);
    for kind in [ErrorKind::Rejected, ErrorKind::Held, ErrorKind::Throttled(None)] {
        sink.answer(move |_| Answer::Refused(kind));
        for _ in 0..10 {
            assert_eq!(send(&breaker).await, Some(kind));
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(Option<bool>),
    Wait(u64),
}

proptest! {
    /// Against a model that knows only the rules: failures in a row, openings in a row, time.
    #[test]
    fn equals_the_naive_model(steps in proptest::collection::vec(prop_oneof![
        4 => prop_oneof![Just(Some(true)), Just(Some(false)), Just(None)].prop_map(Step::Send),
        1 => (0..4000u64).prop_map(Step::Wait),
    ], 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let sink = RecordingSink::new(Order::None);
            let breaker = breaker(&sink);
            let (mut failed, mut openings, mut until) = (0u32, 0u32, Instant::now());
            for step in steps {
                match step {
                    Step::Wait(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
                    Step::Send(up) => {
                        let answer = match up {
                            Some(true) => Answer::Written,
                            Some(false) => Answer::Refused(ErrorKind::Transient),
                            None => Answer::Refused(ErrorKind::Rejected),
                        };
                        sink.answer(move |_| answer.clone());
                        let before = sink.attempts().len();
                        send(&breaker).await;
                        let attempted = sink.attempts().len() > before;
                        assert_eq!(attempted, openings == 0 || until <= Instant::now());
                        if !attempted { continue; }
                        match up {
                            Some(true) => (failed, openings) = (0, 0),
                            Some(false) if openings > 0 || failed + 1 >= 3 => {
                                until = Instant::now() + (OPEN * (1 << openings.min(10))).min(MAX);
                                openings += 1;
                            }
                            Some(false) => failed += 1,
                            None if openings > 0 => until = Instant::now(),
                            None => {}
                        }
                    }
                }
            }
        });
    }
}
