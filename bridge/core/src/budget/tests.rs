use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

const FLOOR: u64 = 1000;
const POOL: u64 = 3000;
const CAP: u64 = 2500;

/// Naive: every share's holdings, from which everything else is computed anew each time.
#[derive(Default)]
struct Model {
    routes: Vec<Vec<Option<u64>>>,
}

impl Model {
    fn share_floor(&self, route: usize) -> u64 {
        FLOOR / 2 / (self.routes[route].iter().flatten().count() as u64).max(1)
    }
    fn used(&self, route: usize) -> u64 {
        let floor = self.share_floor(route);
        self.routes[route].iter().flatten().map(|held| (*held).max(floor)).sum()
    }
    fn free(&self) -> i64 {
        let taken: u64 =
            (0..self.routes.len()).map(|route| self.used(route).saturating_sub(FLOOR)).sum();
        POOL as i64 - taken as i64
    }
    fn may_take(&mut self, route: usize, share: usize, bytes: u64) -> bool {
        let held = self.routes[route][share].unwrap();
        if held == 0 || held + bytes <= self.share_floor(route) {
            return true;
        }
        let before = self.free();
        self.routes[route][share] = Some(held + bytes);
        let fits = self.used(route) <= CAP && (self.free() >= 0 || self.free() == before);
        self.routes[route][share] = Some(held);
        fits
    }
}

#[derive(Clone, Debug)]
enum Step {
    Share { route: usize },
    EndShare { route: usize, share: usize },
    Take { route: usize, share: usize, bytes: u64 },
    Grow { permit: usize, bytes: u64 },
    SplitMerge { permit: usize, bytes: u64 },
    Release { permit: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = any::<usize>;
    let step = prop_oneof![
        2 => any().prop_map(|route| Step::Share { route }),
        1 => (any(), any()).prop_map(|(route, share)| Step::EndShare { route, share }),
        8 => (any(), any(), 1..900u64)
            .prop_map(|(route, share, bytes)| Step::Take { route, share, bytes }),
        1 => (any(), 1..300u64).prop_map(|(permit, bytes)| Step::Grow { permit, bytes }),
        2 => (any(), 1..300u64).prop_map(|(permit, bytes)| Step::SplitMerge { permit, bytes }),
        5 => any().prop_map(|permit| Step::Release { permit }),
    ];
    proptest::collection::vec(step, 1..150)
}

proptest! {
    #[test]
    fn equals_the_naive_model(steps in steps()) {
        let pool = Pool::new(POOL);
        let budgets: Vec<Budget> = (0..3).map(|_| pool.route(FLOOR, CAP)).collect();
        let mut shares: Vec<Vec<Option<Share>>> = vec![vec![], vec![], vec![]];
        let mut model = Model { routes: vec![vec![], vec![], vec![]] };
        let mut permits: Vec<(usize, usize, Permit)> = Vec::new();
        for step in steps {
            match step {
                Step::Share { route } => {
                    let route = route % 3;
                    shares[route].push(Some(budgets[route].share()));
                    model.routes[route].push(Some(0));
                }
                Step::EndShare { route, share } => {
                    let route = route % 3;
                    if shares[route].is_empty() { continue; }
                    let share = share % shares[route].len();
                    if permits.iter().any(|(r, s, _)| (*r, *s) == (route, share)) { continue; }
                    shares[route][share] = None;
                    model.routes[route][share] = None;
                }
                Step::Take { route, share, bytes } => {
                    let route = route % 3;
                    if shares[route].is_empty() { continue; }
                    let index = share % shares[route].len();
                    let Some(share) = &shares[route][index] else { continue };
                    let expected = model.may_take(route, index, bytes);
                    let permit = share.try_take(bytes);
                    prop_assert_eq!(permit.is_some(), expected);
                    if let Some(permit) = permit {
                        *model.routes[route][index].as_mut().unwrap() += bytes;
                        permits.push((route, index, permit));
                    }
                }
                Step::Grow { permit, bytes } => {
                    if permits.is_empty() { continue; }
                    let index = permit % permits.len();
                    let (route, share, permit) = &mut permits[index];
                    permit.grow(bytes);
                    *model.routes[*route][*share].as_mut().unwrap() += bytes;
                }
                Step::SplitMerge { permit, bytes } => {
                    if permits.is_empty() { continue; }
                    let index = permit % permits.len();
                    let (_, _, permit) = &mut permits[index];
                    let before = permit.bytes();
                    let part = permit.split(bytes);
                    prop_assert_eq!(permit.bytes() + part.bytes(), before);
                    prop_assert!(permit.merge(part).is_none());
                    prop_assert_eq!(permit.bytes(), before);
                }
                Step::Release { permit } => {
                    if permits.is_empty() { continue; }
                    let index = permit % permits.len();
                    let (route, share, permit) = permits.swap_remove(index);
                    *model.routes[route][share].as_mut().unwrap() -= permit.bytes();
                }
            }
            prop_assert_eq!(pool.free(), model.free());
            let held: u64 = model.routes.iter().flatten().flatten().sum();
            prop_assert_eq!(pool.held(), held);
        }
        drop(permits);
        prop_assert_eq!(pool.held(), 0);
        drop(shares);
        drop(budgets);
        prop_assert_eq!(pool.free(), POOL as i64);
    }
}

#[test]
fn a_greedy_route_leaves_the_floors_of_the_others() {
    let pool = Pool::new(POOL);
    let (greedy, other) = (pool.route(FLOOR, 100_000), pool.route(FLOOR, CAP));
    let share = greedy.share();
    let mut held = Vec::new();
    while let Some(permit) = share.try_take(100) {
        held.push(permit);
    }
    assert_eq!(pool.free(), 0);
    assert_eq!(pool.held(), FLOOR + POOL);
    let share = other.share();
    let mut floor = Vec::new();
    while let Some(permit) = share.try_take(100) {
        floor.push(permit);
    }
    assert_eq!(other.held(), FLOOR);
}

#[tokio::test]
async fn a_wait_ends_with_any_release() {
    let pool = Pool::new(0);
    let budget = pool.route(FLOOR, FLOOR);
    let share = budget.share();
    let full = share.try_take(FLOOR).unwrap();
    let mut waiting = std::pin::pin!(share.take(10));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(full);
    assert_eq!(waiting.await.bytes(), 10);
}
