//! Which deliveries of a channel are settled, and which acknowledgements say so.
//!
//! Delivery tags of a channel count up from 1. What is resolved without a gap from the oldest on is acknowledged by one
//! frame, `multiple`; what is resolved behind one that is not, by one each, but not at once: mostly the gap closes soon.

use std::collections::VecDeque;

/// What the broker is to be told about one delivery or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Everything up to this tag is done.
    AckUpTo(u64),
    /// This one is done.
    Ack(u64),
    /// This one comes again.
    Requeue(u64),
    /// This one goes to the dead-letter exchange.
    Reject(u64),
}

/// How one delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Resolved and not acknowledged.
    Resolved,
    /// The broker was told.
    Told,
}

/// The deliveries of one channel that the broker waits for.
#[derive(Debug)]
pub(super) struct Settling {
    /// The tag of the front of `states`.
    first: u64,
    states: VecDeque<State>,
    /// Resolved, and not told.
    resolved: usize,
    /// Others to tell of.
    frames: Vec<Frame>,
}

impl Settling {
    pub(super) fn new() -> Self {
        Self { first: 1, states: VecDeque::new(), resolved: 0, frames: Vec::new() }
    }

    /// A delivery came; tags come in order and without gaps. False for one that does not.
    #[must_use]
    pub(super) fn received(&mut self, tag: u64) -> bool {
        if tag != self.first + self.states.len() as u64 {
            return false;
        }
        self.states.push_back(State::Open);
        true
    }

    pub(super) fn resolve(&mut self, tag: u64) {
        if self.leave_open(tag, State::Resolved) {
            self.resolved += 1;
        }
    }

    pub(super) fn requeue(&mut self, tag: u64) {
        if self.leave_open(tag, State::Told) {
            self.frames.push(Frame::Requeue(tag));
        }
    }

    pub(super) fn reject(&mut self, tag: u64) {
        if self.leave_open(tag, State::Told) {
            self.frames.push(Frame::Reject(tag));
        }
    }

    /// The tag of the oldest delivery that is not resolved.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Deliveries that came and are not resolved.
    pub(super) fn open(&self) -> usize {
        self.states.len() - self.resolved
    }

    /// Deliveries that the broker has not been told of.
    pub(super) fn pending(&self) -> usize {
        self.resolved + self.frames.len()
    }

    /// What to tell now: with `all`, also what is resolved behind a gap.
    pub(super) fn frames(&mut self, all: bool) -> Vec<Frame> {
        let mut frames = std::mem::take(&mut self.frames);
        let mut up_to = None;
        while let Some(state) = self.states.front().filter(|state| **state != State::Open) {
            if *state == State::Resolved {
                up_to = Some(self.first);
                self.resolved -= 1;
            }
            self.states.pop_front();
            self.first += 1;
        }
        // What was requeued or rejected must be told before: `multiple` would acknowledge it.
        frames.extend(up_to.map(Frame::AckUpTo));
        if all && self.resolved > 0 {
            for (tag, state) in (self.first..).zip(&mut self.states) {
                if *state == State::Resolved {
                    *state = State::Told;
                    frames.push(Frame::Ack(tag));
                }
            }
            self.resolved = 0;
        }
        frames
    }

    fn leave_open(&mut self, tag: u64, state: State) -> bool {
        let index = tag.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let Some(slot) = index.and_then(|index| self.states.get_mut(index)) else { return false };
        let is_open = *slot == State::Open;
        if is_open {
            *slot = state;
        }
        is_open
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn received(count: u64) -> Settling {
        let mut settling = Settling::new();
        for tag in 1..=count {
            assert!(settling.received(tag));
        }
        settling
    }

    #[test]
    fn what_has_no_gap_is_one_frame() {
        let mut settling = received(5);
        [3, 1, 2, 5].into_iter().for_each(|tag| settling.resolve(tag));
        assert_eq!(settling.frames(false), [Frame::AckUpTo(3)]);
        assert_eq!((settling.frames(false), settling.pending()), (vec![], 1));
        assert_eq!(settling.frames(true), [Frame::Ack(5)]);
        settling.resolve(4);
        assert_eq!(settling.frames(true), [Frame::AckUpTo(4)]);
        assert!(settling.states.is_empty() && !settling.received(7));
    }

    #[test]
    fn a_rejection_goes_before_the_acknowledgement_that_would_cover_it() {
        let mut settling = received(3);
        settling.resolve(1);
        settling.reject(2);
        settling.resolve(3);
        settling.resolve(2);
        assert_eq!(settling.frames(false), [Frame::Reject(2), Frame::AckUpTo(3)]);
    }

    proptest! {
        /// The broker's side of it: every tag is told once, and as it was settled.
        #[test]
        fn every_delivery_is_told_once(
            steps in prop::collection::vec((0..4_u8, 1..40_u64), 0..200),
        ) {
            let mut settling = received(40);
            let mut unacked: BTreeSet<u64> = (1..=40).collect();
            let (mut resolved, mut again, mut refused) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            let fresh = |tag, sets: [&BTreeSet<u64>; 3]| sets.iter().all(|set| !set.contains(&tag));
            let mut told = Vec::new();
            for (step, tag) in steps.into_iter().chain([(3, 2)]) {
                let is_fresh = fresh(tag, [&resolved, &again, &refused]);
                match step {
                    0 => {
                        settling.resolve(tag);
                        if is_fresh { resolved.insert(tag); }
                    }
                    1 => {
                        settling.requeue(tag);
                        if is_fresh { again.insert(tag); }
                    }
                    2 => {
                        settling.reject(tag);
                        if is_fresh { refused.insert(tag); }
                    }
                    _ => told.extend(settling.frames(tag % 2 == 0)),
                }
                for frame in told.drain(..) {
                    match frame {
                        Frame::AckUpTo(last) => {
                            prop_assert!(unacked.contains(&last));
                            let rest = unacked.split_off(&(last + 1));
                            prop_assert!(unacked.iter().all(|tag| resolved.contains(tag)));
                            unacked = rest;
                        }
                        Frame::Ack(tag) => prop_assert!(resolved.contains(&tag) && unacked.remove(&tag)),
                        Frame::Requeue(tag) => prop_assert!(again.contains(&tag) && unacked.remove(&tag)),
                        Frame::Reject(tag) => prop_assert!(refused.contains(&tag) && unacked.remove(&tag)),
                    }
                }
            }
            let settled = resolved.len() + again.len() + refused.len();
            prop_assert_eq!(unacked.len(), 40 - settled);
        }
    }
}
