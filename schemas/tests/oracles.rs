//! The Avro and Protobuf formats against libraries that know nothing of events.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use bytes::Bytes;
use hybridge_core::{Message, Value};
use hybridge_schemas::cloudevents::{Mode, attribute, avro, protobuf};
use proptest::prelude::*;
use prost::Message as _;

#[path = "shared/event.rs"]
mod generated;

/// `cloudevents.avsc`, without its documentation.
const SCHEMA: &str = r#"{ "namespace": "io.cloudevents", "type": "record", "name": "AvroCloudEvent", "fields": [
  { "name": "attribute", "type": { "type": "map", "values": ["null", "boolean", "int", "string", "bytes"] } },
  { "name": "data", "type": ["bytes", "null", "boolean",
    { "type": "map", "values": ["null", "boolean",
      { "type": "record", "name": "AvroCloudEventData", "fields": [{ "name": "value", "type": { "type": "map", "values": [
        "null", "boolean", { "type": "map", "values": "AvroCloudEventData" },
        { "type": "array", "items": "AvroCloudEventData" }, "double", "string"] } }] },
      "double", "string"] },
    { "type": "array", "items": "AvroCloudEventData" }, "double", "string"] } ] }"#;

fn union(branch: u32, value: Avro) -> Avro {
    Avro::Union(branch, Box::new(value))
}

fn map<const N: usize>(entries: [(&str, Avro); N]) -> Avro {
    Avro::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The datum of an event with this data, as the library writes it.
fn datum(schema: &Schema, content_type: Option<&str>, data: Avro) -> Bytes {
    let text = |text: &str| union(3, Avro::String(text.to_owned()));
    let mut attributes: HashMap<String, Avro> = HashMap::new();
    for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")] {
        attributes.insert(name.to_owned(), text(value));
    }
    attributes.insert("subject".to_owned(), union(0, Avro::Null));
    if let Some(content_type) = content_type {
        attributes.insert("datacontenttype".to_owned(), text(content_type));
    }
    let record = Avro::Record(vec![
        ("attribute".to_owned(), Avro::Map(attributes)),
        ("data".to_owned(), data),
    ]);
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    writer.write_value_to_vec(record).unwrap().into()
}

#[test]
fn every_kind_of_avro_data_is_read() {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let record = |value: Avro| Avro::Record(vec![("value".to_owned(), value)]);
    let inner = || record(map([("b", union(4, Avro::Double(-2.5)))]));
    let nested = record(map([("list", union(3, Avro::Array(vec![inner(), inner()])))]));
    let map_of_records = record(map([("m", union(2, map([("x", inner())])))]));
    let cases = [
        (None, union(0, Avro::Bytes(vec![0, 255])), Some(&b"\x00\xff"[..]), None),
        (None, union(1, Avro::Null), None, None),
        (None, union(2, Avro::Boolean(true)), Some(b"true"), Some("application/json")),
        (Some("a/b+json"), union(5, Avro::Double(1e300)), Some(b"1e+300"), Some("a/b+json")),
        (
            Some("text/plain"),
            union(6, Avro::String("hé\"".into())),
            Some("hé\"".as_bytes()),
            Some("text/plain"),
        ),
        (None, union(6, Avro::String("a\"".into())), Some(br#""a\"""#), Some("application/json")),
        (
            None,
            union(3, map([("n", union(0, Avro::Null))])),
            Some(br#"{"n":null}"#),
            Some("application/json"),
        ),
        (
            None,
            union(3, map([("r", union(2, nested))])),
            Some(br#"{"r":{"list":[{"b":-2.5},{"b":-2.5}]}}"#),
            Some("application/json"),
        ),
        (
            None,
            union(4, Avro::Array(vec![map_of_records])),
            Some(br#"[{"m":{"x":{"b":-2.5}}}]"#),
            Some("application/json"),
        ),
    ];
    for (content_type, data, payload, expected) in cases {
        let shown = format!("{data:?}");
        let event = avro::decode(&datum(&schema, content_type, data), Mode::Strict).unwrap();
        assert_eq!(event.payload.as_deref(), payload, "{shown}");
        assert_eq!(event.attributes.text("datacontenttype"), expected, "{shown}");
        assert!(!event.attributes.contains("subject"), "null is an attribute that is not set");
    }
    for (content_type, data) in [
        (None, union(5, Avro::Double(f64::NAN))),
        (Some("text/plain"), union(5, Avro::Double(1.0))),
        (Some("text/plain"), union(2, Avro::Boolean(true))),
    ] {
        assert!(avro::decode(&datum(&schema, content_type, data), Mode::Lenient).is_err());
    }
}

#[test]
fn what_is_nested_too_deep_or_lies_about_its_size_is_refused_at_once() {
    // The attributes of an event, then an array of arrays: `value` of each record is a map with one array.
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let mut event = datum(&schema, None, union(1, Avro::Null)).to_vec();
    event.pop();
    let head = event.clone();
    event.push(8);
    for _ in 0..100_000 {
        event.extend_from_slice(&[2, 2, 0, 6]);
    }
    let error = avro::decode(&event.into(), Mode::Lenient).unwrap_err().to_string();
    assert!(error.contains("deep"), "{error}");
    for lie in
        [&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..], &[1, 0xff, 0xff, 0x7f]]
    {
        for branch in [0, 8, 12] {
            let event = [&head[..], &[branch], lie].concat();
            assert!(avro::decode(&event.into(), Mode::Lenient).is_err());
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct CloudEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    source: String,
    #[prost(string, tag = "3")]
    spec_version: String,
    #[prost(string, tag = "4")]
    kind: String,
    #[prost(map = "string, message", tag = "5")]
    attributes: HashMap<String, AttributeValue>,
    #[prost(oneof = "Data", tags = "6, 7, 8")]
    data: Option<Data>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Data {
    #[prost(bytes = "vec", tag = "6")]
    Binary(Vec<u8>),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(message, tag = "8")]
    Proto(Any),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AttributeValue {
    #[prost(oneof = "Attribute", tags = "1, 2, 3, 4, 5, 6, 7")]
    attr: Option<Attribute>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Attribute {
    #[prost(bool, tag = "1")]
    Boolean(bool),
    #[prost(int32, tag = "2")]
    Integer(i32),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bytes = "vec", tag = "4")]
    Bytes(Vec<u8>),
    #[prost(string, tag = "5")]
    Uri(String),
    #[prost(string, tag = "6")]
    UriRef(String),
    #[prost(message, tag = "7")]
    Timestamp(Timestamp),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// What the schema says that an attribute is.
fn as_attribute(value: &Value) -> Attribute {
    match value {
        Value::Boolean(on) => Attribute::Boolean(*on),
        Value::Integer(number) => Attribute::Integer(*number),
        Value::Binary(bytes) => Attribute::Bytes(bytes.to_vec()),
        Value::Uri(text) => Attribute::Uri(text.to_string()),
        Value::UriRef(text) => Attribute::UriRef(text.to_string()),
        Value::String(text) | Value::Timestamp(text) => Attribute::String(text.to_string()),
    }
}

fn is_required(name: &str) -> bool {
    ["specversion", "id", "source", "type"].contains(&name)
}

proptest! {
    #[test]
    fn the_library_reads_what_is_written(event in generated::event()) {
        let schema = Schema::parse_str(SCHEMA).unwrap();
        let datum = avro::encode(&event).unwrap();
        let mut rest = datum.as_slice();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let Avro::Record(fields) = reader.read_value(&mut rest).unwrap() else {
            panic!("no record");
        };
        prop_assert!(rest.is_empty());
        let Avro::Map(attributes) = &fields[0].1 else { panic!("no map") };
        prop_assert_eq!(attributes.len(), event.attributes.len());
        for (name, value) in event.attributes.iter() {
            let expected = match value {
                Value::Boolean(on) => union(1, Avro::Boolean(on)),
                Value::Integer(number) => union(2, Avro::Int(number)),
                Value::Binary(bytes) => union(4, Avro::Bytes(bytes.to_vec())),
                text => union(3, Avro::String(attribute::canonical(&text).into_owned())),
            };
            prop_assert_eq!(&attributes[name.as_str()], &expected);
        }

        let message = CloudEvent::decode(protobuf::encode(&event).unwrap().as_slice()).unwrap();
        prop_assert_eq!(Some(message.id.as_str()), event.attributes.text("id"));
        prop_assert_eq!(Some(message.kind.as_str()), event.attributes.text("type"));
        prop_assert_eq!(message.attributes.len() + 4, event.attributes.len());
        for (name, value) in event.attributes.iter().filter(|(name, _)| !is_required(name)) {
            prop_assert_eq!(&message.attributes[name.as_str()].attr, &Some(as_attribute(&value)));
        }
        let data = message.data.map(|data| match data {
            Data::Binary(bytes) => bytes,
            Data::Text(text) => text.into_bytes(),
            Data::Proto(any) => any.value,
        });
        prop_assert_eq!(data.as_deref(), event.payload.as_deref());
    }

    /// Nanoseconds of a timestamp stay, in either direction.
    #[test]
    fn timestamps_agree(seconds in -62_135_596_800i64..253_402_300_800, nanos in 0i32..1_000_000_000) {
        let time = Attribute::Timestamp(Timestamp { seconds, nanos });
        let message = CloudEvent {
            id: "1".into(), source: "/s".into(), spec_version: "1.0".into(), kind: "t".into(),
            attributes: HashMap::from([("time".to_owned(), AttributeValue { attr: Some(time) })]),
            data: None,
        };
        let event = protobuf::decode(&message.encode_to_vec().into(), Mode::Strict).unwrap();
        let again = CloudEvent::decode(protobuf::encode(&event).unwrap().as_slice()).unwrap();
        prop_assert_eq!(again, message);
    }
}

#[test]
fn a_message_of_protobuf_as_data_stays_one() {
    let any = |type_url: &str| Any { type_url: type_url.into(), value: vec![10, 1, 120] };
    let string = |text: &str| AttributeValue { attr: Some(Attribute::String(text.into())) };
    let uri = |text: &str| AttributeValue { attr: Some(Attribute::Uri(text.into())) };
    for (attributes, schema) in [
        (vec![], None),
        (vec![("datacontenttype", string("application/protobuf"))], None),
        (
            vec![("dataschema", uri("https://example.com/schemas/7"))],
            Some("https://example.com/schemas/7"),
        ),
    ] {
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
        let message = CloudEvent {
            id: "1".into(),
            source: "/s".into(),
            spec_version: "1.0".into(),
            kind: "t".into(),
            attributes: attributes.collect(),
            data: Some(Data::Proto(any("type.googleapis.com/a.b.C"))),
        };
        let event = protobuf::decode(&message.encode_to_vec().into(), Mode::Strict).unwrap();
        assert_eq!(event.payload.as_deref(), Some(&[10, 1, 120][..]));
        assert_eq!(event.attributes.text("datacontenttype"), Some("application/protobuf"));
        assert_eq!(event.attributes.text("dataschema"), schema);
        let again = CloudEvent::decode(protobuf::encode(&event).unwrap().as_slice()).unwrap();
        assert_eq!(again.data, message.data);
    }
    let message = CloudEvent {
        id: "1".into(),
        source: "/s".into(),
        spec_version: "1.0".into(),
        kind: "t".into(),
        attributes: HashMap::from([("datacontenttype".to_owned(), string("text/plain"))]),
        data: Some(Data::Proto(any("type.googleapis.com/a.b.C"))),
    };
    assert!(protobuf::decode(&message.encode_to_vec().into(), Mode::Lenient).is_err());
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    let event = Message {
        attributes: [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")]
            .into_iter()
            .map(|(name, text)| (name.into(), attribute::typed(name, text.into())))
            .collect(),
        ..Message::default()
    };
    let sound = protobuf::encode(&event).unwrap();
    // Fields 100 of every kind: a number, eight bytes, bytes, a group with a number in it, four bytes.
    let unknown = [
        &[0xa0, 6, 7][..],
        &[0xa1, 6, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xa2, 6, 1, 0],
        &[0xa3, 6, 8, 1, 0xa4, 6],
        &[0xa5, 6, 0, 0, 0, 0],
    ]
    .concat();
    let decoded =
        protobuf::decode(&[unknown, sound.clone()].concat().into(), Mode::Strict).unwrap();
    assert_eq!(decoded.attributes, event_in_order(&decoded));
    let groups = [&[0xa3, 6].repeat(100_000)[..], &sound].concat();
    assert!(protobuf::decode(&groups.into(), Mode::Lenient).is_err());
    let wrong_kind = [&[0x08, 1][..], &sound].concat();
    assert!(protobuf::decode(&wrong_kind.into(), Mode::Lenient).is_err(), "an id that is a number");
}

fn event_in_order(decoded: &Message) -> hybridge_core::Attributes {
    let names = ["id", "source", "specversion", "type"];
    names.into_iter().map(|name| (name.into(), decoded.attributes.get(name).unwrap())).collect()
}
