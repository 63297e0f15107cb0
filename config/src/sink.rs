//! Where messages go to.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connector::{file, http, log, stdio};

/// A sink: a map with one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkConfig {
    /// Posts to an HTTP endpoint.
    Http(Box<http::SinkConfig>),
    /// A topic of the embedded log.
    Log(log::SinkConfig),
    /// Files.
    File(file::SinkConfig),
    /// Standard output.
    Stdio(stdio::SinkConfig),
}

impl SinkConfig {
    /// The kind, as it is written in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Log(_) => "log",
            Self::File(_) => "file",
            Self::Stdio(_) => "stdio",
        }
    }
}
