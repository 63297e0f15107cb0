mod endpoints;
mod leases;
mod replaced;
mod routes;
mod routing;
mod secrets;
mod text;
mod values;

use std::fs;

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
fn nothing_to_read_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(&[], &variable).unwrap_err().as_slice()[0].message, "no file to read");
    let empty = load(&[folder.path().to_owned()], &variable).unwrap_err();
    assert_eq!(empty.as_slice()[0].message, "a folder without routing-rule files");
    let missing = load(&[folder.path().join("x.yaml")], &variable).unwrap_err();
    assert!(missing.as_slice()[0].message.starts_with("cannot read the file"));
}
