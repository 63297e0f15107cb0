//! CloudEvents and plain bodies over HTTP, in both directions.
//!
//! [`Source`] takes what is posted: a request is read by [`Servers`] on a runtime of its own, goes
//! to the source on its worker through a bounded channel, and is answered when everything in it is
//! settled. [`Sink`] posts, and is confirmed by 2xx.

mod access;
mod answer;
mod answers;
mod body;
mod connection;
mod endpoint;
mod ferry;
mod intake;
mod servers;
mod signature;
mod sink;
mod source;

use hybridge_core::{Error, ErrorKind};
use hyper::header::HeaderName;
pub use servers::Servers;
pub use sink::Sink;
pub use sink::verdict::verdict_of;
pub use source::Source;

fn header_name(name: &str) -> Result<HeaderName, Error> {
    HeaderName::try_from(name)
        .map_err(|_| Error::new(ErrorKind::Fatal, format!("{name:?} is not a header name")))
}
