//! What others can reach is protected.

use super::Rules;

impl Rules<'_> {
    pub(super) fn exposure(&mut self) {
        let admin = &self.config.admin;
        if !admin.listen.ip().is_loopback() && admin.token.is_none() {
            let place = self.sections.single_place("admin", &["listen"]);
            let message = format!("`admin` listens on {} without a token", admin.listen);
            let help = "write `token: \"${ADMIN_TOKEN}\"`, or listen on 127.0.0.1";
            self.refuse(place, message, help);
        }
        let Some(subscribe) = &self.config.subscribe else { return };
        if !subscribe.listen.ip().is_loopback() && subscribe.tokens.is_empty() {
            let place = self.sections.single_place("subscribe", &["listen"]);
            let message = format!("`subscribe` listens on {} without a token", subscribe.listen);
            let help = "write `tokens: [\"${SUBSCRIBER_TOKEN}\"]`, or listen on 127.0.0.1";
            self.refuse(place, message, help);
        }
    }
}
