use std::sync::atomic::{AtomicI64, Ordering};

use hybridge_core::{Pool, Source as _};

use super::*;
use crate::positions::memory::Memory;

/// 2026-03-28T12:00:00Z, the day before clocks go forward in Europe.
const NOON: i64 = 1_774_699_200_000;
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// A wall clock that goes with tokio's and can jump.
#[derive(Clone)]
struct Wall(Instant, Arc<AtomicI64>);

impl Wall {
    fn at(time: i64) -> Self {
        Self(Instant::now(), Arc::new(AtomicI64::new(time)))
    }
    fn now(&self) -> i64 {
        self.1.load(Ordering::Relaxed) + self.0.elapsed().as_millis() as i64
    }
    fn jump(&self, by: i64) {
        self.1.fetch_add(by, Ordering::Relaxed);
    }
}

struct Bench {
    config: SourceConfig,
    wall: Wall,
    positions: Memory,
    budget: Budget,
}

impl Bench {
    fn new(config: serde_json::Value) -> Self {
        let config = serde_json::from_value(config).unwrap();
        let (wall, positions) = (Wall::at(NOON), Memory::default());
        Self { config, wall, positions, budget: Budget::unlimited() }
    }

    async fn source(&self, cap: usize) -> Reader {
        let (positions, wall) = (Box::new(self.positions.clone()), self.wall.clone());
        let clock = Box::new(move || wall.now());
        let source =
            Source::with_clock(&self.config, "r", cap, positions, "here".into(), clock).unwrap();
        let mut reader = Reader { source, open: Vec::new(), early: Vec::new() };
        reader.source.connect(self.budget.clone()).await.unwrap();
        // Until where it starts is saved.
        reader.listen(SECOND / 2).await;
        reader
    }
}

struct Reader {
    source: Source,
    open: Vec<Delivery>,
    /// Came while the reader waited for something else.
    early: Vec<Delivery>,
}

impl Reader {
    /// The times of the ticks that come until there were `count`, in seconds after noon.
    async fn ticks(&mut self, count: usize) -> Vec<i64> {
        let time = |d: &Delivery| (d.message.time.unwrap() - NOON) / SECOND;
        let mut ticks: Vec<i64> = self.early.iter().map(time).collect();
        self.open.append(&mut self.early);
        while ticks.len() < count {
            let event = tokio::time::timeout(Duration::from_secs(86_400), self.source.next());
            if let Event::Deliveries(deliveries) = event.await.unwrap().unwrap() {
                ticks.extend(deliveries.iter().map(time));
                self.open.extend(deliveries);
            }
        }
        ticks
    }

    async fn listen(&mut self, time: i64) {
        let until = Instant::now() + Duration::from_millis(time as u64);
        while let Ok(event) = tokio::time::timeout_at(until, self.source.next()).await {
            if let Event::Deliveries(deliveries) = event.unwrap() {
                self.early.extend(deliveries);
            }
        }
    }

    async fn none_within(&mut self, time: i64) {
        self.listen(time).await;
        assert!(self.early.is_empty(), "{:?}", self.early);
    }

    async fn settle_all(&mut self) {
        let settled: Vec<_> = self.open.iter().map(|d| (d.tag, Outcome::Delivered)).collect();
        self.source.settle(&settled);
        self.open.clear();
        self.source.flush();
        loop {
            match self.source.next().await.unwrap() {
                Event::Flushed => return,
                Event::Deliveries(deliveries) => self.early.extend(deliveries),
                _ => {}
            }
        }
    }
}

fn every(every: &str, grace: &str) -> serde_json::Value {
    serde_json::json!({ "every": every, "grace": grace })
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_an_event_whose_identity_is_its_time() {
    let bench = Bench::new(every("10s", "1m"));
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(3).await, [10, 20, 30]);
    let message = &reader.open[0].message;
    let attribute = |name| message.attributes.text(name).unwrap();
    assert_eq!(attribute("id"), "r/2026-03-28T12:00:10Z");
    assert_eq!(attribute("subject"), "2026-03-28T12:00:10Z");
    assert_eq!(attribute("time"), "2026-03-28T12:00:10Z");
    assert_eq!(attribute("source"), "/hybridge/schedule/r");
    assert_eq!(attribute("type"), "io.hybridge.schedule.tick");
    assert_eq!(message.payload.as_deref().unwrap(), br#"{"time":"2026-03-28T12:00:10Z"}"#);
    let encoded = hybridge_schemas::cloudevents::json::encode(message).unwrap();
    let mode = hybridge_schemas::cloudevents::Mode::Strict;
    hybridge_schemas::cloudevents::json::decode(&encoded.into(), mode).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_what_was_not_settled_and_makes_up_for_what_is_within_grace() {
    let bench = Bench::new(every("10s", "25s"));
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(2).await, [10, 20]);
    reader.source.settle(&[(reader.open[0].tag, Outcome::Delivered)]);
    reader.none_within(5 * SECOND).await;
    drop(reader);
    // Down until 12:01:05: 30 is beyond the grace, and so is 20, but that was given out.
    bench.wall.jump(MINUTE - 20 * SECOND);
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(4).await, [20, 40, 50, 60]);
    reader.settle_all().await;
    drop(reader);
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(1).await, [70]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_right_after_the_first_start_is_not_missed_by_a_restart() {
    let bench = Bench::new(every("10s", "1m"));
    drop(bench.source(100).await);
    bench.wall.jump(15 * SECOND);
    assert_eq!(bench.source(100).await.ticks(1).await, [10]);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_not_counted_again_and_does_not_come_after_a_restart() {
    let bench = Bench::new(every("10s", "5s"));
    let mut reader = bench.source(100).await;
    bench.wall.jump(MINUTE + 2 * SECOND);
    assert_eq!(reader.ticks(1).await, [60]);
    reader.settle_all().await;
    bench.wall.jump(MINUTE - 4 * SECOND);
    reader.none_within(SECOND).await;
    reader.settle_all().await;
    drop(reader);
    assert_eq!(bench.source(100).await.ticks(1).await, [120]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_back_doubles_nothing_and_one_that_was_wrong_does_not_stop_it() {
    let bench = Bench::new(every("10s", "1m"));
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(2).await, [10, 20]);
    bench.wall.jump(-15 * SECOND);
    let before = Instant::now();
    assert_eq!(reader.ticks(1).await, [30]);
    assert_eq!(before.elapsed().as_secs(), 25);
    reader.settle_all().await;
    bench.wall.jump(-3 * DAY);
    let failed = tokio::time::timeout(Duration::from_secs(60), reader.source.next()).await;
    assert_eq!(failed.unwrap().unwrap_err().kind(), ErrorKind::Transient);
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn years_of_missed_ticks_are_passed_at_once() {
    let bench = Bench::new(every("1ms", "3ms"));
    let mut reader = bench.source(1).await;
    assert_eq!(reader.open.len() + reader.early.len(), 1);
    reader.ticks(1).await;
    bench.wall.jump(1000 * DAY);
    reader.settle_all().await;
    assert_eq!(reader.ticks(1).await, [1000 * DAY / SECOND]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_away_holds_ticks_to_the_cap_and_the_memory() {
    let mut bench = Bench::new(every("10s", "1h"));
    let mut reader = bench.source(2).await;
    assert_eq!(reader.ticks(2).await, [10, 20]);
    reader.none_within(10 * MINUTE).await;
    reader.settle_all().await;
    assert_eq!(reader.ticks(2).await, [30, 40]);
    drop(reader);

    bench.budget = Pool::new(0).route(1, 1);
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(1).await, [30]);
    reader.none_within(MINUTE).await;
    reader.settle_all().await;
    assert_eq!(reader.ticks(1).await, [40]);
}

#[tokio::test(start_paused = true)]
async fn cron_goes_by_the_time_zone_over_the_change_of_clocks() {
    let daily = serde_json::json!({ "cron": "30 2 * * *", "timezone": "Europe/Berlin" });
    let bench = Bench::new(daily);
    let mut reader = bench.source(100).await;
    // 02:30 does not exist on the 29th: 03:00 summer time, which is 01:00 UTC; then 00:30 UTC.
    let hour = 3600;
    let got = reader.ticks(2).await;
    assert_eq!(got, [13 * hour, 36 * hour + hour / 2]);
}

#[tokio::test(start_paused = true)]
async fn seconds_come_first_in_a_cron_of_six_fields() {
    let bench = Bench::new(serde_json::json!({ "cron": "*/20 * * * * *" }));
    let mut reader = bench.source(100).await;
    assert_eq!(reader.ticks(3).await, [20, 40, 60]);
}

#[test]
fn what_is_no_schedule_is_refused() {
    for (config, expected) in [
        (serde_json::json!({ "cron": "61 * * * *" }), "cron expression `61 * * * *`"),
        (serde_json::json!({ "cron": "* * * * * * 2027" }), "cron expression"),
        (serde_json::json!({ "cron": "* * * * *", "timezone": "Mars/Base" }), "time zone"),
        (serde_json::json!({ "cron": "* * * * *", "every": "1s" }), "`cron` or `every`"),
        (serde_json::json!({ "every": "0s" }), "no interval"),
        (serde_json::json!({}), "`cron` or `every`"),
    ] {
        let config: SourceConfig = serde_json::from_value(config).unwrap();
        let positions = Box::new(Memory::default());
        let made = Source::new(&config, "r", 10, positions, "here".into());
        let error = made.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
