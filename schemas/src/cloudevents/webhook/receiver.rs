//! The receiver's side: an answer to `OPTIONS`, and the token of a request.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Text;
use percent_encoding::percent_decode_str;

use super::{
    ALLOWED_ORIGIN, ALLOWED_RATE, Headers, REQUEST_ORIGIN, REQUEST_RATE, first, per_minute,
};

/// Who may send, and how much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// DNS names of senders: exact, `*.example.com` for every name below one, or `*` for all.
    pub origins: Vec<String>,
    /// Requests a minute that one sender may send; `None` for any number.
    pub rate: Option<u32>,
}

/// Why a handshake got no consent. A refusal is answered without any `WebHook-Allowed-*` header:
/// the status code alone means nothing to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request names no sender: it is an `OPTIONS` request like any other.
    #[error("the request has no webhook-request-origin")]
    NoOrigin,
    /// This sender may not send.
    #[error("the origin is not one of the allowed ones")]
    Origin,
    /// The rate is not a number above 0.
    #[error("webhook-request-rate must be a whole number above 0")]
    Rate,
}

/// The headers of the answer that consents to a sender's request.
///
/// The granted rate is the one that was asked for, within the policy's.
pub fn answer<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    policy: &Policy,
) -> Result<Headers, Refusal> {
    let [origin, rate] = first(headers, [REQUEST_ORIGIN, REQUEST_RATE]);
    let origin = origin.filter(|origin| !origin.is_empty()).ok_or(Refusal::NoOrigin)?;
    if !policy.origins.iter().any(|allowed| is_match(allowed, origin)) {
        return Err(Refusal::Origin);
    }
    let asked = rate.map(|rate| per_minute(rate).ok_or(Refusal::Rate)).transpose()?;
    let granted = match (asked, policy.rate) {
        (Some(asked), Some(limit)) => asked.min(limit).to_string(),
        (Some(asked), None) => asked.to_string(),
        (None, Some(limit)) => limit.to_string(),
        (None, None) => "*".to_owned(),
    };
    Ok(vec![
        (Text::from_static("allow"), Bytes::from_static(b"POST")),
        (Text::from_static(ALLOWED_ORIGIN), Bytes::copy_from_slice(origin.as_bytes())),
        (Text::from_static(ALLOWED_RATE), Bytes::from(granted)),
    ])
}

fn is_match(allowed: &str, origin: &str) -> bool {
    if !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    if allowed == "*" {
        return true;
    }
    let Some(parent) = allowed.strip_prefix('*').filter(|parent| parent.starts_with('.')) else {
        return allowed.eq_ignore_ascii_case(origin);
    };
    origin
        .len()
        .checked_sub(parent.len())
        .and_then(|start| origin.split_at_checked(start))
        .is_some_and(|(below, end)| !below.is_empty() && end.eq_ignore_ascii_case(parent))
}

/// The token of a request: of `Authorization: Bearer`, else of the query parameter `access_token`
/// (section 3.1 and 3.2). Whoever compares it does so in constant time.
pub fn bearer_token<'a>(authorization: Option<&'a [u8]>, query: &'a str) -> Option<Cow<'a, str>> {
    let header = authorization.and_then(|value| std::str::from_utf8(value).ok());
    if let Some((scheme, token)) = header.and_then(|value| value.trim().split_once(' ')) {
        let token = token.trim();
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
        return is_bearer.then_some(Cow::Borrowed(token));
    }
    let parameter = query.split('&').find_map(|pair| pair.strip_prefix("access_token="))?;
    let token = percent_decode_str(parameter).decode_utf8().ok()?;
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origins: &[&str], rate: Option<u32>) -> Policy {
        Policy { origins: origins.iter().map(|origin| (*origin).to_owned()).collect(), rate }
    }

    fn asked<'a>(origin: &'a str, rate: &'a str) -> [(&'a str, &'a [u8]); 2] {
        [("WebHook-Request-Origin", origin.as_bytes()), ("WebHook-Request-Rate", rate.as_bytes())]
    }

    #[test]
    fn consent_stays_within_the_policy() {
        let headers = answer(asked("A.example.com", "120"), &policy(&["*.example.com"], Some(60)));
        let headers = headers.unwrap();
        assert!(headers.contains(&("webhook-allowed-origin".into(), "A.example.com".into())));
        assert!(headers.contains(&("webhook-allowed-rate".into(), "60".into())));
    }

    #[test]
    fn refusals() {
        for (request, allowed, refusal) in [
            (asked("", "1"), "*", Refusal::NoOrigin),
            (asked("evil.com", "1"), "example.com", Refusal::Origin),
            (asked("evilexample.com", "1"), "*.example.com", Refusal::Origin),
            (asked("example.com", "1"), "*.example.com", Refusal::Origin),
            (asked("a\r\nx: y", "1"), "*", Refusal::Origin),
            (asked("é", "1"), "*.ab", Refusal::Origin),
            (asked("example.com", "0"), "*", Refusal::Rate),
            (asked("example.com", "many"), "*", Refusal::Rate),
        ] {
            assert_eq!(answer(request, &policy(&[allowed], None)), Err(refusal), "{request:?}");
        }
    }

    #[test]
    fn a_token_in_another_scheme_is_none() {
        assert_eq!(bearer_token(Some(b"bearer  abc "), ""), Some("abc".into()));
        assert_eq!(bearer_token(Some(b"Basic abc"), "access_token=x"), None);
        assert_eq!(bearer_token(None, "a=b&access_token=a%2Bb"), Some("a+b".into()));
        assert_eq!(bearer_token(None, "xaccess_token=a"), None);
    }
}
