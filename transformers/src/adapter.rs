//! `adapter`: the events of a product that does not speak CloudEvents.
//!
//! Each product has a file: GitHub and GitLab are tables (`*.tsv`) that [`rules`] compiles, the
//! others are short enough to be said in code. Source of the rules: `cloudevents/adapters/*.md` of
//! <https://github.com/cloudevents/spec>.

mod couchdb;
mod github;
mod gitlab;
mod rules;
mod s3;
mod sns;

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::transform::adapter::AdapterConfig;
use hybridge_core::{Applied, Attributes, Error, Message, Text, Transformer};
use hybridge_schemas::cloudevents::{Mode, SPECVERSION, attribute};
use hybridge_schemas::rfc3339;

use crate::headers;

/// The step: one product and its rules.
pub(crate) struct Step(Box<dyn Adapter>);

/// The rules of one product.
trait Adapter {
    /// The events that a message stands for.
    fn events(&self, message: &Message, payload: &Bytes) -> Result<Applied, Error>;
}

impl Step {
    pub(crate) fn new(config: &AdapterConfig) -> Self {
        Self(match config {
            AdapterConfig::Github(_) => Box::new(github::Github::new()),
            AdapterConfig::Gitlab(_) => Box::new(gitlab::Gitlab::new()),
            AdapterConfig::Couchdb(config) => Box::new(couchdb::Couchdb::new(config)),
            AdapterConfig::AwsS3(_) => Box::new(s3::S3::new()),
            AdapterConfig::AwsSns(_) => Box::new(sns::Sns),
        })
    }

    fn adapted(&self, message: Message) -> Applied {
        if message.is_event() {
            return Applied::One(message);
        }
        let Some(payload) = message.payload.clone() else {
            return Applied::Failed(Error::rejected("the message has no payload"));
        };
        self.0.events(&message, &payload).unwrap_or_else(Applied::Failed)
    }
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "adapter"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        batch.into_iter().map(|message| self.adapted(message)).collect()
    }
}

/// What the attributes of a new event are made of.
struct Draft {
    id: String,
    source: String,
    event_type: String,
    subject: Option<String>,
    time: Option<String>,
    content_type: Option<Text>,
}

impl Draft {
    /// The event with `payload`, and with the headers of the message but its content type.
    fn into_event(self, message: &Message, payload: Option<Bytes>) -> Result<Message, Error> {
        let texts = [
            ("specversion", Some(Text::from_static(SPECVERSION))),
            ("id", Some(self.id.into())),
            ("source", Some(self.source.into())),
            ("type", Some(self.event_type.into())),
            ("subject", self.subject.filter(|text| !text.is_empty()).map(Text::from)),
            ("time", self.time.map(Text::from)),
            ("datacontenttype", self.content_type),
        ];
        let typed = |(name, text): (&'static str, Option<Text>)| {
            Some((Text::from_static(name), attribute::typed(name, text?)))
        };
        let attributes: Attributes = texts.into_iter().filter_map(typed).collect();
        attribute::check_all(&attributes, Mode::Lenient)
            .map_err(|error| Error::rejected(format!("no event comes of it: {error}")))?;
        let time = attributes.text("time").and_then(rfc3339::millis);
        let mut headers = message.headers.clone();
        headers::remove(&mut headers, "content-type");
        Ok(Message { attributes, payload, headers, time: message.time.or(time), ..message.clone() })
    }
}

const JSON: Text = Text::from_static("application/json");

/// Now, or when the message was produced, where its source knows.
fn current_time(message: &Message) -> Option<String> {
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    };
    message.time.or_else(now).and_then(rfc3339::format)
}

fn header(message: &Message, name: &str) -> Result<String, Error> {
    let value = message.headers.get_ignore_case(name).unwrap_or_default();
    match std::str::from_utf8(value.trim_ascii()) {
        Ok(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Error::rejected(format!("the header {name} is missing"))),
    }
}

#[cfg(test)]
mod tests;
