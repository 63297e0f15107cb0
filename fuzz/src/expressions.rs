//! Expressions of every language, evaluated for one message.

use bytes::Bytes;
use hybridge_config::{Cel, Cesql, Filter, RuleConfig, Subscription, Template, When};
use hybridge_core::Message;
use hybridge_schemas::cloudevents::{Mode, json};
use hybridge_transformers::expression::Expression;
use hybridge_transformers::rules::{Matcher, Scratch};
use hybridge_transformers::{rules_of, template};

/// An expression in the first line, taken for one of each language, and an event or any other payload. What is read and
/// shown is read again; as the condition of a rule an expression holds for what it evaluates to true for.
pub fn expressions(input: &[u8]) {
    let (first, payload) = crate::first_line(input);
    let Ok(text) = std::str::from_utf8(first) else { return };
    let payload = Bytes::copy_from_slice(payload);
    let message = json::decode(&payload, Mode::Lenient)
        .unwrap_or_else(|_| Message { payload: Some(payload), ..Message::default() });
    if let Ok(cesql) = text.parse::<Cesql>() {
        assert_eq!(cesql.to_string().parse::<Cesql>().as_ref(), Ok(&cesql));
        condition(&Expression::cesql(&cesql), When::Cesql(cesql), &message);
    }
    if let Ok(cel) = text.parse::<Cel>() {
        assert_eq!(cel.to_string().parse::<Cel>().as_ref(), Ok(&cel));
        condition(&Expression::cel(&cel), When::Cel(cel), &message);
    }
    if let Ok(filter) = serde_json::from_str::<Filter>(text) {
        let written = serde_json::to_string(&filter).expect("a filter can be written");
        assert_eq!(serde_json::from_str::<Filter>(&written).ok().as_ref(), Some(&filter));
        condition(&Expression::filter(&filter), When::Filter(filter), &message);
    }
    if let Ok(template) = text.parse::<Template>() {
        assert_eq!(template.to_string().parse::<Template>().as_ref(), Ok(&template));
        let compiled = template::Template::compile(&template);
        let rendered = compiled.render(&message);
        if let Some(literal) = template.literal() {
            assert_eq!(rendered.ok().as_deref(), Some(literal));
        }
        let _ = compiled.render_name(&message);
    }
    let _ = Subscription::from_json(text);
}

fn condition(expression: &Expression, when: When, message: &Message) {
    let shown = format!("{when:?}");
    let rule = RuleConfig { name: "r".into(), when, send_to: Vec::new() };
    let matcher = Matcher::compile(&rules_of(&[rule])).expect("one rule");
    let holds = expression.evaluate(message).unwrap_or(false);
    let mut scratch = Scratch::default();
    match matcher.matches(message, &mut scratch) {
        Ok(found) => assert_eq!(!found.is_empty(), holds, "{shown}"),
        Err(malformed) => assert!(!holds, "{shown}: {malformed}"),
    }
}
