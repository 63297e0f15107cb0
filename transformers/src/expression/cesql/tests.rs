use hybridge_core::Value as AttributeValue;
use proptest::prelude::*;

use super::*;

fn event(attributes: &[(&str, AttributeValue)]) -> Message {
    let mut all = vec![
        ("specversion", AttributeValue::from("1.0")),
        ("id", "e-1".into()),
        ("source", AttributeValue::UriRef("/s".into())),
        ("type", "order.placed".into()),
    ];
    all.extend(attributes.iter().map(|(name, value)| (*name, value.clone())));
    let attributes = all.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Message { attributes, ..Message::default() }
}

fn compiled(text: &str) -> Compiled {
    Compiled::new(&text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// The value as text and the errors.
fn outcome(text: &str, message: &Message) -> (String, Vec<ErrorKind>) {
    let compiled = compiled(text);
    let outcome = compiled.evaluate(message);
    let kinds = outcome.errors.iter().map(|error| error.kind).collect();
    (outcome.value.into_text().into_owned(), kinds)
}

#[test]
fn what_has_a_missing_attribute_in_it_is_the_zero_value_of_its_type() {
    let event = event(&[("count", AttributeValue::Integer(3))]);
    let missing = vec![ErrorKind::MissingAttribute];
    for (text, value) in [
        ("gone", "false"),
        ("count + gone * 2", "3"),
        ("NOT (gone = 1)", "true"),
        ("CONCAT('a', gone + 1)", "a0"),
        ("0 IN (gone + 1, 5)", "true"),
        ("-gone", "0"),
        ("gone = ''", "false"),
        ("gone != 'a'", "false"),
        ("NOT gone", "false"),
        ("gone NOT LIKE 'a'", "false"),
        ("gone NOT IN ('a')", "false"),
        ("LENGTH(gone)", "0"),
        ("CONCAT('a', gone)", ""),
        ("LEFT('abc', gone)", ""),
        ("gone OR TRUE", "true"),
        ("count IN (gone, 3)", "true"),
    ] {
        assert_eq!(outcome(text, &event), (value.to_owned(), missing.clone()), "{text}");
    }
    for text in ["TRUE OR gone", "count = 3 OR gone"] {
        assert_eq!(outcome(text, &event), ("true".to_owned(), vec![]), "{text}");
    }
    assert_eq!(outcome("FALSE AND gone", &event).1, []);
}

#[test]
fn a_failed_cast_is_an_error_and_a_zero_value() {
    let event = event(&[]);
    let cast = vec![ErrorKind::Cast];
    for (text, value) in [
        ("id > -1", "true"),
        ("id + 2", "2"),
        ("NOT id", "true"),
        ("INT(id)", "0"),
        ("1 IN (id, 1)", "true"),
    ] {
        assert_eq!(outcome(text, &event), (value.to_owned(), cast.clone()), "{text}");
    }
}

#[test]
fn calculations_stay_in_32_bits() {
    let event = event(&[]);
    for (text, value) in [
        ("2147483647 + 1", "-2147483648"),
        ("-2147483648 - 1", "2147483647"),
        ("-2147483648 / -1", "-2147483648"),
        ("-2147483648 % -1", "0"),
        ("- (-2147483648)", "-2147483648"),
    ] {
        assert_eq!(outcome(text, &event), (value.to_owned(), vec![]), "{text}");
    }
    assert_eq!(outcome("1 % 0", &event), ("0".to_owned(), vec![ErrorKind::Math]));
    assert_eq!(
        outcome("ABS(-2147483648)", &event),
        ("2147483647".to_owned(), vec![ErrorKind::Math])
    );
}

#[test]
fn texts_are_counted_in_characters() {
    let event =
        event(&[("name", "Zoë 世界".into()), ("bin", AttributeValue::Binary(vec![1, 2].into()))]);
    for (text, value) in [
        ("LENGTH(name)", "6"),
        ("RIGHT(name, 2)", "世界"),
        ("LEFT(name, 3)", "Zoë"),
        ("SUBSTRING(name, -3, 2)", " 世"),
        ("UPPER(LEFT(name, 3))", "ZOË"),
        ("CONCAT_WS('-', 1, TRUE, name)", "1-true-Zoë 世界"),
        ("bin", "AQI="),
        ("name LIKE 'Zo_ __'", "true"),
    ] {
        assert_eq!(outcome(text, &event), (value.to_owned(), vec![]), "{text}");
    }
}

#[test]
fn an_expression_cannot_multiply_what_an_event_brings() {
    let event = event(&[("big", "x".repeat(60_000).as_str().into())]);
    assert_eq!(
        outcome("LENGTH(CONCAT(big, big))", &event),
        ("0".to_owned(), vec![ErrorKind::FunctionEvaluation])
    );
}

#[test]
fn a_filter_passes_for_true_without_an_error_only() {
    let event = event(&[]);
    assert_eq!(compiled("id = 'e-1'").test(&event), Ok(true));
    assert_eq!(compiled("id = 'e-2'").test(&event), Ok(false));
    let fault = compiled("id = 'e-1' AND NOT (gone = 'x')").test(&event).unwrap_err();
    assert_eq!(fault.reason, "cesql: a missing attribute at byte 21 of the expression");
    assert_eq!(
        compiled("LENGTH(id)").test(&event).unwrap_err().reason,
        "cesql: the result is no boolean"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// As a filter, stopping at the first error changes nothing but the time.
    #[test]
    fn both_modes_agree(
        text in r"(NOT |-)?(id|a|gone|7|'7'|TRUE|ABS\(a\)|LEFT\(id, a\))( (=|<|\+|/|AND|OR|XOR|!=) (NOT |-)?(id|a|b|gone|0|'x'|FALSE)| LIKE '%1'| IN \(1, a\)){0,4}",
        a in -2..3_i32,
        b in "[a7]{0,2}",
    ) {
        let event = event(&[("a", AttributeValue::Integer(a)), ("b", b.as_str().into())]);
        let compiled = compiled(&text);
        let complete = compiled.evaluate(&event);
        let passes = complete.errors.is_empty() && complete.value == Value::Boolean(true);
        prop_assert_eq!(compiled.test(&event).unwrap_or(false), passes, "{}", text);
    }
}
