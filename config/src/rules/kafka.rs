//! What Kafka clients are told must make sense before one is started.

use std::net::IpAddr;

use super::Rules;
use crate::{
    connector::kafka::{
        ConnectionConfig, GroupProtocol, Mechanism, Options, SaslConfig, SinkConfig, SourceConfig,
        options,
    },
    yaml::Place,
};

impl Rules<'_> {
    pub(super) fn kafka_connection(&mut self, name: &str, connection: &ConnectionConfig) {
        let place = |path: &[&str]| {
            let path: Vec<&str> = ["kafka"].iter().chain(path).copied().collect();
            self.place("connections", name, &path)
        };
        let (brokers, tls, sasl) = (place(&["brokers"]), place(&["tls"]), place(&["sasl"]));
        let (options, credentials) =
            (place(&["options"]), place(&["sasl", "client_credentials", "token_url"]));
        if connection.brokers.is_empty() {
            self.refuse(brokers, "no brokers", "write `brokers: [\"host:9092\"]`");
        }
        if connection.tls.as_ref().is_some_and(|tls| tls.server_name.is_some()) {
            let help = "leave it out: each broker is checked against the name that it goes by";
            self.refuse(tls, "`server_name` on a Kafka connection", help);
        }
        if let Some(login) = &connection.sasl {
            self.kafka_login(connection, login, sasl);
            let client = login.client_credentials.as_ref();
            if client.is_some_and(|client| client.token_url.is_readable_on_the_way()) {
                let message = "credentials would cross the network in plain text";
                let help = "write `https://`; plain `http://` is for this machine only";
                self.refuse(credentials, message, help);
            }
        }
        self.kafka_options(&connection.options, options::CONNECTION, options);
    }

    fn kafka_login(&mut self, connection: &ConnectionConfig, sasl: &SaslConfig, place: Place) {
        let is_local = connection.brokers.iter().all(|broker| is_loopback(broker));
        match sasl.mechanism {
            Mechanism::Oauthbearer => {
                let is_one = sasl.token_file.is_some() != sasl.client_credentials.is_some();
                if !is_one || sasl.password.is_some() {
                    let help =
                        "write either `token_file:` or `client_credentials:`, and no `password`";
                    self.refuse(place, "`oauthbearer` logs in by a token", help);
                }
            }
            Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512 => {
                let is_whole = sasl.username.is_some() && sasl.password.is_some();
                let has_token = sasl.token_file.is_some() || sasl.client_credentials.is_some();
                if !is_whole || has_token {
                    let help = "write `username:` and `password:`, and nothing about tokens";
                    self.refuse(place, "this mechanism logs in by a password", help);
                }
            }
        }
        let is_shown = matches!(sasl.mechanism, Mechanism::Plain | Mechanism::Oauthbearer);
        if is_shown && connection.tls.is_none() && !is_local {
            let help = "write `tls: {}`, or use `scram_sha_512`";
            self.refuse(place, "credentials would cross the network in plain text", help);
        }
    }

    pub(super) fn kafka_source(&mut self, route: &str, source: &SourceConfig) {
        let place = |key| self.route_place(route, &["from", "kafka", key]);
        let (topics, session, options) =
            (place("topics"), place("session_timeout"), place("options"));
        if source.topics.is_empty() || source.topics.iter().any(String::is_empty) {
            let help = "write `topics: [orders]`, or a pattern: `topics: [\"^orders\\\\.\"]`";
            self.refuse(topics, "a topic without a name", help);
        }
        if source.group_protocol == GroupProtocol::Consumer && source.session_timeout.is_some() {
            let help = "leave it out: with `group_protocol: consumer` the cluster says how long";
            self.refuse(session, "`session_timeout` with `group_protocol: consumer`", help);
        }
        self.kafka_options(&source.options, options::SOURCE, options);
    }

    pub(super) fn kafka_sink(&mut self, route: &str, path: &[String], sink: &SinkConfig) {
        let place = self.sink_place(route, path, "options");
        self.kafka_options(&sink.options, options::SINK, place);
    }

    fn kafka_options(&mut self, options: &Options, known: &[&str], place: Place) {
        for name in options.keys() {
            if known.contains(&name.as_str()) {
                continue;
            }
            let message = format!("`{name}` is no option that can be set here");
            self.refuse(place, message, crate::shape::suggest::keys(name, known));
        }
    }
}

fn is_loopback(broker: &str) -> bool {
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
