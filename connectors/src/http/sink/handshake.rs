//! The consent of a target: asked for once before anything is posted, and kept to.
//!
//! Section 4 of the CloudEvents web hook text: the status of the answer means nothing, its headers
//! are the consent, and the rate that they grant is obeyed.

use std::time::Duration;

use http_body_util::Full;
use hybridge_config::connector::http::WebhookConfig;
use hybridge_core::{Error, ErrorKind};
use hybridge_schemas::cloudevents::webhook::{Rate, consent};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client::Client;
use super::request::Requests;

/// Who we say that we are; every request carries it.
pub(super) const ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const MINUTE: Duration = Duration::from_secs(60);

/// What one target consented to.
pub(super) struct Handshake {
    origin: String,
    rate: Option<u32>,
    granted: Mutex<Option<Allowance>>,
}

/// Requests that may be made: as many as a minute allows, refilled steadily.
#[derive(Debug)]
struct Allowance {
    /// `None`: any number.
    per_minute: Option<u32>,
    left: f64,
    counted: Instant,
}

impl Handshake {
    pub(super) fn new(config: &WebhookConfig) -> Self {
        Self { origin: config.origin.clone(), rate: config.rate, granted: Mutex::new(None) }
    }

    /// Returns when one request may be made now.
    ///
    /// # Errors
    /// `Unauthorized` where the target does not consent, `Throttled` where its rate is used up.
    pub(super) async fn admit(&self, client: &Client, requests: &Requests) -> Result<(), Error> {
        let mut granted = self.granted.lock().await;
        if let Some(allowance) = &mut *granted {
            return allowance.take(requests.shown());
        }
        let mut allowance = self.ask(client, requests).await?;
        let taken = allowance.take(requests.shown());
        *granted = Some(allowance);
        taken
    }

    /// Asks, without counting a request.
    pub(super) async fn ask_first(
        &self,
        client: &Client,
        requests: &Requests,
    ) -> Result<(), Error> {
        let mut granted = self.granted.lock().await;
        if granted.is_none() {
            *granted = Some(self.ask(client, requests).await?);
        }
        Ok(())
    }

    async fn ask(&self, client: &Client, requests: &Requests) -> Result<Allowance, Error> {
        let shown = requests.shown();
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::OPTIONS;
        *request.uri_mut() = requests.uri().clone();
        *request.headers_mut() = requests.fixed().clone();
        if let Some(rate) = self.rate {
            request.headers_mut().insert(RATE, HeaderValue::from(rate));
        }
        let response = client.request(request).await.map_err(|error| {
            let context = format!("cannot ask {shown} for its consent");
            Error::with_source(ErrorKind::Disconnected, context, error)
        })?;
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let origin = &self.origin;
        let Some(consent) = consent(origin, self.rate.is_some(), headers) else {
            let context = format!("{shown} does not consent to web hooks from {origin}");
            return Err(Error::new(ErrorKind::Unauthorized, context));
        };
        tracing::info!(target = shown, rate = ?consent.rate, "target consents to web hooks");
        let per_minute = match consent.rate {
            Some(Rate::PerMinute(rate)) => Some(rate),
            Some(Rate::Unlimited) | None => None,
        };
        let left = f64::from(per_minute.unwrap_or(0));
        Ok(Allowance { per_minute, left, counted: Instant::now() })
    }
}

impl Allowance {
    fn take(&mut self, shown: &str) -> Result<(), Error> {
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        let (now, most) = (Instant::now(), f64::from(per_minute.max(1)));
        let refilled = (now - self.counted).as_secs_f64() / MINUTE.as_secs_f64() * most;
        self.left = (self.left + refilled).min(most);
        self.counted = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = MINUTE.mul_f64((1.0 - self.left) / most);
        let context = format!("{shown} consented to {per_minute} requests a minute");
        Err(Error::new(ErrorKind::Throttled(Some(wait)), context))
    }
}
