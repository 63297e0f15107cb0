//! What the engine need not know: shorthands and references by name.

use crate::{Config, ConnectionConfig, RouteConfig, TargetConfig};

/// Moves `to` into `targets` and applies connections to sources and sinks.
pub(super) fn resolve(config: &mut Config) {
    let connections = &config.connections;
    for route in config.routes.values_mut() {
        if let Some(to) = route.to.take() {
            let name = RouteConfig::ONLY_TARGET.to_owned();
            route.targets.insert(name, TargetConfig::new(to));
        }
        route.from.order(route.lane_ordering());
        if let Some(connection) = route.from.connection().and_then(|name| connections.get(name)) {
            route.from.connect(connection);
        }
        if let Some(lease) = route.from.lease_mut()
            && let Some(ConnectionConfig::Nats(connection)) = connections.get(&lease.connection)
        {
            lease.endpoint = Some(connection.as_ref().clone().into());
        }
        let targets = route.targets.values_mut().flat_map(|target| target.to.sinks_mut());
        let dead_letter = route.dead_letter.as_mut().map(|dead_letter| &mut dead_letter.to);
        for sink in targets.chain(dead_letter) {
            if let Some(connection) = sink.connection().and_then(|name| connections.get(name)) {
                sink.connect(connection);
            }
        }
    }
}
