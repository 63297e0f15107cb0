//! Who is let in.

use std::time::SystemTime;

use crate::http::signature::Signature;

use super::*;

async fn status(source: &mut Source, request: Request<Full<Bytes>>) -> u16 {
    let (answered, _) = play(source, |_| Some(Outcome::Delivered), exchange(request)).await;
    assert!(!format!("{answered:?}").contains("canary"), "{answered:?}");
    answered.status.as_u16()
}

#[tokio::test]
async fn s13_a_bearer_token_in_header_or_query() {
    let servers = Servers::new(Handle::current());
    let settings = json!({ "token": "canary" });
    let mut source = connected(settings, &servers, Budget::unlimited()).await;
    for (given, expected) in [
        (None, 401),
        (Some("Bearer canar"), 401),
        (Some("Bearer canaryy"), 401),
        (Some("Basic canary"), 401),
        (Some("bearer canary"), 204),
    ] {
        let mut request = event(&source, "1");
        if let Some(given) = given {
            request.headers_mut().insert("authorization", given.parse().unwrap());
        }
        assert_eq!(status(&mut source, request).await, expected, "{given:?}");
    }
    for (query, expected) in [("access_token=canary", 204), ("access_token=x", 401)] {
        let mut request = event(&source, "1");
        *request.uri_mut() = format!("{}?{query}", request.uri()).parse().unwrap();
        assert_eq!(status(&mut source, request).await, expected, "{query}");
    }
    assert!(!format!("{servers:?}").contains("canary"));
}

#[tokio::test]
async fn s13_a_signature_over_the_body() {
    let settings = json!({ "hmac": { "secret": "canary", "timestamp": {} } });
    let mut source = started(settings.clone()).await;
    let config: hybridge_config::connector::http::HmacConfig =
        serde_json::from_value(settings["hmac"].clone()).unwrap();
    let signature = Signature::new(&config).unwrap();
    let unsigned = event(&source, "1");
    assert_eq!(status(&mut source, unsigned).await, 401);
    for (signed, expected) in [("data", 204), ("date", 401)] {
        let mut request = event(&source, "1");
        signature.sign(signed.as_bytes(), SystemTime::now(), request.headers_mut());
        assert_eq!(status(&mut source, request).await, expected);
    }
    let mut old = event(&source, "1");
    let before = SystemTime::now() - Duration::from_secs(1_000);
    signature.sign(b"data", before, old.headers_mut());
    assert_eq!(status(&mut source, old).await, 401);
}

#[tokio::test]
async fn f057_the_handshake_consents_for_allowed_senders_only() {
    let asks = |source: &Source, origin: Option<&str>| {
        let mut request = event(source, "1");
        *request.method_mut() = hyper::Method::OPTIONS;
        if let Some(origin) = origin {
            let headers = request.headers_mut();
            headers.insert("webhook-request-origin", origin.parse().unwrap());
            headers.insert("webhook-request-rate", "120".parse().unwrap());
        }
        exchange(request)
    };
    // The handshake is asked without credentials.
    let source = started(json!({
        "allowed_origins": ["events.example"], "allowed_rate": "1/s", "token": "canary",
    }))
    .await;
    let consent = asks(&source, Some("events.example")).await;
    assert_eq!(consent.status, 200);
    assert_eq!(consent.headers["webhook-allowed-origin"], "events.example");
    assert_eq!(consent.headers["webhook-allowed-rate"], "60");
    assert_eq!(consent.headers["allow"], "POST");
    for (origin, expected) in [(Some("evil.example"), 403), (None, 200)] {
        let answered = asks(&source, origin).await;
        assert_eq!(answered.status.as_u16(), expected);
        assert!(!answered.headers.contains_key("webhook-allowed-origin"));
    }
    let without = started(json!({})).await;
    assert_eq!(asks(&without, Some("events.example")).await.status, 405);
}
