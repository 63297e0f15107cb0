use proptest::prelude::*;

use super::*;

fn segments(text: &str) -> Vec<Segment> {
    text.parse::<Template>().unwrap().segments().to_vec()
}

fn field(field: Field) -> Segment {
    Segment::Field { field, default: None }
}

#[test]
fn text_and_references_alternate() {
    assert_eq!(
        segments("orders.{{ event.type }}/{{key}}!"),
        [
            Segment::Literal("orders.".into()),
            field(Field::Attribute("type".into())),
            Segment::Literal("/".into()),
            field(Field::Key),
            Segment::Literal("!".into()),
        ]
    );
    assert_eq!(segments("a{{{{ b }}"), [Segment::Literal("a{{ b }}".into())]);
    assert_eq!(segments(""), []);
}

#[test]
fn every_kind_of_reference_is_read() {
    let name = |name: &str| Step::Name(name.into());
    for (text, expected) in [
        ("event.data", Field::Data(vec![])),
        ("event.data.a.b-c", Field::Data(vec![name("a"), name("b-c")])),
        (
            "event.data.items[0]['x y']",
            Field::Data(vec![name("items"), Step::Index(0), name("x y")]),
        ),
        (r#"headers["x-\"id"]"#, Field::Header("x-\"id".into())),
        ("origin.topic", Field::Origin(OriginField::Topic)),
    ] {
        assert_eq!(segments(&format!("{{{{ {text} }}}}")), [field(expected.clone())], "{text}");
        assert_eq!(expected.to_string().parse(), Ok(expected));
    }
}

#[test]
fn a_default_stands_for_a_missing_field() {
    let expected = Segment::Field { field: Field::Key, default: Some("none".into()) };
    assert_eq!(segments(r#"{{ default(key, "none") }}"#), [expected]);
}

#[test]
fn what_is_more_than_a_reference_is_cel() {
    for (text, cel) in [
        ("{{ event.data.amount * 2 }}", "event.data.amount * 2"),
        ("{{ {'a': {'b': '}}'}} }}", "{'a': {'b': '}}'}}"),
        ("{{headers.x}}", "headers.x"),
        ("{{ default(event.subject, 1) }}", "default(event.subject, 1)"),
    ] {
        assert_eq!(segments(text), [Segment::Cel(cel.parse().unwrap())], "{text}");
    }
    let steps = vec![Step::Name("b-c".into())];
    assert_eq!(segments("{{ event.data.b-c }}"), [field(Field::Data(steps))]);
}

#[test]
fn a_syntax_error_says_where_and_what_would_be_right() {
    for (text, at, message) in [
        ("é {{ evnt.type }}", 6, "unknown field"),
        ("{{ event.type", 14, "expected `}}`"),
        ("{{ headers }}", 12, "expected `[`"),
        ("{{ event.id + }}", 15, "no value"),
        ("{{ event.id + 'a' }", 19, "expected `}}`"),
        ("{{ key.upper() }}", 8, "no function upper takes 0 arguments"),
        ("{{ event.Type }}", 10, "not the name of an attribute"),
        ("{{ origin.place }}", 11, "unknown field of the origin"),
        ("{{ default(key) }}", 15, "expected `,`"),
        ("{{ headers[\"x }}", 12, "text that does not end"),
        ("{{ }}", 4, "no field"),
    ] {
        let error = text.parse::<Template>().unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
        assert!(!error.help.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_a_template_or_an_error(text in r#"([a-z.\[\]"'{}(), é]|\{\{|\}\}|event|data|key|default){0,24}"#) {
        if let Ok(template) = text.parse::<Template>() {
            prop_assert_eq!(template.text(), text);
        }
    }

    #[test]
    fn text_without_braces_stands_as_it_is(text in "[^{]{0,24}") {
        let template: Template = text.parse().unwrap();
        prop_assert_eq!(template.literal(), Some(text.as_str()));
    }
}
