use proptest::prelude::*;

use super::*;

/// The tree with a bracket round every part.
fn shown(text: &str) -> String {
    let cel: Cel = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    show(cel.root())
}

fn show(node: &Node) -> String {
    let parts = node.children().into_iter().map(show).collect::<Vec<_>>().join(", ");
    match &node.kind {
        Kind::Literal(literal) => format!("{literal:?}"),
        Kind::Root(root) => format!("{root:?}"),
        Kind::Variable(outwards) => format!("${outwards}"),
        Kind::Select(_, name) => format!("{parts}.{name}"),
        Kind::Has(_, name) => format!("has({parts}.{name})"),
        Kind::Index(_) => format!("at({parts})"),
        Kind::List(_) => format!("[{parts}]"),
        Kind::Map(_) => format!("{{{parts}}}"),
        Kind::Not(_) => format!("!{parts}"),
        Kind::Negate(_) => format!("-{parts}"),
        Kind::Binary(operator, _) => format!("{operator:?}({parts})"),
        Kind::And(_) => format!("and({parts})"),
        Kind::Or(_) => format!("or({parts})"),
        Kind::Conditional(_) => format!("if({parts})"),
        Kind::Call(function, _) => format!("{function:?}({parts})"),
        Kind::Macro(kind, ..) => format!("{kind:?}({parts})"),
        Kind::Default(_) => format!("default({parts})"),
    }
}

#[test]
fn the_grammar_is_that_of_the_specification() {
    for (text, expected) in [
        (
            "event.type == 'a' || key == b'\\x00' && true",
            "or(Equal(Event.type, String(\"a\")), and(Equal(Key, Bytes([0])), Boolean(true)))",
        ),
        ("1 + 2 * 3 - 4", "Subtract(Add(Int(1), Multiply(Int(2), Int(3))), Int(4))"),
        ("-event.data.n - -1", "Subtract(-Event.data.n, Int(-1))"),
        ("!!has(event.data.a.b)", "!!has(Event.data.a.b)"),
        (
            "headers[\"x\"] in [1u, 0x1F, .5e1,]",
            "In(at(Headers, String(\"x\")), [Uint(1), Int(31), Double(5.0)])",
        ),
        ("event['data']['a b'][0]", "at(at(Event.data, String(\"a b\")), Int(0))"),
        (
            "true ? 1 : false ? 2 : 3",
            "if(Boolean(true), Int(1), if(Boolean(false), Int(2), Int(3)))",
        ),
        ("{'a': 1, 2: [],} != {}", "NotEqual({String(\"a\"), Int(1), Int(2), []}, {})"),
        (
            "event.data.l.all(x, x.exists(y, x != y && key == y))",
            "All(Event.data.l, Exists($0, and(NotEqual($1, $0), Equal(Key, $0))))",
        ),
        ("[1].map(key, key > 0, key)", "Map([Int(1)], Greater($0, Int(0)), $0)"),
        ("size('a') < 'a'.size() // so\n", "Less(Size(String(\"a\")), Size(String(\"a\")))"),
        ("-9223372036854775808", "Int(-9223372036854775808)"),
        ("default(event.subject, 'x')", "default(Event.subject, String(\"x\"))"),
        (
            r#"r'\d' + """a"b""" + '\n\u00e9\101'"#,
            "Add(Add(String(\"\\\\d\"), String(\"a\\\"b\")), String(\"\\néA\"))",
        ),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn an_error_says_where_and_what_would_be_right() {
    for (text, at, message) in [
        ("", 1, "no value"),
        ("evnt.type", 1, "unknown name"),
        ("event.Type", 6, "not the name of an attribute"),
        ("'é' == event", 8, "no field of the event"),
        ("origin.place == 'a'", 7, "unknown field of the origin"),
        ("key = 'a'", 5, "unexpected character"),
        ("key & key", 5, "unexpected character"),
        ("key 'a'", 5, "unexpected text"),
        ("key.startWith('a')", 5, "no function startWith takes 1 arguments"),
        ("startsWith(key, 'a')", 1, "no function startsWith takes 2 arguments"),
        ("key.matches(event.type)", 13, "no fixed pattern"),
        ("key.matches('(')", 13, "not a regular expression"),
        ("has(key)", 1, "has() of no member"),
        ("[1].all(1, true)", 9, "no variable"),
        ("[1].all(x, true) && x", 21, "unknown name"),
        ("9223372036854775808", 1, "a number out of range"),
        ("'a\\q'", 3, "an unknown escape"),
        ("'a", 1, "text that does not end"),
        ("1x", 1, "not a number"),
        ("(key", 5, "expected `)`"),
        ("if == 1", 1, "a reserved word where a value belongs"),
    ] {
        let error = text.parse::<Cel>().unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
        assert!(!error.help.is_empty());
    }
}

#[test]
fn no_text_makes_a_tree_too_deep_to_walk() {
    let times = |part: &str, count: usize| part.repeat(count);
    for text in [
        times("(", 20_000),
        times("[", 20_000),
        times("!", 20_000) + "true",
        times("-", 20_000) + "key",
        times("1+", 20_000) + "1",
        times("1<", 20_000) + "1",
        times("true?1:", 5_000) + "1",
        String::from("event.data") + &times(".a", 20_000),
        String::from("event.data") + &times("[0]", 15_000),
        times("[1].map(x,", 5_000),
        format!("{}1{}", times("(1+1+1+1+1+1+1+1+", 60), times(")", 60)),
        format!("'{}'", times("a", Cel::LONGEST)),
    ] {
        let error = text.parse::<Cel>().unwrap_err();
        assert!(error.message.contains("too"), "{:.40}: {error}", text);
    }
    let wide = (0..2000).map(|i| format!("event.id == '{i}'")).collect::<Vec<_>>().join(" || ");
    assert!(wide.parse::<Cel>().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_an_expression_or_an_error(
        text in r#"([ -~]|é|&&|in|has\(|key|event|\.data|\.a|\(|\)|\[|'a'|\{|\}|:|==|<|-|1|x|\.all\(x,|\\u| ){0,30}"#,
    ) {
        if let Ok(cel) = text.parse::<Cel>() {
            prop_assert!(text.get(cel.root().span.clone()).is_some());
        }
        if let Ok((cel, end)) = Cel::read_prefix(&text, 0) {
            prop_assert_eq!(cel.text(), text[..end].trim());
        }
    }
}
