//! Asking a consumer for messages, with the memory for them reserved before they come.

use std::collections::VecDeque;
use std::time::Duration;

use hybridge_core::{Message, Permit, Share};
use serde_json::json;
use tokio::time::Instant;

use super::connection::Connection;
use super::wire::Incoming;

/// How long the server keeps a request.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it still has a request.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// So long without any word, and the requests are taken for lost.
const SILENCE: Duration = Duration::from_secs(12);
/// What is asked for at once where the memory is there.
const CHUNK: u64 = 512 << 10;
/// The least that is asked for.
const SMALL: u64 = 4 << 10;
const MESSAGES: u64 = 512;
/// Requests that are out at a time: while one is answered the next one waits at the server.
const REQUESTS: usize = 2;
/// What a message has beside its body that the server counts and nobody knows before.
const SLACK: u64 = 16 << 10;

/// The requests of one subscription.
#[derive(Debug)]
pub(super) struct Pull {
    /// Where requests go.
    subject: String,
    /// `_INBOX.x.`, to which the number of the request is added.
    inbox: String,
    pub(super) sid: u64,
    /// Requests that are out, in the order in which the server answers them.
    requests: VecDeque<Request>,
    number: u64,
    share: Share,
    limits: Limits,
    /// Bytes that the next message alone needs, where it did not fit.
    needed: u64,
    /// When anything was last heard of a request, or the first was sent.
    heard: Instant,
}

/// What a consumer allows a request to ask for; 0 for no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// What the route may hold.
    pub(super) cap: u64,
    pub(super) batch: u64,
    pub(super) bytes: u64,
    pub(super) expires: Duration,
    /// The server's largest message.
    pub(super) max_payload: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    messages: u64,
    answered: u64,
    permit: Permit,
}

/// What the server said about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// It is still there, or it came to its end in the usual way.
    Usual,
    /// The consumer is not there any more, or cannot be asked like this.
    Gone(String),
}

impl Pull {
    pub(super) fn new(
        connection: &mut Connection,
        stream: &str,
        consumer: &str,
        share: Share,
        limits: Limits,
    ) -> Self {
        let inbox = super::api::inbox();
        let sid = connection.subscribe(&format!("{inbox}.*"), None);
        Self {
            subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
            inbox: format!("{inbox}."),
            sid,
            requests: VecDeque::new(),
            number: 0,
            share,
            limits,
            needed: 0,
            heard: Instant::now(),
        }
    }

    /// Whether another request would be of use.
    pub(super) fn is_short(&self) -> bool {
        self.requests.len() < REQUESTS && (self.needed == 0 || self.requests.is_empty())
    }

    /// When the consumer is silent for too long: the server says every few seconds that it still has a request, so it
    /// has lost them then, though the connection may live. `None` while nothing is asked.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        (!self.requests.is_empty()).then(|| self.heard + SILENCE)
    }

    /// Asks for at most `room` messages, as far as there is memory; whether it did. What comes is at most what the
    /// request has reserved.
    pub(super) fn ask(&mut self, connection: &mut Connection, room: u64) -> bool {
        let mut messages = room.min(MESSAGES);
        if self.limits.batch > 0 {
            messages = messages.min(self.limits.batch);
        }
        let overhead = Message::OVERHEAD as u64;
        let most = (self.limits.cap / 4).clamp(SMALL, CHUNK).max(self.needed);
        let least = SMALL.max(self.needed);
        let mut bytes = most;
        let permit = loop {
            if let Some(permit) = self.share.try_take(bytes + messages * overhead) {
                break permit;
            }
            if bytes <= least && messages <= 1 {
                return false;
            }
            bytes = (bytes / 4).max(least);
            messages = (messages / 4).max(1);
        };
        let bytes = if self.limits.bytes > 0 { bytes.min(self.limits.bytes) } else { bytes };
        let limit = self.limits.expires;
        let expires = if limit.is_zero() { EXPIRES } else { EXPIRES.min(limit) };
        let heartbeat = HEARTBEAT.min(expires / 3);
        if self.requests.is_empty() {
            self.heard = Instant::now();
        }
        self.number += 1;
        let body = json!({
            "batch": messages, "max_bytes": bytes,
            "expires": expires.as_nanos() as u64, "idle_heartbeat": heartbeat.as_nanos() as u64,
        });
        let reply = format!("{}{}", self.inbox, self.number);
        connection.publish(
            self.subject.as_bytes(),
            reply.as_bytes(),
            b"",
            body.to_string().as_bytes(),
        );
        self.requests.push_back(Request { number: self.number, messages, answered: 0, permit });
        true
    }

    /// A message came: its part of what was reserved, for so many bytes. `None` where it was not asked for and there is
    /// no memory for it.
    pub(super) fn answered(&mut self, bytes: u64, now: Instant) -> Option<Permit> {
        self.needed = 0;
        self.heard = now;
        let Some(request) = self.requests.front_mut() else { return self.share.try_take(bytes) };
        let mut permit = request.permit.split(bytes);
        if permit.bytes() < bytes {
            permit.grow(bytes - permit.bytes());
        }
        request.answered += 1;
        if request.answered >= request.messages {
            self.requests.pop_front();
        }
        Some(permit)
    }

    /// What the server says about a request instead of a message.
    pub(super) fn heard(&mut self, incoming: &Incoming, status: u16) -> Notice {
        let description = incoming.description();
        self.heard = Instant::now();
        if status == 100 {
            return Notice::Usual;
        }
        let number = incoming.subject.get(self.inbox.len()..);
        let number =
            number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        let mut gave_something = true;
        if let Some(number) = number {
            // Requests before it were answered in full, whatever was counted.
            while self.requests.front().is_some_and(|request| request.number <= number) {
                let ended = self.requests.pop_front();
                gave_something = ended.is_none_or(|ended| ended.answered > 0);
            }
        }
        let lower = description.to_ascii_lowercase();
        match status {
            409 if lower.contains("maxbytes") && !lower.contains("maxrequest") => {
                if !gave_something && !self.grow() {
                    return Notice::Gone("a message is larger than the consumer allows".to_owned());
                }
                Notice::Usual
            }
            404 | 408 => Notice::Usual,
            _ => Notice::Gone(format!("{status} {description}")),
        }
    }

    /// The next message is larger than what was asked for; `false` where no more may be asked for.
    fn grow(&mut self) -> bool {
        let most = self.limits.max_payload.max(CHUNK) + SLACK;
        let most = if self.limits.bytes > 0 { most.min(self.limits.bytes) } else { most };
        if self.needed >= most {
            return false;
        }
        // What was asked for last may have been as little as this, where memory was scarce.
        self.needed = (SMALL.max(self.needed) * 4).min(most);
        true
    }
}

/// What the reply subject of a message tells: `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`,
/// or with a domain and an account behind `ACK`, and something random at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) delivered: u64,
    pub(super) stream_seq: u64,
    pub(super) consumer_seq: u64,
    /// In nanoseconds since 1970.
    pub(super) time: i64,
    pub(super) pending: u64,
}

impl Place {
    pub(super) fn parse(reply: &[u8]) -> Option<Self> {
        let mut tokens = [&b""[..]; 12];
        let mut count = 0;
        for token in reply.split(|byte| *byte == b'.') {
            if count < tokens.len() {
                tokens[count] = token;
            }
            count += 1;
        }
        let first = match count {
            9 => 4,
            11.. => 6,
            _ => return None,
        };
        if tokens[0] != b"$JS" || tokens[1] != b"ACK" {
            return None;
        }
        let number = |index: usize| -> Option<u64> {
            let digits = tokens.get(first + index)?;
            if digits.is_empty() || digits.len() > 19 {
                return None;
            }
            let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
            digits
                .iter()
                .try_fold(0_u64, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)?))
        };
        Some(Self {
            delivered: number(0)?,
            stream_seq: number(1)?,
            consumer_seq: number(2)?,
            time: i64::try_from(number(3)?).ok()?,
            pending: number(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_place() {
        let place = Place { delivered: 2, stream_seq: 10, consumer_seq: 3, time: 99, pending: 7 };
        for reply in [
            "$JS.ACK.S.C.2.10.3.99.7",
            "$JS.ACK._.hash.S.C.2.10.3.99.7",
            "$JS.ACK._.hash.S.C.2.10.3.99.7.x9",
        ] {
            assert_eq!(Place::parse(reply.as_bytes()), Some(place), "{reply}");
        }
        for reply in
            ["", "a.b", "$JS.ACK.S.C.2.10.3.99.x", "$JS.ACK.S.C.2.10.3.99", "x.ACK.S.C.2.10.3.99.7"]
        {
            assert_eq!(Place::parse(reply.as_bytes()), None, "{reply}");
        }
    }
}
