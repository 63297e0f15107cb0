//! Cases of web hooks: requests and answers of both sides, and the handshake.

use std::time::SystemTime;

use hybridge_schemas::cloudevents::format::Content;
use hybridge_schemas::cloudevents::webhook::{
    METHOD, Policy, Rate, Reaction, Received, answer, bearer_token, consent, reaction, request,
    retry_after,
};
use serde_json::{Value as Json, json};

use super::expect;
use crate::{Verdict, check, event, known};

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("validate_as_sender") => {
            known(case, &["request_headers", "response", "granted", "allowed_rate"])?;
            sender(case)
        }
        Some("answer") => {
            known(case, &["request", "policy", "expect"])?;
            receiver(case)
        }
        Some("auth") => {
            known(case, &["headers", "query", "token"])?;
            token(case)
        }
        Some("deliver") => deliver(case),
        Some("build") => build(case),
        Some("receive") => receive(case),
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
    let wanted = &case["allowed_rate"];
    let is_right = match consent.rate {
        None => wanted.is_null(),
        Some(Rate::Unlimited) => wanted.is_null() || wanted == "*" || wanted == "unlimited",
        Some(Rate::PerMinute(rate)) => *wanted == rate,
    };
    check(is_right, || format!("{consent:?}"))
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

/// What a sender does on an answer, in the words of the table.
fn deliver(case: &Json) -> Verdict {
    known(case, &["response", "sender_action"])?;
    let response = &case["response"];
    let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let headers = headers(&response["headers"]);
    let wait = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let wait = wait.and_then(|(_, value)| std::str::from_utf8(value).ok());
    let wait = wait.and_then(|value| retry_after(value, SystemTime::now()));
    let reaction = reaction(status.ok_or("no status")?);
    let wanted = case["sender_action"].as_str().unwrap_or_default();
    let starts = |word: &str| wanted.starts_with(word);
    let is_error = ["error", "reject", "dead-letter"].iter().any(|word| starts(word));
    let has = |words: &[&str]| words.iter().any(|word| wanted.contains(word));
    let is_redirect = has(&["not followed", "redirect"]);
    let is_login = has(&["credentials", "auth"]);
    let is_right = match (reaction, wait) {
        (Reaction::Done, _) => starts("done"),
        (Reaction::Stop, _) => starts("stop"),
        (Reaction::Throttled | Reaction::Retry, Some(wait)) => {
            wanted == format!("retry-after {}s", wait.as_secs()) || wanted == "retry-after date"
        }
        (Reaction::Throttled | Reaction::Retry, None) => starts("retry") && !starts("retry-after"),
        (Reaction::Redirected, _) => is_error && is_redirect,
        (Reaction::Unauthorized, _) => is_error && is_login,
        (Reaction::Refused, _) => is_error && !is_redirect && !is_login,
    };
    check(is_right, || format!("{reaction:?}, wait {wait:?}"))
}

/// The shape of a request, for the event of the case or for one of ours.
fn build(case: &Json) -> Verdict {
    known(case, &["event", "expect", "expect_mode"])?;
    let ours = json!({
        "attributes": { "specversion": "1.0", "id": "1", "source": "/s", "type": "t" },
        "data": { "json": { "a": 1 } },
    });
    let message = event::message(case.get("event").unwrap_or(&ours));
    let (headers, body) = request(&message).map_err(|error| error.to_string())?;
    let content_type = headers.iter().find(|(name, _)| *name == "content-type");
    let content_type = content_type.and_then(|(_, value)| std::str::from_utf8(value).ok());
    check(content_type.is_some() && !body.is_empty(), || format!("{headers:?}"))?;
    for (name, value) in case["expect"].as_object().into_iter().flatten() {
        let found = match name.as_str() {
            "method" => METHOD.into(),
            "has_content_type" => content_type.is_some().into(),
            "has_payload" => (!body.is_empty()).into(),
            other => return Err(format!("the key {other:?} is not known").into()),
        };
        crate::same(value, &found)?;
    }
    match case["expect_mode"].as_str() {
        Some(mode) => {
            let found = expect::mode(Content::of(content_type));
            check(found == mode, || found.into())
        }
        None => Ok(()),
    }
}

/// Outcomes by words in their names; the first that has one.
const OUTCOMES: [(&[&str], Received); 7] = [
    (&["unprocessable"], Received::Unprocessable),
    (&["processed", "not-yet", "pending", "unknown", "queued", "async"], Received::Pending),
    (&["unsupported"], Received::Unsupported),
    (&["malformed", "invalid", "bad-request"], Received::Malformed),
    (&["rate", "throttled", "too-many"], Received::TooMany),
    (&["retired", "gone"], Received::Retired),
    (&["unavailable"], Received::Unavailable),
];

/// What a receiver answers.
fn receive(case: &Json) -> Verdict {
    known(case, &["outcome", "expect_status", "expect_has", "never_status"])?;
    let outcome = case["outcome"].as_str().unwrap_or_default();
    let (all, has_details) = match outcome {
        "any" => (Received::ALL.to_vec(), false),
        "accepted-no-body" => (vec![Received::Accepted], false),
        "accepted-with-body" => (vec![Received::Accepted], true),
        _ => {
            let is = |(words, _): &&(&[&str], _)| words.iter().any(|word| outcome.contains(word));
            let found = OUTCOMES.iter().find(is);
            let (_, received) = found.ok_or(format!("unknown outcome {outcome:?}"))?;
            (vec![*received], false)
        }
    };
    for received in all {
        let status = Json::from(received.status(has_details));
        let is_in = |key: &str| case[key].as_array().is_some_and(|list| list.contains(&status));
        check(case.get("expect_status").is_none() || is_in("expect_status"), || {
            status.to_string()
        })?;
        check(!is_in("never_status"), || status.to_string())?;
        for header in case["expect_has"].as_array().into_iter().flatten() {
            let is_there = match header.as_str().unwrap_or_default() {
                "Content-Type" => has_details,
                "Retry-After" => received.has_retry_after(),
                _ => false,
            };
            check(is_there, || format!("no {header}"))?;
        }
    }
    Ok(())
}
