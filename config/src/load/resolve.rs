//! What the engine need not know: shorthands and references by name.

use crate::{
    Config, ConnectionConfig, RouteConfig, SinkConfig, TargetConfig, Url, connector::http,
};

/// Moves `to` into `targets` and applies connections to sinks.
pub(super) fn resolve(config: &mut Config) {
    let connections = &config.connections;
    for route in config.routes.values_mut() {
        if let Some(to) = route.to.take() {
            let name = RouteConfig::ONLY_TARGET.to_owned();
            route.targets.insert(name, TargetConfig::new(to));
        }
        let targets = route.targets.values_mut().flat_map(|target| target.to.sinks_mut());
        let dead_letter = route.dead_letter.as_mut().map(|dead_letter| &mut dead_letter.to);
        for sink in targets.chain(dead_letter) {
            let SinkConfig::Http(sink) = sink else { continue };
            let name = sink.connection.as_ref();
            let connection = name.and_then(|name| connections.get(name));
            if let Some(ConnectionConfig::Http(connection)) = connection {
                apply(connection, sink);
            }
        }
    }
}

/// Gives a sink what it does not say itself.
fn apply(connection: &http::ConnectionConfig, sink: &mut http::SinkConfig) {
    let url = connection.url.expose();
    sink.url = Some(match &sink.path {
        None => Url::new(url),
        Some(path) => Url::new(join(url, path)),
    });
    sink.token = sink.token.take().or_else(|| connection.token.clone());
    sink.tls = sink.tls.take().or_else(|| connection.tls.clone());
    sink.connect_timeout = sink.connect_timeout.or(connection.connect_timeout);
    sink.connection_headers = connection.headers.clone();
}

/// Appends a path to that of a URL; a query stays at the end.
fn join(url: &str, path: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (base, query) = url.split_at(end);
    format!("{}/{}{query}", base.trim_end_matches('/'), path.trim_start_matches('/'))
}
