//! `hybridge test` as its users run it.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const ROUTES: &str = "hybridge: v1
routes:
  orders:
    from: { http: { listen: \"127.0.0.1:8080\" } }
    transform:
      - map: { set: { \"event.subject\": \"{{ event.data.customer }}\" }, remove: [\"event.data.card\"] }
    targets:
      stream: { to: { log: { topic: \"orders.{{ event.type }}\" } } }
      billing:
        to: { failover: [ { http: { url: \"${BILLING_URL}\" } }, { http: { url: \"http://spare.example/\" } } ] }
    rules:
      - { name: all, when: { filter: { prefix: { type: order. } } }, send_to: [stream] }
      - { name: large, when: { pattern: { data: { amount: [ { numeric: [\">\", 1000] } ] } } }, send_to: [billing, stream] }
      - { name: never, when: { cesql: \"type = 'x' AND NOT EXISTS subject\" }, send_to: [billing] }
    retry: { initial: 500ms, max: 10s }
    circuit_breaker: { failures: 5, open: 1s }
    dead_letter: { to: { log: { topic: orders.dead } } }
";

const HEAD: &str =
    "hybridge: v1\nenv: { BILLING_URL: \"https://billing.example/events\" }\ntests:\n";

const GOOD: &str = "  - name: a small order goes to the stream without its card
    input:
      - event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann, amount: 12.5, card: \"4111\" } }
    expect:
      outcomes: [delivered]
      rules: [all]
      targets:
        stream:
          - to: { topic: orders.order.placed }
            exactly: true
            event: { specversion: \"1.0\", id: \"1\", source: /shop, type: order.placed, subject: ann, datacontenttype: application/json, data: { customer: ann, amount: 12.50 } }
  - name: a large one goes to billing too, which asks to wait three times
    input:
      - event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann, amount: 1e4 } }
    answers: { billing: [ { http: 429, times: 3, wait: 2s } ] }
    expect:
      rules: [all, large]
      attempts: { billing: 4, stream: 1 }
      took: { at_least: 6s, at_most: 1m }
  - name: billing is down and the spare takes over
    input:
      - event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann, amount: 1001 } }
    answers: { billing: [ { answer: disconnected, times: 100000 } ] }
    expect: { outcomes: [delivered], attempts: { \"billing[1]\": 1 } }
  - name: both are down
    within: 10m
    input:
      - event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann, amount: 1001 } }
    answers:
      billing: [ { answer: disconnected, times: 100000 } ]
      billing[1]: [ { answer: unauthorized, times: 100000 } ]
    expect: { outcomes: [held] }
  - name: an order without a customer is a dead letter, the next one is not
    input:
      - event: { id: \"1\", source: /shop, type: order.placed, data: {} }
      - event: { id: \"2\", source: /shop, type: tick, data: { customer: bob } }
    expect:
      outcomes: [dead_lettered, filtered]
      targets: {}
      dead_letters: [ { reason: customer, stage: transform, message: { event: { id: \"1\" } } } ]
";

fn test_of(folder: &Path, tests: &str, arguments: &[&str]) -> Output {
    std::fs::write(folder.join("orders.yaml"), ROUTES).unwrap();
    std::fs::write(folder.join("orders.test.yaml"), format!("{HEAD}{tests}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
    command.current_dir(folder).arg("test").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn tests_that_pass_say_which_rules_no_test_met() {
    let folder = tempfile::tempdir().unwrap();
    let output = test_of(folder.path(), GOOD, &[]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(
        out.ends_with("rules of orders: 2 of 3 met; never: never\n5 passed, 0 failed\n"),
        "{out}"
    );
    let output = test_of(folder.path(), GOOD, &["--filter", "spare", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], report["tests"].as_array().unwrap().len()), (&true.into(), 1));
    assert_eq!(report["coverage"]["./orders.yaml"][0]["never"][0], "never");
    assert_eq!(test_of(folder.path(), GOOD, &["--filter", "nothing"]).status.code(), Some(64));
}

#[test]
fn what_is_not_as_expected_is_said_for_people_and_for_junit() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = "  - name: all of it
    input: [ { event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann } } } ]
    answers: { stream: [ { answer: rejected } ] }
    expect:
      outcomes: [delivered]
      rules: [large]
      targets: { billing: [ {} ] }
      took: { at_least: 1s }
  - name: right
    input: [ { event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann } } } ]
    expect: { targets: { stream: [ { event: { subject: eve }, headers: { x: y } } ] } }
";
    let output = test_of(folder.path(), wrong, &["--junit", "report.xml"]);
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout);
    for said in [
        "message 1: dead_lettered instead of delivered",
        "billing: 0 messages instead of 1: []",
        "the rule `large` did not match",
        "the rule `all` matched",
        "1 dead letters instead of 0: [answered as the test says]",
        "less than 1s",
        "stream, message 1: event {",
        "stream, message 1: header x null instead of \"y\"",
        "0 passed, 2 failed",
    ] {
        assert!(out.contains(said), "{said} is not in\n{out}");
    }
    let xml = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"2\""), "{xml}");
}

#[test]
fn a_golden_file_is_written_on_demand_and_compared_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let golden = "  - name: all
    input: [ { event: { id: \"1\", source: /shop, type: order.placed, data: { customer: ann } }, headers: { trace: t } } ]
    expect: { golden: all.golden.json }
";
    assert_eq!(test_of(folder.path(), golden, &[]).status.code(), Some(1));
    assert_eq!(test_of(folder.path(), golden, &["--update"]).status.code(), Some(0));
    assert_eq!(test_of(folder.path(), golden, &[]).status.code(), Some(0));
    let path = folder.path().join("all.golden.json");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written.contains("\"subject\": \"ann\"") && written.contains("\"trace\": \"t\""),
        "{written}"
    );
    std::fs::write(&path, written.replace("ann", "eve")).unwrap();
    let output = test_of(folder.path(), golden, &[]);
    assert!(text(&output.stdout).contains("instead of"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn files_that_cannot_be_read_are_78_with_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let output = test_of(folder.path(), "  - { name: a, input: [ {} ], expectt: {} }\n", &[]);
    assert_eq!(output.status.code(), Some(78));
    let problems = text(&output.stderr);
    assert!(problems.contains("orders.test.yaml:4:31: unknown key `expectt`"), "{problems}");
    assert!(problems.contains("the key `expect` is missing"), "{problems}");
    let output = test_of(folder.path(), GOOD, &["nowhere"]);
    assert_ne!(output.status.code(), Some(0));
    // Unit tests beside the routes of a folder are no routes.
    let checked = Command::new(env!("CARGO_BIN_EXE_hybridge"))
        .args(["check", "."])
        .env("BILLING_URL", "http://b.example/")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
}

#[test]
fn explain_says_which_rules_a_message_meets_and_why_not_the_others() {
    let folder = tempfile::tempdir().unwrap();
    test_of(folder.path(), GOOD, &[]);
    let event = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","data":{"customer":"ann","amount":12.5,"card":"4"}}"#;
    std::fs::write(folder.path().join("event.json"), event).unwrap();
    std::fs::write(folder.path().join("body.txt"), "no event").unwrap();
    let explain = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
        command.current_dir(folder.path()).args(["explain", "orders.yaml"]).args(arguments);
        command.env("BILLING_URL", "http://billing.example/").output().unwrap()
    };
    let output = explain(&["--message", "event.json"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}{}", text(&output.stderr));
    for said in [
        "orders: delivered\n",
        "rule all: matches, goes to stream\n",
        "rule large: no: data.amount is 12.5, wanted {\"numeric\":[\">\",1000]}\n",
        "rule never: no: type is \"order.placed\", wanted \"x\"\n",
        "stream gets {\"event\":{",
        "\"to\":{\"topic\":\"orders.order.placed\"}",
    ] {
        assert!(out.contains(said), "{said} is not in\n{out}");
    }
    assert!(!out.contains("card"), "{out}");
    let output = explain(&["--message", "body.txt", "--format", "json", "--header", "x: y"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let route = &report["routes"][0];
    assert_eq!(
        (&route["outcome"], &route["outputs"][0]["target"]),
        (&"dead_lettered".into(), &"dead_letter".into())
    );
    assert!(route["fault"].as_str().unwrap().contains("customer"), "{route}");
    assert_eq!(explain(&["--message", "nowhere.json"]).status.code(), Some(1));
    assert_eq!(explain(&["--message", "event.json", "--route", "x"]).status.code(), Some(64));
}

#[test]
fn explain_says_which_condition_of_a_filter_a_message_does_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let routes = "hybridge: v1
routes:
  kept:
    from: { log: { topic: t } }
    transform:
      - map: { set: { event.subject: s } }
      - filter:
          keep:
            - pattern: { type: [ order.cancelled ] }
            - cesql: \"type = 'order.placed' AND LENGTH(id) > 1 AND priority > 3\"
            - cel: event.type.startsWith('order.') && size(event.data.items) == 0
            - filter: { all: [ { exact: { type: order.placed } }, { sql: gone > 1 } ] }
    to: { log: { topic: kept } }
  dropped:
    from: { log: { topic: t } }
    transform:
      - filter: { drop: [ { cel: event.id == 'a' }, { pattern: { id: [ ab ] } } ] }
    to: { log: { topic: dropped } }
";
    std::fs::write(folder.path().join("routes.yaml"), routes).unwrap();
    let event = r#"{"specversion":"1.0","id":"ab","source":"/shop","type":"order.placed","data":{"items":[1]}}"#;
    std::fs::write(folder.path().join("event.json"), event).unwrap();
    let explain = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
        command.current_dir(folder.path()).args(["explain", "routes.yaml"]);
        let output = command.args(["--message", "event.json"]).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let expected = "dropped: filtered
  transform[0]: filter drop[1]
    drop[0]: no: id is \"ab\", wanted \"a\"
    drop[1]: holds
kept: filtered
  transform[1]: filter keep: no condition holds
    keep[0]: no: type is \"order.placed\", wanted \"order.cancelled\"
    keep[1]: no: `priority > 3` cannot be evaluated: cesql: a missing attribute at byte 1 of the expression
    keep[2]: no: `size(event.data.items) == 0` does not hold
    keep[3]: no: `{\"sql\":\"gone > 1\"}` does not hold
";
    assert_eq!(explain(&[]), expected);
    let report: Value = serde_json::from_str(&explain(&["--format", "json"])).unwrap();
    let dropped = &report["routes"][0]["selected_out"][0];
    assert_eq!((&dropped["transform"], &dropped["reason"]), (&0.into(), &"filter drop[1]".into()));
    assert_eq!(dropped["conditions"][1]["matches"], true);
}
