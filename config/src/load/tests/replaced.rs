//! `${...}` and what stands for it.

use super::*;

#[test]
fn what_a_reference_refers_to_must_be_there() {
    assert_eq!(
        route_problems(
            "    from: { http: { listen: \"${NOPE}\", token: \"${file:no-such}\", path: \"${PORT\" } }"
        ),
        [
            "a.yaml:4:29: the variable `NOPE` is not set (set it, or write `${NOPE:-default}`)",
            "a.yaml:4:47: cannot read the file `no-such`: No such file or directory (os error 2) (the file must exist, be readable by this user, and hold UTF-8 text of at most 1MiB)",
            "a.yaml:4:72: `${` without `}` (write `${NAME}`; a literal `${` is written `$${`)",
        ]
    );
}

#[test]
fn references_are_replaced_and_then_typed() {
    let folder = write(&[
        (
            "a.yaml",
            "hybridge: v1
routes:
  inbox:
    from:
      http:
        listen: 127.0.0.1:${PORT}
        max_batch: ${PORT}
        token: ${file:token}
        timeout: \"${TIMEOUT:-5}s\"
    to: { log: { topic: \"t-${EMPTY:-x}\" } }
",
        ),
        ("token", "12345\n"),
    ]);
    let config = load(&[folder.path().to_owned()], &variable).unwrap().config;
    let crate::SourceConfig::Http(http) = &config.routes["inbox"].from else { panic!() };
    assert_eq!(http.listen.port(), 8081);
    assert_eq!(http.max_batch, 8081);
    assert_eq!(http.token.as_ref().unwrap().expose(), "12345");
    assert_eq!(http.timeout, crate::Duration::from_secs(5));
    assert_eq!(config.routes["inbox"].targets["to"].to.sinks()[0], log_sink("t-x"));
}

fn log_sink(topic: &str) -> crate::SinkConfig {
    let crate::To::Sink(sink) =
        serde_json::from_value(serde_json::json!({ "log": { "topic": topic } })).unwrap()
    else {
        panic!()
    };
    sink
}

#[test]
fn a_dollar_before_a_reference_makes_it_text() {
    let text = INBOX.replace("listen:", "copy_headers: [\"$${PORT}\", \"$PORT\"], listen:");
    let config = load_text(&text);
    let crate::SourceConfig::Http(http) = &config.routes["inbox"].from else { panic!() };
    assert_eq!(http.copy_headers, ["${PORT}", "$PORT"]);
}
