//! A keyed hash over a body, which sender and receiver compute from the secret that they share.
//!
//! It covers the body and, where that is configured, the time of sending; it does not cover other
//! headers, so the attributes of a CloudEvent in binary mode are not protected by it.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hybridge_config::connector::http::{Encoding, HmacAlgorithm, HmacConfig};
use hybridge_core::{Error, ErrorKind};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Signs bodies, and checks signatures.
pub(super) struct Signature {
    key: Key,
    header: HeaderName,
    encoding: Encoding,
    prefix: String,
    timestamp: Option<(HeaderName, Duration)>,
}

#[derive(Clone)]
enum Key {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Signature {
    pub(super) fn new(config: &HmacConfig) -> Result<Self, Error> {
        let secret = config.secret.expose().as_bytes();
        // HMAC takes a key of any length; the type of the error is of other codes of the crate.
        let refused = |_| Error::new(ErrorKind::Fatal, "hmac secret has an unusable length");
        let key = match config.algorithm {
            HmacAlgorithm::Sha256 => Key::Sha256(Hmac::new_from_slice(secret).map_err(refused)?),
            HmacAlgorithm::Sha512 => Key::Sha512(Hmac::new_from_slice(secret).map_err(refused)?),
        };
        let timestamp = match &config.timestamp {
            None => None,
            Some(timestamp) => {
                Some((super::header_name(&timestamp.header)?, timestamp.tolerance.get()))
            }
        };
        Ok(Self {
            key,
            header: super::header_name(&config.header)?,
            encoding: config.encoding,
            prefix: config.prefix.clone(),
            timestamp,
        })
    }

    /// Adds the signature of `body` to `headers`, and the time where that is configured.
    pub(super) fn sign(&self, body: &[u8], now: SystemTime, headers: &mut HeaderMap) {
        let sent = self.timestamp.as_ref().map(|_| HeaderValue::from(seconds(now)));
        let code = self.code(sent.as_ref().map(HeaderValue::as_bytes), body);
        let text = format!("{}{}", self.prefix, self.encode(&code));
        if let (Some(sent), Some((name, _))) = (sent, &self.timestamp) {
            headers.insert(name.clone(), sent);
        }
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(self.header.clone(), value);
        }
    }

    /// Whether `headers` carry the signature of `body`, sent recently; else why not.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), &'static str> {
        let given = headers.get(&self.header).ok_or("the request is not signed")?;
        let mut sent = None;
        if let Some((name, tolerance)) = &self.timestamp {
            let value = headers.get(name).ok_or("the request has no timestamp")?;
            let text = value.to_str().map_err(|_| "the timestamp is not a number")?;
            let at: u64 = text.parse().map_err(|_| "the timestamp is not a number")?;
            if at.abs_diff(seconds(now)) > tolerance.as_secs() {
                return Err("the timestamp is too far from now");
            }
            sent = Some(value.as_bytes());
        }
        let given = given
            .as_bytes()
            .strip_prefix(self.prefix.as_bytes())
            .and_then(|text| self.decode(text))
            .ok_or("the signature has another form")?;
        let matches: bool = self.code(sent, body).ct_eq(&given).into();
        if matches { Ok(()) } else { Err("the signature does not match") }
    }

    fn code(&self, sent: Option<&[u8]>, body: &[u8]) -> Vec<u8> {
        match self.key.clone() {
            Key::Sha256(key) => compute(key, sent, body),
            Key::Sha512(key) => compute(key, sent, body),
        }
    }

    fn encode(&self, code: &[u8]) -> String {
        match self.encoding {
            Encoding::Base64 => STANDARD.encode(code),
            Encoding::Hex => code.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        }
    }

    fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Base64 => STANDARD.decode(text).ok(),
            Encoding::Hex => {
                let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
                let pairs = text.as_bytes().chunks(2).map(|pair| {
                    let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
                    u8::from_str_radix(pair, 16).ok()
                });
                pairs.collect()
            }
        }
    }
}

fn compute<M: Mac>(mut key: M, sent: Option<&[u8]>, body: &[u8]) -> Vec<u8> {
    if let Some(sent) = sent {
        key.update(sent);
        key.update(b".");
    }
    key.update(body);
    key.finalize().into_bytes().to_vec()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(yaml_like: serde_json::Value) -> Signature {
        Signature::new(&serde_json::from_value(yaml_like).unwrap()).unwrap()
    }

    #[test]
    fn writes_what_others_check() {
        // The example of GitHub's documentation of webhook signatures.
        let signature = config(serde_json::json!({
            "secret": "It's a Secret to Everybody", "header": "X-Hub-Signature-256",
            "prefix": "sha256=",
        }));
        let mut headers = HeaderMap::new();
        signature.sign(b"Hello, World!", UNIX_EPOCH, &mut headers);
        assert_eq!(
            headers["x-hub-signature-256"],
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn only_the_same_body_and_a_recent_time_pass() {
        for (algorithm, encoding) in [("sha256", "base64"), ("sha512", "hex")] {
            let signature = config(serde_json::json!({
                "secret": "s", "algorithm": algorithm, "encoding": encoding,
                "timestamp": { "header": "x-time", "tolerance": "60s" },
            }));
            let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
            let mut headers = HeaderMap::new();
            signature.sign(b"body", now, &mut headers);
            let check = |headers: &HeaderMap, body: &[u8], now| signature.check(headers, body, now);
            assert_eq!(check(&headers, b"body", now + Duration::from_secs(60)), Ok(()));
            assert!(check(&headers, b"bodY", now).is_err());
            assert!(check(&headers, b"body", now + Duration::from_secs(61)).is_err());
            assert!(check(&HeaderMap::new(), b"body", now).is_err());
            let mut later = headers.clone();
            later.insert("x-time", HeaderValue::from(1_000_001u64));
            assert!(check(&later, b"body", now).is_err(), "the time is signed too");
            for bad in ["", "zz", "a", "é", "====", "AA=="] {
                headers.insert("x-signature", HeaderValue::from_bytes(bad.as_bytes()).unwrap());
                assert!(check(&headers, b"body", now).is_err());
            }
        }
    }
}
