//! What a path leads to.

use std::borrow::Cow;

use hybridge_config::transform::input_transformer::PathStep;
use hybridge_schemas::json::{self, Fault, Step};

/// The value, as it is written; a list of all values where the path has a wildcard. `None` where there is nothing.
pub(super) fn values<'e>(
    steps: &[PathStep],
    event: &'e [u8],
) -> Result<Option<Cow<'e, [u8]>>, Fault> {
    if !steps.contains(&PathStep::All) {
        let path: Vec<Step> = steps.iter().filter_map(plain).collect();
        return Ok(json::get(event, &path)?.map(Cow::Borrowed));
    }
    let mut found = Vec::new();
    collect(steps, event, &mut found)?;
    if found.is_empty() {
        return Ok(None);
    }
    let mut list = vec![b'['];
    for value in found {
        if list.len() > 1 {
            list.push(b',');
        }
        list.extend_from_slice(value);
    }
    list.push(b']');
    Ok(Some(Cow::Owned(list)))
}

fn plain(step: &PathStep) -> Option<Step> {
    match step {
        PathStep::Name(name) => Some(Step::Member(name.as_str().into())),
        PathStep::Index(index) => Some(Step::Index(*index)),
        PathStep::All => None,
    }
}

/// Recurses as deep as the path has wildcards. Every value is gone through once for each step.
fn collect<'e>(
    steps: &[PathStep],
    value: &'e [u8],
    found: &mut Vec<&'e [u8]>,
) -> Result<(), Fault> {
    let fixed = steps.iter().position(|step| *step == PathStep::All).unwrap_or(steps.len());
    let path: Vec<Step> = steps[..fixed].iter().filter_map(plain).collect();
    let Some(value) = json::get(value, &path)? else { return Ok(()) };
    let Some(rest) = steps.get(fixed + 1..) else {
        found.push(value);
        return Ok(());
    };
    match value.first() {
        Some(b'[') => {
            for element in json::elements(value) {
                collect(rest, element?, found)?;
            }
        }
        Some(b'{') => {
            for member in json::members(value) {
                let (_, member) = member?;
                collect(rest, member, found)?;
            }
        }
        _ => {}
    }
    Ok(())
}
