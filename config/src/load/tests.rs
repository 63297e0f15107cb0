use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::RouteConfig;

const INBOX: &str = "hybridge: v1
routes:
  inbox:
    from: { http: { listen: \"127.0.0.1:8080\" } }
    to: { log: { topic: inbox } }
";

fn variable(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8081".to_owned()),
        "SECRET" => Some("hunter2".to_owned()),
        "EMPTY" => Some(String::new()),
        "STRUCTURE" => Some("x } }\nroutes: { evil: [*a, &b, \"c\n".to_owned()),
        _ => None,
    }
}

fn write(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load_files(files: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let folder = write(files);
    load(&[folder.path().to_owned()], &variable)
}

fn load_text(text: &str) -> Config {
    load_files(&[("a.yaml", text)]).unwrap().config
}

/// The problems of files as lines `file:line:column: message (help)`.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let folder = write(files);
    let error = load(&[folder.path().to_owned()], &variable).unwrap_err();
    let prefix = format!("{}/", folder.path().display());
    error.to_string().lines().map(|line| line.replace(&prefix, "")).collect()
}

/// The problems of a file with one route that has `lines` beside its target.
fn route_problems(lines: &str) -> Vec<String> {
    let text =
        format!("hybridge: v1\nroutes:\n  r:\n{lines}\n    to: {{ log: {{ topic: out }} }}\n");
    problems(&[("a.yaml", &text)])
}

#[test]
fn a_route_says_only_from_and_to() {
    let config = load_text(INBOX);
    let route = &config.routes["inbox"];
    assert_eq!(route.to, None);
    assert_eq!(route.targets[RouteConfig::ONLY_TARGET].to.sinks()[0].kind(), "log");
    assert_eq!(route.ordering(), crate::Ordering::None);
    assert_eq!(route.delivery, crate::DeliveryGuarantee::AtLeastOnce);
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    assert_eq!(
        route_problems(
            "    from: { http: { lisen: \"127.0.0.1:1\", listen: \"127.0.0.1:8080\" } }\n    circuit_brekaer: {}"
        ),
        [
            "a.yaml:4:21: unknown key `lisen` (did you mean `listen`?)",
            "a.yaml:5:5: unknown key `circuit_brekaer` (did you mean `circuit_breaker`?)",
        ]
    );
}

#[test]
fn an_unknown_kind_says_which_there_are() {
    assert_eq!(
        route_problems("    from: { mqtt: { topics: [a] } }"),
        [
            "a.yaml:4:13: unknown kind `mqtt` (write a map with one of the keys amqp, http, kafka, nats, log, file, stdio, schedule)"
        ]
    );
}

#[test]
fn a_quantity_without_its_unit_says_which_was_meant() {
    assert_eq!(
        route_problems(
            "    from: { stdio: { max_message: 64 } }\n    retry: { initial: 200, max: 1min }"
        ),
        [
            "a.yaml:4:35: a size without a unit, `64` (a size needs a unit: `512B`, `64KiB`, `64MiB`, `1GiB`, or `10kB`, `10MB` for powers of ten; did you mean `64B` or `64MiB`?)",
            "a.yaml:5:23: a time without a unit, `200` (a time needs a unit: `200ms`, `30s`, `1m`, `24h`, `30d`; did you mean `200s` or `200ms`?)",
            "a.yaml:5:33: not a unit of time, `1min` (a time needs a unit: `200ms`, `30s`, `1m`, `24h`, `30d`)",
        ]
    );
}

#[test]
fn to_goes_not_with_targets_and_one_of_them_must_be() {
    let text = "hybridge: v1
routes:
  both:
    from: { stdio: {} }
    to: { log: { topic: a } }
    targets: { x: { to: { log: { topic: b } } } }
  neither:
    from: { log: { topic: c } }
  empty:
    from: { log: { topic: d } }
    targets: {}
  nameless:
    from: { log: { topic: e } }
    targets: { log: { topic: f } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:6:5: `to` together with `targets` (write one of the two: `to` for one target, `targets` for several with names)",
            "a.yaml:7:3: the route `neither` has no target (write `to: { log: { topic: ... } }`, or `targets:` for several)",
            "a.yaml:11:5: `targets` without a target (write `name: { to: { ... } }` under `targets:`)",
            "a.yaml:14:16: the key `to` is missing (write `to:` with a map with one of the keys failover, amqp, http, kafka, nats, log, file, stdio)",
            "a.yaml:14:23: unknown key `topic` (did you mean `to`?)",
        ]
    );
}

#[test]
fn names_are_unique_over_all_files() {
    let other = "hybridge: v1\nadmin: {}\nroutes:\n  inbox: { from: { stdio: {} }, to: { log: { topic: x } } }\n";
    let third = "hybridge: v1\nadmin: {}\n";
    assert_eq!(
        problems(&[("a.yaml", INBOX), ("b.yml", other), ("c.yaml", third)])
            .iter()
            .map(|line| line.rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>(),
        [
            "b.yml:4:3: a second route named `inbox` (the first one is at a.yaml:3:3)",
            "c.yaml:2:1: a second section `admin` (the first one is at b.yml:2:1)",
        ]
    );
}

#[test]
fn sections_of_several_files_come_together() {
    let folder = write(&[
        ("a.yaml", INBOX),
        ("b.yml", "hybridge: v1\ntopics: { inbox: { partitions: 3 } }\nlimits: { memory: 1GiB }\n"),
        ("ignored.txt", "not: [read"),
    ]);
    let loaded =
        load(&[folder.path().to_owned(), folder.path().join("a.yaml")], &variable).unwrap();
    assert_eq!(loaded.files, [folder.path().join("a.yaml"), folder.path().join("b.yml")]);
    assert_eq!(loaded.config.topics["inbox"].partitions, 3);
    assert_eq!(loaded.config.limits.memory, crate::ByteSize::from_mib(1024));
}

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

#[test]
fn a_number_stands_where_a_list_belongs() {
    assert_eq!(
        route_problems(
            "    from: { http: { listen: \"127.0.0.1:1\", allowed_origins: 5 } }\n    transform: { cloudevents: {} }"
        ),
        [
            "a.yaml:4:61: a number, `5`, where a list belongs (write `[5]`)",
            "a.yaml:5:16: a map where a list belongs (write one item a line after `- `)",
        ]
    );
}

#[test]
fn scalars_of_the_wrong_type_are_told_apart() {
    assert_eq!(
        route_problems(
            "    from: { file: { path: [a], once: \"yes\", poll: } }\n    limits: { lanes: 0, uncommitted: \"5\" }\n    ordering: totl"
        ),
        [
            "a.yaml:4:27: a list where a text belongs (a value here is no list and no map)",
            "a.yaml:4:38: a text, `yes`, where `true` or `false` belongs (write `true` or `false`, without quotes)",
            "a.yaml:4:45: a key without a value (write a time with its unit: `200ms`, `30s`, `1m`, `24h`, `30d`, or leave the key out)",
            "a.yaml:5:22: a number out of range, `0` (write a number from 1 to 1024)",
            "a.yaml:5:38: a text, `5`, where a whole number belongs (write a whole number, without quotes)",
            "a.yaml:6:15: unknown value `totl` (did you mean `total`?)",
        ]
    );
}

#[test]
fn templates_are_checked_where_they_stand() {
    assert_eq!(
        route_problems(
            "    from: { stdio: {} }\n    transform:\n      - cloudevents: { type: \"{{ evnt.type }}\" }\n      - map: { set: { event.Type: x, origin.topic: x }, remove: [event.id] }\n      - cloudevents: { content_type: json, extensions: { Foo: x } }"
        ),
        [
            "a.yaml:6:30: unknown field at character 4 of the text, `{{ evnt.type }}` (write `event.type`, `event.data.customer.name`, `headers[\"x\"]`, `key` or `origin.topic`)",
            "a.yaml:7:23: not the name of an attribute at character 7 of the text, `event.Type` (a CloudEvents attribute has lower-case letters and digits only; data is under `event.data`)",
            "a.yaml:7:38: a field that cannot be changed, `origin.topic` (leave it out)",
            "a.yaml:7:66: a field that cannot be taken away: every event has one, `event.id` (leave it out)",
            "a.yaml:8:38: not a media type, `json` (write one such as `application/json`)",
            "a.yaml:8:58: the name of an attribute has lower-case letters and digits only, `Foo` (write a name such as `tenant`; `type`, `source`, `subject` and `id` have keys of their own)",
        ]
    );
}

#[test]
fn routes_that_feed_each_other_are_named() {
    let text = "hybridge: v1
routes:
  a: { from: { log: { topic: a } }, to: { log: { topic: b } } }
  b: { from: { log: { topic: b } }, to: { log: { topic: c } } }
  c: { from: { log: { topic: c } }, targets: { x: { to: { failover: [{ log: { topic: z } }, { log: { topic: a } }] } } } }
  d: { from: { log: { topic: d } }, to: { log: { topic: \"{{ key }}\" } } }
  e: { from: { log: { topic: e } }, to: { log: { topic: f } }, dead_letter: { to: { log: { topic: e } } } }
  f: { from: { http: { listen: \"127.0.0.1:8080\", path: /x } }, to: { http: { url: \"http://127.0.0.1:8080/x\" } } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:3:57: a loop of routes: a -> b -> c -> a (write another target for one of them)",
            "a.yaml:6:57: a loop: the route `d` feeds itself (write another target for one of them)",
            "a.yaml:7:99: the dead letters of the route `e` go to its own source (write another topic, such as one that ends in `.dead`)",
            "a.yaml:8:83: a loop: the route `f` feeds itself (write another target for one of them)",
        ]
    );
}

#[test]
fn a_message_must_fit_into_the_routes_share_of_memory() {
    assert_eq!(
        route_problems(
            "    from: { stdio: { max_message: 128MiB } }\n    limits: { in_flight: 1MiB }"
        ),
        [
            "a.yaml:4:35: a message of 128MiB does not fit into the route's share of memory, 96.0MiB of 256MiB with 1 routes (write `limits: { memory: 320MiB }` or more, or a smaller `max_message`)",
            "a.yaml:5:26: `in_flight`, 1MiB, is less than one message of 128MiB (write at least `in_flight: 128MiB`)",
        ]
    );
}

#[test]
fn what_endpoints_cannot_keep_is_refused_with_the_reason() {
    let text = "hybridge: v1
routes:
  a: { from: { log: { topic: a } }, to: { log: { topic: b } }, delivery: exactly_once }
  b: { from: { stdio: {} }, to: { log: { topic: c } }, delivery: effectively_once }
  c: { from: { log: { topic: d } }, to: { log: { topic: e } }, delivery: effectively_once }
  d: { from: { log: { topic: wide } }, to: { log: { topic: f } }, ordering: total }
  e: { from: { log: { topic: h } }, to: { log: { topic: i } }, delivery: at_most_once }
topics: { wide: { partitions: 4 } }
";
    let refused = problems(&[("a.yaml", text)]);
    let starts = [
        "a.yaml:3:74: `delivery: exactly_once` needs one transaction for source and target, which log and log do not have",
        "a.yaml:4:66: `delivery: effectively_once` needs a source whose messages have positions, which stdio does not have",
        "a.yaml:5:74: `delivery: effectively_once` needs targets that drop repeats, which log does not promise",
        "a.yaml:6:77: `ordering: total` over the topic `wide`, which has 4 partitions without an order among them",
        "a.yaml:7:74: `delivery: at_most_once` where every endpoint confirms: the route sends before it settles anyway",
    ];
    assert_eq!(refused.len(), starts.len(), "{refused:#?}");
    for (problem, start) in refused.iter().zip(starts) {
        assert!(problem.starts_with(start) && problem.ends_with(')'), "{problem}");
    }
}

#[test]
fn an_optional_target_stands_beside_a_required_one() {
    let (route, target) = ("r".repeat(100), "t".repeat(100));
    let text = format!(
        "hybridge: v1
routes:
  a: {{ from: {{ log: {{ topic: a }} }}, targets: {{ x: {{ to: {{ log: {{ topic: b }} }}, required: false }} }} }}
  b: {{ from: {{ log: {{ topic: c }} }}, targets: {{ x: {{ to: {{ log: {{ topic: d }} }}, backlog: {{}} }}, y: {{ to: {{ log: {{ topic: e }} }}, required: false }} }}, dead_letter: {{ to: {{ file: {{ path: f }} }} }} }}
  c: {{ from: {{ log: {{ topic: g }} }}, to: {{ log: {{ topic: h }} }}, required: false }}
  d: {{ from: {{ log: {{ topic: i }} }}, targets: {{ x: {{ to: {{ log: {{ topic: j }} }} }}, y: {{ to: {{ log: {{ topic: i }} }}, required: false }} }} }}
  {route}: {{ from: {{ log: {{ topic: k }} }}, targets: {{ x: {{ to: {{ log: {{ topic: l }} }} }}, {target}: {{ to: {{ log: {{ topic: m }} }}, required: false }} }} }}
"
    );
    let refused = problems(&[("a.yaml", &text)]);
    let expected = [
        "no target of the route `a` is required (leave `required` out for one: a message is settled when the required targets have it)".to_owned(),
        "`backlog` for a target that is required (write `required: false` beside it, or leave `backlog` out)".to_owned(),
        "dead letters of the route and of its optional target `y` in one file (write a topic: `dead_letter: { to: { log: { topic: ... } } }`)".to_owned(),
        "unknown key `required` (one of several `targets` may be optional: `targets: { name: { to: { ... }, required: false } }`)".to_owned(),
        "a loop: the route `d` feeds itself (write another target for one of them)".to_owned(),
        format!("the names of the route and its optional target `{target}` are too long together (shorten one of them)"),
    ];
    assert_eq!(refused.len(), expected.len(), "{refused:#?}");
    for (problem, expected) in refused.iter().zip(expected) {
        assert!(problem.ends_with(&expected), "{problem}\n{expected}");
    }
}

#[test]
fn an_optional_target_takes_its_share_of_the_memory() {
    let optional = "    from: { stdio: { max_message: 60MiB } }\n    targets: { a: { to: { log: { topic: a } } }, b: { to: { log: { topic: b } }, required: false } }";
    assert_eq!(
        problems(&[("a.yaml", &format!("hybridge: v1\nroutes:\n  r:\n{optional}\n"))]),
        [
            "a.yaml:4:35: a message of 60MiB does not fit into the route's share of memory, 48.0MiB of 256MiB with 2 routes (write `limits: { memory: 304MiB }` or more, or a smaller `max_message`)"
        ]
    );
}

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
fn text_that_is_no_yaml_is_pointed_at() {
    assert_eq!(
        problems(&[
            ("a.yaml", "hybridge: v1\nroutes:\n  a:\n   b: 1\n    c: 2\n"),
            ("b.yaml", "hybridge: v1\n\troutes: {}\n"),
            ("c.yaml", "hybridge: v1\n---\nhybridge: v1\n"),
            ("d.yaml", ""),
            ("e.yaml", "- hybridge\n"),
            ("f.yaml", "hybridge: v1\nroutes: {}\nroutes: {}\nlimits: !!int 5\nx: *y\n<<: {}\n"),
        ])
        .iter()
        .map(|line| line.split(" (").next().unwrap())
        .collect::<Vec<_>>(),
        [
            "a.yaml:5:6: not YAML: mapping values are not allowed in this context",
            "b.yaml:1:11: not YAML: while scanning a plain scalar, found a tab",
            "c.yaml:2:1: a second document in the file",
            "d.yaml: the file says nothing",
            "e.yaml:1:1: a list where a map belongs",
            "f.yaml:3:1: the key `routes` stands here twice",
            "f.yaml:4:15: a tag, `tag:yaml.org,2002:int`",
            "f.yaml:4:15: a number where a map belongs",
            "f.yaml:5:1: unknown key `x`",
            "f.yaml:5:4: unknown alias `*y`",
            "f.yaml:6:1: a merge key, `<<`",
        ]
    );
}

#[test]
fn bytes_that_are_no_text_are_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), b"hybridge: v1\nroutes: { \xc3\xa9\xff: 1 }\n")
        .unwrap();
    let error = load(&[folder.path().to_owned()], &variable).unwrap_err();
    let problem = &error.as_slice()[0];
    assert_eq!((problem.line, problem.column), (2, 12));
    assert_eq!(problem.message, "invalid UTF-8: the byte 0xff");
    assert_eq!(error.as_slice().len(), 1);
}

#[test]
fn a_file_of_5_mb_is_refused_without_being_parsed() {
    let text = "# x\n".repeat(1_310_720);
    assert_eq!(
        problems(&[("a.yaml", &text)]),
        [
            "a.yaml: the file is too large (a file may have up to 4MiB: divide it into several in one folder)"
        ]
    );
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let before = level - 1;
        text += &format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n");
    }
    let bomb = problems(&[("a.yaml", &text)]);
    assert_eq!(bomb.len(), 1, "{bomb:?}");
    assert!(bomb[0].ends_with("aliases that repeat too much (anchors and aliases of one file may repeat at most 20000 values)"));
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(problems(&[("a.yaml", &nested)]).len(), 1);
}

#[test]
fn aliases_repeat_what_they_name() {
    let text = "hybridge: v1
routes:
  a: { from: { log: { topic: a } }, to: { log: { topic: x } }, retry: &retry { max: 1m } }
  b: { from: { log: { topic: b } }, to: { log: { topic: x } }, retry: *retry }
";
    let config = load_text(text);
    assert_eq!(config.routes["b"].retry.max, crate::Duration::from_secs(60));
}

#[test]
fn problems_of_every_file_and_layer_come_at_once() {
    let a = "hybridge: v1\nroutes:\n  a: { from: { log: { topic: a, grop: x } }, to: { log: { topic: a } } }\n";
    let b =
        "hybridge: v2\nroutes:\n  b: { from: { log: { topic: \"${NOPE}\" } }, to: { log: {} } }\n";
    let lines = problems(&[("a.yaml", a), ("b.yaml", b), ("c.yaml", "[")]);
    let places: Vec<&str> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        ["a.yaml:3:33", "a.yaml:3:66", "b.yaml:1:11", "b.yaml:3:30", "b.yaml:3:51", "c.yaml:1:1"]
    );
}

#[test]
fn many_routes_are_checked_in_good_time() {
    let ring = |count: usize| {
        let route = |i: usize| {
            let next = (i + 1) % count;
            format!(
                "  r{i}: {{ from: {{ log: {{ topic: t{i} }} }}, to: {{ log: {{ topic: t{next} }} }} }}\n"
            )
        };
        let routes: String = (0..count).map(route).collect();
        problems(&[(
            "a.yaml",
            &format!("hybridge: v1\nlimits: {{ memory: 9GiB }}\nroutes:\n{routes}"),
        )])
    };
    let loops = ring(1_000);
    assert!(
        loops.len() == 1
            && loops[0].contains(
                "a loop of routes: r0 -> r1 -> r2 -> r3 -> r4 -> r5 -> 993 more -> r999 -> r0 ("
            ),
        "{loops:?}"
    );
    assert_eq!(
        ring(1_001),
        [
            "a.yaml:1004:3: too many routes (one process may have up to 1000: divide them among several)"
        ]
    );
}

#[test]
fn nothing_to_read_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(&[], &variable).unwrap_err().as_slice()[0].message, "no file to read");
    let empty = load(&[folder.path().to_owned()], &variable).unwrap_err();
    assert_eq!(empty.as_slice()[0].message, "a folder without routing-rule files");
    let missing = load(&[folder.path().join("x.yaml")], &variable).unwrap_err();
    assert!(missing.as_slice()[0].message.starts_with("cannot read the file"));
}

/// Places where a secret may stand in a file that has a mistake near it.
const LEAKS: &[&str] = &[
    "hybridge: v1\nroutes: { a: { from: { http: { listen: 5, token: hunter2, tokn: hunter2 } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { http: { listen: 5, token: [hunter2], hmac: hunter2 } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { htpp: { token: hunter2 } } } }\n",
    "hybridge: v1\nroutes: { a: { to: { http: { url: \"ftp://u:hunter2@x/?hunter2\" } } } }\n",
    "hybridge: v1\nsubscribe: { listen: x, tokens: hunter2 }\n",
    "hybridge: v1\nsubscribe:\n  listen: x\n  tokens:\n  - hunter2\n  listen: y\n",
    "hybridge: v1\nadmin:\n  token: hunter2\n  token: |\n    hunter2\n    hunter2\n  listen: x\n",
    "hybridge: v1\nadmin:\n  token: \"hunter2\n",
    "hybridge: v1\nadmin:\n  - token: hunter2\n  token: x\n",
    "hybridge: v1\n# token: hunter2\nadmin: 5 # hunter2\n",
    "hybridge: v1\nroutes: { a: { from: { http: { listen: \"${SECRET}\", timeout: \"${SECRET}\", max_batch: \"${SECRET}\" } } } }\n",
    "hybridge: v1\nroutes: { a: { ordering: \"${SECRET}\", from: { log: { topic: \"${SECRET}/\", start: \"${SECRET}\" } }, to: { log: { topic: \"{{ ${SECRET} }}\" } } } }\n",
    "hybridge: v1\nlimits: { memory: \"1${SECRET}\" }\nadmin: { listen: [\"${SECRET}\"] }\n",
    "hybridge: v1\nconnections: { c: { http: { url: \"http://x\", headers: { a: { b: hunter2 } } } } }\n",
    "hybridge: v1\nconnections: { c: { http: { url: \"http://x y${SECRET}\", headers: hunter2 } } }\n",
    "hybridge: v1\nroutes: { a: { from: { log: { topic: \"${SECRET}/\", group: \"/${SECRET}\" } }, to: { http: { connection: \"${SECRET}\" } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { http: { listen: \"127.0.0.1:1\", path: \"${SECRET}\" } }, to: { log: { topic: \"${SECRET} x\" } } } }\n",
    "hybridge: v1\nroutes: { a: { from: { log: { topic: \"${SECRET}\", group: g } }, to: { log: { topic: \"${SECRET}\" } } }, b: { from: { log: { topic: \"${SECRET}\", group: g } }, to: { log: { topic: y } } } }\n",
];

#[test]
fn no_problem_shows_a_secret() {
    for text in LEAKS {
        let folder = write(&[("a.yaml", text)]);
        let error = load(&[folder.path().to_owned()], &variable).unwrap_err();
        let shown = format!("{error}\n{error:?}\n{}", error.report(true));
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

#[test]
fn the_report_shows_the_line_and_the_caret() {
    let folder = write(&[("a.yaml", "hybridge: v1\nlimits: { memry: 1GiB }\n")]);
    let report = load(&[folder.path().to_owned()], &variable).unwrap_err().report(false);
    assert!(
        report.contains("a.yaml:2:11]") && report.contains("limits: { memry: **** }"),
        "{report}"
    );
    assert!(report.contains("─────") && report.contains("did you mean `memory`?"), "{report}");
}

#[test]
fn what_fails_later_has_its_place_and_hides_secrets_too() {
    let folder = write(&[(
        "a.yaml",
        INBOX.replace("listen:", "token: hunter2, tls: { cert: c, key: k }, listen:").as_str(),
    )]);
    let loaded = load(&[folder.path().to_owned()], &variable).unwrap();
    let problem = |path: &[&str]| loaded.problem(path, "no", Some("yes".to_owned()));
    let tls = problem(&["routes", "inbox", "from", "http", "tls", "cert"]);
    assert_eq!((tls.line, tls.column), (4, 50));
    assert_eq!(problem(&["routes", "inbox", "from", "http", "tls", "ca"]).column, 42);
    assert_eq!(problem(&["routes", "inbox"]).line, 3);
    assert_eq!(problem(&["nothing"]).line, 0);
    let report = Problems::new(vec![tls]).report(false);
    assert!(report.contains("cert: c") && !report.contains("hunter2"), "{report}");
    assert!(!format!("{loaded:?}").contains("hunter2"));
}

fn load_any(text: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    if let Err(problems) = load(&[folder.path().to_owned()], &variable) {
        assert!(!problems.as_slice().is_empty());
        problems.report(false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_a_configuration_or_problems(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load_any(&bytes);
    }

    #[test]
    fn any_yaml_is_a_configuration_or_problems(
        text in r#"hybridge: v1\n((routes|admin|topics|from|to|http|log|topic|listen|limits|memory|targets|transform|map|set|é)?(: |:\n|[{}\[\],&*!|>"'#-]|\$\{|\$\{PORT\}|\n| {1,4}|5|1s|x)){0,40}"#,
    ) {
        load_any(text.as_bytes());
    }

    #[test]
    fn a_file_cut_or_changed_anywhere_is_a_configuration_or_problems(at in 0..INBOX.len(), byte: u8) {
        load_any(&INBOX.as_bytes()[..at]);
        let mut changed = INBOX.as_bytes().to_vec();
        changed[at] = byte;
        load_any(&changed);
    }

    #[test]
    fn a_value_cannot_change_the_structure(value in r#"([a-z0-9 :,#&*!|>'"%@`\n\[\]{}-]|\$\{X\}|\{\{)*"#) {
        let folder = write(&[("a.yaml", &INBOX.replace("listen:", "allowed_origins: [\"${X}\"], token: \"a${X}\", listen:"))]);
        let config = load(&[folder.path().to_owned()], &|_| Some(value.clone())).unwrap().config;
        prop_assert_eq!(config.routes.len(), 1);
        let crate::SourceConfig::Http(http) = &config.routes["inbox"].from else { panic!() };
        prop_assert_eq!(http.allowed_origins.as_slice(), std::slice::from_ref(&value));
        prop_assert_eq!(http.token.as_ref().unwrap().expose(), format!("a{value}"));
    }
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
