//! The largest message of a route fits into the memory that the route has for itself.

use super::Rules;
use crate::{budget, memory_needed, optional};

impl Rules<'_> {
    pub(super) fn budget(&mut self) {
        // What is broken counts too, and an optional target as a route of its own.
        let following = optional::routes_for(self.config) - self.config.routes.len();
        let count = self.sections.count("routes") + following;
        let memory = self.config.limits.memory;
        let plan = budget::plan(memory.get(), count);
        for (name, route) in &self.config.routes {
            let max = route.from.max_message();
            let place = self.route_place(name, &["from", route.from.kind(), "max_message"]);
            if max.get() > plan.floor_per_route {
                let message = format!(
                    "a message of {max} does not fit into the route's share of memory, {} of {memory} with {count} routes",
                    mib(plan.floor_per_route)
                );
                let help = format!(
                    "write `limits: {{ memory: {} }}` or more, or a smaller `max_message`",
                    memory_needed(max, count)
                );
                self.refuse(place, message, help);
            }
            if let Some(cap) = route.limits.in_flight.filter(|cap| *cap < max) {
                let place = self.route_place(name, &["limits", "in_flight"]);
                let message = format!("`in_flight`, {cap}, is less than one message of {max}");
                self.refuse(place, message, format!("write at least `in_flight: {max}`"));
            }
        }
    }
}

/// A number of bytes to read, to a tenth of a MiB.
fn mib(bytes: u64) -> String {
    let tenths = bytes / (1 << 20) * 10 + bytes % (1 << 20) * 10 / (1 << 20);
    format!("{}.{}MiB", tenths / 10, tenths % 10)
}
