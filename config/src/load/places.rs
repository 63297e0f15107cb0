//! Where things stand, for problems that are found after loading.

use std::{path::PathBuf, sync::Arc};

use super::Sections;
use crate::Problem;

/// The places of everything that was loaded; of the texts only what may be shown.
#[derive(Debug, Clone)]
pub(super) struct Places {
    sections: Sections,
    files: Vec<(PathBuf, Arc<str>)>,
}

impl Places {
    /// Keeps the places of `sections` and forgets the values, which may be secret.
    pub(super) fn new(mut sections: Sections, files: Vec<(PathBuf, Arc<str>)>) -> Self {
        sections.forget_values();
        Self { sections, files }
    }

    /// A problem at what `path` leads to, or at the nearest thing around it.
    pub(super) fn problem(&self, path: &[&str], message: String, help: Option<String>) -> Problem {
        let place = self.sections.place_of(path);
        let (file, text) = self.files.get(place.file).cloned().unwrap_or_default();
        Problem {
            file,
            line: place.line,
            column: place.column,
            message,
            help,
            span: (place.start, place.end),
            text,
        }
    }
}
