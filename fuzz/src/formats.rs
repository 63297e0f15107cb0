//! The formats of CloudEvents.

use bytes::Bytes;
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::{Mode, json, protobuf};
use hybridge_schemas::json::is_valid;

use crate::event::{assert_same, through_formats};

/// The JSON format. What is accepted is written so that it is read as the same; one event and a batch of one are judged
/// alike; what is accepted strictly is accepted leniently, as the same.
pub fn event_json(input: &[u8]) {
    let text = Bytes::copy_from_slice(input);
    one(Format::Json, &text);
    many(Format::Json, &text);
    let batch = Bytes::from([b"[", input, b"]"].concat());
    if let Ok(event) = json::decode(&text, Mode::Lenient) {
        let batch = json::decode_batch(&batch, Mode::Lenient).expect("a batch of one event");
        assert_eq!(batch.len(), 1);
        let other = batch[0].as_ref().expect("an event that was accepted alone");
        assert_same("batch of one", other, &event);
    }
    let is_text = std::str::from_utf8(input).is_ok();
    assert!(!json::has_required(input) || !is_text || is_valid(input), "an event that is no JSON");
}

/// The Avro format, in the same way.
pub fn event_avro(input: &[u8]) {
    one(Format::Avro, &Bytes::copy_from_slice(input));
}

/// The Protobuf format and its batches, in the same way.
pub fn event_protobuf(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    one(Format::Protobuf, &bytes);
    many(Format::Protobuf, &bytes);
}

fn one(format: Format, bytes: &Bytes) {
    let lenient = format.decode(bytes, Mode::Lenient);
    let strict = format.decode(bytes, Mode::Strict);
    let Ok(event) = lenient else {
        assert!(strict.is_err(), "accepted by the strict mode only");
        return;
    };
    through_formats(&event);
    let Ok(strict) = strict else { return };
    assert_eq!(strict.attributes, event.attributes, "the modes differ");
    assert_eq!(strict.payload, event.payload, "the modes differ");
    let written = format.encode(&strict).expect("an event can be written");
    let again = format.decode(&written.into(), Mode::Strict).expect("sound as it was");
    assert_same("strict", &again, &strict);
}

fn many(format: Format, bytes: &Bytes) {
    let strict = format.decode_batch(bytes, Mode::Strict);
    let Ok(batch) = format.decode_batch(bytes, Mode::Lenient) else { return };
    for (strict, lenient) in strict.iter().flatten().zip(&batch) {
        assert!(strict.is_err() || lenient.is_ok(), "accepted by the strict mode only");
    }
    let events: Vec<_> = batch.into_iter().flatten().collect();
    let written = match format {
        Format::Json => json::encode_batch(&events),
        _ => protobuf::encode_batch(&events),
    };
    let written = written.expect("events can be written").into();
    let again = format.decode_batch(&written, Mode::Lenient).expect("a batch as it was");
    assert_eq!(again.len(), events.len());
    for (again, event) in again.iter().zip(&events) {
        assert_same("batch", again.as_ref().expect("an event as it was"), event);
    }
}
