//! Bytes that may be no text, no YAML, or too much of it.

use proptest::prelude::*;

use super::*;

#[test]
fn text_that_is_no_yaml_is_pointed_at() {
    assert_eq!(
        problems(&[
            ("a.yaml", "hybridge: v1\nroutes:\n  a:\n   b: 1\n    c: 2\n"),
            ("b.yaml", "hybridge: v1\n\troutes: {}\n"),
            ("c.yaml", "hybridge: v1\n---\nhybridge: v1\n"),
            ("d.yaml", ""),
            ("e.yaml", "- hybridge\n"),
            ("f.yaml", "hybridge: v1\nroutes: {}\nroutes: {}\nlimits: !!int 5\nx: *y\n<<: {}\n"),
        ])
        .iter()
        .map(|line| line.split(" (").next().unwrap())
        .collect::<Vec<_>>(),
        [
            "a.yaml:5:6: not YAML: mapping values are not allowed in this context",
            "b.yaml:1:11: not YAML: while scanning a plain scalar, found a tab",
            "c.yaml:2:1: a second document in the file",
            "d.yaml: the file says nothing",
            "e.yaml:1:1: a list where a map belongs",
            "f.yaml:3:1: the key `routes` stands here twice",
            "f.yaml:4:15: a tag, `tag:yaml.org,2002:int`",
            "f.yaml:4:15: a number where a map belongs",
            "f.yaml:5:1: unknown key `x`",
            "f.yaml:5:4: unknown alias `*y`",
            "f.yaml:6:1: a merge key, `<<`",
        ]
    );
}

#[test]
fn bytes_that_are_no_text_are_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), b"hybridge: v1\nroutes: { \xc3\xa9\xff: 1 }\n")
        .unwrap();
    let error = load(&[folder.path().to_owned()], &variable).unwrap_err();
    let problem = &error.as_slice()[0];
    assert_eq!((problem.line, problem.column), (2, 12));
    assert_eq!(problem.message, "invalid UTF-8: the byte 0xff");
    assert_eq!(error.as_slice().len(), 1);
}

#[test]
fn a_file_of_5_mb_is_refused_without_being_parsed() {
    let text = "# x\n".repeat(1_310_720);
    assert_eq!(
        problems(&[("a.yaml", &text)]),
        [
            "a.yaml: the file is too large (a file may have up to 4MiB: divide it into several in one folder)"
        ]
    );
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let before = level - 1;
        text += &format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n");
    }
    let bomb = problems(&[("a.yaml", &text)]);
    assert_eq!(bomb.len(), 1, "{bomb:?}");
    assert!(bomb[0].ends_with("aliases that repeat too much (anchors and aliases of one file may repeat at most 20000 values)"));
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(problems(&[("a.yaml", &nested)]).len(), 1);
}

#[test]
fn aliases_repeat_what_they_name() {
    let text = "hybridge: v1
routes:
  a: { from: { log: { topic: a } }, to: { log: { topic: x } }, retry: &retry { max: 1m } }
  b: { from: { log: { topic: b } }, to: { log: { topic: x } }, retry: *retry }
";
    let config = load_text(text);
    assert_eq!(config.routes["b"].retry.max, crate::Duration::from_secs(60));
}

fn load_any(text: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    if let Err(problems) = load(&[folder.path().to_owned()], &variable) {
        assert!(!problems.as_slice().is_empty());
        problems.report(false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_a_configuration_or_problems(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load_any(&bytes);
    }

    #[test]
    fn any_yaml_is_a_configuration_or_problems(
        text in r#"hybridge: v1\n((routes|admin|topics|from|to|http|log|topic|listen|limits|memory|targets|transform|map|set|é)?(: |:\n|[{}\[\],&*!|>"'#-]|\$\{|\$\{PORT\}|\n| {1,4}|5|1s|x)){0,40}"#,
    ) {
        load_any(text.as_bytes());
    }

    #[test]
    fn a_file_cut_or_changed_anywhere_is_a_configuration_or_problems(at in 0..INBOX.len(), byte: u8) {
        load_any(&INBOX.as_bytes()[..at]);
        let mut changed = INBOX.as_bytes().to_vec();
        changed[at] = byte;
        load_any(&changed);
    }

    #[test]
    fn a_value_cannot_change_the_structure(value in r#"([a-z0-9 :,#&*!|>'"%@`\n\[\]{}-]|\$\{X\}|\{\{)*"#) {
        let folder = write(&[("a.yaml", &INBOX.replace("listen:", "allowed_origins: [\"${X}\"], token: \"a${X}\", listen:"))]);
        let config = load(&[folder.path().to_owned()], &|_| Some(value.clone())).unwrap().config;
        prop_assert_eq!(config.routes.len(), 1);
        let crate::SourceConfig::Http(http) = &config.routes["inbox"].from else { panic!() };
        prop_assert_eq!(http.allowed_origins.as_slice(), std::slice::from_ref(&value));
        prop_assert_eq!(http.token.as_ref().unwrap().expose(), format!("a{value}"));
    }
}
