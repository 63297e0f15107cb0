//! `nats`: streams, key-value buckets and plain subjects of a NATS system.
//!
//! The client protocol is spoken here, over connections that belong to whoever uses them. See
//! `docs/adr/0004-nats-client.md` for why.

mod api;
mod connection;
mod endpoint;
mod headers;
pub(crate) mod lease;
mod login;
mod pull;
mod sink;
mod source;
mod wire;

#[cfg(any(feature = "file", feature = "schedule"))]
pub(crate) use lease::{Change, Claim, Tenure, Terms};
pub use sink::Sink;
pub use source::source;
