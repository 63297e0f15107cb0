//! What others can reach or read is protected.

use super::Rules;
use crate::{ConnectionConfig, SinkConfig};

const PLAIN_TEXT: &str = "credentials would cross the network in plain text";
const ENCRYPT: &str = "write `https://`; plain `http://` with credentials is for this machine only";

impl Rules<'_> {
    pub(super) fn exposure(&mut self) {
        self.plain_text();
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

    /// Tokens and the headers of connections do not leave this machine by `http`.
    fn plain_text(&mut self) {
        for (name, connection) in &self.config.connections {
            if let ConnectionConfig::Amqp(amqp) = connection
                && amqp.uri.has_credentials()
                && amqp.uri.is_readable_on_the_way()
                && !amqp.allow_plain_text
            {
                let place = self.place("connections", name, &["amqp", "uri"]);
                let help =
                    "write `amqps://`, or `allow_plain_text: true` where the network is trusted";
                self.refuse(place, PLAIN_TEXT, help);
            }
            let ConnectionConfig::Http(http) = connection else { continue };
            let has_credentials = http.token.is_some() || !http.headers.is_empty();
            if has_credentials && http.url.is_readable_on_the_way() {
                let place = self.place("connections", name, &["http", "url"]);
                self.refuse(place, PLAIN_TEXT, ENCRYPT);
            }
        }
        for (name, route) in &self.config.routes {
            for (path, sink) in Self::sinks(route) {
                let SinkConfig::Http(http) = sink else { continue };
                let connection = http.connection.as_ref();
                let connection = connection.and_then(|name| self.config.connections.get(name));
                let url = http.url.as_ref().or(match connection {
                    Some(ConnectionConfig::Http(connection)) => Some(&connection.url),
                    _ => None,
                });
                if http.token.is_some() && url.is_some_and(|url| url.is_readable_on_the_way()) {
                    let place = self.sink_place(name, &path, "token");
                    self.refuse(place, PLAIN_TEXT, ENCRYPT);
                }
            }
        }
    }
}
