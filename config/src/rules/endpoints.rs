//! Each endpoint says enough to be opened, and nothing twice.

use std::collections::BTreeMap;
use std::path::Path;

use super::Rules;
use crate::{
    ConnectionConfig, SinkConfig, SourceConfig,
    connector::{http, schedule},
    tls::ClientTlsConfig,
    yaml::Place,
};

/// Parts of the names of headers that carry a credential: a template is printed, so it may not hold one.
const CREDENTIALS: [&str; 7] =
    ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"];

impl Rules<'_> {
    pub(super) fn endpoints(&mut self) {
        for (name, connection) in &self.config.connections {
            let tls = match connection {
                ConnectionConfig::Amqp(amqp) => &amqp.tls,
                ConnectionConfig::Http(http) => &http.tls,
                ConnectionConfig::Kafka(kafka) => &kafka.tls,
                ConnectionConfig::Nats(nats) => &nats.tls,
            };
            if let Some(tls) = tls {
                let place = self.place("connections", name, &[connection.kind(), "tls"]);
                self.client_tls(tls, place);
            }
            if let ConnectionConfig::Kafka(kafka) = connection {
                self.kafka_connection(name, kafka);
                let client = kafka.sasl.as_ref().and_then(|sasl| sasl.client_credentials.as_ref());
                if let Some(tls) = client.and_then(|client| client.tls.as_ref()) {
                    let path = ["kafka", "sasl", "client_credentials", "tls"];
                    self.client_tls(tls, self.place("connections", name, &path));
                }
            }
            if let ConnectionConfig::Amqp(amqp) = connection {
                self.amqp_connection(name, amqp);
            }
            if let ConnectionConfig::Nats(nats) = connection {
                self.nats_connection(name, nats);
            }
        }
        for (name, route) in &self.config.routes {
            if let SourceConfig::Amqp(amqp) = &route.from {
                self.amqp_source(name, amqp);
            }
            if let SourceConfig::Schedule(schedule) = &route.from {
                self.schedule(name, schedule);
            }
            if let SourceConfig::Kafka(kafka) = &route.from {
                self.kafka_source(name, kafka);
            }
            if let SourceConfig::Nats(nats) = &route.from {
                self.nats_source(name, route, nats);
            }
            if let Some(connection) = route.from.connection() {
                let kind = route.from.kind();
                let place = self.route_place(name, &["from", kind, "connection"]);
                self.connection(connection, kind, place);
            }
            if let Some(lease) = route.from.lease() {
                self.lease(name, route, lease);
            }
            for (path, sink) in Self::sinks(route) {
                if let Some(connection) = sink.connection() {
                    let place = self.sink_place(name, &path, "connection");
                    self.connection(connection, sink.kind(), place);
                }
                match sink {
                    SinkConfig::Amqp(amqp) => self.amqp_sink(name, &path, amqp),
                    SinkConfig::Http(http) => self.http_sink(name, &path, http),
                    SinkConfig::Kafka(kafka) => self.kafka_sink(name, &path, kafka),
                    SinkConfig::Nats(nats) => self.nats_sink(name, &path, nats),
                    _ => {}
                }
            }
        }
        self.exclusive();
    }

    fn http_sink(&mut self, route: &str, path: &[String], sink: &http::SinkConfig) {
        let whole = self.sink_place(route, path, "");
        match (&sink.connection, &sink.url) {
            (Some(_), Some(_)) => {
                let help = "write `connection` and `path`, or `url` alone";
                let place = self.sink_place(route, path, "url");
                self.refuse(place, "`url` together with `connection`", help);
            }
            (None, None) => {
                let help =
                    "write `url: \"https://host/path\"`, or `connection:` with the name of one";
                self.refuse(whole, "an `http` sink without `url` and `connection`", help);
            }
            (None, Some(_)) if sink.path.is_some() => {
                let help = "write the path as part of `url`";
                let place = self.sink_place(route, path, "path");
                self.refuse(place, "`path` without `connection`", help);
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if sink.path.as_ref().is_some_and(|path| path.contains(['?', '#'])) {
            let help = "write a query into the connection's `url`, which is secret";
            let place = self.sink_place(route, path, "path");
            self.refuse(place, "a `path` with a query", help);
        }
        if let Some(tls) = &sink.tls {
            let place = self.sink_place(route, path, "tls");
            self.client_tls(tls, place);
        }
        for (header, template) in &sink.headers.set {
            let header_name = header.to_ascii_lowercase();
            let named = CREDENTIALS.iter().any(|part| header_name.contains(part));
            if named && template.literal().is_some() {
                let place = self.sink_place(route, path, "headers");
                let help = "write `token`, or put the header into a connection's `headers`, which are secret";
                self.refuse(
                    place,
                    format!("a credential in a template, the header `{header}`"),
                    help,
                );
            }
        }
    }

    /// A file that is appended to is locked: of two sinks that name it one would wait for ever.
    fn files(&mut self) {
        let mut taken: BTreeMap<&Path, &str> = BTreeMap::new();
        for (name, route) in &self.config.routes {
            for (path, sink) in Self::sinks(route) {
                let Some(file) = sink.exclusive() else { continue };
                let Some(first) = taken.get(file) else {
                    taken.insert(file, name);
                    continue;
                };
                let what = format!(
                    "the file {} is written by the route `{first}` already",
                    file.display()
                );
                let place = self.sink_place(name, &path, "path");
                self.refuse(place, what, "give each sink a `path` of its own");
            }
        }
    }

    /// A connection that is named must be there, and of the kind that names it.
    pub(super) fn connection(&mut self, connection: &str, kind: &str, place: Place) {
        let named = self.config.connections.get(connection);
        if named.map_or(self.sections.named("connections", connection).is_some(), |named| {
            named.kind() == kind
        }) {
            return;
        }
        let same = self.config.connections.iter().filter(|(_, other)| other.kind() == kind);
        let known: Vec<&str> = same.map(|(name, _)| name.as_str()).collect();
        let help = match known.as_slice() {
            [] => format!("add it under `connections:`, with the kind `{kind}`"),
            known => crate::shape::suggest::keys(connection, known),
        };
        let message = match named {
            None => format!("unknown connection {connection:?}"),
            Some(other) => {
                format!("the connection {connection:?} is for `{}`, not `{kind}`", other.kind())
            }
        };
        self.refuse(place, message, help);
    }

    fn client_tls(&mut self, tls: &ClientTlsConfig, place: Place) {
        if tls.cert.is_some() != tls.key.is_some() {
            let help = "write both `cert` and `key`, or neither";
            self.refuse(place, "one of `cert` and `key` without the other", help);
        }
    }

    fn schedule(&mut self, route: &str, schedule: &schedule::SourceConfig) {
        let place = |key| self.route_place(route, &["from", "schedule", key]);
        match (&schedule.cron, &schedule.every) {
            (Some(_), Some(_)) => {
                let place = place("every");
                self.refuse(place, "`every` together with `cron`", "write one of the two");
            }
            (None, None) => {
                let place = place("");
                let help = "write `every: 1m`, or `cron: \"0 6 * * 1-5\"`";
                self.refuse(place, "a schedule without `every` and `cron`", help);
            }
            (None, Some(every)) => {
                let (zone, at) = (place("timezone"), place("every"));
                if schedule.timezone.is_some() {
                    let help = "an interval has no time zone: leave it out";
                    self.refuse(zone, "`timezone` without `cron`", help);
                }
                if every.get().is_zero() {
                    self.refuse(at, "an interval of no length", "write `every: 1s` or more");
                }
            }
            (Some(cron), None) => {
                let (zone_place, cron_place) = (place("timezone"), place("cron"));
                if let Err(fault) = schedule::cron(cron) {
                    let help = "write five fields, or six with seconds first: `0 6 * * 1-5`";
                    self.refuse(
                        cron_place,
                        format!("not a cron expression, {cron:?}: {fault}"),
                        help,
                    );
                }
                if let Some(name) = &schedule.timezone
                    && schedule::time_zone(name).is_err()
                {
                    let help = "write an IANA name: `Europe/Berlin`";
                    self.refuse(zone_place, format!("not a time zone, {name:?}"), help);
                }
            }
        }
    }

    /// What only one route can have for itself: a consumer group of a topic, standard input, a file to write to.
    fn exclusive(&mut self) {
        self.files();
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for (name, route) in &self.config.routes {
            let (what, path, help): (_, &[&str], _) = match &route.from {
                SourceConfig::Log(log) => {
                    let group = log.group.as_deref().unwrap_or(name);
                    let what = format!("the consumer group `{group}` of the topic `{}`", log.topic);
                    let help = "give each route a `group` of its own, or leave it out";
                    (what, &["from", "log", "group"], help)
                }
                SourceConfig::Stdio(_) => {
                    let help = "standard input can be read by one route only";
                    ("standard input".to_owned(), &["from", "stdio"], help)
                }
                _ => continue,
            };
            match taken.get(&what) {
                Some(first) => {
                    let place = self.route_place(name, path);
                    self.refuse(
                        place,
                        format!("{what} is read by the route `{first}` already"),
                        help,
                    );
                }
                None => {
                    taken.insert(what, name);
                }
            }
        }
    }
}
