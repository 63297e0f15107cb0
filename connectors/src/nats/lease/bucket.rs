//! An entry of a key-value bucket of NATS.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_config::connector::nats::LeaseConfig;
use hybridge_core::{Error, ErrorKind};

use super::{Place, Slot};
use crate::nats::api::{Control, Failure, code};
use crate::nats::endpoint::Endpoint;

/// What the headers of a change count at most in the size of a message.
const HEADERS: usize = 256;

/// The bucket, and the key in it.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) endpoint: Endpoint,
    pub(super) config: LeaseConfig,
    pub(super) key: String,
}

struct Open {
    control: Control,
    stream: String,
    subject: String,
}

impl Bucket {
    fn stream(&self) -> String {
        format!("KV_{}", self.config.bucket)
    }

    fn unseen(&self, failure: Failure) -> Error {
        let bucket = &self.config.bucket;
        if failure.is(code::NO_STREAM) {
            return Error::transient(format!(
                "there is no bucket `{bucket}` for the lease and the position: make it with \
                 `nats kv add {bucket}`, or write `lease: {{ create: true }}`"
            ));
        }
        failure.into_error(&format!("cannot see the bucket `{bucket}`"))
    }
}

#[async_trait(?Send)]
impl Place for Bucket {
    async fn probe(&self) -> Result<(), Error> {
        let mut control = Control::new(self.endpoint.open().await?);
        let known = control.stream(&self.stream()).await;
        control.connection.close().await;
        match known {
            Err(failure) if failure.is(code::NO_STREAM) && self.config.create => Ok(()),
            Err(failure) => Err(self.unseen(failure)),
            Ok(_) => Ok(()),
        }
    }

    async fn open(&self) -> Result<Box<dyn Slot>, Error> {
        let mut control = Control::new(self.endpoint.open().await?);
        let (bucket, stream) = (&self.config.bucket, self.stream());
        match control.stream(&stream).await {
            Ok(_) => {}
            Err(failure) if failure.is(code::NO_STREAM) && self.config.create => {
                let made = control.make_bucket(bucket, self.config.replicas).await;
                made.map_err(|failure| {
                    failure.into_error(&format!("cannot make the bucket `{bucket}`"))
                })?;
                tracing::info!(bucket, "made the bucket for leases");
            }
            Err(failure) => return Err(self.unseen(failure)),
        }
        let subject = format!("$KV.{bucket}.{}", self.key);
        Ok(Box::new(Open { control, stream, subject }))
    }
}

#[async_trait(?Send)]
impl Slot for Open {
    async fn read(&mut self) -> Result<Option<(Vec<u8>, u64)>, Error> {
        let stored = self.control.last(&self.stream, &self.subject).await;
        let what = || format!("cannot read the lease `{}`", self.subject);
        let stored = stored.map_err(|failure| failure.into_error(&what()))?;
        Ok(stored.map(|stored| (STANDARD.decode(&stored.data).unwrap_or_default(), stored.seq)))
    }

    async fn swap(&mut self, revision: u64, body: &[u8]) -> Result<Option<u64>, Error> {
        let most = self.control.connection.info.max_payload;
        if body.len() + HEADERS > most {
            let what = format!(
                "the positions in the lease `{}` need {} bytes, and the server takes messages of {most}: let fewer \
                 files match, or raise its `max_payload`",
                self.subject,
                body.len()
            );
            return Err(Error::new(ErrorKind::Fatal, what));
        }
        match self.control.swap(&self.subject, revision, body).await {
            Ok(revision) => Ok(Some(revision)),
            Err(failure) if failure.is(code::WRONG_SEQUENCE) => Ok(None),
            Err(failure) => Err(failure.into_error("cannot change the lease")),
        }
    }

    async fn close(self: Box<Self>) {
        self.control.connection.close().await;
    }
}
