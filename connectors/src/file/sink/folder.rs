//! One file a message in one folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use hybridge_config::connector::file::SinkConfig;
use hybridge_core::{Error, ErrorKind, Message, Receipt, Sink, StableId};
use tokio::task::spawn_blocking;

use super::{failed, sync_folder};
use crate::line_format::letter;

/// Writes each message to a file of its own; it appears whole under its name, and is confirmed
/// once its content and its name are on disk.
///
/// The name is the position of the message at its source and its identity at this target: files
/// sort by position, and a message that is sent again replaces its file. An event is written in
/// the JSON format and a dead letter as an object, as `.json`; any other message as its body, as
/// `.bin`.
pub(crate) struct Folder {
    path: PathBuf,
    fsync: bool,
    route: String,
    target: String,
}

/// A file to be written.
struct Content {
    name: String,
    bytes: Vec<u8>,
}

impl Folder {
    pub(crate) fn new(config: &SinkConfig, route: &str, target: &str) -> Self {
        let (route, target) = (route.to_owned(), target.to_owned());
        Self { path: config.path.clone(), fsync: config.fsync, route, target }
    }

    fn content(&self, message: &Message) -> Result<Content, Error> {
        let id = StableId::new(&self.route, &self.target, message);
        let offset = message.origin.offset;
        if letter::is_letter(message) {
            let mut bytes = Vec::new();
            letter::write(message, &mut bytes);
            return Ok(Content { name: format!("{offset:020}-{id}.json"), bytes });
        }
        if message.is_event() {
            let encoded = hybridge_schemas::cloudevents::json::encode(message);
            let invalid =
                |error| Error::with_source(ErrorKind::Rejected, "writing the event", error);
            let bytes = encoded.map_err(invalid)?;
            return Ok(Content { name: format!("{offset:020}-{id}.json"), bytes });
        }
        let Some(payload) = &message.payload else {
            return Err(Error::rejected("a message without a body cannot be a file"));
        };
        Ok(Content { name: format!("{offset:020}-{id}.bin"), bytes: payload.to_vec() })
    }
}

#[async_trait(?Send)]
impl Sink for Folder {
    /// Makes the folder if there is none, and tries whether files can be made in it.
    async fn probe(&self) -> Result<(), Error> {
        let path = self.path.clone();
        let tried = spawn_blocking(move || {
            fs::create_dir_all(&path)?;
            let file = path.join(".hybridge-probe.tmp");
            File::create(&file)?;
            fs::remove_file(&file)
        });
        let tried = tried.await.map_err(io::Error::other);
        tried.and_then(|tried| tried).map_err(|error| failed(&self.path, error))
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let mut contents = Vec::with_capacity(batch.len());
        let mut results = Vec::with_capacity(batch.len());
        for message in batch {
            match self.content(message) {
                Ok(content) => {
                    contents.push(content);
                    results.push(Ok(Receipt::Written(None)));
                }
                Err(error) => results.push(Err(error)),
            }
        }
        if contents.is_empty() {
            return results;
        }
        let (path, fsync) = (self.path.clone(), self.fsync);
        let written = spawn_blocking(move || write_all(&path, &contents, fsync)).await;
        let (written, error) = match written {
            Ok(written) => written,
            Err(error) => (0, Some(io::Error::other(error))),
        };
        let Some(error) = error else { return results };
        let error = failed(&self.path, error);
        // In order: after the first that was not written, none was tried.
        let unwritten = results.iter_mut().filter(|result| result.is_ok()).skip(written);
        unwritten.for_each(|result| *result = Err(error.clone()));
        results
    }
}

/// Writes files in order; how many are durable, and what ended it.
fn write_all(folder: &Path, contents: &[Content], fsync: bool) -> (usize, Option<io::Error>) {
    let write = |content: &Content| write(folder, content, fsync);
    let written: Vec<io::Result<()>> = if let Err(error) = fs::create_dir_all(folder) {
        vec![Err(error)]
    } else {
        let mut failed = false;
        let until_failed =
            |result: &io::Result<()>| !std::mem::replace(&mut failed, result.is_err());
        contents.iter().map(write).take_while(until_failed).collect()
    };
    let count = written.iter().filter(|result| result.is_ok()).count();
    let error = written.into_iter().find_map(Result::err);
    if fsync
        && count > 0
        && let Err(error) = sync_folder(folder)
    {
        return (0, Some(error));
    }
    (count, error)
}

/// Under another name first, which begins with a dot: readers of the folder look past it.
fn write(folder: &Path, content: &Content, fsync: bool) -> io::Result<()> {
    let unfinished = folder.join(format!(".{}.tmp", content.name));
    let result = File::create(&unfinished).and_then(|mut file| {
        file.write_all(&content.bytes)?;
        if fsync { file.sync_data() } else { Ok(()) }
    });
    let result = result.and_then(|()| fs::rename(&unfinished, folder.join(&content.name)));
    if result.is_err() {
        // It is in nobody's way, and is replaced by the next attempt.
        let _ = fs::remove_file(&unfinished);
    }
    result
}
