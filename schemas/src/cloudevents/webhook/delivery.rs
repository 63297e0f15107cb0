//! A delivery (`http-webhook.md`, section 2): the request, what its answer means to the sender, and what the receiver says.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hybridge_core::Message;

use super::super::http::{self, Headers};
use super::super::{NotAnEvent, format::Format};

/// The method of a delivery request, and the only one that is allowed.
pub const METHOD: &str = "POST";

/// The headers and the body of a delivery request in binary mode, or in structured mode where binary mode has no body or
/// no content type: a request must have both.
///
/// # Errors
/// The message is no event and has no body or no content type.
pub fn request(message: &Message) -> Result<(Headers, Bytes), NotAnEvent> {
    let (headers, body) = http::encode_binary(message);
    match body {
        Some(body)
            if !body.is_empty() && headers.iter().any(|(name, _)| *name == "content-type") =>
        {
            Ok((headers, body))
        }
        _ => http::encode_structured(message, Format::Json),
    }
}

/// What the status of an answer means to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It was taken.
    Done,
    /// It can never be taken as it is.
    Refused,
    /// The credentials were refused; it says nothing of the event.
    Unauthorized,
    /// The target asks for less. Not before the time that it says, if it says one.
    Throttled,
    /// The target was retired: nothing more is to be sent.
    Stop,
    /// A redirect, which must not be followed: the address is wrong.
    Redirected,
    /// Anything else may pass.
    Retry,
}

/// The reaction to a status. A status that says that the target is unavailable and when to come again is as good as 429:
/// whoever has a [`retry_after`] waits for it.
///
/// A fault of the event only where the status can mean nothing else (as in the delivery contract of Knative).
pub fn reaction(status: u16) -> Reaction {
    match status {
        200..=299 => Reaction::Done,
        300..=399 => Reaction::Redirected,
        400 | 413 | 414 | 415 | 422 | 431 => Reaction::Refused,
        401 | 403 | 407 => Reaction::Unauthorized,
        410 => Reaction::Stop,
        429 => Reaction::Throttled,
        _ => Reaction::Retry,
    }
}

/// How long a `Retry-After` asks to wait: seconds or an HTTP date (RFC 9110 section 10.2.3); a date in the past is no time
/// at all. `None` for anything else.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let text = value.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// What became of a delivery at its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It was accepted and dealt with.
    Accepted,
    /// It was accepted, and what becomes of it is not known yet.
    Pending,
    /// It is no sound request or event.
    Malformed,
    /// Its format is not understood.
    Unsupported,
    /// It was understood, and can never be taken.
    Unprocessable,
    /// The sender sends too much; with a `Retry-After`.
    TooMany,
    /// The receiver was retired.
    Retired,
    /// It may be taken later; with a `Retry-After`.
    Unavailable,
}

impl Received {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Pending,
        Self::Malformed,
        Self::Unsupported,
        Self::Unprocessable,
        Self::TooMany,
        Self::Retired,
        Self::Unavailable,
    ];

    /// The status of the answer, which is never a redirect. One with details has a content type.
    pub const fn status(self, has_details: bool) -> u16 {
        match self {
            Self::Accepted if has_details => 200,
            Self::Accepted => 204,
            Self::Pending => 202,
            Self::Malformed => 400,
            Self::Unsupported => 415,
            Self::Unprocessable => 422,
            Self::TooMany => 429,
            Self::Retired => 410,
            Self::Unavailable => 503,
        }
    }

    /// Whether the answer says when to come again.
    pub const fn has_retry_after(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Mode, json};
    use super::*;

    #[test]
    fn a_request_always_has_a_body_and_its_type() {
        let content_type = |members: &str| {
            let text =
                format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#);
            let message = json::decode(&text.into(), Mode::Strict).unwrap();
            let (headers, body) = request(&message).unwrap();
            assert!(!body.is_empty());
            let found = headers.into_iter().find(|(name, _)| *name == "content-type").unwrap();
            String::from_utf8(found.1.to_vec()).unwrap()
        };
        assert_eq!(content_type(r#","data":1"#), "application/json");
        let empty = r#","datacontenttype":"text/plain","data":"""#;
        for members in ["", r#","data_base64":"AP8=""#, empty] {
            assert!(content_type(members).starts_with("application/cloudevents+json"), "{members}");
        }
        assert!(request(&Message::default()).is_err());
    }

    #[test]
    fn both_forms_of_retry_after() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let of = |text: &str| retry_after(text, now);
        assert_eq!(of(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(of("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(of("Sunday, 06-Nov-94 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for text in ["-1", "soon", "99999999999999999999999", ""] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
