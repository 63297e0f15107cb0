//! What sources, sinks, connections and listeners say of themselves.

use super::*;

#[test]
fn what_others_can_reach_has_a_token() {
    let text = "hybridge: v1\nadmin: { listen: \"0.0.0.0:9090\" }\nsubscribe: { listen: \"[::]:8088\", tokens: [\"${EMPTY}\"] }\n";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:2:18: `admin` listens on 0.0.0.0:9090 without a token (write `token: \"${ADMIN_TOKEN}\"`, or listen on 127.0.0.1)",
            "a.yaml:3:44: an empty secret (give it a value, or leave the key out)",
        ]
    );
}

#[test]
fn listeners_share_an_address_only_by_path() {
    let text = "hybridge: v1
routes:
  a: { from: { http: { listen: \"127.0.0.1:80\" } }, to: { log: { topic: a } } }
  b: { from: { http: { listen: \"127.0.0.1:80\", path: /b } }, to: { log: { topic: b } } }
  c: { from: { http: { listen: \"127.0.0.1:80\", path: /b } }, to: { log: { topic: c } } }
  d: { from: { http: { listen: \"0.0.0.0:80\", path: /d } }, to: { log: { topic: d } } }
  e: { from: { http: { listen: \"127.0.0.1:9090\" } }, to: { log: { topic: e } } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:5:32: 127.0.0.1:80 with the path `/b` is taken by the route `b` (write another `path` or another port)",
            "a.yaml:6:32: 0.0.0.0:80 overlaps with 127.0.0.1:80, which the route `a` has (write the same address for both, or another port)",
            "a.yaml:7:32: 127.0.0.1:9090 is taken by `admin` (write another port)",
        ]
    );
}

#[test]
fn endpoints_say_enough_and_nothing_twice() {
    let text = "hybridge: v1
connections: { billing: { http: { url: \"https://billing.example\", tls: { cert: a } } } }
routes:
  a: { from: { log: { topic: a } }, to: { http: { connection: biling } } }
  b: { from: { log: { topic: a, group: a } }, to: { http: { connection: billing, url: \"http://x\" } } }
  c: { from: { schedule: { every: 1m, timezone: UTC } }, to: { http: {} } }
  d: { from: { schedule: {} }, to: { log: { topic: d } } }
  f: { from: { log: { topic: f } }, to: { http: { url: \"ftp://x\" } } }
  ../e: { from: { log: { topic: .x } }, to: { http: { url: \"http://x\", headers: { set: { Authorization: x } } } } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:2:72: one of `cert` and `key` without the other (write both `cert` and `key`, or neither)",
            "a.yaml:4:63: unknown connection \"biling\" (did you mean `billing`?)",
            "a.yaml:5:40: the consumer group `a` of the topic `a` is read by the route `a` already (give each route a `group` of its own, or leave it out)",
            "a.yaml:5:87: `url` together with `connection` (write `connection` and `path`, or `url` alone)",
            "a.yaml:6:49: `timezone` without `cron` (an interval has no time zone: leave it out)",
            "a.yaml:6:70: an `http` sink without `url` and `connection` (write `url: \"https://host/path\"`, or `connection:` with the name of one)",
            "a.yaml:7:26: a schedule without `every` and `cron` (write `every: 1m`, or `cron: \"0 6 * * 1-5\"`)",
            "a.yaml:8:56: not a URL of scheme http or https (write `https://host/path`; credentials go into `token` or `headers`)",
            "a.yaml:9:3: not a name for a route, \"../e\" (a name has 1 to 128 letters, digits, `.`, `_` and `-`, and begins with a letter or a digit)",
            "a.yaml:9:33: not a name for a topic, \".x\" (a name has 1 to 128 letters, digits, `.`, `_` and `-`, and begins with a letter or a digit)",
            "a.yaml:9:81: a credential in a template, the header `Authorization` (write `token`, or put the header into a connection's `headers`, which are secret)",
        ]
    );
}

#[test]
fn a_file_has_one_writer_and_a_schedule_a_time() {
    let text = "hybridge: v1
routes:
  a: { from: { schedule: { cron: \"99 * * * *\" } }, to: { file: { path: out.jsonl } } }
  b:
    from: { schedule: { cron: \"0 6 * * 1-5\", timezone: Europe/Atlantis } }
    targets: { x: { to: { file: { path: each, format: whole } } }, y: { to: { file: { path: each, format: whole } } } }
    dead_letter: { to: { file: { path: out.jsonl } } }
";
    let found = problems(&[("a.yaml", text)]);
    let [cron, zone, file] = found.as_slice() else { panic!("{found:#?}") };
    assert!(cron.starts_with("a.yaml:3:34: not a cron expression, \"99 * * * *\": "), "{cron}");
    assert_eq!(
        zone,
        "a.yaml:5:56: not a time zone, \"Europe/Atlantis\" (write an IANA name: `Europe/Berlin`)"
    );
    assert_eq!(
        file,
        "a.yaml:7:40: the file out.jsonl is written by the route `a` already (give each sink a `path` of its own)"
    );
}

#[test]
fn credentials_do_not_cross_a_network_in_plain_text() {
    let text = "hybridge: v1
connections:
  a: { http: { url: \"http://a.example\", headers: { x-key: canary } } }
  b: { http: { url: \"http://b.example\" } }
  c: { http: { url: \"http://127.0.0.1:1\", token: canary } }
routes:
  a: { from: { log: { topic: a } }, to: { http: { connection: b, token: canary } } }
  b: { from: { log: { topic: b } }, to: { http: { url: \"http://localhost:1\", token: canary } } }
";
    let help = "credentials would cross the network in plain text (write `https://`; plain `http://` with credentials is for this machine only)";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [format!("a.yaml:3:21: {help}"), format!("a.yaml:7:73: {help}")]
    );
}

#[test]
fn a_connection_gives_a_sink_what_it_does_not_say() {
    let text = "hybridge: v1
connections:
  billing: { http: { url: \"https://billing.example/base/?sig=1\", token: \"${SECRET}\", connect_timeout: 2s, headers: { x-key: k } } }
routes:
  a: { from: { log: { topic: a } }, to: { http: { connection: billing, path: /events, connect_timeout: 1s } } }
";
    let config = load_text(text);
    let crate::SinkConfig::Http(sink) = &config.routes["a"].targets["to"].to.sinks()[0] else {
        panic!()
    };
    assert_eq!(sink.url.as_ref().unwrap().expose(), "https://billing.example/base/events?sig=1");
    assert_eq!(sink.token.as_ref().unwrap().expose(), "hunter2");
    assert_eq!(sink.connect_timeout, Some(crate::Duration::from_secs(1)));
    assert_eq!(sink.connection_headers["x-key"].expose(), "k");
}

#[test]
fn a_connection_that_is_named_is_there_and_of_that_kind() {
    let text = "hybridge: v1
connections:
  web: { http: { url: \"https://a.example\" } }
  here: { kafka: { brokers: [\"a:9092\", \"b:9092\"] } }
  same: { kafka: { brokers: [\"b:9092\", \"a:9092\"] } }
  else: { kafka: { brokers: [\"c:9092\"] } }
routes:
  a: { from: { kafka: { connection: her, topics: [t] } }, to: { http: { connection: here } } }
  b: { from: { kafka: { connection: here, topics: [t, u] } }, to: { kafka: { connection: same, topic: \"{{ key }}\" } } }
  c: { from: { kafka: { connection: here, topics: [v] } }, to: { kafka: { connection: else, topic: v } } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:8:37: unknown connection \"her\" (did you mean `here`?)",
            "a.yaml:8:85: the connection \"here\" is for `kafka`, not `http` (known here: web)",
            "a.yaml:9:103: a loop: the route `b` feeds itself (write another target for one of them)",
        ]
    );
}

#[test]
fn a_nats_endpoint_says_one_thing_and_core_nats_is_named_at_most_once() {
    let text = "hybridge: v1
connections:
  two: { nats: { servers: [\"nats://u:p@h:4222\"], token: t, nkey: SU } }
  half: { nats: { servers: [\"nats://h:4222\"], username: u } }
  n: { nats: { servers: [\"h:4222\"] } }
routes:
  a: { from: { nats: { connection: n } }, to: { log: { topic: a } } }
  b: { from: { nats: { connection: n, subjects: [b.>] } }, to: { log: { topic: b } } }
  c: { from: { log: { topic: c } }, to: { nats: { connection: n, subject: c } }, delivery: effectively_once }
  d: { from: { nats: { connection: n, stream: S, kv: B, ack_wait: 10s } }, to: { nats: { connection: n, kv: K, subject: x } } }
  e: { from: { nats: { connection: n, stream: E, subjects: [e.in.>] } }, to: { nats: { connection: n, stream: E, subject: \"e.in.{{ key }}\" } } }
  f: { from: { nats: { connection: n, stream: F, subjects: [f.in.>] } }, to: { nats: { connection: n, stream: F, subject: \"f.out.{{ key }}\" } } }
  g: { from: { nats: { connection: n, subjects: [g] } }, to: { log: { topic: g } }, delivery: at_most_once }
  h: { from: { log: { topic: h } }, to: { nats: { connection: n, stream: H, subject: h } }, delivery: effectively_once }
";
    let refused = problems(&[("a.yaml", text)]);
    let starts = [
        "a.yaml:3:27: credentials in the address of h:4222 (",
        "a.yaml:3:16: `nkey` together with `token`",
        "a.yaml:4:17: one of `username` and `password` without the other",
        "a.yaml:7:22: a `nats` source without `stream`, `kv` and `subjects`",
        "a.yaml:10:54: `kv` together with `stream`",
        "a.yaml:10:67: `ack_wait` where nothing is acknowledged one by one",
        "a.yaml:10:121: `subject` together with `kv`",
        "a.yaml:11:123: a loop: the route `e` feeds itself",
        "a.yaml:7:6: `delivery: at_least_once` over core NATS",
        "a.yaml:8:6: `delivery: at_least_once` over core NATS",
        "a.yaml:9:92: `delivery: effectively_once` over core NATS",
    ];
    for start in starts {
        assert!(refused.iter().any(|problem| problem.starts_with(start)), "{start}\n{refused:#?}");
    }
    assert_eq!(refused.len(), starts.len(), "{refused:#?}");
    assert!(!format!("{refused:?}").contains("u:p"));
}

#[test]
fn a_login_by_token_says_where_tokens_come_from_and_asks_nobody_in_plain_text() {
    let client = |url: &str| {
        format!(
            "client_credentials: {{ token_url: \"{url}\", client_id: a, client_secret: canary }}"
        )
    };
    let login = |more: &str| {
        format!(
            "hybridge: v1
connections: {{ k: {{ kafka: {{ brokers: [\"127.0.0.1:1\"], sasl: {{ mechanism: {more} }} }} }} }}
routes: {{ a: {{ from: {{ kafka: {{ connection: k, topics: [t] }} }}, to: {{ log: {{ topic: t }} }} }} }}
"
        )
    };
    for (more, expected) in [
        (format!("oauthbearer, {}", client("https://login.example/token")), None),
        (format!("oauthbearer, {}", client("http://127.0.0.1:1/token")), None),
        (
            format!("oauthbearer, {}", client("http://login.example/token")),
            Some("credentials would cross the network in plain text"),
        ),
        (
            format!("oauthbearer, token_file: x, {}", client("https://login.example/token")),
            Some("`oauthbearer` logs in by a token (write either"),
        ),
        ("oauthbearer".to_owned(), Some("`oauthbearer` logs in by a token (write either")),
        (
            format!("plain, username: a, password: b, {}", client("https://login.example/token")),
            Some("this mechanism logs in by a password"),
        ),
    ] {
        let Some(expected) = expected else {
            load_text(&login(&more));
            continue;
        };
        let found = problems(&[("a.yaml", &login(&more))]);
        assert!(matches!(&found[..], [one] if one.contains(expected)), "{found:?}");
        assert!(!found[0].contains("canary"), "{found:?}");
    }
}
