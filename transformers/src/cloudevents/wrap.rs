//! A plain message as the data of a new event.

use hybridge_config::transform::cloudevents::CloudeventsConfig;
use hybridge_core::{Attributes, Error, Message, StableId, Text, Value};
use hybridge_schemas::cloudevents::structured::content_type;
use hybridge_schemas::cloudevents::{Mode, SPECVERSION, attribute};
use hybridge_schemas::{json, rfc3339, template::Template, uri};

use crate::headers;

/// The attributes of the new event.
pub(super) struct Wrap {
    id: Option<Template>,
    source: Option<Template>,
    event_type: Option<Template>,
    subject: Option<Template>,
    content_type: Option<Text>,
    extensions: Vec<(Text, Template)>,
    mode: Mode,
}

const DEFAULT_TYPE: Text = Text::from_static("io.hybridge.message");

impl Wrap {
    pub(super) fn new(config: &CloudeventsConfig, mode: Mode) -> Self {
        let compiled = |template: &Option<_>| template.as_ref().map(Template::compile);
        let extension = |(name, template): (&String, _)| {
            (Text::from(name.as_str()), Template::compile(template))
        };
        Self {
            id: compiled(&config.id),
            source: compiled(&config.source),
            event_type: compiled(&config.event_type),
            subject: compiled(&config.subject),
            content_type: config.content_type.as_deref().map(Text::from),
            extensions: config.extensions.iter().map(extension).collect(),
            mode,
        }
    }

    pub(super) fn apply(&self, mut message: Message) -> Result<Message, Error> {
        let attributes = self.attributes(&message)?;
        attribute::check_all(&attributes, self.mode)
            .map_err(|error| Error::rejected(format!("cannot be wrapped: {error}")))?;
        message.attributes = attributes;
        headers::remove(&mut message.headers, "content-type");
        Ok(message)
    }

    fn attributes(&self, message: &Message) -> Result<Attributes, Error> {
        let rendered = |template: &Option<Template>, default: &dyn Fn() -> Text| match template {
            Some(template) => template.render(message),
            None => Ok(default()),
        };
        let id = rendered(&self.id, &|| StableId::new("", "", message).to_string().into())?;
        let source = rendered(&self.source, &|| source_of(message))?;
        let event_type = rendered(&self.event_type, &|| DEFAULT_TYPE)?;
        let mut attributes = vec![
            entry("specversion", Text::from_static(SPECVERSION)),
            entry("id", id),
            entry("source", source),
            entry("type", event_type),
        ];
        if let Some(subject) = &self.subject {
            attributes.push(entry("subject", subject.render(message)?));
        }
        if let Some(time) = message.time.and_then(rfc3339::format) {
            attributes.push(entry("time", Text::from(time)));
        }
        if let Some(content_type) = self.content_type_of(message) {
            attributes.push(entry("datacontenttype", content_type));
        }
        for (name, template) in &self.extensions {
            attributes.push((name.clone(), Value::String(template.render(message)?)));
        }
        Ok(attributes.into_iter().collect())
    }

    fn content_type_of(&self, message: &Message) -> Option<Text> {
        if let Some(content_type) = &self.content_type {
            return Some(content_type.clone());
        }
        if let Some(content_type) = content_type(message) {
            return Some(content_type);
        }
        let payload = message.payload.as_ref()?;
        Some(Text::from_static(match json::is_valid(payload) {
            true => "application/json",
            false => "application/octet-stream",
        }))
    }
}

fn entry(name: &'static str, text: Text) -> (Text, Value) {
    (Text::from_static(name), attribute::typed(name, text))
}

/// Where a message came from as a URI reference: `/connector/cluster/topic`, without the empty parts.
fn source_of(message: &Message) -> Text {
    let place = &message.origin.place;
    let mut source = String::new();
    for part in [&place.connector, &place.cluster, &place.topic] {
        let part = part.trim_matches('/');
        if !part.is_empty() {
            source.push('/');
            source.push_str(&uri::encode_path(part));
        }
    }
    if source.is_empty() { Text::from_static("/") } else { Text::from(source) }
}
