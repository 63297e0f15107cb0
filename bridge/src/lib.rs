//! hybridge: routes, lanes, ledger, policies, supervision, and what an operator sees of them.

pub mod admin;
mod assemble;
mod claims;
pub mod cli;
pub mod daemon;
mod feed;
mod ledger;
#[doc(hidden)]
pub mod measure;
mod route;
pub mod serve;
pub mod status;
pub mod subscribe;
mod supervisor;
mod target;
pub mod telemetry;
mod topics;
mod unit_tests;
mod worker;
