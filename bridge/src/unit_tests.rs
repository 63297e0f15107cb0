//! Unit tests of routing-rule files: a route as it is assembled for service, on a clock that does not wait, between a
//! source that gives the messages of a test and targets that answer as it says.
//!
//! Steps, rules, retries, breakers, failover and dead letters are the real ones. What connectors do is left out, but for
//! the names that sinks render from a message (topics, subjects, keys): a sink that would refuse them does so here.

mod compare;
mod ends;
mod explain;
mod message;
mod report;
mod run;

pub(crate) use explain::{Explained, explain};
pub(crate) use report::{Coverage, Report};
pub(crate) use run::run;
