//! The daemon: everything that a configuration asks for, from start to a clean end.

mod code;
mod crashes;
mod options;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crashes::Crashes;
use futures_util::future::OptionFuture;
use hybridge_config::{Config, Loaded, Problems, Secret, budget_plan, follow};
use hybridge_connectors::Local;
use hybridge_connectors::log::{OpenError, Store};
use hybridge_core::Pool;
use routes::Routes;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin};
use crate::serve::{self, Tokens};
use crate::status::{STALLED_AFTER, Status};
use crate::subscribe::{self, Subscribe};
use crate::telemetry::Metrics;

/// How long open requests of the admin and subscriber listeners may take at the end.
const SERVER_DRAIN: Duration = Duration::from_secs(2);

/// How long after a start or a reload nothing more of what it needed is.
const STARTED_WITHIN: Duration = Duration::from_secs(2);

/// How often the metrics recorder condenses what was recorded.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why the daemon could not start. Nothing that happens to a peer is among these: routes wait.
#[derive(Debug, Error)]
pub enum StartError {
    /// The storage folder cannot be used.
    #[error("cannot open the storage folder: {0}")]
    Store(#[from] OpenError),
    /// A listener's address cannot be used.
    #[error("{0}")]
    Listen(io::Error),
    /// Threads, signals or the metrics recorder cannot be had.
    #[error("cannot start: {0}")]
    System(io::Error),
}

/// What the daemon reads its configuration with, at the start and at every reload.
pub type Load = Box<dyn Fn() -> Result<Loaded, Problems>>;

/// Runs until a signal says to stop, or until every route has come to its end.
///
/// SIGTERM and SIGINT stop it: intake ends, what is there is delivered within `limits.drain`, and
/// the rest stays unsettled at its sources; a second signal ends the process at once. SIGHUP calls
/// `load` and applies what changed; what does not load changes nothing.
pub fn run(loaded: Loaded, load: Load, metrics: Metrics) -> Result<(), StartError> {
    log_panics();
    let servers = server_runtime().map_err(StartError::System)?;
    let config = follow(loaded.config);
    let store = Store::open(&config.storage.path, options::of(&config))?;
    let pool = Pool::new(budget_plan(&config).pool);
    let status = Status::new(pool.clone(), STALLED_AFTER);
    let crashes = Crashes::begin(&config.storage.path);
    let mut local = Local::new(store.clone()).serving_on(servers.handle());
    local.crashes = crashes.count();
    let result = servers.block_on(async {
        let routes =
            Routes::new(local, pool, store.clone(), status.clone()).map_err(StartError::System)?;
        let mut daemon = Daemon { routes, status, metrics, store: store.clone() };
        let result = daemon.run(config, load).await;
        daemon.routes.join();
        result
    });
    crashes.end();
    store.close();
    servers.shutdown_timeout(SERVER_DRAIN);
    result
}

/// The HTTP servers have a runtime of their own, so that health answers when a worker hangs. Half of
/// the cores: routes need the others, and what one thread serves wakes no second one.
fn server_runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads((cores / 2).clamp(1, 4))
        .thread_name("http")
        .enable_all()
        .build()
}

/// A panic's message may hold parts of a message, so only its place is logged.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(place, thread, "panic");
    }));
}

struct Daemon {
    routes: Routes,
    status: Arc<Status>,
    metrics: Metrics,
    store: Store,
}

/// The signals that the daemon obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

impl Daemon {
    async fn run(&mut self, config: Config, load: Load) -> Result<(), StartError> {
        let mut signals = Signals::listen().map_err(StartError::System)?;
        let stop_servers = CancellationToken::new();
        let servers = self.serve(&config, &stop_servers).await?;
        let subscribers = config.subscribe.is_some();
        let drain = config.limits.drain.get();
        self.routes.start(config).await.map_err(StartError::System)?;
        self.status.begin();
        tracing::info!(routes = self.status.routes().len(), "started");
        let mut upkeep = tokio::time::interval(UPKEEP);
        let mut started = Some(Instant::now() + STARTED_WITHIN);
        loop {
            tokio::select! {
                _ = upkeep.tick() => self.metrics.upkeep(),
                Some(()) = OptionFuture::from(started.map(tokio::time::sleep_until)) => {
                    started = None;
                    if let Err(error) = code::let_go() {
                        tracing::debug!(%error, "code stays in memory");
                    }
                }
                asked = signals.next() => match asked {
                    Asked::Stop => break,
                    Asked::Reload => {
                        self.reload(&load).await;
                        started = Some(Instant::now() + STARTED_WITHIN);
                    }
                },
                () = self.routes.ended(), if !subscribers => {
                    tokio::select! {
                        () = self.routes.follow_up(Instant::now() + drain) => {}
                        () = signals.stop() => {}
                    }
                    break;
                }
            }
        }
        self.status.stop();
        tracing::info!("stopping");
        tokio::select! {
            () = self.routes.stop(Instant::now() + drain) => {}
            () = signals.stop() => {
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(1);
            }
        }
        stop_servers.cancel();
        for server in servers {
            let _ = server.await;
        }
        let unsettled: u64 =
            self.status.routes().iter().map(|route| route.counts().abandoned).sum();
        tracing::info!(unsettled, "stopped");
        Ok(())
    }

    async fn serve(
        &self,
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<Vec<JoinHandle<()>>, StartError> {
        let mut servers = Vec::new();
        let address = config.admin.listen;
        let admin = Admin {
            status: self.status.clone(),
            metrics: self.metrics.clone(),
            store: self.store.clone(),
        };
        let admin_tokens = tokens(config.admin.token.iter());
        if let Some(subscribe) = &config.subscribe {
            let address = subscribe.listen;
            let tokens = tokens(subscribe.tokens.iter());
            let subscribers = Subscribe::new(self.store.clone(), stop.clone());
            let router = subscribe::router(subscribers, address, tokens);
            servers.push(listen(router, address, stop).await?);
        }
        servers.push(listen(admin::router(admin, address, admin_tokens), address, stop).await?);
        Ok(servers)
    }

    /// Applies what changed in the files; what does not load changes nothing.
    async fn reload(&mut self, load: &Load) {
        let loaded = match load() {
            Ok(loaded) => loaded,
            Err(problems) => {
                for problem in problems.iter() {
                    tracing::error!(%problem, "configuration not reloaded");
                }
                self.status.reloaded(false);
                return;
            }
        };
        match self.routes.reload(follow(loaded.config)).await {
            Ok(diff) => {
                for section in &diff.restart {
                    tracing::warn!(section, "changed; takes effect at the next start");
                }
                tracing::info!(
                    added = ?diff.added,
                    removed = ?diff.removed,
                    changed = ?diff.changed,
                    continued = ?diff.continued,
                    "configuration reloaded"
                );
                self.status.reloaded(true);
            }
            Err(error) => tracing::error!(%error, "configuration not reloaded"),
        }
    }
}

fn tokens<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Tokens {
    secrets.map(|secret| secret.expose().to_owned()).collect()
}

async fn listen(
    router: axum::Router,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Result<JoinHandle<()>, StartError> {
    let listener = serve::listen(address).await.map_err(StartError::Listen)?;
    let stop = stop.clone();
    Ok(tokio::spawn(serve::serve(listener, router, serve::Limits::default(), stop, SERVER_DRAIN)))
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when the process is told to stop.
    async fn stop(&mut self) {
        while matches!(self.next().await, Asked::Reload) {}
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}
