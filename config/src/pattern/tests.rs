use proptest::prelude::*;

use super::*;

fn error(text: &str) -> String {
    text.parse::<Pattern>().unwrap_err().to_string()
}

#[test]
fn an_error_says_what_and_where() {
    let text =
        "{\n  \"data\": {\n    \"amount\": [ { \"numeric\": [\">\", 5, \"<\", 1] } ]\n  }\n}";
    assert_eq!(
        error(text),
        "`data.amount`: the lower bound must be less than the upper one at line 3, column 30"
    );
    assert_eq!(error("{\"a\": [1"), "a comma or `]` must stand here at line 1, column 9");
    assert_eq!(
        error("{\"a\": [{\"wildcard\": \"x**\"}]}"),
        "`a`: two `*` in a row at character 2; one is enough at line 1, column 21"
    );
}

#[test]
fn the_last_tests_of_a_field_count_in_every_alternative() {
    let shown = |text: &str| text.parse::<Pattern>().unwrap().to_string();
    assert_eq!(shown(r#"{"a":[1],"a":[2]}"#), r#"{"a":[2]}"#);
    assert_eq!(shown(r#"{"a":{"b":[1]},"a.b":["x"]}"#), r#"{"a.b":["x"]}"#);
    assert_eq!(
        shown(r#"{"x":[1],"$or":[{"x":[2]},{"b":[3]}]}"#),
        r#"{"$or":[{"x":[2]},{"b":[3],"x":[1]}]}"#
    );
    assert_eq!(
        shown(r#"{"d":{"$or":[{"x":[2]},{"b":[3]}]},"e":[4]}"#),
        r#"{"$or":[{"d.x":[2],"e":[4]},{"d.b":[3],"e":[4]}]}"#
    );
}

#[test]
fn yaml_says_the_same_as_json() {
    #[derive(serde::Deserialize)]
    struct When {
        pattern: Pattern,
    }
    let yaml = "pattern:\n  type: [order, { prefix: ord }]\n  data: { amount: [ { numeric: [\">\", 1.0e3] } ], n: [300, 300.0, null, true] }\n  $or: [ { a: [ { exists: false } ] }, { b: [ { anything-but: [x, y] } ] } ]\n";
    let json = r#"{"type":["order",{"prefix":"ord"}],"data":{"amount":[{"numeric":[">",1000]}],"n":[3e2,300,null,true]},
        "$or":[{"a":[{"exists":false}]},{"b":[{"anything-but":["x","y"]}]}]}"#;
    let When { pattern } = crate::from_yaml(yaml).unwrap();
    assert_eq!(pattern, json.parse().unwrap());
}

#[test]
fn limits_are_told() {
    let ways = |count: usize| {
        let way: Vec<_> = (0..count).map(|index| format!("{{\"f{index}\":[1]}}")).collect();
        format!("\"$or\":[{}]", way.join(","))
    };
    let nested = |names: [&str; 2]| {
        let inner = ways(40);
        format!("{{\"{}\":{{{inner}}},\"{}\":{{{inner}}}}}", names[0], names[1])
    };
    assert!(error(&nested(["a", "b"])).contains("more than 1000 alternatives"));
    assert_eq!(
        format!("{{{}}}", ways(1000)).parse::<Pattern>().unwrap().alternatives().len(),
        1000
    );
    let deep = format!("{}[1]{}", "{\"a\":".repeat(70), "}".repeat(70));
    assert!(error(&deep).contains("nested deeper than 64 levels"));
    let stars = format!("{{\"a\":[{{\"wildcard\":\"{}\"}}]}}", "*a".repeat(65));
    assert!(error(&stars).contains("at most 64 are allowed"));
    let long = format!("{{\"a\":[\"{}\"]}}", "x".repeat(LONGEST_TEXT + 1));
    assert!(error(&long).contains("longer than 16384 bytes"));
}

#[test]
fn a_shown_pattern_reads_back_as_the_same() {
    let text = r#"{"$or":[{"a":["x\"y",1,-2.5,true,null,{"prefix":"p"},{"suffix":"s"},{"equals-ignore-case":"E"},{"prefix":{"equals-ignore-case":"P"}},
        {"suffix":{"equals-ignore-case":"S"}},{"wildcard":"a\\*b*\\\\"},{"cidr":"10.1.2.3/8"},{"exists":true},{"exists":false}]},
        {"b":[{"anything-but":["x"]},{"anything-but":[1]},{"anything-but":{"prefix":["a","b"]}},{"anything-but":{"suffix":"a"}},
        {"anything-but":{"equals-ignore-case":["a"]}},{"anything-but":{"wildcard":["a*"]}},{"numeric":["=",1]},{"numeric":[">",1,"<=",2]},{"numeric":["<",-0.5]}]}]}"#;
    let pattern: Pattern = text.parse().unwrap();
    assert_eq!(pattern, pattern.to_string().parse().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Nothing that is put in makes the reader panic, and what it accepts it accepts when shown.
    #[test]
    fn garbage_is_answered(text in r#"([\[\]{},:]|"(a|b|\$or|prefix|suffix|exists|numeric|cidr|wildcard|anything-but|equals-ignore-case|>|<=|=|x\*|\\\\|10\.0\.0\.0/8)"|[0-9]|-1e3|true|null|é|\\u00e9){0,24}"#) {
        if let Ok(pattern) = text.parse::<Pattern>() {
            prop_assert_eq!(pattern.to_string().parse::<Pattern>(), Ok(pattern));
        }
    }

    /// JSON is accepted exactly when serde_json accepts it.
    #[test]
    fn json_is_what_serde_json_says(text in r#"([\[\]{},: ]|"[a-z]"|[0-9]|-|\.|e|\+|true|null|"\\[nu/x]00e9"|\n){0,10}"#) {
        let other = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(json::parse(text.as_bytes()).is_ok(), other, "{}", text);
    }
}
