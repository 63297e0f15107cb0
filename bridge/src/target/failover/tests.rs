use hybridge_core::testing::{Answer, Order, RecordingSink, message};

use super::*;

const DWELL: Duration = Duration::from_secs(60);

fn failover(sinks: &[RecordingSink]) -> Failover {
    let breaker = |sink: &RecordingSink| {
        let sink = Box::new(sink.clone());
        CircuitBreaker::new(sink, 2, Duration::from_secs(1), Duration::from_secs(30))
    };
    Failover::new(sinks.iter().map(breaker).collect(), DWELL)
}

async fn send(failover: &Failover) -> Option<ErrorKind> {
    let results = failover.send(&[message("k", "1")]).await;
    results[0].as_ref().err().map(Error::kind)
}

#[tokio::test(start_paused = true)]
async fn it_moves_on_when_a_circuit_opens_and_goes_back_after_the_dwell_time() {
    let (first, second) = (RecordingSink::new(Order::None), RecordingSink::new(Order::None));
    let failover = failover(&[first.clone(), second.clone()]);
    first.answer(|_| Answer::Refused(ErrorKind::Disconnected));
    for _ in 0..2 {
        assert_eq!(send(&failover).await, Some(ErrorKind::Disconnected));
    }
    assert_eq!(send(&failover).await, None);
    assert_eq!(second.written().len(), 1);
    first.answer(|_| Answer::Written);
    tokio::time::advance(DWELL / 2).await;
    send(&failover).await;
    assert_eq!((first.written().len(), second.written().len()), (0, 2));
    tokio::time::advance(DWELL / 2).await;
    send(&failover).await;
    assert_eq!((first.written().len(), second.written().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_preferred_sink_that_is_still_down_gets_one_batch_and_the_other_goes_on() {
    let (first, second) = (RecordingSink::new(Order::None), RecordingSink::new(Order::None));
    let failover = failover(&[first.clone(), second.clone()]);
    first.answer(|_| Answer::Refused(ErrorKind::Transient));
    for _ in 0..3 {
        send(&failover).await;
    }
    tokio::time::advance(DWELL).await;
    let before = first.attempts().len();
    for _ in 0..5 {
        send(&failover).await;
    }
    assert_eq!(first.attempts().len(), before + 1);
    assert_eq!(second.written().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn with_all_circuits_open_it_refuses_until_the_first_lets_one_try() {
    let (first, second) = (RecordingSink::new(Order::None), RecordingSink::new(Order::None));
    let failover = failover(&[first.clone(), second.clone()]);
    for sink in [&first, &second] {
        sink.answer(|_| Answer::Refused(ErrorKind::Transient));
    }
    for _ in 0..4 {
        send(&failover).await;
    }
    let Some(ErrorKind::Throttled(Some(wait))) = send(&failover).await else {
        panic!("it must say for how long")
    };
    assert_eq!((first.attempts().len(), second.attempts().len()), (2, 2));
    second.answer(|_| Answer::Written);
    first.answer(|_| Answer::Written);
    tokio::time::advance(wait).await;
    assert_eq!(send(&failover).await, None);
}
