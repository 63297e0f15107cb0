//! Web hooks (`http-webhook.md`), for both sides: deliveries and their answers (section 2), how a sender proves who it is
//! (section 3), and the handshake by which a receiver consents (section 4).

mod delivery;
mod receiver;
mod sender;

pub use delivery::{METHOD, Reaction, Received, reaction, request, retry_after};
pub use receiver::{Policy, Refusal, answer, bearer_token};
pub use sender::{Consent, Rate, consent};

use super::http::Headers;

/// Who wants to send: a DNS name.
const REQUEST_ORIGIN: &str = "webhook-request-origin";
/// How many requests a minute it wants to send.
const REQUEST_RATE: &str = "webhook-request-rate";
/// Who may send: the same name, or `*`.
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
/// How many requests a minute it may send, or `*`.
const ALLOWED_RATE: &str = "webhook-allowed-rate";

/// A rate: a whole number above 0, in digits. More than the type can say is as much as it can.
fn per_minute(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rate = is_number.then(|| text.parse().unwrap_or(u32::MAX))?;
    (rate > 0).then_some(rate)
}

/// The first value of each of two headers, where it is text.
fn first<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    wanted: [&str; 2],
) -> [Option<&'a str>; 2] {
    let mut found = [None, None];
    for (name, value) in headers {
        let Some(index) = wanted.iter().position(|other| name.eq_ignore_ascii_case(other)) else {
            continue;
        };
        if found[index].is_none() {
            found[index] = std::str::from_utf8(value).ok().map(str::trim);
        }
    }
    found
}
