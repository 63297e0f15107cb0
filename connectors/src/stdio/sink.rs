//! Lines on standard output.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::connector::stdio::SinkConfig;
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use tokio::sync::{Mutex, mpsc};

use crate::line_format::LineFormat;

/// How long a reader at the other end of the pipe may take for one batch.
const PATIENCE: Duration = Duration::from_secs(30);

/// The output that sinks write to. A clone is the same output; batches of several sinks do not mix.
#[derive(Clone)]
pub struct Output(Arc<Mutex<State>>);

enum State {
    Fresh(Option<Box<dyn Write + Send>>),
    Open(Writer),
}

/// The thread that writes, one batch each time it is asked.
struct Writer {
    ask: mpsc::Sender<Vec<u8>>,
    answer: mpsc::Receiver<io::Result<()>>,
    /// A batch that was not finished in time and is still being written.
    late: bool,
}

impl Output {
    /// Standard output of the process.
    pub fn stdout() -> Self {
        Self::to_writer(io::stdout())
    }

    /// Any other stream in its place.
    pub fn to_writer(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State::Fresh(Some(Box::new(writer))))))
    }

    /// Writes all of it and flushes.
    async fn write(&self, lines: Vec<u8>) -> Result<(), Error> {
        let mut state = self.0.lock().await;
        if let State::Fresh(writer) = &mut *state
            && let Some(writer) = writer.take()
        {
            *state = State::Open(Writer::start(writer)?);
        }
        let State::Open(writer) = &mut *state else { return Err(gone()) };
        let written = tokio::time::timeout(PATIENCE, writer.write(lines)).await;
        written.unwrap_or_else(|_| Err(Error::transient("standard output is not read")))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl Writer {
    /// A thread of its own and not a blocking task: a pipe that nobody reads would hold the runtime
    /// at shutdown.
    fn start(mut writer: Box<dyn Write + Send>) -> Result<Self, Error> {
        let (ask, mut asked) = mpsc::channel::<Vec<u8>>(1);
        let (answers, answer) = mpsc::channel(1);
        let write = move || {
            while let Some(lines) = asked.blocking_recv() {
                let result = writer.write_all(&lines).and_then(|()| writer.flush());
                if answers.blocking_send(result).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("stdout".into()).spawn(write);
        let failed = |error| Error::with_source(ErrorKind::Fatal, "starting a thread", error);
        thread.map_err(failed)?;
        Ok(Self { ask, answer, late: false })
    }

    async fn write(&mut self, lines: Vec<u8>) -> Result<(), Error> {
        if self.late {
            // Whatever became of it: its messages were answered with an error and come again.
            let _ = self.answer.recv().await.ok_or_else(gone)?;
        }
        self.ask.try_send(lines).map_err(|_| gone())?;
        self.late = true;
        let answer = self.answer.recv().await.ok_or_else(gone)?;
        self.late = false;
        answer.map_err(|error| {
            Error::with_source(ErrorKind::Disconnected, "writing to standard output", error)
        })
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Fatal, "the thread that writes standard output is gone")
}

/// Writes each message as a line; confirmed once it is flushed.
///
/// A batch that the other end does not read within 30 seconds is answered with a transient error
/// and may still be written when it reads again: its lines then come twice.
#[derive(Debug)]
pub struct Sink {
    format: LineFormat,
    output: Output,
}

impl Sink {
    /// Writes to `output`.
    pub fn new(config: &SinkConfig, output: Output) -> Self {
        Self { format: super::line_format(config.format), output }
    }
}

#[async_trait(?Send)]
impl hybridge_core::Sink for Sink {
    async fn probe(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let mut lines = Vec::new();
        let encoded: Vec<Result<(), Error>> =
            batch.iter().map(|message| self.format.encode(message, &mut lines)).collect();
        let written = if lines.is_empty() { Ok(()) } else { self.output.write(lines).await };
        let answer = |encoded: Result<(), Error>| {
            encoded?;
            written.clone().map(|()| Receipt::Written(None))
        };
        encoded.into_iter().map(answer).collect()
    }
}
