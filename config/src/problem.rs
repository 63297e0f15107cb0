//! What is wrong with the files.

pub(crate) mod mask;
mod report;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, Serializer};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    #[serde(serialize_with = "as_text")]
    pub file: PathBuf,
    /// The line, counted from 1; 0 where the problem is the file as a whole.
    pub line: usize,
    /// The character in the line, counted from 1; 0 where the problem is the file as a whole.
    pub column: usize,
    /// What is wrong, with the value unless that may be secret.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The first byte in the file and the one after the last.
    #[serde(skip)]
    pub(crate) span: (usize, usize),
    /// The text of the file, with what may be secret hidden.
    #[serde(skip)]
    pub(crate) text: Arc<str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A path that is no text is shown as far as it can be.
fn as_text<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// Everything that is wrong with all files: at least one problem. Serialises as a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems {
    problems: Vec<Problem>,
}

impl Problems {
    /// Problems that were found after loading, such as those of [`crate::Loaded::problem`]; at least one.
    pub fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// The problems, in the order of files and lines.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// The problems as a list.
    pub fn as_slice(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems for people: each with the line that it is about, in colours where `colors`. What may be secret in that
    /// line is hidden.
    pub fn report(&self, colors: bool) -> String {
        report::render(&self.problems, colors)
    }
}

/// One line a problem: `file:line:column: message (help)`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
