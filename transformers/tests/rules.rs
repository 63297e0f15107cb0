//! The matcher against an evaluator that takes each rule and each event as they are written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests")]

#[path = "rules/naive.rs"]
mod naive;

use hybridge_transformers::rules::{Matcher, Rule, Scratch, When};
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};

const TEXTS: [&str; 12] =
    ["", "a", "ab", "abc", "b", "bca", "A", "aB", "é", "É", "10.0.0.1", "2001:db8::1"];
const NAMES: [&str; 5] = ["a", "b", "c", "a.b", "b-c"];
const NUMBERS: [&str; 8] = ["0", "-1", "1", "1.0", "2.5", "10", "1e1", "9007199254740993"];

fn number() -> impl Strategy<Value = Json> {
    select(&NUMBERS[..]).prop_map(|text| serde_json::from_str(text).unwrap())
}

fn comparable() -> impl Strategy<Value = Json> {
    select(&NUMBERS[..7]).prop_map(|text| serde_json::from_str(text).unwrap())
}

fn text() -> impl Strategy<Value = Json> {
    select(&TEXTS[..]).prop_map(Json::from)
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![6 => text(), 4 => number(), 1 => any::<bool>().prop_map(Json::from), 1 => Just(Json::Null)]
}

fn filled() -> impl Strategy<Value = Json> {
    select(&TEXTS[1..]).prop_map(Json::from)
}

fn wildcard() -> impl Strategy<Value = Json> {
    select(&["*", "a*", "*a", "*b*", "a*c", "*a*b*", "ab", "*é", "b*c*a", "\\**"][..])
        .prop_map(Json::from)
}

fn anything_but() -> impl Strategy<Value = Json> {
    prop_oneof![
        text(),
        comparable(),
        prop::collection::vec(text(), 1..3).prop_map(Json::from),
        prop::collection::vec(comparable(), 1..3).prop_map(Json::from),
        prop::collection::vec(filled(), 1..3).prop_map(|texts| json!({ "prefix": texts })),
        filled().prop_map(|text| json!({ "suffix": text })),
        text().prop_map(|text| json!({ "equals-ignore-case": text })),
        wildcard().prop_map(|text| json!({ "wildcard": text })),
    ]
}

fn test() -> impl Strategy<Value = Json> {
    let block = select(&["10.0.0.0/8", "10.0.0.0/31", "2001:db8::/32", "0.0.0.0/0"][..]);
    prop_oneof![
        8 => scalar(),
        1 => text().prop_map(|text| json!({ "prefix": text })),
        1 => text().prop_map(|text| json!({ "suffix": text })),
        1 => text().prop_map(|text| json!({ "equals-ignore-case": text })),
        1 => text().prop_map(|text| json!({ "prefix": { "equals-ignore-case": text } })),
        1 => text().prop_map(|text| json!({ "suffix": { "equals-ignore-case": text } })),
        2 => wildcard().prop_map(|text| json!({ "wildcard": text })),
        2 => anything_but().prop_map(|but| json!({ "anything-but": but })),
        1 => (select(&["=", "<", "<=", ">", ">="][..]), comparable())
            .prop_map(|(sign, number)| json!({ "numeric": [sign, number] })),
        1 => (select(&[">", ">="][..]), select(&["<", "<="][..]))
            .prop_map(|(low, high)| json!({ "numeric": [low, 0, high, 2.5] })),
        1 => block.prop_map(|block| json!({ "cidr": block })),
        1 => Just(json!({ "exists": true })),
        2 => Just(json!({ "exists": false })),
    ]
}

/// A pattern's object: fields, nested objects, and maybe `$or`.
fn object() -> impl Strategy<Value = Json> {
    let tests = prop::collection::vec(test(), 1..3).prop_map(Json::from);
    let leaf = prop::collection::btree_map(select(&NAMES[..]), tests, 1..4);
    let leaf = leaf.prop_map(|members| json!(members));
    leaf.prop_recursive(3, 12, 3, |inner| {
        let ways = prop::collection::vec(inner.clone(), 2..4);
        let tests = prop::collection::vec(test(), 1..3).prop_map(Json::from);
        let member = prop_oneof![tests, inner];
        (
            prop::collection::btree_map(select(&NAMES[..]), member, 1..4),
            prop::option::weighted(0.3, ways),
        )
            .prop_map(|(members, ways)| {
                let mut object = json!(members);
                if let Some(ways) = ways {
                    object["$or"] = ways.into();
                }
                object
            })
    })
}

fn event() -> impl Strategy<Value = Json> {
    let value = scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(select(&NAMES[..]), inner, 0..4)
                .prop_map(|members| json!(members)),
        ]
    });
    prop::collection::btree_map(select(&NAMES[..]), value, 0..5).prop_map(|members| json!(members))
}

fn compile(patterns: &[Json]) -> Matcher {
    let rule = |pattern: &Json| Rule {
        name: pattern.to_string(),
        when: When::Pattern(pattern.to_string().parse().unwrap()),
    };
    Matcher::compile(&patterns.iter().map(rule).collect::<Vec<_>>()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_rules_together_match_as_each_alone(
        patterns in prop::collection::vec(object(), 1..60),
        events in prop::collection::vec(event(), 1..12),
    ) {
        let matcher = compile(&patterns);
        let mut scratch = Scratch::default();
        for event in events {
            let found = matcher.matches_json(event.to_string().as_bytes(), &mut scratch).unwrap();
            let matching = |(_, pattern): &(usize, &Json)| naive::matches(pattern, &event);
            let want: Vec<u32> =
                patterns.iter().enumerate().filter(matching).map(|(index, _)| index as u32).collect();
            if found != want {
                let off = (0..patterns.len() as u32).find(|rule| found.contains(rule) != want.contains(rule)).unwrap();
                prop_assert!(false, "{event}\n{}\nwant {}", patterns[off as usize], want.contains(&off));
            }
        }
    }

    /// Any bytes are answered, without a panic.
    #[test]
    fn garbage_is_answered(
        text in r#"([\[\]{},:\\]|"(a|b|a\.b|\\u0061|\\"|\\ud800)"|[0-9]|-1e3|true|null|é| |"){0,40}"#,
        pattern in object(),
    ) {
        let matcher = compile(&[pattern]);
        let found = matcher.matches_json(text.as_bytes(), &mut Scratch::default()).map(<[u32]>::len);
        if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
            prop_assert!(found.is_ok(), "{text}: {found:?}");
        }
    }
}
