//! `docs/translation.md`: what the tables say, for people.

use std::fmt::Write;

use super::families::FAMILIES;
use super::table::{Dialect, Family, Holds, Row};
use super::value::field_of;

const HEAD: &str = include_str!("page.md");

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for family in FAMILIES {
        // Writing to a text cannot fail.
        write_family(&mut page, family).unwrap_or_default();
    }
    page
}

fn write_family(page: &mut String, family: &Family) -> std::fmt::Result {
    writeln!(page, "\n## {}: `{}`\n", family.about, family.name)?;
    kinds(page, family)?;
    places(page, family)?;
    losses(page, family)
}

fn header(page: &mut String, first: &str, family: &Family) -> std::fmt::Result {
    let names: Vec<_> = family.dialects.iter().map(|dialect| dialect.form.name()).collect();
    writeln!(page, "| {first} | {} |", names.join(" | "))?;
    writeln!(page, "|---|{}", "---|".repeat(names.len()))
}

fn kinds(page: &mut String, family: &Family) -> std::fmt::Result {
    header(page, "kind", family)?;
    let mut names: Vec<&str> = Vec::new();
    for kind in family.dialects.iter().flat_map(|dialect| dialect.kinds) {
        if !names.contains(&kind.name) {
            names.push(kind.name);
        }
    }
    for name in names {
        let cell = |dialect: &Dialect| {
            let kinds = dialect.kinds.iter().filter(|kind| kind.name == name);
            let mut cells: Vec<String> = Vec::new();
            for kind in kinds {
                let with: Vec<_> = kind.with.iter().filter_map(condition).collect();
                let with =
                    if with.is_empty() { String::new() } else { format!(" ({})", with.join(", ")) };
                let cell = format!("`{}`{with}", kind.native);
                if !cells.contains(&cell) {
                    cells.push(cell);
                }
            }
            if cells.is_empty() { "-".to_owned() } else { cells.join(", ") }
        };
        let cells: Vec<_> = family.dialects.iter().map(cell).collect();
        writeln!(page, "| `{name}` | {} |", cells.join(" | "))?;
    }
    writeln!(page)
}

/// A condition of a kind in words; none for that of a field that is not there.
fn condition((field, word): &(&str, &str)) -> Option<String> {
    match word.strip_prefix('*') {
        Some("") => Some(format!("with any {field}")),
        Some(end) => Some(format!("{field} ends with {end}")),
        None if word.is_empty() => None,
        None => Some(format!("{field} {word}")),
    }
}

fn places(page: &mut String, family: &Family) -> std::fmt::Result {
    header(page, "field", family)?;
    for field in family.fields {
        let cell = |dialect: &Dialect| {
            let rows = dialect.rows.iter().filter(|row| holds(row, field.name));
            let cells: Vec<_> = rows.map(|row| place(dialect, row)).collect();
            match cells.is_empty() {
                false => cells.join(", "),
                true if is_implied(dialect, field.name) => "type".to_owned(),
                true => "-".to_owned(),
            }
        };
        let cells: Vec<_> = family.dialects.iter().map(cell).collect();
        writeln!(page, "| `{}` | {} |", field.name, cells.join(" | "))?;
    }
    writeln!(page)
}

/// Whether a row puts a field somewhere.
fn holds(row: &Row, field: &str) -> bool {
    match row.holds {
        Holds::Pattern(text) | Holds::Maybe(text) | Holds::Loose(text) => has(text, field),
        holds => field_of(holds) == Some(field),
    }
}

fn has(pattern: &str, field: &str) -> bool {
    [format!("{{{field}}}"), format!("{{{field}%}}")].iter().any(|part| pattern.contains(part))
}

fn is_implied(dialect: &Dialect, field: &str) -> bool {
    dialect.kinds.iter().flat_map(|kind| kind.with).any(|(name, _)| *name == field)
}

fn place(dialect: &Dialect, row: &Row) -> String {
    let is_attribute = ["source", "subject", "payload", "headers"].contains(&row.at);
    let at = match row.at.strip_prefix("ext.") {
        Some(name) => format!("`{name}`"),
        None if is_attribute => format!("`{}`", row.at),
        None => format!("`{}{}`", dialect.form.data_name(), row.at),
    };
    let remark = match row.holds {
        Holds::NumberText(_) => " (number as text)",
        Holds::Quoted(_) => " (quotes taken off)",
        Holds::FormUrl(_) => " (form-url-encoded)",
        Holds::Base64(_) => " (base64)",
        Holds::Sequence(_) => " (20 digits elsewhere)",
        Holds::Words(..) => " (other words)",
        _ => "",
    };
    format!("{at}{remark}")
}

/// What each pair loses, as it follows from the tables.
fn losses(page: &mut String, family: &Family) -> std::fmt::Result {
    writeln!(page, "| from | to | has no place |")?;
    writeln!(page, "|---|---|---|")?;
    for from in family.dialects {
        for to in family.dialects {
            if from.form == to.form
                || from.form.name().starts_with('S') && to.service == from.service
            {
                continue;
            }
            if to.form.name().starts_with('S') && to.service == from.service {
                continue;
            }
            let lost = lost(family, from, to);
            let lost = if lost.is_empty() { "nothing".to_owned() } else { lost.join(", ") };
            writeln!(page, "| {} | {} | {lost} |", from.form.name(), to.form.name())?;
        }
    }
    Ok(())
}

fn lost(family: &Family, from: &Dialect, to: &Dialect) -> Vec<String> {
    let mut lost: Vec<String> = Vec::new();
    let goes_on = |row: &Row| {
        let mut fields = family.fields.iter().filter(|field| holds(row, field.name));
        fields.any(|field| to.rows.iter().any(|row| holds(row, field.name)))
    };
    for field in family.fields {
        let is_here = to.rows.iter().any(|row| holds(row, field.name));
        let is_said = is_implied(to, field.name);
        if is_here || is_said {
            continue;
        }
        for row in from.rows.iter().filter(|row| holds(row, field.name)) {
            let place = place(from, row);
            let place = place.split(" (").next().unwrap_or_default();
            let within = format!("{}.", row.at);
            let has_part = |other: &Row| other.at.starts_with(&within) && goes_on(other);
            let is_whole = !from.rows.iter().any(has_part);
            let place = format!("{place}{}", if is_whole { "" } else { " in part" });
            // A place that holds another field that goes on is not lost.
            let is_held = from.rows.iter().any(|other| other.at == row.at && goes_on(other));
            if !is_held && !lost.contains(&place) {
                lost.push(place);
            }
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Every field that a table names is one of its family, and every field has a place somewhere.
    #[test]
    fn tables_are_of_one_piece() {
        for family in FAMILIES {
            let is_field = |name: &str| family.fields.iter().any(|field| field.name == name);
            for dialect in family.dialects {
                for row in dialect.rows {
                    let name = field_of(row.holds);
                    assert!(name.is_none_or(is_field), "{}: {name:?}", family.name);
                }
                let with = dialect.kinds.iter().flat_map(|kind| kind.with);
                with.for_each(|(name, _)| assert!(is_field(name), "{}: {name}", family.name));
            }
            for field in family.fields {
                let has_place = family.dialects.iter().any(|dialect| {
                    dialect.rows.iter().any(|row| holds(row, field.name))
                        || is_implied(dialect, field.name)
                });
                assert!(has_place, "{}: {} is nowhere", family.name, field.name);
            }
        }
    }

    #[test]
    fn the_page_is_what_the_tables_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/translation.md");
        if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == page(),
            "docs/translation.md is not what the tables say; HYBRIDGE_WRITE_DOCS=1 writes it"
        );
    }
}
