//! Files: lines of files that grow, or one message a file; a file to append to, or a folder to
//! write files into.

mod follow;
mod identity;
mod look;
mod pattern;
mod tail;
mod whole;

use std::io;

use hybridge_config::connector::file::{Format, SourceConfig};
use hybridge_core::{Source, Text};
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

/// What a blocking task came to; a panic there is an error here.
fn joined<T>(result: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    result.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
