//! Requests to JetStream: about streams, consumers and single entries.

use std::borrow::Cow;
use std::time::Duration;

use hybridge_core::{Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::connection::Connection;
use super::endpoint::disconnected;
use super::headers::Block;
use super::wire::Incoming;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// The codes of errors that are acted on (`err_code`).
pub(super) mod code {
    pub const NO_CONSUMER: u64 = 10014;
    pub const NO_MESSAGE: u64 = 10037;
    pub const NO_STREAM: u64 = 10059;
    pub const CONSUMER_THERE: u64 = 10148;
    pub const WRONG_SEQUENCE: u64 = 10071;
    pub const WRONG_STREAM: u64 = 10060;
    pub const TOO_LARGE: u64 = 10054;
    pub const HEADER_TOO_LARGE: u64 = 10097;
}

/// A connection on which questions are asked one after the other.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) connection: Connection,
    inbox: String,
    asked: u64,
}

/// What JetStream refused with.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) code: u64,
    pub(super) err_code: u64,
    pub(super) description: String,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// JetStream said so.
    Refused(Refusal),
    /// Nothing else can be asked on this connection.
    Broken(Error),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    /// Changes when a stream of the same name is made anew.
    pub(super) created: String,
    pub(super) state: StreamState,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfig {
    pub(super) name: String,
    pub(super) subjects: Vec<String>,
    pub(super) retention: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamState {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerInfo {
    pub(super) name: String,
    pub(super) config: ConsumerConfig,
    pub(super) ack_floor: Sequences,
    pub(super) num_pending: u64,
    pub(super) num_ack_pending: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sequences {
    pub(super) stream_seq: u64,
}

/// Times are in nanoseconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerConfig {
    pub(super) ack_policy: String,
    pub(super) ack_wait: u64,
    pub(super) max_deliver: i64,
    pub(super) deliver_subject: Option<String>,
    pub(super) filter_subject: Option<String>,
    pub(super) filter_subjects: Vec<String>,
    pub(super) max_batch: u64,
    pub(super) max_bytes: u64,
    pub(super) max_expires: u64,
}

impl ConsumerConfig {
    pub(super) fn filters(&self) -> Vec<&str> {
        let one = self.filter_subject.iter();
        one.chain(&self.filter_subjects).map(String::as_str).filter(|one| !one.is_empty()).collect()
    }
}

/// One message of a stream, read alone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    pub(super) seq: u64,
    /// In base64.
    pub(super) data: String,
    /// In base64.
    pub(super) hdrs: String,
}

/// The confirmation of a published message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PubAck<'a> {
    #[serde(borrow)]
    pub(super) stream: Cow<'a, str>,
    pub(super) seq: u64,
    pub(super) duplicate: bool,
    pub(super) error: Option<Refusal>,
}

impl Control {
    pub(super) fn new(mut connection: Connection) -> Self {
        let inbox = inbox();
        connection.subscribe(&format!("{inbox}.*"), None);
        Self { connection, inbox, asked: 0 }
    }

    /// Asks and waits for the answer.
    async fn ask(
        &mut self,
        subject: &str,
        headers: &[u8],
        body: &[u8],
    ) -> Result<Incoming, Failure> {
        self.asked += 1;
        let reply = format!("{}.{}", self.inbox, self.asked);
        self.connection.publish(subject.as_bytes(), reply.as_bytes(), headers, body);
        let answering = async {
            loop {
                let incoming = self.connection.next().await?;
                // An answer to an earlier question, which was given up, is nobody's.
                if incoming.subject == reply.as_bytes() {
                    return Ok::<_, Error>(incoming);
                }
            }
        };
        let answered = tokio::time::timeout(ANSWER, answering).await;
        match answered {
            Ok(Ok(incoming)) if incoming.status() == Some(503) => {
                Err(Failure::Broken(Error::transient(
                    "JetStream does not answer: it is not enabled there, or has no leader now",
                )))
            }
            Ok(Ok(incoming)) => Ok(incoming),
            Ok(Err(error)) => Err(Failure::Broken(error)),
            Err(_) => Err(Failure::Broken(disconnected(format!(
                "{} did not answer to {subject} in time (check the permissions)",
                self.connection.shown()
            )))),
        }
    }

    async fn request<T: DeserializeOwned>(
        &mut self,
        subject: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.ask(&format!("$JS.API.{subject}"), b"", &body).await?;
        read(&answer.payload)
    }

    pub(super) async fn stream(&mut self, name: &str) -> Result<StreamInfo, Failure> {
        self.request(&format!("STREAM.INFO.{name}"), &json!({})).await
    }

    pub(super) async fn consumer(
        &mut self,
        stream: &str,
        name: &str,
    ) -> Result<ConsumerInfo, Failure> {
        self.request(&format!("CONSUMER.INFO.{stream}.{name}"), &json!({})).await
    }

    /// Makes a consumer, and sees to it that the server took the whole configuration: one that it does not know is
    /// dropped without a word.
    pub(super) async fn make_consumer(
        &mut self,
        stream: &str,
        config: &Value,
    ) -> Result<ConsumerInfo, Failure> {
        let name = config.get("durable_name").or_else(|| config.get("name"));
        let name = name.and_then(Value::as_str).unwrap_or_default();
        let body = json!({ "stream_name": stream, "config": config, "action": "create" });
        let made: Value = self.request(&format!("CONSUMER.CREATE.{stream}.{name}"), &body).await?;
        taken("consumer", config, made.get("config"))?;
        serde_json::from_value(made).map_err(|error| Failure::Broken(unreadable(error)))
    }

    pub(super) async fn make_bucket(&mut self, bucket: &str, replicas: u32) -> Result<(), Failure> {
        let name = format!("KV_{bucket}");
        let config = json!({
            "name": name, "subjects": [format!("$KV.{bucket}.>")], "max_msgs_per_subject": 1,
            "discard": "new", "allow_rollup_hdrs": true, "deny_delete": true, "allow_direct": true,
            "num_replicas": replicas.max(1), "storage": "file", "retention": "limits",
            "duplicate_window": 120_000_000_000_u64, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
        });
        let made: Value = self.request(&format!("STREAM.CREATE.{name}"), &config).await?;
        taken("bucket", &config, made.get("config"))
    }

    /// The last message of a subject.
    pub(super) async fn last(
        &mut self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Stored>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            message: Stored,
        }
        let body = json!({ "last_by_subj": subject });
        match self.request::<Answer>(&format!("STREAM.MSG.GET.{stream}"), &body).await {
            Ok(answer) => Ok(Some(answer.message)),
            Err(Failure::Refused(refusal)) if refusal.err_code == code::NO_MESSAGE => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Publishes to a subject whose last message has this sequence, 0 for none, and returns the new one.
    pub(super) async fn swap(
        &mut self,
        subject: &str,
        last: u64,
        body: &[u8],
    ) -> Result<u64, Failure> {
        let mut block = Block::default();
        block.clear();
        block.push("Nats-Expected-Last-Subject-Sequence", last.to_string().as_bytes());
        let answer = self.ask(subject, block.finish(), body).await?;
        let ack: PubAck<'_> = read(&answer.payload)?;
        Ok(ack.seq)
    }
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Failure> {
    #[derive(Deserialize)]
    struct Refused {
        error: Refusal,
    }
    if let Ok(refused) = serde_json::from_slice::<Refused>(payload) {
        return Err(Failure::Refused(refused.error));
    }
    serde_json::from_slice(payload).map_err(|error| Failure::Broken(unreadable(error)))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::with_source(ErrorKind::Transient, "an unreadable answer of JetStream", error)
}

/// Whether everything that was asked for is what there is now.
fn taken(what: &str, asked: &Value, made: Option<&Value>) -> Result<(), Failure> {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0) || number.as_i64() == Some(-1),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
    };
    for (key, value) in asked.as_object().into_iter().flatten() {
        let is_same = match made.and_then(|made| made.get(key)) {
            Some(other) => other == value || (is_nothing(other) && is_nothing(value)),
            None => is_nothing(value),
        };
        if !is_same {
            let context =
                format!("the server ignored `{key}` of a {what}: it may be too old for it");
            return Err(Failure::Broken(Error::transient(context)));
        }
    }
    Ok(())
}

impl Failure {
    /// What it means, where `what` was asked and nothing special was expected.
    pub(super) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Broken(error) => error,
            Self::Refused(refusal) => refusal.error(ErrorKind::Transient, what),
        }
    }

    pub(super) fn is(&self, code: u64) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.err_code == code)
    }
}

impl Refusal {
    pub(super) fn error(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, format!("{what}: {} ({})", self.description, self.err_code))
    }
}

/// The error for a stream that is not there.
pub(super) fn no_stream(name: &str) -> Error {
    Error::transient(format!(
        "there is no stream `{name}`: make it with `nats stream add {name}`, or correct the name"
    ))
}

/// A subject that nobody else answers on.
pub(super) fn inbox() -> String {
    format!("_INBOX.{}", uuid::Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_ignores_is_an_error() {
        let asked = json!({ "a": 1, "off": false, "none": [], "unlimited": -1, "s": "x" });
        assert!(taken("t", &asked, Some(&json!({ "a": 1, "s": "x", "more": 2 }))).is_ok());
        for made in [json!({ "a": 1 }), json!({ "a": 2, "s": "x" }), json!({ "s": "x" })] {
            assert!(taken("t", &asked, Some(&made)).is_err(), "{made}");
        }
        assert!(taken("t", &asked, None).is_err());
    }

    #[test]
    fn a_refusal_is_read_before_an_answer() {
        let body = br#"{"error":{"code":404,"err_code":10059,"description":"d"}}"#;
        assert!(read::<StreamInfo>(body).unwrap_err().is(code::NO_STREAM));
        assert!(read::<StreamInfo>(b"[").is_err());
    }
}
