//! The sender's side: what the answer to its `OPTIONS` request allows.

use super::{ALLOWED_ORIGIN, ALLOWED_RATE, first, per_minute};

/// What a receiver consented to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// How much may be sent; `None` where the answer does not say and no rate was asked for.
    pub rate: Option<Rate>,
}

/// How much may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Any number of requests.
    Unlimited,
    /// So many requests a minute.
    PerMinute(u32),
}

/// The consent in an answer to a request by `origin`, whatever its status code was; `None` where
/// there is none: another origin, or no rate although one was asked for.
pub fn consent<'a>(
    origin: &str,
    asked_for_rate: bool,
    answer: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Option<Consent> {
    let [allowed, rate] = first(answer, [ALLOWED_ORIGIN, ALLOWED_RATE]);
    let allowed = allowed?;
    if allowed != "*" && !allowed.eq_ignore_ascii_case(origin) {
        return None;
    }
    match rate {
        None if asked_for_rate => None,
        None => Some(Consent { rate: None }),
        Some("*") => Some(Consent { rate: Some(Rate::Unlimited) }),
        Some(rate) => {
            let rate = per_minute(rate)?;
            Some(Consent { rate: Some(Rate::PerMinute(rate)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_about_an_asked_rate_is_no_consent() {
        let origin: (&str, &[u8]) = ("WebHook-Allowed-Origin", b"*");
        assert_eq!(consent("a.example", true, [origin]), None);
        assert_eq!(consent("a.example", false, [origin]), Some(Consent { rate: None }));
        let rate: (&str, &[u8]) = ("WebHook-Allowed-Rate", b"0");
        assert_eq!(consent("a.example", true, [origin, rate]), None);
        let rate: (&str, &[u8]) = ("WebHook-Allowed-Rate", b"99999999999");
        let much = Some(Consent { rate: Some(Rate::PerMinute(u32::MAX)) });
        assert_eq!(consent("a.example", true, [origin, rate]), much);
        let rate: (&str, &[u8]) = ("WebHook-Allowed-Rate", b"+5");
        assert_eq!(consent("a.example", true, [origin, rate]), None);
    }
}
