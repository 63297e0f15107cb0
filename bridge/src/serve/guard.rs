//! Who may ask: bearer tokens, and the check that a browser was not led here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use subtle::{Choice, ConstantTimeEq};

use super::Refusal;

/// The tokens of which one is asked for; none: nobody is asked.
#[derive(Clone, Default)]
pub struct Tokens(Arc<[String]>);

/// Never shows a token.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

impl FromIterator<String> for Tokens {
    fn from_iter<I: IntoIterator<Item = String>>(tokens: I) -> Self {
        Self(tokens.into_iter().collect())
    }
}

impl Tokens {
    /// Whether nobody is asked for one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `Authorization: Bearer` names one of them. The time does not tell which, nor how
    /// much of it was right.
    fn allow(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .map(axum::http::HeaderValue::as_bytes)
            .and_then(|value| value.split_at_checked("bearer ".len()))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "))
            .map(|(_, token)| token.trim_ascii());
        let Some(given) = given else { return false };
        let mut found = Choice::from(0);
        for token in self.0.iter() {
            found |= token.as_bytes().ct_eq(given);
        }
        found.into()
    }
}

/// What a listener checks before it answers.
#[derive(Clone, Debug)]
pub struct Guard {
    tokens: Tokens,
    loopback: bool,
    /// Paths below these prefixes are answered without a token.
    open: &'static [&'static str],
}

impl Guard {
    /// For a listener at `address` that answers the paths below `open` to everybody.
    pub fn new(address: SocketAddr, tokens: Tokens, open: &'static [&'static str]) -> Self {
        Self { tokens, loopback: address.ip().is_loopback(), open }
    }

    /// The same router behind this guard.
    pub fn protect(self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self, guard))
    }

    fn check(
        &self,
        path: &str,
        headers: &HeaderMap,
        uri_host: Option<&str>,
    ) -> Result<(), Refusal> {
        if self.loopback {
            local(headers, uri_host)?;
        }
        if self.open.iter().any(|prefix| path.starts_with(prefix)) {
            return Ok(());
        }
        // Off loopback nothing is open to everybody, also if no token was configured.
        let asked = !self.tokens.is_empty() || !self.loopback;
        if asked && !self.tokens.allow(headers) {
            return Err(Refusal {
                status: StatusCode::UNAUTHORIZED,
                detail: "this needs `Authorization: Bearer` with a token of the configuration"
                    .into(),
            });
        }
        Ok(())
    }
}

/// A listener on loopback is reached by programs of this machine, and by every web page that a
/// browser on it has open: one whose name was rebound to 127.0.0.1 sends its own name as `Host`,
/// any other sends its `Origin`.
fn local(headers: &HeaderMap, uri_host: Option<&str>) -> Result<(), Refusal> {
    let refuse =
        |detail: &str| Err(Refusal { status: StatusCode::FORBIDDEN, detail: detail.to_owned() });
    let host = match headers.get(header::HOST) {
        Some(value) => value.to_str().ok(),
        None => uri_host,
    };
    let Some(host) = host else {
        return refuse("the Host header is missing");
    };
    if !is_local(host) {
        return refuse("the Host header names neither this machine nor an address");
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let same = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if !same {
        return refuse("the request comes from a page of another origin");
    }
    Ok(())
}

fn is_local(authority: &str) -> bool {
    let host = if let Some(rest) = authority.strip_prefix('[') {
        rest.split(']').next().unwrap_or_default()
    } else {
        authority.split(':').next().unwrap_or_default()
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// Answers instead of `next` when the guard refuses.
async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let authority = uri.authority().map(axum::http::uri::Authority::as_str);
    match guard.check(uri.path(), request.headers(), authority) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, path: &str, headers: &[(&'static str, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        guard.check(path, &map, None).err().map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn off_loopback_only_what_is_open_goes_without_a_token() {
        let tokens: Tokens = ["one".to_owned(), "second".to_owned()].into_iter().collect();
        let address = "0.0.0.0:1".parse().unwrap();
        let guard = Guard::new(address, tokens, &["/health/"]);
        assert_eq!(check(&guard, "/health/ready", &[]), None);
        assert_eq!(check(&guard, "/routes", &[]), Some(401));
        for wrong in ["Bearer", "Bearer ", "Bearer on", "Bearer onee", "Basic one", "one"] {
            assert_eq!(check(&guard, "/routes", &[("authorization", wrong)]), Some(401), "{wrong}");
        }
        assert_eq!(check(&guard, "/routes", &[("authorization", "bearer second")]), None);

        let nobody = Guard::new(address, Tokens::default(), &["/health/"]);
        assert_eq!(check(&nobody, "/routes", &[("authorization", "Bearer ")]), Some(401));
    }

    #[test]
    fn a_browser_that_was_led_here_is_refused() {
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), Tokens::default(), &[]);
        for host in ["localhost:9090", "127.0.0.1", "[::1]:9090", "LOCALHOST"] {
            assert_eq!(check(&guard, "/routes", &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example:9090", "localhost.evil.example", "", "127.0.0.1.evil.example"] {
            assert_eq!(check(&guard, "/routes", &[("host", host)]), Some(403), "{host}");
        }
        assert_eq!(check(&guard, "/routes", &[]), Some(403));
        let page = [("host", "localhost:9090"), ("origin", "https://evil.example")];
        assert_eq!(check(&guard, "/routes", &page), Some(403));
        let own = [("host", "localhost:9090"), ("origin", "http://localhost:9090")];
        assert_eq!(check(&guard, "/routes", &own), None);
    }
}
