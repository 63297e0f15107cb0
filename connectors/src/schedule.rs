//! Events by the clock: a CloudEvent at every tick of a cron expression or an interval.
//!
//! Ticks go by the wall clock. It may jump: forwards, and the ticks that it jumped over are made up
//! for within `grace`; backwards, and no tick comes twice. A tick's `id` is made of the route and
//! the tick's time, so that a repetition after a crash can be told.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::connector::schedule::SourceConfig;
use hybridge_core::{
    Assignment, Attributes, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome,
    Place, Share, Tag, Text, Value, Watermark,
};
use tokio::time::{Duration, Instant};

use crate::positions::{Keeper, Positions, SAVE_WITHIN};

mod ticks;

use ticks::{Ticks, rfc3339};

/// The wall clock in milliseconds since 1970-01-01T00:00:00Z.
pub(crate) type Clock = Box<dyn Fn() -> i64>;

/// How long it sleeps at most: when it sees that the wall clock has jumped.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// Most ticks that were missed and are counted one by one.
const MOST_COUNTED: u64 = 1000;
/// Most ticks in one event.
const BATCH: usize = 100;
/// How far the wall clock may go back while this waits for it; beyond, it was wrong before.
const DAY: i64 = 86_400_000;

/// One assignment, whose positions are the times of ticks in milliseconds.
pub(crate) struct Source {
    ticks: Ticks,
    grace: i64,
    event: Template,
    place: Arc<Place>,
    uncommitted: usize,
    /// Of another schedule of the same route nothing is taken over.
    name: String,
    keeper: Keeper,
    clock: Clock,
    open: Option<Open>,
}

/// What every event of the schedule has.
struct Template {
    route: String,
    event_type: Text,
    source: Text,
    subject: Option<Text>,
    data: Option<Bytes>,
}

struct Open {
    assignment: Assignment,
    share: Share,
    watermark: Watermark,
    /// Ticks up to this time have been given out, or were missed.
    last: i64,
    /// The tick after `last`, once it is known: with cron it takes a search.
    next: Option<Option<i64>>,
    /// Ticks up to this time were given out before a restart: they are never missed.
    given_before: i64,
    announced: bool,
    starved: bool,
    stopped: bool,
    asked: Asked,
    answering: Option<Asked>,
    save_at: Option<Instant>,
}

#[derive(Default)]
struct Asked {
    flush: bool,
    release: bool,
}

/// The numbers that are saved: everything before the first is settled, and ticks up to the second
/// were given out.
const NUMBERS: usize = 2;

impl Source {
    /// The source of `route`. An expression or time zone that does not exist is an error.
    pub(crate) fn new(
        config: &SourceConfig,
        route: &str,
        uncommitted: usize,
        positions: Box<dyn Positions>,
        cluster: Text,
    ) -> Result<Self, Error> {
        let clock = || jiff::Timestamp::now().as_millisecond();
        Self::with_clock(config, route, uncommitted, positions, cluster, Box::new(clock))
    }

    pub(crate) fn with_clock(
        config: &SourceConfig,
        route: &str,
        uncommitted: usize,
        positions: Box<dyn Positions>,
        cluster: Text,
        clock: Clock,
    ) -> Result<Self, Error> {
        let data = config.data.as_ref().map(|data| Bytes::from(data.to_string()));
        let source = config.source.clone().unwrap_or_else(|| format!("/hybridge/schedule/{route}"));
        let event = Template {
            route: route.to_owned(),
            event_type: config.event_type.as_str().into(),
            source: source.into(),
            subject: config.subject.as_deref().map(Text::from),
            data,
        };
        let place = Place {
            connector: Text::from_static("schedule"),
            cluster,
            topic: route.into(),
            ..Place::default()
        };
        let spec = format!("{:?} {:?} {:?}", config.cron, config.timezone, config.every);
        Ok(Self {
            ticks: Ticks::new(config)?,
            grace: i64::try_from(config.grace.get().as_millis()).unwrap_or(i64::MAX),
            event,
            place: Arc::new(place),
            uncommitted,
            name: format!("schedule/{route}/{:08x}", crc32c::crc32c(spec.as_bytes())),
            keeper: Keeper::new(positions),
            clock,
            open: None,
        })
    }

    /// The ticks that are due, and when the next one is.
    fn due(&mut self) -> Result<(Vec<Delivery>, Option<i64>), Error> {
        let now = (self.clock)();
        let Some(open) = &mut self.open else { return Ok((Vec::new(), None)) };
        if open.last > now.saturating_add(DAY) {
            let context = format!(
                "the clock shows {}, but there were ticks up to {}: starting anew from now",
                rfc3339(now),
                rfc3339(open.last)
            );
            return Err(Error::transient(context));
        }
        let oldest = now.saturating_sub(self.grace);
        let mut deliveries = Vec::new();
        loop {
            skip_missed(&self.ticks, open, oldest);
            let Some(tick) = open.next(&self.ticks) else { return Ok((deliveries, None)) };
            let id = open.assignment.id();
            if tick > now || deliveries.len() == BATCH || open.watermark.is_full(id) {
                return Ok((deliveries, Some(tick)));
            }
            let message = self.event.message(tick, &self.place);
            let Some(permit) = open.share.try_take(message.size() as u64) else {
                open.starved = true;
                return Ok((deliveries, Some(tick)));
            };
            let position = u64::try_from(tick).unwrap_or(0);
            let Some(tag) = open.watermark.register(id, position) else {
                return Ok((deliveries, None));
            };
            open.pass(tick);
            open.save_at.get_or_insert_with(|| Instant::now() + SAVE_WITHIN);
            let assignment = open.assignment.clone();
            let (deadline, fault) = (None, None);
            deliveries.push(Delivery { tag, message, assignment, deadline, permit, fault });
        }
    }

    fn begin_save(&mut self) {
        let Some(open) = &mut self.open else { return };
        let is_due = open.save_at.is_some_and(|at| at <= Instant::now());
        let is_asked = open.asked.flush || open.asked.release;
        if open.answering.is_some() || !(is_due || is_asked) {
            return;
        }
        open.save_at = None;
        if let Some(numbers) = open.numbers() {
            self.keeper.set(self.name.clone(), numbers);
        }
        self.keeper.flush();
        open.answering = Some(std::mem::take(&mut open.asked));
    }
}

/// Passes over the ticks before `oldest` that were never given out, and says so.
fn skip_missed(ticks: &Ticks, open: &mut Open, oldest: i64) {
    let mut missed = 0;
    let mut first = None;
    while missed < MOST_COUNTED
        && let Some(tick) = open.next(ticks)
        && tick < oldest
        && tick > open.given_before
    {
        first = first.or(Some(tick));
        open.pass(tick);
        missed += 1;
    }
    let Some(first) = first else { return };
    if missed == MOST_COUNTED {
        open.pass(oldest - 1);
    }
    // Resolved, so that the saved position passes them.
    let position = u64::try_from(open.last).unwrap_or(0);
    if let Some(tag) = open.watermark.register(open.assignment.id(), position) {
        open.watermark.settle(tag, Outcome::Expired);
    }
    let (from, to) = (rfc3339(first), rfc3339(open.last));
    let route = &open.assignment.place().topic;
    tracing::warn!(%route, missed, from, to, "ticks were missed by more than the grace");
    metrics::counter!("hybridge_schedule_missed_total", "route" => route.to_string())
        .increment(missed);
}

impl Open {
    fn next(&mut self, ticks: &Ticks) -> Option<i64> {
        *self.next.get_or_insert_with(|| ticks.after(self.last))
    }

    /// Everything up to this time was given out, or was missed.
    fn pass(&mut self, time: i64) {
        self.last = time;
        self.next = None;
    }

    fn numbers(&self) -> Option<Vec<u64>> {
        let position = self.watermark.committable(self.assignment.id())?;
        let given = self.last.max(self.given_before);
        Some(vec![position, u64::try_from(given).unwrap_or(0)])
    }

    /// What there is to say that needs no tick.
    fn notice(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.announced, true) {
            return Some(Event::Assigned(vec![self.assignment.clone()]));
        }
        None
    }
}

impl Template {
    fn message(&self, tick: i64, place: &Arc<Place>) -> Message {
        let time = rfc3339(tick);
        let time_text = Text::from(time.as_str());
        let mut attributes = Attributes::new();
        let mut set = |name, value| attributes.set(Text::from_static(name), value);
        set("specversion", Value::String(Text::from_static("1.0")));
        set("id", Value::String(format!("{}/{time}", self.route).into()));
        set("source", Value::UriRef(self.source.clone()));
        set("type", Value::String(self.event_type.clone()));
        set("subject", Value::String(self.subject.clone().unwrap_or(time_text.clone())));
        set("time", Value::Timestamp(time_text));
        set("datacontenttype", Value::String(Text::from_static("application/json")));
        let tick_data = || Bytes::from(format!(r#"{{"time":"{time}"}}"#));
        let offset = u64::try_from(tick).unwrap_or(0);
        Message {
            payload: Some(self.data.clone().unwrap_or_else(tick_data)),
            attributes,
            origin: Origin { place: place.clone(), offset, child: 0 },
            time: Some(tick),
            ..Message::default()
        }
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.keeper.open().await?;
        let now = (self.clock)();
        let saved = self.keeper.get(&self.name, NUMBERS);
        let number = |index: usize| saved.get(index).and_then(|n| i64::try_from(*n).ok());
        let (start, given_before) = match (number(0), number(1)) {
            (Some(next), Some(given)) if next <= now.saturating_add(DAY) => (next - 1, given),
            (Some(_), Some(_)) => {
                tracing::warn!("the clock went back by more than a day; ticks start anew from now");
                (now, now)
            }
            _ => (now, now),
        };
        let assignment = Assignment::new(self.place.clone());
        let mut watermark = Watermark::new(self.uncommitted);
        watermark.assign(assignment.clone(), u64::try_from(start + 1).unwrap_or(0));
        self.open = Some(Open {
            assignment,
            share: budget.share(),
            watermark,
            last: start,
            next: None,
            given_before,
            announced: false,
            starved: false,
            stopped: false,
            asked: Asked::default(),
            answering: None,
            // Also where it starts is remembered: a tick that comes while it is down is missed.
            save_at: Some(Instant::now()),
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            self.begin_save();
            let Some(open) = &mut self.open else {
                return Err(Error::new(ErrorKind::Fatal, "the schedule is not connected"));
            };
            if let Some(event) = open.notice() {
                return Ok(event);
            }
            // Made before permits are tried, so that no release is missed.
            let released = open.share.released();
            let mut next = None;
            if !open.stopped && open.assignment.is_live() {
                let (deliveries, tick) = self.due()?;
                if !deliveries.is_empty() {
                    return Ok(Event::Deliveries(deliveries));
                }
                next = tick;
            }
            let wait = next.map(|tick| {
                let wait = u64::try_from(tick.saturating_sub((self.clock)())).unwrap_or(0);
                Duration::from_millis(wait).min(LOOK_AT_LEAST_EVERY)
            });
            let Some(open) = &mut self.open else { continue };
            let is_blocked = open.starved || open.watermark.is_full(open.assignment.id());
            let save_at = open.save_at.filter(|_| open.answering.is_none());
            let wake_at = wait.filter(|_| !is_blocked).map(|wait| Instant::now() + wait);
            let wake_at = wake_at.into_iter().chain(save_at).min();
            let starved = std::mem::take(&mut open.starved);
            tokio::select! {
                () = self.keeper.flushed() => {
                    let Some(asked) = open.answering.take() else { continue };
                    if asked.release {
                        open.asked.flush |= asked.flush;
                        open.assignment.end();
                        return Ok(Event::Released(open.assignment.clone()));
                    }
                    if asked.flush {
                        return Ok(Event::Flushed);
                    }
                }
                () = async { if starved { released.await } else { std::future::pending().await } } => {}
                () = async {
                    match wake_at {
                        Some(at) => tokio::time::sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                } => {}
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let Some(open) = &mut self.open else { return };
        for (tag, outcome) in settled {
            open.watermark.settle(*tag, *outcome);
        }
        open.save_at.get_or_insert_with(|| Instant::now() + SAVE_WITHIN);
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.asked.flush = true;
        }
    }

    fn release(&mut self, _assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.asked.release = true;
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stopped = true;
        }
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.open.as_ref().map(|open| open.watermark.positions()).unwrap_or_default()
    }

    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Some(numbers) = open.numbers() {
            self.keeper.set(self.name.clone(), numbers);
        }
        open.assignment.end();
        self.keeper.close().await;
    }
}

#[cfg(test)]
mod tests;
