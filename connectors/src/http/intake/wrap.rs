//! Events made from plain bodies.

use hybridge_config::connector::http::WrapConfig;
use hybridge_core::{Error, ErrorKind, Message, Text, Value};
use hybridge_schemas::cloudevents::{Mode, SPECVERSION, attribute};
use hybridge_schemas::template::Template;
use hyper::HeaderMap;

/// The rule by which a plain body becomes the data of an event.
pub(super) struct Wrap {
    /// Names of attributes and their values, in the order in which they are set.
    attributes: Vec<(Text, Template)>,
}

impl Wrap {
    pub(super) fn new(config: &WrapConfig) -> Result<Self, Error> {
        let mut attributes = vec![
            (attribute::name("source"), Template::compile(&config.source)),
            (attribute::name("type"), Template::compile(&config.event_type)),
        ];
        if let Some(subject) = &config.subject {
            attributes.push((attribute::name("subject"), Template::compile(subject)));
        }
        for (name, value) in &config.extensions {
            if !attribute::is_name(name) {
                let context = format!("{name:?} is not the name of a CloudEvents attribute");
                return Err(Error::new(ErrorKind::Fatal, context));
            }
            attributes.push((attribute::name(name), Template::compile(value)));
        }
        Ok(Self { attributes })
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.attributes.iter().map(|(_, template)| template)
    }

    /// The event. An optional attribute that comes out empty is left out. The id is the request's `Idempotency-Key`, so that a repeated request is the same
    /// event.
    pub(super) fn apply(&self, headers: &HeaderMap, plain: Message) -> Result<Message, Error> {
        let id = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        let id = id.map(|id| id.trim().trim_matches('"')).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| uuid::Uuid::now_v7().to_string().into(), Text::from);
        let mut event = plain.clone();
        set(&mut event, "specversion", Text::from_static(SPECVERSION))?;
        set(&mut event, "id", id)?;
        for (name, template) in &self.attributes {
            let text = template.render(&plain)?;
            let is_required = *name == "source" || *name == "type";
            if is_required || !text.is_empty() {
                set(&mut event, name, text)?;
            }
        }
        let content_type = plain.headers.get_ignore_case("content-type");
        if let Some(content_type) = content_type.and_then(|v| Text::from_utf8(v).ok()) {
            set(&mut event, "datacontenttype", content_type)?;
            event.headers.remove("content-type");
        }
        event.payload = event.payload.filter(|payload| !payload.is_empty());
        Ok(event)
    }
}

fn set(event: &mut Message, name: &str, text: Text) -> Result<(), Error> {
    let value: Value = attribute::typed(name, text);
    attribute::check(name, &value, Mode::Lenient).map_err(|error| {
        Error::with_source(ErrorKind::Rejected, "cannot be wrapped as an event", error)
    })?;
    event.attributes.set(attribute::name(name), value);
    Ok(())
}
