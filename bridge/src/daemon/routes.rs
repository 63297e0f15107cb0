//! The routes of the process: started, stopped, and changed by a reload.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hybridge_config::{
    Config, Diff, RouteConfig, RulesConfig, SourceConfig, budget_plan, diff, followed_by, guarantee,
};
use hybridge_connectors::Local;
use hybridge_connectors::log::{PartitionStat, Store};
use hybridge_core::Pool;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::options;
use crate::assemble::Blueprint;
use crate::status::{Facts, Status};
use crate::supervisor::supervise;
use crate::worker::Workers;

/// How often it is looked whether optional targets have everything.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a reload waits until routes go on as they are written now: they try new targets for
/// five seconds at most before they use them.
const IN_FORCE_TIME: Duration = Duration::from_secs(8);

/// All routes that run, and what they are made from.
pub(super) struct Routes {
    config: Config,
    workers: Workers,
    local: Local,
    pool: Pool,
    /// What the pool was given so far, beyond the floors of routes.
    pool_bytes: i64,
    store: Store,
    status: Arc<Status>,
    running: BTreeMap<String, Running>,
}

struct Running {
    stop: watch::Sender<Option<Instant>>,
    /// What it is made from; a newer one of the same source takes effect while it runs.
    plan: watch::Sender<Blueprint>,
    /// Cancelled when the route has ended.
    ended: CancellationToken,
    /// The bytes that are its own.
    floor: u64,
}

impl Routes {
    /// No routes yet.
    pub fn new(local: Local, pool: Pool, store: Store, status: Arc<Status>) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            config: Config::default(),
            workers: Workers::start(cores)?,
            local,
            pool_bytes: pool.free(),
            pool,
            store,
            status,
            running: BTreeMap::new(),
        })
    }

    /// Starts every route of the configuration.
    pub async fn start(&mut self, config: Config) -> io::Result<()> {
        self.config = config;
        self.local.expect(self.config.routes.values().map(|route| &route.from));
        for name in self.config.routes.keys().cloned().collect::<Vec<_>>() {
            self.start_one(&name).await?;
        }
        self.forget_rules();
        self.report_left();
        Ok(())
    }

    /// Stops what is gone or has another source, then starts what is new or has another source.
    /// What differs behind its source goes on with a new plan; what did not change is not touched.
    /// Returns when all of it is in force.
    pub async fn reload(&mut self, config: Config) -> io::Result<Diff> {
        let mut diff = diff(&self.config, &config);
        self.restart_ended(&mut diff);
        let until = Instant::now() + self.config.limits.drain.get();
        let gone: Vec<String> = diff.removed.iter().chain(&diff.changed).cloned().collect();
        self.stop_some(&gone, until).await;
        for name in &diff.removed {
            self.status.remove(name);
        }
        // What only a restart changes stays as it was.
        self.config = Config {
            admin: self.config.admin.clone(),
            subscribe: self.config.subscribe.clone(),
            storage: self.config.storage.clone(),
            limits: self.config.limits.clone(),
            ..config
        };
        if !diff.topics.is_empty()
            && let Err(error) = self.store.configure(options::of(&self.config)).await
        {
            tracing::error!(%error, "settings of topics not changed");
        }
        self.divide_pool();
        self.local.expect(self.config.routes.values().map(|route| &route.from));
        for name in &diff.continued {
            self.continue_one(name).await;
        }
        for name in diff.added.iter().chain(&diff.changed) {
            self.start_one(name).await?;
        }
        self.forget_rules();
        let until = Instant::now() + IN_FORCE_TIME;
        join_all(diff.continued.iter().map(|name| self.in_force(name, until))).await;
        self.report_left();
        Ok(diff)
    }

    /// The plans have what was compiled of them.
    fn forget_rules(&mut self) {
        let rules = self.config.routes.values_mut().filter_map(|route| route.rules.as_mut());
        rules.for_each(RulesConfig::forget);
    }

    /// Waits until a route goes on with its newest plan. One that is not connected does not.
    async fn in_force(&self, name: &str, until: Instant) {
        let Some(running) = self.running.get(name) else { return };
        let in_force = running.plan.borrow().in_force();
        tokio::select! {
            () = in_force.cancelled() => {}
            () = running.ended.cancelled() => {}
            () = tokio::time::sleep_until(until) => {
                tracing::warn!(route = name, "takes what was changed once it is connected");
            }
        }
    }

    /// A route that has come to its end has no source that could go on.
    fn restart_ended(&self, diff: &mut Diff) {
        let goes_on = |name: &String| {
            self.running.get(name).is_some_and(|running| !running.ended.is_cancelled())
        };
        let (continued, ended) = std::mem::take(&mut diff.continued).into_iter().partition(goes_on);
        diff.continued = continued;
        diff.changed.extend(ended);
        diff.changed.sort();
    }

    async fn continue_one(&self, name: &str) {
        let Some(config) = self.config.routes.get(name) else { return };
        let Some(running) = self.running.get(name) else { return };
        let facts = facts(&self.config, name, config);
        let mut plan = running.plan.borrow().changed(Arc::new(config.clone()), facts);
        plan.prepare().await;
        running.plan.send_replace(plan);
    }

    /// Returns when every route has come to its end by itself; never if there are none. Those that
    /// follow an optional target have no end, and nobody waits for them.
    pub async fn ended(&self) {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let with_an_end = self.running.iter().filter(|(name, _)| followed_by(name).is_none());
        join_all(with_an_end.map(|(_, running)| running.ended.cancelled())).await;
    }

    /// Waits until optional targets have everything, but not beyond this time: the rest waits for
    /// the next start.
    pub async fn follow_up(&self, until: Instant) {
        let waiting = || -> u64 { self.backlogs(true).iter().map(|(_, waiting)| waiting).sum() };
        while waiting() > 0 {
            if Instant::now() >= until {
                tracing::warn!(waiting = waiting(), "optional targets do not have everything yet");
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Says what waits for optional targets that are none any more: it is kept as long as records of
    /// other topics, and goes on when they are optional targets again.
    fn report_left(&self) {
        for (topic, waiting) in self.backlogs(false) {
            tracing::warn!(
                topic,
                waiting,
                "messages for a target that is not optional any more are not delivered"
            );
        }
    }

    /// The topics of optional targets in which something waits, and how much; those that a route
    /// follows, or those that none does.
    fn backlogs(&self, followed: bool) -> Vec<(String, u64)> {
        let is_followed = |topic: &str| {
            self.config
                .routes
                .values()
                .any(|route| matches!(&route.from, SourceConfig::Log(log) if log.topic == topic))
        };
        let topics = self.store.backlogs().into_iter();
        let waiting = |name: String| -> Option<(String, u64)> {
            let stat = self.store.stat(&self.store.find(&name)?);
            let waiting = stat.partitions.iter().map(left).sum();
            (waiting > 0).then_some((name, waiting))
        };
        topics.filter(|name| is_followed(name) == followed).filter_map(waiting).collect()
    }

    /// Stops all routes; they may drain until then.
    pub async fn stop(&mut self, until: Instant) {
        let all: Vec<String> = self.running.keys().cloned().collect();
        self.stop_some(&all, until).await;
    }

    /// Ends the worker threads, once all routes have ended.
    pub fn join(self) {
        self.workers.join();
    }

    async fn stop_some(&mut self, names: &[String], until: Instant) {
        let stopped: Vec<Running> =
            names.iter().filter_map(|name| self.running.remove(name)).collect();
        for running in &stopped {
            running.stop.send_replace(Some(until));
        }
        join_all(stopped.iter().map(|running| running.ended.cancelled())).await;
    }

    async fn start_one(&mut self, name: &str) -> io::Result<()> {
        let Some(config) = self.config.routes.get(name) else { return Ok(()) };
        let floor = budget_plan(&self.config).floor_of(config);
        let facts = facts(&self.config, name, config);
        let mut blueprint = Blueprint::new(
            name,
            Arc::new(config.clone()),
            Arc::new(self.local.clone()),
            self.pool.clone(),
            floor,
            self.status.route(name, facts.clone()),
            facts,
        );
        blueprint.prepare().await;
        let (plan, plans) = watch::channel(blueprint);
        let (stop, stopped) = watch::channel(None);
        let ended = CancellationToken::new();
        let running = Running { stop, plan, ended: ended.clone(), floor };
        self.running.insert(name.to_owned(), running);
        let guard = ended.drop_guard();
        let job = move || -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(async move {
                let _guard = guard;
                supervise(plans, stopped).await;
            })
        };
        self.workers.spawn(Box::new(job)).await
    }

    /// Gives the pool what the floors leave, now that there are other routes. Routes that were not
    /// touched keep the floors that they have.
    fn divide_pool(&mut self) {
        let plan = budget_plan(&self.config);
        let all = plan.pool + plan.floor_per_route * self.config.routes.len() as u64;
        let floors = self.config.routes.iter().map(|(name, route)| {
            self.running.get(name).map_or_else(|| plan.floor_of(route), |running| running.floor)
        });
        let pool_bytes = all as i64 - floors.sum::<u64>() as i64;
        self.pool.resize(pool_bytes - self.pool_bytes);
        self.pool_bytes = pool_bytes;
    }
}

/// Records that no route has delivered.
fn left(partition: &PartitionStat) -> u64 {
    let waiting = partition.groups.iter().map(|group| group.lag).max();
    waiting.unwrap_or(partition.records)
}

fn facts(config: &Config, name: &str, route: &RouteConfig) -> Facts {
    let guarantee = guarantee(config, route);
    Facts {
        connector: route.from.kind().to_owned(),
        guarantee: guarantee.delivery.to_string(),
        order: guarantee.order.to_string(),
        targets: route.targets.keys().cloned().collect(),
        optional: followed_by(name).is_some(),
    }
}
