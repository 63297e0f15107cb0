//! How the memory of the process is divided among routes.

use crate::{ByteSize, Config, RouteConfig};

/// Most that is kept back from messages, whatever the memory.
const LARGEST_RESERVE: u64 = 64 << 20;

/// How `limits.memory` is divided: `memory = reserve + routes x floor_per_route + pool`.
///
/// - The *reserve* is for what is not a message on its way: client queues, the log, the servers, dead letters. It is a
///   quarter of the memory, at most 64 MiB.
/// - Half of the rest is divided into equal *floors*, one per route, which are never lent.
/// - The other half, and what the division left over, is the *pool*, which routes share.
///
/// A message is taken only when it fits into what its route holds, so a route's floor must hold the largest message of
/// its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPlan {
    /// Bytes for everything but messages on their way.
    pub reserve: u64,
    /// Bytes that each route has for itself.
    pub floor_per_route: u64,
    /// Bytes that the routes share.
    pub pool: u64,
}

impl BudgetPlan {
    /// The bytes that `route` has for itself: its floor, or its `limits.in_flight` where that is less.
    pub fn floor_of(&self, route: &RouteConfig) -> u64 {
        let cap = route.limits.in_flight.map_or(u64::MAX, ByteSize::get);
        self.floor_per_route.min(cap)
    }
}

/// Divides the memory of `config` among its routes, as [`BudgetPlan`] says.
pub fn budget_plan(config: &Config) -> BudgetPlan {
    plan(config.limits.memory.get(), config.routes.len())
}

pub(crate) fn plan(memory: u64, routes: usize) -> BudgetPlan {
    let routes = u64::try_from(routes.max(1)).unwrap_or(u64::MAX);
    let reserve = (memory / 4).min(LARGEST_RESERVE);
    let messages = memory - reserve;
    let floor_per_route = messages / 2 / routes;
    BudgetPlan { reserve, floor_per_route, pool: messages - floor_per_route * routes }
}

/// The least `limits.memory`, in whole MiB, with which each of `routes` has a floor of `message` bytes.
pub fn memory_needed(message: ByteSize, routes: usize) -> ByteSize {
    let routes = u64::try_from(routes.max(1)).unwrap_or(u64::MAX);
    let messages = message.get().saturating_mul(2).saturating_mul(routes);
    // With a quarter in reserve, three quarters are for messages.
    let small = messages.saturating_mul(4).div_ceil(3);
    let large = messages.saturating_add(LARGEST_RESERVE);
    let needed = if small / 4 <= LARGEST_RESERVE { small } else { large };
    ByteSize::from_bytes(needed.div_ceil(1 << 20).saturating_mul(1 << 20))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_memory_gives_ten_routes_more_than_9_mib_each() {
        let plan = plan(256 << 20, 10);
        assert_eq!(plan.reserve, 64 << 20);
        assert_eq!(plan.floor_per_route, (96 << 20) / 10);
    }

    proptest! {
        #[test]
        fn every_byte_is_given_once(memory in 0..1_u64 << 50, routes in 1..10_000_usize) {
            let plan = plan(memory, routes);
            prop_assert_eq!(plan.reserve + plan.floor_per_route * routes as u64 + plan.pool, memory);
        }

        #[test]
        fn the_memory_needed_is_enough_and_one_mib_less_is_not(
            message in 1..1_u64 << 30,
            routes in 1..1_000_usize,
        ) {
            let needed = memory_needed(ByteSize::from_bytes(message), routes).get();
            prop_assert!(plan(needed, routes).floor_per_route >= message);
            prop_assert!(plan(needed - (1 << 20) - 8, routes).floor_per_route <= message);
        }
    }
}
