//! Rules and the targets that they name.

use super::*;

const TARGETS: &str = "    targets:
      one: { to: { log: { topic: one } } }
      two: { to: { log: { topic: two } } }
";

fn routing(rest: &str) -> Vec<String> {
    let text = format!("hybridge: v1\nroutes:\n  r:\n    from: {{ stdio: {{}} }}\n{TARGETS}{rest}");
    let found = problems(&[("a.yaml", &text)]);
    let plain = |line: &String| {
        let line = line.trim_start_matches("a.yaml:");
        line.split_once(" (").map_or(line, |(message, _)| message).to_owned()
    };
    found.iter().map(plain).collect()
}

#[test]
fn every_target_that_rules_name_is_there_and_every_target_is_named() {
    let rules = "    rules:
      - { name: a, when: { pattern: { type: [x] } }, send_to: [one, tow] }
      - { name: a, when: { cesql: \"type = 'x'\" }, send_to: [] }
      - { name: b, when: { filter: { exact: { type: x } } }, send_to: [oen] }
    otherwise: [nowhere]
";
    assert_eq!(
        routing(rules),
        [
            "7:12: nothing is sent to the target `two`",
            "9:69: there is no target `tow`",
            "10:17: a second rule named `a`",
            "11:72: there is no target `oen`",
            "12:17: there is no target `nowhere`",
        ]
    );
}

#[test]
fn a_rule_that_cannot_be_read_is_said_with_its_place() {
    let rules = "    rules:
      - { name: a, when: { pattern: { type: x } }, send_to: [one, two] }
";
    let found = routing(rules);
    assert!(found[0].starts_with("9:"), "{found:?}");
    let rules = "    rules:
      - { name: a, when: { cesql: \"type = \" }, send_to: [one, two] }
";
    let found = routing(rules);
    assert!(found[0].starts_with("9:"), "{found:?}");
    let rules = "    rules:
      - { name: a, when: { patern: {} }, send_to: [one, two] }
";
    assert_eq!(routing(rules), ["9:28: unknown kind `patern`"]);
    assert_eq!(routing("    rules: []\n"), ["8:12: `rules` without a rule"]);
    assert_eq!(routing("    otherwise: [one]\n"), ["8:16: `otherwise` in a route without `rules`"]);
}

const RULE_SET: &str = "    rules: { file: rules.jsonl }\n    otherwise: [two]\n";

fn with_rules(name: &str, rules: &str) -> Result<Loaded, Vec<String>> {
    let text =
        format!("hybridge: v1\nroutes:\n  r:\n    from: {{ stdio: {{}} }}\n{TARGETS}{RULE_SET}");
    let folder = write(&[("a.yaml", &text.replace("rules.jsonl", name)), (name, rules)]);
    load(&[folder.path().join("a.yaml")], &variable).map_err(|problems| {
        let prefix = format!("{}/", folder.path().display());
        problems.to_string().lines().map(|line| line.replace(&prefix, "")).collect()
    })
}

#[test]
fn rules_come_from_a_file_of_their_own() {
    let names = |name: &str, rules: &str| {
        let loaded = with_rules(name, rules).unwrap();
        loaded.config.routes["r"].rule_names()
    };
    let a = r#"{"name":"a","when":{"pattern":{"type":["x"]}},"send_to":["one"]}"#;
    let b = r#"{"name":"b","when":{"cesql":"type = 'y'"},"send_to":["two"]}"#;
    assert_eq!(names("rules.jsonl", &format!("{a}\n{b}\n")), ["a", "b"]);
    assert_eq!(names("rules.json", &format!("[{a},{b}]")), ["a", "b"]);
    // A file of YAML beside the routing-rule file; it is no routing-rule file itself.
    assert_eq!(names("rules.yml", &format!("- {a}\n- {b}\n")), ["a", "b"]);
}

#[test]
fn a_file_of_rules_says_where_it_is_wrong() {
    let a = r#"{"name":"a","when":{"pattern":{"type":["x"]}},"send_to":["one","tow"]}"#;
    let b = r#"{"name":"b","when":{"pattern":{"type":[{"prefx":"y"}]}},"send_to":["two"]}"#;
    let found = with_rules("rules.jsonl", &format!("{a}\n{b}\n")).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    let told = "rules.jsonl:1:1: rule `a`: there is no target `tow` (did you mean `two`?)";
    assert_eq!(found[0], told);
    assert!(found[1].starts_with("rules.jsonl:2:49: rule `b`: `type`"), "{found:?}");
    let empty = with_rules("rules.jsonl", "").unwrap_err();
    assert_eq!(empty[0].split(" (").next(), Some("a.yaml:8:12: `rules` without a rule"));
    let missing = routing(RULE_SET);
    let expected = "8:20: cannot read the file of rules";
    assert!(missing.len() == 1 && missing[0].starts_with(expected), "{missing:?}");
    let other = routing("    rules: { fil: rules.jsonl }\n");
    assert!(other[0].starts_with("8:14: unknown k"), "{other:?}");
}

#[test]
fn what_a_file_of_rules_said_is_known_when_its_rules_are_gone() {
    let a = r#"{"name":"a","when":{"pattern":{"type":["x"]}},"send_to":["one"]}"#;
    let rules = |text: &str| {
        let config = with_rules("rules.jsonl", text).unwrap().config;
        config.routes["r"].rules.clone().unwrap()
    };
    let mut kept = rules(a);
    kept.forget();
    assert!(!kept.is_at_hand() && kept.as_slice().is_empty());
    assert_eq!(kept, rules(a));
    assert_ne!(kept, rules(&a.replace("\"x\"", "\"y\"")));
}
