use hybridge_core::{Delivery, Source as _};
use tokio::time::Duration;

use super::*;
use crate::nats::lease::memory::Memory;
use crate::schedule;

/// 2026-03-28T12:00:00Z.
const NOON: i64 = 1_774_699_200_000;
const TTL: Duration = Duration::from_secs(15);

/// Processes with the same schedule, a tick every second, over one entry. Their clocks go with tokio's.
struct Bench {
    bucket: Memory,
    began: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { bucket: Memory::default(), began: Instant::now() }
    }

    async fn process(&self, name: &str) -> Process {
        let config = serde_json::json!({ "every": "1s", "grace": "1h" });
        let config = serde_json::from_value(config).unwrap();
        let began = self.began;
        let make: Make = Box::new(move |positions| {
            let clock = Box::new(move || NOON + began.elapsed().as_millis() as i64);
            let cluster = "shared".into();
            let source =
                schedule::Source::with_clock(&config, "r", 1000, positions, cluster, clock);
            Ok(Box::new(source?))
        });
        let mut source = Source::new(self.bucket.terms(name, TTL), make).unwrap();
        source.connect(Budget::unlimited()).await.unwrap();
        Process { source, open: Vec::new() }
    }
}

struct Process {
    source: Source,
    open: Vec<Delivery>,
}

impl Process {
    /// The ticks that come within this time, in seconds after noon.
    async fn run(&mut self, time: u64) -> Vec<i64> {
        let until = Instant::now() + Duration::from_secs(time);
        let mut ticks = Vec::new();
        while let Ok(event) = tokio::time::timeout_at(until, self.source.next()).await {
            if let Event::Deliveries(deliveries) = event.unwrap() {
                ticks.extend(deliveries.iter().map(tick));
                self.open.extend(deliveries);
            }
        }
        ticks
    }

    fn settle(&mut self) {
        let settled: Vec<_> = self.open.drain(..).map(|d| (d.tag, Outcome::Delivered)).collect();
        self.source.settle(&settled);
    }
}

fn tick(delivery: &Delivery) -> i64 {
    (delivery.message.time.unwrap() - NOON) / 1000
}

/// Both get on at a time.
async fn both(one: &mut Process, other: &mut Process, time: u64) -> (Vec<i64>, Vec<i64>) {
    tokio::join!(one.run(time), other.run(time))
}

#[tokio::test(start_paused = true)]
async fn one_reads_and_the_other_goes_on_at_once_when_it_is_given_back() {
    let bench = Bench::new();
    let mut first = bench.process("first").await;
    let mut second = bench.process("second").await;
    assert_eq!(second.source.waits_for().unwrap(), "the lease `k`, held by first");
    let (ticks, none) = both(&mut first, &mut second, 60).await;
    assert_eq!((ticks.len(), none.len()), (60, 0));
    assert_eq!(first.source.waits_for(), None);
    // All but the last tick is settled.
    let last = first.open.pop().unwrap();
    first.settle();
    first.source.stop();
    first.source.flush();
    while !matches!(first.source.next().await.unwrap(), Event::Flushed) {}
    first.source.close().await;
    let within = TTL.as_secs() / 4 + 1;
    let ticks = second.run(within).await;
    assert_eq!(ticks[0], tick(&last), "neither left out nor repeated");
    assert!(ticks.windows(2).all(|two| two[0] + 1 == two[1]), "{ticks:?}");
    assert_eq!(second.source.waits_for(), None);
}

/// A process that stood still has been replaced: it gives nothing out, and what it settles is written nowhere.
#[tokio::test(start_paused = true)]
async fn who_stood_still_for_longer_than_the_lease_has_lost_it() {
    let bench = Bench::new();
    let mut first = bench.process("first").await;
    let mut second = bench.process("second").await;
    both(&mut first, &mut second, 10).await;
    first.settle();
    both(&mut first, &mut second, 1).await;
    // In the middle of its waiting the first stands still.
    let mut waiting = Box::pin(first.source.next());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let ticks = second.run(TTL.as_secs() * 2).await;
    assert!(matches!(waiting.await.unwrap(), Event::Lost(_)));
    let unsettled = first.open.iter().map(tick).next().unwrap();
    assert_eq!(ticks[0], unsettled, "it goes on behind what was settled");
    second.settle();
    second.run(1).await;
    let entry = bench.bucket.entry();
    first.settle();
    assert_eq!(first.run(5).await, [] as [i64; 0]);
    assert_eq!(bench.bucket.entry(), entry);
    assert_eq!((entry["holder"].as_str(), entry["token"].as_u64()), (Some("second"), Some(2)));
    // It closes and gives nothing back that is not its own.
    first.source.close().await;
    assert_eq!(bench.bucket.entry(), entry);
}

/// A save that was on its way when the process stood still comes too late for the entry of another holder.
#[tokio::test(start_paused = true)]
async fn a_save_that_comes_too_late_changes_nothing() {
    let bench = Bench::new();
    let mut first = bench.process("first").await;
    first.run(10).await;
    first.settle();
    let save = bench.bucket.hold_next_swap();
    first.run(1).await;
    let mut second = bench.process("second").await;
    second.run(TTL.as_secs() * 2).await;
    second.settle();
    second.run(1).await;
    let entry = bench.bucket.entry();
    drop(save);
    first.run(5).await;
    assert_eq!(bench.bucket.entry(), entry);
}

/// Whoever cannot renew stops before anybody else may take over, and answers what the route has asked for.
#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_before_the_lease_ends() {
    let bench = Bench::new();
    let mut first = bench.process("first").await;
    first.run(10).await;
    bench.bucket.away(true);
    let away = Instant::now();
    first.source.flush();
    let (mut lost, mut flushed) = (false, false);
    while !(lost && flushed) {
        match first.source.next().await.unwrap() {
            Event::Lost(assignment) => {
                assert!(!assignment.is_live());
                lost = true;
            }
            Event::Flushed => flushed = true,
            _ => {}
        }
    }
    assert!(away.elapsed() <= TTL * 2 / 3, "{:?}", away.elapsed());
    let failed = loop {
        match first.source.next().await {
            Ok(event) => assert!(!matches!(event, Event::Deliveries(_))),
            Err(error) => break error,
        }
    };
    assert_eq!(failed.to_string(), "away");
}

/// Nobody knows of what is not saved: of a holder that went on for the rest of its lease all of it would come again.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_saved_is_not_added_to() {
    let bench = Bench::new();
    let mut first = bench.process("first").await;
    first.run(10).await;
    first.settle();
    first.run(1).await;
    bench.bucket.away(true);
    let mut given = 0;
    for _ in 0..7 {
        given += first.run(1).await.len();
        first.settle();
    }
    assert!((1..=2).contains(&given), "{given}");
    bench.bucket.away(false);
    let ticks = first.run(10).await;
    assert!(ticks.len() >= 14, "what was due meanwhile comes: {ticks:?}");
    assert!(ticks.windows(2).all(|two| two[0] + 1 == two[1]), "{ticks:?}");
}
