//! Event patterns: which are accepted, and which events they match.

use hybridge_config::Pattern;
use hybridge_transformers::rules::{Matcher, Rule, Scratch, When};
use serde_json::Value as Json;

use super::{Difference, Run, Table, Verdict, same};

/// What runs a table, by the name of its file or its title.
pub(crate) fn runner(file: &str, title: &str) -> Option<Run> {
    if file == "validity.json"
        || title.contains("which patterns a compiler accepts")
        || title.contains("are accepted")
    {
        return Some(validity);
    }
    if file == "match.json" || title.contains("pattern, event, expected match") {
        return Some(matches);
    }
    None
}

/// What a case says beside what it asks for.
const TOLD: [&str; 9] =
    ["id", "area", "from", "pattern", "quirk", "disputed", "note", "why", "reason"];

fn known(case: &Json, asked: &[&str]) -> Verdict {
    let names = case.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    match names.into_iter().find(|name| !TOLD.contains(name) && !asked.contains(name)) {
        Some(name) => Err(format!("the case has `{name}`, which nothing here knows").into()),
        None => Ok(()),
    }
}

fn text<'a>(case: &'a Json, name: &str) -> Result<&'a str, Difference> {
    case[name].as_str().ok_or_else(|| format!("the case has no text `{name}`").into())
}

fn validity(_: &Table, case: &Json) -> Verdict {
    known(case, &["valid"])?;
    let parsed = text(case, "pattern")?.parse::<Pattern>();
    same(&case["valid"], &parsed.is_ok().into()).map_err(|difference| match parsed {
        Ok(_) => difference,
        Err(error) => Difference { got: error.to_string().into(), ..difference },
    })
}

fn matches(_: &Table, case: &Json) -> Verdict {
    known(case, &["event", "match"])?;
    let pattern: Pattern = text(case, "pattern")?.parse().map_err(|error| format!("{error}"))?;
    let rule = Rule { name: "case".into(), when: When::Pattern(pattern) };
    let matcher = Matcher::compile(&[rule]).map_err(|faults| format!("{faults:?}"))?;
    let mut scratch = Scratch::default();
    let event = text(case, "event")?.as_bytes();
    let found = matcher.matches_json(event, &mut scratch).map_err(|error| format!("{error}"))?;
    same(&case["match"], &(!found.is_empty()).into())
}
