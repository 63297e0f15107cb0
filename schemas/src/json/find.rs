//! The values that several paths lead to, in one pass.

use super::path::{Step, brackets, entry_name, is_meant};
use super::{Fault, Scanner};

/// Paths that are looked for together. Like [`get`](super::get) for each of them: of two members of one name the last
/// one counts, with what is in it.
#[derive(Debug, Default)]
pub struct Paths(Vec<Node>);

#[derive(Debug)]
struct Node {
    step: Step,
    /// Which path ends here.
    slot: Option<usize>,
    below: Paths,
}

impl Paths {
    /// Adds a path, whose value is found in the place `slot`. Equal paths have one slot.
    pub fn add(&mut self, path: &[Step], slot: usize) {
        let Some((step, rest)) = path.split_first() else { return };
        let at = match self.0.iter().position(|node| node.step == *step) {
            Some(at) => at,
            None => {
                self.0.push(Node { step: step.clone(), slot: None, below: Self::default() });
                self.0.len() - 1
            }
        };
        let node = &mut self.0[at];
        match rest.is_empty() {
            true => node.slot = Some(slot),
            false => node.below.add(rest, slot),
        }
    }

    /// Puts what the paths lead to, as it is written, into the places of `found`, which are empty before. The whole text
    /// is checked. The stack grows with the paths, not with the text.
    pub fn find<'a>(&self, text: &'a [u8], found: &mut [Option<&'a [u8]>]) -> Result<(), Fault> {
        let mut scanner = Scanner::new(text);
        self.visit(&mut scanner, found)?;
        scanner.end()
    }

    /// Passes one value and finds what is in it.
    fn visit<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        found: &mut [Option<&'a [u8]>],
    ) -> Result<(), Fault> {
        let open = scanner.peek();
        let fits = |node: &&Node| Some(brackets(&node.step).0) == open;
        let Some(first) = self.0.iter().find(fits) else { return scanner.value().map(drop) };
        let (open, close) = brackets(&first.step);
        let mut index = 0;
        let mut more = scanner.enter(open, close)?;
        while more {
            let name = entry_name(scanner, &first.step)?;
            let meant = self.0.iter().filter(|node| brackets(&node.step).0 == open);
            match meant.into_iter().find(|node| is_meant(&node.step, name, index)) {
                Some(node) => node.visit(scanner, found)?,
                None => drop(scanner.value()?),
            }
            index += 1;
            more = scanner.more(close)?;
        }
        Ok(())
    }

    fn clear(&self, found: &mut [Option<&[u8]>]) {
        for node in &self.0 {
            if let Some(place) = node.slot.and_then(|slot| found.get_mut(slot)) {
                *place = None;
            }
            node.below.clear(found);
        }
    }
}

impl Node {
    fn visit<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        found: &mut [Option<&'a [u8]>],
    ) -> Result<(), Fault> {
        scanner.peek();
        let start = scanner.at();
        match self.below.0.is_empty() {
            true => drop(scanner.value()?),
            false => {
                self.below.clear(found);
                self.below.visit(scanner, found)?;
            }
        }
        if let Some(place) = self.slot.and_then(|slot| found.get_mut(slot)) {
            let end = scanner.at();
            scanner.go_to(start);
            *place = Some(scanner.until(end));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::get;

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            "[ab]".prop_map(|name| Step::Member(name.into())),
            (0..2_usize).prop_map(Step::Index)
        ]
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("1"), Just("\"x\""), Just("null")].prop_map(str::to_owned);
        leaf.prop_recursive(4, 24, 4, |inner| {
            let members = prop::collection::vec(("a|b|\\\\u0061", inner.clone()), 0..4);
            let object = members.prop_map(|members| {
                let members = members.iter().map(|(name, value)| format!("\"{name}\" : {value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            });
            let array = prop::collection::vec(inner, 0..3);
            prop_oneof![object, array.prop_map(|all| format!("[{}]", all.join(" , ")))]
        })
    }

    proptest! {
        #[test]
        fn finds_what_get_finds(
            text in json(),
            paths in prop::collection::vec(prop::collection::vec(step(), 1..4), 1..6),
        ) {
            let mut all = Paths::default();
            let mut distinct: Vec<Vec<Step>> = Vec::new();
            for path in paths {
                if !distinct.contains(&path) {
                    all.add(&path, distinct.len());
                    distinct.push(path);
                }
            }
            let mut found = vec![None; distinct.len()];
            all.find(text.as_bytes(), &mut found).unwrap();
            for (path, found) in distinct.iter().zip(found) {
                prop_assert_eq!(get(text.as_bytes(), path).unwrap(), found, "{:?} in {}", path, text);
            }
        }
    }
}
