//! From what the file says of a route to the route: the one place where everything is put
//! together, always in the same order.
//!
//! Around a sink, outermost first: dead letter, retry, failover, circuit breaker.

mod rules;

use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hybridge_config::{Ordering, RouteConfig, SinkConfig, SourceConfig, TargetConfig, followed_by};
use hybridge_connectors::{Limits, Local};
use hybridge_core::{Budget, Error, ErrorKind, Pool, Sink, Source, Text};
use hybridge_transformers::Claims;
use tokio_util::sync::CancellationToken;

use crate::claims;
use crate::route::Route;
use crate::route::choice::Choice;
use crate::route::hops::Hops;
use crate::route::lanes::Lanes;
use crate::route::process::Pipeline;
use crate::status::{Facts, RouteStatus};
use crate::target::Target;
use crate::target::breaker::CircuitBreaker;
use crate::target::dead_letter::DeadLetter;
use crate::target::failover::Failover;
use crate::target::retry::Retry;

/// What makes the two ends of a route: connectors, or what stands for them in a unit test.
pub(crate) trait Ends: Send + Sync {
    /// The name of this instance, in the hops of messages.
    fn instance(&self) -> &Text;

    /// Where steps leave payloads.
    fn claims(&self) -> Arc<dyn Claims>;

    /// Makes a source. Nothing is opened, connected or started.
    fn source(
        &self,
        config: &SourceConfig,
        route: &str,
        limits: Limits,
    ) -> Result<Box<dyn Source>, Error>;

    /// Makes a sink of a target, or of the dead letters. Nothing is opened, connected or started.
    fn sink(
        &self,
        config: &SinkConfig,
        route: &str,
        target: &str,
        ordering: Ordering,
    ) -> Result<Box<dyn Sink>, Error>;
}

impl Ends for Local {
    fn claims(&self) -> Arc<dyn Claims> {
        Arc::new(claims::InLog::new(self.store.clone()))
    }

    fn instance(&self) -> &Text {
        &self.instance
    }

    fn source(
        &self,
        config: &SourceConfig,
        route: &str,
        limits: Limits,
    ) -> Result<Box<dyn Source>, Error> {
        hybridge_connectors::source(config, route, limits, self)
    }

    fn sink(
        &self,
        config: &SinkConfig,
        route: &str,
        target: &str,
        ordering: Ordering,
    ) -> Result<Box<dyn Sink>, Error> {
        hybridge_connectors::sink(config, route, target, ordering, self)
    }
}

/// Everything that a route is made from, again after every failure. Can go to another thread.
#[derive(Clone)]
pub(crate) struct Blueprint {
    name: Text,
    config: Arc<RouteConfig>,
    ends: Arc<dyn Ends>,
    pool: Pool,
    floor: u64,
    status: Arc<RouteStatus>,
    facts: Facts,
    rules: Arc<OnceLock<rules::Compiled>>,
    in_force: CancellationToken,
}

impl Blueprint {
    /// The plan of route `name`; of the memory, `floor` bytes are its own. `facts` are what it
    /// says of itself when it is made.
    pub fn new(
        name: &str,
        config: Arc<RouteConfig>,
        ends: Arc<dyn Ends>,
        pool: Pool,
        floor: u64,
        status: Arc<RouteStatus>,
        facts: Facts,
    ) -> Self {
        let (rules, in_force) = (Arc::default(), CancellationToken::new());
        Self { name: name.into(), config, ends, pool, floor, status, facts, rules, in_force }
    }

    /// The plan of the same route with another configuration, which has the same source.
    pub fn changed(&self, config: Arc<RouteConfig>, facts: Facts) -> Self {
        let same = self.config.rules == config.rules;
        let rules = if same { self.rules.clone() } else { Arc::default() };
        Self { config, facts, rules, in_force: CancellationToken::new(), ..self.clone() }
    }

    /// Compiles the rules away from the threads that move messages, since many of them take a second, and lets go of what
    /// they were compiled from.
    pub async fn prepare(&mut self) {
        if self.config.rules.is_none() {
            return;
        }
        let (rules, config) = (self.rules.clone(), self.config.clone());
        // Where it did not end well, who assembles the route finds out.
        let _ = tokio::task::spawn_blocking(move || {
            rules.get_or_init(|| rules::compile(&config));
        })
        .await;
        if self.rules.get().is_some()
            && let Some(rules) = &mut Arc::make_mut(&mut self.config).rules
        {
            rules.forget();
        }
    }

    /// Cancelled once no batch starts in anything that was made from an earlier plan.
    pub fn in_force(&self) -> CancellationToken {
        self.in_force.clone()
    }

    /// The name of the route.
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// What the route says of itself.
    pub fn status(&self) -> &Arc<RouteStatus> {
        &self.status
    }

    /// Makes the route and its part of the memory. No input or output happens here.
    pub fn assemble(&self) -> Result<(Route, Budget), Error> {
        let config = &*self.config;
        let limits = Limits { uncommitted: config.limits.uncommitted as usize };
        let source = self.ends.source(&config.from, &self.name, limits)?;
        let pipeline = self.pipeline(source.can_reject())?;
        let lanes = Lanes::new(config.lane_ordering(), config.lanes());
        let cap = config.limits.in_flight.map_or(u64::MAX >> 8, hybridge_config::ByteSize::get);
        let budget = self.pool.route(self.floor, cap);
        Ok((Route::new(source, pipeline, lanes, self.status.clone()), budget))
    }

    /// Makes what comes after the source, which can reject or not. No input or output happens here.
    pub fn pipeline(&self, can_reject: bool) -> Result<Pipeline, Error> {
        let config = &*self.config;
        let claims = self.ends.claims();
        let build = |step| hybridge_transformers::build(step, &claims);
        let steps = config.transform.iter().map(build).collect();
        let dead_letter = self.dead_letter()?;
        let mut targets = Vec::with_capacity(config.targets.len());
        for (name, target) in &config.targets {
            targets.push(self.target(name, target, dead_letter.clone(), can_reject)?);
        }
        self.status.facts(self.facts.clone());
        let retry = &config.retry;
        Ok(Pipeline {
            hops: Hops::new(self.ends.instance(), self.known_as()),
            steps,
            choice: self.choice()?,
            targets,
            dead_letter,
            can_reject,
            retry: Retry::new(retry.initial.get(), retry.max.get(), retry.budget.fraction()),
            status: self.status.clone(),
            exclusive: config.sinks().filter_map(SinkConfig::exclusive).map(Into::into).collect(),
        })
    }

    /// The rules of the route, if it has any.
    fn choice(&self) -> Result<Option<Choice>, Error> {
        let config = &*self.config;
        match self.rules.get_or_init(|| rules::compile(config)) {
            None => Ok(None),
            Some(Ok(rules)) => Ok(Some(rules::choice(rules.clone(), config, &self.status))),
            Some(Err(faults)) => Err(Error::new(ErrorKind::Fatal, faults.clone())),
        }
    }

    /// The route that messages come through for whoever gets them, whether its target is required
    /// or followed.
    fn known_as(&self) -> &str {
        followed_by(&self.name).unwrap_or(&self.name)
    }

    fn target(
        &self,
        name: &str,
        config: &TargetConfig,
        dead_letter: Option<Rc<DeadLetter>>,
        can_reject: bool,
    ) -> Result<Target, Error> {
        let retry = self.config.retry_for(config);
        let breaker = self.config.circuit_breaker_for(config);
        let mut sinks = Vec::new();
        for sink in config.to.sinks() {
            let sink = self.sink(sink, self.known_as(), name)?;
            let open = breaker.open.get();
            sinks.push(CircuitBreaker::new(sink, breaker.failures, open, retry.max.get()));
        }
        let back_after = config.failover.clone().unwrap_or_default().back_after.get();
        Ok(Target {
            sink: Box::new(Failover::new(sinks, back_after)),
            retry: Retry::new(retry.initial.get(), retry.max.get(), retry.budget.fraction()),
            dead_letter,
            can_reject,
            status: self.status.target(name),
            route: self.status.clone(),
        })
    }

    fn dead_letter(&self) -> Result<Option<Rc<DeadLetter>>, Error> {
        let Some(config) = &self.config.dead_letter else { return Ok(None) };
        let sink = self.sink(&config.to, &self.name, "dead_letter")?;
        let retry = &self.config.retry;
        let retry = Retry::new(retry.initial.get(), retry.max.get(), retry.budget.fraction());
        let after = config.after.map(|after| -> Duration { after.get() });
        Ok(Some(Rc::new(DeadLetter::new(sink, retry, self.name.clone(), after))))
    }

    fn sink(&self, config: &SinkConfig, route: &str, target: &str) -> Result<Box<dyn Sink>, Error> {
        self.ends.sink(config, route, target, self.config.lane_ordering())
    }
}
