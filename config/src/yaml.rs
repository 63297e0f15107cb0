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

#[cfg(test)]
mod tests;
