//! What is published for a message: subject, headers, body.

use bytes::Bytes;
use hybridge_config::connector::nats::{SinkConfig, To};
use hybridge_core::{Error, ErrorKind, Message, Receipt, StableId, Text};
use hybridge_schemas::cloudevents::outgoing::Outgoing;
use hybridge_schemas::template::Template;
use metrics::Counter;

use crate::nats::api::StreamInfo;
use crate::nats::connection::Connection;
use crate::nats::headers::Block;

/// Bytes that a subject may have: a server ends the connection at a line of 4096 (`max_control_line`), which also has where
/// to answer to and the lengths.
const LONGEST: usize = 4_000;

/// Makes what is published.
pub(super) struct Publisher {
    route: String,
    target: String,
    to: Target,
    outgoing: Outgoing,
    stripped: Counter,
    duplicates: Counter,
}

enum Target {
    Core { subject: Template },
    Stream { name: String, subject: Subject },
    Kv { bucket: String, stream: String, key: Option<Template>, revision: Option<Template> },
}

enum Subject {
    One(Text),
    Each(Template),
}

/// One message, ready for the wire; what it borrows is used again for the next one.
pub(super) struct Wire<'a> {
    pub(super) subject: Text,
    pub(super) headers: &'a [u8],
    pub(super) payload: Bytes,
}

impl Publisher {
    pub(super) fn new(config: &SinkConfig, route: &str, target: &str) -> Result<Self, Error> {
        let fatal = |what: &str| Error::new(ErrorKind::Fatal, what.to_owned());
        let subject = || config.subject.as_ref().ok_or_else(|| fatal("a nats sink has no subject"));
        let to = match config.to() {
            To::Core => Target::Core { subject: Template::compile(subject()?) },
            To::Stream(name) => {
                let template = subject()?;
                let subject = match template.literal() {
                    Some(literal) => {
                        check(literal)
                            .map_err(|what| fatal(&format!("the subject {literal:?} {what}")))?;
                        Subject::One(Text::from(literal))
                    }
                    None => Subject::Each(Template::compile(template)),
                };
                Target::Stream { name: name.to_owned(), subject }
            }
            To::Kv(bucket) => Target::Kv {
                bucket: bucket.to_owned(),
                stream: format!("KV_{bucket}"),
                key: config.key.as_ref().map(Template::compile),
                revision: config.revision.as_ref().map(Template::compile),
            },
        };
        let labels = [("route", route.to_owned()), ("target", target.to_owned())];
        Ok(Self {
            route: route.to_owned(),
            target: target.to_owned(),
            to,
            outgoing: Outgoing::new(config.encoding, config.event_format),
            stripped: metrics::counter!("hybridge_nats_stripped_headers_total", &labels),
            duplicates: metrics::counter!("hybridge_nats_duplicates_total", &labels),
        })
    }

    pub(super) fn to(&self) -> To<'_> {
        match &self.to {
            Target::Core { .. } => To::Core,
            Target::Stream { name, .. } => To::Stream(name),
            Target::Kv { bucket, .. } => To::Kv(bucket),
        }
    }

    /// The stream that must take the messages.
    pub(super) fn stream(&self) -> Option<&str> {
        match &self.to {
            Target::Core { .. } => None,
            Target::Stream { name: stream, .. } | Target::Kv { stream, .. } => Some(stream),
        }
    }

    /// The stream had the message already.
    pub(super) fn duplicate(&self) {
        self.duplicates.increment(1);
    }

    /// Whether the stream lists the subject, where that is the same for every message.
    pub(super) fn check(&self, info: &StreamInfo) -> Result<(), Error> {
        let Target::Stream { name, subject: Subject::One(subject) } = &self.to else {
            return Ok(());
        };
        if info.config.subjects.iter().any(|pattern| matches(subject, pattern)) {
            return Ok(());
        }
        let known = info.config.subjects.join(", ");
        Err(Error::transient(format!(
            "the stream `{name}` does not take the subject `{subject}`, only {known}"
        )))
    }

    /// The message as it is published. An error is a fault of this message.
    pub(super) fn prepare<'a>(
        &self,
        message: &Message,
        block: &'a mut Block,
    ) -> Result<Wire<'a>, Error> {
        block.clear();
        let written = self.outgoing.apply(message);
        let subject = self.subject(message)?;
        match &self.to {
            Target::Core { .. } => {}
            Target::Stream { name, .. } => self.identify(message, name, block),
            Target::Kv { stream, revision, .. } => {
                self.identify(message, stream, block);
                if let Some(revision) = revision {
                    let text = revision.render(message)?;
                    let number: u64 = text.parse().map_err(|_| {
                        Error::rejected(format!(
                            "a revision that is no number, {:?}",
                            text.as_str()
                        ))
                    })?;
                    let header = "Nats-Expected-Last-Subject-Sequence";
                    block.push(header, number.to_string().as_bytes());
                }
                if written.payload.is_none() {
                    block.push("KV-Operation", b"DEL");
                }
            }
        }
        let known = match &self.to {
            Target::Kv { bucket, .. } => subject.as_bytes().slice(bucket.len() + 5..),
            Target::Core { .. } | Target::Stream { .. } => subject.as_bytes().clone(),
        };
        block.message(&written, &known);
        if block.stripped > 0 {
            self.stripped.increment(block.stripped as u64);
        }
        let payload = written.payload.clone().unwrap_or_default();
        Ok(Wire { subject, headers: block.finish(), payload })
    }

    fn subject(&self, message: &Message) -> Result<Text, Error> {
        match &self.to {
            Target::Stream { subject: Subject::One(subject), .. } => Ok(subject.clone()),
            Target::Core { subject } | Target::Stream { subject: Subject::Each(subject), .. } => {
                rendered(subject, message)
            }
            Target::Kv { bucket, key, .. } => entry(bucket, key.as_ref(), message),
        }
    }

    /// The error of a message that goes to one of these subjects, which the server has refused and gone on.
    pub(super) fn denial(
        &self,
        message: &Message,
        denied: &[String],
        server: &str,
    ) -> Option<Error> {
        let subject = self.subject(message).ok()?;
        denied.iter().any(|one| **one == *subject).then(|| may_not_publish(server, &subject))
    }

    fn identify(&self, message: &Message, stream: &str, block: &mut Block) {
        let id = StableId::new(&self.route, &self.target, message);
        block.push("Nats-Msg-Id", id.to_string().as_bytes());
        block.push("Nats-Expected-Stream", stream.as_bytes());
    }

    /// Queues a batch for subjects of core NATS.
    pub(super) fn publish_core(
        &self,
        connection: &mut Connection,
        batch: &[Message],
    ) -> Vec<Result<Receipt, Error>> {
        let mut block = Block::default();
        let most = connection.info.max_payload;
        let publish = |message: &Message| {
            let wire = self.prepare(message, &mut block)?;
            fits(&wire, most)?;
            connection.publish(wire.subject.as_bytes(), b"", wire.headers, &wire.payload);
            Ok(Receipt::Written(None))
        };
        batch.iter().map(publish).collect()
    }

    /// Takes back what was queued for subjects of core NATS that the server refused: each message that goes to one of
    /// them, or all if it is not clear which they are.
    pub(super) fn deny(
        &self,
        batch: &[Message],
        results: &mut [Result<Receipt, Error>],
        denied: &[String],
        server: &str,
    ) {
        let denials = batch.iter().map(|message| self.denial(message, denied, server));
        let mut denials: Vec<Option<Error>> = denials.collect();
        if denials.iter().flatten().count() != denied.len() {
            denials.fill(denied.first().map(|subject| may_not_publish(server, subject)));
        }
        for (result, denial) in results.iter_mut().zip(denials) {
            if let (Ok(_), Some(error)) = (&result, denial) {
                *result = Err(error);
            }
        }
    }
}

fn may_not_publish(server: &str, subject: &str) -> Error {
    let help = "check what the user of the connection may publish";
    Error::new(
        ErrorKind::Unauthorized,
        format!("{server} refuses the subject `{subject}` ({help})"),
    )
}

/// A message over the server's limit would end the connection.
pub(super) fn fits(wire: &Wire<'_>, most: usize) -> Result<(), Error> {
    let size = wire.headers.len() + wire.payload.len();
    if most == 0 || size <= most {
        return Ok(());
    }
    Err(Error::rejected(format!("a message of {size} bytes is over the server's {most}")))
}

fn rendered(template: &Template, message: &Message) -> Result<Text, Error> {
    let subject = template.render_name(message)?;
    check(&subject).map_err(|what| Error::rejected(format!("the rendered subject {what}")))?;
    Ok(subject)
}

fn entry(bucket: &str, key: Option<&Template>, message: &Message) -> Result<Text, Error> {
    let key = match (key, &message.key) {
        (Some(template), _) => template.render(message)?,
        (None, Some(key)) => Text::from_utf8(key.clone())
            .map_err(|_| Error::rejected("the key is not text, which a bucket needs"))?,
        (None, None) => return Err(Error::rejected("the message has no key for the bucket")),
    };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=./".contains(&byte);
    let dots = key.starts_with('.') || key.ends_with('.') || key.contains("..");
    if key.is_empty() || dots || !key.bytes().all(is_letter) {
        return Err(Error::rejected("the key has characters that no key of a bucket may have"));
    }
    let subject = format!("$KV.{bucket}.{}", key.as_str());
    if subject.len() > LONGEST {
        return Err(Error::rejected("the key is longer than 4000 bytes"));
    }
    Ok(Text::from(subject))
}

/// What no subject may be that somebody publishes to. The server's own subjects are refused too: a message must not act
/// as an acknowledgement or a request of its administration.
fn check(subject: &str) -> Result<(), &'static str> {
    if subject.len() > LONGEST {
        return Err("is longer than 4000 bytes");
    }
    hybridge_schemas::template::check_name(subject)?;
    if subject.starts_with('.') || subject.ends_with('.') {
        return Err("begins or ends with a dot");
    }
    if subject.starts_with('$') || subject.starts_with("_INBOX.") {
        return Err("belongs to the server");
    }
    Ok(())
}

/// Whether a pattern of subjects holds for a subject.
fn matches(subject: &str, pattern: &str) -> bool {
    let mut tokens = subject.split('.');
    for part in pattern.split('.') {
        match (part, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(token)) if part == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f037_no_message_acts_on_the_server() {
        for subject in
            ["$JS.ACK.a.b.1.1.1.1.1", "$SYS.x", "_INBOX.a", ".a", "a.", "a..b", "a b", "a.*", ""]
        {
            assert!(check(subject).is_err(), "{subject}");
        }
        assert!(check("orders.eu").is_ok() && check(&"a".repeat(LONGEST)).is_ok());
        assert!(check(&"a".repeat(LONGEST + 1)).is_err());
        assert!(matches("a.b", "a.*") && matches("a.b.c", "a.>") && matches("a", "a"));
        assert!(!matches("a", "a.>") && !matches("a.b", "a") && !matches("a", "a.b"));
    }

    #[test]
    fn what_the_server_refuses_is_found_by_its_subject() {
        let config = json!({ "connection": "c", "subject": "out.{{ key }}" });
        let config: SinkConfig = serde_json::from_value(config).unwrap();
        let publisher = Publisher::new(&config, "r", "to").unwrap();
        let keyed = |key: &'static str| Message { key: Some(key.into()), ..Message::default() };
        let batch = [keyed("a"), keyed("b"), keyed("a b"), keyed("a")];
        let refused = |denied: &[&str]| {
            let denied: Vec<String> = denied.iter().map(|&denied| denied.to_owned()).collect();
            let sent = || Ok(Receipt::Written(None));
            let mut results = vec![sent(), sent(), Err(Error::rejected("a space")), sent()];
            publisher.deny(&batch, &mut results, &denied, "here:1");
            results.iter().map(|result| result.clone().err().map(|error| error.kind())).collect()
        };
        use ErrorKind::{Rejected, Unauthorized};
        let (no, bad) = (Some(Unauthorized), Some(Rejected));
        let results: Vec<_> = refused(&["out.a", "out.a"]);
        assert_eq!(results, [no, None, bad, no]);
        // One of another name, or fewer than there should be: it may have been any.
        let results: Vec<_> = refused(&["out.\\u0007"]);
        assert_eq!(results, [no, no, bad, no]);
        let results: Vec<_> = refused(&["out.a"]);
        assert_eq!(results, [no, no, bad, no]);
    }
}
