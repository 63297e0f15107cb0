//! Which headers of a request belong to the message and which to the connection that it came on.

/// Headers that concern one connection, one body or one caller's rights (RFC 9110 section 7.6.1).
const NOT_FORWARDED: [&str; 23] = [
    "accept",
    "accept-encoding",
    "aeg-sas-key",
    "aeg-sas-token",
    "api-key",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-security-token",
    "x-api-key",
];

/// Whether a header is part of the message. What `Connection` names is not; see [`decode`](super::decode).
pub fn is_forwarded(name: &str) -> bool {
    !NOT_FORWARDED.iter().any(|other| name.eq_ignore_ascii_case(other))
}
