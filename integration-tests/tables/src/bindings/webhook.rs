//! Cases of the web hook handshake. What a case says about the answers and requests of a whole HTTP
//! connector is tested where that connector is.

use hybridge_schemas::cloudevents::webhook::{Policy, Rate, answer, bearer_token, consent};
use serde_json::Value as Json;

use crate::{Verdict, check};

/// Ops that are about status codes and requests, not about the handshake.
const CONNECTOR: [&str; 3] = ["deliver", "build", "receive"];

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("validate_as_sender") => sender(case),
        Some("answer") => receiver(case),
        Some("auth") => token(case),
        Some(op) if CONNECTOR.contains(&op) => Ok(()),
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn headers(object: &Json) -> Vec<(&str, &[u8])> {
    let pairs = object.as_object().expect("headers").iter();
    pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes())).collect()
}

fn sender(case: &Json) -> Verdict {
    let request = headers(&case["request_headers"]);
    let get = |wanted: &str| {
        let found = request.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| std::str::from_utf8(value).unwrap())
    };
    let origin = get("webhook-request-origin").expect("an origin");
    let asked_for_rate = get("webhook-request-rate").is_some();
    let consent = consent(origin, asked_for_rate, headers(&case["response"]["headers"]));
    check(case["granted"] == consent.is_some(), || format!("{consent:?}"))?;
    let Some(consent) = consent else { return Ok(()) };
    let rate = match consent.rate {
        None => Json::Null,
        Some(Rate::Unlimited) => "*".into(),
        Some(Rate::PerMinute(rate)) => rate.into(),
    };
    check(rate == case["allowed_rate"], || format!("{consent:?}"))
}

/// The policy `allow` lets the asking origin in; any other lets nobody in, also one that would
/// confirm later.
fn receiver(case: &Json) -> Verdict {
    let origins = if case["policy"] == "allow" { vec!["*".to_owned()] } else { Vec::new() };
    let answered = answer(headers(&case["request"]["headers"]), &Policy { origins, rate: None });
    let answered = answered.unwrap_or_default();
    let get = |wanted: &str| {
        let found = answered.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| std::str::from_utf8(value).unwrap())
    };
    let expect = &case["expect"];
    for (name, allowed) in expect["headers"].as_object().into_iter().flatten() {
        let found = get(name);
        let is_allowed = match allowed {
            Json::Array(all) => all.iter().any(|one| one.as_str() == found),
            one => one.as_str() == found,
        };
        check(is_allowed, || format!("{name}: {found:?}"))?;
    }
    for name in expect["has"].as_array().into_iter().flatten() {
        check(get(name.as_str().unwrap()).is_some(), || format!("no {name}"))?;
    }
    for name in expect["absent"].as_array().into_iter().flatten() {
        check(get(name.as_str().unwrap()).is_none(), || format!("{name} is there"))?;
    }
    let method = expect["allow_contains"].as_str().unwrap_or_default();
    check(get("allow").unwrap_or_default().contains(method), || "allow".into())
}

fn token(case: &Json) -> Verdict {
    let headers = headers(&case["headers"]);
    let authorization = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let query = case["query"].as_str().unwrap_or_default();
    let found = bearer_token(authorization.map(|(_, value)| *value), query);
    let expected = case["token"].as_str().filter(|token| *token != "none");
    check(found.as_deref() == expected, || format!("{found:?}"))
}
