use futures_util::FutureExt;
use hybridge_core::Header;

use super::*;

fn apply(step: &str, headers: &[(&str, &str)], payload: &str) -> Applied {
    let step = crate::testing::step(&format!("adapter: {{ {step} }}"));
    let header = |(name, value): &(&str, &str)| Header {
        name: Text::from(*name),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    };
    let message = Message {
        payload: Some(Bytes::copy_from_slice(payload.as_bytes())),
        headers: headers.iter().map(header).collect(),
        ..Message::default()
    };
    step.apply(vec![message]).now_or_never().expect("never yields").remove(0)
}

fn one(applied: Applied) -> Message {
    match applied {
        Applied::One(message) => message,
        other => panic!("{other:?}"),
    }
}

fn reason(applied: Applied) -> String {
    match applied {
        Applied::Failed(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

const GITHUB: [(&str, &str); 2] = [("X-GitHub-Event", "release"), ("x-github-delivery", "d-1")];

#[test]
fn the_time_of_a_release_depends_on_its_action() {
    let payload = |action: &str| {
        format!(
            r#"{{"action":"{action}","repository":{{"url":"https://r"}},"release":{{"id":7,"published_at":"2020-01-02T03:04:05Z"}}}}"#
        )
    };
    let event = one(apply("github: {}", &GITHUB, &payload("published")));
    assert_eq!(event.attributes.text("time"), Some("2020-01-02T03:04:05Z"));
    assert_eq!(event.attributes.text("type"), Some("com.github.release.published"));
    assert_eq!(event.attributes.text("subject"), Some("7"));
    let event = one(apply("github: {}", &GITHUB, &payload("edited")));
    assert!(event.attributes.text("time").unwrap() > "2026-01-01T00:00:00Z");
}

#[test]
fn what_is_missing_is_named() {
    let reasons = [
        reason(apply("github: {}", &[], "{}")),
        reason(apply("github: {}", &GITHUB, r#"{"action":"created"}"#)),
        reason(apply("github: {}", &[("X-GitHub-Event", "new")], "{}")),
        reason(apply("gitlab: {}", &[], r#"{"object_kind":"note","object_attributes":{}}"#)),
        reason(apply(
            "couchdb: { server: \"http://c\" }",
            &[],
            r#"{"seq":1,"id":"a","changes":[]}"#,
        )),
        reason(apply("aws_s3: {}", &[], r#"{"Records":[{}]}"#)),
        reason(apply("aws_sns: {}", &[], "{}")),
    ];
    let parts =
        ["X-GitHub-Event", "repository.url", "\"new\"", "\"note\"", "database", "x-amz", "x-amz"];
    for (reason, part) in reasons.iter().zip(parts) {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn what_is_no_event_is_filtered() {
    for (step, headers, payload) in [
        ("github: {}", &[("X-GitHub-Event", "ping")][..], "{}"),
        ("aws_s3: {}", &[], r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#),
        ("couchdb: { server: \"http://c\" }", &[], "\n"),
    ] {
        assert!(matches!(apply(step, headers, payload), Applied::Filtered(_)), "{step}");
    }
}
