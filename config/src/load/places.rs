//! Where things stand, for problems that are found after loading.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    Problem,
    yaml::{Node, Place, Value},
};

/// The places of everything that was loaded, by the way to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    places: BTreeMap<Vec<String>, Place>,
    files: Vec<(PathBuf, Arc<str>)>,
}

impl Places {
    pub(super) fn insert(&mut self, path: &[&str], key: Place, node: &Node) {
        let mut path: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
        self.places.insert(path.clone(), key);
        self.below(&mut path, node);
    }

    fn below(&mut self, path: &mut Vec<String>, node: &Node) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(path, index.to_string(), item);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.add(path, entry.key.clone(), &entry.node);
                }
            }
        }
    }

    fn add(&mut self, path: &mut Vec<String>, step: String, node: &Node) {
        path.push(step);
        self.places.insert(path.clone(), node.place);
        self.below(path, node);
        path.pop();
    }

    pub(super) fn set_files(&mut self, files: Vec<(PathBuf, Arc<str>)>) {
        self.files = files;
    }

    /// A problem at what `path` leads to, or at the nearest thing around it.
    pub(super) fn problem(&self, path: &[&str], message: String, help: Option<String>) -> Problem {
        let mut path: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
        let mut place = self.places.get(&path);
        while place.is_none() && path.pop().is_some() {
            place = self.places.get(&path);
        }
        let place = place.copied().unwrap_or_default();
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
