use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::json::get;

fn path(text: &str) -> Vec<Step> {
    let step = |part: &str| match part.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Member(part.into()),
    };
    text.split('.').map(step).collect()
}

fn text(edited: Result<Vec<u8>, EditError>) -> String {
    String::from_utf8(edited.unwrap()).unwrap()
}

#[test]
fn set_replaces_or_adds() {
    for (before, at, after) in [
        (r#"{ "a" : 1 , "b":2}"#, "a", r#"{ "a" : X , "b":2}"#),
        (r#"{"a":{"b":1}}"#, "a.c", r#"{"a":{"b":1,"c":X}}"#),
        (r#"{"a":1 }"#, "b.c", r#"{"a":1,"b":{"c":X} }"#),
        (r#"{ }"#, "a", r#"{ "a":X}"#),
        (r#"[1, [2 ]]"#, "1.0", r#"[1, [X ]]"#),
        (r#"{"a":1,"a":2}"#, "a", r#"{"a":X,"a":X}"#),
    ] {
        assert_eq!(text(set(before.as_bytes(), &path(at), b"X")), after);
    }
    assert_eq!(set(b"{\"a\":1}", &path("a.b"), b"X"), Err(EditError::NoObject));
    assert_eq!(set(b"[1]", &path("1"), b"X"), Err(EditError::NoElement));
    assert_eq!(set(b"{}", &path("a.0"), b"X"), Err(EditError::NoElement));
    assert!(matches!(set(b"{\"a\":1,}", &path("a"), b"X"), Err(EditError::Json(_))));
}

#[test]
fn remove_keeps_commas_right() {
    for (before, at, after) in [
        (r#"{ "a":1, "b":2, "c":3 }"#, "a", r#"{ "b":2, "c":3 }"#),
        (r#"{ "a":1, "b":2, "c":3 }"#, "b", r#"{ "a":1, "c":3 }"#),
        (r#"{ "a":1, "b":2, "c":3 }"#, "c", r#"{ "a":1, "b":2 }"#),
        (r#"{ "a":1 }"#, "a", "{  }"),
        (r#"{"a":1,"b":2,"a":3,"a":4}"#, "a", r#"{"b":2}"#),
        (r#"{"a":1,"a":2,"b":3}"#, "a", r#"{"b":3}"#),
        (r#"{"a":[{"b":1},2]}"#, "a.0.b", r#"{"a":[{},2]}"#),
        (r#"{"a":{"b":1},"a":{"b":2}}"#, "a.b", r#"{"a":{},"a":{}}"#),
    ] {
        let removed = remove(before.as_bytes(), &path(at)).map(Option::unwrap);
        assert_eq!(text(removed), after);
    }
    assert_eq!(remove(b"{\"a\":1}", &path("b")), Ok(None));
    assert_eq!(remove(b"{\"a\":1}", &path("a.b")), Ok(None));
}

#[test]
fn rename_changes_the_name_and_nothing_else() {
    let renamed = rename(br#"{ "a" : [1.0 , 2], "b":0}"#, &path("a"), "x\"y");
    assert_eq!(text(renamed.map(Option::unwrap)), r#"{ "x\"y" : [1.0 , 2], "b":0}"#);
    assert_eq!(rename(b"{}", &path("a"), "b"), Ok(None));
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a-c\"é]{0,3}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => "[abc]".prop_map(|name| Step::Member(name.into())),
        1 => (0..3usize).prop_map(Step::Index),
    ];
    prop::collection::vec(step, 1..4)
}

fn lookup<'a>(value: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get(&**name),
        Step::Index(index) => value.get(index),
    })
}

fn removed(mut value: Value, path: &[Step]) -> Value {
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().try_fold(&mut value, |value, step| match step {
        Step::Member(name) => value.get_mut(&**name),
        Step::Index(index) => value.get_mut(index),
    });
    match (parent, last) {
        (Some(Value::Object(members)), Step::Member(name)) => drop(members.remove(&**name)),
        (Some(Value::Array(elements)), Step::Index(index)) if *index < elements.len() => {
            drop(elements.remove(*index));
        }
        _ => {}
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The same as in a tree of values, over compact and over indented text.
    #[test]
    fn equals_the_tree(document in document(), path in steps(), is_indented in any::<bool>()) {
        let text = match is_indented {
            true => serde_json::to_vec_pretty(&document).unwrap(),
            false => serde_json::to_vec(&document).unwrap(),
        };
        let read = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        let found = get(&text, &path).unwrap().map(read);
        prop_assert_eq!(found.as_ref(), lookup(&document, &path));
        match remove(&text, &path).unwrap() {
            Some(edited) => prop_assert_eq!(read(&edited), removed(document.clone(), &path)),
            None => prop_assert!(found.is_none()),
        }
        match set(&text, &path, b"[7]") {
            Ok(edited) => {
                let edited = read(&edited);
                prop_assert_eq!(lookup(&edited, &path), Some(&Value::from(vec![7])));
                if found.is_some() {
                    prop_assert_eq!(removed(edited, &path), removed(document, &path));
                }
            }
            Err(_) => prop_assert!(found.is_none()),
        }
    }

    #[test]
    fn any_bytes_are_answered(text in r#"[\[\]{}:,"ab1 \\]{0,16}"#, path in steps()) {
        let is_json = crate::json::is_valid(text.as_bytes());
        prop_assert_eq!(get(text.as_bytes(), &path).is_ok(), is_json);
        prop_assert_eq!(remove(text.as_bytes(), &path).is_ok(), is_json);
        if let Ok(edited) = set(text.as_bytes(), &path, b"0") {
            prop_assert!(crate::json::is_valid(&edited));
        }
    }
}
