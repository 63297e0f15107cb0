//! What an answer means for the message that was posted.

use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hybridge_core::{Error, ErrorKind};
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
        let wait = retry_after(response.headers(), SystemTime::now()).map(|wait| wait.min(most));
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
///
/// The table of the Knative delivery contract and of the CloudEvents web hook text: a fault of the
/// message only where the status can mean nothing else, and what is not known may pass.
pub(super) fn kind(status: StatusCode, wait: Option<Duration>) -> Option<ErrorKind> {
    match status.as_u16() {
        200..=299 => None,
        400 | 413 | 414 | 415 | 422 | 431 => Some(ErrorKind::Rejected),
        401 | 403 | 407 => Some(ErrorKind::Unauthorized),
        429 => Some(ErrorKind::Throttled(wait)),
        _ if wait.is_some() => Some(ErrorKind::Throttled(wait)),
        _ => Some(ErrorKind::Transient),
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

/// Seconds or an HTTP date (RFC 9110 section 10.2.3); a date in the past is no time at all.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
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
    fn both_forms_of_retry_after() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let of = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), now)
        };
        assert_eq!(of(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(of("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(of("Sunday, 06-Nov-94 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("-1"), None);
        assert_eq!(of("soon"), None);
        assert_eq!(of("99999999999999999999999"), None);
    }
}
