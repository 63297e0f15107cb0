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
