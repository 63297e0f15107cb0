//! A queue that is being consumed: one connection, one channel, one assignment.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, OptionFuture};
use futures_util::stream::StreamExt;
use hybridge_config::connector::amqp::SourceConfig;
use hybridge_core::{Assignment, Delivery, Error, ErrorKind, Event, Outcome, Permit, Share, Tag};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::{Channel, Consumer};
use tokio::time::Instant;

use super::super::client::{self, Client};
use super::super::settling::{Frame, Settling};
use super::super::{declare, decode};
use super::gather::Gather;
use super::stream::{self, Stream};
use super::suspects::Caution;

/// Most messages in one event.
const BATCH: usize = 512;
/// How long an outcome waits for others, to be told together.
const TELL_WITHIN: Duration = Duration::from_millis(5);
/// How long one that is resolved behind a gap waits for the gap to close.
const TELL_BEHIND_A_GAP: Duration = Duration::from_millis(50);
/// How long what was abandoned waits before it is put back, so that nothing goes round at full speed.
const REQUEUE_AFTER: Duration = Duration::from_secs(1);
/// How often the broker is asked how many messages wait.
const ASK_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Open {
    client: Rc<Client>,
    channel: Channel,
    consumer: Consumer,
    queue: String,
    dead_letter_exchange: Option<String>,
    max_message: u64,
    prefetch: u16,
    /// As long as messages are taken one at a time.
    caution: Option<Caution>,
    ordered: bool,
    /// What is read, if it is a stream.
    stream: Option<Stream>,
    assignment: Assignment,
    share: Share,
    /// Taken from the client and not given out.
    waiting: VecDeque<lapin::message::Delivery>,
    gather: Gather,
    settling: Settling,
    /// To be rejected as soon as the exchange that they go to was seen.
    refused: Vec<u64>,
    checking: Option<LocalBoxFuture<'static, Result<(), Error>>>,
    /// To be put back, and when.
    abandoned: Vec<u64>,
    requeue_at: Option<Instant>,
    tell_at: Option<Instant>,
    tell_all_at: Option<Instant>,
    flushing: Option<Flushing>,
    ready: Option<u64>,
    ask_at: Instant,
    asking: Option<LocalBoxFuture<'static, Result<u32, Error>>>,
    announced: bool,
    pub(super) releasing: bool,
    stopped: bool,
    failure: Option<Error>,
    redelivered: metrics::Counter,
}

enum Flushing {
    Wanted,
    /// The position in the stream is being saved.
    Saving,
    /// The broker answers once it has taken all acknowledgements before the question.
    Asked(LocalBoxFuture<'static, lapin::Result<()>>),
}

/// What `next` waited for.
#[allow(clippy::large_enum_variant, reason = "it lives for one statement")]
enum Woken {
    Delivery(Option<lapin::Result<lapin::message::Delivery>>),
    Budget,
    Time,
    Checked(Result<(), Error>),
    Replaced(Result<Consumer, Error>),
    Flushed(lapin::Result<()>),
    Saved,
    Ready(Result<u32, Error>),
}

impl Open {
    #[allow(clippy::too_many_arguments, reason = "made in one place")]
    pub(super) fn new(
        client: Client,
        channel: Channel,
        consumer: Consumer,
        assignment: Assignment,
        share: Share,
        prefetch: u16,
        caution: Option<Caution>,
        ordered: bool,
        config: &SourceConfig,
        stream: Option<Stream>,
    ) -> Self {
        let queue = config.queue.clone();
        let redelivered =
            metrics::counter!("hybridge_amqp_redelivered_total", "queue" => queue.clone());
        Self {
            client: Rc::new(client),
            channel,
            consumer,
            queue,
            dead_letter_exchange: config.dead_letter_exchange.clone(),
            max_message: config.max_message.get(),
            prefetch,
            caution,
            // What is given up of a stream cannot be put back: it is read again.
            ordered: ordered || stream.is_some(),
            stream,
            assignment,
            share,
            waiting: VecDeque::new(),
            gather: Gather::new(prefetch),
            settling: Settling::new(),
            refused: Vec::new(),
            checking: None,
            abandoned: Vec::new(),
            requeue_at: None,
            tell_at: None,
            tell_all_at: None,
            flushing: None,
            ready: None,
            ask_at: Instant::now(),
            asking: None,
            announced: false,
            releasing: false,
            stopped: false,
            failure: None,
            redelivered,
        }
    }

    pub(super) fn lag(&self) -> Option<u64> {
        self.ready.map(|ready| ready + self.waiting.len() as u64)
    }

    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.notice()? {
                return Ok(event);
            }
            self.tell_what_is_due(Instant::now());
            let released = self.share.released();
            if let Some(event) = self.deliveries() {
                return Ok(event);
            }
            let woken = self.woken(released).await;
            if let Some(event) = self.react(woken) {
                return Ok(event);
            }
        }
    }

    fn notice(&mut self) -> Result<Option<Event>, Error> {
        if self.failure.is_some()
            && self.announced
            && self.assignment.phase() != hybridge_core::Phase::Over
        {
            self.assignment.end();
            return Ok(Some(Event::Lost(self.assignment.clone())));
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if !std::mem::replace(&mut self.announced, true) {
            return Ok(Some(Event::Assigned(vec![self.assignment.clone()])));
        }
        if std::mem::take(&mut self.releasing) {
            self.assignment.end();
            return Ok(Some(Event::Released(self.assignment.clone())));
        }
        Ok(None)
    }

    /// Waits for whatever comes first. Cancel-safe: what it takes is kept in `self` or handled before the next await.
    async fn woken(&mut self, released: impl Future<Output = ()>) -> Woken {
        let save_at = self.stream.as_ref().and_then(Stream::save_at);
        let gather = self.gather.wake_at();
        let ask = Some(self.ask_at);
        let timers = [gather, self.tell_at, self.tell_all_at, self.requeue_at, save_at, ask];
        let wake = timers.into_iter().flatten().min().unwrap_or_else(Instant::now);
        let takes = self.takes() && self.waiting.is_empty() && self.assignment.is_live();
        let flushing = match &mut self.flushing {
            Some(Flushing::Asked(asked)) => Some(asked),
            _ => None,
        };
        let replaced = self.caution.as_mut().and_then(Caution::ended);
        tokio::select! {
            biased;
            Some(replaced) = OptionFuture::from(replaced) => Woken::Replaced(replaced),
            Some(checked) = OptionFuture::from(self.checking.as_mut()) => Woken::Checked(checked),
            Some(flushed) = OptionFuture::from(flushing) => Woken::Flushed(flushed),
            Some(ready) = OptionFuture::from(self.asking.as_mut()) => Woken::Ready(ready),
            Some(()) = OptionFuture::from(self.stream.as_mut().map(Stream::saved)) => Woken::Saved,
            delivery = self.consumer.next(), if takes => Woken::Delivery(delivery),
            () = released, if !self.waiting.is_empty() && gather.is_none() && !self.stopped => Woken::Budget,
            () = tokio::time::sleep_until(wake) => Woken::Time,
        }
    }

    fn react(&mut self, woken: Woken) -> Option<Event> {
        match woken {
            Woken::Budget | Woken::Time => {}
            Woken::Delivery(delivery) => {
                self.took(delivery);
            }
            Woken::Replaced(replaced) => self.replace(replaced),
            Woken::Checked(checked) => {
                self.checking = None;
                match checked {
                    Ok(()) => {
                        for tag in std::mem::take(&mut self.refused) {
                            self.settling.reject(tag);
                        }
                        self.tell(false);
                    }
                    Err(error) => self.fail(error),
                }
            }
            Woken::Flushed(flushed) => {
                self.flushing = None;
                match flushed {
                    Ok(()) => return Some(Event::Flushed),
                    Err(error) => self.fail(client::failed("the channel ended", error)),
                }
            }
            Woken::Saved => {
                if matches!(self.flushing, Some(Flushing::Saving)) {
                    self.flushing = None;
                    return Some(Event::Flushed);
                }
            }
            Woken::Ready(ready) => {
                self.asking = None;
                match ready {
                    Ok(ready) => self.ready = Some(u64::from(ready)),
                    Err(error) => self.fail(error),
                }
            }
        }
        None
    }

    /// Takes what the consumer gives now, up to a batch. Returns whether it gave a delivery.
    fn took(&mut self, delivery: Option<lapin::Result<lapin::message::Delivery>>) -> bool {
        let queue = &self.queue;
        match delivery {
            Some(Ok(delivery)) => {
                if !self.settling.received(delivery.delivery_tag) {
                    let what =
                        format!("the broker gave a delivery tag of queue `{queue}` out of order");
                    self.fail(Error::new(ErrorKind::Disconnected, what));
                    return false;
                }
                let what = match (&mut self.stream, stream::offset(&delivery)) {
                    (None, None) => None,
                    (Some(stream), Some(offset)) => {
                        stream.received(delivery.delivery_tag, offset);
                        None
                    }
                    (Some(_), None) => Some("is no stream: leave `stream` out"),
                    (None, Some(_)) => Some("is a stream: write `stream: {}`"),
                };
                if let Some(what) = what {
                    let what = format!("the queue `{queue}` {what}");
                    self.fail(Error::new(ErrorKind::Disconnected, what));
                    return false;
                }
                if let Some(caution) = &mut self.caution {
                    caution.came(&delivery);
                }
                self.waiting.push_back(delivery);
                true
            }
            Some(Err(error)) => {
                let what = format!("the consumer of the queue `{queue}` ended");
                self.fail(client::failed(&what, error));
                false
            }
            None if self.stopped => false,
            None => {
                let what = format!(
                    "the broker cancelled the consumer of the queue `{queue}`: it was deleted or has moved"
                );
                self.fail(Error::new(ErrorKind::Disconnected, what));
                false
            }
        }
    }

    /// Whether the consumer is asked for more.
    fn takes(&self) -> bool {
        !self.stopped && !self.caution.as_ref().is_some_and(Caution::is_ending)
    }

    /// From now on as many messages are taken as are configured.
    fn replace(&mut self, replaced: Result<Consumer, Error>) {
        self.caution = None;
        match replaced {
            Ok(consumer) => {
                self.consumer = consumer;
                if self.stopped {
                    self.stop();
                }
                self.tell(false);
            }
            Err(error) => self.fail(error),
        }
    }

    /// As many messages as there are and the budget allows.
    fn deliveries(&mut self) -> Option<Event> {
        if self.stopped || !self.assignment.is_live() {
            return None;
        }
        while self.takes() && self.waiting.len() < BATCH {
            let Some(next) = self.consumer.next().now_or_never() else { break };
            if !self.took(next) {
                break;
            }
        }
        if self.gather.holds(self.waiting.len(), self.settling.open()) {
            return None;
        }
        let (count, mut permit) = self.room()?;
        self.gather.given_out();
        let mut redelivered = 0;
        let mut deliveries = Vec::with_capacity(count);
        for delivery in self.waiting.drain(..count) {
            redelivered += u64::from(delivery.redelivered);
            let permit = permit.split(decode::size(&delivery));
            let number = delivery.delivery_tag;
            let fault = (delivery.data.len() as u64 > self.max_message).then(|| {
                let (size, most) = (delivery.data.len(), self.max_message);
                Error::rejected(format!("a body of {size} bytes, and `max_message` is {most}"))
            });
            let offset = stream::offset(&delivery).unwrap_or(number);
            let message = decode::message(delivery, self.assignment.place().clone(), offset);
            deliveries.push(Delivery {
                tag: Tag { assignment: self.assignment.id(), number },
                message,
                assignment: self.assignment.clone(),
                deadline: None,
                permit,
                fault,
            });
        }
        if redelivered > 0 {
            self.redelivered.increment(redelivered);
        }
        Some(Event::Deliveries(deliveries))
    }

    /// How many of those that wait the budget has room for, and the bytes for them.
    fn room(&mut self) -> Option<(usize, Permit)> {
        let all = self.waiting.len().min(BATCH);
        if all == 0 {
            return None;
        }
        let bytes: u64 = self.waiting.iter().take(all).map(decode::size).sum();
        if let Some(permit) = self.share.try_take(bytes) {
            return Some((all, permit));
        }
        let mut permits: Option<Permit> = None;
        let mut count = 0;
        for delivery in self.waiting.iter().take(all) {
            let Some(permit) = self.share.try_take(decode::size(delivery)) else { break };
            count += 1;
            match &mut permits {
                None => permits = Some(permit),
                Some(permits) => {
                    // Of the same share, so nothing is left over.
                    let _ = permits.merge(permit);
                }
            }
        }
        permits.map(|permits| (count, permits))
    }

    pub(super) fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        for (tag, outcome) in settled {
            if tag.assignment != self.assignment.id() {
                continue;
            }
            match outcome {
                Outcome::Abandoned => self.abandoned.push(tag.number),
                Outcome::Rejected => self.refused.push(tag.number),
                Outcome::Delivered
                | Outcome::Filtered
                | Outcome::Expired
                | Outcome::DeadLettered => {
                    self.settling.resolve(tag.number);
                    self.take_more_after(tag.number);
                }
            }
        }
        let now = Instant::now();
        if self.settling.pending() >= (usize::from(self.prefetch) / 8).clamp(1, 256) {
            self.tell(false);
        }
        if self.settling.pending() > 0 {
            self.tell_at.get_or_insert(now + TELL_WITHIN);
        }
        if !self.abandoned.is_empty() && !self.stopped {
            if self.ordered {
                let what = "a message was given up: all that follow are read again with it";
                self.fail(Error::new(ErrorKind::Disconnected, what));
            } else {
                self.requeue_at.get_or_insert(now + REQUEUE_AFTER);
            }
        }
    }

    /// Ends the caution where this message was no suspect.
    fn take_more_after(&mut self, tag: u64) {
        let Some(caution) = self.caution.as_mut().filter(|caution| caution.is_over_with(tag))
        else {
            return;
        };
        if let Ok(queue) = declare::short(&self.queue) {
            let (client, channel) = (self.client.clone(), self.channel.clone());
            caution.end(client, channel, queue, self.consumer.tag(), self.prefetch);
        }
    }

    fn tell_what_is_due(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.requeue_at) {
            self.requeue_at = None;
            for tag in std::mem::take(&mut self.abandoned) {
                self.settling.requeue(tag);
            }
            self.tell(false);
        }
        if is_due(self.tell_all_at) {
            self.tell(true);
        } else if is_due(self.tell_at) {
            self.tell(false);
        }
        if !self.refused.is_empty() && self.checking.is_none() {
            self.checking = Some(self.check());
        }
        if let Some(stream) = &mut self.stream {
            if is_due(stream.save_at()) {
                stream.save();
            }
            if matches!(self.flushing, Some(Flushing::Wanted)) && stream.save() {
                self.flushing = Some(Flushing::Saving);
            }
        } else if matches!(self.flushing, Some(Flushing::Wanted))
            && self.refused.is_empty()
            && !self.caution.as_ref().is_some_and(Caution::is_ending)
        {
            self.tell(true);
            let (channel, prefetch) = (self.channel.clone(), self.prefetch);
            let asked =
                async move { channel.basic_qos(prefetch, BasicQosOptions::default()).await };
            self.flushing = Some(Flushing::Asked(asked.boxed_local()));
        }
        if self.ask_at <= now && self.asking.is_none() {
            self.ask_at = now + ASK_EVERY;
            let (client, channel) = (self.client.clone(), self.channel.clone());
            let queue = self.queue.clone();
            let asking =
                async move { client.in_time(declare::queue_exists(&channel, &queue)).await };
            self.asking = Some(asking.boxed_local());
        }
    }

    /// Tells the broker what is settled. The frames are queued at once, in order, behind those before; nobody waits for them to
    /// be written, because what becomes of a connection is heard from the consumer.
    fn tell(&mut self, all: bool) {
        if self.caution.as_ref().is_some_and(Caution::is_ending) {
            self.tell_at = None;
            return;
        }
        for frame in self.settling.frames(all) {
            let channel = &self.channel;
            let queued = match frame {
                Frame::AckUpTo(tag) => {
                    channel.basic_ack(tag, BasicAckOptions { multiple: true }).now_or_never()
                }
                Frame::Ack(tag) => {
                    channel.basic_ack(tag, BasicAckOptions::default()).now_or_never()
                }
                Frame::Requeue(tag) => {
                    let options = BasicNackOptions { requeue: true, multiple: false };
                    channel.basic_nack(tag, options).now_or_never()
                }
                Frame::Reject(tag) => {
                    channel.basic_reject(tag, BasicRejectOptions { requeue: false }).now_or_never()
                }
            };
            if let Some(Err(error)) = queued {
                self.fail(client::failed("the channel ended", error));
                return;
            }
        }
        if let Some(stream) = &mut self.stream {
            stream.resolved_before(self.settling.first());
        }
        self.tell_at = None;
        self.tell_all_at =
            (self.settling.pending() > 0).then(|| Instant::now() + TELL_BEHIND_A_GAP);
    }

    /// Looks whether the exchange that rejected messages go to is there: without it the broker would drop them.
    fn check(&self) -> LocalBoxFuture<'static, Result<(), Error>> {
        let client = self.client.clone();
        let exchange = self.dead_letter_exchange.clone().unwrap_or_default();
        let looking = async move {
            let channel = client.channel().await?;
            client.in_time(declare::exchange_exists(&channel, &exchange)).await?;
            Ok(())
        };
        looking.boxed_local()
    }

    pub(super) fn flush(&mut self) {
        self.tell(true);
        self.flushing = Some(Flushing::Wanted);
    }

    /// The broker stops to deliver; what was delivered and not given out comes again.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        let tag = self.consumer.tag();
        let _ = self.channel.basic_cancel(tag, BasicCancelOptions::default()).now_or_never();
    }

    pub(super) async fn close(mut self) {
        self.tell(true);
        self.assignment.end();
        if let Some(stream) = self.stream.take() {
            stream.close().await;
        }
        self.client.close().await;
    }

    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }
}
