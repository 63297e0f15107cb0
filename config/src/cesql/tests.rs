use proptest::prelude::*;

use super::*;

/// The tree with a bracket round every part.
fn shown(text: &str) -> String {
    let cesql: Cesql = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    show(cesql.root())
}

fn show(node: &Node) -> String {
    let list = |nodes: &[Node]| nodes.iter().map(show).collect::<Vec<_>>().join(", ");
    let not = |negated: &bool| if *negated { "not " } else { "" };
    match &node.kind {
        Kind::Literal(literal) => format!("{literal:?}"),
        Kind::Attribute(name) => name.clone(),
        Kind::Exists(name) => format!("(exists {name})"),
        Kind::Not(operand) => format!("(not {})", show(operand)),
        Kind::Negate(operand) => format!("(- {})", show(operand)),
        Kind::Comparison(operator, operands) => format!("({operator:?} {})", list(&**operands)),
        Kind::Arithmetic(operator, operands) => format!("({operator:?} {})", list(&**operands)),
        Kind::Logic(operator, operands) => format!("({operator:?} {})", list(operands)),
        Kind::Like { operand, pattern, negated } => {
            format!("({} {}like {pattern})", show(operand), not(negated))
        }
        Kind::In { operand, set, negated } => {
            format!("({} {}in {})", show(operand), not(negated), list(set))
        }
        Kind::Call(function, arguments) => format!("{function:?}({})", list(arguments)),
        Kind::UnknownCall(name, count) => format!("{name}?{count}"),
    }
}

#[test]
fn precedence_is_that_of_the_specification() {
    for (text, expected) in [
        ("NOT a LIKE 'x'", "((not a) like x)"),
        ("NOT a = b", "(Equal (not a), b)"),
        ("-a * 2", "(Multiply (- a), Integer(2))"),
        ("-7 * 2", "(Multiply Integer(-7), Integer(2))"),
        ("a = b LIKE 'x'", "(Equal a, (b like x))"),
        (
            "1 + 2 * 3 - 4",
            "(Subtract (Add Integer(1), (Multiply Integer(2), Integer(3))), Integer(4))",
        ),
        ("4-1 - -2", "(Subtract (Subtract Integer(4), Integer(1)), Integer(-2))"),
        ("a < 1 = true", "(Equal (Less a, Integer(1)), Boolean(true))"),
        ("a OR b AND c AND d", "(And (Or a, b), c, d)"),
        ("a OR (b AND c) OR d", "(Or a, (And b, c), d)"),
        ("a NOT IN (1, b) AND EXISTS C", "(And (a not in Integer(1), b), (exists c))"),
        ("left(a, 1) <> concat()", "(NotEqual Left(a, Integer(1)), Concat())"),
        ("Nope(1) OR length()", "(Or NOPE?1, LENGTH?0)"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_backslash_stands_before_the_quote_only() {
    for (text, expected) in [
        (r#"'it\'s "so"'"#, r#"it's "so""#),
        (r#""it's \"so\"""#, r#"it's "so""#),
        (r"'50\%\\'", r"50\%\\"),
        (r#"'a\"b'"#, r#"a\"b"#),
    ] {
        let cesql: Cesql = text.parse().unwrap();
        let Kind::Literal(Literal::String(value)) = &cesql.root().kind else { panic!("{text}") };
        assert_eq!(value, expected, "{text}");
    }
}

#[test]
fn a_syntax_error_says_where_and_what_would_be_right() {
    for (text, at, message) in [
        ("", 1, "no value"),
        ("'é' = ", 7, "no value"),
        ("a == 'b'", 4, "no value"),
        ("a LIKE 12", 8, "no pattern"),
        ("a IN ()", 7, "an empty list"),
        ("a IN (1,)", 9, "no value"),
        ("a b", 3, "unexpected text"),
        ("'a''b'", 4, "unexpected text"),
        ("a NOT b", 3, "unexpected NOT"),
        ("EXISTS LIKE", 8, "no attribute"),
        ("a AND 'b", 7, "text that does not end"),
        ("2147483648", 1, "a number out of range"),
        ("a & b", 3, "unexpected character"),
        ("f1(a)", 1, "not the name of a function"),
        ("x_y = 1", 1, "no attribute"),
        ("LENGTH('a'", 11, "expected `)`"),
    ] {
        let error = text.parse::<Cesql>().unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
        assert!(!error.help.is_empty());
    }
}

#[test]
fn functions_that_there_are_not_are_refused_in_files() {
    let read = |text: &str| serde_json::from_value::<Cesql>(text.into()).map_err(|e| e.to_string());
    let error = read("id = 'é' OR LENGHT(id) > 1").unwrap_err();
    assert!(error.contains("no function LENGHT takes 1 arguments, at character 13"), "{error}");
    let error = read("SUBSTRING(id)").unwrap_err();
    assert!(error.contains("SUBSTRING takes 2 to 3"), "{error}");
    assert!(read("LENGTH(id) > 1").is_ok());
}

#[test]
fn no_text_makes_a_tree_too_deep_to_walk() {
    let times = |part: &str, count: usize| part.repeat(count);
    for text in [
        times("(", 20_000),
        format!("{}1{}", times("(", 1000), times(")", 1000)),
        times("NOT ", 10_000) + "a",
        times("- ", 10_000) + "a",
        times("1 + ", 10_000) + "1",
        times("1 < ", 10_000) + "1",
        times("a AND b OR ", 5_000) + "c",
        String::from("a") + &times(" LIKE 'a'", 5_000),
        times("ABS(", 10_000),
        times("a IN (", 10_000),
        format!("{}1{}", times("(1+1+1+1+1+1+1+1+", 60), times(")", 60)),
        format!("'{}'", times("a", Cesql::LONGEST)),
    ] {
        let error = text.parse::<Cesql>().unwrap_err();
        assert!(error.message.contains("too"), "{:.40}: {error}", text);
    }
    let wide = (0..2000).map(|i| format!("id = '{i}'")).collect::<Vec<_>>().join(" OR ");
    assert!(wide.parse::<Cesql>().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_an_expression_or_an_error(
        text in r#"([ -~]|é|AND|OR|NOT|IN|LIKE|EXISTS|TRUE|\(|\)|,|'a'|=|<|-|1|id|ABS| ){0,30}"#,
    ) {
        if let Ok(cesql) = text.parse::<Cesql>() {
            prop_assert!(text.get(cesql.root().span.clone()).is_some());
        }
    }
}
