//! What a `nats` endpoint says fits together.

use super::Rules;
use crate::connector::nats::{ConnectionConfig, Read, SinkConfig, SourceConfig, To};
use crate::{Ordering, RouteConfig};

impl Rules<'_> {
    pub(super) fn nats_connection(&mut self, name: &str, connection: &ConnectionConfig) {
        let place = |key| self.place("connections", name, &["nats", key]);
        let (servers, first) = (place("servers"), place(""));
        if connection.servers.is_empty() {
            self.refuse(servers, "no servers", "write `servers: [\"nats://host:4222\"]`");
        } else if let Some(server) = connection.servers.iter().find(|server| server.contains('@')) {
            // What is before the @ may be a password, so it is not shown.
            let host = server.rsplit('@').next().unwrap_or_default();
            let help = "write `username` and `password`, which are secret, or `token`";
            self.refuse(servers, format!("credentials in the address of {host}"), help);
        }
        if let [one, other, ..] = connection.logins().as_slice() {
            let message = format!("`{one}` together with `{other}`");
            self.refuse(first, message, "write one way to log in");
        }
        if connection.username.is_some() != connection.password.is_some() {
            let help = "write both `username` and `password`, or neither";
            self.refuse(first, "one of `username` and `password` without the other", help);
        }
    }

    pub(super) fn nats_source(&mut self, name: &str, route: &RouteConfig, source: &SourceConfig) {
        let ordering = route.ordering();
        let mut wrong: Vec<(&str, &str, &str)> = Vec::new();
        match source.read() {
            Read::Core if source.subjects.is_empty() => wrong.push((
                "",
                "a `nats` source without `stream`, `kv` and `subjects`",
                "write `stream: ORDERS`, or one of the others",
            )),
            Read::Core if source.durable.is_some() => wrong.push((
                "durable",
                "`durable` without `stream` or `kv`",
                "write the `stream`: core NATS keeps no position",
            )),
            Read::Stream(_) if source.kv.is_some() => {
                wrong.push(("kv", "`kv` together with `stream`", "write one of the two"));
            }
            Read::Kv(_) if !source.subjects.is_empty() => wrong.push((
                "subjects",
                "`subjects` together with `kv`",
                "leave it out: a bucket is read whole",
            )),
            Read::Stream(_) | Read::Kv(_) | Read::Core => {}
        }
        let is_core = source.read() == Read::Core;
        if source.queue.is_some() && !is_core {
            wrong.push(("queue", "`queue` with a stream or bucket", "leave it out"));
        }
        let is_shared = ordering == Ordering::None && matches!(source.read(), Read::Stream(_));
        if source.ack_wait.is_some() && !is_shared {
            wrong.push((
                "ack_wait",
                "`ack_wait` where nothing is acknowledged one by one",
                "leave it out, or write `ordering: none` for a stream",
            ));
        }
        if source.ack_wait.is_some_and(|wait| wait.get().as_millis() < 300) {
            wrong.push(("ack_wait", "an `ack_wait` below 300ms", "write `ack_wait: 30s`"));
        }
        if source.lease.ttl.get().as_millis() < 1000 {
            wrong.push(("lease", "a `ttl` of a lease below 1s", "write `ttl: 15s`"));
        }
        if is_core && source.queue.is_some() && ordering == Ordering::Total {
            wrong.push((
                "queue",
                "`ordering: total` in a queue group, whose members know nothing of each other",
                "write `ordering: none`, or leave `queue` out",
            ));
        }
        for (key, message, help) in wrong {
            let place = self.route_place(name, &["from", "nats", key]);
            self.refuse(place, message, help);
        }
    }

    pub(super) fn nats_sink(&mut self, route: &str, path: &[String], sink: &SinkConfig) {
        let mut wrong: Vec<(&str, &str, &str)> = Vec::new();
        match sink.to() {
            To::Stream(_) if sink.kv.is_some() => {
                wrong.push(("kv", "`kv` together with `stream`", "write one of the two"));
            }
            To::Stream(_) | To::Core if sink.subject.is_none() => wrong.push((
                "",
                "a `nats` sink without `subject` and `kv`",
                "write `stream: ORDERS, subject: \"orders.{{ key }}\"`",
            )),
            To::Kv(_) if sink.subject.is_some() => {
                wrong.push(("subject", "`subject` together with `kv`", "write `key`"));
            }
            To::Stream(_) | To::Kv(_) | To::Core => {}
        }
        if !matches!(sink.to(), To::Kv(_)) {
            if sink.key.is_some() {
                wrong.push(("key", "`key` without `kv`", "write it as part of `subject`"));
            }
            if sink.revision.is_some() {
                wrong.push(("revision", "`revision` without `kv`", "leave it out"));
            }
        }
        for (key, message, help) in wrong {
            let place = self.sink_place(route, path, key);
            self.refuse(place, message, help);
        }
    }
}
