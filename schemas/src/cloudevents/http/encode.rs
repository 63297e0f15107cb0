//! From messages to headers and a body.

use bytes::Bytes;
use hybridge_core::{Message, Text, Value};

use super::super::format::Format;
use super::super::structured::has_events_as_data;
use super::super::{NotAnEvent, attribute, json};
use super::{BATCH, STRUCTURED, value};

/// Headers to be sent: names in lower case, values of printable ASCII.
pub type Headers = Vec<(Text, Bytes)>;

/// Writes an event in binary mode: its attributes as headers, its data as the body.
///
/// The headers of the message are not among them: what is forwarded is the sink's to decide. There
/// is no `content-type` where the event has no `datacontenttype`. A message that is no event has no
/// attributes to write, so only its body comes out. An event whose data are events is written in
/// structured mode, in the JSON format: in binary mode it would be taken for them.
pub fn encode_binary(message: &Message) -> (Headers, Option<Bytes>) {
    if has_events_as_data(message)
        && let Ok((headers, body)) = encode_structured(message, Format::Json)
    {
        return (headers, Some(body));
    }
    let mut headers = Vec::with_capacity(message.attributes.len());
    for (name, value) in message.attributes.iter() {
        if name == "datacontenttype" {
            headers.push((Text::from_static("content-type"), content_type(&value)));
            continue;
        }
        headers.push((header_name(&name), header_value(&value)));
    }
    (headers, message.payload.clone())
}

/// Writes an event in structured mode: one header, and the event in this format as the body.
pub fn encode_structured(
    message: &Message,
    format: Format,
) -> Result<(Headers, Bytes), NotAnEvent> {
    let content_type = match format {
        Format::Json => STRUCTURED,
        Format::Avro | Format::Protobuf => format.media_type(),
    };
    Ok((content_type_only(content_type), Bytes::from(format.encode(message)?)))
}

/// Writes events in batched mode, in the JSON format. The binding wants that only where it was asked for.
pub fn encode_batch<'a>(
    messages: impl IntoIterator<Item = &'a Message>,
) -> Result<(Headers, Bytes), NotAnEvent> {
    Ok((content_type_only(BATCH), Bytes::from(json::encode_batch(messages)?)))
}

fn content_type_only(media_type: &'static str) -> Headers {
    vec![(Text::from_static("content-type"), Bytes::from_static(media_type.as_bytes()))]
}

fn header_name(name: &Text) -> Text {
    const KNOWN: [(&str, &str); 7] = [
        ("specversion", "ce-specversion"),
        ("id", "ce-id"),
        ("source", "ce-source"),
        ("type", "ce-type"),
        ("dataschema", "ce-dataschema"),
        ("subject", "ce-subject"),
        ("time", "ce-time"),
    ];
    match KNOWN.iter().find(|(known, _)| *name == *known) {
        Some((_, header)) => Text::from_static(header),
        None => Text::from(format!("ce-{}", name.as_str())),
    }
}

fn header_value(value: &Value) -> Bytes {
    match value.as_text() {
        Some(text) => value::encode(text),
        None => Bytes::from(attribute::canonical(value).into_owned()),
    }
}

/// A media type is not percent-encoded; what no header may contain becomes a question mark.
fn content_type(value: &Value) -> Bytes {
    let is_printable = |byte: u8| (0x20..0x7f).contains(&byte);
    let Some(text) = value.as_text() else { return header_value(value) };
    if text.bytes().all(is_printable) {
        return text.as_bytes().clone();
    }
    text.bytes().map(|byte| if is_printable(byte) { byte } else { b'?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::Mode;
    use super::super::{Decoded, decode_with};
    use super::*;

    #[test]
    fn data_that_are_an_event_do_not_stand_for_the_event_around_them() {
        let text = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/cloudevents+json","data":{"specversion":"1.0","id":"2","source":"/s","type":"t"}}"#;
        let event = json::decode(&Bytes::from(text), Mode::Strict).unwrap();
        let (headers, body) = encode_binary(&event);
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), &**value));
        let decoded = decode_with(Mode::Strict, Some(&headers[0].1), pairs, body.unwrap());
        let Ok(Decoded::Event(again)) = decoded else { panic!("{decoded:?}") };
        assert_eq!((again.attributes, again.payload), (event.attributes, event.payload));
    }
}
