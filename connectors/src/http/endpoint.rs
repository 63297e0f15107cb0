//! One path of a listener: from a request to the route, and from its outcome to the answer.
//!
//! Lives on the runtime of the HTTP servers; the [`Source`](super::Source) that it belongs to lives
//! on a worker and takes arrivals out of a bounded channel. A request that is not answered by the
//! source, for whatever reason, is answered with 503 here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hybridge_config::connector::http::SourceConfig;
use hybridge_core::{Error, Message, Permit, Share};
use hyper::body::Body;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, Instant};

use super::access::Access;
use super::answer::{self, Entry, Refusal, Settled};
use super::answers::Answers;
use super::body::{self, Purse, Unread};
use super::ferry::{Ferry, Landing, Refused};
use super::intake::{Intake, Taken};

/// Taken for the attributes and headers of a request before they are decoded; more is charged
/// afterwards.
const HEAD: usize = 512;
/// What is read and thrown away of a body that is too large, so that its client reads the 413.
const DISCARDED: (u64, Duration) = (8 << 20, Duration::from_secs(2));

/// What a request hands to its source: its messages, and where to answer.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) messages: Messages,
    /// The bytes of all of them.
    pub(super) permit: Permit,
    /// When the request stops waiting.
    pub(super) deadline: Instant,
    /// Dropped without an answer, it means 503.
    pub(super) reply: oneshot::Sender<Settled>,
}

/// The messages of one request.
#[derive(Debug)]
pub(super) enum Messages {
    /// Of a request with one message.
    One(Message),
    /// Of a batch; never empty.
    Many(Vec<Message>),
}

/// One path.
pub(super) struct Endpoint {
    route: String,
    access: Access,
    intake: Intake,
    limits: body::Limits,
    timeout: Duration,
    max_requests: usize,
    purse: Purse,
    ferry: Arc<Ferry>,
    answers: Answers,
    stopping: AtomicBool,
    open: AtomicUsize,
    quiet: Notify,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("route", &self.route).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint and where its arrivals land, once the ferry's task runs.
    pub(super) fn new(
        config: &SourceConfig,
        route: &str,
        share: Share,
    ) -> Result<(Self, Landing), Error> {
        let max_requests = config.max_requests as usize;
        let (ferry, landing) = Ferry::new(max_requests.max(1));
        let limits =
            body::Limits { bytes: config.max_message.get(), time: config.body_timeout.get() };
        let endpoint = Self {
            route: route.to_owned(),
            access: Access::new(config)?,
            intake: Intake::new(config)?,
            limits,
            timeout: config.timeout.get(),
            max_requests,
            purse: Purse::new(share),
            ferry,
            answers: Answers::new(route),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            quiet: Notify::new(),
        };
        Ok((endpoint, landing))
    }

    /// What carries its arrivals; its task belongs on the runtime that the endpoint is called on.
    pub(super) fn ferry(&self) -> Arc<Ferry> {
        self.ferry.clone()
    }

    /// The route that it serves.
    pub(super) fn route(&self) -> &str {
        &self.route
    }

    /// From now on new requests are told to come again, on another connection.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Requests that are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Returns once no request is open.
    pub(super) async fn quiet(&self) {
        loop {
            let mut quiet = std::pin::pin!(self.quiet.notified());
            quiet.as_mut().enable();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// Answers one request. Dropped when its client goes away; what was handed over by then goes
    /// on.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
    {
        let _open = Open::new(self);
        let version = request.version();
        let mut response = match self.respond(request).await {
            Ok(response) => response,
            Err(refusal) => refusal.response(),
        };
        self.answers.count(response.status());
        if self.is_stopping() && version <= Version::HTTP_11 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    async fn respond<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS {
            return self.access.handshake(&head.headers);
        }
        if head.method != Method::POST {
            let code = StatusCode::METHOD_NOT_ALLOWED;
            return Err(Refusal::never(code, "events are sent with POST"));
        }
        self.access.check_token(&head.headers, head.uri.query())?;
        if self.is_stopping() {
            return Err(Refusal::later("the route is stopping", answer::SOON));
        }
        if self.open.load(Ordering::Relaxed) > self.max_requests {
            return Err(Refusal::later("too many requests are open", answer::SOON));
        }
        let (body, permit) = self.read(body).await?;
        self.access.check_signature(&head.headers, &body, SystemTime::now())?;
        let taken = self.intake.take(&head.headers, body)?;
        // The head keeps the connection's read buffer, which is wanted for the next request.
        drop(head);
        match taken {
            Taken::One(message) => self.deliver_one(message, permit).await,
            Taken::Batch(batch) => self.deliver_batch(batch, permit).await,
        }
    }

    async fn read<B>(&self, body: B) -> Result<(Bytes, Permit), Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let extra = (Message::OVERHEAD + HEAD) as u64;
        let mut body = std::pin::pin!(body);
        match body::read(body.as_mut(), extra, self.limits, &self.purse).await {
            Ok(read) => Ok(read),
            Err(Unread::NoBudget) => {
                Err(Refusal::later("too much is waiting to be delivered", answer::SOON))
            }
            Err(Unread::TooLarge) => {
                body::discard(body, DISCARDED.0, DISCARDED.1).await;
                Err(Refusal::never(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))
            }
            Err(Unread::TooSlow) => {
                Err(Refusal::never(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"))
            }
            Err(Unread::Broken) => {
                Err(Refusal::never(StatusCode::BAD_REQUEST, "the body broke off"))
            }
        }
    }

    async fn deliver_one(
        &self,
        message: Message,
        permit: Permit,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        let settled = self.deliver(Messages::One(message), permit).await?;
        match settled {
            Settled::One(outcome) => Ok(answer::one(outcome)),
            Settled::Many(_) => Err(Refusal::later("the route answered out of turn", answer::SOON)),
        }
    }

    async fn deliver_batch(
        &self,
        batch: Vec<Result<Message, Entry>>,
        permit: Permit,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        let mut entries = Vec::with_capacity(batch.len());
        let mut messages = Vec::with_capacity(batch.len());
        for (index, event) in batch.into_iter().enumerate() {
            match event {
                Err(entry) => entries.push(entry),
                Ok(message) => {
                    let id = message.attributes.text("id").map(str::to_owned);
                    let status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
                    entries.push(Entry { index, id, status, error: None });
                    messages.push(message);
                }
            }
        }
        if messages.is_empty() {
            return Ok(answer::batch(&entries));
        }
        let Settled::Many(outcomes) = self.deliver(Messages::Many(messages), permit).await? else {
            return Err(Refusal::later("the route answered out of turn", answer::SOON));
        };
        let open = entries.iter_mut().filter(|entry| entry.error.is_none());
        for (entry, outcome) in open.zip(outcomes) {
            let (code, reason) = answer::verdict(outcome);
            entry.status = code.as_u16();
            entry.error = (!reason.is_empty()).then(|| reason.to_owned());
        }
        Ok(answer::batch(&entries))
    }

    async fn deliver(&self, messages: Messages, mut permit: Permit) -> Result<Settled, Refusal> {
        let size = messages.size();
        if size > permit.bytes() {
            permit.grow(size - permit.bytes());
        }
        let deadline = Instant::now() + self.timeout;
        let (reply, replied) = oneshot::channel();
        let arrival = Arrival { messages, permit, deadline, reply };
        self.ferry.board(arrival).map_err(|refused| match refused {
            Refused::Full => Refusal::later("the route is busy", answer::SOON),
            Refused::Closed => Refusal::later("the route is stopping", answer::SOON),
        })?;
        match tokio::time::timeout_at(deadline, replied).await {
            Ok(Ok(settled)) => Ok(settled),
            Ok(Err(_)) => {
                Err(Refusal::later("the route stopped before it was delivered", answer::SOON))
            }
            Err(_) => Err(Refusal::later("it was not delivered in time", answer::LATER)),
        }
    }
}

impl Messages {
    fn size(&self) -> u64 {
        match self {
            Self::One(message) => message.size() as u64,
            Self::Many(messages) => messages.iter().map(|message| message.size() as u64).sum(),
        }
    }
}

/// Counts an open request.
struct Open<'a>(&'a Endpoint);

impl<'a> Open<'a> {
    fn new(endpoint: &'a Endpoint) -> Self {
        endpoint.open.fetch_add(1, Ordering::AcqRel);
        Self(endpoint)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 && self.0.is_stopping() {
            self.0.quiet.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
