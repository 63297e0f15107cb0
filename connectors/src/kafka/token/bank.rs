//! A token that is renewed before it expires, by a thread of its own: the clients that ask for it are called back on threads
//! that have other things to do than to wait for a server.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hybridge_core::ErrorKind;
use rdkafka::client::OAuthToken;
use tokio::sync::Notify;

use super::endpoint::Endpoint;
use super::{NoToken, now};
use crate::kafka::client::lock;

/// Back-off between requests that fail.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Whatever happens, the server is not asked more often.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// At which part of a token's time the next is asked for.
const RENEW_AT: f64 = 0.6;
/// The client library is told a shorter time. It asks for the next token at 80 % of it and looks for that once a second; so
/// it has the next one well before the cluster, by a clock of its own, ends the session.
const TOLD: f64 = 0.85;
/// A token with less time left, in milliseconds, is not given out any more.
const LEAST_LEFT: i64 = 500;

/// Keeps a token of one endpoint.
pub(in crate::kafka) struct Bank {
    endpoint: Arc<Endpoint>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A request has ended.
    changed: Condvar,
    /// A token is needed at once.
    wanted: Notify,
    closed: Notify,
}

#[derive(Default)]
struct State {
    /// Whether there is a thread.
    is_kept: bool,
    token: Option<OAuthToken>,
    /// How the last request failed, if it did.
    failure: Option<NoToken>,
}

impl State {
    fn good(&self) -> Option<&OAuthToken> {
        self.token.as_ref().filter(|token| token.lifetime_ms - now() > LEAST_LEFT)
    }
}

impl Bank {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint: Arc::new(endpoint), shared: Arc::default() }
    }

    /// The token that there is, as long as it is good, whether it can be renewed or not; else why there is none. Waits for
    /// the server only where nothing is known yet.
    pub(super) fn token(&self) -> Result<OAuthToken, NoToken> {
        let mut state = lock(&self.shared.state);
        if !state.is_kept {
            self.keep()?;
            state.is_kept = true;
        }
        let is_unknown = |state: &mut State| state.good().is_none() && state.failure.is_none();
        if is_unknown(&mut state) {
            self.shared.wanted.notify_one();
            let waiting = self.shared.changed.wait_timeout_while(
                state,
                self.endpoint.timeout() + LEAST_WAIT,
                is_unknown,
            );
            state = waiting.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        match (state.good(), &state.failure) {
            (Some(token), _) => Ok(told(token)),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(self.endpoint.late()),
        }
    }

    /// Forgets the token; the next is asked for when it is needed.
    pub(super) fn was_refused(&self) {
        lock(&self.shared.state).token = None;
    }

    fn keep(&self) -> Result<(), NoToken> {
        let (endpoint, shared) = (self.endpoint.clone(), self.shared.clone());
        let thread = std::thread::Builder::new().name("kafka-tokens".to_owned());
        let started = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                tokio::select! {
                    () = shared.closed.notified() => {}
                    () = keep(&endpoint, &shared) => {}
                }
            });
        });
        let failed = |error| NoToken::new(ErrorKind::Transient, format!("no thread: {error}"));
        started.map(drop).map_err(failed)
    }
}

/// What the client library is told of a token.
fn told(token: &OAuthToken) -> OAuthToken {
    let now = now();
    let left = (token.lifetime_ms - now) as f64 * TOLD;
    OAuthToken {
        token: token.token.clone(),
        principal_name: token.principal_name.clone(),
        lifetime_ms: now + left as i64,
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.shared.closed.notify_one();
    }
}

/// Asks again and again, for ever.
async fn keep(endpoint: &Endpoint, shared: &Shared) {
    let mut failures = 0_u32;
    loop {
        match endpoint.ask().await {
            Ok(token) => {
                failures = 0;
                let left = u64::try_from(token.lifetime_ms - now()).unwrap_or_default();
                put(shared, Ok(token));
                tokio::time::sleep(LEAST_WAIT).await;
                let wait = Duration::from_millis(left).mul_f64(RENEW_AT).saturating_sub(LEAST_WAIT);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = needed(shared) => {}
                }
            }
            Err((failure, asked_for)) => {
                // Without a token the clients say so themselves.
                if failures == 0 && lock(&shared.state).good().is_some() {
                    tracing::warn!(reason = failure.what, "the token is not renewed, trying again");
                }
                let back_off = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
                failures += 1;
                put(shared, Err(failure));
                let spread = back_off.mul_f64(0.5 + fastrand::f64() / 2.0);
                tokio::time::sleep(asked_for.unwrap_or_default().max(spread)).await;
            }
        }
    }
}

/// Returns when a token is wanted and there is none; one may have come since it was wanted.
async fn needed(shared: &Shared) {
    loop {
        shared.wanted.notified().await;
        if lock(&shared.state).good().is_none() {
            return;
        }
    }
}

fn put(shared: &Shared, result: Result<OAuthToken, NoToken>) {
    let mut state = lock(&shared.state);
    match result {
        Ok(token) => (state.token, state.failure) = (Some(token), None),
        // The token that there is stays good for as long as it says.
        Err(failure) => state.failure = Some(failure),
    }
    shared.changed.notify_all();
}
