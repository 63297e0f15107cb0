use std::sync::atomic::{AtomicUsize, Ordering};

use hybridge_core::{Attributes, Headers, Origin, Place, Value};

use super::*;

fn rules(patterns: &[&str]) -> Matcher {
    let rule = |(index, text): (usize, &&str)| Rule {
        name: format!("r{index}"),
        when: When::Pattern(text.parse().unwrap()),
    };
    Matcher::compile(&patterns.iter().enumerate().map(rule).collect::<Vec<_>>()).unwrap()
}

fn json(patterns: &[&str], text: &str) -> Vec<u32> {
    rules(patterns).matches_json(text.as_bytes(), &mut Scratch::default()).unwrap().to_vec()
}

#[test]
fn rules_of_all_kinds_are_found_by_one_event() {
    let patterns = [
        r#"{"type":["order"],"data":{"amount":[{"numeric":[">",1000]}]}}"#,
        r#"{"type":[{"prefix":"or"}]}"#,
        r#"{"type":[{"suffix":"er"}],"id":[{"anything-but":["x"]}]}"#,
        r#"{"data":{"ip":[{"cidr":"10.0.0.0/8"}]}}"#,
        r#"{"data":{"name":[{"wildcard":"a*c"}]}}"#,
        r#"{"data":{"name":[{"equals-ignore-case":"abc"}]}}"#,
        r#"{"data":{"gone":[{"exists":false}]}}"#,
        r#"{"$or":[{"type":["none"]},{"data":{"n":[3.0e2]}}]}"#,
        r#"{"type":["other"]}"#,
    ];
    let event = r#"{"type":"order","id":"1","data":{"amount":1000.5,"ip":"10.1.2.3","name":"A-C","n":300}}"#;
    assert_eq!(json(&patterns, event), [0, 1, 2, 3, 6, 7]);
    let event = r#"{"type":"other","data":{"name":"abc","gone":null}}"#;
    assert_eq!(json(&patterns, event), [4, 5, 8]);
}

fn message(attributes: &[(&str, Value)], payload: &'static str) -> Message {
    let mut event = Attributes::new();
    for (name, value) in attributes {
        event.set((*name).into(), value.clone());
    }
    Message { attributes: event, payload: Some(payload.into()), ..Message::default() }
}

fn found(patterns: &[&str], message: &Message) -> Vec<u32> {
    rules(patterns).matches(message, &mut Scratch::default()).unwrap().to_vec()
}

#[test]
fn a_message_is_seen_as_its_json_form() {
    let patterns = [
        r#"{"type":["t"],"seen":[5],"on":[true],"raw":["AP8="]}"#,
        r#"{"data":{"a":{"b":[1]}}}"#,
        r#"{"$headers":{"x-tenant":["acme"]},"$key":["k1"],"$origin":{"topic":["orders"],"partition":[3],"offset":[12]}}"#,
        r#"{"data":["plain text"]}"#,
        r#"{"data_base64":["//79"]}"#,
        r#"{"data":[{"exists":false}]}"#,
    ];
    let attributes = [
        ("type", Value::from("t")),
        ("seen", Value::Integer(5)),
        ("on", Value::Boolean(true)),
        ("raw", Value::Binary(vec![0, 255].into())),
    ];
    assert_eq!(found(&patterns, &message(&attributes, r#"{"a":{"b":1.0}}"#)), [0, 1, 5]);
    let mut plain = message(&[], r#"{"a":{"b":1}}"#);
    plain.key = Some("k1".into());
    let mut block = Vec::new();
    Headers::append(&mut block, "x-tenant", Some(b"other"));
    Headers::append(&mut block, "x-tenant", Some(b"acme"));
    plain.headers = Headers::from_block(block.into());
    let place = Place { topic: "orders".into(), partition: 3, ..Place::default() };
    plain.origin = Origin { place: place.into(), offset: 12, child: 0 };
    assert_eq!(found(&patterns, &plain), [1, 2, 5]);
    let text = [("datacontenttype", Value::from("text/plain"))];
    assert_eq!(found(&patterns, &message(&text, "plain text")), [3]);
    let mut bytes = message(&[], "");
    bytes.payload = Some(vec![255, 254, 253].into());
    assert_eq!(found(&patterns, &bytes), [4, 5]);
}

#[test]
fn json_that_is_none_is_a_fault_only_where_it_was_declared_and_asked_for() {
    let broken = "{\"a\": 1, \"b\": [2";
    let declared = message(&[("datacontenttype", Value::from("application/json"))], broken);
    let machine = rules(&[r#"{"data":{"a":[1]}}"#]);
    let fault = machine.matches(&declared, &mut Scratch::default()).unwrap_err();
    assert_eq!(fault.to_string(), "not JSON: the text ends too early at byte 16");
    assert!(found(&[r#"{"datacontenttype":[{"exists":true}]}"#], &declared) == [0]);
    assert!(found(&[r#"{"data":{"a":[1]}}"#], &message(&[], broken)).is_empty());
    assert_eq!(found(&[r#"{"data":[{"prefix":"{\"a\""}]}"#], &message(&[], broken)), [0]);
}

#[test]
fn the_first_condition_that_fails_is_told_with_what_was_seen() {
    let patterns = [
        r#"{"type":["t"]}"#,
        r#"{"data":{"amount":[{"numeric":[">",1000]}],"z":["x"]},"type":["t"]}"#,
        r#"{"$or":[{"type":["u"]},{"data":{"amount":[5],"gone":["x",300]}}]}"#,
        r#"{"data":{"l":{"a":[1],"b":[2]}}}"#,
    ];
    let event = message(&[("type", Value::from("t"))], r#"{"amount":5,"l":[{"a":1},{"b":2}]}"#);
    let fails = |path: &str, tests: &[&str], seen: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Verdict::Fails { path: path.to_owned(), tests: texts(tests), seen: texts(seen) }
    };
    assert_eq!(
        rules(&patterns).explain(&event).unwrap(),
        [
            Verdict::Matches,
            fails("data.amount", &[r#"{"numeric":[">",1000]}"#], &["5"]),
            fails("data.gone", &["\"x\"", "300"], &[]),
            Verdict::Scattered { paths: vec!["data.l.a".into(), "data.l.b".into()] },
        ]
    );
}

/// Holds for what has a payload, and cannot be evaluated for the rest.
struct OfPayload(AtomicUsize);

impl Expression for OfPayload {
    fn holds(&self, message: &Message) -> Option<bool> {
        self.0.fetch_add(1, Ordering::Relaxed);
        message.payload.is_some().then_some(true)
    }
}

#[test]
fn an_expression_is_asked_only_about_what_its_guard_lets_through() {
    let asked = Arc::new(OfPayload(AtomicUsize::new(0)));
    let guard =
        |text: &str| When::Expression { guard: Some(text.parse().unwrap()), holds: asked.clone() };
    let open = When::Expression { guard: None, holds: asked.clone() };
    let rules = [guard(r#"{"type":["t"]}"#), guard(r#"{"type":["u"]}"#), open];
    let rules = rules.map(|when| Rule { name: "r".into(), when });
    let machine = Matcher::compile(&rules).unwrap();
    let event = message(&[("type", Value::from("t"))], "");
    let mut scratch = Scratch::default();
    assert_eq!(machine.matches(&event, &mut scratch).unwrap(), [0, 2]);
    assert_eq!((asked.0.load(Ordering::Relaxed), scratch.take_unevaluable()), (2, 0));
    let without = Message { payload: None, ..event };
    assert!(machine.matches(&without, &mut scratch).unwrap().is_empty());
    assert_eq!((scratch.take_unevaluable(), scratch.take_unevaluable()), (2, 0));
}

/// Lists that a search without bounds would try in every combination.
#[test]
fn many_lists_are_no_more_work_than_their_values() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index:02}")).collect();
    let member = |name: &String| format!("\"{name}\":{{\"x\":[1],\"y\":[{{\"exists\":true}}]}}");
    let members: Vec<String> = names.iter().map(member).collect();
    let pattern = format!("{{{},\"z\":[\"never\"]}}", members.join(","));
    let list = |name: &String| format!("\"{name}\":[{}1,[[1]]]", "{\"x\":1,\"y\":1},".repeat(500));
    let lists: Vec<String> = names.iter().map(list).collect();
    let event = format!("{{{},\"z\":\"no\"}}", lists.join(","));
    let started = std::time::Instant::now();
    assert!(json(&[&pattern], &event).is_empty());
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

/// A value that stands in a list many times leads to what it leads to once.
#[test]
fn a_value_repeated_is_no_more_work() {
    let patterns: Vec<String> = (0..200)
        .map(|index| format!("{{\"t\":[\"a\"],\"u\":[\"b\"],\"k\":[\"k{}\",{{\"wildcard\":\"*x*y*z{index}\"}}]}}", index % 4))
        .collect();
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let many = |text: &str| format!("[{}\"{text}\"]", format!("\"{text}\",").repeat(20_000));
    let event = format!("{{\"t\":{},\"u\":{},\"k\":{}}}", many("a"), many("b"), many("xyxyxy"));
    let started = std::time::Instant::now();
    assert!(json(&patterns, &event).is_empty());
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}
