//! From an event to the few clauses that it may match.
//!
//! A clause is reached by one of its conditions: the one that the fewest others share, so most clauses are never looked
//! at. Where many clauses share even that one, they are told apart by a second condition, and so on: a tree whose
//! branches are look-ups. Each clause is in it once for each test of the conditions on its way, so its size follows that
//! of the rules.

use super::{
    access::{Access, Accesses, Way},
    event::Seen,
    keys::Full,
    lookup::Lookup,
};

/// So many clauses are rather looked at one by one than told apart.
const FEW: usize = 6;

/// Conditions of a clause beyond these do not tell it apart.
const MOST_CONDITIONS: usize = 64;

/// Below the root a condition with more tests does not tell clauses apart: each test would repeat the clause.
const MOST_TESTS: usize = 8;

/// What a look-up leads to: the kind in the two highest bits.
mod target {
    pub(super) const KIND: u32 = 3 << 30;
    pub(super) const CLAUSE: u32 = 0;
    pub(super) const LIST: u32 = 1 << 30;
    pub(super) const NODE: u32 = 2 << 30;
}

/// What is asked of one field, for the index: the ways to its tests. `None` where it also holds without a value.
pub(super) type Ways<'a> = Option<&'a [Access]>;

/// The tree.
pub(super) struct Index {
    nodes: Vec<Node>,
    lists: Vec<(u32, u32)>,
    entries: Vec<u32>,
    /// How many clauses there are.
    clauses: usize,
}

#[derive(Default)]
struct Node {
    /// Clauses that nothing tells apart.
    rest: (u32, u32),
    /// In the order of their fields.
    lookups: Box<[Lookup]>,
}

impl Index {
    /// Makes the tree for `count` clauses; `ways` are those to the conditions of each.
    pub(super) fn new<'a>(
        count: usize,
        ways: impl Fn(u32) -> Vec<Ways<'a>>,
        accesses: &Accesses,
        exact: usize,
        fields: usize,
    ) -> Result<Self, Full> {
        if count >= target::LIST as usize {
            return Err(Full);
        }
        let index =
            Self { nodes: Vec::new(), lists: Vec::new(), entries: Vec::new(), clauses: count };
        let counts = vec![0; exact + accesses.keys.len()];
        let shares = vec![(0, 0); fields];
        let mut builder = Builder { index, ways, accesses, exact: exact as u32, counts, shares };
        let all: Vec<Member> = (0..count as u32).map(|clause| Member { clause, used: 0 }).collect();
        builder.node(&all, true)?;
        let mut index = builder.index;
        index.entries.shrink_to_fit();
        index.lists.shrink_to_fit();
        index.nodes.shrink_to_fit();
        Ok(index)
    }

    /// Shows every clause that the event may match, each once.
    pub(super) fn each(&self, seen: Seen, walk: &mut Walk, mut show: impl FnMut(u32)) {
        walk.begin(self.nodes.len(), self.lists.len(), self.clauses);
        while let Some(node) = walk.stack.pop() {
            let Some(node) = self.nodes.get(node as usize) else { continue };
            self.show(node.rest, walk, &mut show);
            let fields = &seen.event.fields;
            if node.lookups.len() <= 4 * fields.len() {
                for lookup in &node.lookups {
                    self.look(lookup, seen, walk, &mut show);
                }
                continue;
            }
            for field in fields {
                let first = node.lookups.partition_point(|lookup| lookup.field < *field);
                let same = node.lookups[first..].iter().take_while(|lookup| lookup.field == *field);
                for lookup in same {
                    self.look(lookup, seen, walk, &mut show);
                }
            }
        }
    }

    #[inline]
    fn look(&self, lookup: &Lookup, seen: Seen, walk: &mut Walk, show: &mut impl FnMut(u32)) {
        let mut room = std::mem::take(&mut walk.room);
        for value in seen.each(lookup.field) {
            lookup.each(value, seen, &mut room, |found| {
                let number = found & !target::KIND;
                match found & target::KIND {
                    target::CLAUSE if is_first(&mut walk.clauses, number, walk.turn) => {
                        show(number)
                    }
                    target::LIST if is_first(&mut walk.lists, number, walk.turn) => {
                        self.show(self.lists[number as usize], walk, show);
                    }
                    target::NODE if is_first(&mut walk.nodes, number, walk.turn) => {
                        walk.stack.push(number);
                    }
                    _ => {}
                }
            });
        }
        walk.room = room;
    }

    fn show(&self, range: (u32, u32), walk: &mut Walk, show: &mut impl FnMut(u32)) {
        for clause in self.range(range) {
            if is_first(&mut walk.clauses, *clause, walk.turn) {
                show(*clause);
            }
        }
    }

    fn range(&self, (start, end): (u32, u32)) -> &[u32] {
        &self.entries[start as usize..end as usize]
    }

    pub(super) fn memory(&self) -> usize {
        let lookups = self.nodes.iter().flat_map(|node| &node.lookups).map(Lookup::memory);
        lookups.sum::<usize>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.lists.capacity() * size_of::<(u32, u32)>()
            + self.entries.capacity() * size_of::<u32>()
    }
}

/// Memory for the way through the tree, kept from event to event. Whatever an event leads to again and again, such as by a
/// list with one value many times, is gone to once.
#[derive(Default)]
pub(super) struct Walk {
    stack: Vec<u32>,
    room: Vec<u8>,
    /// The turn in which each node, list and clause was last gone to.
    nodes: Vec<u32>,
    lists: Vec<u32>,
    clauses: Vec<u32>,
    turn: u32,
}

impl Walk {
    fn begin(&mut self, nodes: usize, lists: usize, clauses: usize) {
        let is_small =
            self.nodes.len() < nodes || self.lists.len() < lists || self.clauses.len() < clauses;
        if is_small || self.turn == u32::MAX {
            for (marks, len) in
                [(&mut self.nodes, nodes), (&mut self.lists, lists), (&mut self.clauses, clauses)]
            {
                let len = len.max(marks.len());
                marks.clear();
                marks.resize(len, 0);
            }
            self.turn = 0;
        }
        self.turn += 1;
        self.stack.clear();
        self.stack.push(0);
    }
}

#[inline]
fn is_first(marks: &mut [u32], number: u32, turn: u32) -> bool {
    let mark = &mut marks[number as usize];
    let is_first = *mark != turn;
    *mark = turn;
    is_first
}

/// A clause, and which of its conditions led to it, as bits.
#[derive(Clone, Copy)]
struct Member {
    clause: u32,
    used: u64,
}

struct Builder<'a, W> {
    index: Index,
    ways: W,
    accesses: &'a Accesses,
    exact: u32,
    /// How many clauses of the node at hand have each key.
    counts: Vec<u32>,
    /// How many have a range of numbers, and how many any value, for each field.
    shares: Vec<(u32, u32)>,
}

impl<'w, W: Fn(u32) -> Vec<Ways<'w>>> Builder<'_, W> {
    fn node(&mut self, members: &[Member], is_root: bool) -> Result<u32, Full> {
        let number = u32::try_from(self.index.nodes.len()).map_err(|_| Full)?;
        if number >= target::LIST {
            return Err(Full);
        }
        self.index.nodes.push(Node::default());
        let (mut chosen, rest) = self.choose(members, is_root);
        chosen.sort_unstable_by_key(|(access, member)| (*access, member.clause));
        let mut lookups = Vec::new();
        for same in chosen
            .chunk_by(|(left, _), (right, _)| (left.field, left.way) == (right.field, right.way))
        {
            let mut found = Vec::new();
            for members in same.chunk_by(|(left, _), (right, _)| left.key == right.key) {
                found.push((members[0].0.key, self.target(members)?));
            }
            let Access { field, way, .. } = same[0].0;
            lookups.push(Lookup::new(field, way, &found, &self.accesses.keys)?);
        }
        let node = Node { rest: self.list(rest.into_iter())?, lookups: lookups.into() };
        self.index.nodes[number as usize] = node;
        Ok(number)
    }

    /// The ways by which each member is to be found, and the clauses that there are none for.
    fn choose(&mut self, members: &[Member], is_root: bool) -> (Vec<(Access, Member)>, Vec<u32>) {
        for member in members {
            self.count(*member, is_root, 1);
        }
        let mut chosen = Vec::new();
        let mut rest = Vec::new();
        for member in members {
            let ways = (self.ways)(member.clause);
            let best = open(&ways, *member, is_root)
                .map(|(index, ways)| (self.cost(ways), index, ways))
                .min_by_key(|(cost, index, _)| (*cost, *index));
            match best {
                Some((_, index, ways)) => {
                    let used = member.used | 1 << index;
                    let mut ways: Vec<Access> = ways.to_vec();
                    ways.sort_unstable();
                    ways.dedup();
                    let member = Member { used, ..*member };
                    chosen.extend(ways.into_iter().map(|access| (access, member)));
                }
                None => rest.push(member.clause),
            }
        }
        for member in members {
            self.count(*member, is_root, -1);
        }
        (chosen, rest)
    }

    fn count(&mut self, member: Member, is_root: bool, by: i32) {
        let ways = (self.ways)(member.clause);
        for (_, ways) in open(&ways, member, is_root) {
            for access in ways {
                let count = self.counter(*access);
                *count = count.saturating_add_signed(by);
            }
        }
    }

    fn counter(&mut self, access: Access) -> &mut u32 {
        let (numbers, present) = &mut self.shares[access.field as usize];
        match access.way {
            Way::Exact => &mut self.counts[access.key as usize],
            Way::Numbers => numbers,
            Way::Present => present,
            _ => &mut self.counts[(self.exact + access.key) as usize],
        }
    }

    /// How much work it is to find a clause so: by how many others would be found with it, and how likely a value is to
    /// lead to them.
    fn cost(&mut self, ways: &[Access]) -> u64 {
        let one = |access: &Access| {
            let count = u64::from(*self.counter(*access));
            match access.way {
                Way::Exact => count,
                Way::Numbers => 16 + count / 4,
                Way::Present => 64 + count,
                Way::Piece => 2 + 4 * count,
                _ => 1 + 2 * count,
            }
        };
        ways.iter().map(one).sum()
    }

    fn target(&mut self, found: &[(Access, Member)]) -> Result<u32, Full> {
        if let [(_, only)] = found {
            return Ok(target::CLAUSE | only.clause);
        }
        let members: Vec<Member> = found.iter().map(|(_, member)| *member).collect();
        let told_apart = members.len() > FEW
            && members.iter().any(|member| {
                let ways = (self.ways)(member.clause);
                open(&ways, *member, false).next().is_some()
            });
        if told_apart {
            return Ok(target::NODE | self.node(&members, false)?);
        }
        let list = self.list(members.iter().map(|member| member.clause))?;
        let number = u32::try_from(self.index.lists.len()).map_err(|_| Full)?;
        self.index.lists.push(list);
        if number < target::LIST { Ok(target::LIST | number) } else { Err(Full) }
    }

    fn list(&mut self, clauses: impl Iterator<Item = u32>) -> Result<(u32, u32), Full> {
        let start = u32::try_from(self.index.entries.len()).map_err(|_| Full)?;
        self.index.entries.extend(clauses);
        let end = u32::try_from(self.index.entries.len()).map_err(|_| Full)?;
        Ok((start, end))
    }
}

/// The conditions of a clause that may tell it from others, with their places.
fn open<'a, 'w>(
    ways: &'a [Ways<'w>],
    member: Member,
    is_root: bool,
) -> impl Iterator<Item = (usize, &'w [Access])> + use<'a, 'w> {
    let unused = move |index: usize| index < MOST_CONDITIONS && member.used & 1 << index == 0;
    ways.iter()
        .enumerate()
        .filter_map(|(index, ways)| Some((index, (*ways)?)))
        .filter(move |(index, ways)| unused(*index) && (is_root || ways.len() <= MOST_TESTS))
}
