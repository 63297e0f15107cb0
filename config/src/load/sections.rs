//! The sections of all files, put together.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::replaced::Replaced;
use crate::{
    Config,
    shape::Shape,
    yaml::{Entry, Finding, Node, Place, Value},
};

/// The sections that any number of files may hold, with entries whose names are unique over all of them.
const NAMED: [&str; 3] = ["connections", "routes", "topics"];

/// One section, or one entry of a section of named entries.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Where its name stands.
    pub(crate) key_place: Place,
    pub(crate) node: Node,
    /// It cannot be deserialised; why has been reported.
    broken: bool,
}

/// What all files say, before it has types.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sections {
    named: BTreeMap<&'static str, BTreeMap<String, Item>>,
    single: BTreeMap<String, Item>,
    /// Where each file begins.
    files: Vec<Place>,
}

impl Sections {
    /// Checks the tree of one file and takes it in.
    pub(super) fn take(&mut self, root: Node, shape: &mut Shape) {
        let place = root.place;
        self.files.push(place);
        let kind = root.kind();
        let Value::Map(entries) = root.value else {
            let help = "write `hybridge: v1` and sections such as `routes:`";
            let message = format!("{kind} where a map belongs");
            return shape.findings.push(Finding::new(place, message, help));
        };
        if !entries.iter().any(|entry| entry.key == "hybridge") {
            let help = "write `hybridge: v1` as the first line";
            let message = "the key `hybridge` is missing";
            shape.findings.push(Finding::new(place, message, help));
        }
        for entry in entries {
            self.section(entry, shape);
        }
    }

    /// What the file says under a name of a section.
    pub(crate) fn named(&self, section: &str, name: &str) -> Option<&Item> {
        self.named.get(section)?.get(name)
    }

    /// The entries of a section by name, broken ones included.
    pub(crate) fn entries(&self, section: &str) -> impl Iterator<Item = (&String, &Item)> {
        self.named.get(section).into_iter().flatten()
    }

    /// How many entries a section has, broken ones included.
    pub(crate) fn count(&self, section: &str) -> usize {
        self.named.get(section).map_or(0, BTreeMap::len)
    }

    /// Where the name of the last entry of a section stands.
    pub(crate) fn last_place(&self, section: &str) -> Place {
        let items = self.named.get(section).into_iter().flatten();
        items.map(|(_, item)| item.key_place).max().unwrap_or_default()
    }

    /// The place of something in a section that only one file holds; where no file says it, the first file.
    pub(crate) fn single_place(&self, section: &str, path: &[&str]) -> Place {
        match self.single.get(section) {
            Some(item) => item.node.place_of(path),
            None => self.files.first().copied().unwrap_or_default(),
        }
    }

    fn section(&mut self, mut entry: Entry, shape: &mut Shape) {
        let Some(schema) = shape.section(&entry.key) else {
            let known = shape.sections();
            return shape.unknown_key(&entry.key, entry.key_place, &known);
        };
        if let Some(section) = NAMED.into_iter().find(|section| *section == entry.key) {
            return self.take_entries(section, entry, shape);
        }
        shape.broken = false;
        shape.check(schema, &mut entry.node, entry.key_place);
        if entry.key == "hybridge" {
            return;
        }
        let item = Item { key_place: entry.key_place, node: entry.node, broken: shape.broken };
        if let Some(first) = self.single.get(&entry.key) {
            let message = format!("a second section `{}`", entry.key);
            shape.findings.push(duplicate(message, item.key_place, first.key_place));
            return;
        }
        self.single.insert(entry.key, item);
    }

    fn take_entries(&mut self, section: &'static str, entry: Entry, shape: &mut Shape) {
        let schema = shape.section(section).and_then(|schema| schema.get("additionalProperties"));
        let (kind, place) = (entry.node.kind(), entry.node.place);
        let (Value::Map(entries), Some(schema)) = (entry.node.value, schema) else {
            let help = format!("write names under `{section}:`, each with a map");
            let message = format!("{kind} where a map belongs");
            return shape.findings.push(Finding::new(place, message, help));
        };
        for mut entry in entries {
            shape.broken = false;
            shape.check(schema, &mut entry.node, entry.key_place);
            let item = Item { key_place: entry.key_place, node: entry.node, broken: shape.broken };
            let named = self.named.entry(section).or_default();
            if let Some(first) = named.get(&entry.key) {
                let one = section.strip_suffix('s').unwrap_or(section);
                let message = format!("a second {one} named `{}`", entry.key);
                shape.findings.push(duplicate(message, item.key_place, first.key_place));
                continue;
            }
            named.insert(entry.key, item);
        }
    }

    /// Everything that came from outside.
    pub(super) fn replaced(&self) -> Replaced {
        let mut replaced = Replaced::default();
        let named = self.named.values().flat_map(BTreeMap::values);
        named.chain(self.single.values()).for_each(|item| replaced.take(&item.node));
        replaced
    }

    /// The place of what a path of keys leads to, or of the nearest thing around it.
    pub(super) fn place_of(&self, path: &[&str]) -> Place {
        let of = |item: &Item, path: &[&str]| match path {
            [] => item.key_place,
            path => item.node.place_of(path),
        };
        let named = match path {
            [section, name, path @ ..] => self.named(section, name).map(|item| of(item, path)),
            _ => None,
        };
        let single = match path {
            [section, path @ ..] => self.single.get(*section).map(|item| of(item, path)),
            [] => None,
        };
        named.or(single).unwrap_or_default()
    }

    /// Leaves of every scalar only its place.
    pub(super) fn forget_values(&mut self) {
        let named = self.named.values_mut().flat_map(BTreeMap::values_mut);
        named.chain(self.single.values_mut()).for_each(|item| item.node.forget_values());
    }

    /// What is not broken, with types.
    pub(super) fn config(&mut self, findings: &mut Vec<Finding>) -> Config {
        let mut config = Config::default();
        self.typed("connections", &mut config.connections, findings);
        self.typed("routes", &mut config.routes, findings);
        self.typed("topics", &mut config.topics, findings);
        for (section, item) in &mut self.single {
            match section.as_str() {
                "subscribe" => item.put_into(&mut config.subscribe, findings),
                "admin" => item.put_into(&mut config.admin, findings),
                "storage" => item.put_into(&mut config.storage, findings),
                "limits" => item.put_into(&mut config.limits, findings),
                _ => {}
            }
        }
        config
    }

    fn typed<T: DeserializeOwned>(
        &mut self,
        section: &str,
        into: &mut BTreeMap<String, T>,
        findings: &mut Vec<Finding>,
    ) {
        for (name, item) in self.named.get_mut(section).into_iter().flatten() {
            let mut value = None;
            item.put_into(&mut value, findings);
            if let Some(value) = value {
                into.insert(name.clone(), value);
            }
        }
    }
}

impl Item {
    fn put_into<T: DeserializeOwned>(&mut self, into: &mut T, findings: &mut Vec<Finding>) {
        if self.broken {
            return;
        }
        match T::deserialize(&self.node) {
            Ok(value) => *into = value,
            Err(error) => {
                self.broken = true;
                let place = error.place.unwrap_or(self.node.place);
                findings.push(Finding { place, message: error.message, help: None, first: None });
            }
        }
    }
}

/// `first` is named by its line; the file is added when findings become problems.
fn duplicate(message: String, place: Place, first: Place) -> Finding {
    Finding { place, message, help: None, first: Some(first) }
}
