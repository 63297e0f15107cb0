//! Event patterns, and the matcher of many rules.

use std::sync::OnceLock;

use bytes::Bytes;
use hybridge_config::Pattern;
use hybridge_core::Message;
use hybridge_schemas::json::is_valid;
use hybridge_transformers::rules::{Matcher, Rule, Scratch, Verdict, When};

/// Patterns of every kind, over few fields, so that they meet in the index.
const PATTERNS: [&str; 32] = [
    r#"{"a":[1]}"#,
    r#"{"a":["1"]}"#,
    r#"{"a":[null]}"#,
    r#"{"a":[true,false]}"#,
    r#"{"a":[{"exists":true}]}"#,
    r#"{"a":[{"exists":false}]}"#,
    r#"{"a":[{"prefix":"ab"}]}"#,
    r#"{"a":[{"suffix":"ab"}]}"#,
    r#"{"a":[{"prefix":{"equals-ignore-case":"aB"}}]}"#,
    r#"{"a":[{"suffix":{"equals-ignore-case":"aB"}}]}"#,
    r#"{"a":[{"equals-ignore-case":"Straße"}]}"#,
    r#"{"a":[{"wildcard":"a*b*c"}]}"#,
    r#"{"a":[{"wildcard":"*\\*"}]}"#,
    r#"{"a":[{"anything-but":["a",  "b"]}]}"#,
    r#"{"a":[{"anything-but":[1,2]}]}"#,
    r#"{"a":[{"anything-but":{"prefix":"a"}}]}"#,
    r#"{"a":[{"anything-but":{"suffix":["a","b"]}}]}"#,
    r#"{"a":[{"anything-but":{"wildcard":"a*b"}}]}"#,
    r#"{"a":[{"anything-but":{"equals-ignore-case":["x"]}}]}"#,
    r#"{"a":[{"numeric":[">",0,"<=",1e2]}]}"#,
    r#"{"a":[{"numeric":["=",1.0]}]}"#,
    r#"{"a":[{"cidr":"10.0.0.0/8"}]}"#,
    r#"{"a":[{"cidr":"2001:db8::/32"}]}"#,
    r#"{"a":["10.0.0.1"]}"#,
    r#"{"a":{"b":[1]}}"#,
    r#"{"a":{"b":[{"exists":false}],"c":[2]}}"#,
    r#"{"a":{"b":[1],"c":[2]},"d":[3]}"#,
    r#"{"a.b":["x"],"d":[{"prefix":""}]}"#,
    r#"{"$or":[{"a":[1]},{"d":[2]},{"a":{"b":["x"]}}]}"#,
    r#"{"a":[1],"$or":[{"d":[1]},{"d":[{"anything-but":"x"}]}]}"#,
    r#"{"detail":{"state":["running"]},"source":[{"prefix":"aws."}]}"#,
    r#"{"data":{"a":[1]},"type":["t"]}"#,
];

struct Fixed {
    rules: Vec<Rule>,
    together: Matcher,
    alone: Vec<Matcher>,
}

/// A pattern in the first line and a text. `explain` says what matches. Where the text is JSON, a pattern that is read
/// matches the same when it is shown and read again, and with others in one matcher it matches what it matches alone.
pub fn matcher(input: &[u8]) {
    let (pattern, text) = crate::first_line(input);
    fixed().check(text);
    let Ok(pattern) = Pattern::from_json(pattern) else { return };
    let shown = pattern.to_string();
    let again = Pattern::from_json(shown.as_bytes());
    let again = again.unwrap_or_else(|error| panic!("{shown}: {error}"));
    let rules = [rule(pattern), rule(again)];
    let Ok(alone) = Matcher::compile(&rules[..1]) else { return };
    let alone = of_text(&alone, text);
    let both = Matcher::compile(&rules).expect("what compiles once compiles twice");
    let both_found = of_text(&both, text);
    let wanted = alone.as_ref().map(|found| if found.is_empty() { vec![] } else { vec![0, 1] });
    assert_eq!(both_found.as_ref(), wanted.as_ref(), "{shown}");
    explained(&both, text);

    let [own, _] = rules;
    let with_others: Vec<Rule> = fixed().rules.iter().cloned().chain([own]).collect();
    let last = with_others.len() as u32 - 1;
    let with_others = Matcher::compile(&with_others).expect("rules that compile alone");
    if let (Some(all), Some(alone)) = (of_text(&with_others, text), alone) {
        assert_eq!(all.contains(&last), !alone.is_empty(), "{shown}");
    }
    explained(&with_others, text);
}

fn fixed() -> &'static Fixed {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    FIXED.get_or_init(|| {
        let pattern = |text: &&str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let rules: Vec<Rule> = PATTERNS.iter().map(pattern).map(rule).collect();
        let compile = |rules: &[Rule]| Matcher::compile(rules).expect("few rules");
        let alone = rules.iter().map(|rule| compile(std::slice::from_ref(rule))).collect();
        Fixed { together: compile(&rules), alone, rules }
    })
}

impl Fixed {
    /// Each pattern matches with the others what it matches alone.
    fn check(&self, text: &[u8]) {
        if let Some(together) = of_text(&self.together, text) {
            let is_met = |one: &Matcher| of_text(one, text).is_some_and(|found| !found.is_empty());
            let alone: Vec<u32> =
                (0..).zip(&self.alone).filter(|(_, one)| is_met(one)).map(|(at, _)| at).collect();
            assert_eq!(together, alone);
        }
        explained(&self.together, text);
    }
}

fn rule(pattern: Pattern) -> Rule {
    Rule { name: "r".into(), when: When::Pattern(pattern) }
}

/// The rules that match a text; `None` where it is not JSON, which matchers see as far as they look.
fn of_text(matcher: &Matcher, text: &[u8]) -> Option<Vec<u32>> {
    let mut scratch = Scratch::default();
    let found = matcher.matches_json(text, &mut scratch);
    is_valid(text).then(|| found.expect("a text that is JSON").to_vec())
}

/// What `matches` finds are the rules of which `explain` says that they match: of the text as the data of an event, and as
/// the event where it is one.
fn explained(matcher: &Matcher, text: &[u8]) {
    let payload = Bytes::copy_from_slice(text);
    let plain = Message { payload: Some(payload.clone()), ..Message::default() };
    let event = hybridge_schemas::cloudevents::json::decode(&payload, Default::default()).ok();
    for message in [Some(plain), event].into_iter().flatten() {
        let mut scratch = Scratch::default();
        let found = matcher.matches(&message, &mut scratch).map(<[u32]>::to_vec);
        let explained = matcher.explain(&message).map(|verdicts| {
            let is_met = |(_, verdict): &(u32, Verdict)| *verdict == Verdict::Matches;
            (0..).zip(verdicts).filter(is_met).map(|(at, _)| at).collect::<Vec<u32>>()
        });
        assert_eq!(found, explained);
    }
}
