//! The fields that rules ask for, as a tree of names.

use std::collections::HashMap;

use super::keys::{Full, Keys};

/// The number of a place in the tree; 0 is its root.
pub(super) type Place = u32;

/// The number of a field: a place whose value some rule asks for.
pub(super) type Field = u32;

/// Stands for no place and no field.
pub(super) const NONE: u32 = u32::MAX;

/// Every way to a field, by the names on it.
///
/// A dot in the name of a member is not told from one between names, as patterns do not: a name may lead several steps
/// down at once. So every place has an entry under each of the places above it.
pub(super) struct Paths {
    /// From a place and a name, or several joined with dots, to a link.
    names: Keys,
    links: Vec<Place>,
    places: Vec<Node>,
    /// The place of each field.
    fields: Vec<Place>,
    /// For each place a set of bits, of which the name of anything below has its own: most other names do not.
    marks: Vec<u64>,
}

struct Node {
    path: Box<str>,
    field: Field,
    is_inner: bool,
}

impl Paths {
    /// The tree of `paths`; the number of a field is its place in the list.
    pub(super) fn new<'a>(paths: impl Iterator<Item = &'a str>) -> Result<Self, Full> {
        let mut tree = Self {
            names: Keys::default(),
            links: Vec::new(),
            places: Vec::new(),
            fields: Vec::new(),
            marks: Vec::new(),
        };
        let mut known = HashMap::new();
        tree.place("", &mut known, true)?;
        for path in paths {
            let place = tree.place(path, &mut known, false)?;
            let field = u32::try_from(tree.fields.len()).map_err(|_| Full)?;
            tree.places[place as usize].field = field;
            tree.fields.push(place);
        }
        tree.names.shrink();
        Ok(tree)
    }

    /// The place of a path, made with all those above it if it is new.
    fn place(
        &mut self,
        path: &str,
        known: &mut HashMap<String, Place>,
        is_root: bool,
    ) -> Result<Place, Full> {
        if !is_root && let Some(place) = known.get(path) {
            return Ok(*place);
        }
        let place = u32::try_from(self.places.len()).map_err(|_| Full)?;
        self.places.push(Node { path: path.into(), field: NONE, is_inner: false });
        self.marks.push(0);
        if is_root {
            return Ok(place);
        }
        known.insert(path.to_owned(), place);
        self.link(0, path, place)?;
        for (dot, _) in path.match_indices('.') {
            let above = self.place(&path[..dot], known, false)?;
            self.link(above, &path[dot + 1..], place)?;
        }
        Ok(place)
    }

    fn link(&mut self, above: Place, name: &str, place: Place) -> Result<(), Full> {
        let link = self.names.insert(above, name.as_bytes())?;
        if link as usize == self.links.len() {
            self.links.push(place);
        }
        self.places[above as usize].is_inner = true;
        self.marks[above as usize] |= mark(name.as_bytes());
        Ok(())
    }

    /// Where the member `name` of the object at `place` leads.
    #[inline]
    pub(super) fn below(&self, place: Place, name: &[u8]) -> Option<Place> {
        if self.marks[place as usize] & mark(name) == 0 {
            return None;
        }
        Some(self.links[self.names.find(place, name)? as usize])
    }

    /// The field at a place, or [`NONE`].
    #[inline]
    pub(super) fn field(&self, place: Place) -> Field {
        self.places[place as usize].field
    }

    /// Whether there are fields below.
    #[inline]
    pub(super) fn is_inner(&self, place: Place) -> bool {
        self.places[place as usize].is_inner
    }

    /// The names on the way, joined with dots.
    pub(super) fn path(&self, place: Place) -> &str {
        &self.places[place as usize].path
    }

    /// The path of a field.
    pub(super) fn path_of(&self, field: Field) -> &str {
        self.path(self.fields[field as usize])
    }

    /// The paths of all fields, in their order.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|place| self.path(*place))
    }

    /// How many fields there are.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn memory(&self) -> usize {
        let texts: usize = self.places.iter().map(|node| node.path.len()).sum();
        self.names.memory()
            + texts
            + self.places.capacity() * size_of::<Node>()
            + self.links.capacity() * size_of::<Place>()
            + self.fields.capacity() * size_of::<Place>()
            + self.marks.capacity() * size_of::<u64>()
    }
}

/// The bit of a name: by its length and its first and last byte.
#[inline]
fn mark(name: &[u8]) -> u64 {
    let first = name.first().copied().unwrap_or_default();
    let last = name.last().copied().unwrap_or_default();
    let sum = name.len() + 7 * usize::from(last) + 3 * usize::from(first);
    1 << (sum % 64)
}
