//! What a pattern means, said as plainly as possible.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// A leaf of an event: its path, for each list on the way which element it is in, and its value.
struct Leaf<'a> {
    path: String,
    lists: Vec<(usize, usize)>,
    value: &'a Json,
}

pub fn matches(pattern: &Json, event: &Json) -> bool {
    let mut leaves = Vec::new();
    flatten(event, "", &[], &mut 0, &mut leaves);
    let mut ways: Vec<BTreeMap<String, &Json>> = Vec::new();
    alternatives(pattern, "", &mut ways);
    ways.iter().any(|way| {
        let conditions: Vec<_> = way.iter().collect();
        hold(&conditions, &leaves, &[])
    })
}

fn join(path: &str, is_top: bool, name: &str) -> String {
    if is_top { name.to_owned() } else { format!("{path}.{name}") }
}

fn flatten<'a>(
    value: &'a Json,
    path: &str,
    lists: &[(usize, usize)],
    count: &mut usize,
    leaves: &mut Vec<Leaf<'a>>,
) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                flatten(value, &join(path, path.is_empty(), name), lists, count, leaves);
            }
        }
        Json::Array(items) => {
            let list = *count;
            *count += 1;
            for (index, item) in items.iter().enumerate() {
                let mut lists = lists.to_vec();
                if item.is_object() || item.is_array() {
                    lists.push((list, index));
                }
                flatten(item, path, &lists, count, leaves);
            }
        }
        value => leaves.push(Leaf { path: path.to_owned(), lists: lists.to_vec(), value }),
    }
}

fn alternatives<'a>(object: &'a Json, path: &str, ways: &mut Vec<BTreeMap<String, &'a Json>>) {
    for (name, value) in object.as_object().unwrap() {
        if name == "$or" {
            let mut before = std::mem::take(ways);
            if before.is_empty() {
                before.push(BTreeMap::new());
            }
            for way in value.as_array().unwrap() {
                let mut one = before.clone();
                alternatives(way, path, &mut one);
                ways.append(&mut one);
            }
            continue;
        }
        let path = join(path, path.is_empty(), name);
        if value.is_object() {
            alternatives(value, &path, ways);
            continue;
        }
        if ways.is_empty() {
            ways.push(BTreeMap::new());
        }
        for way in ways.iter_mut() {
            way.insert(path.clone(), value);
        }
    }
}

fn consistent(left: &[(usize, usize)], right: &[(usize, usize)]) -> bool {
    left.iter().all(|(list, index)| right.iter().all(|(other, at)| list != other || index == at))
}

fn hold(conditions: &[(&String, &&Json)], leaves: &[Leaf], settled: &[(usize, usize)]) -> bool {
    let [(path, tests), rest @ ..] = conditions else { return true };
    let of_field = |leaf: &&Leaf| leaf.path == **path && consistent(&leaf.lists, settled);
    let tests = tests.as_array().unwrap();
    let absent = tests.iter().any(|test| test["exists"] == false);
    if absent && !leaves.iter().any(|leaf| of_field(&leaf)) && hold(rest, leaves, settled) {
        return true;
    }
    leaves.iter().filter(of_field).any(|leaf| {
        let settled: Vec<_> = settled.iter().chain(&leaf.lists).copied().collect();
        tests.iter().any(|test| is_met(test, leaf.value)) && hold(rest, leaves, &settled)
    })
}

fn same_number(left: &Json, right: &Json) -> bool {
    let big = |number: &Json| number.as_u64().is_some_and(|number| number > 1 << 53);
    if big(left) || big(right) { left == right } else { left.as_f64() == right.as_f64() }
}

/// Texts in which every character stands for both of its cases; the tests hold no others.
fn ignoring_case(text: &Json) -> String {
    text.as_str().unwrap().to_lowercase()
}

fn is_met(test: &Json, value: &Json) -> bool {
    let Some((name, operand)) = test.as_object().and_then(|test| test.iter().next()) else {
        return match (test, value) {
            (Json::Number(_), Json::Number(_)) => same_number(test, value),
            (Json::String(want), Json::String(text)) => {
                let ip = |text: &str| text.parse::<std::net::IpAddr>().ok();
                want == text || (ip(want).is_some() && ip(want) == ip(text))
            }
            _ => test == value,
        };
    };
    let text = value.as_str();
    let list = match operand {
        Json::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    match name.as_str() {
        "exists" => operand == true,
        "prefix" if operand.is_object() => text.is_some_and(|text| {
            text.to_lowercase().starts_with(&ignoring_case(&operand["equals-ignore-case"]))
        }),
        "prefix" => {
            text.is_some_and(|text| list.iter().any(|one| text.starts_with(one.as_str().unwrap())))
        }
        "suffix" if operand.is_object() => text.is_some_and(|text| {
            text.to_lowercase().ends_with(&ignoring_case(&operand["equals-ignore-case"]))
        }),
        "suffix" => {
            text.is_some_and(|text| list.iter().any(|one| text.ends_with(one.as_str().unwrap())))
        }
        "equals-ignore-case" => text
            .is_some_and(|text| list.iter().any(|one| text.to_lowercase() == ignoring_case(one))),
        "wildcard" => {
            text.is_some_and(|text| list.iter().any(|one| glob(one.as_str().unwrap(), text)))
        }
        "anything-but" if operand.is_object() => !is_met(operand, value),
        "anything-but" => !list.iter().any(|one| match (one, value) {
            (Json::Number(_), Json::Number(_)) => same_number(one, value),
            (one, value) => one == value,
        }),
        "cidr" => text.is_some_and(|text| in_block(operand.as_str().unwrap(), text)),
        "numeric" => value.as_f64().is_some_and(|number| {
            value.as_u64().is_none_or(|whole| whole <= 1 << 53)
                && list.chunks(2).all(|bound| {
                    let limit = bound[1].as_f64().unwrap();
                    match bound[0].as_str().unwrap() {
                        "=" => number == limit,
                        "<" => number < limit,
                        "<=" => number <= limit,
                        ">" => number > limit,
                        _ => number >= limit,
                    }
                })
        }),
        _ => panic!("{name}"),
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| glob(chars.as_str(), &text[at..])),
        Some(char) => {
            let char = if char == '\\' { chars.next().unwrap() } else { char };
            text.strip_prefix(char).is_some_and(|text| glob(chars.as_str(), text))
        }
    }
}

fn in_block(block: &str, text: &str) -> bool {
    let (first, bits) = block.split_once('/').unwrap();
    let bits: u32 = bits.parse().unwrap();
    let number = |text: &str| {
        let v4 = text.parse::<std::net::Ipv4Addr>().map(|v4| (32, u128::from(v4.to_bits())));
        v4.or_else(|_| text.parse::<std::net::Ipv6Addr>().map(|v6| (128, v6.to_bits()))).ok()
    };
    match (number(first), number(text)) {
        (Some((width, first)), Some((other, address))) if width == other => {
            let rest = width - bits;
            rest == 128 || first >> rest == address >> rest
        }
        _ => false,
    }
}
