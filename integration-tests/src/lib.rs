//! The real binary, real peers, chaos, benches, limit programs and mutants.
//!
//! [`daemon`] starts `hybridge` as a child process on free ports and a folder of its own;
//! [`producer`] posts numbered events to it and notes how each was answered; [`target`] is an
//! HTTP server that answers as it is told; [`topic`] reads topics as a subscriber does;
//! [`oracle`] compares what was sent with what arrived. The programs under `src/bin` and the
//! tests under `tests` are put together from these.

pub mod admin;
pub mod authority;
pub mod bench;
pub mod binary;
pub mod broker;
pub mod chaos;
pub mod conformance;
pub mod daemon;
pub mod disk;
pub mod event;
pub mod guard;
pub mod journal;
pub mod limit;
pub mod metrics;
pub mod oracle;
pub mod parts;
pub mod ports;
pub mod process;
pub mod producer;
pub mod proxy;
pub mod records;
pub mod sys;
pub mod target;
pub mod tokens;
pub mod topic;
pub mod wait;
pub mod wire;
