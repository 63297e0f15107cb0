use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
struct Record {
    text: String,
    number: Option<u8>,
    any: serde_json::Value,
    map: BTreeMap<String, f64>,
}

fn node(text: &str) -> Node {
    let document = parse(0, text);
    assert_eq!(document.findings, []);
    document.root.unwrap()
}

#[test]
fn a_scalar_takes_the_type_that_is_asked_for() {
    let node = node(
        "text: 010\nnumber: 10\nany: [no, true, ~, -1, 1.5, \"5\", 010]\nmap: { a: 1, b: -2.5 }\n",
    );
    let record = Record::deserialize(&node).unwrap();
    let expected = Record {
        text: "010".into(),
        number: Some(10),
        any: serde_json::json!(["no", true, null, -1, 1.5, "5", 10]),
        map: BTreeMap::from([("a".into(), 1.0), ("b".into(), -2.5)]),
    };
    assert_eq!(record, expected);
}

#[test]
fn an_error_has_the_innermost_place_and_not_the_value() {
    let node = node("text: a\nany: 1\nmap: {}\nnumber: 300\n");
    let error = Record::deserialize(&node).unwrap_err();
    let place = error.place.unwrap();
    assert_eq!((place.line, place.column), (4, 9));
    assert_eq!(error.message, "a number where u8 belongs");
}

#[test]
fn places_count_characters_and_cover_the_value() {
    let text = "é: \"ü\"\nb:\n  - |\n    line\n    line\n  - x\n";
    let root = node(text);
    let first = root.get("é").unwrap().place;
    assert_eq!((first.line, first.column, &text[first.start..first.end]), (1, 4, "\"ü\""));
    let Value::List(items) = &root.get("b").unwrap().value else { panic!() };
    assert_eq!((items[1].place.line, items[1].place.column), (6, 5));
    let block = &text[items[0].place.start..items[0].place.end];
    assert!(block.contains("line\n    line"), "{block:?}");
}
