//! Who may send: tokens, signatures, and the handshake of web hooks.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hybridge_config::Secret;
use hybridge_config::connector::http::SourceConfig;
use hybridge_core::Error;
use hybridge_schemas::cloudevents::webhook::{self, Policy};
use hyper::header::{ALLOW, AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use subtle::ConstantTimeEq;

use super::answer::{self, Refusal};
use super::signature::Signature;

/// What a source asks of its callers.
pub(super) struct Access {
    token: Option<Secret>,
    signature: Option<Signature>,
    policy: Option<Policy>,
}

impl Access {
    pub(super) fn new(config: &SourceConfig) -> Result<Self, Error> {
        let rate = config.allowed_rate.map(|rate| {
            let per_minute = rate.count().saturating_mul(60) / u64::from(rate.seconds().max(1));
            u32::try_from(per_minute).unwrap_or(u32::MAX).max(1)
        });
        let policy = Policy { origins: config.allowed_origins.clone(), rate };
        Ok(Self {
            token: config.token.clone(),
            signature: config.hmac.as_ref().map(Signature::new).transpose()?,
            policy: (!policy.origins.is_empty()).then_some(policy),
        })
    }

    /// Whether the request carries the token, in `Authorization` or as `access_token` of the query.
    pub(super) fn check_token(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = webhook::bearer_token(header, query.unwrap_or_default());
        let given = given.ok_or_else(|| unauthorized("a bearer token is required"))?;
        let matches: bool = token.expose().as_bytes().ct_eq(given.as_bytes()).into();
        if matches { Ok(()) } else { Err(unauthorized("the bearer token is not valid")) }
    }

    /// Whether the body is signed as it has to be.
    pub(super) fn check_signature(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let Some(signature) = &self.signature else { return Ok(()) };
        signature.check(headers, body, now).map_err(unauthorized)
    }

    /// The answer to `OPTIONS`.
    pub(super) fn handshake(&self, headers: &HeaderMap) -> Result<Response<Full<Bytes>>, Refusal> {
        let Some(policy) = &self.policy else {
            let code = StatusCode::METHOD_NOT_ALLOWED;
            return Err(Refusal::never(code, "this endpoint has no web hook handshake"));
        };
        let mut response = answer::status(StatusCode::OK, Full::default());
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        match webhook::answer(pairs, policy) {
            Err(webhook::Refusal::NoOrigin) => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            Err(refusal) => {
                return Err(Refusal::never(StatusCode::FORBIDDEN, refusal.to_string()));
            }
            Ok(consent) => {
                for (name, value) in consent {
                    let name = HeaderName::from_bytes(name.as_bytes());
                    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
                        response.headers_mut().insert(name, value);
                    }
                }
            }
        }
        Ok(response)
    }
}

fn unauthorized(reason: &'static str) -> Refusal {
    Refusal::never(StatusCode::UNAUTHORIZED, reason)
}
