//! `cloudevents`: whatever arrives becomes a CloudEvent.

mod wrap;

use async_trait::async_trait;
use hybridge_config::transform::cloudevents::{CloudeventsConfig, PlainMessages};
use hybridge_core::{Applied, Error, Message, Transformer};
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::{DecodeError, Mode, attribute, json, kafka};
use hybridge_schemas::media_type::MediaType;

use wrap::Wrap;

/// The step: decodes events that arrive as bytes and wraps what is none.
pub(crate) struct Step {
    /// What plain messages are wrapped in; `None` where they are refused.
    wrap: Option<Wrap>,
    mode: Mode,
}

impl Step {
    pub(crate) fn new(config: &CloudeventsConfig) -> Self {
        let mode = if config.strict { Mode::Strict } else { Mode::Lenient };
        let wrap = match config.plain {
            PlainMessages::Wrap => Some(Wrap::new(config, mode)),
            PlainMessages::Reject => None,
        };
        Self { wrap, mode }
    }

    fn normalise(&self, message: Message) -> Applied {
        if message.is_event() {
            return self.passed(message);
        }
        let decoded = match is_unmarked_event(&message) {
            true => structured::decode(&message, Content::Structured(Format::Json), self.mode),
            false => kafka::decode(&message, self.mode),
        };
        match decoded {
            Ok(Decoded::Event(event)) => Applied::One(event),
            Ok(Decoded::Batch(events)) => batch(events),
            Ok(Decoded::NotAnEvent) => match self.wrapped(message) {
                Ok(event) => Applied::One(event),
                Err(error) => Applied::Failed(error),
            },
            Err(error) => Applied::Failed(malformed(&error)),
        }
    }

    /// An event that its source decoded has been checked there, but not to the letter.
    fn passed(&self, event: Message) -> Applied {
        if self.mode == Mode::Lenient {
            return Applied::One(event);
        }
        match attribute::check_all(&event.attributes, self.mode) {
            Ok(()) => Applied::One(event),
            Err(error) => Applied::Failed(malformed(&error)),
        }
    }

    fn wrapped(&self, message: Message) -> Result<Message, Error> {
        match &self.wrap {
            Some(wrap) => wrap.apply(message),
            None => {
                Err(Error::rejected("the message is no CloudEvent and plain messages are refused"))
            }
        }
    }
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "cloudevents"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        batch.into_iter().map(|message| self.normalise(message)).collect()
    }
}

/// One malformed event makes the whole message malformed: it is one delivery with one dead letter.
fn batch(elements: Vec<Result<Message, DecodeError>>) -> Applied {
    let mut events = Vec::with_capacity(elements.len());
    for (index, element) in elements.into_iter().enumerate() {
        match element {
            Ok(event) => events.push(event),
            Err(error) => {
                let place = format!("element {index} of the batch");
                let reason = format!("malformed CloudEvent: {place}: {error}");
                return Applied::Failed(Error::rejected(reason));
            }
        }
    }
    Applied::Many(events)
}

/// Sources without headers (a file of lines) cannot say that a message is an event: there a JSON object that has all
/// required attributes is one.
fn is_unmarked_event(message: &Message) -> bool {
    let content_type = structured::content_type(message);
    let may_be_event = content_type.is_none_or(|text| {
        MediaType::parse(&text).is_some_and(|media_type| media_type.is("application", "json"))
    });
    may_be_event && !kafka::is_event(message) && looks_structured(message)
}

fn looks_structured(message: &Message) -> bool {
    let Some(payload) = &message.payload else { return false };
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    json::has_required(payload)
}

fn malformed(error: &DecodeError) -> Error {
    Error::rejected(format!("malformed CloudEvent: {error}"))
}

#[cfg(test)]
mod tests;
