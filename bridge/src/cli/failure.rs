//! How a command that did not succeed ends.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use hybridge_config::Problems;

use crate::telemetry;

/// Wrong usage: `EX_USAGE` of `sysexits.h`.
pub(super) const USAGE: u8 = 64;
/// Wrong configuration: `EX_CONFIG` of `sysexits.h`.
pub(super) const CONFIGURATION: u8 = 78;

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The arguments make no sense together.
    Usage(String),
    /// The files have problems.
    Configuration(Problems),
    /// What is wrong was printed already.
    Printed(u8),
    /// Anything else.
    Other(anyhow::Error),
    /// Nobody reads the output any more.
    Closed,
}

impl Failure {
    /// Anything that went wrong at run time.
    pub(super) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self::Other(error.into())
    }

    /// Says what is wrong on standard error and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        let (code, text) = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Printed(code) => return code.into(),
            Self::Usage(text) => (USAGE, format!("hybridge: {text}")),
            Self::Configuration(problems) => (CONFIGURATION, report(&problems)),
            Self::Other(error) => (1, format!("hybridge: {}", chain(&error))),
        };
        let _ = writeln!(io::stderr(), "{text}");
        code.into()
    }
}

/// The error and its causes in one line; a cause that is told already is not told again.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The problems: with the lines that they are about at a terminal, one line each otherwise.
fn report(problems: &Problems) -> String {
    if io::stderr().is_terminal() {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        problems.report(colors)
    } else {
        problems.to_string()
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl From<telemetry::Error> for Failure {
    fn from(error: telemetry::Error) -> Self {
        match error {
            telemetry::Error::Filter { .. } => Self::Usage(error.to_string()),
            other => Self::other(other),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::other(error),
        }
    }
}
