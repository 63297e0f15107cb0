//! Order and delivery that the endpoints cannot keep are refused with the reason.

use super::Rules;
use crate::derive;

impl Rules<'_> {
    pub(super) fn guarantees(&mut self) {
        for (name, route) in &self.config.routes {
            if let Err((message, help)) = derive::delivery(self.config, route) {
                let place = self.route_place(name, &["delivery"]);
                self.refuse(place, message, help);
            }
            if let Err((message, help)) = derive::order(self.config, route) {
                let place = self.route_place(name, &["ordering"]);
                self.refuse(place, message, help);
            }
        }
    }
}
