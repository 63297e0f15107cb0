//! The one error that crosses the seams.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What an error means for the message that met it. The pipeline asks nothing else of an error;
/// the kind is chosen where the error happens, and what is not known to be permanent is
/// `Transient`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// May pass: time-outs, 5xx, a full disk, anything unknown. Retried with back-off.
    Transient,
    /// The other side asked for less; not before this time has passed, where it said so.
    Throttled(Option<Duration>),
    /// The connection is gone. Retried after `recover`.
    Disconnected,
    /// Credentials were refused or have expired. Retried with back-off; never a fault of the message.
    Unauthorized,
    /// Not attempted, because an earlier message with the same key was refused: says nothing about
    /// the target, and is sent again once that one is resolved.
    Held,
    /// This message can never be taken as it is. A fault of this message alone.
    Rejected,
    /// The component cannot go on in this incarnation; the route is closed and started anew.
    Fatal,
}

impl ErrorKind {
    /// The name in metrics and dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled(_) => "throttled",
            Self::Disconnected => "disconnected",
            Self::Unauthorized => "unauthorized",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Fatal => "fatal",
        }
    }
}

/// An error with its kind, what was being done, and its cause. Cheap to clone, since one cause
/// often meets a whole batch.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind; `context` says what was being done and which value was wrong, in
    /// lower case, without a full stop and without secrets or payload.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), source: None }))
    }

    /// The same with the cause.
    pub fn with_source(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), source: Some(source.into()) }))
    }

    /// Shorthand for a fault that may pass.
    pub fn transient(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, context)
    }

    /// Shorthand for a permanent fault of one message.
    pub fn rejected(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Rejected, context)
    }

    /// What it means.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

/// The context and every cause, in one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.context)?;
        let mut cause =
            self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static));
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind.as_str())
    }
}

/// `Display` prints the whole chain, so no source is offered: it would be printed twice.
impl std::error::Error for Error {}
