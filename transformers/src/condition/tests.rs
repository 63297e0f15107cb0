use hybridge_config::{Cel, Cesql, Filter};
use hybridge_core::{Attributes, Message, Value};
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};

use super::*;
use crate::rules::{Matcher, Rule, Scratch};

const NAMES: [&str; 4] = ["type", "subject", "seen", "odd"];
const TEXTS: [&str; 9] = ["a", "ab", "b", "5", "15", "true", "AAEC", "*", "a\\b"];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => select(&TEXTS[..]).prop_map(Value::from),
        1 => select(&[5, 15, -5][..]).prop_map(Value::Integer),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => Just(Value::Binary(vec![0, 1, 2].into())),
        1 => select(&TEXTS[..]).prop_map(|text| Value::Timestamp(text.into())),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop::collection::btree_map(select(&NAMES[..]), value(), 1..4).prop_map(|pairs| {
        let mut attributes = Attributes::new();
        for (name, value) in pairs {
            attributes.set(name.into(), value);
        }
        Message { attributes, ..Message::default() }
    })
}

fn cesql() -> impl Strategy<Value = String> {
    let quoted = || select(&TEXTS[..]).prop_map(|text| format!("'{}'", text.replace('\\', "\\\\")));
    let name = || select(&NAMES[..]);
    let leaf = prop_oneof![
        4 => (name(), quoted()).prop_map(|(name, text)| format!("{name} = {text}")),
        1 => (name(), quoted()).prop_map(|(name, text)| format!("{text} = {name}")),
        1 => (name(), quoted()).prop_map(|(name, text)| format!("{name} != {text}")),
        1 => name().prop_map(|name| format!("{name} = 5")),
        1 => name().prop_map(|name| format!("EXISTS {name}")),
        1 => (name(), quoted(), quoted()).prop_map(|(name, one, two)| format!("{name} IN ({one}, {two})")),
        2 => (name(), select(&["a%", "%b", "_b", "%", "1%5", "5", "t%e", "a_\\\\%", "*%"][..]))
            .prop_map(|(name, text)| format!("{name} LIKE '{text}'")),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one}) AND ({two})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one}) OR ({two})")),
            inner.prop_map(|one| format!("NOT ({one})")),
        ]
    })
}

fn cel() -> impl Strategy<Value = String> {
    let quoted = || select(&TEXTS[..]).prop_map(|text| format!("'{}'", text.replace('\\', "\\\\")));
    let name = || select(&NAMES[..]);
    let leaf = prop_oneof![
        4 => (name(), quoted()).prop_map(|(name, text)| format!("event.{name} == {text}")),
        1 => (name(), quoted()).prop_map(|(name, text)| format!("{text} == event.{name}")),
        1 => (name(), quoted()).prop_map(|(name, text)| format!("event.{name} != {text}")),
        1 => name().prop_map(|name| format!("event.{name} == 5")),
        1 => name().prop_map(|name| format!("has(event.{name})")),
        1 => (name(), quoted(), quoted())
            .prop_map(|(name, one, two)| format!("event.{name} in [{one}, {two}]")),
        1 => (name(), quoted()).prop_map(|(name, text)| format!("event.{name}.startsWith({text})")),
        1 => (name(), quoted()).prop_map(|(name, text)| format!("event.{name}.endsWith({text})")),
        1 => (name(), name()).prop_map(|(name, other)| format!("event.{name} == event.{other}")),
        1 => quoted().prop_map(|text| format!("event.data.x == {text}")),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one}) && ({two})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one}) || ({two})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| format!("({one}) ? ({two}) : ({three})")),
            inner.prop_map(|one| format!("!({one})")),
        ]
    })
}

fn filter() -> impl Strategy<Value = Json> {
    let pairs = || prop::collection::btree_map(select(&NAMES[..]), select(&TEXTS[..]), 1..3);
    let leaf = prop_oneof![
        3 => pairs().prop_map(|pairs| json!({ "exact": pairs })),
        1 => pairs().prop_map(|pairs| json!({ "prefix": pairs })),
        1 => pairs().prop_map(|pairs| json!({ "suffix": pairs })),
        1 => cesql().prop_map(|text| json!({ "sql": text })),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some().prop_map(|filters| json!({ "all": filters })),
            some().prop_map(|filters| json!({ "any": filters })),
            inner.clone().prop_map(|filter| json!({ "not": filter })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What is asked first never keeps an expression from holding, and what is not asked holds. Of one that does not hold
    /// there is a part that does not.
    #[test]
    fn guards_change_nothing(
        texts in prop::collection::vec(cesql(), 1..12),
        filters in prop::collection::vec(filter(), 1..12),
        cels in prop::collection::vec(cel(), 1..12),
        messages in prop::collection::vec(message(), 1..8),
    ) {
        let texts = texts.iter().map(|text| When::Cesql(text.parse::<Cesql>().unwrap()));
        let filters = filters.iter().map(|filter| {
            When::Filter(serde_json::from_value::<Filter>(filter.clone()).unwrap())
        });
        let cels = cels.iter().map(|text| When::Cel(text.parse::<Cel>().unwrap()));
        let whens: Vec<When> = texts.chain(filters).chain(cels).collect();
        let rules: Vec<Rule> =
            whens.iter().map(|one| Rule { name: "r".into(), when: when(one) }).collect();
        let matcher = Matcher::compile(&rules).unwrap();
        let mut scratch = Scratch::default();
        for message in messages {
            let found = matcher.matches(&message, &mut scratch).unwrap();
            for (index, when) in whens.iter().enumerate() {
                let expression = match when {
                    When::Cesql(cesql) => Expression::cesql(cesql),
                    When::Filter(filter) => Expression::filter(filter),
                    When::Cel(cel) => Expression::cel(cel),
                    When::Pattern(_) => continue,
                };
                let want = expression.evaluate(&message).unwrap_or(false);
                let has = found.contains(&(index as u32));
                prop_assert_eq!(has, want, "{:?} {:?}", when, message.attributes.iter().collect::<Vec<_>>());
                prop_assert_eq!(part_that_fails(when, &message).is_none(), want, "{:?}", when);
            }
        }
    }
}
