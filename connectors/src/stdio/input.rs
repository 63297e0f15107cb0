//! Standard input as the process has it: once, whatever routes come and go.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hybridge_core::{Error, ErrorKind, Text};
use tokio::sync::mpsc;

use crate::lines::{CHUNK, Splitter};

/// The input that a source reads. A clone is the same input; one source has it at a time.
#[derive(Clone)]
pub struct Input {
    state: Arc<Mutex<State>>,
    /// Positions begin anew with each process.
    incarnation: Text,
}

enum State {
    /// Nobody has read from it.
    Fresh(Box<dyn Read + Send>),
    /// A source has it.
    Taken,
    /// A source left this behind.
    Left(Left),
}

/// What one source leaves to the next.
pub(super) struct Left {
    pub reader: Reader,
    /// Lines that were given out and not settled.
    pub unsettled: VecDeque<Kept>,
    /// With what was read and not given out; there is none before the first source.
    pub splitter: Option<Splitter>,
}

/// A line that may have to be given out again.
pub(super) struct Kept {
    pub start: u64,
    pub bytes: Bytes,
    pub too_long: Option<u64>,
}

/// The thread that reads, one chunk each time it is asked.
pub(super) struct Reader {
    ask: mpsc::Sender<Vec<u8>>,
    answer: mpsc::Receiver<io::Result<Vec<u8>>>,
    asked: bool,
}

impl Input {
    /// Standard input of the process.
    pub fn stdin() -> Self {
        Self::from_reader(io::stdin())
    }

    /// Any other stream in its place.
    pub fn from_reader(reader: impl Read + Send + 'static) -> Self {
        let state = Arc::new(Mutex::new(State::Fresh(Box::new(reader))));
        Self { state, incarnation: uuid::Uuid::new_v4().to_string().into() }
    }

    pub(super) fn incarnation(&self) -> Text {
        self.incarnation.clone()
    }

    /// Takes it; the thread starts with the first source.
    pub(super) fn take(&self) -> Result<Left, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Fresh(reader) => {
                let reader = Reader::start(reader)?;
                Ok(Left { reader, unsettled: VecDeque::new(), splitter: None })
            }
            State::Left(left) => Ok(left),
            State::Taken => {
                Err(Error::new(ErrorKind::Fatal, "standard input is read by another route"))
            }
        }
    }

    /// Gives it back.
    pub(super) fn leave(&self, left: Left) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Left(left);
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

impl Reader {
    /// A thread of its own and not a blocking task: a read that never ends would hold the runtime
    /// at shutdown.
    fn start(mut reader: Box<dyn Read + Send>) -> Result<Self, Error> {
        let (ask, mut asked) = mpsc::channel::<Vec<u8>>(1);
        let (answers, answer) = mpsc::channel(1);
        let read = move || {
            while let Some(mut buffer) = asked.blocking_recv() {
                buffer.resize(CHUNK, 0);
                let result = read(&mut reader, &mut buffer).map(|length| {
                    buffer.truncate(length);
                    buffer
                });
                if answers.blocking_send(result).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("stdin".into()).spawn(read);
        let failed = |error| Error::with_source(ErrorKind::Fatal, "starting a thread", error);
        thread.map_err(failed)?;
        Ok(Self { ask, answer, asked: false })
    }

    /// The next chunk, read into `buffer`; an empty one at the end. Cancel-safe: a chunk that was
    /// asked for is there at the next call.
    pub(super) async fn chunk(
        &mut self,
        buffer: impl FnOnce() -> Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let gone = || Error::new(ErrorKind::Fatal, "the thread that reads standard input is gone");
        if !self.asked {
            // There is room: the last buffer was answered.
            self.ask.try_send(buffer()).map_err(|_| gone())?;
            self.asked = true;
        }
        let answer = self.answer.recv().await.ok_or_else(gone)?;
        self.asked = false;
        answer.map_err(|error| {
            Error::with_source(ErrorKind::Transient, "reading standard input", error)
        })
    }
}

fn read(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
