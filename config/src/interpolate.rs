//! `${NAME}`, `${NAME:-default}` and `${file:path}` in scalar values.
//!
//! Values are replaced in the tree, after parsing: whatever a variable or a file holds, it stays one scalar. `$${` is a
//! literal `${`.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::yaml::{Finding, Node, Value};

/// Largest file that `${file:path}` reads.
const LARGEST: u64 = 1 << 20;

/// Where the values come from.
pub(crate) struct Lookup<'a> {
    /// Environment variables.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// The folder that relative paths start from: that of the file in which they stand.
    pub(crate) folder: PathBuf,
}

impl Lookup<'_> {
    /// Replaces every reference in the scalars of `node`. A scalar with one that cannot be replaced keeps its text.
    pub(crate) fn replace(&self, node: &mut Node, findings: &mut Vec<Finding>) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.replace(item, findings)),
            Value::Map(entries) => {
                for entry in entries {
                    self.replace(&mut entry.node, findings);
                }
            }
            Value::Scalar(scalar) if scalar.text.contains("${") => match self.text(&scalar.text) {
                Ok(text) => scalar.written = Some(std::mem::replace(&mut scalar.text, text)),
                Err((message, help)) => {
                    findings.push(Finding::new(node.place, message, help));
                    scalar.written = Some(scalar.text.clone());
                    scalar.unresolved = true;
                }
            },
            Value::Scalar(_) => {}
        }
    }

    fn text(&self, text: &str) -> Result<String, (String, String)> {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let before = &rest[..at];
            if let Some(before) = before.strip_suffix('$') {
                result.push_str(before);
                result.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            result.push_str(before);
            let Some((reference, after)) = rest[at + 2..].split_once('}') else {
                let help = "write `${NAME}`; a literal `${` is written `$${`";
                return Err(("`${` without `}`".to_owned(), help.to_owned()));
            };
            result.push_str(&self.value(reference)?);
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn value(&self, reference: &str) -> Result<String, (String, String)> {
        if let Some(path) = reference.strip_prefix("file:") {
            return read(&self.folder.join(path));
        }
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            let help = "write `${NAME}`, `${NAME:-default}` or `${file:path}`; a literal `${` is written `$${`";
            return Err((
                "a reference that is neither a variable nor a file".to_owned(),
                help.to_owned(),
            ));
        }
        match ((self.env)(name), default) {
            (Some(value), None) => Ok(value),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err((
                format!("the variable `{name}` is not set"),
                format!("set it, or write `${{{name}:-default}}`"),
            )),
        }
    }
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The text of a file, without the newline at its end.
fn read(path: &Path) -> Result<String, (String, String)> {
    let shown = path.display();
    let failed = |reason: String| {
        let help =
            "the file must exist, be readable by this user, and hold UTF-8 text of at most 1MiB";
        Err((format!("cannot read the file `{shown}`: {reason}"), help.to_owned()))
    };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return failed(error.to_string());
    }
    if bytes.len() as u64 > LARGEST {
        return failed("it is larger than 1MiB".to_owned());
    }
    let Ok(mut text) = String::from_utf8(bytes) else {
        return failed("it is not UTF-8".to_owned());
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
