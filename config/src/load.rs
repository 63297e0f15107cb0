//! From files to a checked configuration.
//!
//! 1. Every file is read and parsed to a tree that knows its places, and `${...}` is replaced in its scalars.
//! 2. Every section is compared with the schema of its type; unknown keys are reported and left out.
//! 3. The sections of all files become one configuration. What is broken is left out of it, so that
//! 4. files of rules can be read, and the rules that need all of it checked, in the same run, and *all* problems are reported
//!    at once.
//! 5. `to` becomes a target like any other, and connections are applied to the sinks that name them.

mod files;
mod places;
mod replaced;
mod resolve;
mod rule_files;
mod sections;
mod sources;

use std::path::PathBuf;

pub(crate) use sections::Sections;
pub(crate) use sources::Sources;

use crate::{Config, Problem, Problems, rules, schema, shape::Shape};

/// A configuration that passed every check.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the files say together. Connections are applied to the sinks that name them, so that the `url` of an `http`
    /// sink is always set, and `to` stands in `targets`.
    pub config: Config,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    places: places::Places,
}

impl Loaded {
    /// A problem that only shows when something is made from the configuration, such as a certificate that cannot be read.
    /// `path` leads to the value as the file says it: `["routes", "orders", "from", "http", "tls"]`; where the file does
    /// not go so far, the problem is at the nearest thing around it. `message` must hold no secret.
    pub fn problem(
        &self,
        path: &[&str],
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        self.places.problem(path, message.into(), help)
    }
}

/// Reads files and folders (their `*.yaml` and `*.yml` files, sorted by name) as one configuration. `env` looks up the
/// variables that `${NAME}` refers to.
///
/// # Errors
/// Everything that is wrong with all files.
pub fn load(paths: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Problems> {
    let mut sources = sources::Sources::default();
    let files = files::expand(paths, &mut sources);
    let mut shape = Shape::new(schema::of_types());
    let mut sections = Sections::default();
    for path in &files {
        if let Some(root) = sources.read(path, env) {
            sections.take(root, &mut shape);
        }
    }
    let mut findings = Vec::new();
    let mut config = sections.config(&mut findings);
    rule_files::read(&mut config, &sections, &mut sources);
    rules::check(&config, &sections, &mut findings);
    let replaced = sections.replaced();
    findings.iter_mut().for_each(|finding| replaced.hide(finding));
    sources.findings.append(&mut shape.findings);
    sources.findings.append(&mut findings);
    if !sources.findings.is_empty() {
        return Err(sources.problems(&shape.shown, &shape.secret));
    }
    resolve::resolve(&mut config);
    let texts = sources.masked(&shape.shown, &shape.secret);
    let places = places::Places::new(sections, texts);
    Ok(Loaded { config, files, places })
}

#[cfg(test)]
mod tests;
