//! Files: lines of files that grow, or one message a file; a file to append to, or a folder to
//! write files into.

mod follow;
mod identity;
mod look;
mod pattern;
mod sink;
mod tail;
mod whole;

use std::io;

use hybridge_config::connector::file::{Format, SinkConfig, SourceConfig};
use hybridge_core::{Sink, Source, Text};
use tokio::task::JoinError;

use crate::line_format::LineFormat;
use crate::positions::Positions;

/// Makes the source of `route`: one of lines or one of whole files.
pub(crate) fn source(
    config: &SourceConfig,
    route: &str,
    uncommitted: usize,
    positions: Box<dyn Positions>,
    cluster: Text,
) -> Box<dyn Source> {
    let format = match config.format {
        Format::JsonLines => LineFormat::Json,
        Format::Lines => LineFormat::Raw,
        Format::Whole => return Box::new(whole::Whole::new(config, route, positions, cluster)),
    };
    Box::new(follow::Follow::new(config, format, route, uncommitted, positions, cluster))
}

/// Makes the sink of `target` in `route`: one that appends or one that writes whole files.
pub(crate) fn sink(config: &SinkConfig, route: &str, target: &str) -> Box<dyn Sink> {
    match config.format {
        Format::JsonLines => Box::new(sink::Append::new(config, LineFormat::Json)),
        Format::Lines => Box::new(sink::Append::new(config, LineFormat::Raw)),
        Format::Whole => Box::new(sink::Folder::new(config, route, target)),
    }
}

/// What a blocking task came to; a panic there is an error here.
fn joined<T>(result: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    result.map_err(io::Error::other)?
}

/// The future, or never.
async fn maybe(future: Option<impl Future<Output = ()>>) {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
