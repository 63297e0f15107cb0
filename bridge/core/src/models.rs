//! What threads share, under every schedule that the model checker tries: workers, the thread of a
//! client that takes assignments away, and the HTTP servers that take permits.

use std::sync::Arc;

use shuttle::{future, thread};

use crate::{Assignment, Phase, Place, Pool};

const SCHEDULES: usize = 2_000;

#[test]
fn a_release_is_never_missed_by_one_who_waits() {
    shuttle::check_random(
        || {
            let pool = Pool::new(0);
            let budget = pool.route(100, 100);
            let share = budget.share();
            let held = share.try_take(100);
            assert!(held.is_some());
            let waiting = {
                let share = share.clone();
                thread::spawn(move || future::block_on(share.take(60)).bytes())
            };
            let releasing = thread::spawn(move || drop(held));
            releasing.join().unwrap();
            assert_eq!(waiting.join().unwrap(), 60);
            assert_eq!(pool.held(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn routes_on_several_threads_never_hold_more_than_there_is() {
    shuttle::check_random(
        || {
            let pool = Pool::new(50);
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (pool, budget) = (pool.clone(), pool.route(100, 150));
                    thread::spawn(move || {
                        let share = budget.share();
                        let mut held = Vec::new();
                        for _ in 0..4 {
                            held.extend(share.try_take(40));
                            let all = pool.held();
                            assert!(all <= 3 * 100 + 50, "{all}");
                            if held.len() == 3 {
                                let mut first = held.swap_remove(0);
                                let part = first.split(15);
                                drop(first);
                                held.push(part);
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!((pool.held(), pool.free()), (0, 50));
        },
        SCHEDULES,
    );
}

#[test]
fn whoever_waits_for_an_assignment_to_end_is_woken_and_phases_only_go_on() {
    shuttle::check_random(
        || {
            let assignment = Assignment::new(Arc::new(Place::default()));
            let waiting = {
                let assignment = assignment.clone();
                thread::spawn(move || {
                    future::block_on(assignment.not_live());
                    assert!(assignment.phase() >= Phase::Revoking);
                })
            };
            let ending = {
                let assignment = assignment.clone();
                thread::spawn(move || assignment.end())
            };
            assignment.revoke();
            ending.join().unwrap();
            waiting.join().unwrap();
            assert_eq!(assignment.phase(), Phase::Over);
        },
        SCHEDULES,
    );
}
