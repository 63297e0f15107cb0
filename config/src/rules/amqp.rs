//! What AMQP connections, sources and sinks say fits together.

use super::Rules;
use crate::connector::amqp::{Auth, ConnectionConfig, QueueType, SinkConfig, SourceConfig, Start};

impl Rules<'_> {
    pub(super) fn amqp_connection(&mut self, name: &str, amqp: &ConnectionConfig) {
        let place = |key| self.place("connections", name, &["amqp", key]);
        let (uri, tls, auth) = (place("uri"), place("tls"), place("auth"));
        if amqp.tls.is_some() && !amqp.uri.is_encrypted() {
            let help = "write `amqps://`, or leave `tls` out";
            self.refuse(tls, "`tls` with a `uri` of `amqp://`", help);
        }
        if amqp.auth == Auth::External {
            let has_certificate = amqp.tls.as_ref().is_some_and(|tls| tls.cert.is_some());
            if !has_certificate {
                let help = "write `tls: { cert: ..., key: ... }` and `amqps://`";
                self.refuse(auth, "`auth: external` without a client certificate", help);
            }
            if amqp.uri.has_credentials() {
                let help = "leave user and password out: the certificate says who we are";
                self.refuse(uri, "`auth: external` with a user in `uri`", help);
            }
        }
    }

    pub(super) fn amqp_source(&mut self, route: &str, amqp: &SourceConfig) {
        let place = |key| self.route_place(route, &["from", "amqp", key]);
        let (queue, stream, dlx) = (place("queue"), place("stream"), place("dead_letter_exchange"));
        let declare = place("declare");
        if !is_name(&amqp.queue) {
            self.refuse(queue, "not the name of a queue", "write 1 to 255 bytes");
        }
        if amqp.stream.is_some() && amqp.dead_letter_exchange.is_some() {
            let help = "leave it out: a stream keeps what was read";
            self.refuse(dlx, "a `dead_letter_exchange` of a stream", help);
        }
        let kind = amqp.declare.as_ref().map(|declare| declare.kind);
        if kind.is_some_and(|kind| (kind == QueueType::Stream) != amqp.stream.is_some()) {
            let help = "a queue of `type: stream` needs `stream: {}`, and no other may have it";
            self.refuse(declare, "`declare` and `stream` contradict each other", help);
        }
        if let Some(Start::Time(text)) = amqp.stream.as_ref().map(|stream| &stream.start)
            && text.parse::<jiff::Timestamp>().is_err()
        {
            let help = "write it as `time: \"2026-05-01T00:00:00Z\"`";
            self.refuse(stream, format!("not a time, {text:?}"), help);
        }
    }

    pub(super) fn amqp_sink(&mut self, route: &str, path: &[String], amqp: &SinkConfig) {
        if amqp.exchange.is_empty() && amqp.declare.is_some() {
            let place = self.sink_place(route, path, "declare");
            let help = "name an `exchange`, or leave `declare` out";
            self.refuse(place, "`declare` of the default exchange", help);
        }
        let routing_key = amqp.routing_key.as_ref().and_then(|key| key.literal());
        if amqp.exchange.len() > 255 || routing_key.is_some_and(|key| key.len() > 255) {
            let place = self.sink_place(route, path, "exchange");
            self.refuse(place, "a name of more than 255 bytes", "write a shorter one");
        }
        if amqp.exchange.is_empty() && routing_key == Some("") {
            let place = self.sink_place(route, path, "routing_key");
            let help = "write the name of a queue, or an `exchange`";
            self.refuse(place, "an empty `routing_key` at the default exchange", help);
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255
}
