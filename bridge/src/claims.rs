//! Payloads that steps leave behind: in topics of the embedded log, or in memory for a unit test.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_connectors::log::{Read, Store, WriteError};
use hybridge_core::{Error, Message, Text};
use hybridge_transformers::Claims;

const SCHEME: &str = "hybridge://";
/// Bytes that are read at first; a larger record says how many it needs.
const PIECE: usize = 64 << 10;

/// In the embedded log; a URI is `hybridge://INSTANCE/TOPIC/PARTITION/OFFSET`.
pub(crate) struct InLog {
    store: Store,
    prefix: String,
}

impl InLog {
    pub fn new(store: Store) -> Self {
        let prefix = format!("{SCHEME}{}/", store.instance_id());
        Self { store, prefix }
    }

    fn place<'a>(&self, uri: &'a str) -> Option<(&'a str, u32, u64)> {
        let mut parts = uri.strip_prefix(&self.prefix)?.split('/');
        let (topic, partition) = (parts.next()?, parts.next()?.parse().ok()?);
        let offset = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some((topic, partition, offset))
    }
}

#[async_trait(?Send)]
impl Claims for InLog {
    async fn keep(&self, topic: &str, payload: &Bytes) -> Result<Text, Error> {
        let topic = self.store.topic(topic).await.map_err(|error| write_error(&error))?;
        let message = Message { payload: Some(payload.clone()), ..Message::default() };
        let results = self.store.append(&topic, &[message]).await;
        let none = || Error::transient("the log gave no result");
        let result = results.into_iter().next().ok_or_else(none)?;
        let position = result.map_err(|error| write_error(&error))?;
        let (partition, offset) = (position.partition, position.offset);
        Ok(Text::from(format!("{}{}/{partition}/{offset}", self.prefix, topic.name())))
    }

    fn is_own(&self, uri: &str) -> bool {
        uri.starts_with(&self.prefix)
    }

    async fn fetch(&self, uri: &str) -> Result<Bytes, Error> {
        let gone = || Error::rejected("what dataref leads to is not in the log any more");
        let malformed = || Error::rejected("dataref is no place in the log of this instance");
        let (topic, partition, offset) = self.place(uri).ok_or_else(malformed)?;
        let topic = self.store.find(topic).ok_or_else(gone)?;
        let mut reader = self.store.reader(&topic, partition, offset).ok_or_else(gone)?;
        let mut piece = PIECE;
        loop {
            let read = reader.read(piece).await;
            match read.map_err(|error| Error::transient(format!("dataref: {error}")))? {
                Read::TooSmall(needed) => piece = needed,
                Read::End | Read::Gap(_) => return Err(gone()),
                Read::Records(chunk) => {
                    let record = chunk.into_records(()).next().ok_or_else(gone)?;
                    if record.offset != offset {
                        return Err(gone());
                    }
                    // A copy, since the chunk may hold more than this record.
                    let payload = record.message.payload.unwrap_or_default();
                    return Ok(Bytes::copy_from_slice(&payload));
                }
            }
        }
    }
}

fn write_error(error: &WriteError) -> Error {
    let context = format!("the payload cannot be left in the log: {error}");
    match error {
        WriteError::TooLarge { .. } | WriteError::Name(_) => Error::rejected(context),
        WriteError::Full | WriteError::Disk(_) | WriteError::Closed => Error::transient(context),
    }
}

/// In memory.
#[derive(Default)]
pub(crate) struct InMemory(Mutex<HashMap<String, Bytes>>);

#[async_trait(?Send)]
impl Claims for InMemory {
    async fn keep(&self, topic: &str, payload: &Bytes) -> Result<Text, Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let uri = format!("{SCHEME}test/{topic}/0/{}", kept.len());
        kept.insert(uri.clone(), payload.clone());
        Ok(Text::from(uri))
    }

    fn is_own(&self, uri: &str) -> bool {
        uri.starts_with(&format!("{SCHEME}test/"))
    }

    async fn fetch(&self, uri: &str) -> Result<Bytes, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = || Error::rejected("what dataref leads to is not in the log any more");
        kept.get(uri).cloned().ok_or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use hybridge_connectors::log::Options;
    use hybridge_core::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn what_was_left_comes_back_and_what_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let claims = InLog::new(store.clone());
        let large = Bytes::from(vec![7; 300_000]);
        let small = Bytes::from_static(b"");
        let first = claims.keep("claims", &large).await.unwrap();
        let second = claims.keep("claims", &small).await.unwrap();
        assert_eq!(claims.fetch(&first).await.unwrap(), large);
        assert_eq!(claims.fetch(&second).await.unwrap(), small);
        assert!(claims.is_own(&first) && !claims.is_own("https://x/y"));
        let prefix = first.trim_end_matches("claims/0/0");
        for uri in
            ["claims/0/2", "claims/1/0", "other/0/0", "claims/0", "claims/0/0/0", "claims/0/-1"]
        {
            let error = claims.fetch(&format!("{prefix}{uri}")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{uri}");
        }
    }
}
