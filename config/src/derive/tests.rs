use std::{fs, path::PathBuf};

use super::*;
use crate::load;

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, format!("hybridge: v1\nadmin: {{ listen: \"127.0.0.1:1\" }}\n{text}"))
        .unwrap();
    load(&[path], &|_| None).unwrap_or_else(|problems| panic!("{problems}")).config
}

fn lines(config: &Config) -> Vec<String> {
    config.routes.iter().map(|(name, route)| summary(config, name, route).to_string()).collect()
}

#[test]
fn a_route_is_one_line_with_what_it_promises_and_what_limits_that() {
    let config = config(
        "storage: { fsync: { interval: 1s } }
routes:
  a:
    from: { http: { listen: \"127.0.0.1:8080\", path: /a } }
    transform: [ { cloudevents: {} } ]
    to: { log: { topic: orders } }
  b:
    from: { file: { path: \"/in/*.jsonl\" } }
    targets:
      one: { to: { failover: [ { http: { url: \"https://u/x?code=1\" } }, { log: { topic: spill } } ] } }
      two: { to: { file: { path: /out, fsync: false } } }
    dead_letter: { to: { log: { topic: dead } } }
  c:
    from: { schedule: { cron: \"0 6 * * *\" } }
    to: { http: { url: \"http://u\", deduplicates: true } }
    delivery: effectively_once
    ordering: total
  d: { from: { stdio: {} }, to: { stdio: {} }, ordering: none }
  e:
    from: { log: { topic: orders } }
    targets:
      crm: { to: { http: { url: \"http://crm\" } }, required: false, backlog: { bytes: 1GiB } }
      keep: { to: { file: { path: /keep } } }
",
    );
    assert_eq!(
        lines(&config),
        [
            "a: http 127.0.0.1:8080/a -> cloudevents -> log orders; at_least_once (a power loss takes up to 1s of the log), order none (open HTTP requests have no order)",
            "b: file /in/*.jsonl -> http https://u/x | log spill + file /out; dead letters to log dead; at_least_once (a power loss takes up to 1s of the log; a power loss takes what is not on disk of /out), order key (files have no order among themselves)",
            "c: schedule \"0 6 * * *\" -> http http://u; effectively_once, order total",
            "d: stdio -> stdio; at_least_once (standard input has no position to go back to after a crash; standard output confirms nothing), order none (the route asks for none)",
            "e: log orders -> http http://crm (optional) + file /keep; at_least_once (a power loss takes up to 1s of the log; crm misses what waits for it longer than 7d or beyond 1GiB), order key",
        ]
    );
}

#[test]
fn a_change_names_what_must_restart() {
    let old = config(
        "connections: { c: { http: { url: \"http://old\" } }, d: { http: { url: \"http://d\" } } }
routes:
  gone: { from: { log: { topic: a } }, to: { log: { topic: b } } }
  same: { from: { log: { topic: c } }, to: { http: { connection: d } } }
  moved: { from: { log: { topic: d } }, to: { http: { connection: c } } }
  slower: { from: { log: { topic: d } }, to: { log: { topic: e } } }
  rekeyed: { from: { log: { topic: d } }, to: { log: { topic: f } } }
  restarted: { from: { log: { topic: d } }, to: { log: { topic: g } } }
topics: { a: { partitions: 2 } }
",
    );
    let new = config(
        "connections: { c: { http: { url: \"http://new\" } }, d: { http: { url: \"http://d\" } } }
routes:
  new: { from: { log: { topic: a } }, to: { log: { topic: b } } }
  same: { from: { log: { topic: c } }, to: { http: { connection: d } } }
  moved: { from: { log: { topic: d } }, to: { http: { connection: c } } }
  slower: { from: { log: { topic: d } }, to: { log: { topic: e } }, limits: { lanes: 2 } }
  rekeyed: { from: { log: { topic: d } }, to: { log: { topic: f } }, transform: [ { map: { set: { key: a } } } ] }
  restarted: { from: { log: { topic: h } }, to: { log: { topic: g } } }
limits: { memory: 1GiB }
storage: { path: elsewhere }
",
    );
    let expected = Diff {
        added: vec!["new".into()],
        removed: vec!["gone".into()],
        changed: vec!["rekeyed".into(), "restarted".into(), "slower".into()],
        continued: vec!["moved".into()],
        topics: vec!["a".into()],
        restart: vec!["limits", "storage"],
    };
    assert_eq!(diff(&old, &new), expected);
    assert!(diff(&old, &old).is_empty());
    assert_eq!(old.storage.path, PathBuf::from("hybridge-data"));
}

#[test]
fn batches_are_larger_where_every_target_takes_them_whole() {
    let text = "routes:
  whole: { from: { log: { topic: a } }, to: { log: { topic: b } } }
  single: { from: { log: { topic: c } }, to: { http: { url: \"https://x/\" } } }
  mixed:
    from: { log: { topic: d } }
    targets: { x: { to: { file: { path: y } } }, z: { to: { http: { url: \"https://x/\" } } } }
  stated: { from: { log: { topic: e } }, to: { log: { topic: f } }, limits: { lanes: 7 } }
";
    let config = config(text);
    let lanes = ["whole", "single", "mixed", "stated"].map(|route| config.routes[route].lanes());
    assert_eq!(lanes, [4, 16, 16, 7]);
}
