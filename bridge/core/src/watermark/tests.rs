use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::Place;

/// The same as sets, slowly: what was registered, what was resolved.
#[derive(Debug)]
struct Naive {
    assignment: Assignment,
    start: u64,
    registered: Vec<(Tag, u64)>,
    resolved: BTreeSet<u64>,
}

impl Naive {
    fn committable(&self) -> Option<u64> {
        if self.assignment.phase() == crate::Phase::Over {
            return None;
        }
        let mut position = self.start;
        for (_, registered) in &self.registered {
            if !self.resolved.contains(registered) {
                break;
            }
            position = registered + 1;
        }
        Some(position)
    }

    fn uncommitted(&self) -> usize {
        let behind =
            self.registered.iter().take_while(|(_, at)| self.resolved.contains(at)).count();
        self.registered.len() - behind
    }
}

#[derive(Clone, Debug)]
enum Step {
    Assign { start: u64 },
    Register { which: usize, gap: u64 },
    Settle { which: usize, message: usize, outcome: usize },
    Revoke { which: usize },
    End { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => (0..50u64).prop_map(|start| Step::Assign { start }),
        8 => (any::<usize>(), 0..5u64).prop_map(|(which, gap)| Step::Register { which, gap }),
        8 => (any::<usize>(), any::<usize>(), 0..6usize)
            .prop_map(|(which, message, outcome)| Step::Settle { which, message, outcome }),
        1 => any::<usize>().prop_map(|which| Step::Revoke { which }),
        1 => any::<usize>().prop_map(|which| Step::End { which }),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn equals_the_naive_model(steps in steps()) {
        let place = Arc::new(Place::default());
        let mut watermark = Watermark::new(7);
        let mut models: Vec<Naive> = Vec::new();
        for step in steps {
            if let Step::Assign { start } = step {
                let assignment = Assignment::new(place.clone());
                watermark.assign(assignment.clone(), start);
                models.push(Naive { assignment, start, registered: vec![], resolved: BTreeSet::new() });
                continue;
            }
            if models.is_empty() { continue; }
            let count = models.len();
            match step {
                Step::Assign { .. } => {}
                Step::Register { which, gap } => {
                    let model = &mut models[which % count];
                    let last = model.registered.last().map_or(model.start, |(_, at)| at + 1);
                    let tag = watermark.register(model.assignment.id(), last + gap);
                    prop_assert_eq!(tag.is_some(), model.assignment.is_live());
                    if let Some(tag) = tag { model.registered.push((tag, last + gap)); }
                }
                Step::Settle { which, message, outcome } => {
                    let model = &mut models[which % count];
                    if model.registered.is_empty() { continue; }
                    let (tag, at) = model.registered[message % model.registered.len()];
                    watermark.settle(tag, Outcome::ALL[outcome]);
                    if Outcome::ALL[outcome] != Outcome::Abandoned { model.resolved.insert(at); }
                }
                Step::Revoke { which } => models[which % count].assignment.revoke(),
                Step::End { which } => models[which % count].assignment.end(),
            }
            for model in &models {
                let id = model.assignment.id();
                prop_assert_eq!(watermark.committable(id), model.committable());
                prop_assert_eq!(watermark.uncommitted(id), model.uncommitted());
                prop_assert_eq!(watermark.is_full(id), model.uncommitted() >= 7);
            }
        }
    }
}

#[test]
fn an_old_assignment_of_the_same_partition_moves_nothing() {
    let place = Arc::new(Place::default());
    let mut watermark = Watermark::new(10);
    let (first, second) = (Assignment::new(place.clone()), Assignment::new(place));
    watermark.assign(first.clone(), 5);
    let late = watermark.register(first.id(), 5).unwrap();
    first.end();
    watermark.assign(second.clone(), 5);
    watermark.register(second.id(), 5).unwrap();
    watermark.settle(late, Outcome::Delivered);
    assert_eq!(watermark.committable(first.id()), None);
    assert_eq!(watermark.committable(second.id()), Some(5));
}
