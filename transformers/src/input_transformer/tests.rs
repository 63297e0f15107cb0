use futures_util::FutureExt;
use hybridge_core::Value;
use proptest::prelude::*;

use super::*;

fn applied(config: &str, message: Message) -> Result<Message, String> {
    let config = serde_json::from_str(config).unwrap_or_else(|error| panic!("{config}: {error}"));
    match Step::new(&config).apply(vec![message]).now_or_never().unwrap().remove(0) {
        Applied::One(message) => Ok(message),
        Applied::Failed(error) => Err(error.to_string()),
        other => panic!("{other:?}"),
    }
}

fn message(data: &str) -> Message {
    Message { payload: Some(Bytes::copy_from_slice(data.as_bytes())), ..Message::default() }
}

const ORDER: &str = r#"{"source":"shop","detail":{"id":"o\"1","n":1.50,"items":[{"sku":"a"},{"sku":"b"}],"none":null}}"#;

fn filled(paths: &str, template: &str) -> Result<String, String> {
    let mut quoted = Vec::new();
    json::write_string(&mut quoted, template);
    let template = String::from_utf8(quoted).unwrap();
    let config = format!(
        r#"{{ "input_paths_map": {{ {paths} }}, "input_template": {template}, "rule_name": "r\"1" }}"#
    );
    let message = applied(&config, message(ORDER))?;
    Ok(String::from_utf8(message.payload.unwrap().to_vec()).unwrap())
}

#[test]
fn variables_stand_as_values_and_in_texts() {
    let paths = r#""id": "$.detail.id", "n": "$.detail.n", "skus": "$.detail.items[*].sku", "none": "$.detail.none",
        "first": "$.detail.items[0]", "gone": "$.detail.gone""#;
    for (template, expected) in [
        (
            r#"{"id": <id>, "n": <n>, "skus": <skus>, "x": <none>}"#,
            r#"{"id": "o\"1", "n": 1.50, "skus": ["a","b"], "x": null}"#,
        ),
        (
            r#"{"text": "<id> is \"<n>\" of <skus>"}"#,
            r#"{"text": "o\"1 is \"1.50\" of [\"a\",\"b\"]"}"#,
        ),
        (r#""<id>""#, r#""o\"1""#),
        ("<first>", r#"{"sku":"a"}"#),
        ("<id>: <n> <b>", "o\"1: 1.50 "),
        ("\"n is <n>\"\n\"and\"", "\"n is 1.50\"\n\"and\""),
        (r#"{"a": "<gone>!"}"#, r#"{"a": "!"}"#),
        (r#"["<aws.events.rule-name>", <aws.events.rule-name>]"#, r#"["r\"1", "r\"1"]"#),
        ("<aws.events.event>", r#"{"source":"shop"}"#),
        ("<aws.events.event.json>", ORDER),
    ] {
        let paths = format!(r#"{paths}, "b": "$.nothing""#);
        assert_eq!(filled(&paths, template).as_deref(), Ok(expected), "{template}");
    }
    assert!(filled(paths, r#"{"a": <gone>}"#).unwrap_err().contains("not JSON"));
}

#[test]
fn paths_begin_at_the_whole_event() {
    let mut event = message(r#"{"n":[1,2]}"#);
    for (name, value) in [("specversion", "1.0"), ("id", "7"), ("source", "/s"), ("type", "t")] {
        event.attributes.set(name.into(), Value::from(value));
    }
    event.attributes.set("datacontenttype".into(), Value::from("application/json"));
    let path = applied(r#"{ "input_path": "$.data.n" }"#, event.clone()).unwrap();
    assert_eq!(path.payload.as_deref(), Some(&b"[1,2]"[..]));
    let text = applied(
        r#"{ "input_paths_map": { "id": "$.id", "n": "$.data.n[1]" }, "input_template": "<id> has <n>" }"#,
        event.clone(),
    );
    let text = text.unwrap();
    assert_eq!(text.payload.as_deref(), Some(&b"7 has 2"[..]));
    assert_eq!(text.attributes.text("datacontenttype"), Some("text/plain; charset=utf-8"));
    let whole = applied(r#"{ "input_template": "<aws.events.event>" }"#, event).unwrap();
    let whole = String::from_utf8(whole.payload.unwrap().to_vec()).unwrap();
    assert!(whole.contains("\"id\":\"7\"") && !whole.contains("\"data\""), "{whole}");
}

#[test]
fn what_cannot_be_read_is_a_permanent_fault() {
    for (config, data, reason) in [
        (r#"{ "input_path": "$.a" }"#, "{}", "nothing at input_path"),
        (r#"{ "input_path": "$.a" }"#, "text", "not JSON"),
    ] {
        assert!(applied(config, message(data)).unwrap_err().contains(reason), "{config}");
    }
    let list = format!("[{}0]", "0,".repeat(300_000));
    let template = "<a>".repeat(1000);
    let config =
        format!(r#"{{ "input_paths_map": {{ "a": "$" }}, "input_template": "text {template}" }}"#);
    assert!(applied(&config, message(&list)).unwrap_err().contains("too large"));
}

proptest! {
    /// Whatever the values are, a JSON template gives JSON.
    #[test]
    fn a_json_template_gives_json(text in any::<String>()) {
        let mut data = b"{\"a\":".to_vec();
        json::write_string(&mut data, &text);
        data.push(b'}');
        let config = r#"{ "input_paths_map": { "a": "$.a" }, "input_template": "{\"v\": <a>, \"t\": \"[<a>]\"}" }"#;
        let message = Message { payload: Some(data.into()), ..Message::default() };
        let made = applied(config, message).unwrap().payload.unwrap();
        let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
        prop_assert_eq!(made, serde_json::json!({ "v": text, "t": format!("[{text}]") }));
    }
}
