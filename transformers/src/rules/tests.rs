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
