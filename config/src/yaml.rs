//! YAML as a tree that knows where everything stands.
//!
//! The tree is made from the parser's events and not by a deserialiser, for three reasons: every value keeps its place and
//! the way it was written, so that `${PORT}` can be typed after it was replaced; duplicate keys and other mistakes are
//! collected instead of ending the reading; and aliases are counted before they are copied.

mod build;
mod deserialize;
mod node;
mod scalar;

pub(crate) use build::parse;
pub(crate) use node::{Entry, Finding, Node, Place, Value};
pub(crate) use scalar::{Plain, Scalar};
use serde::de::DeserializeOwned;

/// One value of a routing-rule file from its text, such as a single `RouteConfig`: nothing is replaced in it, and rules
/// that need a whole configuration are not checked. For tests, and for tools that hold a part of a file.
///
/// # Errors
/// The first thing that is wrong, with its line and character.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let document = parse(0, text);
    let at = |place: Place, message: &str| format!("{}:{}: {message}", place.line, place.column);
    if let Some(finding) = document.findings.first() {
        return Err(at(finding.place, &finding.message));
    }
    let root = document.root.ok_or("nothing in it")?;
    T::deserialize(&root).map_err(|error| at(error.place.unwrap_or(root.place), &error.message))
}

#[cfg(test)]
mod tests;
