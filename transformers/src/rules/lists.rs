//! Clauses over events with lists of objects: their conditions must hold within the same elements.
//!
//! Two conditions on members of one list must be met by members of the same element of it. The conditions of a clause
//! are taken in the order of their paths, as event-ruler does, so one that asks for absence asks for it within the
//! elements that the conditions before it have settled on. The paths below a list follow each other in that order; once
//! a block of them is met within an element, what comes after does not depend on which element it was, so no other is
//! tried. The work is therefore bounded by the number of values times that of conditions.

use super::{
    clauses::{Clauses, Condition},
    event::Seen,
    paths::{Field, NONE, Paths},
};

/// Room for the work, kept from event to event.
#[derive(Default)]
pub(super) struct Room {
    /// The values in the order of their fields, and where those of each field begin, if this was made for the event.
    values: Vec<u32>,
    starts: Vec<(Field, u32)>,
    is_ready: bool,
    /// The element that was settled on in each list, or [`NONE`].
    chosen: Vec<u32>,
}

impl Room {
    /// Forgets the last event.
    pub(super) fn clear(&mut self) {
        self.is_ready = false;
    }

    fn make_ready(&mut self, seen: Seen) {
        if self.is_ready {
            return;
        }
        self.is_ready = true;
        self.values.clear();
        self.starts.clear();
        for field in &seen.event.fields {
            self.starts.push((*field, self.values.len() as u32));
            let mut next = seen.event.of(*field).first;
            while next != NONE {
                self.values.push(next);
                next = seen.value(next).next;
            }
        }
        self.starts.sort_unstable();
        self.chosen.clear();
        self.chosen.resize(seen.event.lists.len(), NONE);
    }
}

/// Whether the conditions hold together.
pub(super) fn hold(
    clauses: &Clauses,
    conditions: &[Condition],
    paths: &Paths,
    seen: Seen,
    room: &mut Room,
) -> bool {
    room.make_ready(seen);
    Search { clauses, conditions, paths, seen, room }.solve(0, conditions.len(), NONE)
}

struct Search<'a> {
    clauses: &'a Clauses,
    conditions: &'a [Condition],
    paths: &'a Paths,
    seen: Seen<'a>,
    room: &'a mut Room,
}

/// How a value stands to the elements that were settled on.
enum Standing {
    /// It is in no list that none was settled on for.
    Free,
    /// This is the outermost of the elements that it adds.
    New(u32),
    /// It is in another element of a list than this one.
    Other(u32),
}

impl Search<'_> {
    /// Whether the conditions from `first` to before `end` hold together with the elements that were settled on;
    /// `within` is an element that the value for the first must be in.
    fn solve(&mut self, first: usize, end: usize, within: u32) -> bool {
        if first == end {
            return true;
        }
        let condition = self.conditions[first];
        let (mut index, stop) = self.values(condition.field, within);
        let mut is_free = false;
        let mut is_present = false;
        while index < stop {
            let number = self.room.values[index];
            match self.standing(number) {
                Standing::Other(element) => index = self.past(index, stop, number, element),
                Standing::Free => {
                    is_present = true;
                    let value = self.seen.value(number);
                    is_free |= self.clauses.holds_for(condition, value, self.seen);
                    index += 1;
                }
                Standing::New(element) => {
                    is_present = true;
                    let list = self.seen.event.elements[element as usize].list;
                    let block = self.block(first, end, list);
                    self.room.chosen[list as usize] = element;
                    let solved = self.solve(first, block, element);
                    self.room.chosen[list as usize] = NONE;
                    if solved {
                        return self.solve(block, end, NONE);
                    }
                    index = self.after(index, stop, self.seen.event.elements[element as usize].end);
                }
            }
        }
        let met = if is_present { is_free } else { self.clauses.holds_without(condition) };
        met && self.solve(first + 1, end, NONE)
    }

    /// Which of the sorted values are those of a field, within an element if one is given.
    fn values(&self, field: Field, within: u32) -> (usize, usize) {
        let Ok(place) = self.room.starts.binary_search_by_key(&field, |(field, _)| *field) else {
            return (0, 0);
        };
        let start = self.room.starts[place].1 as usize;
        let stop = start + self.seen.event.of(field).count as usize;
        if within == NONE {
            return (start, stop);
        }
        let element = self.seen.event.elements[within as usize];
        (self.after(start, stop, element.start), self.after(start, stop, element.end))
    }

    /// The first place from `from` on whose value is not before `number`.
    fn after(&self, from: usize, stop: usize, number: u32) -> usize {
        from + self.room.values[from..stop].partition_point(|value| *value < number)
    }

    fn standing(&self, value: u32) -> Standing {
        let mut element = self.seen.value(value).element;
        let mut standing = Standing::Free;
        while element != NONE {
            let at = self.seen.event.elements[element as usize];
            match self.room.chosen[at.list as usize] {
                NONE => standing = Standing::New(element),
                chosen if chosen != element => return Standing::Other(chosen),
                _ => {}
            }
            element = at.outer;
        }
        standing
    }

    /// The first place after `index` whose value may be in the element `chosen` or outside its list.
    fn past(&self, index: usize, stop: usize, value: u32, chosen: u32) -> usize {
        let element = self.seen.event.elements[chosen as usize];
        let next = if value < element.start {
            element.start
        } else {
            self.seen.event.lists[element.list as usize].end
        };
        self.after(index + 1, stop, next)
    }

    /// Where the conditions on fields below a list end.
    fn block(&self, first: usize, end: usize, list: u32) -> usize {
        let path = self.paths.path(self.seen.event.lists[list as usize].place);
        let below = |condition: &Condition| self.paths.path_of(condition.field).starts_with(path);
        let rest = &self.conditions[first + 1..end];
        first + 1 + rest.iter().take_while(|condition| below(condition)).count()
    }
}
