use proptest::prelude::*;

use super::*;

fn read(json: &str) -> Result<InputTransformerConfig, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn paths_have_names_indices_and_wildcards() {
    let path: JsonPath = "$.detail.a-b_c[0]['x y'].*[*]".parse().unwrap();
    let name = |name: &str| PathStep::Name(name.into());
    let expected = [
        name("detail"),
        name("a-b_c"),
        PathStep::Index(0),
        name("x y"),
        PathStep::All,
        PathStep::All,
    ];
    assert_eq!(path.steps(), expected);
    assert_eq!("$".parse::<JsonPath>().unwrap().steps(), []);
    for (text, at) in
        [("detail", 1), ("$.", 2), ("$.a..b", 4), ("$[x]", 2), ("$.a[1", 4), ("$['a]", 2)]
    {
        assert_eq!(text.parse::<JsonPath>().unwrap_err().at, at, "{text}");
    }
}

#[test]
fn a_template_knows_where_its_variables_stand() {
    let named = |name: &str| Variable::Named(name.into());
    let parts = |text: &str| text.parse::<InputTemplate>().unwrap().parts().to_vec();
    let literal = |text: &str| Part::Literal(text.into());
    assert_eq!(
        parts(r#"{"a": <b>, "c": "\"<d>"}"#),
        [
            literal(r#"{"a": "#),
            Part::Value(named("b")),
            literal(r#", "c": "\""#),
            Part::InString(named("d")),
            literal(r#""}"#),
        ]
    );
    let event = Part::Value(Variable::Reserved(Reserved::EventJson));
    assert_eq!(parts("<aws.events.event.json>"), [event]);
    assert_eq!(parts("a < <b> >"), [literal("a < "), Part::InText(named("b")), literal(" >")]);
    let lines: InputTemplate = "\"a <b>\"\n\"c\"".parse().unwrap();
    assert!(!lines.is_json());
    assert_eq!(lines.parts(), [literal("\"a "), Part::InText(named("b")), literal("\"\n\"c\"")]);
    "\"a\"\nc\"".parse::<InputTemplate>().unwrap_err();
    "\"a\"\n{}\"".parse::<InputTemplate>().unwrap_err();
}

#[test]
fn what_cannot_be_filled_is_refused() {
    for (json, reason) in [
        (r#"{}"#, "neither"),
        (r#"{ "input_path": "$", "input_template": "a" }"#, "goes not with"),
        (r#"{ "input_template": "<a> is" }"#, "<a> is not in input_paths_map"),
        (r#"{ "input_template": "<aws.events.rule-name>" }"#, "needs rule_name"),
        (r#"{ "input_paths_map": { "aws.x": "$" }, "input_template": "a" }"#, "letters, digits"),
        (r#"{ "input_paths_map": { "awsx": "$" }, "input_template": "a" }"#, "begin with AWS"),
        (r#"{ "input_paths_map": { "a": "$" }, "input_template": "{<a>: 1}" }"#, "not JSON"),
        (
            r#"{ "input_template": "{\"a\": \"<aws.events.event>\"}" }"#,
            "an event in a text at character 8",
        ),
        (r#"{ "input_path": "$", "template": "a" }"#, "unknown field `template`"),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(reason), "{json}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error(text in r#"([ -~]|é|<a>|<|>|"|\\|\{|\}|<aws\.events\.event>){0,20}"#) {
        if let Ok(template) = text.parse::<InputTemplate>() {
            let literals = template.parts().iter().filter(|part| matches!(part, Part::Literal(_)));
            prop_assert!(literals.count() <= template.variables().count() + 1);
        }
    }

    #[test]
    fn any_text_is_a_path_or_an_error(text in r#"\$([a-z.*'" ]|\[|\]|[0-9]|é){0,20}"#) {
        let _ = text.parse::<JsonPath>();
    }
}
