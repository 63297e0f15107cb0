//! From files to a checked configuration.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Config, ConnectionConfig, Problem, Problems, RouteConfig, SinkConfig, TargetConfig, Url,
    connector::http,
};

/// A configuration that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the files say together. Connections are applied to the sinks that name them, and `to` stands in `targets`.
    pub config: Config,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

/// Reads files and folders (their `*.yaml` and `*.yml` files, sorted by name) as one configuration. `env` looks up the
/// variables that `${NAME}` refers to.
///
/// # Errors
/// Everything that is wrong with all files.
pub fn load(paths: &[PathBuf], _env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Problems> {
    let mut config = Config::default();
    for path in paths {
        let text = fs::read_to_string(path).map_err(|error| whole_file(path, error))?;
        config = serde_saphyr::from_str(&text).map_err(|error| whole_file(path, error))?;
    }
    resolve(&mut config);
    Ok(Loaded { config, files: paths.to_vec() })
}

fn whole_file(file: &Path, error: impl std::fmt::Display) -> Problems {
    let message = error.to_string();
    Problems::new(vec![Problem { file: file.to_owned(), line: 0, column: 0, message, help: None }])
}

/// Moves `to` into `targets` and applies connections to sinks.
fn resolve(config: &mut Config) {
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
    if sink.url.is_none() {
        let base = connection.url.expose();
        sink.url = Some(match &sink.path {
            None => Url::new(base),
            Some(path) => {
                Url::new(format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')))
            }
        });
    }
    sink.token = sink.token.take().or_else(|| connection.token.clone());
    sink.tls = sink.tls.take().or_else(|| connection.tls.clone());
    sink.connect_timeout = sink.connect_timeout.or(connection.connect_timeout);
    sink.connection_headers = connection.headers.clone();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_file_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "hybridge: v1\nroutes:\n  inbox:\n    from: { http: { listen: \"127.0.0.1:8080\" } }\n    to: { log: { topic: inbox } }\n").unwrap();
        let loaded = load(&[path], &|_| None).unwrap();
        let route = &loaded.config.routes["inbox"];
        assert_eq!(route.targets["to"].to.sinks()[0].kind(), "log");
    }
}
