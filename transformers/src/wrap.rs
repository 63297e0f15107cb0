//! `wrap` and `unwrap`: the data in an envelope, and out of it.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use hybridge_config::transform::map::Value as ConfigValue;
use hybridge_config::transform::wrap::{UnwrapConfig, Unwrapped, WrapConfig, Wrapped};
use hybridge_core::{Applied, Error, Message, Text, Transformer};
use hybridge_schemas::json;
use hybridge_schemas::template::{Field, Found, Template};

use crate::content_type;
use crate::map::Content;

/// The step `wrap`.
pub(crate) struct Wrap {
    member: String,
    encoding: Wrapped,
    beside: Vec<(String, Beside)>,
}

enum Beside {
    Template(Template),
    /// JSON.
    Fixed(String),
}

impl Wrap {
    pub(crate) fn new(config: &WrapConfig) -> Self {
        let beside = |value: &ConfigValue| match value {
            ConfigValue::Template(template) => Beside::Template(Template::compile(template)),
            ConfigValue::Boolean(value) => Beside::Fixed(value.to_string()),
            ConfigValue::Number(number) => Beside::Fixed(number.to_string()),
        };
        Self {
            member: config.member.clone(),
            encoding: config.encoding,
            beside: config
                .beside
                .iter()
                .map(|(name, value)| (name.clone(), beside(value)))
                .collect(),
        }
    }

    fn wrapped(&self, mut message: Message) -> Result<Message, Error> {
        let mut envelope = vec![b'{'];
        for (name, value) in &self.beside {
            json::write_string(&mut envelope, name);
            envelope.push(b':');
            match value {
                Beside::Fixed(value) => envelope.extend_from_slice(value.as_bytes()),
                Beside::Template(template) => {
                    let content = Content::of(template, &message)?;
                    let refused = |what| Error::rejected(format!("{name}: {what}"));
                    envelope.extend_from_slice(&content.to_json().map_err(refused)?);
                }
            }
            envelope.push(b',');
        }
        json::write_string(&mut envelope, &self.member);
        envelope.push(b':');
        self.write(&mut envelope, message.payload.as_deref())?;
        envelope.push(b'}');
        message.payload = Some(envelope.into());
        content_type::set(&mut message, &Text::from_static("application/json"));
        Ok(message)
    }

    fn write(&self, envelope: &mut Vec<u8>, payload: Option<&[u8]>) -> Result<(), Error> {
        let Some(payload) = payload else {
            envelope.extend_from_slice(b"null");
            return Ok(());
        };
        match self.encoding {
            Wrapped::Base64 => json::write_string(envelope, &STANDARD.encode(payload)),
            Wrapped::Json if json::is_valid(payload) => {
                envelope.extend_from_slice(payload.trim_ascii());
            }
            Wrapped::Json | Wrapped::Text => {
                let text = std::str::from_utf8(payload);
                let text = text.map_err(|_| Error::rejected("the data is not text"))?;
                json::write_string(envelope, text);
            }
        }
        Ok(())
    }
}

/// The step `unwrap`.
pub(crate) struct Unwrap {
    from: Field,
    encoding: Unwrapped,
    content_type: Option<Text>,
}

impl Unwrap {
    pub(crate) fn new(config: &UnwrapConfig) -> Self {
        Self {
            from: Field::compile(&config.from),
            encoding: config.encoding,
            content_type: config.content_type.as_deref().map(Text::from),
        }
    }

    fn unwrapped(&self, mut message: Message) -> Result<Message, Error> {
        let data = self.data(&message)?;
        let content_type = match (&self.content_type, self.encoding) {
            (Some(content_type), _) => content_type.clone(),
            (None, _) if json::is_valid(&data) => Text::from_static("application/json"),
            (None, Unwrapped::Base64) => Text::from_static("application/octet-stream"),
            (None, _) => Text::from_static("text/plain"),
        };
        message.payload = Some(data);
        content_type::set(&mut message, &content_type);
        Ok(message)
    }

    fn data(&self, message: &Message) -> Result<Bytes, Error> {
        let refused = |what: &str| Error::rejected(format!("{}: {what}", self.from.reference()));
        let value = match self.from.find(message) {
            Some(Found::Json(value, payload)) => payload.slice_ref(value),
            Some(Found::Bytes(payload)) if json::is_valid(&payload) => {
                payload.slice_ref(payload.trim_ascii())
            }
            Some(_) => return Err(refused("the data is not JSON")),
            None => return Err(self.from.missing()),
        };
        let is_string = value.first() == Some(&b'"');
        if self.encoding == Unwrapped::Json || (self.encoding == Unwrapped::Text && !is_string) {
            return Ok(value);
        }
        if !is_string {
            return Err(refused("is no string"));
        }
        let text = json::unescape(&value).map_err(|_| refused("is not text"))?;
        if self.encoding == Unwrapped::Text {
            return Ok(Bytes::copy_from_slice(text.as_bytes()));
        }
        let decoded =
            STANDARD.decode(text.as_bytes()).or_else(|_| URL_SAFE.decode(text.as_bytes()));
        decoded.map(Bytes::from).map_err(|_| refused("is not base64"))
    }
}

#[async_trait(?Send)]
impl Transformer for Wrap {
    fn name(&self) -> &'static str {
        "wrap"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let wrapped = batch.into_iter().map(|message| self.wrapped(message));
        wrapped.map(|result| result.map_or_else(Applied::Failed, Applied::One)).collect()
    }
}

#[async_trait(?Send)]
impl Transformer for Unwrap {
    fn name(&self) -> &'static str {
        "unwrap"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let unwrapped = batch.into_iter().map(|message| self.unwrapped(message));
        unwrapped.map(|result| result.map_or_else(Applied::Failed, Applied::One)).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use hybridge_core::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::step;

    fn applied(config: &str, message: Message) -> Result<Message, String> {
        match step(config).apply(vec![message]).now_or_never().unwrap().remove(0) {
            Applied::One(message) => Ok(message),
            Applied::Failed(error) => Err(error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn message(data: &[u8]) -> Message {
        Message { payload: Some(Bytes::copy_from_slice(data)), ..Message::default() }
    }

    fn text(message: &Message) -> &str {
        std::str::from_utf8(message.payload.as_deref().unwrap()).unwrap()
    }

    #[test]
    fn data_goes_into_an_envelope() {
        let mut event = message(b" {\"n\": 1.0}\n");
        event.attributes.set("type".into(), Value::from("a"));
        let beside = "beside: { kind: \"{{ event.type }}\", n: \"{{ event.data.n }}\", v: 2 }";
        let wrapped = applied(&format!("wrap: {{ member: body, {beside} }}"), event).unwrap();
        assert_eq!(text(&wrapped), r#"{"kind":"a","n":1.0,"v":2,"body":{"n": 1.0}}"#);
        assert_eq!(wrapped.attributes.text("datacontenttype"), Some("application/json"));
        for (encoding, data, expected) in [
            ("json", &b"plain"[..], r#"{"b":"plain"}"#),
            ("text", b"{}", r#"{"b":"{}"}"#),
            ("base64", b"\xff", r#"{"b":"/w=="}"#),
        ] {
            let config = format!("wrap: {{ member: b, encoding: {encoding} }}");
            assert_eq!(text(&applied(&config, message(data)).unwrap()), expected);
        }
        assert!(applied("wrap: { member: b }", message(b"\xff")).unwrap_err().contains("not text"));
    }

    #[test]
    fn data_comes_out_of_an_envelope() {
        let envelope = br#"{"Message":"{\"a\":1}","data":"/+8=","n":1.50,"s":"x"}"#;
        for (config, expected, content_type) in [
            ("from: event.data.Message", &b"{\"a\":1}"[..], "application/json"),
            ("from: event.data.data, encoding: base64", b"\xff\xef", "application/octet-stream"),
            ("from: event.data.n", b"1.50", "application/json"),
            ("from: event.data.s", b"x", "text/plain"),
            ("from: event.data.s, encoding: json", b"\"x\"", "application/json"),
            ("from: event.data.s, content_type: text/x", b"x", "text/x"),
        ] {
            let unwrapped = applied(&format!("unwrap: {{ {config} }}"), message(envelope)).unwrap();
            assert_eq!(unwrapped.payload.as_deref(), Some(expected), "{config}");
            let header = unwrapped.headers.get("content-type").unwrap();
            assert_eq!(header, content_type.as_bytes(), "{config}");
        }
        for (config, reason) in [
            ("from: event.data.gone", "no event.data.gone"),
            ("from: event.data.n, encoding: base64", "is no string"),
            ("from: event.data.s, encoding: base64", "is not base64"),
        ] {
            let error = applied(&format!("unwrap: {{ {config} }}"), message(envelope)).unwrap_err();
            assert!(error.contains(reason), "{config}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_wrapped_comes_out_again(data in prop::collection::vec(any::<u8>(), 0..40)) {
            let wrapped = applied("wrap: { member: b, encoding: base64 }", message(&data)).unwrap();
            let config = "unwrap: { from: event.data.b, encoding: base64 }";
            let unwrapped = applied(config, wrapped).unwrap();
            prop_assert_eq!(unwrapped.payload.as_deref(), Some(&data[..]));
        }
    }
}
