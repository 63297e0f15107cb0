//! Every row of the table in `docs/rules.md` is true, and the file that is shown loads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests")]

use std::path::Path;

use hybridge_transformers::rules::{Matcher, Rule, Scratch, When};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    std::fs::read_to_string(path).unwrap()
}

/// The texts in a cell of the table.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_table_is_true() {
    let document = document();
    let mut rows = 0;
    for row in document.lines().filter(|line| line.starts_with("| `{")) {
        let cells: Vec<Vec<&str>> = row.trim_matches('|').split(" | ").map(quoted).collect();
        let [pattern, matching, other] = cells.as_slice() else { panic!("{row}") };
        let when =
            When::Pattern(pattern[0].parse().unwrap_or_else(|error| panic!("{row}: {error}")));
        let matcher = Matcher::compile(&[Rule { name: "row".into(), when }]).unwrap();
        let mut scratch = Scratch::default();
        let mut is_match = |event: &&str| {
            !matcher.matches_json(event.as_bytes(), &mut scratch).unwrap().is_empty()
        };
        assert!(matching.iter().all(&mut is_match), "{row}");
        assert!(!other.iter().any(&mut is_match), "{row}");
        rows += matching.len() + other.len();
    }
    assert!(rows > 50, "{rows}");
}

#[test]
fn the_file_loads() {
    let document = document();
    let file = document.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, file).unwrap();
    let loaded = hybridge_config::load(&[path], &|_| None);
    let routes = loaded.unwrap_or_else(|problems| panic!("{problems}")).config.routes;
    let rules = routes.values().flat_map(|route| route.rules().into_iter().flatten());
    assert_eq!(rules.count(), 2);
}
