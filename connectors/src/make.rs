//! From what the routing-rule file says to a connector. The only place that matches on the kind.

#[cfg(any(feature = "file", feature = "schedule"))]
use hybridge_config::connector::lease::LeaseConfig;
use hybridge_config::{Ordering, SinkConfig, SourceConfig};
use hybridge_core::{Error, ErrorKind, Sink, Source, Text};
use tokio::runtime::Handle;

use crate::log::Store;
#[cfg(any(feature = "amqp", feature = "file", feature = "schedule"))]
use crate::positions::InLog;
#[cfg(any(feature = "file", feature = "schedule"))]
use crate::positions::Positions;

/// What the connectors of one process share.
#[derive(Clone, Debug)]
pub struct Local {
    /// The name of this instance: which machine a message came from, where a connector has no
    /// other name for it.
    pub instance: Text,
    /// The embedded log, which also keeps the positions of sources that have no broker for it.
    pub store: Store,
    /// How many runs of the process before this one have crashed, one soon after the other.
    pub crashes: u32,
    /// The listeners of `http` sources; `None` in commands that serve nothing.
    #[cfg(feature = "http")]
    pub servers: Option<crate::http::Servers>,
    /// Standard input.
    #[cfg(feature = "stdio")]
    pub input: crate::stdio::Input,
    /// Standard output.
    #[cfg(feature = "stdio")]
    pub output: crate::stdio::Output,
}

impl Local {
    /// What the process has; the instance is named by its log.
    pub fn new(store: Store) -> Self {
        Self {
            instance: Text::from(store.instance_id().to_string()),
            store,
            crashes: 0,
            #[cfg(feature = "http")]
            servers: None,
            #[cfg(feature = "stdio")]
            input: crate::stdio::Input::stdin(),
            #[cfg(feature = "stdio")]
            output: crate::stdio::Output::stdout(),
        }
    }

    /// The same with `http` sources that listen on this runtime.
    #[cfg_attr(not(feature = "http"), allow(unused_mut, unused_variables))]
    pub fn serving_on(mut self, runtime: &Handle) -> Self {
        #[cfg(feature = "http")]
        {
            self.servers = Some(crate::http::Servers::new(runtime.clone()));
        }
        self
    }

    /// Tells the listeners which sources the configuration has, before the first of them starts and
    /// after each reload.
    #[cfg_attr(not(feature = "http"), allow(unused_variables))]
    pub fn expect<'a>(&self, sources: impl Iterator<Item = &'a SourceConfig>) {
        #[cfg(feature = "http")]
        if let Some(servers) = &self.servers {
            servers.expect(sources.filter_map(|source| match source {
                SourceConfig::Http(http) => Some((http.listen, http.path.clone())),
                _ => None,
            }));
        }
    }
}

/// What a route allows its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most deliveries of one assignment that are given out and not behind its watermark.
    pub uncommitted: usize,
}

/// Makes the source of `route`. Nothing is opened, connected or started.
pub fn source(
    config: &SourceConfig,
    route: &str,
    limits: Limits,
    local: &Local,
) -> Result<Box<dyn Source>, Error> {
    match config {
        SourceConfig::Log(config) => {
            let store = local.store.clone();
            Ok(Box::new(crate::log::Source::new(config, route, limits.uncommitted, store)?))
        }
        #[cfg(feature = "amqp")]
        SourceConfig::Amqp(config) => {
            let positions = Box::new(InLog::new(local.store.clone()));
            Ok(Box::new(crate::amqp::Source::new(config, route, positions, local.crashes)?))
        }
        #[cfg(feature = "file")]
        SourceConfig::File(file) => {
            let (config, name) = (file.clone(), route.to_owned());
            own(file.lease.as_ref(), "file", route, local, move |positions, cluster| {
                let uncommitted = limits.uncommitted;
                Ok(crate::file::source(&config, &name, uncommitted, positions, cluster))
            })
        }
        #[cfg(feature = "http")]
        SourceConfig::Http(config) => {
            let none = || Error::new(ErrorKind::Fatal, "http sources have no runtime here");
            let servers = local.servers.clone().ok_or_else(none)?;
            let instance = local.instance.clone();
            Ok(Box::new(crate::http::Source::new(config, route, instance, servers)))
        }
        #[cfg(feature = "kafka")]
        SourceConfig::Kafka(config) => Ok(Box::new(crate::kafka::Source::new(
            config,
            route,
            &local.instance,
            limits.uncommitted,
        )?)),
        #[cfg(feature = "nats")]
        SourceConfig::Nats(config) => crate::nats::source(config, route, limits, &local.instance),
        #[cfg(feature = "schedule")]
        SourceConfig::Schedule(schedule) => {
            let (config, name) = (schedule.clone(), route.to_owned());
            own(schedule.lease.as_ref(), "schedule", route, local, move |positions, cluster| {
                let uncommitted = limits.uncommitted;
                let (config, name) = (&config, &name);
                let source =
                    crate::schedule::Source::new(config, name, uncommitted, positions, cluster)?;
                Ok(Box::new(source))
            })
        }
        #[cfg(feature = "stdio")]
        SourceConfig::Stdio(config) => {
            let input = local.input.clone();
            Ok(Box::new(crate::stdio::Source::new(config, input, local.instance.clone())))
        }
        #[allow(unreachable_patterns, reason = "a build may leave connectors out")]
        _ => Err(not_built(config.kind())),
    }
}

/// Makes a source that keeps its positions by itself: in the embedded log of this process, or in the lease that several
/// share. What comes from there is told apart by the instance, or by the connection of the lease, which all have.
#[cfg(any(feature = "file", feature = "schedule"))]
fn own(
    lease: Option<&LeaseConfig>,
    kind: &str,
    route: &str,
    local: &Local,
    make: impl Fn(Box<dyn Positions>, Text) -> Result<Box<dyn Source>, Error> + 'static,
) -> Result<Box<dyn Source>, Error> {
    match lease {
        None => make(Box::new(InLog::new(local.store.clone())), local.instance.clone()),
        Some(lease) => leased(lease, kind, route, local, make),
    }
}

#[cfg(all(feature = "nats", any(feature = "file", feature = "schedule")))]
fn leased(
    lease: &LeaseConfig,
    kind: &str,
    route: &str,
    local: &Local,
    make: impl Fn(Box<dyn Positions>, Text) -> Result<Box<dyn Source>, Error> + 'static,
) -> Result<Box<dyn Source>, Error> {
    let terms = crate::nats::Terms::of(lease, kind, route, &local.instance)?;
    let cluster = Text::from(lease.connection.as_str());
    let make = Box::new(move |positions| make(positions, cluster.clone()));
    Ok(Box::new(crate::leased::Source::new(terms, make)?))
}

#[cfg(all(not(feature = "nats"), any(feature = "file", feature = "schedule")))]
fn leased(
    _lease: &LeaseConfig,
    _kind: &str,
    _route: &str,
    _local: &Local,
    _make: impl Fn(Box<dyn Positions>, Text) -> Result<Box<dyn Source>, Error> + 'static,
) -> Result<Box<dyn Source>, Error> {
    Err(not_built("nats"))
}

/// Makes the sink of `target` in `route`. Nothing is opened, connected or started.
pub fn sink(
    config: &SinkConfig,
    route: &str,
    target: &str,
    ordering: Ordering,
    local: &Local,
) -> Result<Box<dyn Sink>, Error> {
    let _ = (route, target);
    match config {
        SinkConfig::Log(config) => {
            Ok(Box::new(crate::log::Sink::new(config, ordering, local.store.clone())?))
        }
        #[cfg(feature = "amqp")]
        SinkConfig::Amqp(config) => {
            Ok(Box::new(crate::amqp::Sink::new(config, route, target, ordering)?))
        }
        #[cfg(feature = "http")]
        SinkConfig::Http(config) => {
            Ok(Box::new(crate::http::Sink::new(config, route, target, ordering)?))
        }
        #[cfg(feature = "kafka")]
        SinkConfig::Kafka(config) => Ok(Box::new(crate::kafka::Sink::new(config, ordering)?)),
        #[cfg(feature = "nats")]
        SinkConfig::Nats(config) => {
            Ok(Box::new(crate::nats::Sink::new(config, route, target, ordering)?))
        }
        #[cfg(feature = "file")]
        SinkConfig::File(config) => Ok(crate::file::sink(config, route, target)),
        #[cfg(feature = "stdio")]
        SinkConfig::Stdio(config) => {
            Ok(Box::new(crate::stdio::Sink::new(config, local.output.clone())))
        }
        #[allow(unreachable_patterns, reason = "a build may leave connectors out")]
        _ => Err(not_built(config.kind())),
    }
}

fn not_built(kind: &str) -> Error {
    Error::new(ErrorKind::Fatal, format!("this build has no connector `{kind}`"))
}
