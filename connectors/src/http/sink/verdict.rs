//! What an answer means for the message that was posted.

use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hybridge_core::{Error, ErrorKind};
use hybridge_schemas::cloudevents::webhook::{Reaction, reaction, retry_after};
use hyper::body::{Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use hyper::{HeaderMap, Response, StatusCode};

/// What is read of an answer that nobody needs, so that its connection can be used again.
pub(super) const DRAINED: usize = 64 * 1024;
/// What is read of the answer to a batch.
pub(super) const BATCH_ANSWER: usize = 4 * 1024 * 1024;

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    wait: Option<Duration>,
    /// Empty where it was longer than what was asked for, or broke off.
    pub(super) body: Bytes,
}

impl Answer {
    /// Reads at most `limit` bytes of the body. What the status said holds, however the body ends.
    pub(super) async fn read(response: Response<Incoming>, limit: usize, most: Duration) -> Self {
        let status = response.status();
        let wait = wait(status, response.headers(), most);
        let body = http_body_util::Limited::new(response.into_body(), limit).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Self { status, wait, body }
    }

    /// Whether the message was taken; `shown` names the target in the error.
    pub(super) fn verdict(&self, shown: &str) -> Result<(), Error> {
        match kind(self.status, self.wait) {
            None => Ok(()),
            Some(kind) => {
                let (status, hint) = (self.status, hint(self.status));
                Err(Error::new(kind, format!("{shown} answered {status}{hint}")))
            }
        }
    }

    /// What the answer asked to wait, within what is granted.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

/// What a status means for a message; `None`: it was taken. `wait` is what the answer asked for.
pub(super) fn kind(status: StatusCode, wait: Option<Duration>) -> Option<ErrorKind> {
    match reaction(status.as_u16()) {
        Reaction::Done => None,
        Reaction::Refused => Some(ErrorKind::Rejected),
        Reaction::Unauthorized => Some(ErrorKind::Unauthorized),
        Reaction::Throttled => Some(ErrorKind::Throttled(wait)),
        Reaction::Stop | Reaction::Redirected | Reaction::Retry => match wait {
            Some(_) => Some(ErrorKind::Throttled(wait)),
            None => Some(ErrorKind::Transient),
        },
    }
}

/// What a status means for a message that was posted, with what its `Retry-After` asks for; `None`: it was taken.
pub fn verdict_of(status: u16, wait: Option<Duration>) -> Option<ErrorKind> {
    StatusCode::from_u16(status).map_or(Some(ErrorKind::Transient), |status| kind(status, wait))
}

/// What an operator should know about a status that looks like a passing one and is none.
fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => " (redirects are never followed; the url is wrong)",
        410 => " (it asks not to be sent to any more)",
        _ => "",
    }
}

/// How long the answer asks to wait, at most `most`. A retired target is left alone for as long as that; nothing may be
/// lost, so it is asked again.
fn wait(status: StatusCode, headers: &HeaderMap, most: Duration) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = value.and_then(|value| retry_after(value, SystemTime::now()));
    let is_retired = reaction(status.as_u16()) == Reaction::Stop;
    asked.map(|wait| wait.min(most)).or(is_retired.then_some(most))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_table() {
        let wait = Some(Duration::from_secs(7));
        let of = |code| kind(StatusCode::from_u16(code).unwrap(), None);
        for code in [200, 201, 202, 204, 207] {
            assert_eq!(of(code), None);
        }
        for code in [400, 413, 414, 415, 422, 431] {
            assert_eq!(of(code), Some(ErrorKind::Rejected), "{code}");
        }
        for code in [401, 403, 407] {
            assert_eq!(of(code), Some(ErrorKind::Unauthorized), "{code}");
        }
        for code in [301, 302, 307, 404, 405, 408, 409, 410, 418, 425, 500, 502, 503, 504, 599] {
            assert_eq!(of(code), Some(ErrorKind::Transient), "{code}");
        }
        assert_eq!(of(429), Some(ErrorKind::Throttled(None)));
        for (code, expected) in [
            (429, ErrorKind::Throttled(wait)),
            (503, ErrorKind::Throttled(wait)),
            (404, ErrorKind::Throttled(wait)),
            (401, ErrorKind::Unauthorized),
            (413, ErrorKind::Rejected),
        ] {
            assert_eq!(kind(StatusCode::from_u16(code).unwrap(), wait), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_retired_target_is_left_alone_for_the_longest_time() {
        let most = Duration::from_secs(300);
        let asked = |text| HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
        assert_eq!(wait(StatusCode::GONE, &HeaderMap::new(), most), Some(most));
        assert_eq!(wait(StatusCode::NOT_FOUND, &HeaderMap::new(), most), None);
        for status in [StatusCode::GONE, StatusCode::SERVICE_UNAVAILABLE] {
            assert_eq!(wait(status, &asked("7"), most), Some(Duration::from_secs(7)));
            assert_eq!(wait(status, &asked("1000"), most), Some(most));
        }
    }
}
