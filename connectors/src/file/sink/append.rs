//! Lines at the end of one file.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use async_trait::async_trait;
use hybridge_config::connector::file::SinkConfig;
use hybridge_core::{Error, ErrorKind, Message, Receipt, Sink};
use tokio::sync::{Mutex, oneshot};
use tokio::task::spawn_blocking;

use super::failed;
use crate::line_format::LineFormat;

mod appender;

use appender::Appender;

/// Appends each message as a line and confirms it once it is on disk.
///
/// Batches that wait while another one is being written are written together and synced once.
pub(crate) struct Append {
    format: LineFormat,
    path: PathBuf,
    waiting: RefCell<Vec<Waiting>>,
    /// Whoever has it writes for all that wait. Gone while a thread has it that did not come back.
    appender: Rc<Mutex<Option<Appender>>>,
}

/// Lines of one batch, and who waits for them.
struct Waiting {
    lines: Vec<u8>,
    written: oneshot::Sender<Result<(), Error>>,
}

impl Append {
    pub(crate) fn new(config: &SinkConfig, format: LineFormat) -> Self {
        let appender = Appender::new(config);
        Self {
            format,
            path: config.path.clone(),
            waiting: RefCell::default(),
            appender: Rc::new(Mutex::new(Some(appender))),
        }
    }

    /// Returns once the lines are on disk.
    async fn append(&self, lines: Vec<u8>) -> Result<(), Error> {
        let gone = || Error::transient(format!("writing {}: interrupted", self.path.display()));
        let (written, mut result) = oneshot::channel();
        self.waiting.borrow_mut().push(Waiting { lines, written });
        let mut appender = self.appender.lock().await;
        if let Ok(result) = result.try_recv() {
            return result;
        }
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        let Some(mut writing) = appender.take() else {
            return Err(Error::new(ErrorKind::Fatal, "the writer of the file is gone"));
        };
        let (lines, written): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|waiting| (waiting.lines, waiting.written)).unzip();
        let work = spawn_blocking(move || {
            let written = writing.append(&lines);
            (writing, written)
        });
        // A panic there is a fault of the program: the route is started anew with a new writer.
        let ended = |error| Error::with_source(ErrorKind::Fatal, "writing the file", error);
        let (writing, outcome) = work.await.map_err(ended)?;
        *appender = Some(writing);
        let outcome = outcome.map_err(|error| failed(&self.path, error));
        for written in written {
            // Who does not wait any more has gone, and so has their batch.
            let _ = written.send(outcome.clone());
        }
        result.try_recv().unwrap_or_else(|_| Err(gone()))
    }
}

#[async_trait(?Send)]
impl Sink for Append {
    /// Opens the file, making it if there is none.
    async fn probe(&self) -> Result<(), Error> {
        self.append(Vec::new()).await
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let mut lines = Vec::new();
        let encoded: Vec<Result<(), Error>> =
            batch.iter().map(|message| self.format.encode(message, &mut lines)).collect();
        let written = if lines.is_empty() { Ok(()) } else { self.append(lines).await };
        let answer = |encoded: Result<(), Error>| {
            encoded?;
            written.clone().map(|()| Receipt::Written(None))
        };
        encoded.into_iter().map(answer).collect()
    }

    async fn close(&self) {
        self.appender.lock().await.take();
    }
}
