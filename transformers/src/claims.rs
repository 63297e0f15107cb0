//! `claim_check` and `restore`: large payloads stay behind in a store, and come back.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use hybridge_config::transform::claim_check::{ClaimCheckConfig, Foreign, RestoreConfig};
use hybridge_core::{Applied, Error, Message, Text, Transformer, Value};

/// The name of the attribute, or of the header where the message is no event (CloudEvents extension "Dataref").
const DATAREF: Text = Text::from_static("dataref");

/// Where payloads are left.
#[async_trait(?Send)]
pub trait Claims: Send + Sync {
    /// Keeps a payload in `topic` and returns, once it is durable, the URI that it can be fetched by.
    async fn keep(&self, topic: &str, payload: &Bytes) -> Result<Text, Error>;

    /// Whether the URI is of this store.
    fn is_own(&self, uri: &str) -> bool;

    /// The payload that a URI of this store leads to. [`Rejected`](hybridge_core::ErrorKind::Rejected) where it is not there
    /// any more.
    async fn fetch(&self, uri: &str) -> Result<Bytes, Error>;
}

/// A place that takes nothing, for who has no log: whatever would be left there waits.
#[derive(Debug, Default)]
pub struct NoClaims;

#[async_trait(?Send)]
impl Claims for NoClaims {
    async fn keep(&self, _topic: &str, _payload: &Bytes) -> Result<Text, Error> {
        Err(Error::transient("there is no log to leave payloads in"))
    }

    fn is_own(&self, _uri: &str) -> bool {
        false
    }

    async fn fetch(&self, _uri: &str) -> Result<Bytes, Error> {
        Err(Error::transient("there is no log that payloads were left in"))
    }
}

/// The step `claim_check`.
pub(crate) struct Check {
    over: u64,
    topic: String,
    claims: Arc<dyn Claims>,
}

impl Check {
    pub(crate) fn new(config: &ClaimCheckConfig, claims: Arc<dyn Claims>) -> Self {
        Self { over: config.over.get(), topic: config.topic.clone(), claims }
    }

    async fn checked(&self, mut message: Message) -> Result<Message, Error> {
        let Some(payload) = &message.payload else { return Ok(message) };
        if payload.len() as u64 <= self.over {
            return Ok(message);
        }
        let uri = self.claims.keep(&self.topic, payload).await?;
        message.payload = None;
        if message.is_event() {
            message.attributes.set(DATAREF, Value::UriRef(uri));
        } else {
            message.headers.set(DATAREF, Some(uri.into_bytes()));
        }
        Ok(message)
    }
}

#[async_trait(?Send)]
impl Transformer for Check {
    fn name(&self) -> &'static str {
        "claim_check"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        // Together: the log confirms what waits with one flush.
        let checked = join_all(batch.into_iter().map(|message| self.checked(message))).await;
        checked.into_iter().map(of).collect()
    }
}

/// The step `restore`.
pub(crate) struct Restore {
    foreign: Foreign,
    claims: Arc<dyn Claims>,
}

impl Restore {
    pub(crate) fn new(config: &RestoreConfig, claims: Arc<dyn Claims>) -> Self {
        Self { foreign: config.foreign, claims }
    }

    async fn restored(&self, mut message: Message) -> Result<Message, Error> {
        let Some(uri) = reference(&message) else { return Ok(message) };
        if !self.claims.is_own(&uri) {
            if message.payload.is_some() || self.foreign == Foreign::Pass {
                return Ok(message);
            }
            return Err(Error::rejected("dataref does not lead to the log of this instance"));
        }
        message.payload = Some(self.claims.fetch(&uri).await?);
        if message.is_event() {
            message.attributes.remove(&DATAREF);
        } else {
            message.headers.remove(&DATAREF);
        }
        Ok(message)
    }
}

fn reference(message: &Message) -> Option<Text> {
    if message.is_event() {
        return message.attributes.text(&DATAREF).map(Text::from);
    }
    Text::from_utf8(message.headers.get(&DATAREF)?).ok()
}

#[async_trait(?Send)]
impl Transformer for Restore {
    fn name(&self) -> &'static str {
        "restore"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let restored = join_all(batch.into_iter().map(|message| self.restored(message))).await;
        restored.into_iter().map(of).collect()
    }
}

fn of(result: Result<Message, Error>) -> Applied {
    result.map_or_else(Applied::Failed, Applied::One)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use hybridge_core::ErrorKind;

    use super::*;
    use crate::testing::steps_with;

    /// A store in memory.
    #[derive(Default)]
    pub(crate) struct Kept(Mutex<Vec<Bytes>>);

    #[async_trait(?Send)]
    impl Claims for Kept {
        async fn keep(&self, topic: &str, payload: &Bytes) -> Result<Text, Error> {
            let mut kept = self.0.lock().unwrap();
            kept.push(payload.clone());
            Ok(Text::from(format!("kept:{topic}/{}", kept.len() - 1)))
        }

        fn is_own(&self, uri: &str) -> bool {
            uri.starts_with("kept:")
        }

        async fn fetch(&self, uri: &str) -> Result<Bytes, Error> {
            let number = uri.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
            let kept = self.0.lock().unwrap();
            number
                .and_then(|number| kept.get(number).cloned())
                .ok_or_else(|| Error::rejected("gone"))
        }
    }

    fn step(text: &str, kept: &Arc<dyn Claims>) -> Box<dyn Transformer> {
        let file = format!(
            "hybridge: v1\nroutes:\n  r:\n    from: {{ stdio: {{}} }}\n    to: {{ stdio: {{}} }}\n    transform: [ {{ {text} }} ]\n"
        );
        steps_with(&file, kept).remove(0)
    }

    async fn apply(step: &dyn Transformer, message: Message) -> Result<Message, Error> {
        match step.apply(vec![message]).await.remove(0) {
            Applied::One(message) => Ok(message),
            Applied::Failed(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn event(payload: &str, dataref: Option<&str>) -> Message {
        let mut event = Message { payload: Some(payload.to_owned().into()), ..Message::default() };
        for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")]
        {
            event.attributes.set(name.into(), Value::from(value));
        }
        if let Some(uri) = dataref {
            event.attributes.set(DATAREF, Value::from(uri));
        }
        event
    }

    #[tokio::test]
    async fn what_is_large_stays_behind_and_comes_back_as_it_was() {
        let kept: Arc<dyn Claims> = Arc::new(Kept::default());
        let check = step("claim_check: { over: 4B, topic: big }", &kept);
        let restore = step("restore: {}", &kept);
        let small = apply(&*check, event("1234", None)).await.unwrap();
        assert_eq!(small.payload.as_deref(), Some(&b"1234"[..]));
        let plain = Message { payload: Some("12345".into()), ..Message::default() };
        for (message, uri) in [(event("12345", None), "kept:big/0"), (plain, "kept:big/1")] {
            let checked = apply(&*check, message.clone()).await.unwrap();
            assert_eq!(
                (checked.payload.as_ref(), reference(&checked).as_deref()),
                (None, Some(uri))
            );
            let restored = apply(&*restore, checked).await.unwrap();
            assert_eq!(restored.payload, message.payload);
            assert_eq!(
                (restored.attributes, restored.headers),
                (message.attributes, message.headers)
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_left_behind_waits() {
        let nowhere: Arc<dyn Claims> = Arc::new(NoClaims);
        let check = step("claim_check: { over: 4B, topic: big }", &nowhere);
        let error = apply(&*check, event("12345", None)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(apply(&*check, event("1234", None)).await.is_ok());
    }

    #[tokio::test]
    async fn nothing_goes_on_without_what_it_is_about() {
        let kept: Arc<dyn Claims> = Arc::new(Kept::default());
        let (reject, pass) =
            (step("restore: {}", &kept), step("restore: { foreign: pass }", &kept));
        let foreign = Message { payload: None, ..event("", Some("https://store.example/1")) };
        let error = apply(&*reject, foreign.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        let passed = apply(&*pass, foreign).await.unwrap();
        assert_eq!(reference(&passed).as_deref(), Some("https://store.example/1"));
        let gone = Message { payload: None, ..event("", Some("kept:big/7")) };
        assert_eq!(apply(&*pass, gone).await.unwrap_err().kind(), ErrorKind::Rejected);
        let both = apply(&*reject, event("here", Some("https://store.example/1"))).await.unwrap();
        assert_eq!(both.payload.as_deref(), Some(&b"here"[..]));
    }
}
